/**
 * The check at every entry of a confined task into the kernel, before anybody else sees the call.
 * Linux: secure_computing, __secure_computing (kernel/seccomp.c, 2.6.14); seccomp_run_filters, __seccomp_filter (3.5 on).
 */

import { ENOSYS, SKIPPED } from '../abi/errno.js'
import { SIGKILL, SIGSYS, type SigInfo } from '../abi/signal.js'
import { coreOutcome } from '../kernel/deliver.js'
import { doExit, doGroupExit } from '../kernel/exit.js'
import { forceSignal } from '../kernel/signal.js'
import type { Task } from '../kernel/task.js'
import { noteKill } from '../security/deny.js'
import {
  MAX_ERRNO,
  SECCOMP_MODE_FILTER,
  SECCOMP_MODE_STRICT,
  SECCOMP_RET_ACTION_FULL,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_DATA,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
  SYS_SECCOMP,
} from './actions.js'
import { type Abi, isMode1Call } from './arch.js'
import { DEPENDS, runBpf } from './bpf_run.js'
import { actionName } from './bpf_text.js'
import { publishDeath } from './events.js'
import type { Settings } from './options.js'
import type { Confinement, Filter } from './state.js'

/** An instruction and no system call, though programs make it as one. */
export const RDTSC = 'rdtsc'

/** What a pointer that is not null looks like in the arguments: there are no addresses. */
const SOME_ADDRESS = 0xbfff0000

/** Words of seccomp_data that follow from the number and the architecture alone. */
const CONSTANT_WORDS = 2
const DATA_WORDS = 16
const ARGS_WORD = 4
/** Set in the wait status of who has dumped a core. */
const COREDUMP = 0x80
/** Numbers whose verdicts are remembered. */
const REMEMBERED = 512

/** A call as it enters. */
interface Entry {
  readonly name: string
  readonly nr: number
  readonly abi: Abi
  readonly args: readonly unknown[]
}

/** A call of a task in mode 1. 0: it is allowed, or the task has died of it. */
export function enterStrict(settings: Settings, current: Task, abi: Abi, name: string, nr: number): number {
  const number = abi.number(name, nr)
  if (!isMode1Call(abi.mode1, number) && name !== RDTSC) violate(settings, current, abi, name, number)
  return 0
}

/** A call of a task in mode 2. 0 as above; an error, or SKIPPED with `current.result`: it is not made. */
export function enterFiltered(
  current: Task,
  confinement: Confinement,
  abi: Abi,
  name: string,
  nr: number,
  args: readonly unknown[],
): number {
  if (confinement.filter === null || name === RDTSC) return 0
  return filtered(current, confinement, confinement.filter, { name, nr: abi.number(name, nr), abi, args })
}

/** The thread ends, without a signal that anybody could catch or see. Reference §1.5. */
function violate(settings: Settings, current: Task, abi: Abi, name: string, nr: number): void {
  const reason = `seccomp mode 1 allows read, write, exit and sigreturn, not call ${nr}`
  noteKill(current, SIGKILL, 'hook', 'seccomp', reason, 'none', name)
  publishDeath(current, SECCOMP_MODE_STRICT, SIGKILL, nr, abi.audit, name)
  if (settings.killsProcess) doGroupExit(current, SIGKILL)
  else doExit(current, SIGKILL)
}

// ---- mode 2 --------------------------------------------------------------------------------------------------

/** The most restrictive answer of all filters; of equal ones the newest filter's. Linux: seccomp_run_filters. */
function runAll(filter: Filter, data: Uint32Array, known: number): number {
  let found = SECCOMP_RET_ALLOW
  for (let each: Filter | null = filter; each !== null; each = each.previous) {
    const answer = runBpf(each.program, data, known)
    if (answer === DEPENDS) return DEPENDS
    if ((answer & SECCOMP_RET_ACTION_FULL) < (found & SECCOMP_RET_ACTION_FULL)) found = answer
  }
  return found
}

