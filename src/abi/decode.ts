/**
 * Turns numbers of the ABI into the text that strace prints: flags, modes, signal sets, wait statuses.
 *
 * A value whose bits are all known prints as names joined by `|`; bits without a name follow as one hex number;
 * nothing set prints as `0`. Quoting of strings and layout of whole calls belong to whoever prints the trace.
 */

import { major, minor } from './brand.js'
import {
  CLONE_CHILD_CLEARTID,
  CLONE_CHILD_SETTID,
  CLONE_DETACHED,
  CLONE_FILES,
  CLONE_FS,
  CLONE_NEWNS,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_PID,
  CLONE_PTRACE,
  CLONE_SETTLS,
  CLONE_SIGHAND,
  CLONE_STOPPED,
  CLONE_SYSVSEM,
  CLONE_THREAD,
  CLONE_UNTRACED,
  CLONE_VFORK,
  CLONE_VM,
  CSIGNAL,
} from './clone.js'
import * as fcntl from './fcntl.js'
import * as ioctl from './ioctl.js'
import * as mount from './mount.js'
import * as poll from './poll.js'
import * as sig from './signal.js'
import * as stat from './stat.js'
import * as wait from './wait.js'

/** Bits and their names, in the order of printing. */
export type FlagTable = ReadonlyArray<readonly [bits: number, name: string]>

const hex = (n: number): string => `0x${(n >>> 0).toString(16)}`

/** The names of the set bits joined by `|`, unknown bits in hex; `none` if nothing is set. */
export const flagsToString = (table: FlagTable, value: number, none = '0'): string => {
  let rest = value >>> 0
  const names: string[] = []
  for (const [bits, name] of table) {
    if (bits === 0 || (rest & bits) >>> 0 !== bits >>> 0) continue
    names.push(name)
    rest = (rest & ~bits) >>> 0
  }
  if (rest !== 0) names.push(hex(rest))
  return names.length === 0 ? none : names.join('|')
}

/** The name of a value that is one of a list; the number itself where it is none of them. */
export const enumToString = (table: FlagTable, value: number): string =>
  table.find(([known]) => known === value)?.[1] ?? String(value)

const ACCESS_MODES: readonly string[] = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE']

const OPEN_FLAGS: FlagTable = [
  [fcntl.O_CREAT, 'O_CREAT'],
  [fcntl.O_EXCL, 'O_EXCL'],
  [fcntl.O_NOCTTY, 'O_NOCTTY'],
  [fcntl.O_TRUNC, 'O_TRUNC'],
  [fcntl.O_APPEND, 'O_APPEND'],
  [fcntl.O_NONBLOCK, 'O_NONBLOCK'],
  [fcntl.O_SYNC, 'O_SYNC'],
  [fcntl.O_ASYNC, 'O_ASYNC'],
  [fcntl.O_DIRECT, 'O_DIRECT'],
  [fcntl.O_LARGEFILE, 'O_LARGEFILE'],
  [fcntl.O_DIRECTORY, 'O_DIRECTORY'],
  [fcntl.O_NOFOLLOW, 'O_NOFOLLOW'],
  [fcntl.O_NOATIME, 'O_NOATIME'],
  [fcntl.O_CLOEXEC, 'O_CLOEXEC'],
]

/** 'O_RDONLY|O_CREAT': the access mode is always there, since O_RDONLY is 0. */
export const openFlags = (flags: number): string => {
  const access = ACCESS_MODES[flags & fcntl.O_ACCMODE] ?? 'O_ACCMODE'
  const others = flagsToString(OPEN_FLAGS, flags & ~fcntl.O_ACCMODE, '')
  return others === '' ? access : `${access}|${others}`
}

const octal = (n: number): string => {
  const digits = n.toString(8)
  return (n === 0 ? digits : `0${digits}`).padStart(3, '0')
}

const FILE_TYPES: FlagTable = [
  [stat.S_IFREG, 'S_IFREG'],
  [stat.S_IFDIR, 'S_IFDIR'],
  [stat.S_IFLNK, 'S_IFLNK'],
  [stat.S_IFCHR, 'S_IFCHR'],
  [stat.S_IFBLK, 'S_IFBLK'],
  [stat.S_IFIFO, 'S_IFIFO'],
  [stat.S_IFSOCK, 'S_IFSOCK'],
]

