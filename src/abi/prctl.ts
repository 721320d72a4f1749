/**
 * Operations of prctl(2). 2.0 has no prctl; the release that brought each is noted.
 *
 * Left out: the unaligned access and floating point controls of other architectures.
 *
 * Linux: include/linux/prctl.h (2.2.12, 2.6.14).
 */

/** Sets the signal that the task gets when its parent ends. 2.1.57. */
export const PR_SET_PDEATHSIG = 1
/** That signal. 2.3.15. */
export const PR_GET_PDEATHSIG = 2
/** May the task leave a core dump and be traced? 2.3.20. */
export const PR_GET_DUMPABLE = 3
/** Sets whether it may. 2.3.20. */
export const PR_SET_DUMPABLE = 4
/** Are capabilities kept when the last of the three uids leaves 0? 2.2.18. */
export const PR_GET_KEEPCAPS = 7
/** Sets whether they are. 2.2.18. */
export const PR_SET_KEEPCAPS = 8
/** How process times are measured: 0, statistically. 2.6. */
export const PR_GET_TIMING = 13
/** Sets how; only 0 is taken. 2.6. */
export const PR_SET_TIMING = 14
/** Sets the command name, up to 15 bytes. 2.6.9. */
export const PR_SET_NAME = 15
/** The command name. 2.6.11. */
export const PR_GET_NAME = 16
/** The seccomp mode: 2.6.23, later than every profile; before that it was /proc/PID/seccomp. */
export const PR_GET_SECCOMP = 21
/** Sets the seccomp mode: 2.6.23, later than every profile. */
export const PR_SET_SECCOMP = 22

/** Bytes of a command name with the NUL. Linux: TASK_COMM_LEN, include/linux/sched.h */
export const TASK_COMM_LEN = 16
