/**
 * Arguments of system calls: plausible ones, so that calls get somewhere, and hostile ones, so that they must not.
 */
import {
  AT_FDCWD,
  CLONE_FILES,
  CLONE_FS,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  type CoreSys,
  FIONREAD,
  isErr,
  type Program,
  type Sys,
} from 'paleokernel'
import { CORE_CALLS } from '../../src/syscalls/table.js'
import type { Dice } from './dice.js'
import { type Parts, SOCKET_CALLS, SOCKET_IOCTLS, SOCKET_MAKERS } from './socket_arguments.js'

/** What a caller may know of its world. */
export interface Place {
  /** How many descriptors it has had. */
  readonly fds: number
  /** Those that are open, as far as it knows. */
  readonly open: readonly number[]
  readonly pid: number
  /** Pids that exist. */
  readonly pids: readonly number[]
  /** Has the kernel sockets? */
  readonly hasNet?: boolean
}

/** A handler of the host's that throws: a mistake of the host, not of the kernel. */
export class HandlerError extends Error {}

// ---- values --------------------------------------------------------------------------------------------------

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'l', 'm', 'p']
const LONG = 'n'.repeat(255)
const DEEP = 'a/'.repeat(10_000)
const DEEPISH = './'.repeat(2000)
const DOWN = 'd/'.repeat(2000)
const UP = '../'.repeat(1300)
/** Each `long` is a link of 2000 components. */
const LINKED = 'long/long/long/long/long/a'
const ODD_PATHS = [
  '',
  '/',
  '.',
  '..',
  '/..',
  '//a//',
  'a/',
  LONG,
  `${LONG}n`,
  DEEP,
  DEEPISH,
  DOWN,
  UP,
  LINKED,
  'a\0b',
  '\0',
  'é'.repeat(127),
  'é'.repeat(2047),
  '\ud800',
  'loop',
  'loop/a',
  'l1/../l2',
  '/dev/null',
  '/dev/full',
  '/dev/zero',
  '/dev/random',
  '/dev/kmsg',
  '/proc',
  '/proc/self',
  '/proc/self/fd',
  '/proc/self/fd/0',
  '/proc/self/fd/1',
  '/proc/self/cwd/a',
  '/proc/self/exe',
  '/proc/1/stat',
  '/proc/self/environ',
  '/proc/kmsg',
  '/proc/locks',
  '/proc/mounts',
  '/proc/sys/kernel/hostname',
  '/proc/sys/kernel/pid_max',
  '/proc/sys/fs/file-max',
  '/proc/stat',
  '/proc/meminfo',
  '/proc/uptime',
  '/proc/loadavg',
  '/proc/cpuinfo',
  '/proc/filesystems',
  '/proc/devices',
  '/proc/version',
  '/proc/self/status',
  '/proc/self/statm',
  '/proc/self/stat',
  '/proc/self/cmdline',
  '/proc/self/root',
  '/proc/self/mounts',
  '/proc/self/task',
  '/proc/2/status',
  '/proc/3/fd',
  '/proc/sys/kernel',
  '/proc/sys/fs/file-nr',
  '/proc/sys/fs/inode-nr',
  '/proc/sys/kernel/rtsig-nr',
  '/etc/passwd',
  '/bin/walk',
  '/bin/amble',
  '/bin/direct',
  '/bin/script',
  '/mnt/x',
  '/mnt/y/a',
  'fifo',
  'fifo2',
]

function path(dice: Dice): string {
  if (dice.chance(18)) return dice.pick(ODD_PATHS)
  if (dice.chance(50)) return dice.pick(['', '', '/w/']) + dice.pick(NAMES)
  const parts: string[] = []
  for (let n = 1 + dice.below(3); n > 0; n--)
    parts.push(dice.chance(8) ? dice.pick(['..', '.']) : dice.pick(NAMES))
  return dice.pick(['', '', '', '/w/', '/tmp/', '/mnt/x/', '/mnt/y/']) + parts.join('/')
}

const BIG_INTS = [
  -1,
  -2,
  0x7fffffff,
  -0x80000000,
  0xffffffff,
  2 ** 31,
  2 ** 32,
  2 ** 40,
  -(2 ** 40),
  2 ** 53,
  -(2 ** 53),
  1e300,
  4096,
  65535,
]
const OFFSETS = [
  0,
  1,
  10,
  4095,
  4096,
  5000,
  65536,
  70_000,
  1 << 20,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 40,
  2 ** 43,
  2 ** 53 - 1,
  -1,
]
const SIZES = [0, 1, 2, 10, 100, 512, 4095, 4096, 4097, 5000, 8192, 65_536, 70_000]