const SPECIAL_BITS: FlagTable = [
  [stat.S_ISUID, 'S_ISUID'],
  [stat.S_ISGID, 'S_ISGID'],
  [stat.S_ISVTX, 'S_ISVTX'],
]

/** '0644' for permission bits alone, 'S_IFREG|S_ISUID|0755' where the type is known. */
export const modeToString = (mode: number): string => {
  const type = mode & stat.S_IFMT
  if (type === 0) return octal(mode)
  const name = FILE_TYPES.find(([known]) => known === type)?.[1] ?? octal(type)
  const special = flagsToString(SPECIAL_BITS, mode & ~stat.S_IFMT & ~0o777, '')
  return [name, special, octal(mode & 0o777)].filter((part) => part !== '').join('|')
}

/** The letters of ls: 'drwxr-xr-x', '-rwsr-xr-x'. */
export const modeToLetters = (mode: number): string => {
  const type: FlagTable = [
    [stat.S_IFDIR, 'd'],
    [stat.S_IFLNK, 'l'],
    [stat.S_IFCHR, 'c'],
    [stat.S_IFBLK, 'b'],
    [stat.S_IFIFO, 'p'],
    [stat.S_IFSOCK, 's'],
    [stat.S_IFREG, '-'],
  ]
  const execute = (bit: number, special: number, letter: string): string => {
    if ((mode & special) === 0) return (mode & bit) === 0 ? '-' : 'x'
    return (mode & bit) === 0 ? letter.toUpperCase() : letter
  }
  return [
    type.find(([known]) => known === (mode & stat.S_IFMT))?.[1] ?? '?',
    (mode & stat.S_IRUSR) === 0 ? '-' : 'r',
    (mode & stat.S_IWUSR) === 0 ? '-' : 'w',
    execute(stat.S_IXUSR, stat.S_ISUID, 's'),
    (mode & stat.S_IRGRP) === 0 ? '-' : 'r',
    (mode & stat.S_IWGRP) === 0 ? '-' : 'w',
    execute(stat.S_IXGRP, stat.S_ISGID, 's'),
    (mode & stat.S_IROTH) === 0 ? '-' : 'r',
    (mode & stat.S_IWOTH) === 0 ? '-' : 'w',
    execute(stat.S_IXOTH, stat.S_ISVTX, 't'),
  ].join('')
}

/** 'makedev(1, 3)'. */
export const devToString = (dev: number): string => `makedev(${major(dev)}, ${minor(dev)})`

/** '[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]', and likewise for killed, stopped and continued. */
export const waitStatusToString = (status: number): string => {
  if (wait.WIFCONTINUED(status)) return '[{WIFCONTINUED(s)}]'
  if (wait.WIFSTOPPED(status)) {
    return `[{WIFSTOPPED(s) && WSTOPSIG(s) == ${sig.signalName(wait.WSTOPSIG(status))}}]`
  }
  if (wait.WIFSIGNALED(status)) {
    const core = wait.WCOREDUMP(status) ? ' && WCOREDUMP(s)' : ''
    return `[{WIFSIGNALED(s) && WTERMSIG(s) == ${sig.signalName(wait.WTERMSIG(status))}${core}}]`
  }
  return wait.WIFEXITED(status)
    ? `[{WIFEXITED(s) && WEXITSTATUS(s) == ${wait.WEXITSTATUS(status)}}]`
    : `[${hex(status)}]`
}

const WAIT_OPTIONS: FlagTable = [
  [wait.WNOHANG, 'WNOHANG'],
  [wait.WUNTRACED, 'WUNTRACED'],
  [wait.WEXITED, 'WEXITED'],
  [wait.WCONTINUED, 'WCONTINUED'],
  [wait.WNOWAIT, 'WNOWAIT'],
  [wait.__WNOTHREAD, '__WNOTHREAD'],
  [wait.__WALL, '__WALL'],
  [wait.__WCLONE, '__WCLONE'],
]

/** 'WNOHANG|WUNTRACED', '0'. */
export const waitOptionsToString = (options: number): string => flagsToString(WAIT_OPTIONS, options)

