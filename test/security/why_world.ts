/**
 * Random small worlds for the counterfactual test of `kernel.why`: users and groups, directories and files with odd
 * modes and flags, mounts, limits, a policy module with a few hooks; and random calls in them.
 *
 * A world and a call are lists of numbers, so that a failing one can be cut down to what matters.
 */
import fc from 'fast-check'
import {
  CAP_INIT_EFF_SET,
  createKernel,
  DIRECT,
  defineModule,
  EACCES,
  EIO,
  EPERM,
  F_SETFL,
  type Inode,
  isErr,
  type Kernel,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REMOUNT,
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_NOATIME,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  type Process,
  type Profile,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFREG,
  type SecurityHooks,
  SIG_BLOCK,
  SIGCONT,
  SIGKILL,
  SIGTERM,
  SIGUSR1,
  SIGXFSZ,
  type Task,
} from 'paleokernel'
import { asCapSet, newEncodeDev, oldEncodeDev } from '../../src/abi/brand.js'
import { credWith } from '../../src/kernel/cred.js'
import type { KernelCore } from '../../src/kernel/kernel.js'
import { withRlimit } from '../../src/kernel/rlimit.js'
import { TF_FORKNOEXEC } from '../../src/kernel/task.js'
import { compileHooks } from '../../src/security/chain.js'
import { S_APPEND, S_IMMUTABLE } from '../../src/vfs/inode.js'
import { coreOf, taskOf } from '../helpers/world.js'

type Numbers = readonly number[]

/** A world: a list of numbers for each of its parts. */
export interface WorldSpec {
  readonly profile: Profile
  /** Milliseconds that a call costs: processor limits run out where it is not 0. */
  readonly syscallTime: number
  readonly dirs: readonly Numbers[]
  readonly files: readonly Numbers[]
  readonly mounts: readonly Numbers[]
  readonly actors: readonly Numbers[]
  readonly hooks: readonly Numbers[]
}

/** Who calls, what, and four numbers to make the arguments from. */
export type CallSpec = Numbers

const numbers = (length: number): fc.Arbitrary<number[]> =>
  fc.array(fc.nat({ max: 9999 }), { minLength: length, maxLength: length, size: 'max' })

export const worldSpec: fc.Arbitrary<WorldSpec> = fc.record({
  profile: fc.constantFrom<Profile>('2.0.35', '2.2.12', '2.6.14'),
  syscallTime: fc.constantFrom(0, 0, 0, 400),
  dirs: fc.array(numbers(5), { minLength: 1, maxLength: 5, size: 'max' }),
  files: fc.array(numbers(6), { maxLength: 10, size: 'max' }),
  mounts: fc.array(numbers(3), { maxLength: 2, size: 'max' }),
  actors: fc.array(numbers(7), { minLength: 2, maxLength: 4, size: 'max' }),
  hooks: fc.array(numbers(2), { maxLength: 3, size: 'max' }),
})

export const callSpecs = (max: number): fc.Arbitrary<CallSpec[]> =>
  fc.array(numbers(6), { minLength: 1, maxLength: max, size: 'max' })

/** One of a list, by any number. */
const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T

// ---- the policy module ---------------------------------------------------------------------------------------

export type HookTable = { [N in keyof SecurityHooks]?: SecurityHooks[N] }

