/**
 * Journals: what a generator program has been told, so that it can be led to the same place again.
 *
 * Entries are never changed, and shared by forks and copies. Values are kept as frozen copies and handed out as fresh
 * ones, so a program that changes a result cannot change its past. What a call wrote into the program's buffers
 * is kept as text, one character a byte.
 */

import type { CallOutputs, FilledBuffer, Journal, SyscallRequest } from '../kernel/program.js'
import { copyBytes, sliceOf } from '../lib/bytes.js'
import type { Cloner } from '../lib/graph.js'

/** Calls whose buffers are only read. */
const WRITERS: ReadonlySet<string> = new Set(['write', 'pwrite', 'writev', 'send', 'sendto', 'sendmsg'])
/** Calls that fill a buffer up to their result. */
const FILLERS: ReadonlySet<string> = new Set(['read', 'pread', 'recv', 'recvfrom'])

/** The text of the first `count` bytes. */
function bytesToText(bytes: Uint8Array, count: number): string {
  let text = ''
  if (count <= 8) {
    for (let at = 0; at < count; at++) text += String.fromCharCode(bytes[at] as number)
    return text
  }
  for (let at = 0; at < count; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + 4096, count)))
  return text
}

function textToBytes(text: string, into: Uint8Array): void {
  for (let i = 0; i < text.length && i < into.length; i++) into[i] = text.charCodeAt(i)
}

/** What stands for an object inside itself: nothing to put back there. */
const CUT: object = Object.freeze({})

/**
 * A deep copy of plain data: arrays, plain objects, bytes, primitives. Functions and symbols become null. `above` are
 * the objects that `value` is in.
 */
function copyValue(value: unknown, frozen: boolean, above: readonly object[] = []): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') return null
  if (typeof value !== 'object' || value === null) return value
  if (above.includes(value)) return CUT
  if (value instanceof Uint8Array) {
    return frozen ? Object.freeze({ bytes: bytesToText(value, value.length) }) : sliceOf(value)
  }
  const inside = [...above, value]
  if (Array.isArray(value)) {
    const copy = value.map((part) => copyValue(part, frozen, inside))
    return frozen ? Object.freeze(copy) : copy
  }
  const entries = Object.entries(value)
  const [first] = entries
  if (
    !frozen &&
    entries.length === 1 &&
    first !== undefined &&
    first[0] === 'bytes' &&
    typeof first[1] === 'string'
  ) {
    const bytes = new Uint8Array(first[1].length)
    textToBytes(first[1], bytes)
    return bytes
  }
  const copy = Object.fromEntries(entries.map(([key, part]) => [key, copyValue(part, frozen, inside)]))
  return frozen ? Object.freeze(copy) : copy
}

/** A buffer that a call has filled. Never changed, so copies of the kernel share it. */
class Filled implements FilledBuffer {
  readonly at: number
  readonly bytes: string

  constructor(at: number, bytes: string) {
    this.at = at
    this.bytes = bytes
  }

  cloneState(_cloner: Cloner): this {
    return this
  }
}

/** What a call left in its arguments. */
export function outputsOf(request: SyscallRequest, result: unknown): CallOutputs {
  const { name, args } = request
  if (WRITERS.has(name)) return null
  const filled = args[1]
  if (FILLERS.has(name) && filled instanceof Uint8Array) {
    const count = typeof result === 'number' && result > 0 ? Math.min(result, filled.length) : 0
    return new Filled(1, bytesToText(filled, count))
  }
  const out: (readonly [number, unknown])[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]
    if (typeof arg === 'object' && arg !== null && !Object.isFrozen(arg))
      out.push(Object.freeze([at, copyValue(arg, true)] as const))
  }
  return out.length === 0 ? null : Object.freeze(out)
}

