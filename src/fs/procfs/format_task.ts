/**
 * The texts about one process: status, stat, statm, cmdline, environ. Linux: fs/proc/array.c (2.0.35, 2.2.12,
 * 2.6.14), field by field and in order, so that ps of the time can read them.
 *
 * Memory is not modelled: a task that runs an image has the image's size, 16 KiB of data and 8 KiB of stack;
 * others have none. Instruction pointer, stack pointer and wait channel are 0. Times are ticks of 10 ms.
 */

import { RLIM_INFINITY, RLIMIT_RSS, RLIMIT_SIGPENDING } from '../../abi/resource.js'
import type { Cred } from '../../kernel/cred.js'
import { pidFor } from '../../kernel/part.js'
import { softLimit } from '../../kernel/rlimit.js'
import type { PendingSignals } from '../../kernel/signal_state.js'
import {
  pgidOf,
  sidOf,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_STOPPED,
  TASK_UNINTERRUPTIBLE,
  TASK_ZOMBIE,
  type Task,
  TF_DUMPCORE,
  TF_EXITING,
  TF_FORKNOEXEC,
} from '../../kernel/task.js'
import { hasExited, isModern } from './entry.js'

/** The most that one read of cmdline or environ shows. Linux: PAGE_SIZE. */
const PAGE_BYTES = 4096

/** Milliseconds to ticks of USER_HZ, 100 a second. Linux: jiffies_to_clock_t. */
export const clockTicks = (ms: number): number => Math.floor(ms / 10)