/** '[HUP INT]'; a set with more than two thirds of all signals shows what is missing: '~[KILL STOP]'. */
export const sigSetToString = (signals: Iterable<number>): string => {
  const members = new Set(signals)
  const inverted = members.size > Math.floor((sig._NSIG * 2) / 3)
  const shown: string[] = []
  for (let n = 1; n <= sig._NSIG; n++) {
    if (members.has(n) !== inverted) shown.push(sig.signalName(n).slice('SIG'.length))
  }
  return `${inverted ? '~' : ''}[${shown.join(' ')}]`
}

const SIGMASK_HOW: FlagTable = [
  [sig.SIG_BLOCK, 'SIG_BLOCK'],
  [sig.SIG_UNBLOCK, 'SIG_UNBLOCK'],
  [sig.SIG_SETMASK, 'SIG_SETMASK'],
]

/** 'SIG_BLOCK'. */
export const sigprocmaskHow = (how: number): string => enumToString(SIGMASK_HOW, how)

const SIGACTION_FLAGS: FlagTable = [
  [sig.SA_NOCLDSTOP, 'SA_NOCLDSTOP'],
  [sig.SA_NOCLDWAIT, 'SA_NOCLDWAIT'],
  [sig.SA_SIGINFO, 'SA_SIGINFO'],
  [sig.SA_RESTORER, 'SA_RESTORER'],
  [sig.SA_ONSTACK, 'SA_ONSTACK'],
  [sig.SA_RESTART, 'SA_RESTART'],
  [sig.SA_INTERRUPT, 'SA_INTERRUPT'],
  [sig.SA_NODEFER, 'SA_NODEFER'],
  [sig.SA_RESETHAND, 'SA_RESETHAND'],
]

/** 'SA_RESTART|SA_NODEFER', '0'. */
export const sigactionFlags = (flags: number): string => flagsToString(SIGACTION_FLAGS, flags)

const MOUNT_FLAGS: FlagTable = [
  [mount.MS_RDONLY, 'MS_RDONLY'],
  [mount.MS_NOSUID, 'MS_NOSUID'],
  [mount.MS_NODEV, 'MS_NODEV'],
  [mount.MS_NOEXEC, 'MS_NOEXEC'],
  [mount.MS_SYNCHRONOUS, 'MS_SYNCHRONOUS'],
  [mount.MS_REMOUNT, 'MS_REMOUNT'],
  [mount.MS_MANDLOCK, 'MS_MANDLOCK'],
  [mount.MS_DIRSYNC, 'MS_DIRSYNC'],
  [mount.MS_NOATIME, 'MS_NOATIME'],
  [mount.MS_NODIRATIME, 'MS_NODIRATIME'],
  [mount.MS_BIND, 'MS_BIND'],
  [mount.MS_MOVE, 'MS_MOVE'],
  [mount.MS_REC, 'MS_REC'],
  [mount.MS_VERBOSE, 'MS_VERBOSE'],
]

/** 'MS_RDONLY|MS_NOSUID', '0'; the old magic number is shown first as MS_MGC_VAL. */
export const mountFlags = (flags: number): string => {
  const hasMagic = (flags & mount.MS_MGC_MSK) >>> 0 === mount.MS_MGC_VAL
  if (!hasMagic) return flagsToString(MOUNT_FLAGS, flags)
  const others = flagsToString(MOUNT_FLAGS, flags & ~mount.MS_MGC_MSK, '')
  return others === '' ? 'MS_MGC_VAL' : `MS_MGC_VAL|${others}`
}

const UMOUNT_FLAGS: FlagTable = [
  [mount.MNT_FORCE, 'MNT_FORCE'],
  [mount.MNT_DETACH, 'MNT_DETACH'],
]

/** 'MNT_FORCE|MNT_DETACH', '0'. */
export const umountFlags = (flags: number): string => flagsToString(UMOUNT_FLAGS, flags)

