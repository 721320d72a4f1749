/**
 * prctl(2) and seccomp(2): entering a mode oneself, filters, no_new_privs.
 * Linux: prctl_set_seccomp (kernel/seccomp.c, 2.6.23, 3.5), do_seccomp (3.17), seccomp_attach_filter.
 */

import { CAP_SYS_ADMIN } from '../abi/capability.js'
import { EACCES, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP, EPERM, isErr } from '../abi/errno.js'
import { PR_GET_SECCOMP, PR_SET_SECCOMP } from '../abi/prctl.js'
import type { PrctlHandler } from '../kernel/module.js'
import { threadsOf } from '../kernel/signal.js'
import { type Task, TF_NO_NEW_PRIVS } from '../kernel/task.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import {
  PR_GET_NO_NEW_PRIVS,
  PR_SET_NO_NEW_PRIVS,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_TSYNC,
  SECCOMP_GET_ACTION_AVAIL,
  SECCOMP_MODE_DISABLED,
  SECCOMP_MODE_FILTER,
  SECCOMP_MODE_STRICT,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_SET_MODE_FILTER,
  SECCOMP_SET_MODE_STRICT,
} from './actions.js'
import { BPF_MAXINSNS, checkFilter, programFrom } from './bpf.js'
import type { Settings } from './options.js'
import { confine, Filter, modeOf, type Slot } from './state.js'

/** The most instructions of all filters of a task together. Linux: MAX_INSNS_PER_PATH, 256 KiB of them. */
const MAX_INSNS_PER_PATH = 32768

const KNOWN_FLAGS = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW

const AVAILABLE: readonly number[] = [
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_LOG,
  SECCOMP_RET_ALLOW,
]

/**
 * Errors: before 3.5 EPERM when a mode is set, EINVAL for one that there is not; with filters EINVAL for both, and
 * nothing for the mode that is set. Linux: prctl_set_seccomp, seccomp_set_mode_strict.
 */
function setStrict(slot: Slot, settings: Settings, current: Task): number {
  const mode = modeOf(slot, current)
  if (!settings.byPrctl) return EINVAL
  if (settings.filters) {
    if (mode !== SECCOMP_MODE_DISABLED && mode !== SECCOMP_MODE_STRICT) return EINVAL
  } else if (mode !== SECCOMP_MODE_DISABLED)
    return deny(current, EPERM, 'state', null, 'the seccomp mode of a task is set once, for good')
  confine(slot, current, SECCOMP_MODE_STRICT)
  return 0
}

/**
 * Adds a filter. Errors: EINVAL for the flags, the length, the program, or a task in mode 1; EFAULT for what is no
 * program; EACCES without no_new_privs and CAP_SYS_ADMIN; ENOMEM when there are too many. With TSYNC a positive
 * result is the thread that cannot follow. Linux: seccomp_set_mode_filter, seccomp_attach_filter.
 */
function setFilter(slot: Slot, current: Task, flags: number, value: unknown): number {
  if ((flags & ~KNOWN_FLAGS) !== 0) return EINVAL
  const program = programFrom(value, EFAULT)
  if (isErr(program)) return program
  if (program.length === 0 || program.length > BPF_MAXINSNS) return EINVAL
  if ((current.flags & TF_NO_NEW_PRIVS) === 0 && !capable(current, CAP_SYS_ADMIN))
    return deny(current, EACCES, 'capability', null, CAP_SYS_ADMIN)
  const checked = checkFilter(program)
  if (isErr(checked)) return checked
  const mode = modeOf(slot, current)
  if (mode !== SECCOMP_MODE_DISABLED && mode !== SECCOMP_MODE_FILTER) return EINVAL
  const previous = slot.get(current)?.filter ?? null
  const filter = new Filter(program, previous)
  if (filter.instructions > MAX_INSNS_PER_PATH) return ENOMEM
  const follows = (flags & SECCOMP_FILTER_FLAG_TSYNC) !== 0
  const others = follows ? threadsOf(current.group).filter((thread) => thread !== current) : []
  const stray = others.find((thread) => !canFollow(slot, thread, previous))
  if (stray !== undefined) return stray.pid
  for (const thread of others) {
    confine(slot, thread, SECCOMP_MODE_FILTER, filter)
    thread.flags |= current.flags & TF_NO_NEW_PRIVS
  }
  confine(slot, current, SECCOMP_MODE_FILTER, filter)
  return 0
}

/** Is the thread free, or are its filters the caller's or older ones of them? Linux: seccomp_can_sync_threads. */
function canFollow(slot: Slot, thread: Task, callers: Filter | null): boolean {
  const mode = modeOf(slot, thread)
  if (mode === SECCOMP_MODE_DISABLED) return true
  const theirs = slot.get(thread)?.filter ?? null
  if (mode !== SECCOMP_MODE_FILTER || theirs === null) return false
  for (let each = callers; each !== null; each = each.previous) if (each === theirs) return true
  return false
}

const isZero = (value: unknown): boolean => value === undefined || value === 0 || value === null

/** Linux: PR_SET_NO_NEW_PRIVS, kernel/sys.c (3.5). */
function setNoNewPrivs(current: Task, on: unknown, b: unknown, c: unknown, d: unknown): number {
  if (on !== 1 || !isZero(b) || !isZero(c) || !isZero(d)) return EINVAL
  current.flags |= TF_NO_NEW_PRIVS
  return 0
}

/** The operations of prctl(2) that the options bring. */
export function prctlOperations(slot: Slot, settings: Settings): Record<number, PrctlHandler> {
  const operations: Record<number, PrctlHandler> = {}
  if (!settings.byPrctl && !settings.filters) return operations
  operations[PR_GET_SECCOMP] = (current) => modeOf(slot, current)
  operations[PR_SET_SECCOMP] = (current, mode, program) => {
    if (mode === SECCOMP_MODE_STRICT) return setStrict(slot, settings, current)
    if (mode === SECCOMP_MODE_FILTER && settings.filters) return setFilter(slot, current, 0, program)
    return EINVAL
  }
  if (settings.filters) {
    operations[PR_SET_NO_NEW_PRIVS] = setNoNewPrivs
    operations[PR_GET_NO_NEW_PRIVS] = (current, a, b, c, d) => {
      if (!isZero(a) || !isZero(b) || !isZero(c) || !isZero(d)) return EINVAL
      return (current.flags & TF_NO_NEW_PRIVS) === 0 ? 0 : 1
    }
  }
  return operations
}

/**
 * seccomp(2), 3.17: a mode with flags, or whether an action is known (4.14). Errors: as prctl's; EOPNOTSUPP for an
 * action that is not. Linux: do_seccomp.
 */
export function sysSeccomp(
  slot: Slot,
  settings: Settings,
  current: Task,
  operation: unknown,
  flags: unknown,
  argument: unknown,
): number {
  const bits = flags === undefined ? 0 : typeof flags === 'number' && Number.isInteger(flags) ? flags : -1
  switch (operation) {
    case SECCOMP_SET_MODE_STRICT:
      return bits !== 0 || !isZero(argument) ? EINVAL : setStrict(slot, settings, current)
    case SECCOMP_SET_MODE_FILTER:
      return setFilter(slot, current, bits, argument)
    case SECCOMP_GET_ACTION_AVAIL:
      if (bits !== 0) return EINVAL
      if (typeof argument !== 'number') return EFAULT
      return AVAILABLE.includes(argument) ? 0 : EOPNOTSUPP
    default:
      return EINVAL
  }
}