/** 16 hexadecimal digits. Linux: render_sigset_t. */
const signalSet = (low: number, high: number): string =>
  (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0')

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** The letter and the word of a state. Linux: task_state_array. */
function stateWords(task: Task): string {
  switch (task.state) {
    case TASK_RUNNING:
      return 'R (running)'
    case TASK_INTERRUPTIBLE:
      return 'S (sleeping)'
    case TASK_UNINTERRUPTIBLE:
      return 'D (disk sleep)'
    case TASK_STOPPED:
      return 'T (stopped)'
    case TASK_ZOMBIE:
      return 'Z (zombie)'
    default:
      return 'X (dead)'
  }
}

/** 0 for the first process, whose parent is the idle task. Linux: p_pptr->pid; group_leader->real_parent->tgid. */
function parentPid(task: Task): number {
  const { leader } = task.group
  return leader.parent === leader ? 0 : leader.parent.tgid
}

/** A name with backslash and newline escaped. Linux: task_name. */
const escapedName = (name: string): string => name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

/** Ignored and caught signals, as [ignoredLow, ignoredHigh, caughtLow, caughtHigh]. */
function dispositions(task: Task): readonly [number, number, number, number] {
  const sets: [number, number, number, number] = [0, 0, 0, 0]
  if (hasExited(task)) return sets
  task.sighand.actions.forEach((action, signal) => {
    if (action === undefined || action.handler === 0 || signal < 1) return
    const word = (action.handler === 1 ? 0 : 2) + (signal > 32 ? 1 : 0)
    sets[word] = (sets[word] ?? 0) | (1 << ((signal - 1) & 31))
  })
  return sets
}

const lowOf = (pending: PendingSignals | null): number => pending?.low ?? 0
const highOf = (pending: PendingSignals | null): number => pending?.high ?? 0

/** Threads that are alive; 0 for a zombie. Linux: atomic_read(&signal->count). */
const threadCount = (task: Task): number => (hasExited(task) ? 0 : task.group.live)

// ---- memory --------------------------------------------------------------------------------------------------

const PAGE_KB = 4
const DATA_KB = 16
const STACK_KB = 8

/** The image's size in KiB, whole pages; null for a task without one. */
function imageKb(task: Task): number | null {
  if (task.exe === null || hasExited(task)) return null
  return Math.max(1, Math.ceil(task.exe.inode.size / (PAGE_KB * 1024))) * PAGE_KB
}

/** Linux: task_mem. */
function memoryLines(task: Task): string {
  const text = imageKb(task)
  if (text === null) return ''
  const total = text + DATA_KB + STACK_KB
  const line = (name: string, kb: number): string => `${name}:\t${String(kb).padStart(8)} kB\n`
  const lines =
    line('VmSize', total) +
    line('VmLck', 0) +
    line('VmRSS', total) +
    line('VmData', DATA_KB) +
    line('VmStk', STACK_KB) +
    line('VmExe', text) +
    line('VmLib', 0)
  return isModern(task.k) ? lines + line('VmPTE', PAGE_KB) : lines
}

/** Size, resident, shared, text, library, data, dirty, in pages. Linux: get_statm, proc_pid_statm. */
export function formatStatm(task: Task): string {
  const text = imageKb(task)
  if (text === null) return '0 0 0 0 0 0 0\n'
  const pages = (kb: number): number => kb / PAGE_KB
  const total = pages(text + DATA_KB + STACK_KB)
  return `${total} ${total} 0 ${pages(text)} 0 ${pages(DATA_KB + STACK_KB)} 0\n`
}

// ---- status --------------------------------------------------------------------------------------------------

const idLines = (cred: Cred): string =>
  `Uid:\t${cred.uid}\t${cred.euid}\t${cred.suid}\t${cred.fsuid}\n` +
  `Gid:\t${cred.gid}\t${cred.egid}\t${cred.sgid}\t${cred.fsgid}\n`

/** 2.6 shows 32 groups at most (NGROUPS_SMALL). Every number is followed by a space. */
const groupLine = (cred: Cred): string =>
  `Groups:\t${cred.groups
    .slice(0, 32)
    .map((gid) => `${gid} `)
    .join('')}\n`

const capabilityLines = (cred: Cred): string =>
  `CapInh:\t${hex(cred.capInheritable, 16)}\n` +
  `CapPrm:\t${hex(cred.capPermitted, 16)}\n` +
  `CapEff:\t${hex(cred.capEffective, 16)}\n`

/** Room in the descriptor table: 32, then 256, then doubling. Linux: files->max_fds, expand_files. */
function fdSize(task: Task): number {
  if (hasExited(task)) return 0
  const used = task.files.files.length
  let size = 32
  while (size < used) size = size === 32 ? 256 : size * 2
  return size
}

/** Linux: task_sig of 2.0: one word each. */
function oldSignalLines(task: Task): string {
  const [ignored, , caught] = dispositions(task)
  const pending = lowOf(task.pending) | lowOf(task.group.shared)
  const line = (name: string, low: number): string => `${name}:\t${hex(low >>> 0, 8)}\n`
  const lines = line('SigPnd', pending) + line('SigBlk', task.blockedLow)
  return hasExited(task) ? lines : lines + line('SigIgn', ignored) + line('SigCgt', caught)
}

/** Linux: task_sig of 2.2. */
function signalLines(task: Task): string {
  const [ignLow, ignHigh, catLow, catHigh] = dispositions(task)
  const { pending } = task
  const { shared } = task.group
  return (
    `SigPnd:\t${signalSet(lowOf(pending) | lowOf(shared), highOf(pending) | highOf(shared))}\n` +
    `SigBlk:\t${signalSet(task.blockedLow, task.blockedHigh)}\n` +
    `SigIgn:\t${signalSet(ignLow, ignHigh)}\n` +
    `SigCgt:\t${signalSet(catLow, catHigh)}\n`
  )
}

/** Linux: task_sig of 2.6.14. */
function modernSignalLines(task: Task): string {
  const [ignLow, ignHigh, catLow, catHigh] = dispositions(task)
  const gone = hasExited(task)
  const pending = gone ? null : task.pending
  const shared = gone ? null : task.group.shared
  const queued = (pending?.queue.length ?? 0) + (shared?.queue.length ?? 0)
  const limit = gone ? 0 : softLimit(task.group.rlimits, RLIMIT_SIGPENDING)
  return (
    `Threads:\t${threadCount(task)}\n` +
    `SigQ:\t${queued}/${limit}\n` +
    `SigPnd:\t${signalSet(lowOf(pending), highOf(pending))}\n` +
    `ShdPnd:\t${signalSet(lowOf(shared), highOf(shared))}\n` +
    `SigBlk:\t${gone ? signalSet(0, 0) : signalSet(task.blockedLow, task.blockedHigh)}\n` +
    `SigIgn:\t${signalSet(ignLow, ignHigh)}\n` +
    `SigCgt:\t${signalSet(catLow, catHigh)}\n`
  )
}

/** The text of /proc/<pid>/status. Linux: get_status (2.0, 2.2), proc_pid_status (2.6.14). */
export function formatStatus(current: Task, task: Task): string {
  const { cred } = task
  const [tgid, pid, ppid] = [task.tgid, task.pid, parentPid(task)].map((each) => pidFor(current, each))
  const name = `Name:\t${escapedName(task.comm)}\nState:\t${stateWords(task)}\n`
  if (isModern(task.k)) {
    return (
      `${name}SleepAVG:\t50%\nTgid:\t${tgid}\nPid:\t${pid}\nPPid:\t${ppid}\nTracerPid:\t0\n` +
      `${idLines(cred)}FDSize:\t${fdSize(task)}\n${groupLine(cred)}` +
      memoryLines(task) +
      modernSignalLines(task) +
      capabilityLines(cred)
    )
  }
  const ids = `${name}Pid:\t${pid}\nPPid:\t${ppid}\n${idLines(cred)}`
  if (task.k.facts.capabilityCount === 0) return ids + memoryLines(task) + oldSignalLines(task)
  return ids + groupLine(cred) + memoryLines(task) + signalLines(task) + capabilityLines(cred)
}

// ---- stat ----------------------------------------------------------------------------------------------------

/** Linux: PF_EXITING, PF_FORKNOEXEC, PF_DUMPCORE (include/linux/sched.h). */
function processFlags(task: Task): number {
  return (
    ((task.flags & TF_EXITING) !== 0 ? 0x4 : 0) |
    ((task.flags & TF_FORKNOEXEC) !== 0 ? 0x40 : 0) |
    ((task.flags & TF_DUMPCORE) !== 0 ? 0x200 : 0)
  )
}

/** The priority that ps shows beside nice, for a task in the middle of its range. */
function priorityOf(task: Task): number {
  if (isModern(task.k)) return 20 + task.nice
  return 20 - Math.floor(((20 - task.nice) * 10 + 10) / 20)
}

/** Milliseconds of user and system time: of the thread, or of all threads of the process. */
function cpuTimes(task: Task, isThread: boolean): readonly [number, number] {
  const { group } = task
  if (isThread || !task.k.facts.hasThreadGroups) return [task.utime, task.stime]
  let { utime, stime } = group
  for (const thread of group.threads ?? [task]) {
    utime += thread.utime
    stime += thread.stime
  }
  return [utime, stime]
}

function realTimerTicks(task: Task): number {
  const timer = task.group.itimers?.[0]?.timer
  return timer == null || timer.index < 0 ? 0 : clockTicks(timer.at - task.k.state.now)
}

function rssLimit(task: Task): number {
  const limit = softLimit(task.group.rlimits, RLIMIT_RSS)
  return limit === RLIM_INFINITY ? task.k.facts.rlimInfinity : limit
}

/** Where an i386 program is loaded. */
const CODE_START = 0x08048000
const STACK_START = 0xbffffff0

/**
 * The text of /proc/<pid>/stat. Linux: get_stat (2.0: 37 fields, 2.2: 38), do_task_stat (2.6.14: 41).
 * `isThread`: the times are the thread's own (proc_tid_stat).
 */
export function formatStat(current: Task, task: Task, isThread = false): string {
  const { group } = task
  const modern = isModern(task.k)
  const kb = imageKb(task)
  const size = kb === null ? 0 : (kb + DATA_KB + STACK_KB) * 1024
  const [utime, stime] = cpuTimes(task, isThread)
  const [ignored, , caught] = dispositions(task)
  const pending = modern ? lowOf(task.pending) : lowOf(task.pending) | lowOf(group.shared)
  const word = (low: number): number => low & 0x7fffffff
  const fields: (number | string)[] = [
    pidFor(current, task.pid),
    `(${task.comm})`,
    stateWords(task).charAt(0),
    pidFor(current, parentPid(task)),
    pidFor(current, pgidOf(task)),
    pidFor(current, sidOf(task)),
    0, // tty_nr
    -1, // tpgid
    processFlags(task),
    0, // minflt
    0, // cminflt
    0, // majflt
    0, // cmajflt
    clockTicks(utime),
    clockTicks(stime),
    clockTicks(group.childUtime),
    clockTicks(group.childStime),
    priorityOf(task),
    task.nice,
    modern ? threadCount(task) : 0, // num_threads; before: timeout
    realTimerTicks(task),
    clockTicks(task.startTime),
    size,
    size / (PAGE_KB * 1024),
    rssLimit(task),
    kb === null ? 0 : CODE_START,
    kb === null ? 0 : CODE_START + kb * 1024,
    kb === null ? 0 : STACK_START,
    0, // kstkesp
    0, // kstkeip
    word(pending),
    word(task.blockedLow),
    word(ignored),
    word(caught),
    0, // wchan
    0, // nswap
    0, // cnswap
  ]
  if (task.k.facts.capabilityCount > 0) fields.push(task.exitSignal)
  if (modern) fields.push(0, 0, 0) // processor, rt_priority, policy
  return `${fields.join(' ')}\n`
}

// ---- words ---------------------------------------------------------------------------------------------------

const joined = (words: readonly string[]): string =>
  words
    .map((word) => `${word}\0`)
    .join('')
    .slice(0, PAGE_BYTES)

/** Arguments, a NUL after each; empty for a zombie. Linux: get_arg, proc_pid_cmdline. */
export const formatCmdline = (task: Task): string => (hasExited(task) ? '' : joined(task.argv))

/** The environment as exec got it. Linux: get_env, proc_pid_environ. */
export const formatEnviron = (task: Task): string => (hasExited(task) ? '' : joined(task.env))