const CLONE_FLAGS: FlagTable = [
  [CLONE_VM, 'CLONE_VM'],
  [CLONE_FS, 'CLONE_FS'],
  [CLONE_FILES, 'CLONE_FILES'],
  [CLONE_SIGHAND, 'CLONE_SIGHAND'],
  [CLONE_PID, 'CLONE_PID'],
  [CLONE_PTRACE, 'CLONE_PTRACE'],
  [CLONE_VFORK, 'CLONE_VFORK'],
  [CLONE_PARENT, 'CLONE_PARENT'],
  [CLONE_THREAD, 'CLONE_THREAD'],
  [CLONE_NEWNS, 'CLONE_NEWNS'],
  [CLONE_SYSVSEM, 'CLONE_SYSVSEM'],
  [CLONE_SETTLS, 'CLONE_SETTLS'],
  [CLONE_PARENT_SETTID, 'CLONE_PARENT_SETTID'],
  [CLONE_CHILD_CLEARTID, 'CLONE_CHILD_CLEARTID'],
  [CLONE_DETACHED, 'CLONE_DETACHED'],
  [CLONE_UNTRACED, 'CLONE_UNTRACED'],
  [CLONE_CHILD_SETTID, 'CLONE_CHILD_SETTID'],
  [CLONE_STOPPED, 'CLONE_STOPPED'],
]

/** 'CLONE_VM|CLONE_FS|SIGCHLD': the low byte is the signal for the parent. */
export const cloneFlags = (flags: number): string => {
  const names = flagsToString(CLONE_FLAGS, flags & ~CSIGNAL, '')
  const exitSignal = flags & CSIGNAL
  if (exitSignal === 0) return names === '' ? '0' : names
  return names === '' ? sig.signalName(exitSignal) : `${names}|${sig.signalName(exitSignal)}`
}

const POLL_EVENTS: FlagTable = [
  [poll.POLLIN, 'POLLIN'],
  [poll.POLLPRI, 'POLLPRI'],
  [poll.POLLOUT, 'POLLOUT'],
  [poll.POLLRDNORM, 'POLLRDNORM'],
  [poll.POLLRDBAND, 'POLLRDBAND'],
  [poll.POLLWRNORM, 'POLLWRNORM'],
  [poll.POLLWRBAND, 'POLLWRBAND'],
  [poll.POLLMSG, 'POLLMSG'],
  [poll.POLLREMOVE, 'POLLREMOVE'],
  [poll.POLLERR, 'POLLERR'],
  [poll.POLLHUP, 'POLLHUP'],
  [poll.POLLNVAL, 'POLLNVAL'],
]

/** 'POLLIN|POLLHUP', '0'. */
export const pollEvents = (events: number): string => flagsToString(POLL_EVENTS, events)

const ACCESS_BITS: FlagTable = [
  [fcntl.R_OK, 'R_OK'],
  [fcntl.W_OK, 'W_OK'],
  [fcntl.X_OK, 'X_OK'],
]

/** 'R_OK|W_OK', 'F_OK'. */
export const accessMode = (mode: number): string => flagsToString(ACCESS_BITS, mode, 'F_OK')

const WHENCE: FlagTable = [
  [fcntl.SEEK_SET, 'SEEK_SET'],
  [fcntl.SEEK_CUR, 'SEEK_CUR'],
  [fcntl.SEEK_END, 'SEEK_END'],
]

/** 'SEEK_SET'. */
export const whenceName = (whence: number): string => enumToString(WHENCE, whence)

const RLIMITS: readonly string[] = [
  'RLIMIT_CPU',
  'RLIMIT_FSIZE',
  'RLIMIT_DATA',
  'RLIMIT_STACK',
  'RLIMIT_CORE',
  'RLIMIT_RSS',
  'RLIMIT_NPROC',
  'RLIMIT_NOFILE',
  'RLIMIT_MEMLOCK',
  'RLIMIT_AS',
  'RLIMIT_LOCKS',
  'RLIMIT_SIGPENDING',
  'RLIMIT_MSGQUEUE',
  'RLIMIT_NICE',
  'RLIMIT_RTPRIO',
]

/** 'RLIMIT_NOFILE'. */
export const rlimitName = (resource: number): string => RLIMITS[resource] ?? String(resource)

