/**
 * The counterfactual test of `kernel.why`: a reason is right if the call goes through without it.
 *
 * Before every call the kernel is copied. If the call is refused, the reason that `why` gives is taken away in the
 * copy (the missing bit is granted to the class, the capability to the task, the flag is cleared, the hook taken out),
 * and nothing else; then the call is repeated there. It must succeed or fail for another reason, and so on until no
 * reason is left; none may come twice, and none that is checked before the one just removed.
 */
import {
  CAP_FULL_SET,
  capabilityByName,
  EACCES,
  EPERM,
  type Inode,
  isErr,
  type Kernel,
  MS_NODEV,
  MS_NOEXEC,
  MS_RDONLY,
  type Process,
  RLIM_INFINITY,
  S_ISVTX,
  type Task,
  type Why,
  type WhyKill,
  type WhyObject,
} from 'paleokernel'
import { asCapSet } from '../../src/abi/brand.js'
import { Pipe } from '../../src/fs/pipe.js'
import { credWith } from '../../src/kernel/cred.js'
import type { KernelCore } from '../../src/kernel/kernel.js'
import { getPgrp, joinPgrp, leavePgrp } from '../../src/kernel/pid.js'
import { withRlimit } from '../../src/kernel/rlimit.js'
import { sidOf, TF_FORKNOEXEC } from '../../src/kernel/task.js'
import { FMODE_WRITE } from '../../src/vfs/file.js'
import { S_APPEND, S_IMMUTABLE } from '../../src/vfs/inode.js'
import { coreOf, taskOf } from '../helpers/world.js'
import {
  buildWorld,
  type Call,
  type CallSpec,
  callOf,
  type HookTable,
  hooksOf,
  inodesOf,
  makeCall,
  type WorldSpec,
  withoutHooks,
} from './why_world.js'

/** How often each kind of reason was given, and what became of it. */
export class Tally {
  /** Refusals and kills whose reason was taken away. */
  refusals = 0
  readonly counts = new Map<string, number>()

  add(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }

  /** The checks met. */
  get checks(): string[] {
    return [...new Set([...this.counts.keys()].map((what) => what.split(' ', 1)[0] ?? ''))]
  }

  toString(): string {
    const rows = [...this.counts].sort(([a], [b]) => a.localeCompare(b))
    return rows.map(([what, count]) => `${String(count).padStart(8)}  ${what}`).join('\n')
  }
}

type Refused = Exclude<Why, WhyKill>

// ---- what makes two reasons the same -------------------------------------------------------------------------

const at = ({ dev, ino }: WhyObject): string => `${dev}:${ino}`

/** A reason without what may differ between two calls that fail for it. */
export function keyOf(why: Why): string {
  switch (why.check) {
    case 'dac':
      return `dac ${at(why.object)} ${why.class} ${why.missing} ${why.capabilities.length > 0}`
    case 'capability':
      return `capability ${why.capability}`
    case 'owner':
      return `owner ${at(why.object)}`
    case 'sticky':
      return `sticky ${at(why.directory)} ${at(why.object)}`
    case 'mount':
      return `mount ${why.flag} ${why.object.dev}`
    case 'immutable':
      return `immutable ${why.flag} ${at(why.object)}`
    case 'limit':
      return `limit ${why.limit}`
    case 'signal':
      return `signal ${why.target.pid}`
    case 'session':
      return `session ${why.rule}`
    case 'hook':
      return `hook ${why.hook}`
    case 'state':
      return `state ${why.rule} ${why.object === undefined ? '' : at(why.object)}`
    case 'kill':
      return `kill ${why.cause}`
  }
}

/** The kind of a reason, for the tally. */
function kindOf(why: Why): string {
  switch (why.check) {
    case 'dac':
      return `dac ${why.class}`
    case 'capability':
      return `capability ${why.capability}`
    case 'mount':
    case 'immutable':
      return `${why.check} ${why.flag}`
    case 'limit':
      return `limit ${why.limit}`
    case 'session':
    case 'state':
      return `${why.check} ${why.rule}`
    case 'hook':
      return `hook ${why.hook}`
    case 'kill':
      return `kill ${why.cause}`
    default:
      return why.check
  }
}

