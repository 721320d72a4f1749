/**
 * The operations of a script on processes, credentials and signals, as sysrun.c's `doop` carries them out.
 */

import { isErr, type Process } from 'paleokernel'
import type { Actor, Operation, Stage, Words } from './actor.js'
import type { Answer } from './answer.js'
import { failed, type Outcome, plain, step, stepEither } from './step.js'

const LOG_MAX = 256
const F_GETFD = 1
const O_RDWR = 2
const SIGSEGV = 11
const SIGCHLD = 17
const SIG_UNBLOCK = 1

/** The handler that all tasks install: it writes the signal into the task's log. */
export function handlerOf(actor: Actor): (sig: number) => void {
  return (sig) => {
    if (actor.log.length < LOG_MAX) actor.log.push(sig)
  }
}

/** A wait status in words. Linux: the W* macros. */
function waitStatus(status: number, stage: Stage): string {
  if (status === 0xffff) return 'cont'
  if ((status & 0x7f) === 0) return `exit:${(status >> 8) & 0xff}`
  if ((status & 0xff) === 0x7f) return `stop:${stage.dialect.signalName((status >> 8) & 0xff)}`
  return `sig:${stage.dialect.signalName(status & 0x7f)}`
}

function waitpid({ proc }: Actor, words: Words, stage: Stage): Outcome {
  return step(proc.begin.waitpid(stage.pidOf(words.text(1)), words.value(2)), ({ pid, status }) =>
    pid === 0 ? { r: 0 } : { p: stage.pidName(pid), ws: waitStatus(status, stage) },
  )
}

function fork(actor: Actor, words: Words, stage: Stage): Outcome {
  const index = words.value(1)
  if (index < 0 || index >= 10 || stage.actors[index] !== undefined) return { x: 'badtask' }
  return step(actor.proc.begin.fork(), (pid) => {
    stage.adopt(index, pid, actor)
    return { p: `T${index}` }
  })
}

/** A successful exec starts the recorder again in the new image: its first act is to report its effective ids. */
function exec(actor: Actor, words: Words, { dialect }: Stage): Outcome {
  const { proc } = actor
  const isChanged = otherIds(proc)
  return step(proc.begin.exec(words.path(1), [words.path(1)], {}), () => {
    actor.childFlags = 0
    if (diesInLibc(proc, dialect.isSecureWithOtherIds && isChanged())) {
      crash(proc)
      return {}
    }
    return { r: 0, exec: [proc.sys.geteuid() | 0, proc.sys.getegid() | 0] }
  })
}

/** Has the effective uid changed since, or the effective gid to a group that the task was not in? */
function otherIds({ sys }: Process): () => boolean {
  const [euid, egid, groups] = [sys.geteuid(), sys.getegid(), sys.getgroups()]
  return () => {
    const now = sys.getegid()
    return sys.geteuid() !== euid || (now !== egid && !(Array.isArray(groups) && groups.includes(now)))
  }
}

/**
 * A static libc that starts in secure mode, with other effective than real ids, wants descriptors 0, 1 and 2 open; it opens
 * /dev/null for a closed one, and crashes when that fails. The scripts' world has no /dev.
 * musl: __init_libc, src/env/__libc_start_main.c; glibc: __libc_check_standard_fds, csu/check_fds.c.
 */
function diesInLibc({ sys }: Process, isChanged: boolean): boolean {
  const secure = isChanged || sys.getuid() !== sys.geteuid() || sys.getgid() !== sys.getegid()
  return (
    secure && [0, 1, 2].some((fd) => isErr(sys.fcntl(fd, F_GETFD)) && isErr(sys.open('/dev/null', O_RDWR)))
  )
}

/** The crash instruction: SIGSEGV that can be neither ignored nor blocked. Linux: force_sig. */
function crash({ sys }: Process): void {
  sys.sigaction(SIGSEGV, { handler: 0, flags: 0, mask: [] })
  sys.sigprocmask(SIG_UNBLOCK, [SIGSEGV])
  sys.kill(sys.getpid(), SIGSEGV)
}

