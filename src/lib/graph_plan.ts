/**
 * What the walkers of graph.ts, graph_digest.ts and graph_check.ts know about one prototype.
 *
 * A plan is made once per prototype and walk, from the first object met with it, and answers: is this state, of
 * which kind, which fields are wiring, who copies it. Nothing here outlives a walk.
 */

import type { Cloner } from './graph.js'
import type { StateHasher } from './graph_digest.js'

/** Kinds of object that state may hold. `REFUSED` stands for all others. */
export const FIELDS = 0
export const ARRAY = 1
export const MAP = 2
export const SET = 3
export const VIEW = 4
export const BUFFER = 5
export const REFUSED = 6
export type Kind =
  | typeof FIELDS
  | typeof ARRAY
  | typeof MAP
  | typeof SET
  | typeof VIEW
  | typeof BUFFER
  | typeof REFUSED

/** An object seen as its own enumerable fields. */
export type Fields = Record<string, unknown>

/** A class that makes its own clone: see the protocol in graph.ts. */
export interface ClonesItself {
  cloneState(cloner: Cloner): unknown
}

/** A class that fills its shallow copies itself. */
export interface FillsItself {
  fillState(cloner: Cloner): void
}

/** A class that says what of it counts in a digest. */
export interface DigestsItself {
  digestState(hasher: StateHasher): void
}

export interface Plan {
  readonly kind: Kind
  readonly proto: object | null
  /** 'Inode', 'Map', 'Uint8Array'; 'Object' for plain ones. */
  readonly name: string
  /** REFUSED: what it is, as a noun phrase; otherwise ''. */
  readonly refusal: string
  /** A `{...copy}` is not enough: the prototype has to be set as well. */
  readonly isInstance: boolean
  readonly transient: readonly string[]
  /** What a digest passes over: the transient fields and those of `static undigested`. */
  readonly undigested: readonly string[]
  readonly transientDefault: unknown
  readonly shallowCopy: ((from: object) => object) | undefined
  readonly fillsItself: boolean
  readonly clonesItself: boolean
  readonly digestsItself: boolean
  /** Field names last seen at each position, and their hashes: the digest's cache. */
  readonly shape: string[]
  readonly shapeHashes: number[]
}

export type Plans = Map<object | null, Plan>

/** The plan for an object, from the cache of this walk or made now. */
export const planFor = (plans: Plans, o: object): Plan => {
  const proto: object | null = Object.getPrototypeOf(o)
  const known = plans.get(proto)
  if (known !== undefined) return known
  const plan = makePlan(o, proto)
  plans.set(proto, plan)
  return plan
}

/** The one place where an object of kind FIELDS is seen as a record. */
export const fieldsOf = (o: object): Fields => o as Fields
/** Preconditions: the plan's kind is ARRAY, MAP or SET respectively. */
export const arrayOf = (o: object): unknown[] => o as unknown[]
export const mapOf = (o: object): Map<unknown, unknown> => o as Map<unknown, unknown>
export const setOf = (o: object): Set<unknown> => o as Set<unknown>
/** Preconditions: `clonesItself`, `fillsItself` or `digestsItself` of the plan. */
export const clonesItself = (o: object): ClonesItself => o as ClonesItself
export const fillsItself = (o: object): FillsItself => o as FillsItself
export const digestsItself = (o: object): DigestsItself => o as DigestsItself

/** True for a value that the walkers follow. */
export const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/**
 * True for a frozen table of functions (file operations and their like): shared by clones, digested by its name.
 * Preconditions: `o` is frozen.
 */
export const isOpTable = (o: object): boolean => {
  for (const value of Object.values(o)) if (typeof value === 'function') return true
  return false
}

const makePlan = (o: object, proto: object | null): Plan => {
  const tag = Object.prototype.toString.call(o).slice('[object '.length, -1)
  const kind = kindOf(o, proto, tag)
  const ctor = kind === FIELDS ? ownConstructor(proto) : undefined
  const statics = ctor === undefined ? undefined : fieldsOf(ctor)
  const shallowCopy = statics !== undefined && Object.hasOwn(statics, 'shallowCopy') ? statics : undefined
  return {
    kind,
    proto,
    name: ctor === undefined ? tag : className(ctor),
    refusal: kind === REFUSED ? describeRefused(o, proto, tag) : '',
    isInstance: proto !== Object.prototype,
    transient: kind === FIELDS ? listedFields(proto, ['transient']) : [],
    undigested: kind === FIELDS ? listedFields(proto, ['transient', 'undigested']) : [],
    transientDefault: statics?.['transientDefault'],
    shallowCopy: shallowCopy === undefined ? undefined : (from) => callShallowCopy(shallowCopy, from),
    fillsItself: shallowCopy !== undefined && typeof fieldsOf(o)['fillState'] === 'function',
    clonesItself: kind === FIELDS && typeof fieldsOf(o)['cloneState'] === 'function',
    digestsItself: kind === FIELDS && typeof fieldsOf(o)['digestState'] === 'function',
    shape: [],
    shapeHashes: [],
  }
}

/** Judged by internal slots, so that objects of another realm (a test runner's vm) count as what they are. */
const kindOf = (o: object, proto: object | null, tag: string): Kind => {
  if (Array.isArray(o)) return Array.isArray(proto) ? ARRAY : REFUSED
  if (ArrayBuffer.isView(o)) return tag === 'DataView' ? REFUSED : VIEW
  const isBuiltinProto = proto !== null && Object.hasOwn(proto, Symbol.toStringTag)
  if (tag === 'Map') return isBuiltinProto ? MAP : REFUSED
  if (tag === 'Set') return isBuiltinProto ? SET : REFUSED
  if (tag === 'ArrayBuffer') return isBuiltinProto ? BUFFER : REFUSED
  if (tag !== 'Object') return REFUSED
  return inheritsEnumerable(proto) ? REFUSED : FIELDS
}

const describeRefused = (o: object, proto: object | null, tag: string): string => {
  const ctor = ownConstructor(proto)
  const name = ctor === undefined ? tag : className(ctor)
  if (tag === 'Object') return `${name} with enumerable fields on its prototype`
  if (Array.isArray(o) || tag === 'Map' || tag === 'Set' || tag === 'ArrayBuffer') {
    return `subclass of ${tag} (${name})`
  }
  return tag
}

const inheritsEnumerable = (proto: object | null): boolean => {
  if (proto === null || proto === Object.prototype) return false
  for (const _key in proto) return true
  return false
}

const ownConstructor = (proto: object | null): object | undefined => {
  if (proto === null || !Object.hasOwn(proto, 'constructor')) return undefined
  const ctor: unknown = proto.constructor
  return typeof ctor === 'function' ? ctor : undefined
}

const className = (ctor: object): string => {
  const name = fieldsOf(ctor)['name']
  return typeof name === 'string' ? name : ''
}

/** The union of static lists of field names along the class chain. */
const listedFields = (proto: object | null, lists: readonly string[]): readonly string[] => {
  const names = new Set<string>()
  for (let p = proto; p !== null && p !== Object.prototype; p = Object.getPrototypeOf(p)) {
    const ctor = ownConstructor(p)
    for (const list of lists) {
      const fields = ctor === undefined ? undefined : fieldsOf(ctor)[list]
      if (Array.isArray(fields)) for (const name of fields) names.add(String(name))
    }
  }
  return [...names]
}

const callShallowCopy = (statics: Fields, from: object): object => {
  const copy = statics['shallowCopy']
  const result: unknown = typeof copy === 'function' ? copy.call(statics, from) : undefined
  if (isObject(result)) return result
  throw new Error('shallowCopy() must return a new instance')
}
