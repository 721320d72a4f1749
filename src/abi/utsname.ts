/**
 * What uname(2) fills. Linux: struct new_utsname, include/linux/utsname.h.
 */

/** The names of the system and its release. */
export interface Utsname {
  /** 'Linux'. */
  sysname: string
  /** The host name. */
  nodename: string
  /** The kernel's release: '2.2.12'. */
  release: string
  /** Build number and date. */
  version: string
  /** 'i686'. */
  machine: string
  /** The NIS domain; '(none)' until someone sets it. */
  domainname: string
}

/** Bytes in each field without the NUL; the longest that sethostname takes. Linux: __NEW_UTS_LEN */
export const __NEW_UTS_LEN = 64
