/**
 * What changed between 2.2.12 and 2.6.20, as far as the scripts reach it. See era.ts.
 */

import { isErr, type Stat } from 'paleokernel'
import type { Actor } from './actor.js'
import type { Answer, Line } from './answer.js'
import { asStacked, besides, changeFile, instead, otherWords, setMode } from './bring.js'
import type { After, EraDifference, Mismatch } from './era.js'
import {
  actorOf,
  always,
  answers,
  callsOf,
  endsOddly,
  isOrdering,
  isType,
  modeAt,
  O_ACCMODE,
  O_CREAT,
  O_DIRECTORY,
  O_TRUNC,
  openFlags,
  opensWith,
  outcomes,
  pathsOf,
} from './era_help.js'
import { dataOf, parsePoll, pathOf } from './values.js'
import type { World } from './world.js'

const SA_NOCLDSTOP = 1
const SIGCHLD = 17
const SIG_SETMASK = 2
const S_IFMT = 0o170000
const S_IFIFO = 0o010000
const S_IFDIR = 0o040000
const S_IFLNK = 0o120000
const SA_NOCLDWAIT = 2
const WNOHANG = 1
const SIG_IGN = 1
const F_GETFL = 3
const S_ISUID = 0o4000
const S_ISVTX = 0o1000
const S_ISGID_IXGRP = 0o2010
/** (uid_t) -1 where a uid has 16 bits. */
const NO_ID_16 = 65535

const CHOWN: readonly string[] = ['chown', 'lchown', 'fchown']
const NAMES: readonly string[] = ['mkdir', 'mknod', 'symlink', 'rmdir', 'unlink', 'link']

const vs2620 = (entry: Omit<EraDifference, 'recordings' | 'profiles'>): EraDifference => ({
  recordings: ['2.6.20'],
  profiles: ['2.2.12'],
  ...entry,
})

const goOn = (): After => 'go on'

/** 'undo' where the recorded call failed, which is safe also if ours failed but did something first. */
const undoUnlessRecorded = ({ line }: Mismatch): After => (line.e !== undefined ? 'undo' : 'stop')

/** stat of what a word names, by descriptor or path. */
function statBy(m: Mismatch, word: string, by: 'stat' | 'lstat' | 'fstat'): Stat | undefined {
  const calls = callsOf(m)
  const stat = by === 'fstat' ? calls?.fstat(Number(word)) : calls?.[by](pathOf(word))
  return stat === undefined || isErr(stat) ? undefined : stat
}

const isPipe = (m: Mismatch, fd: number | string): boolean =>
  isType(statBy(m, String(fd), 'fstat')?.mode ?? 0, S_IFIFO)

/** What chown leaves of a mode. S_ISGID without execution by the group stands for mandatory locking. */
const withoutSetIds = (mode: number): number =>
  mode & ~((mode & S_ISGID_IXGRP) === S_ISGID_IXGRP ? 0o6000 : S_ISUID)

/** The tasks whose sleep the keys of a mismatch are about; empty if any key is about anything else. */
function sleepers(m: Mismatch): Actor[] {
  const { keys, line, ours } = m
  const names = keys.flatMap((key) =>
    key === 'wake' ? Object.keys({ ...line.wake, ...ours.wake }) : [/^wake\.(T\d)/.exec(key)?.[1] ?? ''],
  )
  const actors = names.map((name) => actorOf(m, name))
  return actors.every((actor) => actor !== undefined) ? (actors as Actor[]) : []
}

const allSleepIn = (m: Mismatch, ...ops: readonly string[]): boolean => {
  const actors = sleepers(m)
  return actors.length > 0 && actors.every((actor) => ops.includes(actor.line?.op ?? ''))
}

const narrowId = (id: number | undefined): number | undefined => (id === -1 ? NO_ID_16 : id)
const sameIds = (a: readonly number[] = [], b: readonly number[] = []): boolean =>
  a.length === b.length && a.every((id, i) => narrowId(id) === b[i])
const sorted = (ids: readonly number[] = []): number[] =>
  ids.map((id) => narrowId(id) ?? 0).sort((a, b) => a - b)

