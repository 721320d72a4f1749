/**
 * How strace writes each system call: one row per name, the model's signatures as input.
 *
 * `enter` is what can be printed when the call starts, `exit` the arguments that the kernel has filled by the time it
 * returns, `result` the value where it is not just a number. The model returns structures that C passes by pointer;
 * they are printed in the place where C has them. Calls without a row print their arguments as they are.
 */

import { newDecodeDev } from '../abi/brand.js'
import {
  accessMode,
  cloneFlags,
  devToString,
  fcntlCommand,
  fdFlags,
  flockOperation,
  ioctlName,
  modeToString,
  mountFlags,
  openFlags,
  pollEvents,
  rlimitName,
  sigprocmaskHow,
  umountFlags,
  waitOptionsToString,
  waitStatusToString,
  whenceName,
} from '../abi/decode.js'
import {
  F_DUPFD,
  F_GETFD,
  F_GETFL,
  F_GETLK,
  F_SETFD,
  F_SETFL,
  F_SETLK,
  F_SETLKW,
  O_CREAT,
} from '../abi/fcntl.js'
import { type SigInfo, signalName } from '../abi/signal.js'
import { S_IFBLK, S_IFCHR, S_IFMT } from '../abi/stat.js'
import { utf8Length } from '../lib/bytes.js'
import {
  dirfd,
  type Format,
  flock,
  int,
  intList,
  itimerName,
  itimerval,
  mode,
  msTimespec,
  msTimeval,
  ofNumber,
  PLAIN,
  path,
  permissions,
  prctlName,
  prioName,
  rlimit,
  rusage,
  rusageWho,
  sigaction,
  signal,
  sigset,
  statfs,
  statOf,
  timevalOf,
} from './strace_formats.js'
import { SOCKET_CALLS } from './strace_sockets.js'
import {
  ADDRESS,
  field,
  generic,
  hex,
  isError,
  number,
  numbers,
  quoteData,
  quoteText,
  result,
  siginfo,
  type TextStyle,
} from './strace_text.js'

type Args = readonly unknown[]

/** One system call. */
export interface CallDecoder {
  enter(args: Args, style: TextStyle): string[]
  exit?(args: Args, ret: unknown, style: TextStyle): string[]
  result?(ret: unknown, args: Args): string
}

// Shapes that many calls share.

/** All arguments are known at the start. Trailing ones that were not given are not printed. */
const inputs = (...formats: readonly Format[]): CallDecoder => ({
  enter: (args, style) => formats.slice(0, args.length).map((format, i) => format(args[i], style)),
})

/** `inputs`, then what the kernel filled; an address in its place when the call failed. */
const filled = (inputFormats: readonly Format[], output: (ret: unknown) => string): CallDecoder => ({
  enter: (args, style) => inputFormats.map((format, i) => format(args[i], style)),
  exit: (_args, ret) => [isError(ret) ? ADDRESS : output(ret)],
})

/** The first bytes. A buffer whose memory has been transferred has none, and cannot be cut. */
const firstOf = (bytes: Uint8Array, count: number): Uint8Array =>
  bytes.length === 0 ? new Uint8Array(0) : bytes.subarray(0, Math.max(0, count))

/** A buffer that the call fills, then its size and what follows. */
const reads = (lead: number): CallDecoder => ({
  enter: (args, style) => args.slice(0, lead).map((arg) => int(arg, style)),
  exit: (args, ret, style) => {
    const buffer = args[lead]
    const size = buffer instanceof Uint8Array ? buffer.length : number(buffer)
    const got = buffer instanceof Uint8Array && !isError(ret) ? firstOf(buffer, number(ret)) : undefined
    const rest = args.slice(lead + 1).map((arg) => int(arg, style))
    return [got === undefined ? ADDRESS : quoteData(got, style), String(size), ...rest]
  },
})

