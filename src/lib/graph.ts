/**
 * The one walker over kernel state: cloneGraph copies it, digestGraph hashes it, assertState checks it.
 *
 * State is own enumerable string-keyed fields of plain objects and class instances, arrays, Map, Set, ArrayBuffer,
 * typed arrays, and primitives other than symbols. Cycles, shared references and chains of any depth are fine:
 * every walk keeps its own stack. What else a class may say about itself, all of it optional:
 *
 *   class Inode {
 *     static readonly transient = ['ops']        // wiring: not cloned, not digested (inherited lists add up)
 *     static readonly transientDefault = null    // what a clone holds there; undefined when not given
 *     static readonly undigested = ['epoch']     // cloned like the rest, but no part of what a digest compares
 *     static shallowCopy(from: Inode): Inode     // a new instance, each field assigned as it is: speed only
 *     fillState(cloner: Cloner): void            // puts copies in place of what such an instance shares with the
 *                                                // original, this.sb = cloner.copy(this.sb), …: speed only
 *     cloneState(cloner: Cloner): Inode          // its own clone, for pages shared until written; the walker does
 *                                                // not look inside. cloner.copy(x) gives the clone of anything
 *                                                // reachable (possibly still to be filled in: keep it, do not read it)
 *     digestState(hasher: StateHasher): void     // what of it counts: hasher.value(x), hasher.bytes(b), …
 *   }
 *
 * What state refers to without being state (the kernel's registries) is given by identity: `replace` when cloning,
 * `wiring` (a Set, or the same Map) when digesting and checking.
 *
 * Frozen objects and arrays (op tables, constants, credentials) are shared by all clones, never copied; nothing
 * mutable may hang below one. A frozen table of functions is digested by its `name`.
 *
 * A function, a symbol, a date, a weak map, a promise, a generator, … throws with the path to it. The fast walks
 * cannot see accessors, symbol keys, private names, two views of one ArrayBuffer, or mutable things below a frozen
 * one: assertState does, and is meant for tests and debugging.
 *
 * Views are copied on their own, so two views of one buffer would part: assertState refuses that. A view of a
 * subclass (Node's Buffer) becomes a plain one.
 */

import { explainRefusal } from './graph_check.js'
import {
  ARRAY,
  arrayOf,
  BUFFER,
  clonesItself,
  FIELDS,
  fieldsOf,
  fillsItself,
  isObject,
  MAP,
  mapOf,
  type Plan,
  type Plans,
  planFor,
  REFUSED,
  SET,
  setOf,
  VIEW,
} from './graph_plan.js'

export { assertState, type StateContext } from './graph_check.js'
export { digestGraph, type StateHasher } from './graph_digest.js'

/** How to clone. */
export interface CloneContext {
  /** Original to substitute: met in the graph, the original is not walked and the substitute takes its place. */
  readonly replace?: ReadonlyMap<object, object>
  /** What to do about a function in state: "function in state at tasks.get(3).ops: <hint>". */
  readonly functionHint?: string
}

/**
 * A deep copy of everything reachable from `root`.
 *
 * Errors: throws Error, naming the path, for what is not state.
 */
export const cloneGraph = <T>(root: T, context: CloneContext = {}): T => {
  const cloner = new Cloner(root, context)
  const copy = cloner.copy(root)
  cloner.fillAll()
  return copy
}

/** Stands in the memo for an object whose cloneState() is running. */
const IN_PROGRESS: object = Object.freeze({})

/** One clone in the making; `cloneState` hooks receive it. */
export class Cloner {
  /** @internal original -> copy */
  readonly memo: Map<object, object>
  /** @internal Copies still to be filled: original, copy, plan, original, … */
  readonly pending: (object | Plan)[]
  /** @internal */
  readonly plans: Plans
  /** @internal */
  readonly root: unknown
  /** @internal */
  readonly context: CloneContext

  /** @internal Call cloneGraph. */
  constructor(root: unknown, context: CloneContext) {
    this.memo = new Map(context.replace)
    this.pending = []
    this.plans = new Map()
    this.root = root
    this.context = context
  }

  /**
   * The clone's version of a value: itself for a primitive, the one copy for an object. An object met for the first
   * time is copied one level deep now and its contents later, so a hook must not read what it gets here.
   */
  copy<T>(value: T): T {
    if (isObject(value)) return this.copyObject(value)
    if (typeof value === 'function' || typeof value === 'symbol') this.refuse()
    return value
  }

  /** @internal */
  copyObject<T extends object>(original: T): T {
    const known = this.memo.get(original)
    if (known !== undefined) {
      if (known === IN_PROGRESS) throw new Error('cloneState() asked for a clone of the object it is cloning')
      return known as T
    }
    const plan = planFor(this.plans, original)
    const copy = plan.clonesItself ? this.copyByHook(original) : this.shell(original, plan)
    this.memo.set(original, copy)
    return copy as T
  }