/** Buffers are the caller's own; the fuzzer's are shared, since nobody looks at what is in them. */
const BUFFERS = SIZES.map((size) => new Uint8Array(size).fill(65))
const USUAL = BUFFERS.slice(0, 9)
const HUGE = new Uint8Array(1 << 20)

/** The usual sizes, and now and then any. */
function buffer(dice: Dice): Uint8Array {
  const n = dice.below(1000)
  if (n < 2) return HUGE
  if (n < 100) return HUGE.subarray(dice.below(7), 7 + dice.below(dice.pick([64, 5000, 70_000])))
  return dice.pick(n < 800 ? USUAL : BUFFERS)
}

const int = (dice: Dice): number => (dice.chance(80) ? dice.below(12) : dice.pick(BIG_INTS))
const offset = (dice: Dice): number => (dice.chance(70) ? dice.below(9000) : dice.pick(OFFSETS))

function fd(dice: Dice, place: Place): number {
  if (place.open.length > 0 && dice.chance(80)) return dice.pick(place.open)
  return dice.chance(25) ? dice.pick(BIG_INTS) : dice.below(place.fds + 2)
}

function pid(dice: Dice, place: Place): number {
  const n = dice.below(20)
  if (n < 12 && place.pids.length > 0) return dice.pick(place.pids)
  if (n < 14) return place.pid
  if (n < 16) return 0
  if (n === 16) return -dice.pick([place.pid, ...place.pids])
  return dice.pick([2, 3, 50, 99999, 2 ** 31, -(2 ** 31), 0.5])
}

const SIGNALS = [1, 2, 10, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 29, 33, 40, 64]
const signal = (dice: Dice): number =>
  dice.chance(92) ? dice.pick(SIGNALS) : dice.pick([0, 9, 65, -1, 1e9, 32])

function signals(dice: Dice): number[] {
  const set: number[] = []
  for (let n = dice.below(4); n > 0; n--) set.push(signal(dice))
  return set
}

const MODES = [0, 0o644, 0o600, 0o755, 0o777, 0o1777, 0o4755, 0o2775, 0o177777]
const mode = (dice: Dice): number => dice.pick(MODES)
const UIDS = [0, 1, 1000, 1001, 65534, 65535, 65536, -1, 2 ** 31]
const id = (dice: Dice): number => dice.pick(UIDS)
const ms = (dice: Dice): number => dice.pick([0, 0, 1, 5, 20, 0.5, 1000])

// ---- hostile values ------------------------------------------------------------------------------------------

function cyclic(): unknown {
  const list: unknown[] = [1]
  list.push(list, { list })
  return list
}

/** A buffer whose memory has gone elsewhere. */
function detached(): unknown {
  const buffer = new Uint8Array(64)
  structuredClone(buffer.buffer, { transfer: [buffer.buffer] })
  return buffer
}

/** A structure that says something else whenever it is asked. */
function shifty(): unknown {
  const answers = [1, 'x', -1, null, 5, [1], undefined, 2 ** 40]
  let asked = 0
  const next = { enumerable: true, get: () => answers[asked++ % answers.length] }
  const names =
    'fd events revents value interval cur max type whence start len pid handler flags mask sec usec priority length'
  return Object.defineProperties({}, Object.fromEntries(names.split(' ').map((name) => [name, next])))
}

/** What no program of the time could have passed. Getters that throw are the caller's own fault and left out. */
const HOSTILE: readonly (() => unknown)[] = [
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => Number.NEGATIVE_INFINITY,
  () => -0,
  () => 0.5,
  () => Number.MAX_SAFE_INTEGER + 2,
  () => 1e308,
  () => undefined,
  () => null,
  () => true,
  () => '',
  () => '12',
  () => 'x'.repeat(100_000),
  () => 12n,
  () => Symbol('s'),
  () => Symbol.iterator,
  () => ({}),
  () => Object.freeze({ fd: 0, events: 1, revents: 0, value: 1, cur: 1, max: 1, pid: 1 }),
  () => Object.freeze([1, 2, 3]),
  () => Object.create(null),
  () => [],
  () => [undefined, null, Number.NaN],
  () => new Array(5),
  () => Array.from({ length: 2000 }, () => 1),
  cyclic,
  () => new Uint8Array(0),
  () => new Uint16Array(4),
  () => new ArrayBuffer(8),
  () => new Map([[1, 2]]),
  () => ({ valueOf: null, toString: null }),
  () => ({ fd: 'x', events: {}, handler: {}, flags: [], mask: 1, type: Number.NaN, len: Symbol('len') }),
  () => ({ length: 3, 0: 1, 1: 2, 2: 3 }),
  () => -(2 ** 31) - 1,
  detached,
  () => new Uint8Array(new SharedArrayBuffer(64)),
  () => Buffer.from('text'),
  shifty,
  () => [shifty(), shifty()],
  () => new Proxy([1, 2, 3], {}),
]

