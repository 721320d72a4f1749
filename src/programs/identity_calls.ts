/**
 * System calls on user and group ids and on capabilities.
 *
 * Signatures only; the handlers are in src/syscalls. Ids are 16 bits wide before 2.4 and 32 bits in 2.6. -1
 * as an argument of the calls with several ids leaves that id.
 */

import type { Gid, Uid } from '../abi/brand.js'
import type { CapData } from '../abi/capability.js'
import type { Ret } from '../abi/errno.js'

/** The header of capget and capset as C passes it. Linux: cap_user_header_t, include/linux/capability.h. */
export interface CapUserHeader {
  /** _LINUX_CAPABILITY_VERSION; anything else is overwritten with it, and EINVAL. */
  version: number
  /** 0 for the caller. */
  pid: number
}

/** Whom capget and capset are about: a pid, or a header with one. */
export type CapHeader = number | CapUserHeader

/** System calls on who the caller is. */
export interface IdentityCalls {
  /**
   * The real user id.
   *
   * Errors: none. Linux: sys_getuid, kernel/sched.c (2.2), kernel/timer.c (2.6).
   */
  getuid(): Uid

  /**
   * The effective user id.
   *
   * Errors: none. Linux: sys_geteuid, kernel/sched.c (2.2), kernel/timer.c (2.6).
   */
  geteuid(): Uid

  /**
   * The real group id.
   *
   * Errors: none. Linux: sys_getgid, kernel/sched.c (2.2), kernel/timer.c (2.6).
   */
  getgid(): Gid

  /**
   * The effective group id.
   *
   * Errors: none. Linux: sys_getegid, kernel/sched.c (2.2), kernel/timer.c (2.6).
   */
  getegid(): Gid

  /**
   * `[real, effective, saved]` user id. Since 2.1.44.
   *
   * Errors: ENOSYS in 2.0. Linux: sys_getresuid, kernel/sys.c.
   */
  getresuid(): Ret<readonly [Uid, Uid, Uid]>

  /**
   * `[real, effective, saved]` group id. Since 2.1.44.
   *
   * Errors: ENOSYS in 2.0. Linux: sys_getresgid, kernel/sys.c.
   */
  getresgid(): Ret<readonly [Gid, Gid, Gid]>

  /**
   * The supplementary groups.
   *
   * Errors: none. Linux: sys_getgroups, kernel/sys.c.
   */
  getgroups(): Ret<Gid[]>

  /**
   * Sets the supplementary groups: at most 32, in 2.6 65536. 0.
   *
   * Errors: EPERM without CAP_SETGID; EINVAL too many; EFAULT. Linux: sys_setgroups, kernel/sys.c.
   */
  setgroups(groups: readonly number[]): number

  /**
   * Sets the effective user id, with CAP_SETUID all three. 0.
   *
   * Errors: EPERM neither the real nor the saved id; EAGAIN (2.6) RLIMIT_NPROC. Linux: sys_setuid,
   * kernel/sys.c.
   */
  setuid(uid: number): number

  /**
   * Sets the effective group id, with CAP_SETGID all three. 0.
   *
   * Errors: EPERM. Linux: sys_setgid, kernel/sys.c.
   */
  setgid(gid: number): number

  /**
   * Sets real and effective user id; the saved one becomes the effective one where an id was changed. 0.
   *
   * Errors: EPERM; EAGAIN (2.6). Linux: sys_setreuid, kernel/sys.c.
   */
  setreuid(ruid: number, euid: number): number

  /**
   * Sets real and effective group id. 0.
   *
   * Errors: EPERM. Linux: sys_setregid, kernel/sys.c.
   */
  setregid(rgid: number, egid: number): number

  /**
   * Sets real, effective and saved user id, each to one of the three without CAP_SETUID. 0. Since 2.1.44.
   *
   * Errors: EPERM; EAGAIN (2.6); ENOSYS in 2.0. Linux: sys_setresuid, kernel/sys.c.
   */
  setresuid(ruid: number, euid: number, suid: number): number

  /**
   * Sets real, effective and saved group id. 0. Since 2.1.44.
   *
   * Errors: EPERM; ENOSYS in 2.0. Linux: sys_setresgid, kernel/sys.c.
   */
  setresgid(rgid: number, egid: number, sgid: number): number

  /**
   * Sets the user id that file access is judged by; the result is the one before, changed or not.
   *
   * Errors: none that can be seen. Linux: sys_setfsuid, kernel/sys.c.
   */
  setfsuid(uid: number): Uid

  /**
   * Sets the group id that file access is judged by; the result is the one before, changed or not.
   *
   * Errors: none that can be seen. Linux: sys_setfsgid, kernel/sys.c.
   */
  setfsgid(gid: number): Gid

  /**
   * The capability sets of a process; 0 is the caller. Since 2.1.100.
   *
   * Errors: ESRCH; EINVAL negative pid, unknown version; ENOSYS in 2.0. Linux: sys_capget,
   * kernel/capability.c.
   */
  capget(header: CapHeader): Ret<CapData>

  /**
   * Sets the capability sets of the caller (0), of a process, of a group (-pgid) or of all (-1). Permitted
   * ones can only be given up. 0. Since 2.1.100.
   *
   * Errors: EPERM; ESRCH; EINVAL unknown version; EFAULT; ENOSYS in 2.0. Linux: sys_capset,
   * kernel/capability.c.
   */
  capset(header: CapHeader, data: CapData): number
}
