/** Children of a broker, for tests. */
import { O_WRONLY, type Sys } from 'paleokernel'
import {
  type Broker,
  type Budget,
  type Client,
  encodeFrame,
  FRAME_CALL,
  Link,
  type Steps,
} from 'paleokernel/seccomp'
import { bytes, ok } from '../helpers/world.js'

/** A child's part: it is in mode 1 and has a link. */
export type Body = (link: Link, sys: Sys) => Steps<number | undefined>

/** The descriptor that replies come from. */
export const REPLIES = 30
/** Where calls go. */
export const CALLS = 31

/** Makes a child that confines itself and runs `body`, and takes it in. */
export function* startChild(sys: Sys, broker: Broker, body: Body, budget: Budget = {}): Steps<Client> {
  const calls = ok(yield* sys.pipe())
  const replies = ok(yield* sys.pipe())
  const pid = ok(yield* sys.fork())
  if (pid === 0) {
    yield* sys.dup2(replies[0], REPLIES)
    yield* sys.dup2(calls[1], CALLS)
    for (let fd = 0; fd < REPLIES; fd++) yield* sys.close(fd)
    yield* sys.write(ok(yield* sys.open('/proc/self/seccomp', O_WRONLY)), bytes('1'))
    const code = yield* body(new Link(sys, REPLIES, CALLS), sys)
    yield* sys.exit(code ?? 0)
  }
  yield* sys.close(calls[1])
  yield* sys.close(replies[0])
  return yield* broker.adopt({ pid, calls: calls[0], replies: replies[1] }, budget)
}

/** A call as a frame. */
export const call = (
  handle: number,
  op: number,
  payload: Uint8Array = new Uint8Array(0),
  id = 1,
): Uint8Array => encodeFrame({ kind: FRAME_CALL, id, handle, op, payload })
