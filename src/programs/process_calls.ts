/**
 * System calls that make, end and arrange processes.
 *
 * Signatures only; the handlers are in src/syscalls. What is different inside a generator program (exec and
 * exit do not come back) is in sys_types.ts.
 */

import type { Pid } from '../abi/brand.js'
import type { Ret } from '../abi/errno.js'
import type { Rlimit, Rusage } from '../abi/resource.js'
import type { Timespec } from '../abi/time.js'
import type { WaitResult } from '../abi/wait.js'
import type { ProgramFunction } from './sys_types.js'

/** An environment: 'NAME=value' strings, or an object of them. */
export type Environment = readonly string[] | Readonly<Record<string, string>>

/** The argument of sched_setparam. Linux: struct sched_param, include/linux/sched.h. */
export interface SchedParam {
  /** The real-time priority: 0, or 1 to 99 under a real-time policy. */
  readonly priority: number
}

/** System calls on processes, process groups and sessions. */
export interface ProcessCalls {
  /**
   * Makes a child that is a copy of the caller; the result is its pid, and 0 in the child.
   *
   * The child of a process that the host drives is driven by the host too: `kernel.process(pid)`.
   *
   * Errors: EAGAIN no task left, or RLIMIT_NPROC reached. Linux: do_fork, kernel/fork.c.
   */
  fork(): Ret<Pid>

  /**
   * As fork, and the caller waits until the child execs or ends.
   *
   * Errors: as fork; ENOSYS in 2.0. Linux: sys_vfork, arch/i386/kernel/process.c.
   */
  vfork(): Ret<Pid>

  /**
   * Makes a child that shares what `flags` says: CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD
   * and others, with the signal that the parent gets at its end in the low byte. The child runs `fn` and ends
   * with its result; without `fn` it goes on as fork's child does. The result is its pid.
   *
   * Errors: as fork; EINVAL flags that do not go together; EPERM CLONE_NEWNS without CAP_SYS_ADMIN; EFAULT
   * `fn` is no function. Linux: sys_clone, arch/i386/kernel/process.c; copy_process, kernel/fork.c.
   */
  clone(flags: number, fn?: ProgramFunction | null): Ret<Pid>

  /**
   * Replaces the caller's image by the program in the file `path`. `argv` starts with the program's name.
   *
   * 0 where the new image is one that the host drives; a program never sees a success.
   *
   * Errors: those of a path walk; EACCES not executable, or noexec; ENOEXEC no program; E2BIG more than
   * ARG_MAX bytes; ETXTBSY open for writing; EFAULT. Linux: sys_execve, arch/i386/kernel/process.c;
   * do_execve, fs/exec.c.
   */
  exec(path: string, argv?: readonly string[], envp?: Environment): number

  /**
   * The same call as exec, by the kernel's name.
   *
   * Errors: as exec. Linux: sys_execve, arch/i386/kernel/process.c.
   */
  execve(path: string, argv?: readonly string[], envp?: Environment): number

  /**
   * Ends the calling task. `code`: 0 to 255, the rest is cut off.
   *
   * Linux: sys_exit, do_exit, kernel/exit.c.
   */
  exit(code: number): void

  /**
   * Ends all threads of the calling process. `code`: 0 to 255, the rest is cut off.
   *
   * Errors: ENOSYS before 2.5.35, where every task is a process of its own. Linux: sys_exit_group,
   * kernel/exit.c (2.6).
   */
  exit_group(code: number): number

  /**
   * Waits for a child to end, or with WUNTRACED to stop, with WCONTINUED (2.6.9) to go on. `pid`: a child; -1
   * any; 0 one of the caller's group; -pgid one of a group. With WNOHANG and nothing to report the result's
   * `pid` is 0.
   *
   * Errors: ECHILD no such child; EINTR; EINVAL unknown option. Linux: sys_waitpid, kernel/exit.c.
   */
  waitpid(pid: number, options?: number): Ret<WaitResult>

  /**
   * The same call as waitpid; both report the child's usage.
   *
   * Errors: as waitpid. Linux: sys_wait4, kernel/exit.c.
   */
  wait4(pid: number, options?: number): Ret<WaitResult>

  /**
   * The caller's process id; in 2.6 all threads of a process have the same.
   *
   * Errors: none. Linux: sys_getpid, kernel/sched.c (2.2), kernel/timer.c (2.6).
   */
  getpid(): Pid

  /**
   * The parent's process id; 0 for none.
   *
   * Errors: none. Linux: sys_getppid, kernel/sched.c (2.2), kernel/timer.c (2.6).
   */
  getppid(): Pid

  /**
   * The id of the calling thread.
   *
   * Errors: ENOSYS before 2.4. Linux: sys_gettid, kernel/timer.c (2.6).
   */
  gettid(): Ret<Pid>

  /**
   * The process group of a process; 0 is the caller.
   *
   * Errors: ESRCH. Linux: sys_getpgid, kernel/sys.c.
   */
  getpgid(pid: number): Ret<Pid>

  /**
   * Moves the caller or a child of it into a process group of the same session, or makes one: `pid` 0 is the
   * caller, `pgid` 0 is `pid`. 0.
   *
   * Errors: ESRCH no child; EACCES it has called exec; EPERM a session leader, or another session; EINVAL.
   * Linux: sys_setpgid, kernel/sys.c.
   */
  setpgid(pid: number, pgid: number): number