export const hostile = (dice: Dice): unknown => dice.pick(HOSTILE)()

// ---- structures ----------------------------------------------------------------------------------------------

const pollFds = (dice: Dice, place: Place): unknown =>
  Array.from({ length: dice.below(5) }, () => ({ fd: fd(dice, place), events: dice.below(64), revents: 0 }))

const fdSet = (dice: Dice, place: Place): unknown =>
  dice.chance(40) ? null : Array.from({ length: dice.below(4) }, () => fd(dice, place))

const flock = (dice: Dice): unknown => ({
  type: dice.pick([0, 1, 2, 3]),
  whence: dice.pick([0, 0, 0, 1, 2]),
  start: dice.pick([0, 1, 5, 10, -1, 2 ** 31 - 1]),
  len: dice.pick([0, 1, 5, 20, -3, 2 ** 40]),
  pid: 0,
})

/** What a clone runs. */
function* cloned(sys: Sys): Program {
  yield* sys.getpid()
  const fds = yield* sys.pipe()
  if (!isErr(fds)) yield* sys.write(fds[1], BUFFERS[2] ?? HUGE)
  yield* sys.nanosleep(3)
  yield* sys.open('/w/a', 0o102, 0o600)
  return 0
}

const CLONE_FLAGS = [CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD, CLONE_VFORK, 17]

const HANDLERS: readonly unknown[] = [
  0,
  1,
  () => {},
  (_sig: number, _info: object) => 1,
  () => {
    throw new HandlerError('a handler of the host has thrown')
  },
]

const action = (dice: Dice): unknown => ({
  handler: dice.below(12) === 0 ? HANDLERS[4] : dice.pick(HANDLERS.slice(0, 4)),
  flags: dice.pick([0, 0x10000000, 0x40000000, 1, 2, 0x80000000 | 0]),
  mask: signals(dice),
})

const iovec = (dice: Dice): unknown => Array.from({ length: dice.below(4) }, () => buffer(dice))

const OPEN_FLAGS = [1, 2, 3, 0o100, 0o200, 0o1000, 0o2000, 0o4000, 0o200000, 0o400000, 0o20000, 0o1000000]
const FSTYPES = ['ramfs', 'tmpfs', 'proc', 'devfs', 'pipefs', 'ext2', '', 'x'.repeat(5000)]
const MOUNT_OPTIONS = [
  '',
  'size=64k',
  'size=8k,nr_inodes=9',
  'mode=777',
  'size=0',
  'uid=1000',
  'nonsense',
  'size=99999999999g',
]
const MOUNT_FLAGS = [0, 1, 2, 4, 8, 32, 1024, 4096, 8192, 16384, 0xc0ed0000 | 0]

type Maker = (dice: Dice, place: Place) => unknown[]