/** Each hook refuses a third or so of what it is asked, depending on `salt`, always the same. */
const HOOK_MAKERS: readonly ((salt: number) => HookTable)[] = [
  (salt) => ({ syscallEnter: (_current, name) => no(salt, name.length * 5, 6) }),
  (salt) => ({ capable: (_current, capability) => no(salt, capability, 2) }),
  (salt) => ({ inodePermission: (_current, inode, mask) => no(salt, inode.ino + mask, 5) }),
  (salt) => ({ inodePermission: (_current, inode) => no(salt, inode.mode >> 3, 7) }),
  (salt) => ({
    inodeCreate: (_current, dir) => no(salt, dir.ino, 2),
    inodeMkdir: (_current, dir) => no(salt, dir.ino, 2),
  }),
  (salt) => ({
    inodeUnlink: (_current, dir) => no(salt, dir.ino, 2),
    inodeRmdir: (_current, dir) => no(salt, dir.ino, 2),
    inodeRename: (_current, dir) => no(salt, dir.ino, 2),
  }),
  (salt) => ({
    inodeLink: (_current, old) => no(salt, old.inode?.ino ?? 0, 2),
    inodeSymlink: (_current, dir) => no(salt, dir.ino, 2),
    inodeMknod: (_current, dir) => no(salt, dir.ino, 2),
  }),
  (salt) => ({ inodeSetattr: (_current, inode) => no(salt, inode.ino, 2) }),
  (salt) => ({
    inodeGetattr: (_current, inode) => no(salt, inode.ino, 3),
    inodeReadlink: (_current, inode) => no(salt, inode.ino, 2),
    inodeFollowLink: (_current, inode) => no(salt, inode.ino, 2),
  }),
  (salt) => ({ filePermission: (_current, file, mask) => no(salt, file.inode.ino + mask, 2) }),
  (salt) => ({ fileOpen: (_current, file) => no(salt, file.inode.ino, 3) }),
  (salt) => ({ fileFcntl: (_current, file) => no(salt, file.inode.ino, 2) }),
  (salt) => ({
    sbMount: () => no(salt, 0, 2),
    sbUmount: () => no(salt, 0, 2),
    sbStatfs: () => no(salt, 0, 2),
  }),
  (salt) => ({
    taskCreate: (current) => no(salt, current.pid, 2),
    taskSetpgid: (_current, target) => no(salt, target.pid, 2),
    taskGetpgid: (_current, target) => no(salt, target.pid, 2),
  }),
  (salt) => ({
    taskSetuid: (current) => no(salt, current.pid, 2),
    taskSetgid: (current) => no(salt, current.pid, 2),
    taskSetgroups: (current) => no(salt, current.pid, 2),
  }),
  (salt) => ({
    taskSetnice: (_current, target) => no(salt, target.pid, 2),
    taskSetrlimit: (_current, resource) => no(salt, resource, 2),
  }),
  (salt) => ({ taskKill: (_current, target) => no(salt, target.pid, 2) }),
  (salt) => ({ bprmCheck: (_current, inode) => no(salt, inode.ino, 2) }),
]

/** 0, or for every `every`th number a refusal. */
const no = (salt: number, n: number, every: number): number =>
  (n + (salt >> 2)) % every === 0 ? pick([EACCES, EPERM, EACCES, EIO], salt) : 0

/** The hooks of a world. */
export const hooksOf = (spec: WorldSpec): HookTable =>
  Object.assign({}, ...spec.hooks.map(([which = 0, salt = 0]) => pick(HOOK_MAKERS, which)(salt)))

const policy = (hooks: HookTable) =>
  defineModule({ name: 'policy', init: () => ({}), attach: () => ({ api: {}, hooks }) })

// ---- building ------------------------------------------------------------------------------------------------

/** A kernel and what there is in it. */
export interface World {
  readonly spec: WorldSpec
  readonly k: Kernel
  /** Paths that exist, and some that do not. */
  readonly paths: readonly string[]
  readonly dirs: readonly string[]
  /** Pids of the processes that make calls; children join. */
  readonly pids: number[]
}

const MODES = [0o777, 0o1777, 0o755, 0o711, 0o700, 0o070, 0o007, 0o2775, 0o1070, 0o111, 0o444, 0o666]
/** A usual mode, or any. */
const modeOf = (n: number): number => (n % 5 === 0 ? (n * 7919) & 0o7777 : pick(MODES, n))
const IDS = [0, 1, 2, 3]
const MOUNT_FLAGS = [MS_RDONLY, MS_NOEXEC, MS_NODEV, MS_NOSUID, MS_RDONLY | MS_NODEV, 0]

/** The inode at a path, as root finds it. */
const inodeAt = (root: Process, k: Kernel, path: string): Inode | undefined => {
  const stat = root.sys.lstat(path)
  return isErr(stat) ? undefined : inodesOf(coreOf(k)).get(`${stat.dev}:${stat.ino}`)
}