  /**
   * The caller's process group.
   *
   * Errors: none. Linux: sys_getpgrp, kernel/sys.c.
   */
  getpgrp(): Pid

  /**
   * The session of a process; 0 or nothing is the caller.
   *
   * Errors: ESRCH. Linux: sys_getsid, kernel/sys.c.
   */
  getsid(pid?: number): Ret<Pid>

  /**
   * Makes the caller the leader of a new session and group; the result is their id, the caller's pid.
   *
   * Errors: EPERM a group with this id exists; EINVAL not the first thread (2.6). Linux: sys_setsid,
   * kernel/sys.c.
   */
  setsid(): Ret<Pid>

  /**
   * Properties of the caller: PR_SET_PDEATHSIG, PR_SET_KEEPCAPS and others. PR_GET_* answer with the value
   * itself, PR_GET_NAME with the name. Modules may add operations, some with more arguments. Since 2.1.57.
   *
   * Errors: EINVAL; EFAULT. Linux: sys_prctl, kernel/sys.c.
   */
  prctl(option: number, arg?: number | string, b?: unknown, c?: unknown, d?: unknown): Ret<number | string>

  /**
   * Adds to the nice value, which stays within -20 to 19. 0.
   *
   * Errors: EPERM lowering it without CAP_SYS_NICE. Linux: sys_nice, kernel/sched.c.
   */
  nice(increment: number): number

  /**
   * The highest priority among PRIO_PROCESS, PRIO_PGRP or PRIO_USER `who` (0: the caller's), as 20 minus the
   * nice value: 1 to 40.
   *
   * Errors: ESRCH; EINVAL. Linux: sys_getpriority, kernel/sys.c.
   */
  getpriority(which: number, who: number): number

  /**
   * Sets the nice value, -20 to 19, of all that `which` and `who` name. 0.
   *
   * Errors: ESRCH; EINVAL; EPERM of others; EACCES (EPERM in 2.0) lowering it. Linux: sys_setpriority,
   * kernel/sys.c.
   */
  setpriority(which: number, who: number, nice: number): number

  /**
   * The soft and the hard limit of an RLIMIT_*, in its unit.
   *
   * Errors: EINVAL. Linux: sys_getrlimit, kernel/sys.c.
   */
  getrlimit(resource: number): Ret<Rlimit>

  /**
   * Sets both limits. 0.
   *
   * Errors: EINVAL, also for a soft limit above the hard one; EPERM raising the hard one without
   * CAP_SYS_RESOURCE, RLIMIT_NOFILE above NR_OPEN; EFAULT. Linux: sys_setrlimit, kernel/sys.c.
   */
  setrlimit(resource: number, limit: Rlimit): number

  /**
   * Times and faults of the caller (RUSAGE_SELF) or of its waited-for children (RUSAGE_CHILDREN);
   * microseconds.
   *
   * Errors: EINVAL. Linux: sys_getrusage, kernel/sys.c.
   */
  getrusage(who: number): Ret<Rusage>

  /**
   * Lets another task run. 0.
   *
   * Errors: none. Linux: sys_sched_yield, kernel/sched.c.
   */
  sched_yield(): number

  /**
   * The scheduling policy of a task, 0 for the caller: always SCHED_OTHER, 0.
   *
   * Errors: EINVAL negative pid; ESRCH. Linux: sys_sched_getscheduler, kernel/sched.c.
   */
  sched_getscheduler(pid: number): number

  /**
   * Sets the scheduling policy of a task; only SCHED_OTHER with priority 0 is modelled. 0.
   *
   * Errors: EINVAL; ESRCH; EPERM of others, or a real-time policy without CAP_SYS_NICE; EFAULT.
   * Linux: setscheduler, kernel/sched.c.
   */
  sched_setscheduler(pid: number, policy: number, param: SchedParam): number

  /**
   * The real-time priority of a task: always 0.
   *
   * Errors: EINVAL negative pid; ESRCH. Linux: sys_sched_getparam, kernel/sched.c.
   */
  sched_getparam(pid: number): Ret<SchedParam>

  /**
   * Sets the real-time priority of a task to 0. 0.
   *
   * Errors: as sched_setscheduler. Linux: sys_sched_setparam, kernel/sched.c.
   */
  sched_setparam(pid: number, param: SchedParam): number

  /**
   * The highest priority of a policy: 0 for SCHED_OTHER 0, 99 for SCHED_FIFO 1 and SCHED_RR 2.
   *
   * Errors: EINVAL. Linux: sys_sched_get_priority_max, kernel/sched.c.
   */
  sched_get_priority_max(policy: number): number

  /**
   * The lowest priority of a policy: 0 for SCHED_OTHER 0, 1 for SCHED_FIFO 1 and SCHED_RR 2.
   *
   * Errors: EINVAL. Linux: sys_sched_get_priority_min, kernel/sched.c.
   */
  sched_get_priority_min(policy: number): number

  /**
   * How long a task runs before another has its turn; a program cannot notice.
   *
   * Errors: ENOSYS in 2.0; EINVAL; ESRCH. Linux: sys_sched_rr_get_interval, kernel/sched.c.
   */
  sched_rr_get_interval(pid: number): Ret<Timespec>

  /**
   * Sets the execution domain and returns the one before; 0xffffffff only asks.
   *
   * Errors: EINVAL. Linux: sys_personality, kernel/exec_domain.c.
   */
  personality(persona: number): number
}