/** Is `later` a check that comes before `first` in every call that makes both? */
function comesTooLate(first: Refused, later: Refused): boolean {
  if (later.check === 'hook' && later.hook === 'syscallEnter') return true
  const isEntry = first.check === 'hook' && first.hook === 'syscallEnter'
  if (isEntry) return false
  const same = 'object' in first && 'object' in later && first.object && later.object
  if (!same || at(first.object as WhyObject) !== at(later.object as WhyObject)) return false
  // Flags that forbid any access (EACCES) come before the mode bits, those that forbid a change (EPERM) behind them.
  // (Who has become the owner is judged by other bits than before.)
  const isBehind = ['sticky', 'state', 'immutable', 'mount'].includes(first.check) && first.code === 'EPERM'
  // A directory that moves is written to itself, at the very end.
  return later.check === 'dac' && isBehind && first.syscall !== 'rename'
}

// ---- taking reasons away -------------------------------------------------------------------------------------

/** What has been taken away so far in a copy of the kernel. */
interface Copy {
  readonly k: Kernel
  hooks: HookTable
}

/** What a refusal leaves no way to take away: it follows from the arguments, or from what procfs says anew. */
const INHERENT = new Set(['no-operation', 'no-second-name', 'no-mknod-directory', 'directory-length'])

const SHIFT = { owner: 6, group: 3, other: 0 } as const

function grant(task: Task, capabilities: number): void {
  const { capEffective, capPermitted } = task.cred
  task.cred = credWith(task.cred, {
    capEffective: asCapSet(capEffective | capabilities),
    capPermitted: asCapSet(capPermitted | capabilities),
  })
}

const inodeOf = (k: KernelCore, object: WhyObject): Inode | undefined => inodesOf(k).get(at(object))

const LIMITS: Readonly<Record<string, number>> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_SIGPENDING: 11,
}

const unlimited = (task: Task, kind: number): void => {
  task.group.rlimits = withRlimit(task.group.rlimits, kind, RLIM_INFINITY, RLIM_INFINITY)
}

/** Procfs makes its inodes anew at every look: there a reason goes with the caller's ids or not at all. */
function takeProcAway(task: Task, why: Refused): boolean {
  if (why.check === 'owner' && why.syscall !== 'access') {
    grant(task, 1 << Number(capabilityByName(why.capability)))
    return true
  }
  if (why.check !== 'dac') return false
  if (why.capabilities.length > 0) grant(task, 1 << Number(capabilityByName(why.capabilities[0] ?? '')))
  else if (why.class === 'owner' || why.object.path?.startsWith('/proc/sys/') !== true) return false
  else task.cred = credWith(task.cred, { euid: 0 })
  return true
}

/** Takes exactly this reason away. False: there is no way. */
function takeAway(copy: Copy, call: Call, why: Refused): boolean {
  const core = coreOf(copy.k)
  const process = copy.k.process(call.pid) as Process
  const task = taskOf(process)
  const inode = 'object' in why && why.object !== undefined ? inodeOf(core, why.object) : undefined
  if ('object' in why && why.object?.fsType === 'proc' && why.check !== 'hook') {
    if (why.check !== 'capability') return takeProcAway(task, why)
  }
  switch (why.check) {
    case 'dac':
      if (inode === undefined) return false
      if (((inode.mode >> SHIFT[why.class]) & why.missing) !== 0) fail(call, 'what is missing is there', why)
      inode.mode |= why.missing << SHIFT[why.class]
      return true
    case 'capability':
      grant(task, 1 << Number(capabilityByName(why.capability)))
      return true
    case 'owner':
      if (inode === undefined) return false
      inode.uid = task.cred.fsuid
      return true
    case 'sticky': {
      const dir = inodeOf(core, why.directory)
      if (dir === undefined) return false
      dir.mode &= ~S_ISVTX
      return true
    }
    case 'mount': {
      const flag = { 'read-only': MS_RDONLY, nodev: MS_NODEV, noexec: MS_NOEXEC }[why.flag]
      const { sb } = inode ?? {}
      if (sb === undefined) return false
      sb.flags &= ~flag
      for (const mount of core.state.mounts) if (mount.sb === sb) mount.flags &= ~flag
      return true
    }
    case 'immutable':
      if (inode === undefined) return false
      inode.flags &= ~(why.flag === 'immutable' ? S_IMMUTABLE : S_APPEND)
      return true
    case 'limit':
      return raise(core, task, call, why.limit)
    case 'signal': {
      const target = core.state.tasks.get(why.target.pid)
      if (target === undefined) return false
      target.cred = credWith(target.cred, { suid: task.cred.euid })
      return true
    }
    case 'session':
      return joinIn(core, task, call, why)
    case 'hook': {
      const { [why.hook as keyof HookTable]: _gone, ...rest } = copy.hooks
      copy.hooks = rest
      return true
    }
    case 'state':
      return changeState(task, inode, why.rule, call)
  }
}