  /** @internal Fills every pending copy; new ones join while it runs. */
  fillAll(): void {
    const pending = this.pending
    while (pending.length > 0) {
      const plan = pending.pop() as Plan
      const copy = pending.pop() as object
      const original = pending.pop() as object
      switch (plan.kind) {
        case ARRAY:
          this.fillArray(arrayOf(copy))
          break
        case MAP:
          this.fillMap(mapOf(original), mapOf(copy))
          break
        case SET:
          this.fillSet(setOf(original), setOf(copy))
          break
        default:
          if (plan.fillsItself) fillsItself(copy).fillState(this)
          else this.fillFields(copy, plan)
      }
    }
  }

  /** @internal A copy that still points to the originals, or the finished copy of a leaf. */
  shell(original: object, plan: Plan): object {
    let copy: object
    switch (plan.kind) {
      case FIELDS:
        if (plan.shallowCopy !== undefined) {
          copy = plan.shallowCopy(original)
        } else {
          if (Object.isFrozen(original)) return original
          copy = { ...original }
          if (plan.isInstance) Object.setPrototypeOf(copy, plan.proto)
        }
        break
      case ARRAY:
        if (Object.isFrozen(original)) return original
        copy = arrayOf(original).slice()
        break
      case MAP:
        copy = new Map()
        break
      case SET:
        copy = new Set()
        break
      case VIEW:
      case BUFFER:
        return copyBytes(original)
      case REFUSED:
        return this.refuse()
    }
    this.pending.push(original, copy, plan)
    return copy
  }

  /** @internal */
  copyByHook(original: object): object {
    this.memo.set(original, IN_PROGRESS)
    const copy = clonesItself(original).cloneState(this)
    if (isObject(copy)) return copy
    throw new Error('cloneState() must return an object')
  }

  /** @internal */
  fillFields(copy: object, plan: Plan): void {
    const fields = fieldsOf(copy)
    for (const name of plan.transient) if (name in fields) fields[name] = plan.transientDefault
    for (const name in fields) {
      const value = fields[name]
      if (typeof value === 'object') {
        if (value !== null) fields[name] = this.copyObject(value)
      } else if (typeof value === 'function' || typeof value === 'symbol') {
        if (!plan.transient.includes(name)) this.refuse()
      }
    }
  }

  /** @internal */
  fillArray(copy: unknown[]): void {
    for (let i = 0; i < copy.length; i++) {
      const value = copy[i]
      if (typeof value === 'object') {
        if (value !== null) copy[i] = this.copyObject(value)
      } else if (typeof value === 'function' || typeof value === 'symbol') {
        this.refuse()
      }
    }
  }

  /** @internal */
  fillMap(original: ReadonlyMap<unknown, unknown>, copy: Map<unknown, unknown>): void {
    for (const [key, value] of original) copy.set(this.copy(key), this.copy(value))
  }

  /** @internal */
  fillSet(original: ReadonlySet<unknown>, copy: Set<unknown>): void {
    for (const value of original) copy.add(this.copy(value))
  }

  /** @internal Walks again, slowly, to say where the trouble is. */
  refuse(): never {
    const { replace, functionHint } = this.context
    throw new Error(
      explainRefusal(this.root, {
        ...(replace === undefined ? {} : { wiring: replace }),
        ...(functionHint === undefined ? {} : { functionHint }),
      }),
    )
  }
}

/** A copy of a view (only what it shows) or of an ArrayBuffer. */
const copyBytes = (original: object): object => {
  if (original instanceof Uint8Array)
    return original.length === 0 ? new Uint8Array(0) : new Uint8Array(original)
  if (!ArrayBuffer.isView(original)) return new Uint8Array(original as ArrayBuffer).slice().buffer
  const { buffer, byteOffset, byteLength } = original
  const bytes = new Uint8Array(byteLength)
  bytes.set(new Uint8Array(buffer, byteOffset, byteLength))
  const tag = Object.prototype.toString.call(original).slice('[object '.length, -1)
  return viewOver(tag, bytes.buffer)
}

const viewOver = (tag: string, buffer: ArrayBuffer): object => {
  switch (tag) {
    case 'Int8Array':
      return new Int8Array(buffer)
    case 'Uint8ClampedArray':
      return new Uint8ClampedArray(buffer)
    case 'Int16Array':
      return new Int16Array(buffer)
    case 'Uint16Array':
      return new Uint16Array(buffer)
    case 'Int32Array':
      return new Int32Array(buffer)
    case 'Uint32Array':
      return new Uint32Array(buffer)
    case 'Float32Array':
      return new Float32Array(buffer)
    case 'Float64Array':
      return new Float64Array(buffer)
    case 'BigInt64Array':
      return new BigInt64Array(buffer)
    case 'BigUint64Array':
      return new BigUint64Array(buffer)
    default:
      return new Uint8Array(buffer)
  }
}
