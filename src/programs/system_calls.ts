/**
 * System calls on the machine as a whole: its names, its state, its log.
 *
 * Signatures only; the handlers are in src/syscalls.
 */

import type { Ret } from '../abi/errno.js'
import type { Sysinfo } from '../abi/sysinfo.js'
import type { Utsname } from '../abi/utsname.js'

/** System calls on the machine as a whole. */
export interface SystemCalls {
  /**
   * The names of the system and its release, which is the kernel's profile.
   *
   * Errors: none. Linux: sys_newuname, kernel/sys.c.
   */
  uname(): Utsname

  /**
   * Uptime, load, memory in bytes, number of processes.
   *
   * Errors: none. Linux: sys_sysinfo, kernel/info.c (2.2), kernel/timer.c (2.6).
   */
  sysinfo(): Ret<Sysinfo>

  /**
   * The kernel's messages. `type` 2 reads new ones into `buf` and waits for them, 3 the last ones that fit, 4
   * the same and clears, 5 clears, 8 sets the console level to `len`, 9 says how many bytes are unread, 10
   * the buffer's size; the result of a read is how many bytes. `len`: default the size of `buf`.
   *
   * Errors: EPERM all but 3 and 10 without CAP_SYS_ADMIN; EINVAL; EFAULT; EINTR. Linux: do_syslog,
   * kernel/printk.c.
   */
  syslog(type: number, buf?: Uint8Array | null, len?: number): number

  /**
   * Sets the host name to the first `len` bytes of `name`, at most 64; default all. 0.
   *
   * Errors: EPERM without CAP_SYS_ADMIN; EINVAL too long. Linux: sys_sethostname, kernel/sys.c.
   */
  sethostname(name: string, len?: number): number

  /**
   * Sets the NIS domain name to the first `len` bytes of `name`, at most 64; default all. 0.
   *
   * Errors: EPERM without CAP_SYS_ADMIN; EINVAL too long. Linux: sys_setdomainname, kernel/sys.c.
   */
  setdomainname(name: string, len?: number): number

  /**
   * Loads a part of a module by its name, with parameters as on insmod's command line: 'alloc_now=1'. 0.
   *
   * Errors: EPERM without CAP_SYS_MODULE; ENOENT there is none; EEXIST it is loaded; EFAULT; what it says itself,
   * which is always EBUSY before 2.6. Linux: sys_create_module and sys_init_module, kernel/module.c.
   */
  init_module(name: string, parameters?: string | null): number

  /**
   * Removes a loaded part of a module. 0.
   *
   * Errors: EPERM without CAP_SYS_MODULE; ENOENT it is not loaded; EBUSY it is used. Linux: sys_delete_module,
   * kernel/module.c.
   */
  delete_module(name: string, flags?: number): number

  /**
   * Switches ctrl-alt-del on or off, which nobody presses; the machine cannot be ended from inside. 0.
   *
   * Errors: EPERM without CAP_SYS_BOOT; EINVAL wrong magic numbers, any other command. Linux: sys_reboot,
   * kernel/sys.c.
   */
  reboot(magic1: number, magic2: number, command: number): number

  /**
   * Hangs up the terminal, of which there is none. 0.
   *
   * Errors: EPERM without CAP_SYS_TTY_CONFIG. Linux: sys_vhangup, fs/open.c.
   */
  vhangup(): number

  /**
   * Makes the call that has this number in the profile, or on the architecture that a module brings, with these
   * arguments. Handlers of signals cannot be given so.
   *
   * Errors: ENOSYS there is no such call; the call's own. Linux: syscall(2) of the C library.
   */
  syscall(nr: number, ...args: unknown[]): unknown
}
