/**
 * The operations of each kind of capability: their numbers, and their arguments and results as bytes. Broker and
 * clients both go by these tables.
 */

import { latin1Decode, readU32LE, utf8Decode, utf8Encode, writeU16LE, writeU32LE } from '../../lib/bytes.js'
import { encodeRestrictions, type Restrictions } from './grant.js'

/** One operation: what goes into the call's payload, and what comes out of the reply's. */
export interface Operation<A extends readonly unknown[], R> {
  /** Its number: 1 to 65535. */
  readonly op: number
  /** The payload of the call. */
  encode(...args: A): Uint8Array
  /** The result in a reply; a payload of a wrong size gives a number of 0 or an empty text. */
  decode(payload: Uint8Array): R
}

/** The operations of one kind of capability, by name. */
export type Interface = Readonly<Record<string, Operation<never, unknown>>>

/** An identity function that keeps the types of a table. */
export const defineInterface = <I extends Interface>(table: I): I => Object.freeze(table)

/** An operation, with the types of its arguments and its result. */
export const operation = <A extends readonly unknown[], R>(
  op: number,
  encode: (...args: A) => Uint8Array,
  decode: (payload: Uint8Array) => R,
): Operation<A, R> => Object.freeze({ op, encode, decode })

const nothing = (): Uint8Array => new Uint8Array(0)
const asIs = (payload: Uint8Array): Uint8Array => payload
const word = (payload: Uint8Array): number => (payload.length === 4 ? readU32LE(payload, 0) : 0)

/** Numbers of 32 bits, then bytes. */
export function words(numbers: readonly number[], rest: Uint8Array = nothing()): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 4 + rest.length)
  for (const [at, number] of numbers.entries()) writeU32LE(bytes, at * 4, number)
  bytes.set(rest, numbers.length * 4)
  return bytes
}

/** The link itself, handle 0. Results that are handles are never 0. */
export const LINK = defineInterface({
  /** The same bytes back. */
  ping: operation(1, (data: Uint8Array) => data, asIs),
  /** Waits for a capability that somebody delegates: its handle. */
  accept: operation(2, nothing, word),
  /** Gives a handle up. */
  drop: operation(3, (handle: number) => words([handle]), word),
  /** A narrower capability of one's own: its handle. */
  attenuate: operation(
    4,
    (handle: number, restrictions: Restrictions) => words([handle], encodeRestrictions(restrictions)),
    word,
  ),
  /** Gives a narrower capability to a peer, whose capability one holds: one's own handle for it. */
  delegate: operation(
    5,
    (handle: number, peer: number, restrictions: Restrictions) =>
      words([handle, peer], encodeRestrictions(restrictions)),
    word,
  ),
  /** Ends a capability, and all that was made from it, wherever it is. */
  revoke: operation(6, (handle: number) => words([handle]), word),
})

/** A file with positions. */
export const FILE = defineInterface({
  /** At most `count` bytes from `offset` on; fewer at the end or by a quota. */
  read: operation(1, (offset: number, count: number) => words([offset, count]), asIs),
  /** How many bytes were written at `offset`. */
  write: operation(2, (offset: number, data: Uint8Array) => words([offset], data), word),
  /** Its length. */
  size: operation(3, nothing, word),
})

/** A pipe, a FIFO or a connection. */
export const STREAM = defineInterface({
  /** Waits for bytes, at most `count`; none at the end. */
  read: operation(1, (count: number) => words([count]), asIs),
  /** How many bytes were taken; EAGAIN when it would have to wait. */
  write: operation(2, (data: Uint8Array) => data, word),
})

/** For writing; flags of `open`. */
export const OPEN_WRITE = 1
/** Makes the file where there is none. */
export const OPEN_CREATE = 2

/** A directory and what is below it. Paths are relative, without dots; symbolic links are not followed. */
export const DIRECTORY = defineInterface({
  /** The handle of a file. Without flags it is read-only. */
  open: operation(1, (path: string, flags = 0) => words([flags], utf8Encode(path)), word),
  /** The names in it, as many as fit. */
  list: operation(2, nothing, (payload: Uint8Array) => utf8Decode(payload).split('\0').filter(Boolean)),
})

/** Ports to connect to. */
export const PORTS = defineInterface({
  /** The handle of a stream. */
  connect: operation(
    1,
    (port: number) => {
      const bytes = new Uint8Array(2)
      writeU16LE(bytes, 0, port)
      return bytes
    },
    word,
  ),
})

/** The text of an error reply, for people. */
export const errorText = (payload: Uint8Array): string => latin1Decode(payload)
