/**
 * What uname(2) fills. Linux: struct new_utsname, include/linux/utsname.h.
 */

export interface Utsname {
  sysname: string
  nodename: string
  release: string
  version: string
  machine: string
  /** The NIS domain; '(none)' until someone sets it. */
  domainname: string
}

/** Bytes in each field without the NUL; the longest that sethostname takes. Linux: __NEW_UTS_LEN */
export const __NEW_UTS_LEN = 64