/** Is a key about ids only, and are they the same when cut to 16 bits? */
function sameNarrowIds({ line, ours }: Mismatch, key: string): boolean {
  switch (key) {
    case 'st.u':
      return narrowId(line.st?.u) === ours.st?.u
    case 'st.g':
      return narrowId(line.st?.g) === ours.st?.g
    case 'ids':
      return sameIds(line.ids, ours.ids)
    case 'gr':
      return sameIds(sorted(line.gr), sorted(ours.gr))
    case 'exec':
      return sameIds(line.exec, ours.exec)
    case 'r':
      return line.op === 'setfsuid' && narrowId(line.r) === ours.r
    default:
      return key.startsWith('tree[') && sameTree(line, ours)
  }
}

/** Are two dumps the same but for ids wider than 16 bits? Inodes are compared elsewhere. */
function sameTree(line: Line, ours: Answer): boolean {
  return (line.tree ?? []).every((entry, i) => {
    const mine = ours.tree?.[i] ?? []
    return entry.every((item, j) => {
      if (j === 4 || j === 5) return narrowId(Number(item)) === mine[j]
      return j === 6 || item === mine[j]
    })
  })
}

/** The parents of the tasks that this line has continued, if they want to hear of it. A continued task may be dead. */
function parentsOfContinued(m: Mismatch): Actor[] {
  const { ours } = m
  const continued = (ours.stop ?? []).filter((event) => event.startsWith('-')).map((event) => event.slice(1))
  const died = (ours.dead ?? []).filter((name) => actorOf(m, name)?.stopped === true && isToldOf(m, name))
  return [...continued, ...died].flatMap((name) => {
    const parent = actorOf(m, name)?.parent
    const listens = parent !== undefined && !parent.dead && (parent.childFlags & SA_NOCLDSTOP) === 0
    return listens ? [parent] : []
  })
}

/** Does the recording show one SIGCHLD more for the parent of this task? */
function isToldOf(m: Mismatch, name: string): boolean {
  const parent = actorOf(m, name)?.parent
  const count = (answer: Answer): number =>
    (answer.sig?.[`T${parent?.index}`] ?? []).filter((signal) => signal === 'SIGCHLD').length
  return count(m.line) > count(m.ours)
}

const hasPending = (actor: Actor | undefined, signal: number): boolean => {
  const set = actor?.proc.state === 'idle' ? actor.proc.sys.sigpending() : []
  return !isErr(set) && set.includes(signal)
}

/** Would SIGCHLD change anything for them? Asked of a copy, whose handlers write into the same logs. */
function wouldNotice({ world }: Mismatch, parents: readonly Actor[]): boolean {
  if (parents.length === 0) return false
  const lengths = world.actors.map((actor) => actor?.log.length ?? 0)
  const copy = world.kernel.fork()
  const before = copy.digest()
  for (const { pid } of parents) copy.process(world.recorder.pid)?.sys.kill(pid, SIGCHLD)
  for (const [i, length] of lengths.entries()) world.actors[i]?.log.splice(length)
  return copy.digest() !== before
}

/** The entries of a poll without what an end of a pipe is not for: POLLOUT for reading, POLLIN for writing. */
function onePollEnd(world: World, { t, a }: Line): string {
  const sys = world.actors[t]?.proc.sys
  return (a[0] ?? '')
    .split(',')
    .map((entry) => {
      const [fd = '', events = ''] = entry.split(':')
      const flags = sys?.fcntl(Number(fd), F_GETFL) ?? 0
      const stat = sys?.fstat(Number(fd))
      if (stat === undefined || isErr(stat) || (stat.mode & S_IFMT) !== S_IFIFO) return entry
      const unfit = (flags & O_ACCMODE) === 0 ? 'OUT' : (flags & O_ACCMODE) === 1 ? 'IN' : ''
      return `${fd}:${events
        .split('|')
        .filter((name) => name !== unfit)
        .join('|')}`
    })
    .join(',')
}

/** Does a write fill a pipe here that takes more there? */
function fillsPipe(m: Mismatch): boolean {
  const { line, ours, keys } = m
  if (line.op !== 'write') return false
  // Asleep in a write: only a pipe does that.
  if (ours.blk === 1) return true
  if (keys.length === 0 || dataOf(line.a[1] ?? '').length === 0 || !isPipe(m, line.a[0] ?? '')) return false
  return ours.e === 'EAGAIN' || (ours.r ?? 0) < (line.r ?? 0)
}