/** Calls whose arguments mean something together. */
const MAKERS: Readonly<Record<string, Maker>> = {
  open: (d) => [path(d), d.flags(OPEN_FLAGS), mode(d)],
  creat: (d) => [path(d), mode(d)],
  openat: (d, p) => [d.chance(30) ? AT_FDCWD : fd(d, p), path(d), d.flags(OPEN_FLAGS), mode(d)],
  mkdir: (d) => [path(d), mode(d)],
  chmod: (d) => [path(d), mode(d)],
  fchmod: (d, p) => [fd(d, p), mode(d)],
  chown: (d) => [path(d), id(d), id(d)],
  lchown: (d) => [path(d), id(d), id(d)],
  fchown: (d, p) => [fd(d, p), id(d), id(d)],
  mknod: (d) => [
    path(d),
    d.pick([0o10000, 0o10000, 0o20000, 0o60000, 0o100000, 0o140000, 0, 0o40000]) | mode(d),
    d.below(2000),
  ],
  symlink: (d) => [d.chance(30) ? d.pick(['loop', 'l1', 'l2', '..', 'a']) : path(d), path(d)],
  readlink: (d) => [path(d), d.pick([undefined, 0, 5, 4096, -1, Number.NaN])],
  lseek: (d, p) => [fd(d, p), offset(d), d.below(4)],
  utime: (d) => [path(d), d.pick([null, { actime: 1, modtime: 2 }, { actime: -5, modtime: 1e12 }])],
  umask: (d) => [mode(d)],
  access: (d) => [path(d), d.below(9)],
  getdents: (d, p) => [fd(d, p), d.pick([0, 10, 40, 500, 32_768, undefined])],
  readv: (d, p) => [fd(d, p), iovec(d)],
  writev: (d, p) => [fd(d, p), iovec(d)],
  fcntl: (d, p) => {
    const cmd = d.pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 99])
    const isLock = (cmd >= 5 && cmd <= 7) || cmd >= 12
    return [
      fd(d, p),
      cmd,
      isLock
        ? flock(d)
        : cmd === 8
          ? pid(d, p)
          : cmd === 10
            ? signal(d)
            : d.pick([0, 1, 5, 40, 0o4000, 0o20000, 0o2000]),
    ]
  },
  flock: (d, p) => [fd(d, p), d.pick([1, 2, 8, 5, 6, 32, 33, 160])],
  ioctl: (d, p) => [
    fd(d, p),
    d.pick([...(p.hasNet === true ? SOCKET_IOCTLS : []), FIONREAD, 0x5421, 0x5450, 0x5451, 0x5452, 1, 2]),
    d.pick([{ value: 1 }, { value: 0 }, 1, 0, HUGE, undefined]),
  ],
  poll: (d, p) => [pollFds(d, p), d.pick([0, 0, 5, 100_000, -1])],
  select: (d, p) => [
    d.pick([0, 3, 10, 64, 1024]),
    fdSet(d, p),
    fdSet(d, p),
    fdSet(d, p),
    d.pick([0, 0, 5, 100_000, null, undefined]),
  ],
  mount: (d) => [
    d.pick(['none', path(d), null]),
    path(d),
    d.pick(FSTYPES),
    d.flags(MOUNT_FLAGS),
    d.pick(MOUNT_OPTIONS),
  ],
  umount2: (d) => [path(d), d.pick([0, 1, 2, 3, 8])],
  clone: (d) => [d.flags(CLONE_FLAGS) | (d.chance(60) ? 17 : 0), d.pick([cloned, cloned, null, undefined])],
  execve: (d) => [
    d.chance(70) ? d.pick(['/bin/walk', '/bin/amble', '/bin/direct', '/bin/script', '/etc/passwd']) : path(d),
    d.pick([[], ['walk', String(d.next()), String(d.below(20))], ['x'.repeat(200_000)]]),
    d.pick([[], ['A=b'], { A: 'b' }]),
  ],
  wait4: (d, p) => [
    d.chance(60) ? -1 : pid(d, p),
    d.pick([0, 1, 1, 2, 3, 8, 9, 0x40000000, 0x20000000, 0x80000000 | 0]),
  ],
  kill: (d, p) => [d.below(400) === 0 ? -1 : pid(d, p), signal(d)],
  tkill: (d, p) => [pid(d, p), signal(d)],
  tgkill: (d, p) => [pid(d, p), pid(d, p), signal(d)],
  sigqueue: (d, p) => [pid(d, p), signal(d), int(d)],
  sigaction: (d) => [signal(d), d.chance(80) ? action(d) : null],
  sigprocmask: (d) => [d.below(4), d.chance(80) ? signals(d) : null],
  sigsuspend: (d) => [signals(d)],
  sigwaitinfo: (d) => [signals(d)],
  sigtimedwait: (d) => [signals(d), d.pick([0, 0, 3, 20, null])],
  setitimer: (d) => [
    d.below(4),
    d.pick([{ interval: 0, value: ms(d) }, { interval: 50, value: 5 }, { interval: 0, value: 0 }, null]),
  ],
  getitimer: (d) => [d.below(4)],
  alarm: (d) => [d.pick([0, 1, 5, -1])],
  nanosleep: (d) => [ms(d), d.pick([undefined, { value: 0 }, null])],
  setrlimit: (d) => [
    d.below(16),
    d.pick([
      { cur: 5, max: 100 },
      { cur: 200, max: 1024 },
      { cur: -1, max: -1 },
      { cur: 0, max: 0 },
      { cur: 8192, max: 1e6 },
    ]),
  ],
  setpgid: (d, p) => [pid(d, p), d.chance(50) ? 0 : pid(d, p)],
  getpgid: (d, p) => [pid(d, p)],
  getsid: (d, p) => [pid(d, p)],
  setuid: (d) => [id(d)],
  setresuid: (d) => [id(d), id(d), id(d)],
  setreuid: (d) => [id(d), id(d)],
  setgroups: (d) => [d.pick([[], [1, 2, 3], [65_536, -1], Array.from({ length: 33 }, () => 1)])],
  capget: (d, p) => [d.pick([undefined, pid(d, p), { version: 1, pid: 0 }, { version: 0x19980330, pid: 0 }])],
  capset: (d, p) => [
    d.pick([0, undefined, pid(d, p)]),
    d.pick([
      { effective: d.next() | 0, permitted: -1, inheritable: d.pick([0, -1]) },
      { effective: 0, permitted: 0, inheritable: 0 },
      { effective: 1, permitted: 3, inheritable: 1 },
    ]),
  ],
  prctl: (d) => [d.below(20), d.pick([0, 1, 2, 9, 'name', 'x'.repeat(100), undefined])],
  setpriority: (d, p) => [d.below(4), pid(d, p), d.pick([-30, -5, 0, 5, 19, 100])],
  getpriority: (d, p) => [d.below(4), pid(d, p)],
  nice: (d) => [d.pick([-50, -1, 0, 1, 50])],
  syslog: (d) => [d.below(12), buffer(d), d.pick([undefined, 0, 10, 1e6, -1])],
  settimeofday: (d) => [d.pick([{ sec: 1e9, usec: 0 }, { sec: 0, usec: 2e6 }, null])],
  sched_setscheduler: (d, p) => [pid(d, p), d.below(4), d.pick([{ priority: 0 }, { priority: 50 }, null])],
  sched_setparam: (d, p) => [pid(d, p), { priority: d.pick([0, 0, 1, 99, -1]) }],
  reboot: (d) => [
    d.pick([0xfee1dead, 0xfee1dead | 0, 0]),
    d.pick([672274793, 85072278, 0]),
    d.pick([0, 0x89abcdef, 0x4321fedc, 0x1234567, 0xcdef0123]),
  ],
  setfsuid: (d) => [id(d)],
  ftruncate: (d, p) => [fd(d, p), offset(d)],
  truncate: (d) => [path(d), offset(d)],
  exit: (d) => [int(d)],
}

