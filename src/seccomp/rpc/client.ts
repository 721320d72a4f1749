/**
 * The confined side: calls over two pipes, with read and write only.
 *
 *     const link = new Link(sys, 3, 4)
 *     const file = link.capability(FILE, 1)
 *     const bytes = yield* file.call('read', 0, 100)      // Uint8Array | Errno
 */

import { asErrno } from '../../abi/brand.js'
import { EIO, EPIPE, type Errno, isErr } from '../../abi/errno.js'
import type { Call, ClientCalls, Steps } from './calls.js'
import {
  encodeFrame,
  FRAME_CALL,
  FRAME_ERROR,
  FRAME_REPLY,
  type Frame,
  FrameReader,
  MAX_FRAME,
} from './frame.js'
import { type Interface, LINK, type Operation } from './interfaces.js'

/** The arguments of an operation. */
export type ArgsOf<O> = O extends Operation<infer A, unknown> ? A : never
/** The result of an operation. */
export type ResultOf<O> = O extends Operation<never, infer R> ? R : never

/** Two pipes to a broker. One call at a time. */
export class Link {
  private readonly sys: ClientCalls
  private readonly input: number
  private readonly output: number
  private readonly reader = new FrameReader()
  private lastId = 0

  /** `input`: the descriptor that replies come from; `output`: where calls go. */
  constructor(sys: ClientCalls, input: number, output: number) {
    this.sys = sys
    this.input = input
    this.output = output
  }

  /** A capability by its handle, with the operations that it is known to have. */
  capability<I extends Interface>(operations: I, handle: number): Capability<I> {
    return new Capability(this, operations, handle)
  }

  /** The link's own operations. */
  get self(): Capability<typeof LINK> {
    return this.capability(LINK, 0)
  }

  /** One call: the payload of the reply, or the broker's error; EPIPE when the broker is gone, EIO for nonsense. */
  *request(handle: number, op: number, payload: Uint8Array): Steps<Uint8Array | Errno> {
    this.lastId = (this.lastId + 1) >>> 0
    const id = this.lastId
    const sent = yield* this.send(encodeFrame({ kind: FRAME_CALL, id, handle, op, payload }))
    if (isErr(sent)) return sent
    for (;;) {
      const frame = yield* this.receive()
      if (isErr(frame)) return frame
      if (frame.id !== id) continue
      if (frame.kind === FRAME_REPLY) return frame.payload
      return frame.kind === FRAME_ERROR && frame.op > 0 ? asErrno(-frame.op) : EIO
    }
  }

  private *send(bytes: Uint8Array): Steps<0 | Errno> {
    let at = 0
    while (at < bytes.length) {
      const count = yield* this.sys.write(this.output, bytes.subarray(at))
      if (isErr(count)) return count
      at += count
    }
    return 0
  }

  private *receive(): Steps<Frame | Errno> {
    const buf = new Uint8Array(MAX_FRAME)
    for (;;) {
      const frame = this.reader.next()
      if (frame === 'garbage') return EIO
      if (frame !== null) return frame
      const count = yield* this.sys.read(this.input, buf)
      if (isErr(count)) return count
      if (count === 0) return EPIPE
      this.reader.push(buf.subarray(0, count))
    }
  }
}

/** A handle with its operations. */
export class Capability<I extends Interface> {
  private readonly link: Link
  private readonly operations: I
  /** The number that the broker knows it by, on this link. */
  readonly handle: number

  constructor(link: Link, operations: I, handle: number) {
    this.link = link
    this.operations = operations
    this.handle = handle
  }

  /** Makes an operation: its result, or an error number. Throws a RangeError for arguments that do not fit a frame. */
  *call<N extends keyof I & string>(name: N, ...args: ArgsOf<I[N]>): Steps<ResultOf<I[N]> | Errno> {
    const operation = this.operations[name]
    if (operation === undefined) throw new RangeError(`there is no operation '${name}'`)
    const reply = yield* this.link.request(this.handle, operation.op, operation.encode(...(args as never)))
    return isErr(reply) ? reply : (operation.decode(reply) as ResultOf<I[N]>)
  }
}

export type { Call }
