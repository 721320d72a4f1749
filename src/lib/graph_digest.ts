/**
 * The digest over the same walk as cloneGraph: equal digests mean equal state, up to 64-bit luck.
 *
 * Counted: structure, class names, field names in their order, Map and Set entries in theirs, shared references (by
 * the order of first visit), numbers by value (-0 apart from 0, one NaN), view types and bytes. Not counted: fields
 * in `transient` and `undigested`, what a `digestState` hook leaves out. The result is the same in every process (views wider
 * than a byte count in the byte order of the host).
 */

import { fnv1a32Text } from './fnv.js'
import { explainRefusal, type StateContext } from './graph_check.js'
import {
  ARRAY,
  arrayOf,
  BUFFER,
  digestsItself,
  FIELDS,
  fieldsOf,
  isOpTable,
  MAP,
  mapOf,
  type Plan,
  type Plans,
  planFor,
  SET,
  setOf,
  VIEW,
} from './graph_plan.js'

/** 16 hex digits over everything reachable from `root`. Errors: throws Error, with the path, for what is not state. */
export const digestGraph = (root: unknown, context: StateContext = {}): string => {
  const hasher = new StateHasher(root, context)
  hasher.value(root)
  hasher.visitAll()
  return hasher.finish()
}

// What a value starts with, so that no two kinds can be taken for each other.
const T_UNDEFINED = 1
const T_NULL = 2
const T_TRUE = 3
const T_FALSE = 4
const T_INT = 5
const T_FLOAT = 6
const T_STRING = 7
const T_BIGINT = 8
const T_REF = 9
const T_OBJECT = 10
const T_TABLE = 11
const T_END = 12
const T_BYTES = 13
const T_WIRING = 14

/** Hashes one graph; `digestState` hooks receive it. Two independent 32-bit lanes, mixed as MurmurHash3 does. */
export class StateHasher {
  /** @internal */
  laneA: number
  /** @internal */
  laneB: number
  /** @internal Words hashed. */
  count: number
  /** @internal object -> order of first visit */
  readonly seen: Map<object, number>
  /** @internal Objects seen and not yet hashed. */
  readonly pending: object[]
  /** @internal */
  readonly plans: Plans
  /** @internal */
  readonly names: Map<string, number>
  /** @internal */
  readonly float: DataView
  /** @internal */
  readonly root: unknown
  /** @internal */
  readonly context: StateContext

  /** @internal Call digestGraph. */
  constructor(root: unknown, context: StateContext) {
    this.laneA = 0x9747b28c | 0
    this.laneB = 0x5bd1e995 | 0
    this.count = 0
    this.seen = new Map()
    this.pending = []
    this.plans = new Map()
    this.names = new Map()
    this.float = new DataView(new ArrayBuffer(8))
    this.root = root
    this.context = context
  }

  /** Counts the low 32 bits of a number. For hooks; `value` counts a number exactly. */
  word(bits: number): void {
    let k = Math.imul(bits, 0xcc9e2d51)
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
    const a = this.laneA ^ k
    this.laneA = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0
    let j = Math.imul(bits, 0x85ebca77)
    j = Math.imul((j << 16) | (j >>> 16), 0x9e3779b1)
    const b = this.laneB ^ j
    this.laneB = (Math.imul((b << 17) | (b >>> 15), 9) + 0x38495ab5) | 0
    this.count++
  }

  /** Counts any value that state may hold; an object's contents follow later in the walk. */
  value(value: unknown): void {
    switch (typeof value) {
      case 'number':
        this.number(value)
        return
      case 'string':
        this.word(T_STRING)
        this.string(value)
        return
      case 'object':
        if (value === null) this.word(T_NULL)
        else this.reference(value)
        return
      case 'boolean':
        this.word(value ? T_TRUE : T_FALSE)
        return
      case 'undefined':
        this.word(T_UNDEFINED)
        return
      case 'bigint':
        this.word(T_BIGINT)
        this.string(String(value))
        return
      default:
        this.refuse()
    }
  }