/** What the filters say about a call, from memory where the number alone decides. */
function verdictOf(confinement: Confinement, filter: Filter, entry: Entry): number {
  const { nr } = entry
  const isRemembered = nr >= 0 && nr < REMEMBERED
  const verdicts = filter.verdicts[confinement.isCompat ? 1 : 0]
  const known = isRemembered ? verdicts[nr] : DEPENDS
  if (known !== undefined && known !== DEPENDS) return known
  const data = new Uint32Array(DATA_WORDS)
  data[0] = nr
  data[1] = entry.abi.audit
  if (known === undefined) {
    const constant = runAll(filter, data, CONSTANT_WORDS)
    verdicts[nr] = constant
    if (constant !== DEPENDS) return constant
  }
  writeArgs(data, entry)
  return runAll(filter, data, DATA_WORDS)
}

/**
 * The arguments as registers: numbers sign-extended to the registers' width, what C passes as a pointer as some
 * address, and behind a buffer its length, which C passes as an argument of its own.
 */
function writeArgs(data: Uint32Array, { abi, args }: Entry): void {
  let at = ARGS_WORD
  const put = (value: number): void => {
    if (at >= DATA_WORDS) return
    data[at] = value
    data[at + 1] = abi.is64 ? Math.floor(value / 0x100000000) : 0
    at += 2
  }
  for (const arg of args) {
    if (typeof arg === 'number') put(Number.isFinite(arg) ? Math.trunc(arg) : 0)
    else put(arg === undefined || arg === null || arg === false ? 0 : arg === true ? 1 : SOME_ADDRESS)
    if (arg instanceof Uint8Array) put(arg.length)
  }
}

function filtered(current: Task, confinement: Confinement, filter: Filter, entry: Entry): number {
  const answer = verdictOf(confinement, filter, entry)
  const data = answer & SECCOMP_RET_DATA
  switch ((answer & SECCOMP_RET_ACTION_FULL) >>> 0) {
    case SECCOMP_RET_ALLOW:
      return 0
    case SECCOMP_RET_ERRNO:
      return skip(current, 0 - Math.min(data, MAX_ERRNO))
    case SECCOMP_RET_TRAP:
      sendSigsys(current, entry, data)
      return skip(current, entry.nr)
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_USER_NOTIF:
      return skip(current, ENOSYS)
    case SECCOMP_RET_LOG:
      log(current, entry, answer)
      return 0
    case SECCOMP_RET_KILL_THREAD:
      return kill(current, entry, answer, current.group.live > 1)
    default:
      return kill(current, entry, answer, false)
  }
}

/** The call is not made. An error is the verdict itself, so that it has a reason. */
function skip(current: Task, result: number): number {
  if (result < 0 && result !== SKIPPED) return result
  current.result = result
  return SKIPPED
}

const sigsysInfo = ({ nr, abi }: Entry, data: number): SigInfo => ({
  signo: SIGSYS,
  code: SYS_SECCOMP,
  errno: data,
  syscall: nr,
  arch: abi.audit,
})

/** Linux: seccomp_send_sigsys. */
function sendSigsys(current: Task, entry: Entry, data: number): void {
  forceSignal(current, sigsysInfo(entry, data), 'hook', `a seccomp filter trapped call ${entry.nr}`)
}

/**
 * A thread that is not alone ends alone, without a core; else the process dies as of SIGSYS, which dumps a core where
 * limits allow one. Linux: __seccomp_filter (4.14).
 */
function kill(current: Task, entry: Entry, answer: number, endsAlone: boolean): number {
  const reason = `a seccomp filter returned ${actionName(answer)} for call ${entry.nr}`
  const core = endsAlone ? 'none' : coreOutcome(current, SIGSYS)
  noteKill(current, SIGSYS, 'hook', 'seccomp', reason, core, entry.name)
  publishDeath(current, SECCOMP_MODE_FILTER, SIGSYS, entry.nr, entry.abi.audit, entry.name)
  if (endsAlone) doExit(current, SIGSYS)
  else doGroupExit(current, core === 'dumped' ? SIGSYS | COREDUMP : SIGSYS)
  return 0
}

/** Linux: seccomp_log, audit_seccomp. */
function log(current: Task, { nr, abi }: Entry, answer: number): void {
  const { uid, gid } = current.cred
  const hex = (value: number): string => value.toString(16)
  current.k.printk(
    `audit: type=1326 uid=${uid} gid=${gid} pid=${current.pid} comm="${current.comm}" sig=0 arch=${hex(abi.audit)} syscall=${nr} compat=0 ip=0x0 code=0x${hex(answer)}`,
  )
}