function raise(core: KernelCore, task: Task, call: Call, limit: string): boolean {
  const kind = LIMITS[limit]
  if (limit === 'threads-max') Reflect.set(core, 'maxTasks', 1_000_000)
  else if (limit === 'pid_max') core.state.pidMax = 4_000_000
  else if (limit === 'RLIMIT_SIGPENDING') {
    const target = core.state.tasks.get(Number(call.args[0]))
    if (target === undefined) return false
    unlimited(target, LIMITS['RLIMIT_SIGPENDING'] ?? 11)
  } else if (kind === undefined) return false
  else unlimited(task, kind)
  return true
}

function joinIn(core: KernelCore, task: Task, call: Call, why: Extract<Why, { check: 'session' }>): boolean {
  const { state } = core
  const target = state.tasks.get(why.target?.pid ?? 0)
  if (target === undefined) return false
  const { group } = target
  const move = (id: number, session: number): void => {
    const to = getPgrp(state, id, session)
    if (group.pgrp === to) return
    leavePgrp(state, group)
    joinPgrp(group, to)
  }
  switch (why.rule) {
    case 'child-in-other-session':
      move(task.group.pgrp.id, sidOf(task))
      return true
    case 'child-has-called-exec':
      target.flags |= TF_FORKNOEXEC
      return true
    case 'leads-session':
      group.isSessionLeader = false
      return true
    case 'no-such-group': {
      const id = Number(call.args[1]) || target.pid
      getPgrp(state, id, sidOf(task)).session = sidOf(task)
      return true
    }
    case 'group-exists': {
      const members = []
      for (let member = group.pgrp.head; member !== null; member = member.pgrpNext) members.push(member)
      const other = state.pgrps.get(target.pid)
      if (other === undefined) return false
      for (let member = other.head; member !== null; member = other.head) {
        leavePgrp(state, member)
        joinPgrp(member, getPgrp(state, 1, 1))
      }
      return true
    }
  }
}

function changeState(task: Task, inode: Inode | undefined, rule: string, call: Call): boolean {
  switch (rule) {
    case 'being-executed':
    case 'open-for-writing':
      if (inode === undefined) return false
      inode.writeCount = 0
      return true
    case 'not-open-for-writing': {
      const file = task.files.files[Number(call.args[0])]
      if (file == null) return false
      file.mode |= FMODE_WRITE
      return true
    }
    case 'beyond-permitted':
      task.cred = credWith(task.cred, { capPermitted: CAP_FULL_SET })
      return true
    default:
      return false
  }
}

/** Everything that one could be given. */
function empower(copy: Copy, call: Call): void {
  grant(taskOf(copy.k.process(call.pid) as Process), CAP_FULL_SET)
  copy.hooks = {}
}

// ---- the test ------------------------------------------------------------------------------------------------

/** A call in a fresh copy: what came out, and the reason if it was refused. */
function attempt(
  copy: Copy,
  call: Call,
): { readonly result: unknown; readonly why: Why | undefined } | undefined {
  const k = copy.k.fork()
  withoutHooks(coreOf(k), copy.hooks)
  const made = makeCall(k, call)
  if (made === undefined) return undefined
  return { result: made.result, why: k.why(made.process) }
}

function fail(call: Call, problem: string, ...reasons: readonly (Why | undefined)[]): never {
  const text = reasons.map((why) => `\n  ${why?.sentence ?? 'no reason'}`).join('')
  throw new Error(`${call.name}(${JSON.stringify(call.args)}) by pid ${call.pid}: ${problem}${text}`)
}