/** All inodes that have a name or are open, by 'dev:ino' as stat(2) gives them. */
export function inodesOf(k: KernelCore): Map<string, Inode> {
  const inodes = new Map<string, Inode>()
  const encode = k.facts.devBits === 16 ? oldEncodeDev : newEncodeDev
  const add = (inode: Inode | null): void => {
    if (inode !== null) inodes.set(`${encode(inode.sb.dev)}:${inode.ino}`, inode)
  }
  for (const { root } of k.state.superBlocks) {
    const queue = root === null ? [] : [root]
    for (const dentry of queue) {
      add(dentry.inode)
      queue.push(...(dentry.children?.values() ?? []))
    }
  }
  for (const task of k.state.tasks.values()) for (const file of task.files.files) if (file) add(file.inode)
  return inodes
}

function makeFile(root: Process, k: Kernel, path: string, kind: number, to: string): void {
  switch (kind % 8) {
    case 0:
      root.sys.mknod(path, S_IFIFO | 0o666, 0)
      break
    case 1:
      root.sys.mknod(path, S_IFCHR | 0o666, 0x103)
      break
    case 2:
      root.sys.symlink(to, path)
      break
    case 3:
      k.install(path, DIRECT)
      break
    default:
      root.sys.close(Number(root.sys.open(path, O_CREAT | O_WRONLY, 0o666)) as never)
  }
}

/** Opens descriptors 0 to 3 for an actor that it might not be able to open itself. */
function equip(
  root: Process,
  actor: Process,
  files: readonly string[],
  dirs: readonly string[],
  n: number,
): void {
  const task = taskOf(actor)
  const { cred } = task
  task.cred = taskOf(root).cred
  const open = (path: string, flags: number): void => {
    if (isErr(actor.sys.open(path, flags | O_NONBLOCK))) actor.sys.open('/', O_RDONLY)
  }
  open(pick([...files, '/'], n), O_RDWR)
  const [reader, writer] = actor.libc.pipe()
  actor.sys.close(reader)
  actor.sys.dup2(writer, reader)
  actor.sys.close(writer)
  open(pick(dirs, n) || '/', O_RDONLY)
  open(pick([...files, '/'], n >> 3), O_WRONLY)
  const program = files.find((path) => actor.sys.access(path, 1) === 0)
  if (n % 5 === 0 && program !== undefined) actor.sys.execve(program, ['x'], [])
  if (n % 3 === 0) actor.sys.sigprocmask(SIG_BLOCK, [34, SIGXFSZ])
  task.cred = cred
}

/** Children of an actor: some in sessions and groups of their own. */
function bear(k: Kernel, pids: number[], pid: number, n: number): void {
  const parent = k.process(pid)
  for (let left = n % 3; left > 0; left--) {
    const child = k.process(Number(parent?.sys.fork()))
    if (child === undefined) return
    pids.push(child.pid)
    if (n % 7 === 0) child.sys.setsid()
    if (n % 7 === 1) child.sys.setpgid(0, 0)
    if (n % 7 === 2) taskOf(child).flags &= ~TF_FORKNOEXEC
  }
}

/** Gives an actor its credentials and limits. */
function setUp(task: Task, caps: number, fsuid: number, limits: number): void {
  const all = Number(CAP_INIT_EFF_SET)
  const set = asCapSet(caps % 4 === 0 ? all : caps % 4 === 1 ? (caps * 2654435761) & all : 0)
  task.cred = credWith(task.cred, {
    capEffective: set,
    capPermitted: set,
    fsuid: fsuid % 6 === 0 ? pick(IDS, fsuid) : task.cred.fsuid,
  })
  const { group } = task
  if (limits % 3 === 0) group.rlimits = withRlimit(group.rlimits, 7, 3 + (limits % 4), 8)
  if (limits % 4 === 0) group.rlimits = withRlimit(group.rlimits, 1, 10, 20)
  if (limits % 5 === 0) group.rlimits = withRlimit(group.rlimits, 6, 1 + (limits % 3), 4)
  if (limits % 7 === 0) group.rlimits = withRlimit(group.rlimits, 0, 2, 4)
  if (limits % 4 === 1 && group.rlimits.length > 11) group.rlimits = withRlimit(group.rlimits, 11, 1, 2)
}

