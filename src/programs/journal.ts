/**
 * Journals: what a generator program has been told, so that it can be led to the same place again.
 *
 * Entries are frozen and shared by forks and copies. Values are kept as frozen copies and handed out as fresh
 * ones, so a program that changes a result cannot change its past. What a call wrote into the program's buffers
 * is kept as text, one character a byte.
 */

import type { CallOutputs, Journal, JournalEntry, SyscallRequest } from '../kernel/program.js'

/** Calls whose buffers are only read. */
const WRITERS: ReadonlySet<string> = new Set(['write', 'pwrite', 'writev', 'send', 'sendto', 'sendmsg'])
/** Calls that fill a buffer up to their result. */
const FILLERS: ReadonlySet<string> = new Set(['read', 'pread', 'recv', 'recvfrom'])

function bytesToText(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 4096)
    text += String.fromCharCode(...bytes.subarray(at, at + 4096))
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
    return frozen ? Object.freeze({ bytes: bytesToText(value) }) : value.slice()
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

/** What a call left in its arguments. */
export function outputsOf(request: SyscallRequest, result: unknown): CallOutputs {
  if (WRITERS.has(request.name)) return null
  const out: (readonly [number, unknown])[] = []
  for (const [at, arg] of request.args.entries()) {
    if (typeof arg !== 'object' || arg === null) continue
    if (arg instanceof Uint8Array && FILLERS.has(request.name)) {
      const filled = typeof result === 'number' && result > 0 ? result : 0
      out.push(Object.freeze([at, copyValue(arg.subarray(0, filled), true)] as const))
    } else if (!Object.isFrozen(arg)) {
      out.push(Object.freeze([at, copyValue(arg, true)] as const))
    }
  }
  return out.length === 0 ? null : Object.freeze(out)
}

/** Puts what a call left back into the arguments of its repetition. */
export function restoreOutputs(request: SyscallRequest, out: CallOutputs): void {
  for (const [at, kept] of out ?? []) {
    const arg = request.args[at]
    const value = copyValue(kept, false)
    if (arg instanceof Uint8Array && value instanceof Uint8Array) arg.set(value.subarray(0, arg.length))
    else if (typeof arg === 'object' && arg !== null && !(arg instanceof Uint8Array)) assignDeep(arg, value)
  }
}

function assignDeep(target: object, from: unknown): void {
  if (typeof from !== 'object' || from === null) return
  if (Array.isArray(target) && Array.isArray(from)) target.length = from.length
  for (const [key, value] of Object.entries(from)) {
    const old = Reflect.get(target, key)
    if (typeof old === 'object' && old !== null && !Object.isFrozen(old)) {
      if (old instanceof Uint8Array && value instanceof Uint8Array) old.set(value.subarray(0, old.length))
      else assignDeep(old, value)
    } else if (typeof old !== 'function') Reflect.set(target, key, value)
  }
}

/** Names a request and its plain arguments: enough to notice a program that does not repeat itself. */
export function describeRequest(request: SyscallRequest): string {
  const words = request.args.map((arg) => {
    if (typeof arg === 'string') return JSON.stringify(arg)
    if (arg instanceof Uint8Array) return `${arg.length} bytes`
    if (typeof arg === 'object' && arg !== null) return '{…}'
    return typeof arg === 'function' ? 'function' : String(arg)
  })
  return `${request.name}(${words.join(', ')})`
}

/** One more answer. */
export function recordResult(
  journal: Journal | null,
  request: SyscallRequest,
  value: unknown,
  out: CallOutputs,
): Journal {
  return append(journal, {
    kind: 'result',
    what: describeRequest(request),
    value: copyValue(value, true),
    out,
  })
}

/** A handler has been started. */
export function recordSignal(
  journal: Journal | null,
  handler: number,
  value: unknown,
  isEarly: boolean,
): Journal {
  return append(journal, {
    kind: isEarly ? 'early' : 'signal',
    what: handler,
    value: copyValue(value, true),
    out: null,
  })
}

function append(previous: Journal | null, entry: JournalEntry): Journal {
  return Object.freeze({ entry: Object.freeze(entry), previous, length: (previous?.length ?? 0) + 1 })
}

/** Oldest first. */
export function entriesOf(journal: Journal | null): JournalEntry[] {
  const entries: JournalEntry[] = []
  for (let at = journal; at !== null; at = at.previous) entries.push(at.entry)
  return entries.reverse()
}

/** The answer of an entry for a repeated request, with its buffers filled. */
export function replayResult(entry: JournalEntry, request: SyscallRequest): unknown {
  restoreOutputs(request, entry.out)
  return copyValue(entry.value, false)
}

/** The information that came with a signal. */
export const replaySignal = (entry: JournalEntry): unknown => copyValue(entry.value, false)