/** Puts what a call left back into the arguments of its repetition. */
export function restoreOutputs(request: SyscallRequest, out: CallOutputs): void {
  if (out === null) return
  if ('bytes' in out) {
    const arg = request.args[out.at]
    if (arg instanceof Uint8Array) textToBytes(out.bytes, arg)
    return
  }
  for (const [at, kept] of out) {
    const arg = request.args[at]
    const value = copyValue(kept, false)
    if (arg instanceof Uint8Array && value instanceof Uint8Array) putBytes(arg, value)
    else if (typeof arg === 'object' && arg !== null && !(arg instanceof Uint8Array)) assignDeep(arg, value)
  }
}

const putBytes = (into: Uint8Array, bytes: Uint8Array): void =>
  copyBytes(bytes, 0, into, 0, Math.min(bytes.length, into.length))

function assignDeep(target: object, from: unknown): void {
  if (typeof from !== 'object' || from === null) return
  if (Array.isArray(target) && Array.isArray(from)) target.length = from.length
  for (const [key, value] of Object.entries(from)) {
    const old = Reflect.get(target, key)
    if (typeof old === 'object' && old !== null && !Object.isFrozen(old)) {
      if (old instanceof Uint8Array && value instanceof Uint8Array) putBytes(old, value)
      else assignDeep(old, value)
    } else if (typeof old !== 'function') Reflect.set(target, key, value)
  }
}

function describeArgument(arg: unknown): string {
  if (typeof arg === 'number') return String(arg)
  if (typeof arg === 'string') return JSON.stringify(arg)
  if (arg instanceof Uint8Array) return `${arg.length} bytes`
  if (typeof arg === 'object' && arg !== null) return '{…}'
  return typeof arg === 'function' ? 'function' : String(arg)
}

/** Names a request and its plain arguments: enough to notice a program that does not repeat itself. */
export function describeRequest({ name, args }: SyscallRequest): string {
  let text = name
  for (let at = 0; at < args.length; at++) text += (at === 0 ? '(' : ', ') + describeArgument(args[at])
  return args.length === 0 ? `${text}()` : `${text})`
}

/** One entry and what came before. Never changed, so forks and copies of the kernel share it. */
class JournalNode implements Journal {
  readonly kind: Journal['kind']
  readonly what: string | number
  readonly value: unknown
  readonly out: CallOutputs
  readonly previous: Journal | null
  readonly length: number

  constructor(
    previous: Journal | null,
    kind: Journal['kind'],
    what: string | number,
    value: unknown,
    out: CallOutputs,
  ) {
    this.kind = kind
    this.what = what
    this.value = value
    this.out = out
    this.previous = previous
    this.length = previous === null ? 1 : previous.length + 1
  }

  cloneState(_cloner: Cloner): this {
    return this
  }
}

/** One of each kind of object that is made here: see shapes.ts. */
export const JOURNAL_SHAPES: readonly object[] = Object.freeze([
  new JournalNode(null, 'result', '', null, null),
  new Filled(0, ''),
])

/** One more answer. */
export const recordResult = (
  journal: Journal | null,
  request: SyscallRequest,
  value: unknown,
  out: CallOutputs,
): Journal => new JournalNode(journal, 'result', describeRequest(request), copyValue(value, true), out)

/** A handler has been started. */
export const recordSignal = (
  journal: Journal | null,
  handler: number,
  value: unknown,
  isEarly: boolean,
): Journal => new JournalNode(journal, isEarly ? 'early' : 'signal', handler, copyValue(value, true), null)

/** Oldest first. */
export function entriesOf(journal: Journal | null): Journal[] {
  const entries: Journal[] = []
  for (let at = journal; at !== null; at = at.previous) entries.push(at)
  return entries.reverse()
}

/** The answer of an entry for a repeated request, with its buffers filled. */
export function replayResult(entry: Journal, request: SyscallRequest): unknown {
  restoreOutputs(request, entry.out)
  return copyValue(entry.value, false)
}

/** The information that came with a signal. */
export const replaySignal = (entry: Journal): unknown => copyValue(entry.value, false)
