/**
 * What clone(2) shares. The low byte is the signal that the parent gets when the child ends.
 *
 * Linux: include/linux/sched.h (2.0.35 up to CLONE_PID, 2.2.12 up to CLONE_VFORK, 2.6.14 the rest).
 */

/** Mask of the exit signal. */
export const CSIGNAL = 0x000000ff
/** Shares memory; the model has none, so a child made so shares nothing by it. */
export const CLONE_VM = 0x00000100
/** Shares root, working directory and umask. */
export const CLONE_FS = 0x00000200
/** Shares the descriptor table. */
export const CLONE_FILES = 0x00000400
/** Shares the signal handlers. */
export const CLONE_SIGHAND = 0x00000800
/** The child keeps the parent's pid; only the boot idle task may. Gone in 2.6. */
export const CLONE_PID = 0x00001000
/** The tracer goes on with the child; nothing traces here. 2.2 and later. */
export const CLONE_PTRACE = 0x00002000
/** The parent waits until the child execs or ends; 2.2 and later. */
export const CLONE_VFORK = 0x00004000
/** The child's parent is the caller's parent; 2.4 and later. */
export const CLONE_PARENT = 0x00008000
/** Same thread group; 2.4 and later. Needs CLONE_SIGHAND, which needs CLONE_VM, in 2.6. */
export const CLONE_THREAD = 0x00010000
/** A new mount namespace; 2.4.19 and later. */
export const CLONE_NEWNS = 0x00020000
/** Shares SEM_UNDO; there are no System V semaphores. */
export const CLONE_SYSVSEM = 0x00040000
/** A new TLS descriptor; no effect. */
export const CLONE_SETTLS = 0x00080000
/** Writes the tid into the parent's memory; no effect. */
export const CLONE_PARENT_SETTID = 0x00100000
/** Clears the tid in the child's memory when it ends; no effect. */
export const CLONE_CHILD_CLEARTID = 0x00200000
/** Without effect in 2.6. */
export const CLONE_DETACHED = 0x00400000
/** The tracer cannot force CLONE_PTRACE; no effect. */
export const CLONE_UNTRACED = 0x00800000
/** Writes the tid into the child's memory; no effect. */
export const CLONE_CHILD_SETTID = 0x01000000
/** The child starts stopped; 2.6. */
export const CLONE_STOPPED = 0x02000000
