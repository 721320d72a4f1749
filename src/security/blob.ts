/**
 * Security modules' private data on tasks, inodes, files and superblocks: one slot per module.
 *
 * Linux: the `security` pointers of 2.6.14, shared out by slots as lbs_task and friends do today. The slots are
 * ordinary state: copied by fork of the kernel and covered by its digest (a WeakMap would be neither).
 */

/** Anything with slots. */
export interface Labelled {
  /** One value per module, by slot; null until the first. */
  security: unknown[] | null
}

/** Typed access to one module's slot. */
export interface Blob<T> {
  /** What the module has put there; undefined if nothing. */
  get(object: Labelled): T | undefined
  /** Puts something there: plain data. */
  set(object: Labelled, value: T): void
}

/** The accessor for slot number `slot`, which the kernel gives each module in order. */
export function blob<T>(slot: number): Blob<T> {
  return {
    get: (object) => object.security?.[slot] as T | undefined,
    set: (object, value) => {
      if (object.security === null) object.security = []
      object.security[slot] = value
    },
  }
}
