/**
 * What changed between 2.2.12 and 2.6.20 about ids, children and signals. See era.ts.
 */

import { isErr } from 'paleokernel'
import type { Actor } from './actor.js'
import type { Answer, Line } from './answer.js'
import { asStacked, besides, instead, otherWords } from './bring.js'
import type { EraDifference, Mismatch } from './era.js'
import { actorOf, allSleepIn, always, answers, goOn, sleepers, vs2620, withoutFlag } from './era_help.js'

const SIGCHLD = 17
const SIG_IGN = 1
const SIG_SETMASK = 2
const SA_NOCLDSTOP = 1
const SA_NOCLDWAIT = 2
const WNOHANG = 1
/** (uid_t) -1 where a uid has 16 bits. */
const NO_ID_16 = 65535

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

export const ERA_2_2_TASKS: readonly EraDifference[] = [
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
    cite: 'do_signal, arch/i386/kernel/signal.c (2.2), reaps for SIG_IGN when SIGCHLD is taken, SA_NOCLDWAIT is "not supported yet"; do_notify_parent, kernel/signal.c, in 2.6',
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
    name: 'a signal waits for the handler before it',
    cite: 'do_signal, arch/i386/kernel/signal.c (2.2), sets one handler up and returns to user mode; work_notifysig, entry.S, looks again in 2.6.20',
    covers: (m) => stackedSignals(m) !== undefined,
    after: (m) => (stackedSignals(m) === 'same' ? 'go on' : 'stop'),
  }),
]
