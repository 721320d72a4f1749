/**
 * The recorder's world on top of a kernel of the library: the root that the scripts start in, the recorder's own
 * process above task 0, the logical tasks, and what the recorder reports after each line (sysrun.c: `main`,
 * `spawn`, `settle`, `report`).
 */

import { asFd, createKernel, DIRECT, ENOSYS, isErr, type Process, type Profile, type Stat } from 'paleokernel'
import { AF_INET, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { type Actor, type Stage, Words } from './actor.js'
import type { Answer, Line } from './answer.js'
import { FILE_OPS } from './ops_files.js'
import { SOCKET_OPS } from './ops_sockets.js'
import { handlerOf, TASK_OPS } from './ops_tasks.js'
import { isStep, type Outcome } from './step.js'
import { type Dialect, dialectOf, pathOf, type Recording, strtol } from './values.js'

const TASKS = 10
/** Where the recorder mounts the file system that becomes the root of all tasks. */
const ROOT = '/tmp/oracle/root'
const IMAGE = `${ROOT}/bin/x`
const IMAGE_SIZE = 1 << 20
const RLIMIT_CORE = 4
const RLIMIT_NOFILE = 7
const WNOHANG = 1
const SIG_BLOCK = 0
/** Ports that have been chosen once. */
const USED_PORTS = 8
/** What `pidof` gives for a task that never was. */
const NO_PID = 999999

const OPS = new Map(Object.entries({ ...FILE_OPS, ...TASK_OPS, ...SOCKET_OPS }))

/**
 * MAX_NESTED_LINKS of the kernel that recorded: a constant of its build, which a kernel of the library can be built with
 * as well. 6.18 counts all links of a walk and nothing else: MAXSYMLINKS, 40, which 2.6.14 has beside it.
 */
const NESTED_LINKS: Readonly<Record<Recording, number>> = { '2.6.20': 8, '6.18': 40 }

const boot = (profile: Profile, recording: Recording) =>
  createKernel({
    rootfs: 'empty',
    profile,
    backports: ['openat'],
    maxNestedLinks: NESTED_LINKS[recording],
    modules: [net({ seqpacket: true })],
  })

/** A kernel with sockets. */
export type NetKernel = ReturnType<typeof boot>
/** A process that has them. */
export type NetProcess = ReturnType<NetKernel['spawn']>

/** One kernel under test and the tasks of a script. */
export class World implements Stage {
  readonly kernel: NetKernel
  readonly dialect: Dialect
  readonly actors: (Actor | undefined)[] = new Array(TASKS).fill(undefined)
  readonly image: string
  readonly ports = new Set<number>()
  /** The recorder itself: parent of task 0, in a session of its own, deaf to signals. */
  readonly recorder: NetProcess

  /** The last line was an open of a file that was there before it. Kept for recordings of 6.18 only. */
  openedOld = false
  /** The file that the last line has written to or given another owner, as it was before. For recordings of 6.18 only. */
  before: Stat | undefined
  /** The last line asked for the ids that the task had, but for those of the file system. For recordings of 6.18 only. */
  askedForSameIds = false
  private readonly looksFirst: boolean

  constructor(profile: Profile, recording: Recording) {
    this.looksFirst = recording === '6.18'
    this.dialect = dialectOf(recording)
    this.kernel = boot(profile, recording)
    this.recorder = this.kernel.spawn({ uid: 0, gid: 0, comm: 'sysrun', umask: 0o022, cwd: '/' })
    this.image = this.furnish()
    this.usePorts()
    this.startTask0()
  }

  /** Mounts the tasks' root and puts /bin/x and /tmp into it; returns the image's `dev.ino`. */
  private furnish(): string {
    const { sys } = this.recorder
    sys.setsid()
    sys.sigprocmask(
      SIG_BLOCK,
      Array.from({ length: 64 }, (_, i) => i + 1),
    )
    for (const dir of ['/tmp', '/tmp/oracle', ROOT]) sys.mkdir(dir, 0o755)
    const mounted = sys.mount('none', ROOT, 'ramfs', 0, 'mode=755')
    if (isErr(mounted)) throw new Error(`the runner cannot mount ${ROOT}: ${mounted}`)
    sys.chdir(ROOT)
    sys.umask(0)
    sys.mkdir('bin', 0o755)
    sys.mkdir('tmp', 0o1777)
    sys.chmod('tmp', 0o1777)
    this.kernel.install(IMAGE, DIRECT, { mode: 0o755 })
    sys.truncate(IMAGE, IMAGE_SIZE)
    const stat = sys.stat(IMAGE)
    if (isErr(stat)) throw new Error(`the runner cannot make ${IMAGE}: ${stat}`)
    return `${stat.dev}.${stat.ino}`
  }

  /** The recording machine had run other scripts before: ports that scripts name are not the next to be chosen. */
  private usePorts(): void {
    const { sys } = this.recorder
    for (const type of [SOCK_DGRAM, SOCK_STREAM]) {
      const fds = Array.from({ length: USED_PORTS }, () => Number(sys.socket(AF_INET, type, 0)))
      for (const fd of fds) sys.connect(fd, { family: AF_INET, addr: '127.0.0.1', port: 1 })
      for (const fd of fds) sys.close(fd)
    }
  }

  private startTask0(): void {
    const pid = this.recorder.sys.fork()
    if (isErr(pid)) throw new Error(`the runner cannot fork task 0: ${pid}`)
    const task = this.addActor(0, pid, undefined)
    const { sys } = task.proc
    sys.sigprocmask(2, [])
    sys.chroot('.')
    sys.chdir('/')
    sys.setrlimit(RLIMIT_NOFILE, { cur: 64, max: this.hardLimit(RLIMIT_NOFILE) })
    sys.setrlimit(RLIMIT_CORE, { cur: 0, max: 0 })
    sys.umask(0)
    sys.setpgid(0, 0)
    sys.setgroups([])
  }

  private hardLimit(resource: number): number {
    const limit = this.recorder.sys.getrlimit(resource)
    return isErr(limit) ? 0 : limit.max
  }

  private addActor(index: number, pid: number, parent: Actor | undefined): Actor {
    const proc = this.kernel.process(pid)
    if (proc === undefined) throw new Error(`no process ${pid} after fork`)
    const actor: Actor = {
      index,
      proc,
      pid,
      parent,
      log: [],
      seen: 0,
      handled: new Set(),
      ignoresChildren: parent?.ignoresChildren ?? false,
      childFlags: parent?.childFlags ?? 0,
      line: undefined,
      step: undefined,
      answer: undefined,
      bad: false,
      blocked: false,
      dead: false,
      stopped: false,
    }
    this.actors[index] = actor
    return actor
  }

  /** A handler is a function with its task's log in it: the child of a fork installs its own. */
  adopt(index: number, pid: number, parent: Actor): void {
    const actor = this.addActor(index, pid, parent)
    for (const sig of parent.handled) {
      const old = actor.proc.sys.sigaction(sig, null)
      if (isErr(old) || typeof old.handler === 'number') continue
      actor.proc.sys.sigaction(sig, { ...old, handler: handlerOf(actor) })
      actor.handled.add(sig)
    }
  }

  pidOf(word: string): number {
    if (word === 'any') return -1
    const match = /^(-?)T([0-9]*)/.exec(word)
    if (match === null) return strtol(word, 10)
    const pid = this.actors[Number(match[2])]?.pid ?? NO_PID
    return match[1] === '-' ? -pid : pid
  }

  pidName(pid: number): string {
    if (pid === 0) return '0'
    const actor = this.actors.find((one) => one?.pid === pid)
    if (actor !== undefined) return `T${actor.index}`
    return pid === 1 || pid === this.recorder.pid ? 'init' : '?'
  }

  /** Runs one line and everything that follows from it, and answers as the recorder does. */
  run(line: Line): Answer {
    const actor = this.actors[line.t]
    if (actor === undefined) return { x: 'notask' }
    if (actor.dead) return { x: 'dead' }
    if (actor.stopped) return { x: 'stopped' }
    if (actor.blocked) return { x: 'blocked' }
    this.start(actor, line)
    this.settle()
    const answer: Answer = {}
    if (actor.answer !== undefined) {
      Object.assign(answer, actor.answer)
      actor.answer = undefined
    } else if (!isDead(actor)) {
      actor.blocked = true
      answer.blk = 1
    }
    this.report(actor, answer)
    return answer
  }

  /** Does something that is no line of the script; returns what happened to the tasks because of it. */
  also(deed: () => void): Answer {
    const answer: Answer = {}
    deed()
    this.settle()
    this.report(undefined, answer)
    return answer
  }

  /** Another process of root's, in the recorder's working directory. */
  helper(): Process {
    const pid = this.recorder.sys.fork()
    const proc = isErr(pid) ? undefined : this.kernel.process(pid)
    if (proc === undefined) throw new Error(`the runner cannot fork a helper: ${pid}`)
    return proc
  }

  private start(actor: Actor, line: Line): void {
    actor.line = line
    if (line.op === 'exit') {
      exit(actor, strtol(line.a[0] ?? '0', 10))
      return
    }
    const op = OPS.get(line.op)
    if (op === undefined) {
      actor.answer = { x: `the runner has no operation ${line.op}` }
      return
    }
    if (this.looksFirst) {
      this.openedOld = isOpen(line) && !isErr(actor.proc.sys.stat(pathOfOpen(line)))
      this.before = fileOf(actor.proc, line)
      this.askedForSameIds = asksForSameIds(actor.proc, line)
    }
    const words = new Words(line.a, this.dialect)
    const outcome = op(actor, words, this)
    actor.bad = words.bad
    this.proceed(actor, outcome)
  }

  /** An operation that named something unknown runs with 0 for it and then answers badarg. */
  private proceed(actor: Actor, outcome: Outcome): void {
    if (isStep(outcome)) {
      actor.step = outcome
    } else {
      actor.step = undefined
      actor.answer = actor.bad ? { x: 'badarg' } : outcome
    }
  }

  /**
   * Lets every operation go on as far as it can. A stopped task gets its result when it is continued; one that
   * died never does. The recorder waits for its child and, as init does, for orphans.
   */
  private settle(): void {
    for (let moved = true; moved; ) {
      moved = false
      for (const actor of this.actors) {
        if (actor?.step === undefined || !actor.step.done() || isStopped(actor) || isDead(actor)) continue
        this.proceed(actor, actor.step.next())
        moved = true
      }
    }
    this.reapTask0()
  }

  /** The recorder waits for its child as soon as it is gone. Its other children are init's. */
  private reapTask0(): void {
    const task0 = this.actors[0]
    if (task0?.proc.state === 'zombie') this.recorder.begin.waitpid(task0.pid, WNOHANG)
  }

  /** What happened to all tasks because of a line. */
  private report(current: Actor | undefined, answer: Answer): void {
    for (const actor of this.actors) {
      if (actor === undefined) continue
      const name = `T${actor.index}`
      if (actor.log.length > actor.seen) {
        const signals = actor.log.slice(actor.seen).map((n) => this.dialect.signalName(n))
        answer.sig = { ...answer.sig, [name]: signals }
        actor.seen = actor.log.length
      }
      if (actor.dead) continue
      if (actor !== current && actor.blocked && actor.answer !== undefined) {
        answer.wake = { ...answer.wake, [name]: actor.answer }
        actor.answer = undefined
        actor.blocked = false
      }
      if (isDead(actor)) {
        actor.dead = true
        actor.blocked = false
        answer.dead = [...(answer.dead ?? []), name]
      } else if (isStopped(actor) !== actor.stopped) {
        actor.stopped = !actor.stopped
        answer.stop = [...(answer.stop ?? []), `${actor.stopped ? '+' : '-'}${name}`]
      }
    }
  }
}

/** _exit(3): the libc falls back on the older call. */
function exit({ proc }: Actor, code: number): void {
  const { result }: { readonly result: unknown } = proc.begin.exit_group(code)
  if (result === ENOSYS) proc.begin.exit(code)
}

const isOpen = ({ op }: Line): boolean => ['open', 'open_close', 'openat', 'creat'].includes(op)

const pathOfOpen = ({ op, a }: Line): string => pathOf(a[op === 'openat' ? 1 : 0] ?? '')

/** The file that a line is going to write to, or to give another owner. */
function fileOf({ sys }: Process, { op, a: [file = ''] }: Line): Stat | undefined {
  const isDescriptor = ['write', 'pwrite', 'fchown'].includes(op)
  if (!isDescriptor && op !== 'chown' && op !== 'lchown') return undefined
  const stat = isDescriptor
    ? sys.fstat(asFd(strtol(file, 10)))
    : sys[op === 'chown' ? 'stat' : 'lstat'](pathOf(file))
  return isErr(stat) ? undefined : stat
}

/** Does a line set all ids to what they are, while the task has other ones for the file system? */
function asksForSameIds(proc: Process, { op, a }: Line): boolean {
  const group = /^set(?:e|res)gid$/.test(op)
  if (!group && !/^set(?:e|res)uid$/.test(op)) return false
  const { uid, euid, suid, fsuid, gid, egid, sgid, fsgid } = proc.current().cred
  const [real, effective, saved, fs] = group ? [gid, egid, sgid, fsgid] : [uid, euid, suid, fsuid]
  const [r, e, set] = (op.startsWith('sete') ? ['-1', a[0], '-1'] : a).map((id) => strtol(id ?? '', 10))
  return fs !== effective && e === -1 && (r === -1 || r === real) && (set === -1 || set === saved)
}

const isDead = ({ proc }: Actor): boolean => proc.state === 'zombie' || proc.state === 'dead'

const isStopped = ({ proc }: Actor): boolean => proc.state === 'stopped'
