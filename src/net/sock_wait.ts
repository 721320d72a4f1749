/**
 * Sleeping in a call on a socket: with a deadline, half done, and woken by whatever happens to the socket.
 *
 * A call that sleeps keeps a SockCall in `current.restart`; when it is over, whatever its result, `endSockCall` takes
 * its timer away. Linux: sock_rcvtimeo, sock_sndtimeo, sock_intr_errno (include/net/sock.h).
 */

import { EAGAIN, EINTR, ERESTARTSYS, type Errno } from '../abi/errno.js'
import { sleepOn, wakeAt } from '../kernel/sleep.js'
import type { Task } from '../kernel/task.js'
import type { Timer } from '../kernel/timer.js'
import type { WaitQueue } from '../kernel/wait.js'

/** What a sleeping call on a socket remembers. */
export class SockCall {
  /** When it gives up: milliseconds since boot, infinite for never. */
  readonly at: number
  /** Wakes it then. */
  timer: Timer | null = null
  /** Bytes moved so far. */
  done = 0
  /** It sleeps for data, which it will look at itself: no SIGIO. */
  waitsData = false
  /** What else the protocol remembers: plain data. */
  extra: unknown = null

  constructor(at: number) {
    this.at = at
  }
}

/** What the call remembers of its earlier runs, or null in its first. */
export const sockCall = (current: Task): SockCall | null =>
  current.restart instanceof SockCall ? current.restart : null

/** As `sockCall`, made where there is none. `timeoMs` 0 or more, or infinite. */
export function beginSockCall(current: Task, timeoMs: number): SockCall {
  if (current.restart instanceof SockCall) return current.restart
  const call = new SockCall(current.k.state.now + timeoMs)
  current.restart = call
  return call
}

/**
 * Sleeps on a queue of the socket's until woken, a signal comes or the time is over. BLOCKED; EAGAIN when the time
 * is over; ERESTARTSYS or, with a limit, EINTR for a signal.
 */
export function sockWait(current: Task, queue: WaitQueue, timeoMs: number, exclusive = false): Errno {
  const call = beginSockCall(current, timeoMs)
  if (current.sigPending) return call.at === Number.POSITIVE_INFINITY ? ERESTARTSYS : EINTR
  if (current.k.state.now >= call.at) return EAGAIN
  if (call.timer === null && call.at !== Number.POSITIVE_INFINITY) call.timer = wakeAt(current, call.at)
  return sleepOn(current, queue, exclusive)
}

/** The call is over. */
export function endSockCall(current: Task): void {
  const { restart } = current
  if (!(restart instanceof SockCall)) return
  if (restart.timer !== null) current.k.state.timers.remove(restart.timer)
  current.restart = null
}
