/**
 * System calls that send, handle, block and wait for signals.
 *
 * Signatures only; the handlers are in src/syscalls. A set of signals is an array of numbers from 1 to 64 (32
 * in 2.0); SIGKILL and SIGSTOP in a mask are ignored. sigaltstack is not modelled.
 */

import type { Ret } from '../abi/errno.js'
import type { Sigaction, SigInfo } from '../abi/signal.js'

/** System calls on signals. */
export interface SignalCalls {
  /**
   * Sends a signal to a process; 0: to the caller's group; -1: to all but pid 1 (and the caller); -pgid: to a
   * group. Signal 0 only asks. 0.
   *
   * Errors: ESRCH; EPERM to none of them; EINVAL no signal. Linux: sys_kill, kernel/signal.c.
   */
  kill(pid: number, sig: number): number

  /**
   * Sends a signal to one thread. 0. Since 2.4.
   *
   * Errors: ESRCH, EPERM, EINVAL; ENOSYS before. Linux: sys_tkill, kernel/signal.c (2.6).
   */
  tkill(tid: number, sig: number): number

  /**
   * Sends a signal to one thread of the process `tgid`. 0. Since 2.5.75.
   *
   * Errors: ESRCH, also when the thread is not of that process; EPERM; EINVAL; ENOSYS before.
   * Linux: sys_tgkill, kernel/signal.c (2.6).
   */
  tgkill(tgid: number, tid: number, sig: number): number

  /**
   * Sends a signal with a 32-bit `value`; real-time signals (32 and up) queue. 0.
   *
   * Errors: ESRCH; EPERM; EINVAL; EAGAIN the queue is full; ENOSYS in 2.0.
   * Linux: sys_rt_sigqueueinfo, kernel/signal.c.
   */
  sigqueue(pid: number, sig: number, value: number): number

  /**
   * Sets what a signal does, and returns what it did before; null or nothing only asks. `handler`: SIG_DFL,
   * SIG_IGN or a function of the signal and its SigInfo; in a program also a generator function, which may
   * make calls; `flags`: SA_RESTART, SA_NODEFER, SA_RESETHAND, SA_NOCLDSTOP, SA_SIGINFO; `mask`: what is
   * blocked while the handler runs.
   *
   * Errors: EINVAL no signal, or SIGKILL or SIGSTOP; EFAULT. Linux: do_sigaction, kernel/signal.c.
   */
  sigaction(sig: number, act?: Sigaction | null): Ret<Sigaction>

  /**
   * Changes the set of blocked signals and returns the one before; null only asks. `how`: SIG_BLOCK,
   * SIG_UNBLOCK, SIG_SETMASK.
   *
   * Errors: EINVAL; EFAULT. Linux: sys_rt_sigprocmask, kernel/signal.c.
   */
  sigprocmask(how: number, set?: readonly number[] | null): Ret<number[]>

  /**
   * The signals that have been sent and are blocked, ascending.
   *
   * Errors: none. Linux: do_sigpending, kernel/signal.c.
   */
  sigpending(): Ret<number[]>

  /**
   * Waits for a signal with another set blocked, which is put back when the handler has returned.
   *
   * Errors: EINTR, always; EFAULT. Linux: sys_rt_sigsuspend, arch/i386/kernel/signal.c.
   */
  sigsuspend(set: readonly number[]): number

  /**
   * Waits until a signal handler has run.
   *
   * Errors: EINTR, always. Linux: sys_pause, arch/i386/kernel/sys_i386.c (2.2), kernel/signal.c (2.6).
   */
  pause(): number

  /**
   * Waits for one of the blocked signals of `set` and takes it. Since 2.1.68.
   *
   * Errors: EINTR another signal was handled; EFAULT; ENOSYS in 2.0. Linux: sys_rt_sigtimedwait,
   * kernel/signal.c.
   */
  sigwaitinfo(set: readonly number[]): Ret<SigInfo>

  /**
   * As sigwaitinfo, for at most `timeoutMs` milliseconds; null or nothing waits for ever.
   *
   * Errors: as sigwaitinfo; EAGAIN time is up; EINVAL negative timeout. Linux: sys_rt_sigtimedwait,
   * kernel/signal.c.
   */
  sigtimedwait(set: readonly number[], timeoutMs?: number | null): Ret<SigInfo>
}