const writes: CallDecoder = {
  enter: (args, style) => {
    const [fd, data, ...rest] = args
    const size = data instanceof Uint8Array ? data.length : typeof data === 'string' ? utf8Length(data) : 0
    return [int(fd, style), quoteData(data, style), String(size), ...rest.map((arg) => int(arg, style))]
  },
}

const iovec = (buffers: unknown, done: number, style: TextStyle): string => {
  let left = done
  const rows = (Array.isArray(buffers) ? buffers : []).map((buffer: unknown) => {
    const bytes = buffer instanceof Uint8Array ? buffer : new Uint8Array(0)
    const shown = firstOf(bytes, left)
    left -= bytes.length
    return `{iov_base=${quoteData(shown, style)}, iov_len=${bytes.length}}`
  })
  return `[${rows.join(', ')}]`
}

const countOf = (value: unknown): string => String(Array.isArray(value) ? value.length : 0)

/** Calls on signal sets end with the size of a set in their rt_ form; the printer adds it by name. */
export const takesSigsetSize = (name: string): boolean =>
  /^rt_sig(action|procmask|pending|suspend|timedwait)$/.test(name)
export const SIGSET_SIZE = '8'

const status = (ret: unknown): string => {
  const pid = number(field(ret, 'pid'))
  return pid === 0 ? ADDRESS : waitStatusToString(number(field(ret, 'status')))
}

const waitResult = (ret: unknown): string =>
  isError(ret) ? result(ret) : String(number(field(ret, 'pid') ?? ret))

const openArgs = (args: Args, style: TextStyle, formats: readonly Format[]): string[] => {
  const flags = number(args[formats.length - 2])
  const shown = (flags & O_CREAT) === 0 ? formats.length - 1 : formats.length
  return formats.slice(0, shown).map((format, i) => format(args[i] ?? 0, style))
}

const fcntlArg = (cmd: number, arg: unknown, style: TextStyle): string[] => {
  switch (cmd) {
    case F_GETFD:
    case F_GETFL:
      return []
    case F_SETFD:
      return [ofNumber(fdFlags)(arg ?? 0, style)]
    case F_SETFL:
      return [ofNumber(openFlags)(arg ?? 0, style)]
    case F_SETLK:
    case F_SETLKW:
      return [flock(arg)]
    case F_DUPFD:
      return [int(arg ?? 0, style)]
    default:
      return arg === undefined ? [] : [generic(arg, style)]
  }
}

const fcntlResult = (ret: unknown, args: Args): string => {
  if (isError(ret) || typeof ret !== 'number') return result(ret)
  if (args[1] === F_GETFL) return `${hex(ret)} (flags ${openFlags(ret)})`
  return args[1] === F_GETFD && ret !== 0 ? `${hex(ret)} (flags ${fdFlags(ret)})` : String(ret)
}

const pollFds = (value: unknown): string => {
  const rows = Array.isArray(value) ? value : []
  return `[${rows.map((row) => `{fd=${number(field(row, 'fd'))}, events=${pollEvents(number(field(row, 'events')))}}`).join(', ')}]`
}

const pollResult = (ret: unknown, args: Args): string => {
  if (isError(ret)) return result(ret)
  if (ret === 0) return '0 (Timeout)'
  const rows = (Array.isArray(args[0]) ? args[0] : []).filter((row) => number(field(row, 'revents')) !== 0)
  const shown = rows.map(
    (row) => `{fd=${number(field(row, 'fd'))}, revents=${pollEvents(number(field(row, 'revents')))}}`,
  )
  return `${result(ret)} ([${shown.join(', ')}])`
}

/** The call leaves the ready descriptors in the caller's sets. */
const selectResult = (ret: unknown, args: Args): string => {
  if (isError(ret)) return result(ret)
  if (ret === 0) return '0 (Timeout)'
  const sets = ['in', 'out', 'except'].map((name, i) => [name, numbers(args[i + 1])] as const)
  const ready = sets
    .filter(([, fds]) => fds.length > 0)
    .map(([name, fds]) => `${name} ${intList(fds, PLAIN)}`)
  return `${result(ret)} (${ready.join(', ')})`
}