/** Would the capability have made this check say yes? */
function wouldHelp(why: Refused, capability: string): boolean {
  switch (why.check) {
    case 'dac':
      return why.capabilities.includes(capability)
    case 'capability':
    case 'owner':
    case 'sticky':
    case 'signal':
      return why.capability === capability
    case 'limit':
      return why.limit === 'RLIMIT_NPROC' && /^CAP_SYS_(ADMIN|RESOURCE)$/.test(capability)
    default:
      return false
  }
}

/** A module kept the task from using a capability: without it, the check that it would have met is the reason. */
function checkKept(copy: Copy, call: Call, why: Extract<Why, { check: 'hook' }>): void {
  const k = copy.k.fork()
  let kept: Why | undefined = why
  for (let left = 32; kept?.check === 'hook' && kept.hook === 'capable'; left--) {
    const { capability = '' }: { readonly capability?: string } = kept
    const task = taskOf(k.process(call.pid) as Process)
    const without = ~(1 << Number(capabilityByName(capability)))
    const { capEffective, capPermitted } = task.cred
    if (left === 0 || (capEffective & ~without) === 0)
      fail(call, `${capability} was not there to be kept`, why)
    task.cred = credWith(task.cred, {
      capEffective: asCapSet(capEffective & without),
      capPermitted: asCapSet(capPermitted & without),
    })
    kept = attempt({ k, hooks: copy.hooks }, call)?.why
    if (kept?.check === 'hook') continue
    if (kept === undefined || kept.check === 'kill' || !wouldHelp(kept, capability))
      fail(call, `${capability} would not have helped`, why, kept)
  }
}

/** Mode bits: the capabilities that are said to override them do, and the other one does not. */
function checkOverrides(copy: Copy, call: Call, why: Extract<Why, { check: 'dac' }>): void {
  const { capable: _gone, ...hooks } = copy.hooks
  for (const capability of ['CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH']) {
    const k = copy.k.fork()
    const helps = why.capabilities.includes(capability)
    grant(taskOf(k.process(call.pid) as Process), 1 << Number(capabilityByName(capability)))
    const next = attempt({ k, hooks }, call)?.why
    // A capability may help a check that comes before this one.
    const isSame = next?.check === 'dac' && at(next.object) === at(why.object) && next.missing === why.missing
    if (helps && isSame && next.capabilities.length === why.capabilities.length)
      fail(call, `${capability} does not help`, why, next)
    if (!helps && next === undefined) fail(call, `${capability} helps`, why)
  }
}

/** What has a name after the call is called by it, and the name leads there. A pipe has none. */
function checkPath(after: Kernel, call: Call, why: Refused): void {
  if (!('object' in why) || why.object === undefined || why.object.fsType === 'pipefs') return
  const { path, fsType } = why.object
  const k = after.fork()
  withoutHooks(coreOf(k), {})
  const inode = inodeOf(coreOf(k), why.object)
  if (path === undefined) {
    if ((inode?.nlink ?? 0) > 0) fail(call, 'the object has a name', why)
    return
  }
  // Links of procfs lead elsewhere for everybody; over an open file, or one that moves, something may be mounted.
  const isCovered = coreOf(k).state.mounts.some(({ mountpoint }) => mountpoint?.inode === inode)
  if (fsType === 'proc' || why.paths.length === 0 || isCovered) return
  const stat = k.process(1)?.sys.lstat(path)
  if (stat === undefined || isErr(stat) || at({ ...why.object, ...stat }) !== at(why.object))
    fail(call, `${path} is something else`, why)
}