/** Builds a world. */
export function buildWorld(spec: WorldSpec): World {
  const { profile, syscallTime } = spec
  const k = createKernel({ profile, syscallTime, rootfs: 'empty', modules: [policy(hooksOf(spec))] })
  const core = coreOf(k)
  const { security, syscallHooked } = core
  // Root builds undisturbed.
  withoutHooks(core, {})
  const root = k.spawn({ umask: 0 })
  root.sys.mkdir('/proc', 0o555)
  root.sys.mount('none', '/proc', 'proc', 0, '')
  const dirs = ['']
  for (const [i, [parent = 0]] of spec.dirs.entries()) {
    const path = `${pick(dirs, parent)}/d${i}`
    root.sys.mkdir(path, 0o777)
    dirs.push(path)
  }
  const mounted: [string, number][] = []
  for (const [at = 0, flags = 0, how = 0] of spec.mounts) {
    const path = pick(dirs.slice(1), at)
    const isBind = how % 3 === 0 && profile === '2.6.14'
    const failed = isBind
      ? root.sys.mount(pick(dirs.slice(1), how), path, '', MS_BIND, '')
      : root.sys.mount('none', path, 'ramfs', 0, '')
    if (failed === 0) mounted.push([path, pick(MOUNT_FLAGS, flags)])
  }
  const files: string[] = []
  for (const [i, [dir = 0, kind = 0, to = 0]] of spec.files.entries()) {
    const path = `${pick(dirs, dir)}/f${i}`
    if (!isErr(root.sys.stat(pick(dirs, dir) || '/')))
      makeFile(root, k, path, kind, pick([...dirs, ...files], to) || '/')
    files.push(path)
  }
  const named: readonly (readonly [string, Numbers])[] = [
    ...spec.dirs.map((list, i) => [dirs[i + 1] ?? '', list.slice(1)] as const),
    ...spec.files.map((list, i) => [files[i] ?? '', list.slice(2)] as const),
  ]
  for (const [path, [mode = 0, uid = 0, gid = 0, flags = 0]] of named) {
    const inode = inodeAt(root, k, path)
    if (inode === undefined) continue
    inode.mode = (inode.mode & ~0o7777) | modeOf(mode)
    inode.uid = pick(IDS, uid)
    inode.gid = pick(IDS, gid)
    if (flags % 12 === 0) inode.flags |= S_IMMUTABLE
    else if (flags % 12 === 1) inode.flags |= S_APPEND
  }
  for (const [path, flags] of mounted) root.sys.mount('none', path, 'ramfs', MS_REMOUNT | flags, '')
  const pids = spec.actors.map(([uid = 0, gid = 0, groups = 0, caps = 0, fsuid = 0, limits = 0]) => {
    const actor = k.spawn({
      uid: pick(IDS, uid),
      gid: pick(IDS, gid),
      groups: groups % 2 === 0 ? [] : [pick(IDS, groups >> 1)],
      umask: 0,
    })
    equip(root, actor, files, dirs, caps)
    setUp(taskOf(actor), caps, fsuid, limits)
    return actor.pid
  })
  for (const [i, [family = 0]] of spec.actors.map((list) => list.slice(6)).entries())
    bear(k, pids, pids[i] ?? 0, family)
  core.security = security
  core.syscallHooked = syscallHooked
  const missing = dirs.map((dir) => `${dir}/new`)
  const paths = [...dirs.map((dir) => dir || '/'), ...files, ...files, ...missing, ...missing, ...PROC_PATHS]
  return { spec, k, paths, dirs: dirs.map((dir) => dir || '/'), pids }
}

const PROC_PATHS = [
  '/proc/1/environ',
  '/proc/1/fd/0',
  '/proc/1/cwd',
  '/proc/new',
  '/proc/sys/kernel/hostname',
  '/proc/sys/kernel/cap-bound',
]