/** Signals that one side lists for a task and the other does not. */
const extra = (mine: readonly string[] = [], theirs: readonly string[] = []): string[] => {
  const rest = [...theirs]
  return mine.filter((signal) => {
    const at = rest.indexOf(signal)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}

/**
 * All signals that are let through are set up at once there, so that the last runs first, and one that stops or
 * kills the task comes before any handler. What follows from that for each task: nothing, or handlers that are
 * still to come there.
 */
function stackedSignals(m: Mismatch): 'same' | 'later' | undefined {
  const { line, ours, keys } = m
  const names = keys.flatMap((key) =>
    key === 'sig' ? Object.keys({ ...line.sig, ...ours.sig }) : [/^sig\.(T\d)$/.exec(key)?.[1] ?? ''],
  )
  let result: 'same' | 'later' = 'same'
  for (const name of names) {
    if (name === '' || extra(line.sig?.[name], ours.sig?.[name]).length > 0) return undefined
    if (extra(ours.sig?.[name], line.sig?.[name]).length === 0 || line.dead?.includes(name)) continue
    if (line.stop?.includes(`+${name}`) !== true) return undefined
    result = 'later'
  }
  return result
}

/** The tasks that sigsuspend has let take one signal here and more there; who dies of it is reported to the parent. */
function tookOne(m: Mismatch): Actor[] {
  const { keys, line, ours } = m
  const names = keys.flatMap((key) => {
    if (key === 'sig') return Object.keys({ ...line.sig, ...ours.sig })
    if (key === 'dead') return [...(line.dead ?? [])]
    if (key === 'e') return [`T${line.t}`]
    return [/^sig\.(T\d)$/.exec(key)?.[1] ?? '']
  })
  const isOne = (name: string): boolean =>
    actorOf(m, name)?.line?.op === 'sigsuspend' && ours.sig?.[name]?.length === 1
  const isTold = (name: string): boolean =>
    extra(line.sig?.[name], ours.sig?.[name]).join() === 'SIGCHLD' &&
    line.dead?.some((dead) => actorOf(m, dead)?.parent === actorOf(m, name)) === true
  const takers = [...new Set(names)].filter((name) => !isTold(name))
  return takers.every(isOne) ? takers.flatMap((name) => actorOf(m, name) ?? []) : []
}

/**
 * Is the line about a dead task that is a zombie on one side only? Reaping by signal takes all zombies of a parent,
 * even those it had before it ignored SIGCHLD.
 */
function isAboutReaped(m: Mismatch): boolean {
  const { keys, line } = m
  if (keys.length === 0) return false
  const subject = actorOf(m, line.op === 'waitpid' ? (line.p ?? '') : (line.a[0] ?? ''))
  if (subject?.dead !== true) return false
  if (line.op === 'waitpid') return subject.proc.state === 'dead'
  const isQuery = ['kill', 'getpgid', 'getsid', 'setpgid'].includes(line.op)
  return (
    isQuery &&
    (answers(m, 'ESRCH', 'ok', 'EPERM') || answers(m, 'ok', 'ESRCH') || answers(m, 'EPERM', 'ESRCH'))
  )
}

/** The tasks that have died here, whose parent lives and would have had no zombie there. */
function unwantedZombies(m: Mismatch): Actor[] {
  return (m.ours.dead ?? []).flatMap((name) => {
    const actor = actorOf(m, name)
    const parent = actor?.parent
    if (actor === undefined || parent === undefined || parent.dead) return []
    return parent.ignoresChildren || (parent.childFlags & SA_NOCLDWAIT) !== 0 ? [actor] : []
  })
}

export const ERA_2_2_12: readonly EraDifference[] = [
  vs2620({
    name: 'NR_OPEN bounds descriptor numbers',
    cite: 'dupfd and sys_dup2, fs/fcntl.c (2.2): EMFILE between RLIMIT_NOFILE and NR_OPEN, after the old one is closed; 2.6: EINVAL and EBADF',
    covers: (m) =>
      (m.line.op === 'dup2' && answers(m, 'EBADF', 'EMFILE')) ||
      (m.line.op === 'fcntl' && m.line.a[1] === 'F_DUPFD' && answers(m, 'EINVAL', 'EMFILE')),
    after: undoUnlessRecorded,
  }),
  vs2620({
    name: 'pread and pwrite look at the open mode first',
    cite: 'sys_pread and sys_pwrite, fs/read_write.c (2.2): mode, position, then the file; 2.6: position, seekability, mode',
    covers: (m) =>
      (m.line.op === 'pread' || m.line.op === 'pwrite') &&
      (answers(m, 'EINVAL', 'EBADF') || answers(m, 'ESPIPE', 'EBADF')),
    after: goOn,
  }),
  vs2620({
    name: 'truncate refuses directories and ftruncate the wrong open mode, with EACCES, and no other kind of file',
    cite: 'sys_truncate, sys_ftruncate and do_truncate, fs/open.c (2.2): the length is looked at last; 2.6: EINVAL and EISDIR',
    covers: (m) => {
      if (m.line.op !== 'truncate' && m.line.op !== 'ftruncate') return false
      if (Number(m.line.a[1]) < 0) return outcomes(m)?.recorded === 'EINVAL'
      return answers(m, 'EINVAL', 'EACCES', 'ok') || answers(m, 'EISDIR', 'EACCES')
    },
    after: undoUnlessRecorded,
  }),
  vs2620({
    name: 'directory entries have no type',
    cite: 'struct dirent and filldir, fs/readdir.c (2.2); getdents64 with d_type came with 2.4',
    covers: ({ line, ours, keys }) =>
      line.op === 'readdir' &&
      keys.join() === 'ls' &&
      line.ls?.map((entry) => entry.replace(/:.$/, ':b')).join('/') === ours.ls?.join('/'),
    after: goOn,
  }),
  vs2620({
    name: 'CAP_DAC_OVERRIDE executes what nobody may execute',
    cite: 'permission, fs/namei.c (2.2); generic_permission asks for an execute bit since 2.4',
    covers: (m) =>
      m.line.op === 'access' && m.line.a[1]?.includes('X_OK') === true && answers(m, 'EACCES', 'ok'),
    after: goOn,
  }),
  vs2620({
    name: 'supplementary groups keep their order',
    cite: 'sys_setgroups, kernel/sys.c: groups_sort since 2.6.4',
    covers: ({ line, ours, keys }) =>
      keys.join() === 'gr' && sorted(line.gr).join() === sorted(ours.gr).join(),
    after: goOn,
  }),
  vs2620({
    name: 'ids have 16 bits',
    cite: '__kernel_uid_t, include/asm-i386/posix_types.h (2.2): (uid_t) -1 is 65535; *32 calls since 2.3.39',
    covers: (m) => m.keys.every((key) => sameNarrowIds(m, key)),
    after: goOn,
  }),
  vs2620({
    name: 'chown sets both ids',
    cite: 'chown_common, fs/open.c (2.2): for -1 the old id, which only the owner may set; 2.6 leaves it out',
    covers: (m) =>
      CHOWN.includes(m.line.op) && m.line.a[1] === '-1' && m.line.a[2] === '-1' && answers(m, 'ok', 'EPERM'),
    after: goOn,
  }),
  vs2620({
    name: 'chown by root keeps the set-id bits',
    cite: 'chown_common, fs/open.c (2.2 before 2.2.13): `current->fsuid`; since then from all but directories',
    looksAt: 'agreement',
    covers: (m) => {
      if (!CHOWN.includes(m.line.op) || m.line.r !== 0) return false
      const mode = statBy(m, m.line.a[0] ?? '', byOf(m.line))?.mode ?? 0
      return !isType(mode, S_IFDIR) && withoutSetIds(mode) !== mode
    },
    after: (m) => {
      const stat = statBy(m, m.line.a[0] ?? '', byOf(m.line))
      return stat === undefined ? 'stop' : setMode(m, stat, withoutSetIds(stat.mode))
    },
  }),
  vs2620({
    name: 'mkdir leaves the sticky bit out',
    cite: 'do_mkdir, fs/namei.c (2.2): `mode &= 0777 & ~umask`; vfs_mkdir takes S_ISVTX since 2.4',
    looksAt: 'agreement',
    covers: ({ line }) =>
      line.op === 'mkdir' && line.r === 0 && (Number.parseInt(line.a[1] ?? '0', 8) & S_ISVTX) !== 0,
    after: (m) => {
      const stat = statBy(m, m.line.a[0] ?? '', 'stat')
      return stat === undefined ? 'stop' : setMode(m, stat, stat.mode | S_ISVTX)
    },
  }),
  vs2620({
    name: 'mknod is for administrators only',
    cite: 'sys_mknod, fs/namei.c (2.2): EPERM without CAP_SYS_ADMIN unless a FIFO, before the path is looked at; 2.4: CAP_MKNOD, devices only',
    covers: (m) => m.line.op === 'mknod' && outcomes(m)?.ours === 'EPERM',
    after: (m) => (m.line.e === undefined ? mknod(m) : 'go on'),
  }),
  vs2620({
    name: 'O_CREAT opens what is there, a directory too',
    cite: 'open_namei, fs/namei.c (2.2): one walk to the end, for a directory with O_DIRECTORY; 2.6 walks to the parent, EISDIR for a directory and unless LAST_NORM',
    covers: (m) => {
      const recorded = outcomes(m)?.recorded
      if (!opensWith(m, O_CREAT) || recorded === undefined) return false
      if (recorded === 'EISDIR' || opensWith(m, O_DIRECTORY)) return true
      // What a link gets whose text ends in ".", ".." or "/".
      return recorded === 'ELOOP' && pathsOf(m.line).some((path) => isType(modeAt(m, path), S_IFLNK))
    },
    after: undoUnlessRecorded,
  }),
  vs2620({
    name: 'O_TRUNC is a wish to write',
    cite: 'filp_open, fs/open.c (2.2): `flag |= 2`, so EISDIR for a directory; gone in 2.6',
    covers: (m) =>
      opensWith(m, O_TRUNC) &&
      (openFlags(m.line, m.world) & O_ACCMODE) === 0 &&
      outcomes(m)?.ours === 'EISDIR',
    after: ({ line }) =>
      line.e !== undefined
        ? 'go on'
        : otherWords(line, ...line.a.map((word) => withoutFlag(word, 'O_TRUNC'))),
  }),
  vs2620({
    name: 'names are looked up to their end before they are made or removed',
    cite: 'lookup_dentry in do_mkdir, do_mknod, do_symlink, do_rmdir, do_unlink and do_link, fs/namei.c (2.2); 2.6 walks to the parent first',
    covers: (m) => {
      if (!NAMES.includes(m.line.op) || outcomes(m) === undefined) return false
      return pathsOf(m.line).some(endsOddly) || (m.line.op === 'link' && isOrdering(m, 'ENOENT'))
    },
    after: undoUnlessRecorded,
  }),
  vs2620({
    name: 'rename looks up both names before it judges them',
    cite: 'do_rename and vfs_rename_dir, fs/namei.c (2.2): lookups, permissions, EINVAL, EBUSY for a target in use; 2.6: kinds of last component and ancestors first',
    covers: (m) =>
      m.line.op === 'rename' &&
      (isOrdering(m) ||
        answers(m, 'ok', 'EBUSY') ||
        (pathsOf(m.line).some(endsOddly) && outcomes(m)?.ours === 'ok')),
    after: undoUnlessRecorded,
  }),
  vs2620({
    name: 'a record lock has no negative length',
    cite: 'posix_make_lock, fs/locks.c (2.2): EINVAL; flock_to_posix_lock takes the bytes before l_start since 2.4.21',
    covers: ({ line, ours }) => line.op === 'lock' && Number(line.a[5]) < 0 && ours.e === 'EINVAL',
    after: ({ line }) => {
      const [fd = '0', cmd = '0', type = '0', whence = '0', start = '0', len = '0'] = line.a
      return otherWords(
        line,
        fd,
        cmd,
        type,
        whence,
        String(Number(start) + Number(len)),
        String(-Number(len)),
      )
    },
  }),
  vs2620({
    name: 'flock lets all who waited go first when it changes its type',
    cite: 'locks_wake_up_blocks, fs/locks.c (2.2), which calls schedule; 2.6: cond_resched in flock_lock_file',
    covers: ({ line, ours, keys }) =>
      line.op === 'flock' && keys.includes('wake') && line.r === 0 && (ours.blk === 1 || ours.e === 'EAGAIN'),
    after: always,
  }),
  vs2620({
    name: 'a signal ends the wait for flock although the lock is free',
    cite: 'flock_lock_file, fs/locks.c (2.2): signal_pending is asked each time before the locks are looked at',
    covers: (m) =>
      allSleepIn(m, 'flock') &&
      sleepers(m).every(
        ({ index }) => m.line.wake?.[`T${index}`]?.r === 0 && m.ours.wake?.[`T${index}`]?.r !== 0,
      ),
    after: always,
  }),
  vs2620({
    name: 'sigsuspend keeps its mask over a stop',
    cite: 'sys_rt_sigsuspend, arch/i386/kernel/signal.c (2.2), loops over do_signal; 2.6.20 puts the old mask back and starts again',
    covers: ({ line, ours, world }) =>
      world.actors.some(
        (actor) =>
          actor?.line?.op === 'sigsuspend' &&
          ours.stop?.includes(`-T${actor.index}`) === true &&
          (line.dead?.includes(`T${actor.index}`) === true ||
            extra(line.sig?.[`T${actor.index}`], ours.sig?.[`T${actor.index}`]).length > 0),
      ),
    after: always,
  }),
  vs2620({
    name: 'sigsuspend lets one signal through',
    cite: 'sys_rt_sigsuspend, arch/i386/kernel/signal.c (2.2): do_signal puts the old mask back for the first; TIF_RESTORE_SIGMASK since 2.6.16',
    covers: (m) => tookOne(m).length > 0,
    after: (m) => {
      const masks = tookOne(m).map(({ index, line }) => ({ index, word: line?.a[0] ?? 'none' }))
      const takeRest = besides(m, ({ actors, dialect }) => {
        for (const { index, word } of masks) {
          const { proc } = actors[index] ?? {}
          const old = proc?.sys.sigprocmask(SIG_SETMASK, [...dialect.mask(word).signals])
          if (old !== undefined && !isErr(old) && proc?.state === 'idle')
            proc.sys.sigprocmask(SIG_SETMASK, old)
        }
      })
      return (world) => asStacked(m.line, takeRest(world))
    },
  }),
  vs2620({
    name: 'no WCONTINUED',
    cite: 'sys_wait4, kernel/exit.c (2.2): EINVAL for an option it does not know; wait_task_continued since 2.6.9',
    covers: ({ line, ours }) =>
      line.op === 'waitpid' && line.a[1]?.includes('WCONTINUED') === true && ours.e === 'EINVAL',
    after: ({ line }) => {
      if (line.ws === 'cont') return 'go on'
      const pid = line.p !== undefined && line.p !== 'init' ? line.p : (line.a[0] ?? '0')
      return otherWords(line, pid, withoutFlag(line.a[1] ?? '0', 'WCONTINUED') || '0')
    },
  }),
  vs2620({
    name: 'the youngest child is waited for first',
    cite: 'sys_wait4, kernel/exit.c (2.2), follows p_cptr and p_osptr; do_wait follows the list of children, oldest first, since 2.5',
    covers: ({ line, keys }) =>
      line.op === 'waitpid' && keys.every((key) => key === 'p' || key === 'ws') && keys.includes('p'),
    after: ({ line }) => instead(otherWords(line, line.p ?? '0', line.a[1] ?? '0')),
  }),
  vs2620({
    name: 'a parent that wants no zombies gets them',
    cite: 'do_signal, arch/i386/kernel/signal.c (2.2), reaps for SIG_IGN when SIGCHLD is taken, SA_NOCLDWAIT is "not supported yet"; do_notify_parent since 2.5',
    looksAt: 'all',
    covers: (m) => {
      const zombies = unwantedZombies(m)
      if (isAboutReaped(m)) return true
      if (m.keys.length === 0) {
        return zombies.some(({ proc, parent }) => proc.state === 'zombie' || hasPending(parent, SIGCHLD))
      }
      return (
        zombies.length > 0 &&
        sleepers(m).length > 0 &&
        sleepers(m).every((actor) => zombies.some(({ parent }) => parent === actor))
      )
    },
    after: (m) => {
      if (isAboutReaped(m)) return 'undo'
      const zombies = unwantedZombies(m)
      // Asleep in waitpid, the parent has had the child's status instead of ECHILD.
      if (m.keys.length > 0) return allSleepIn(m, 'waitpid') ? 'go on' : 'stop'
      if (zombies.some(({ parent }) => parent?.proc.state !== 'idle')) return 'stop'
      return besides(m, ({ actors }) => {
        for (const { pid, parent } of zombies) {
          const sys = actors[parent?.index ?? 0]?.proc.sys
          sys?.waitpid(pid, WNOHANG)
          if (parent?.ignoresChildren)
            sys?.sigaction(SIGCHLD, { handler: SIG_IGN, flags: parent.childFlags, mask: [] })
        }
      })
    },
  }),
  vs2620({
    name: 'nobody is told of a continued child',
    cite: 'send_sig_info, kernel/signal.c (2.2), only wakes the task; handle_stop_signal sends SIGCHLD (CLD_CONTINUED) since 2.6.9',
    looksAt: 'all',
    covers: (m) => {
      const parents = parentsOfContinued(m)
      return m.keys.length === 0
        ? wouldNotice(m, parents)
        : parents.length > 0 && m.keys.every((key) => /^(sig|wake)/.test(key))
    },
    after: (m) => {
      const pids = parentsOfContinued(m).map((parent) => parent.pid)
      const tell = besides(m, ({ recorder }) => {
        for (const pid of pids) recorder.sys.kill(pid, SIGCHLD)
      })
      return (world) => asStacked(m.line, tell(world))
    },
  }),
  vs2620({
    name: 'both ends of a pipe poll alike',
    cite: 'pipe_poll, fs/pipe.c (2.2): POLLOUT when empty, else POLLIN, whichever end; 2.4 asks the open mode',
    covers: (m) => {
      const { line, ours, keys } = m
      if (allSleepIn(m, 'poll')) return true
      if (line.op !== 'poll' || !keys.every((key) => ['r', 'rev', 'blk'].includes(key))) return false
      if (ours.blk === 1) return true
      const isSame = (i: number): boolean => (line.rev?.[i] ?? '') === (ours.rev?.[i] ?? '')
      return parsePoll(line.a[0] ?? '').every(({ fd }, i) => isSame(i) || isPipe(m, fd))
    },
    after: (m) => {
      const { line, keys } = m
      if (sleepers(m).length > 0) return keys.every((key) => /\.(rev|r)$/.test(key)) ? 'go on' : 'stop'
      return line.blk === 1
        ? instead((world) => world.run({ ...line, a: [onePollEnd(world, line), line.a[1] ?? '0'] }))
        : 'undo'
    },
  }),
  vs2620({
    name: 'a pipe holds one page',
    cite: 'pipe_write, fs/pipe.c, and PIPE_SIZE, include/linux/pipe_fs_i.h (2.2); sixteen pages since 2.6.11',
    looksAt: 'all',
    covers: fillsPipe,
    after: always,
  }),
  vs2620({
    name: 'a write of nothing finds a pipe broken',
    cite: 'pipe_write, fs/pipe.c (2.2), looks for readers first; 2.6: pipe_writev returns 0 for 0 bytes',
    covers: ({ line, ours }) =>
      line.op === 'write' && line.r === 0 && dataOf(line.a[1] ?? '').length === 0 && ours.r === undefined,
    after: () => 'undo',
  }),
  vs2620({
    name: 'a signal waits for the handler before it',
    cite: 'ret_from_sys_call, arch/i386/kernel/entry.S (2.2), goes to user mode after one signal; work_notifysig looks again since 2.5',
    covers: (m) => stackedSignals(m) !== undefined,
    after: (m) => (stackedSignals(m) === 'same' ? 'go on' : 'stop'),
  }),
]

/** A word of flags without one of them. */
const withoutFlag = (word: string, flag: string): string =>
  word
    .split('|')
    .filter((name) => name !== flag)
    .join('|')

/** How a chown line names its file. */
const byOf = ({ op }: Line): 'stat' | 'lstat' | 'fstat' =>
  op === 'fchown' ? 'fstat' : op === 'lchown' ? 'lstat' : 'stat'

/** Makes a node as the acting task would: what a FIFO of its gets, with another type. */
function mknod({ line }: Mismatch): After {
  const [path = '', type = '0', mode = '0'] = line.a
  return (world) => {
    const made = world.run({ ...line, a: [path, 'S_IFIFO', mode, '0'] })
    const stat = world.actors[line.t]?.proc.sys.lstat(pathOf(path))
    if (made.r !== 0 || stat === undefined || isErr(stat)) return {}
    const isDone = changeFile(world, stat, (sys, name) => {
      sys.unlink(name)
      sys.mknod(name, (stat.mode & 0o7777) | world.dialect.value(type).n, 0)
      sys.chown(name, stat.uid, stat.gid)
      sys.chmod(name, stat.mode & 0o7777)
    })
    return isDone ? made : {}
  }
}