const BY_NAME = new Map(CORE_CALLS.map((row) => [row.name, row]))

/** Arguments by the kinds of a call's row. */
function byKind(name: string, dice: Dice, place: Place): unknown[] {
  return (BY_NAME.get(name)?.kinds ?? []).map((kind) => {
    switch (kind) {
      case 'path':
        return path(dice)
      case 'fd':
        return fd(dice, place)
      case 'buf':
        return buffer(dice)
      case 'off':
        return offset(dice)
      case 'int':
      case 'int?':
        return int(dice)
      default:
        return hostile(dice)
    }
  })
}

/** Calls that are rarer than others: they end things, or stop them. */
const RARE: ReadonlySet<string> = new Set([
  'exit',
  'exit_group',
  'chroot',
  'setuid',
  'setresuid',
  'setreuid',
  'capset',
  'setrlimit',
])
/** Calls that are more frequent: the rest lives on what they make. */
const OFTEN: readonly string[] =
  'open open creat read write mkdir pipe fork dup2 close close close fcntl symlink link rename unlink mknod kill wait4 poll mount'.split(
    ' ',
  )

const ALL = [...BY_NAME.keys()]
/** A few names that the kernel does not have or does not model. */
const ABSENT: readonly string[] = ['ptrace', 'mmap', 'socket', 'init_module', 'bdflush']

export type CallName = keyof CoreSys

const partsOf = (dice: Dice, place: Place): Parts => ({
  fd: () => fd(dice, place),
  path: () => path(dice),
  buffer: () => buffer(dice),
  int: () => int(dice),
  hostile: () => hostile(dice),
  pid: place.pid,
})

/** Which call, and with what. */
export function randomCall(dice: Dice, place: Place): { readonly name: CallName; readonly args: unknown[] } {
  if (place.hasNet === true && dice.chance(45)) {
    const name = dice.pick(SOCKET_CALLS)
    const args = SOCKET_MAKERS[name]?.(dice, partsOf(dice, place)) ?? []
    if (dice.chance(4)) args[dice.below(args.length)] = hostile(dice)
    return { name: name as CallName, args }
  }
  let name = dice.chance(35) ? dice.pick(OFTEN) : dice.pick(ALL)
  if (RARE.has(name) && !dice.chance(15)) name = dice.pick(OFTEN)
  if (dice.below(500) === 0) name = dice.pick(ABSENT)
  const args = (MAKERS[name] ?? ((d, p) => byKind(name, d, p)))(dice, place)
  if (dice.chance(8)) args[dice.below(Math.max(args.length, 1))] = hostile(dice)
  if (dice.chance(1)) args.length = dice.below(args.length + 1)
  return { name: name as CallName, args }
}

/** Puts the shared buffers back: a run must not depend on the one before. */
export function refill(): void {
  for (const shared of [...BUFFERS, HUGE]) shared.fill(65)
}