/** Takes all hooks out of a kernel but these. */
export function withoutHooks(k: KernelCore, rest: HookTable): void {
  const { hooks, used } = compile(rest)
  k.security = hooks
  k.syscallHooked = used.has('syscallEnter')
}

// ---- calls ---------------------------------------------------------------------------------------------------

/** A call as it will be made. */
export interface Call {
  readonly pid: number
  readonly name: string
  readonly args: readonly unknown[]
}

type Arguments = (w: World, a: number, b: number, c: number) => readonly unknown[]

const path = (w: World, n: number): string => pick(w.paths, n)
const id = (n: number): number => pick([0, 1, 2, 3, -1], n)
const fd = (n: number): number => n % 5
const pid = (w: World, n: number): number => pick([...w.pids, 1, 0, ...w.pids], n)
const signal = (n: number): number => pick([0, SIGUSR1, SIGCONT, SIGTERM, 0, SIGCONT, SIGKILL, 0], n)
const openFlags = (n: number): number =>
  O_NONBLOCK |
  pick([O_RDONLY, O_WRONLY, O_RDWR], n) |
  pick([0, 0, O_CREAT, O_CREAT, O_CREAT | O_EXCL, O_TRUNC, O_APPEND, O_NOATIME, O_CREAT | O_TRUNC], n >> 2)

/** Every call with the way to make its arguments. Those that matter most are there more than once. */
const CALLS: readonly (readonly [name: string, args: Arguments])[] = [
  ['open', (w, a, b, c) => [path(w, a), openFlags(b), modeOf(c)]],
  ['open', (w, a, b, c) => [path(w, a), openFlags(b), modeOf(c)]],
  ['open', (w, a, b, c) => [path(w, a), openFlags(b), modeOf(c)]],
  ['creat', (w, a, b) => [path(w, a), modeOf(b)]],
  ['stat', (w, a) => [path(w, a)]],
  ['lstat', (w, a) => [path(w, a)]],
  ['access', (w, a, b) => [path(w, a), b & 7]],
  ['unlink', (w, a) => [path(w, a)]],
  ['unlink', (w, a) => [path(w, a)]],
  ['rmdir', (w, a) => [path(w, a)]],
  ['mkdir', (w, a, b) => [path(w, a), modeOf(b)]],
  [
    'mknod',
    (w, a, b, c) => [path(w, a), pick([S_IFREG, S_IFIFO, S_IFCHR, S_IFBLK, S_IFDIR], b) | modeOf(c), 0x103],
  ],
  ['rename', (w, a, b) => [path(w, a), path(w, b)]],
  ['rename', (w, a, b) => [path(w, a), path(w, b)]],
  ['link', (w, a, b) => [path(w, a), path(w, b)]],
  ['symlink', (w, a, b) => [path(w, a), path(w, b)]],
  ['readlink', (w, a) => [path(w, a)]],
  ['chmod', (w, a, b) => [path(w, a), modeOf(b)]],
  ['chown', (w, a, b, c) => [path(w, a), id(b), id(c)]],
  ['lchown', (w, a, b, c) => [path(w, a), id(b), id(c)]],
  ['utime', (w, a, b) => [path(w, a), b % 2 === 0 ? null : { actime: 1, modtime: 2 }]],
  ['truncate', (w, a, b) => [path(w, a), b % 40]],
  ['ftruncate', (_w, a, b) => [fd(a), b % 40]],
  ['fchmod', (_w, a, b) => [fd(a), modeOf(b)]],
  ['fchown', (_w, a, b, c) => [fd(a), id(b), id(c)]],
  ['write', (_w, a, b) => [fd(a), new Uint8Array(b % 30)]],
  ['write', (_w, a, b) => [fd(a), new Uint8Array(b % 30)]],
  [
    'fcntl',
    (_w, a, b) => [fd(a), F_SETFL, pick([O_NONBLOCK, O_NONBLOCK | O_NOATIME, O_APPEND | O_NONBLOCK], b)],
  ],
  ['dup', (_w, a) => [fd(a)]],
  ['dup2', (_w, a, b) => [fd(a), b % 9]],
  ['pipe', () => []],
  ['close', (_w, a) => [fd(a)]],
  ['chdir', (w, a) => [path(w, a)]],
  ['fchdir', (_w, a) => [fd(a)]],
  ['chroot', (_w) => ['/']],
  ['statfs', (w, a) => [path(w, a)]],
  [
    'mount',
    (w, a, b) => ['none', pick(w.dirs, a), 'ramfs', pick([0, MS_REMOUNT | pick(MOUNT_FLAGS, b)], b), ''],
  ],
  ['umount', (w, a) => [pick(w.dirs, a)]],
  ['kill', (w, a, b) => [pid(w, a), signal(b)]],
  ['kill', (w, a, b) => [-pid(w, a), signal(b)]],
  ['tkill', (w, a, b) => [pid(w, a), signal(b)]],
  ['sigqueue', (w, a, b) => [pid(w, a), b % 2 === 0 ? 34 : SIGCONT, 1]],
  ['sigqueue', (w, a) => [pid(w, a), 34, 1]],
  ['setuid', (_w, a) => [pick(IDS, a)]],
  ['setreuid', (_w, a, b) => [id(a), id(b)]],
  ['setresuid', (_w, a, b, c) => [id(a), id(b), id(c)]],
  ['setgid', (_w, a) => [pick(IDS, a)]],
  ['setregid', (_w, a, b) => [id(a), id(b)]],
  ['setresgid', (_w, a, b, c) => [id(a), id(b), id(c)]],
  ['setfsuid', (_w, a) => [pick(IDS, a)]],
  ['setgroups', (_w, a) => [[pick(IDS, a)]]],
  ['setpgid', (w, a, b) => [pid(w, a), pick([0, pid(w, b)], b)]],
  ['setpgid', (w, a, b) => [pid(w, a), pick([0, pid(w, b)], b)]],
  ['getpgid', (w, a) => [pid(w, a)]],
  ['setsid', () => []],
  ['setpriority', (w, a, b) => [0, pid(w, a), (b % 21) - 10]],
  ['nice', (_w, a) => [(a % 21) - 10]],
  ['setrlimit', (_w, a, b) => [pick([0, 1, 6, 7], a), { cur: b % 9, max: pick([8, 9, 20, 2_000_000], b) }]],
  ['sched_setscheduler', (w, a, b) => [pid(w, a), b % 2, { priority: b % 2 }]],
  ['sethostname', () => ['host']],
  ['settimeofday', () => [{ sec: 1, usec: 0 }]],
  ['capset', (_w, a, b) => [0, capSets(a, b)]],
  ['reboot', () => [0, 0, 0]],
  ['vhangup', () => []],
  ['syslog', () => [6]],
  ['fork', () => []],
  ['fork', () => []],
  ['execve', (w, a) => [path(w, a), ['x'], []]],
]

