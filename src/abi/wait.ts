/**
 * Options of waitpid(2) and wait4(2), and the 16-bit status word they report.
 *
 * Layout: low 7 bits the signal that ended the child (0: it exited), bit 7 "core dumped", bits 8-15 the exit code.
 * 0x7f in the low byte means stopped, with the signal in bits 8-15; 0xffff means continued (2.6.9 and later).
 *
 * Linux: include/linux/wait.h (2.2.12, 2.6.14); glibc bits/waitstatus.h for the macros.
 */

import type { Pid } from './brand.js'
import type { Rusage } from './resource.js'

/** Do not wait: pid 0 when there is nothing to report. */
export const WNOHANG = 0x00000001
/** Report children that have stopped. */
export const WUNTRACED = 0x00000002
/** 2.6.9 and later; the same bit as WUNTRACED, for waitid. */
export const WSTOPPED = WUNTRACED
/** waitid: 2.6.9 and later. */
export const WEXITED = 0x00000004
/** Report children that continued; 2.6.9 and later. */
export const WCONTINUED = 0x00000008
/** waitid: leave the child waitable. 2.6.9 and later. */
export const WNOWAIT = 0x01000000
/** Only children of the calling thread; 2.4 and later. */
export const __WNOTHREAD = 0x20000000
/** Children of either kind; 2.4 and later. */
export const __WALL = 0x40000000
/** Only children that do not end with SIGCHLD. The value is negative in C's int; here it is unsigned. */
export const __WCLONE = 0x80000000

/** The child called exit(code). */
export const exitedStatus = (code: number): number => (code & 0xff) << 8
/** The child was ended by a signal. */
export const signaledStatus = (sig: number, coreDumped = false): number =>
  (sig & 0x7f) | (coreDumped ? 0x80 : 0)
/** The child was stopped by a signal. */
export const stoppedStatus = (sig: number): number => ((sig & 0xff) << 8) | 0x7f
/** The child was resumed by SIGCONT. */
export const CONTINUED_STATUS = 0xffff

/** Ended by exit? Then WEXITSTATUS is its code, 0..255. */
export const WIFEXITED = (status: number): boolean => (status & 0x7f) === 0
/** The exit code of a child that WIFEXITED. */
export const WEXITSTATUS = (status: number): number => (status >>> 8) & 0xff
/** Ended by a signal? Then WTERMSIG is its number. */
export const WIFSIGNALED = (status: number): boolean => (status & 0x7f) !== 0 && (status & 0x7f) !== 0x7f
/** The signal that ended a child that WIFSIGNALED. */
export const WTERMSIG = (status: number): number => status & 0x7f
/** Did it leave a core dump? Ask only when WIFSIGNALED. */
export const WCOREDUMP = (status: number): boolean => (status & 0x80) !== 0
/** Stopped? Then WSTOPSIG is the signal that did it. */
export const WIFSTOPPED = (status: number): boolean => (status & 0xff) === 0x7f
/** The signal that stopped a child that WIFSTOPPED. */
export const WSTOPSIG = (status: number): number => (status >>> 8) & 0xff
/** Continued? */
export const WIFCONTINUED = (status: number): boolean => status === CONTINUED_STATUS

/** What wait4 and waitpid return. */
export interface WaitResult {
  /** The child; 0 with WNOHANG when there was nothing to report. */
  readonly pid: Pid
  /** For WIFEXITED and its kin. */
  readonly status: number
  /** What the child used, once it is reaped. */
  readonly rusage: Rusage
}