function sigaction(actor: Actor, words: Words, stage: Stage): Outcome {
  const sig = words.value(1)
  const wanted = words.text(2)
  // The libc refuses the signals that it keeps for itself.
  if (sig >= 32 && sig < stage.dialect.rtMin) return { e: 'EINVAL' }
  const handler = wanted === 'DFL' ? 0 : wanted === 'IGN' ? 1 : handlerOf(actor)
  if (typeof handler === 'function') actor.handled.add(sig)
  const flags = words.count > 2 ? words.value(3) : 0
  const mask = words.count > 3 ? words.mask(4) : []
  return step(actor.proc.begin.sigaction(sig, { handler, flags, mask }), (old) => {
    if (sig === SIGCHLD) {
      actor.ignoresChildren = handler === 1
      actor.childFlags = flags
    }
    return { r: 0, old: old.handler === 0 ? 'DFL' : old.handler === 1 ? 'IGN' : 'H' }
  })
}

const printPid =
  (stage: Stage) =>
  (pid: number): Answer => ({ p: stage.pidName(pid) })

function ids({ proc }: Actor): Outcome {
  const uids = proc.sys.getresuid()
  const gids = proc.sys.getresgid()
  const groups = proc.sys.getgroups()
  if (isErr(uids)) return failed(uids)
  if (isErr(gids)) return failed(gids)
  if (isErr(groups)) return failed(groups)
  return { r: 0, ids: [...uids, ...gids].map((id) => id | 0), gr: groups.map((id) => id | 0) }
}

function setrlimit({ proc }: Actor, words: Words): Outcome {
  const resource = words.value(1)
  return stepEither(proc.begin.getrlimit(resource), (old) => {
    const max = isErr(old) ? 0 : old.max
    return plain(proc.begin.setrlimit(resource, { cur: words.value(2), max }))
  })
}

/** The operations by name. */
export const TASK_OPS: Readonly<Record<string, Operation>> = {
  setuid: ({ proc }, w) => plain(proc.begin.setuid(w.value(1))),
  setgid: ({ proc }, w) => plain(proc.begin.setgid(w.value(1))),
  setreuid: ({ proc }, w) => plain(proc.begin.setreuid(w.value(1), w.value(2))),
  setregid: ({ proc }, w) => plain(proc.begin.setregid(w.value(1), w.value(2))),
  seteuid: ({ proc }, w) => plain(proc.begin.setresuid(-1, w.value(1), -1)),
  setegid: ({ proc }, w) => plain(proc.begin.setresgid(-1, w.value(1), -1)),
  setresuid: ({ proc }, w) => plain(proc.begin.setresuid(w.value(1), w.value(2), w.value(3))),
  setresgid: ({ proc }, w) => plain(proc.begin.setresgid(w.value(1), w.value(2), w.value(3))),
  setfsuid: ({ proc }, w) => step(proc.begin.setfsuid(w.value(1)), (old) => ({ r: old | 0 })),
  setgroups: ({ proc }, w) =>
    plain(proc.begin.setgroups(Array.from({ length: Math.min(w.count, 32) }, (_, i) => w.value(i + 1)))),
  ids,
  kill: ({ proc }, w, stage) => plain(proc.begin.kill(stage.pidOf(w.text(1)), w.value(2))),
  getpid: ({ proc }, _, stage) => step(proc.begin.getpid(), printPid(stage)),
  getppid: ({ proc }, _, stage) => step(proc.begin.getppid(), printPid(stage)),
  getpgid: ({ proc }, w, stage) => step(proc.begin.getpgid(stage.pidOf(w.text(1))), printPid(stage)),
  getsid: ({ proc }, w, stage) => step(proc.begin.getsid(stage.pidOf(w.text(1))), printPid(stage)),
  setpgid: ({ proc }, w, stage) => plain(proc.begin.setpgid(stage.pidOf(w.text(1)), stage.pidOf(w.text(2)))),
  setsid: ({ proc }, _, stage) => step(proc.begin.setsid(), printPid(stage)),
  waitpid,
  fork,
  exec,
  sigaction,
  sigprocmask: ({ proc }, w, stage) =>
    step(proc.begin.sigprocmask(w.value(1), w.mask(2)), (old) => ({
      r: 0,
      old: stage.dialect.printMask(old),
    })),
  sigpending: ({ proc }, _, stage) =>
    step(proc.begin.sigpending(), (set) => ({ r: 0, m: stage.dialect.printMask(set) })),
  sigsuspend: ({ proc }, w) => plain(proc.begin.sigsuspend(w.mask(1))),
  pause: ({ proc }) => plain(proc.begin.pause()),
  setrlimit,
}
