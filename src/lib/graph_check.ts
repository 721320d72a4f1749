/**
 * The slow walk over state that records paths: it says where a clone or a digest met what is not state, and, as
 * assertState, finds what the fast walks cannot see. Breadth first, so the path it names is a shortest one.
 */

import {
  ARRAY,
  arrayOf,
  BUFFER,
  FIELDS,
  fieldsOf,
  isObject,
  isOpTable,
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

/** How to digest or check. */
export interface StateContext {
  /** Objects that state refers to without being state: the kernel itself. They count as present, not by content. */
  readonly wiring?: { has(o: object): boolean }
  /** What to do about a function in state: "function in state at tasks.get(3).ops: <hint>". */
  readonly functionHint?: string
}

/** @internal What the failed walk knew. */
export interface CheckContext extends StateContext {
  /** A digest wants a name on every frozen table. */
  readonly digesting?: boolean
}

/**
 * Throws, with the path, for the first thing reachable from `root` that breaks the rules of state, also for those
 * that cloneGraph and digestGraph are too fast to see: accessors, symbol keys, non-enumerable fields, private names,
 * named fields of arrays, mutable things (but for typed arrays) below frozen ones, frozen tables of functions without a name, overlapping
 * views of one buffer, a `shallowCopy` that forgets a field.
 */
export const assertState = (root: unknown, context: StateContext = {}): void => {
  const problem = new Checker(context, true).check(root)
  if (problem !== undefined) throw new Error(problem)
}

/** @internal The sentence for a walk that met something it cannot take. */
export const explainRefusal = (root: unknown, context: CheckContext): string =>
  new Checker(context, false).check(root) ?? 'a cloneState or digestState hook passed on what is not state'

const HINTS: Readonly<Record<string, string>> = {
  Generator: 'keep its journal instead',
  DataView: 'keep a Uint8Array',
}

class Checker {
  readonly context: CheckContext
  readonly strict: boolean
  readonly plans: Plans = new Map()
  // Parallel arrays, one row per object met: where it hangs, under which label, and whether below a frozen one.
  readonly objects: object[] = []
  readonly parents: number[] = []
  readonly labels: string[] = []
  readonly belowFrozen: boolean[] = []
  readonly rows: Map<object, number> = new Map()
  readonly views: Map<object, ArrayBufferView[]> = new Map()
  problem: string | undefined = undefined

  constructor(context: CheckContext, strict: boolean) {
    this.context = context
    this.strict = strict
  }

  check(root: unknown): string | undefined {
    this.see(root, -1, '', false)
    for (let row = 0; row < this.objects.length && this.problem === undefined; row++) this.visit(row)
    return this.problem
  }

  report(what: string, row: number, label: string, hint: string): void {
    this.problem ??= `${what} in state at ${this.path(row, label)}: ${hint}`
  }

  path(row: number, label: string): string {
    const labels = [label]
    for (let r = row; r >= 0; r = this.parents[r] ?? -1) labels.push(this.labels[r] ?? '')
    const text = labels.reverse().join('')
    if (text === '') return 'the root'
    return text.startsWith('.') ? text.slice(1) : text
  }

  /** A value hanging below row `parent` under `label`. */
  see(value: unknown, parent: number, label: string, belowFrozen: boolean): void {
    if (typeof value === 'function') {
      this.report('function', parent, label, this.context.functionHint ?? 'use a frozen table with a name')
    } else if (typeof value === 'symbol') {
      this.report('symbol', parent, label, 'use a string or a number')
    }
    if (!isObject(value) || this.context.wiring?.has(value) === true || this.rows.has(value)) return
    this.rows.set(value, this.objects.length)
    this.objects.push(value)
    this.parents.push(parent)
    this.labels.push(label)
    this.belowFrozen.push(belowFrozen)
  }

  visit(row: number): void {
    const o = this.objects[row]
    if (o === undefined) return
    const plan = planFor(this.plans, o)
    if (plan.kind === REFUSED) {
      this.report(plan.refusal, row, '', HINTS[plan.refusal] ?? 'keep plain data')
      return
    }
    const isFrozen = (plan.kind === FIELDS || plan.kind === ARRAY) && Object.isFrozen(o)
    const isShared = isFrozen || this.belowFrozen[row] === true
    // Bytes cannot be frozen: below a frozen object (a journal's entry) they count as never written again.
    const isConstant = isFrozen || plan.kind === VIEW
    if (this.strict && this.belowFrozen[row] === true && !isConstant) {
      this.report(
        `mutable ${plan.name}`,
        row,
        '',
        'clones share what hangs below a frozen object, freeze it too',
      )
      return
    }
    // Shared things are not walked by a clone; a digest walks them unless they are tables.
    if (isFrozen && !this.strict && this.context.digesting !== true) return
    if (isFrozen && isOpTable(o)) {
      this.visitTable(o, row)
      return
    }
    this.visitContents(o, row, plan, isShared)
  }

  visitContents(o: object, row: number, plan: Plan, isShared: boolean): void {
    switch (plan.kind) {
      case ARRAY:
        if (this.strict) this.checkArray(arrayOf(o), row)
        arrayOf(o).forEach((value, i) => {
          this.see(value, row, `[${i}]`, isShared)
        })
        return
      case MAP: {
        let i = 0
        for (const [key, value] of mapOf(o)) {
          this.see(key, row, `.keys()[${i++}]`, isShared)
          this.see(value, row, `.get(${keyText(key)})`, isShared)
        }
        return
      }
      case SET: {
        let i = 0
        for (const value of setOf(o)) this.see(value, row, `.values()[${i++}]`, isShared)
        return
      }
      case VIEW:
        if (this.strict && ArrayBuffer.isView(o)) this.checkOverlap(o, row)
        return
      case BUFFER:
      case REFUSED:
        return
      case FIELDS:
        if (this.strict) this.checkInstance(o, row, plan)
        if (this.problem !== undefined) return
        for (const [name, value] of Object.entries(fieldsOf(o))) {
          if (!plan.transient.includes(name)) this.see(value, row, fieldLabel(name), isShared)
        }
    }
  }

  /** A frozen table of functions needs a name; its other members must be constants. */
  visitTable(o: object, row: number): void {
    if (typeof fieldsOf(o)['name'] !== 'string') {
      this.report('frozen table without a name', row, '', 'give it a `name` to be digested by')
      return
    }
    if (!this.strict) return
    for (const [name, value] of Object.entries(fieldsOf(o))) {
      if (typeof value !== 'function') this.see(value, row, fieldLabel(name), true)
    }
  }

  checkInstance(o: object, row: number, plan: Plan): void {
    if (Object.getOwnPropertySymbols(o).length > 0) {
      this.report('symbol key', row, '', 'name the field with a string')
    }
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(o))) {
      const label = fieldLabel(name)
      if (plan.transient.includes(name)) continue
      if (descriptor.get !== undefined || descriptor.set !== undefined) {
        this.report('accessor', row, label, 'make it a method of the class')
      } else if (!descriptor.enumerable) {
        this.report('non-enumerable field', row, label, 'state is enumerable fields only')
      }
    }
    if (this.problem !== undefined) return
    if (usesPrivateNames(plan.proto)) {
      this.report(
        `class ${plan.name} with private names`,
        row,
        '',
        'a clone cannot reach those, use plain fields',
      )
    }
    this.checkShallowCopy(o, row, plan)
  }

  checkShallowCopy(o: object, row: number, plan: Plan): void {
    if (plan.shallowCopy === undefined || Object.isFrozen(o)) return
    const copy = fieldsOf(plan.shallowCopy(o))
    const hint = `the shallowCopy of class ${plan.name} must assign every field as it is, in the same order`
    if (Object.getPrototypeOf(copy) !== plan.proto || Object.keys(copy).join() !== Object.keys(o).join()) {
      this.report('fields that differ from their shallow copy', row, '', hint)
    }
    for (const [name, value] of Object.entries(fieldsOf(o))) {
      if (!plan.transient.includes(name) && !Object.is(copy[name], value)) {
        this.report('forgotten field', row, fieldLabel(name), hint)
      }
    }
  }

  checkArray(array: readonly unknown[], row: number): void {
    for (const name of Object.keys(array)) {
      if (!/^\d+$/.test(name)) this.report('named field of an array', row, fieldLabel(name), 'use an object')
    }
  }

  checkOverlap(view: ArrayBufferView, row: number): void {
    const others = this.views.get(view.buffer) ?? []
    this.views.set(view.buffer, [...others, view])
    for (const other of others) {
      const start = Math.max(view.byteOffset, other.byteOffset)
      const end = Math.min(view.byteOffset + view.byteLength, other.byteOffset + other.byteLength)
      if (start < end) {
        const where = this.path(this.rows.get(other) ?? -1, '')
        this.report('view', row, '', `it shares bytes with ${where}, and clones would part them`)
      }
    }
  }
}

const fieldLabel = (name: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`

const keyText = (key: unknown): string => {
  if (typeof key === 'string') return JSON.stringify(key)
  return isObject(key) ? '{...}' : String(key)
}

/** Private names cannot be asked for, but the source of a class that has them mentions one after `this.`. */
const usesPrivateNames = (proto: object | null): boolean => {
  for (let p = proto; p !== null && p !== Object.prototype; p = Object.getPrototypeOf(p)) {
    if (/\bthis\.\x23[A-Za-z_$]/.test(Function.prototype.toString.call(p.constructor))) return true
  }
  return false
}