/** Follows one refusal to its end. `before` is the kernel before the call. */
function follow(before: Kernel, call: Call, hooks: HookTable, first: Refused, tally: Tally): void {
  const copy: Copy = { k: before, hooks }
  const again = attempt(copy, call)
  if (again?.why === undefined || keyOf(again.why) !== keyOf(first))
    fail(call, 'repeated, it has another reason', first, again?.why)
  const seen = new Set<string>()
  let why: Refused = first
  for (;;) {
    const key = keyOf(why)
    if (seen.has(key)) fail(call, 'the reason is still there when taken away', why)
    seen.add(key)
    tally.refusals++
    tally.add(kindOf(why))
    if (why.check === 'hook' && why.hook === 'capable') checkKept(copy, call, why)
    if (why.check === 'dac' && tally.refusals % 3 === 0) checkOverrides(copy, call, why)
    if (!takeAway(copy, call, why)) {
      if (why.check === 'state' && INHERENT.has(why.rule)) {
        empower(copy, call)
        const still = attempt(copy, call)
        if (still?.why === undefined || keyOf(still.why) !== key)
          fail(call, 'the reason was to be beyond all power', why, still?.why)
      }
      tally.add('(cannot be taken away)')
      return
    }
    const next = attempt(copy, call)
    if (next === undefined) {
      tally.add('(sleeps then)')
      return
    }
    if (next.why === undefined || next.why.check === 'kill' || next.why.errno !== next.result) {
      if (next.result === EACCES || next.result === EPERM)
        fail(call, `${String(next.result)} without a reason`, why, next.why)
      tally.add(isErr(next.result) ? '(fails otherwise then)' : '(succeeds then)')
      return
    }
    if (comesTooLate(why, next.why)) fail(call, 'a reason that is checked earlier comes later', why, next.why)
    why = next.why
  }
}

/** A process that the kernel killed: without the cause it does not die of it. */
function followKill(before: Kernel, call: Call, hooks: HookTable, why: WhyKill, tally: Tally): void {
  tally.refusals++
  tally.add(kindOf(why))
  const copy: Copy = { k: before, hooks }
  const task = taskOf(before.process(call.pid) as Process)
  switch (why.cause) {
    case 'cpu-limit':
      unlimited(task, 0)
      break
    case 'file-size-limit':
      unlimited(task, 1)
      break
    case 'broken-pipe': {
      const pipe = task.files.files[Number(call.args[0])]?.inode.data
      if (!(pipe instanceof Pipe)) fail(call, 'there is no pipe', why)
      pipe.readers++
      break
    }
    case 'process':
      if (why.sender?.pid !== call.pid) fail(call, 'killed by somebody else', why)
      return
    default:
      fail(call, 'an unexpected cause', why)
  }
  const next = attempt(copy, call)
  if (next?.why?.check === 'kill' && next.why.cause === why.cause)
    fail(call, 'the cause is still there when taken away', why, next.why)
}

/** The kernel as it was before the last call: a copy now and then, and the calls made since. */
class Past {
  private copy: Kernel
  private calls: Call[] = []

  constructor(k: Kernel) {
    this.copy = k.fork()
  }

  /** Notes that `k` is about to make a call. */
  add(k: Kernel, call: Call): void {
    if (this.calls.length === 12) {
      this.copy = k.fork()
      this.calls = []
    }
    this.calls.push(call)
  }

  /** A fresh copy. */
  get before(): Kernel {
    const k = this.copy.fork()
    for (const call of this.calls.slice(0, -1)) makeCall(k, call)
    return k
  }
}

/** Plays a world and checks every refusal in it. Throws for a reason that is not right. */
export function checkReasons(spec: WorldSpec, calls: readonly CallSpec[], tally: Tally): void {
  const world = buildWorld(spec)
  const { k } = world
  const hooks = hooksOf(spec)
  const past = new Past(k)
  for (const callSpec of calls) {
    const call = callOf(world, callSpec)
    past.add(k, call)
    const process = k.process(call.pid)
    const last = process === undefined ? undefined : k.why(process)
    const made = makeCall(k, call)
    if (made === undefined) continue
    const { result } = made
    const why = k.why(made.process)
    const isNew = why !== undefined && why.seq !== last?.seq
    if (call.name === 'fork' && typeof result === 'number' && result > 0 && world.pids.length < 8)
      world.pids.push(result)
    if (!isNew) {
      if (result === EACCES || result === EPERM) fail(call, `${String(result)} without a reason`)
      continue
    }
    if (why.check === 'kill') {
      followKill(past.before, call, hooks, why, tally)
      continue
    }
    if (why.errno !== result) fail(call, `returned ${String(result)}`, why)
    if (why.syscall !== call.name) fail(call, 'the reason names another call', why)
    if (why.pid !== call.pid) fail(call, 'the reason names another process', why)
    if (tally.refusals % 3 === 0) checkPath(k, call, why)
    follow(past.before, call, hooks, why, tally)
  }
}
