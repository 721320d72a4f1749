/**
 * The numbers of seccomp: modes, operations, and what filters return. Linux: include/linux/seccomp.h, 2.6.23 to 5.0.
 */

/** Not confined. */
export const SECCOMP_MODE_DISABLED = 0
/** read, write, exit and sigreturn. */
export const SECCOMP_MODE_STRICT = 1
/** What filters say. */
export const SECCOMP_MODE_FILTER = 2

/** seccomp(2): enters mode 1. */
export const SECCOMP_SET_MODE_STRICT = 0
/** seccomp(2): adds a filter. */
export const SECCOMP_SET_MODE_FILTER = 1
/** seccomp(2): is an action known? 4.14. */
export const SECCOMP_GET_ACTION_AVAIL = 2

/** Flag of SECCOMP_SET_MODE_FILTER: for all threads. */
export const SECCOMP_FILTER_FLAG_TSYNC = 1
/** Flag: to log refusals, which nobody reads here. */
export const SECCOMP_FILTER_FLAG_LOG = 2
/** Flag: no mitigation of speculation, which there is not here. */
export const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4

/** The upper half of what a filter returns is the action … */
export const SECCOMP_RET_ACTION_FULL = 0xffff0000
/** … and the lower half its number. */
export const SECCOMP_RET_DATA = 0x0000ffff
/** The process ends with SIGSYS. 4.14. */
export const SECCOMP_RET_KILL_PROCESS = 0x80000000
/** The thread ends with SIGSYS. */
export const SECCOMP_RET_KILL_THREAD = 0x00000000
/** SIGSYS is sent; the call is not made. */
export const SECCOMP_RET_TRAP = 0x00030000
/** The call is not made and returns this error. */
export const SECCOMP_RET_ERRNO = 0x00050000
/** A supervisor is asked: there is none, ENOSYS. 5.0. */
export const SECCOMP_RET_USER_NOTIF = 0x7fc00000
/** A tracer is told: there is none, ENOSYS. */
export const SECCOMP_RET_TRACE = 0x7ff00000
/** The call is made, and the kernel says so in its log. 4.14. */
export const SECCOMP_RET_LOG = 0x7ffc0000
/** The call is made. */
export const SECCOMP_RET_ALLOW = 0x7fff0000

/** si_code of the SIGSYS that a filter sends. */
export const SYS_SECCOMP = 1

/** The most that SECCOMP_RET_ERRNO can return. Linux: MAX_ERRNO. */
export const MAX_ERRNO = 4095

/** prctl(2): 3.5. */
export const PR_SET_NO_NEW_PRIVS = 38
/** prctl(2): 3.5. */
export const PR_GET_NO_NEW_PRIVS = 39

/** seccomp_data.arch. Linux: include/linux/audit.h. */
export const AUDIT_ARCH_I386 = 0x40000003
/** seccomp_data.arch of x86-64. */
export const AUDIT_ARCH_X86_64 = 0xc000003e
