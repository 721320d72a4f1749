/**
 * Check, block, commit: a call that goes to sleep has changed nothing but queues, and one that is taken back or
 * interrupted leaves no trace. One row per call that can sleep, on every profile that has it.
 */
import {
  type BegunCall,
  EINTR,
  F_RDLCK,
  F_SETLK,
  F_SETLKW,
  F_WRLCK,
  type Kernel,
  LOCK_EX,
  LOCK_SH,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  POLLIN,
  PROFILES,
  type Process,
  type Profile,
  S_IFIFO,
  SEEK_SET,
  SIG_BLOCK,
  SIGCONT,
  SIGKILL,
  SIGSTOP,
  SIGUSR1,
  SIGUSR2,
  WouldBlock,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { PagePipe } from '../../src/fs/pipe_page.js'
import { SlotPipe } from '../../src/fs/pipe_slots.js'
import { WAKE_TIMER } from '../../src/kernel/sleep.js'
import { TASK_INTERRUPTIBLE, TASK_RUNNING } from '../../src/kernel/task.js'
import { removeWaits } from '../../src/kernel/wait.js'
import { boot, checkInvariants, coreOf, forkOf, ok, pipeOf, writeFile } from '../helpers/world.js'

/** A process that will sleep, one that holds what it waits for, and a third who sends signals. */
interface Scene {
  readonly k: Kernel
  readonly p: Process
  readonly other: Process
  readonly sender: Process
}

interface Row {
  readonly name: string
  /** Prepares the scene and says how the call is made on either surface. */
  readonly prepare: (scene: Scene) => (on: Process['begin']) => unknown
  /** What another does so that the call returns, and its result. */
  readonly free?: (scene: Scene) => void
  readonly result?: unknown
  /** The sleeper shows in counts: an opener of a FIFO is a reader or writer while it waits. */
  readonly counts?: boolean
}

/** The scene of a profile; `p` and `other` share a pipe at 0 and 1 and, at 2, nothing. */
function sceneOf(profile: Profile): Scene {
  const k = boot({ profile, rootfs: 'empty' })
  const p = k.spawn({ uid: 0, comm: 'sleeper' })
  writeFile(p, '/file', 'text')
  ok(p.sys.mknod('/fifo', S_IFIFO | 0o666, 0))
  pipeOf(p)
  ok(p.sys.sigaction(SIGUSR1, { handler: () => {}, flags: 0, mask: [] }))
  const other = forkOf(k, p)
  const sender = k.spawn({ uid: 0, comm: 'sender' })
  return { k, p, other, sender }
}

const held = (type: number) => ({ type, whence: SEEK_SET, start: 0, len: 0, pid: 0 })

function fill(p: Process, fd: number): void {
  ok(p.sys.fcntl(fd, 4, O_NONBLOCK))
  while (Number(p.sys.write(fd, new Uint8Array(4096))) > 0);
  ok(p.sys.fcntl(fd, 4, 0))
}

const ROWS: readonly Row[] = [
  {
    name: 'read of an empty pipe',
    prepare: () => (on) => on.read(0, new Uint8Array(8)),
    free: ({ other }) => void other.sys.write(1, new Uint8Array(3)),
    result: 3,
  },
  {
    name: 'readv of an empty pipe',
    prepare: () => (on) => on.readv(0, [new Uint8Array(2), new Uint8Array(2)]),
    free: ({ other }) => void other.sys.write(1, new Uint8Array(3)),
    result: 3,
  },
  {
    name: 'write to a full pipe',
    prepare: ({ p }) => {
      fill(p, 1)
      return (on) => on.write(1, new Uint8Array(100))
    },
    free: ({ other }) => void other.sys.read(0, new Uint8Array(65_536)),
    result: 100,
  },
  {
    name: 'wait4 for any child',
    prepare: () => (on) => on.wait4(-1, 0),
    free: ({ other }) => void other.sys.exit(3),
    result: expect.objectContaining({ status: 0x300 }),
  },
  {
    name: 'flock LOCK_EX against LOCK_SH',
    prepare: ({ p, other }) => {
      ok(other.sys.flock(ok(other.sys.open('/file', O_RDWR)), LOCK_SH))
      const fd = ok(p.sys.open('/file', O_RDWR))
      return (on) => on.flock(fd, LOCK_EX)
    },
    free: ({ other }) => void other.sys.close(2),
    result: 0,
  },
  {
    name: 'fcntl F_SETLKW F_WRLCK against F_RDLCK',
    prepare: ({ p, other }) => {
      ok(other.sys.fcntl(ok(other.sys.open('/file', O_RDWR)), F_SETLK, held(F_RDLCK)))
      const fd = ok(p.sys.open('/file', O_RDWR))
      return (on) => on.fcntl(fd, F_SETLKW, held(F_WRLCK))
    },
    free: ({ other }) => void other.sys.close(2),
    result: 0,
  },
  {
    name: 'open O_RDONLY of a FIFO without a writer',
    prepare: () => (on) => on.open('/fifo', O_RDONLY),
    free: ({ other }) => void other.sys.open('/fifo', O_RDWR),
    result: 2,
    counts: true,
  },
  {
    name: 'open O_WRONLY of a FIFO without a reader',
    prepare: () => (on) => on.open('/fifo', O_WRONLY),
    free: ({ other }) => void other.sys.open('/fifo', O_RDWR),
    result: 2,
    counts: true,
  },
  { name: 'pause', prepare: () => (on) => on.pause() },
  { name: 'sigsuspend', prepare: () => (on) => on.sigsuspend([SIGUSR2]) },
  {
    name: 'nanosleep',
    prepare: () => (on) => on.nanosleep(1000),
    free: ({ k }) => k.advance(1000),
    result: 0,
  },
  {
    name: 'poll without a timeout',
    prepare: () => (on) => on.poll([{ fd: 0, events: POLLIN, revents: 0 }], -1),
    free: ({ other }) => void other.sys.write(1, new Uint8Array(1)),
    result: 1,
  },
  {
    name: 'poll with a timeout',
    prepare: () => (on) => on.poll([{ fd: 0, events: POLLIN, revents: 0 }], 500),
    free: ({ k }) => k.advance(500),
    result: 0,
  },
  {
    name: 'select',
    prepare: () => (on) => on.select(2, [0], null, null, 500),
    free: ({ other }) => void other.sys.write(1, new Uint8Array(1)),
    result: 1,
  },
  {
    name: 'sigtimedwait',
    prepare: ({ p }) => {
      ok(p.sys.sigprocmask(SIG_BLOCK, [SIGUSR2]))
      return (on) => on.sigtimedwait([SIGUSR2], 1000)
    },
    free: ({ sender, p }) => void sender.sys.kill(p.pid, SIGUSR2),
    result: expect.objectContaining({ signo: SIGUSR2 }),
  },
]

/** Calls that never sleep on a profile that does not have them. */
const has = (profile: Profile, name: string): boolean =>
  profile !== '2.0.35' || !/^(poll|sigtimedwait)/.test(name)

const CASES = PROFILES.flatMap((profile) =>
  ROWS.filter((row) => has(profile, row.name)).map((row) => ({ ...row, profile })),
)

/** The digest of a copy without what a call may leave behind: spare queues and used-up numbers. */
function lastingDigest(k: Kernel): string {
  const copy = k.fork()
  const { state } = coreOf(copy)
  state.timers.nextSeq = 0
  state.switches = 0
  for (const { group } of state.tasks.values()) if (group.childWait?.head == null) group.childWait = null
  return copy.digest()
}

/** The digest of a copy in which every sleeper has been taken off its queues and out of its call by hand. */
function digestWithoutSleepers(k: Kernel): string {
  const copy = k.fork()
  const { state } = coreOf(copy)
  for (const task of state.tasks.values()) {
    for (const file of task.files.files) {
      const pipe = file?.inode.data
      if (pipe instanceof SlotPipe) pipe.sleepingWriters = []
      if (pipe instanceof PagePipe) pipe.writing = null
    }
    if (task.state !== TASK_INTERRUPTIBLE) continue
    // What sigsuspend and sigtimedwait have changed meanwhile, and will put back.
    const { restart, savedMask } = task
    if (savedMask !== null) [task.blockedLow, task.blockedHigh] = savedMask
    if (typeof restart === 'object' && restart !== null && 'maskLow' in restart && 'maskHigh' in restart) {
      ;[task.blockedLow, task.blockedHigh] = [Number(restart.maskLow), Number(restart.maskHigh)]
    }
    removeWaits(task)
    task.state = TASK_RUNNING
    task.call = null
    task.restart = null
    task.savedMask = null
    task.realBlocked = null
  }
  for (const timer of [...state.timers.heap]) if (timer.handler === WAKE_TIMER) state.timers.remove(timer)
  return lastingDigest(copy)
}

const begin = (row: Row, scene: Scene): BegunCall<unknown> =>
  row.prepare(scene)(scene.p.begin) as BegunCall<unknown>

describe.each(CASES)('$name, Linux $profile', (row) => {
  it.runIf(row.counts !== true)('has changed nothing but queues when it goes to sleep', () => {
    const scene = sceneOf(row.profile)
    const call = row.prepare(scene)
    const before = lastingDigest(scene.k)
    expect((call(scene.p.begin) as BegunCall<unknown>).blocked).toBe(true)
    expect(scene.p.state).toBe('sleeping')
    expect(digestWithoutSleepers(scene.k)).toBe(before)
    checkInvariants(scene.k)
  })

  it('leaves no trace when it is taken back', () => {
    const scene = sceneOf(row.profile)
    const call = row.prepare(scene)
    // Time would free these.
    if (/nanosleep|timeout|select|sigtimedwait/.test(row.name)) return
    const before = lastingDigest(scene.k)
    expect(() => call(scene.p.sys as never)).toThrow(WouldBlock)
    expect(lastingDigest(scene.k)).toBe(before)
    expect(scene.p.state).toBe('idle')
    checkInvariants(scene.k)
  })

  it('leaves no trace when a signal interrupts it', () => {
    const [scene, control] = [sceneOf(row.profile), sceneOf(row.profile)]
    const call = begin(row, scene)
    row.prepare(control)
    for (const { sender, p } of [scene, control]) ok(sender.sys.kill(p.pid, SIGUSR1))
    expect(call).toMatchObject({ blocked: false, result: EINTR })
    expect(lastingDigest(scene.k)).toBe(lastingDigest(control.k))
    checkInvariants(scene.k)
  })

  it('leaves nothing behind when its process is killed in it', () => {
    const [scene, control] = [sceneOf(row.profile), sceneOf(row.profile)]
    const call = begin(row, scene)
    row.prepare(control)
    for (const { sender, p } of [scene, control]) ok(sender.sys.kill(p.pid, SIGKILL))
    expect(call).toMatchObject({ blocked: false, died: true, result: undefined })
    expect(scene.p.killedBy).toBe(SIGKILL)
    expect(lastingDigest(scene.k)).toBe(lastingDigest(control.k))
    checkInvariants(scene.k)
  })

  it.runIf(row.free !== undefined)('returns when what it waits for happens, in a copy as well', () => {
    const scene = sceneOf(row.profile)
    const call = begin(row, scene)
    const copy = scene.k.fork()
    row.free?.(scene)
    expect(call).toMatchObject({ blocked: false, result: row.result })
    checkInvariants(scene.k)
    const at = (p: Process): Process => {
      const same = copy.process(p.pid)
      if (same === undefined) throw new Error(`no pid ${p.pid} in the copy`)
      return same
    }
    const { p, other, sender } = scene
    row.free?.({ k: copy, p: at(p), other: at(other), sender: at(sender) })
    expect(copy.digest()).toBe(scene.k.digest())
  })

  it('goes on sleeping over a stop, or ends with EINTR', () => {
    const scene = sceneOf(row.profile)
    const call = begin(row, scene)
    ok(scene.sender.sys.kill(scene.p.pid, SIGSTOP))
    expect(scene.p.state).toBe('stopped')
    checkInvariants(scene.k)
    ok(scene.sender.sys.kill(scene.p.pid, SIGCONT))
    expect(call.blocked ? undefined : call.result).toBe(call.blocked ? undefined : EINTR)
    checkInvariants(scene.k)
  })
})

describe.each(['2.2.12', '2.6.14'] as const)('vfork, Linux %s', (profile) => {
  it('keeps its caller asleep until the child ends, whatever signals come', () => {
    const { k, p, sender } = sceneOf(profile)
    const call = p.begin.vfork()
    expect(call.blocked).toBe(true)
    ok(sender.sys.kill(p.pid, SIGUSR1))
    expect(call.blocked).toBe(true)
    checkInvariants(k)
    const child = k.process(4 + 1)
    child?.sys.exit(0)
    expect(call).toMatchObject({ blocked: false, result: child?.pid })
    checkInvariants(k)
  })

  it('leaves the child where it is when the call is taken back', () => {
    const { k, p } = sceneOf(profile)
    expect(() => p.sys.vfork()).toThrow(WouldBlock)
    checkInvariants(k)
    const child = k.process(5)
    expect(child?.state).toBe('idle')
    child?.sys.exit(1)
    expect(p.sys.wait4(child?.pid ?? 0, 0)).toMatchObject({ status: 0x100 })
    checkInvariants(k)
  })
})