/** struct linux_dirent of i386: inode, offset and length before the name, a NUL and padding after it. */
const direntBytes = (entries: unknown): number =>
  (Array.isArray(entries) ? entries : []).reduce((sum: number, entry) => {
    const name = field(entry, 'name')
    return sum + ((10 + utf8Length(typeof name === 'string' ? name : '') + 1 + 3) & ~3)
  }, 0)

const textLength =
  (extra: number) =>
  (ret: unknown): string =>
    typeof ret === 'string' ? String(utf8Length(ret) + extra) : result(ret)

const fdSet: Format = (value) => (value === null || value === undefined ? 'NULL' : intList(value, PLAIN))

const ids = (count: number): CallDecoder => inputs(...Array.from({ length: count }, () => int))
const threeIds: CallDecoder = {
  enter: () => [],
  exit: (_args, ret) =>
    Array.isArray(ret) ? numbers(ret).map((id) => `[${id}]`) : [ADDRESS, ADDRESS, ADDRESS],
}

/** Every call with a format of its own, by the name in `sys`. */
const CALLS: Readonly<Record<string, CallDecoder>> = {
  // Files
  open: { enter: (args, style) => openArgs(args, style, [path, ofNumber(openFlags), permissions]) },
  openat: { enter: (args, style) => openArgs(args, style, [dirfd, path, ofNumber(openFlags), permissions]) },
  creat: inputs(path, permissions),
  close: ids(1),
  read: reads(1),
  write: writes,
  pread: reads(1),
  pwrite: writes,
  readv: {
    enter: (args, style) => [int(args[0], style)],
    exit: (args, ret, style) => [iovec(args[1], isError(ret) ? 0 : number(ret), style), countOf(args[1])],
  },
  writev: {
    enter: (args, style) => [
      int(args[0], style),
      iovec(args[1], Number.POSITIVE_INFINITY, style),
      countOf(args[1]),
    ],
  },
  lseek: inputs(int, int, ofNumber(whenceName)),
  dup: ids(1),
  dup2: ids(2),
  pipe: filled([], (ret) => intList(ret, PLAIN)),
  fcntl: {
    enter: (args, style) => {
      const cmd = number(args[1])
      const lead = [int(args[0], style), fcntlCommand(cmd)]
      return cmd === F_GETLK ? lead : [...lead, ...fcntlArg(cmd, args[2], style)]
    },
    exit: (args) => (args[1] === F_GETLK ? [flock(args[2])] : []),
    result: fcntlResult,
  },
  flock: inputs(int, ofNumber(flockOperation)),
  ioctl: {
    enter: (args, style) => [int(args[0], style), ofNumber(ioctlName)(args[1], style)],
    exit: (args, ret, style) => {
      if (args.length < 3) return []
      const value = field(args[2], 'value')
      if (value === undefined) return [generic(args[2], style)]
      return [isError(ret) ? ADDRESS : `[${generic(value, style)}]`]
    },
  },
  poll: {
    enter: (args, style) => [pollFds(args[0]), countOf(args[0]), int(args[1], style)],
    result: pollResult,
  },
  select: {
    enter: (args, style) => [
      int(args[0], style),
      fdSet(args[1], style),
      fdSet(args[2], style),
      fdSet(args[3], style),
      msTimeval(args[4], style),
    ],
    result: selectResult,
  },
  ftruncate: ids(2),
  fsync: ids(1),
  fdatasync: ids(1),
  fchdir: ids(1),
  fchmod: inputs(int, permissions),
  fchown: ids(3),
  fstat: filled([int], statOf),
  fstatfs: filled([int], statfs),
  getdents: {
    enter: (args, style) => [int(args[0], style)],
    exit: (args, ret, style) => [
      isError(ret) ? ADDRESS : `/* ${countOf(ret)} entries */`,
      int(args[1] ?? 32768, style),
    ],
    result: (ret) => (Array.isArray(ret) ? String(direntBytes(ret)) : result(ret)),
  },

  // Paths
  stat: filled([path], statOf),
  lstat: filled([path], statOf),
  statfs: filled([path], statfs),
  access: inputs(path, ofNumber(accessMode)),
  mkdir: inputs(path, permissions),
  rmdir: inputs(path),
  unlink: inputs(path),
  rename: inputs(path, path),
  link: inputs(path, path),
  symlink: inputs(path, path),
  readlink: {
    enter: (args, style) => [path(args[0], style)],
    exit: (args, ret, style) => [
      typeof ret === 'string' ? quoteText(ret) : ADDRESS,
      int(args[1] ?? 4096, style),
    ],
    result: textLength(0),
  },
  chmod: inputs(path, permissions),
  chown: inputs(path, int, int),
  lchown: inputs(path, int, int),
  truncate: inputs(path, int),
  utime: {
    enter: (args, style) => {
      const times = args[1]
      if (times === null || times === undefined) return [path(args[0], style), 'NULL']
      return [
        path(args[0], style),
        `{actime=${number(field(times, 'actime'))}, modtime=${number(field(times, 'modtime'))}}`,
      ]
    },
  },
  chdir: inputs(path),
  chroot: inputs(path),
  getcwd: {
    enter: () => [],
    exit: (args, ret) => [
      typeof ret === 'string' ? quoteText(ret) : ADDRESS,
      String(number(args[0] ?? 4096)),
    ],
    result: textLength(1),
  },
  mknod: {
    enter: (args, style) => {
      const type = number(args[1]) & S_IFMT
      const shown = [path(args[0], style), mode(args[1], style)]
      const isDevice = type === S_IFCHR || type === S_IFBLK
      return isDevice ? [...shown, devToString(newDecodeDev(number(args[2])))] : shown
    },
  },
  mount: inputs(path, path, path, ofNumber(mountFlags), path),
  umount: inputs(path),
  umount2: inputs(path, ofNumber(umountFlags)),
  umask: {
    ...inputs(permissions),
    result: (ret) => (isError(ret) ? result(ret) : modeToString(number(ret))),
  },

  // Processes
  exit: ids(1),
  exit_group: ids(1),
  fork: inputs(),
  vfork: inputs(),
  clone: { enter: (args, style) => ['child_stack=NULL', `flags=${ofNumber(cloneFlags)(args[0], style)}`] },
  execve: {
    enter: (args, style) => {
      const argv = Array.isArray(args[1]) ? args[1].map((arg) => quoteData(arg, style)) : []
      return [path(args[0], style), `[${argv.join(', ')}]`, `[/* ${variables(args[2])} vars */]`]
    },
  },
  waitpid: {
    enter: (args, style) => [int(args[0], style)],
    exit: (args, ret, style) => [
      isError(ret) ? ADDRESS : status(ret),
      ofNumber(waitOptionsToString)(args[1] ?? 0, style),
    ],
    result: waitResult,
  },
  wait4: {
    enter: (args, style) => [int(args[0], style)],
    exit: (args, ret, style) => [
      isError(ret) ? ADDRESS : status(ret),
      ofNumber(waitOptionsToString)(args[1] ?? 0, style),
      'NULL',
    ],
    result: waitResult,
  },
  getgroups: {
    enter: () => ['32'],
    exit: (_args, ret) => [isError(ret) ? ADDRESS : intList(ret, PLAIN)],
    result: (ret) => (Array.isArray(ret) ? String(ret.length) : result(ret)),
  },
  setgroups: { enter: (args, style) => [countOf(args[0]), intList(args[0], style)] },
  getresuid: threeIds,
  getresgid: threeIds,
  prctl: {
    enter: (args, style) => [prctlName(args[0], style), ...args.slice(1).map((arg) => generic(arg, style))],
  },
  getpriority: inputs(prioName, int),
  setpriority: inputs(prioName, int, int),
  getrlimit: filled([ofNumber(rlimitName)], rlimit),
  setrlimit: inputs(ofNumber(rlimitName), rlimit),
  getrusage: filled([rusageWho], rusage),
  uname: filled([], (ret) => {
    const name = quoteText(field(ret, 'sysname'))
    return `{sysname=${name}, nodename=${quoteText(field(ret, 'nodename'))}, ...}`
  }),
  sethostname: {
    enter: (args, style) => [
      path(args[0], style),
      String(typeof args[0] === 'string' ? utf8Length(args[0]) : 0),
    ],
  },

  // Signals
  kill: inputs(int, signal),
  tkill: inputs(int, signal),
  tgkill: inputs(int, int, signal),
  sigaction: {
    enter: (args, style) => [signal(args[0], style), sigaction(args[1])],
    exit: (_args, ret) => [isError(ret) ? ADDRESS : sigaction(ret)],
  },
  sigprocmask: {
    enter: (args, style) => [ofNumber(sigprocmaskHow)(args[0], style), sigset(args[1], style)],
    exit: (_args, ret, style) => [isError(ret) ? ADDRESS : sigset(ret, style)],
  },
  sigpending: { enter: () => [], exit: (_args, ret, style) => [isError(ret) ? ADDRESS : sigset(ret, style)] },
  sigsuspend: inputs(sigset),
  sigwaitinfo: sigwait(() => 'NULL'),
  sigtimedwait: sigwait((args, style) => msTimespec(args[1], style)),

  // Time
  time: { enter: () => ['NULL'] },
  gettimeofday: { enter: () => [], exit: (_args, ret) => [isError(ret) ? ADDRESS : timevalOf(ret), 'NULL'] },
  nanosleep: { enter: (args, style) => [msTimespec(args[0], style)], exit: () => ['NULL'] },
  alarm: ids(1),
  setitimer: {
    enter: (args, style) => [itimerName(args[0], style), itimerval(args[1])],
    exit: (_args, ret) => [typeof ret === 'object' ? itimerval(ret) : 'NULL'],
  },
  getitimer: filled([itimerName], itimerval),
}