const FCNTL_COMMANDS: FlagTable = [
  [fcntl.F_DUPFD, 'F_DUPFD'],
  [fcntl.F_GETFD, 'F_GETFD'],
  [fcntl.F_SETFD, 'F_SETFD'],
  [fcntl.F_GETFL, 'F_GETFL'],
  [fcntl.F_SETFL, 'F_SETFL'],
  [fcntl.F_GETLK, 'F_GETLK'],
  [fcntl.F_SETLK, 'F_SETLK'],
  [fcntl.F_SETLKW, 'F_SETLKW'],
  [fcntl.F_SETOWN, 'F_SETOWN'],
  [fcntl.F_GETOWN, 'F_GETOWN'],
  [fcntl.F_SETSIG, 'F_SETSIG'],
  [fcntl.F_GETSIG, 'F_GETSIG'],
  [fcntl.F_GETLK64, 'F_GETLK64'],
  [fcntl.F_SETLK64, 'F_SETLK64'],
  [fcntl.F_SETLKW64, 'F_SETLKW64'],
  [fcntl.F_SETLEASE, 'F_SETLEASE'],
  [fcntl.F_GETLEASE, 'F_GETLEASE'],
  [fcntl.F_NOTIFY, 'F_NOTIFY'],
]

/** 'F_GETFD'. */
export const fcntlCommand = (cmd: number): string => enumToString(FCNTL_COMMANDS, cmd)

/** 'FD_CLOEXEC', '0'. */
export const fdFlags = (flags: number): string => flagsToString([[fcntl.FD_CLOEXEC, 'FD_CLOEXEC']], flags)

const LOCK_TYPES: FlagTable = [
  [fcntl.F_RDLCK, 'F_RDLCK'],
  [fcntl.F_WRLCK, 'F_WRLCK'],
  [fcntl.F_UNLCK, 'F_UNLCK'],
]

/** 'F_WRLCK'. */
export const lockType = (type: number): string => enumToString(LOCK_TYPES, type)

const FLOCK_OPERATIONS: FlagTable = [
  [fcntl.LOCK_SH, 'LOCK_SH'],
  [fcntl.LOCK_EX, 'LOCK_EX'],
  [fcntl.LOCK_UN, 'LOCK_UN'],
  [fcntl.LOCK_NB, 'LOCK_NB'],
]

/** 'LOCK_EX|LOCK_NB'. */
export const flockOperation = (operation: number): string => flagsToString(FLOCK_OPERATIONS, operation)

const IOCTLS: FlagTable = [
  [ioctl.FIONREAD, 'FIONREAD'],
  [ioctl.FIONBIO, 'FIONBIO'],
  [ioctl.FIONCLEX, 'FIONCLEX'],
  [ioctl.FIOCLEX, 'FIOCLEX'],
  [ioctl.FIOASYNC, 'FIOASYNC'],
  [ioctl.FIBMAP, 'FIBMAP'],
  [ioctl.FIGETBSZ, 'FIGETBSZ'],
  [ioctl.TCGETS, 'TCGETS'],
  [ioctl.TCSETS, 'TCSETS'],
  [ioctl.TIOCSCTTY, 'TIOCSCTTY'],
  [ioctl.TIOCGPGRP, 'TIOCGPGRP'],
  [ioctl.TIOCSPGRP, 'TIOCSPGRP'],
  [ioctl.TIOCOUTQ, 'TIOCOUTQ'],
  [ioctl.TIOCGWINSZ, 'TIOCGWINSZ'],
  [ioctl.TIOCSWINSZ, 'TIOCSWINSZ'],
  [ioctl.TIOCNOTTY, 'TIOCNOTTY'],
  [ioctl.BLKROSET, 'BLKROSET'],
  [ioctl.BLKROGET, 'BLKROGET'],
  [ioctl.BLKGETSIZE, 'BLKGETSIZE'],
  [ioctl.BLKFLSBUF, 'BLKFLSBUF'],
  [ioctl.BLKRRPART, 'BLKRRPART'],
  [ioctl.BLKRASET, 'BLKRASET'],
  [ioctl.BLKRAGET, 'BLKRAGET'],
  [ioctl.BLKSSZGET, 'BLKSSZGET'],
  [ioctl.HDIO_GETGEO, 'HDIO_GETGEO'],
  [ioctl.LOOP_SET_FD, 'LOOP_SET_FD'],
  [ioctl.LOOP_CLR_FD, 'LOOP_CLR_FD'],
]

/** 'FIONREAD', or the number in hex for a driver's own. */
export const ioctlName = (cmd: number): string =>
  IOCTLS.find(([known]) => known === cmd >>> 0)?.[1] ?? hex(cmd)
