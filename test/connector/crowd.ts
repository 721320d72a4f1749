/** Processes that do whatever changes the process table, and a program that keeps a copy of it by events. */
import {
  CLONE_FILES,
  CLONE_FS,
  CLONE_PARENT,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VM,
  createKernel,
  O_CREAT,
  O_TRUNC,
  O_WRONLY,
  POLLIN,
  type Program,
  type SchedulePolicy,
  SIGCHLD,
  SIGKILL,
  type Sys,
  utf8Encode,
  WNOHANG,
} from 'paleokernel'
import { connector, type MirroredTask, ProcessMirror } from 'paleokernel/connector'
import { net, SO_RCVBUF, SOL_SOCKET } from 'paleokernel/net'
import { TASK_ZOMBIE } from '../../src/kernel/task.js'
import { Dice, mix } from '../fuzz/dice.js'
import { coreOf, readFile } from '../helpers/world.js'

const COPY = '/tmp/mirror'
const THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD

/** What the mirror has written: its table, and how often it had to begin anew. */
export interface Written {
  readonly tasks: readonly MirroredTask[]
  readonly resyncs: number
  readonly overruns: number
}

const byPid = (a: MirroredTask, b: MirroredTask): number => a.pid - b.pid

/** Some steps of a life: children, threads, ids, programs, an end, or sleep for ever. */
function* live(sys: Sys, dice: Dice, depth: number): Program {
  const another = (flags: number) => {
    const seed = dice.next()
    return sys.clone(flags, function* (inner) {
      return yield* live(inner, new Dice(seed), depth - 1)
    })
  }
  for (let left = 2 + dice.below(5); left > 0; left--) {
    switch (dice.below(depth > 0 ? 11 : 5)) {
      case 0:
        yield* sys.setresuid(dice.below(3) * 500, -1, -1)
        break
      case 1:
        yield* sys.setresgid(dice.below(3) * 100, -1, -1)
        break
      case 2:
        yield* sys.waitpid(-1, WNOHANG)
        break
      case 3:
        if (dice.chance(40)) return dice.below(3)
        yield* sys.nanosleep(dice.below(3))
        break
      case 4:
        if (dice.chance(40))
          yield* sys.exec('/bin/live', ['live', String(dice.next()), String(depth - 1)], [])
        break
      case 5:
      case 6:
        yield* another(THREAD)
        break
      case 7:
        yield* another(CLONE_PARENT | SIGCHLD)
        break
      default: {
        if ((yield* sys.fork()) !== 0) break
        const self = yield* sys.getpid()
        return yield* live(sys, new Dice(mix(dice.next(), self)), depth - 1)
      }
    }
  }
  if (dice.chance(30)) yield* sys.pause()
  return 0
}

/** A kernel in which a mirror runs. */
export function mirrorWorld(schedule: SchedulePolicy, seed: number, layout: '2.6.15' | '2.6.18', rcvbuf = 0) {
  const modules = [net(), connector({ processEvents: layout })] as const
  const k = createKernel({ profile: '2.6.14', modules, schedule, seed })
  const root = k.spawn()
  const mirror = k.spawn({
    comm: 'mirror',
    *program(sys) {
      const copy = new ProcessMirror()
      const fd = yield* copy.start(sys)
      if (fd < 0) return 1
      if (rcvbuf > 0) yield* sys.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, rcvbuf)
      while (yield* copy.follow(sys, fd)) {
        const { resyncs, overruns } = copy
        const written: Written = { tasks: [...copy.tasks.values()].sort(byPid), resyncs, overruns }
        const out = yield* sys.open(COPY, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
        yield* sys.write(Number(out), utf8Encode(JSON.stringify(written)))
        yield* sys.close(Number(out))
        yield* sys.poll([{ fd, events: POLLIN, revents: 0 }], -1)
      }
      return 1
    },
  })
  k.install('/bin/live', function* (sys, diceSeed, depth) {
    return yield* live(sys, new Dice(Number(diceSeed)), Number(depth))
  })
  return {
    k,
    mirror,
    /** Starts a family. */
    begin(diceSeed: number, depth: number): void {
      k.spawn({
        *program(sys) {
          return yield* live(sys, new Dice(diceSeed), depth)
        },
      })
    },
    /** Kills somebody. */
    kill(dice: Dice): void {
      const pids = [...coreOf(k as never).state.tasks.keys()]
      const victim = dice.pick(pids)
      if (![1, root.pid, mirror.pid].includes(victim)) root.sys.kill(victim, SIGKILL)
    },
    /** What the mirror has written last. */
    written: (): Written => JSON.parse(readFile(root as never, COPY)) as Written,
    /** What the kernel has. */
    table: (): MirroredTask[] =>
      [...coreOf(k as never).state.tasks.values()]
        .filter(({ state }) => state < TASK_ZOMBIE)
        .map(({ pid, tgid, group: { leader }, cred: { uid, gid } }) => ({
          pid,
          tgid,
          ppid: leader.parent === leader ? 0 : leader.parent.tgid,
          uid,
          gid,
        }))
        .sort(byPid),
  }
}