/** The environment is a list of strings or an object. */
const variables = (env: unknown): number => {
  if (Array.isArray(env)) return env.length
  return typeof env === 'object' && env !== null ? Object.keys(env).length : 0
}

function sigwait(timeout: (args: Args, style: TextStyle) => string): CallDecoder {
  return {
    enter: (args, style) => [sigset(args[0], style)],
    exit: (args, ret, style) => [isSigInfo(ret) ? siginfo(ret) : 'NULL', timeout(args, style)],
    result: (ret) => {
      const signo = isSigInfo(ret) ? ret.signo : ret
      return typeof signo === 'number' && signo > 0 ? `${signo} (${signalName(signo)})` : result(signo)
    },
  }
}

const isSigInfo = (value: unknown): value is SigInfo => typeof field(value, 'signo') === 'number'

/** All rows. */
const ROWS: Readonly<Record<string, CallDecoder>> = { ...CALLS, ...SOCKET_CALLS }

const UNKNOWN: CallDecoder = {
  enter: (args, style) => args.map((arg) => generic(arg, style)),
  result: (ret) => (typeof ret === 'object' && ret !== null ? generic(ret, PLAIN) : result(ret)),
}

/** The decoder of a call; names are those of `sys`, where `exec` is execve. */
export const decoderOf = (name: string): CallDecoder =>
  Object.hasOwn(ROWS, name)
    ? (ROWS[name] ?? UNKNOWN)
    : name === 'exec'
      ? (ROWS['execve'] ?? UNKNOWN)
      : UNKNOWN

/** @internal Names with a format of their own. */
export const decodedCalls = (): string[] => Object.keys(ROWS)
