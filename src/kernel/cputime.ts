/**
 * CPU time: charging it to tasks, and what happens when it runs out.
 *
 * Linux: update_process_times, kernel/timer.c; run_posix_cpu_timers, check_process_timers,
 * kernel/posix-cpu-timers.c (2.6.14); do_process_times, do_it_virt, do_it_prof, kernel/sched.c (2.2.12).
 *
 * The clock does not run while a program runs: CPU time exists only where calls are charged for (`syscallTime`).
 * Of what a call costs, half counts as the program's own work before it and half as the kernel's.
 * A process has one account in all profiles; in 2.2 every task is a process.
 */

import { RLIM_INFINITY, RLIMIT_CPU, RUSAGE_CHILDREN, type Rusage } from '../abi/resource.js'
import { SIGKILL, SIGPROF, SIGVTALRM, SIGXCPU } from '../abi/signal.js'
import { ITIMER_PROF, ITIMER_VIRTUAL } from '../abi/time.js'
import { partOf } from './part.js'
import { withRlimit } from './rlimit.js'
import { kernelInfo, sendGroupSignal, threadsOf } from './signal.js'
import type { Task, ThreadGroup } from './task.js'

/** Milliseconds in user and in kernel mode. */
export interface CpuTimes {
  readonly utime: number
  readonly stime: number
}

/** What all threads of a process have used, those that ended included. Linux: k_getrusage(RUSAGE_SELF). */
export function processTimes(group: ThreadGroup): CpuTimes {
  let { utime, stime } = group
  if (group.live === 0) return { utime, stime }
  for (const thread of threadsOf(group)) {
    utime += thread.utime
    stime += thread.stime
  }
  return { utime, stime }
}

/** Whole microseconds of milliseconds. */
const microseconds = (ms: number): number => Math.round(ms * 1000)

/**
 * The usage of a process (RUSAGE_SELF) or of its waited-for children (RUSAGE_CHILDREN). There are no page faults.
 * Linux: k_getrusage.
 */
export function processUsage(group: ThreadGroup, who: number): Rusage {
  const { utime, stime } =
    who === RUSAGE_CHILDREN ? { utime: group.childUtime, stime: group.childStime } : processTimes(group)
  return { utime: microseconds(utime), stime: microseconds(stime), minflt: 0, majflt: 0 }
}

/** Adds `ms` milliseconds to a task's account and the machine's; may send SIGVTALRM, SIGPROF, SIGXCPU, SIGKILL to its process. */
export function chargeCpu(task: Task, ms: number): void {
  const user = ms / 2
  const { state } = task.k
  task.utime += user
  task.stime += ms - user
  if (task.nice > 0) state.cpuNice += user
  else state.cpuUser += user
  state.cpuSystem += ms - user
  const part = partOf(task)
  if (part !== null) {
    if (task.nice > 0) part.cpuNice += user
    else part.cpuUser += user
    part.cpuSystem += ms - user
  }
  const { group } = task
  if (group.itimers !== null) {
    countDown(group, ITIMER_VIRTUAL, user, SIGVTALRM)
    countDown(group, ITIMER_PROF, ms, SIGPROF)
  }
  if ((group.rlimits[RLIMIT_CPU]?.cur ?? RLIM_INFINITY) !== RLIM_INFINITY) checkCpuLimit(task, ms)
}

/** Linux: do_it_virt, do_it_prof (2.2); check_process_timers (2.6). */
function countDown(group: ThreadGroup, which: number, ms: number, signal: number): void {
  const timer = group.itimers?.[which]
  if (timer == null || timer.left === 0) return
  timer.left -= ms
  if (timer.left > 0) return
  // However much was charged at once, one signal; the next is due at the next multiple of the interval.
  timer.left = timer.interval === 0 ? 0 : timer.interval - (-timer.left % timer.interval)
  sendGroupSignal(group.leader, kernelInfo(signal))
}

/** Linux: check_process_timers (2.6), do_process_times (2.2). */
function checkCpuLimit(task: Task, ms: number): void {
  const { group } = task
  const { cur, max } = group.rlimits[RLIMIT_CPU] ?? { cur: RLIM_INFINITY, max: RLIM_INFINITY }
  const { utime, stime } = processTimes(group)
  const seconds = Math.floor((utime + stime) / 1000)
  if (task.k.facts.process.cpuLimitStartsAtOnce) {
    // A limit of 0 seconds means "no timer set": it takes until 2.6.17 to become one of 1 second.
    if (cur === 0) return
    if (seconds >= max) {
      sendGroupSignal(group.leader, kernelInfo(SIGKILL), 'cpu-limit')
    } else if (seconds >= cur) {
      sendGroupSignal(group.leader, kernelInfo(SIGXCPU))
      // The soft limit itself moves on, so that the next signal comes a second later. getrlimit shows it.
      group.rlimits = withRlimit(group.rlimits, RLIMIT_CPU, cur + 1, max)
    }
    return
  }
  if (seconds <= cur) return
  if (Math.floor((utime + stime - ms) / 1000) < seconds) sendGroupSignal(group.leader, kernelInfo(SIGXCPU))
  if (seconds > max) sendGroupSignal(group.leader, kernelInfo(SIGKILL), 'cpu-limit')
}
