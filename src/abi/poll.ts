/**
 * Events of poll(2), which are also what a file's poll operation reports for select(2).
 *
 * poll arrived in 2.1.23; 2.0.35 has select only. Linux: include/asm-i386/poll.h (2.2.12, 2.6.14).
 */

/** Data can be read. */
export const POLLIN = 0x0001
/** Urgent data can be read. */
export const POLLPRI = 0x0002
/** Data can be written. */
export const POLLOUT = 0x0004
/** An error; reported whether asked for or not. */
export const POLLERR = 0x0008
/** The other end is gone; reported whether asked for or not. */
export const POLLHUP = 0x0010
/** Not an open descriptor; reported whether asked for or not. */
export const POLLNVAL = 0x0020
/** Normal data can be read. */
export const POLLRDNORM = 0x0040
/** Priority data can be read. */
export const POLLRDBAND = 0x0080
/** Normal data can be written. */
export const POLLWRNORM = 0x0100
/** Priority data can be written. */
export const POLLWRBAND = 0x0200
/** A message is there; nothing reports it. */
export const POLLMSG = 0x0400
/** Takes a descriptor off an epoll set; nothing reports it. 2.6 and later. */
export const POLLREMOVE = 0x1000

/** What a file without a poll operation reports. Linux: DEFAULT_POLLMASK, include/linux/poll.h */
export const DEFAULT_POLLMASK = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM

/** What makes a descriptor readable, writable or exceptional for select(2). Linux: POLLIN_SET & co., fs/select.c */
export const POLLIN_SET = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR
export const POLLOUT_SET = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR
export const POLLEX_SET = POLLPRI

/** One row of a poll(2) call. `revents` is filled in place; a negative `fd` is skipped and reports 0. */
export interface PollFd {
  /** The descriptor; negative: skip it. */
  fd: number
  /** POLL* bits that are asked for. */
  events: number
  /** POLL* bits that are so: filled by the call. */
  revents: number
}