  /** Counts `bytes[start..end)` and how many they are. */
  bytes(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.word(T_BYTES)
    this.word(end - start)
    let i = start
    for (; i + 4 <= end; i += 4) {
      const low = (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8)
      this.word(low | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24))
    }
    for (; i < end; i++) this.word(bytes[i] ?? 0)
  }

  /** @internal */
  number(n: number): void {
    const int = n | 0
    if (int === n && (int !== 0 || 1 / n > 0)) {
      this.word(T_INT)
      this.word(int)
      return
    }
    this.word(T_FLOAT)
    this.float.setFloat64(0, Number.isNaN(n) ? Number.NaN : n)
    this.word(this.float.getInt32(0))
    this.word(this.float.getInt32(4))
  }

  /** @internal Two UTF-16 code units a word. */
  string(text: string): void {
    const length = text.length
    this.word(length)
    let i = 0
    for (; i + 2 <= length; i += 2) this.word(text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16))
    if (i < length) this.word(text.charCodeAt(i))
  }

  /** @internal */
  reference(o: object): void {
    let index = this.seen.get(o)
    if (index === undefined) {
      index = this.seen.size
      this.seen.set(o, index)
      if (this.context.wiring?.has(o) === true) this.word(T_WIRING)
      else this.pending.push(o)
    }
    this.word(T_REF)
    this.word(index)
  }

  /** @internal */
  visitAll(): void {
    for (let o = this.pending.pop(); o !== undefined; o = this.pending.pop()) this.visit(o)
  }

  /** @internal */
  visit(o: object): void {
    const plan = planFor(this.plans, o)
    this.word(T_OBJECT)
    this.word(this.seen.get(o) ?? 0)
    this.word(plan.kind)
    if (plan.digestsItself) {
      this.word(this.nameHash(plan.name))
      digestsItself(o).digestState(this)
      this.word(T_END)
      return
    }
    switch (plan.kind) {
      case FIELDS:
        this.visitFields(o, plan)
        return
      case ARRAY: {
        const array = arrayOf(o)
        if (Object.isFrozen(o) && isOpTable(o)) this.refuse()
        this.word(array.length)
        for (let i = 0; i < array.length; i++) this.value(array[i])
        return
      }
      case MAP:
        this.word(mapOf(o).size)
        for (const [key, value] of mapOf(o)) {
          this.value(key)
          this.value(value)
        }
        return
      case SET:
        this.word(setOf(o).size)
        for (const value of setOf(o)) this.value(value)
        return
      case VIEW:
      case BUFFER:
        this.visitBytes(o, plan)
        return
      default:
        this.refuse()
    }
  }

  /** @internal */
  visitFields(o: object, plan: Plan): void {
    this.word(this.nameHash(plan.name))
    const fields = fieldsOf(o)
    if (Object.isFrozen(o) && isOpTable(o)) {
      const name = fields['name']
      if (typeof name !== 'string') this.refuse()
      this.word(T_TABLE)
      this.value(name)
      return
    }
    const { shape, shapeHashes, undigested } = plan
    let position = 0
    for (const name in fields) {
      if (undigested.length > 0 && undigested.includes(name)) continue
      if (shape[position] !== name) {
        shape[position] = name
        shapeHashes[position] = this.nameHash(name)
      }
      this.word(shapeHashes[position] ?? 0)
      this.value(fields[name])
      position++
    }
    this.word(T_END)
    this.word(position)
  }

  /** @internal */
  visitBytes(o: object, plan: Plan): void {
    if (o instanceof Uint8Array) {
      this.word(this.nameHash('Uint8Array'))
      this.bytes(o)
    } else if (ArrayBuffer.isView(o)) {
      this.word(this.nameHash(plan.name))
      this.bytes(new Uint8Array(o.buffer, o.byteOffset, o.byteLength))
    } else {
      this.word(this.nameHash(plan.name))
      this.bytes(new Uint8Array(o as ArrayBuffer))
    }
  }

  /** @internal The hash of a name, remembered for the walk. */
  nameHash(name: string): number {
    const known = this.names.get(name)
    if (known !== undefined) return known
    const hash = fnv1a32Text(name)
    this.names.set(name, hash)
    return hash
  }

  /** @internal */
  finish(): string {
    return (
      hex(avalanche(this.laneA ^ this.count)) + hex(avalanche(this.laneB ^ Math.imul(this.count, 0x27d4eb2f)))
    )
  }

  /** @internal */
  refuse(): never {
    throw new Error(explainRefusal(this.root, { ...this.context, digesting: true }))
  }
}

/** MurmurHash3's fmix32: every input bit reaches every output bit. */
const avalanche = (lane: number): number => {
  let h = lane ^ (lane >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

const hex = (lane: number): string => lane.toString(16).padStart(8, '0')