function capSets(a: number, b: number): object {
  const permitted = (1 << (a % 27)) | (1 << (b % 27))
  return { effective: 1 << (a % 27), permitted, inheritable: permitted }
}

/** Two calls are made more by few: those of a kind that has few ways to be refused come rarely. */
export function callOf(w: World, [who = 0, what = 0, a = 0, b = 0, c = 0]: CallSpec): Call {
  const [name, args] = pick(CALLS, what)
  return { pid: pick(w.pids, who), name, args: args(w, a, b, c) }
}

/** Makes a call in any copy of the kernel. Undefined: the process is not there, or the call would sleep for ever. */
export function makeCall(
  k: Kernel,
  call: Call,
): { readonly process: Process; readonly result: unknown } | undefined {
  const process = k.process(call.pid)
  if (process === undefined || process.state !== 'idle') return undefined
  const sys = process.sys as unknown as Record<string, (...args: readonly unknown[]) => unknown>
  try {
    return { process, result: sys[call.name]?.(...call.args) }
  } catch (error) {
    if (error instanceof Error && error.name === 'WouldBlock') return undefined
    throw error
  }
}

const compile = (hooks: HookTable) =>
  compileHooks(Object.keys(hooks).length === 0 ? [] : [{ module: 'policy', hooks }])
