/**
 * The names in a directory: a hash table of dentries. Linux: the dentry hash of fs/dcache.c, one per directory here.
 *
 * Open addressing with linear probing. Hashes are kept beside the entries, so neither growing nor passing over an
 * entry looks at it: with many files a look at each is a cache miss. A removed entry leaves nothing behind; making and
 * removing names in a large directory never makes the table anew. It shrinks only by becoming empty.
 *
 * The order of a walk means nothing; a directory's list of nodes has the order that readdir tells.
 */

import { fnv1a32Text } from '../lib/fnv.js'
import type { Cloner } from '../lib/graph.js'
import type { StateHasher } from '../lib/graph_digest.js'
import type { Dentry } from './dentry.js'

/** Places at first; a power of two, as all sizes. */
const SMALLEST = 4

/** Never 0, which marks an empty place. */
function hashOf(name: string): number {
  const hash = fnv1a32Text(name)
  return (hash ^ (hash >>> 15)) | 0 || 1
}

/** Dentries by name. */
export class NameTable {
  /** Names. */
  size = 0
  private hashes = new Int32Array(SMALLEST)
  private places: (Dentry | null)[] = new Array<Dentry | null>(SMALLEST).fill(null)

  /** The dentry of a name. */
  get(name: string): Dentry | undefined {
    const at = this.find(name, hashOf(name))
    return at < 0 ? undefined : (this.places[at] ?? undefined)
  }

  /** Enters a dentry under its name. Preconditions: the name is not there. */
  add(dentry: Dentry): void {
    if ((this.size + 1) * 4 > this.places.length * 3) this.grow()
    this.place(hashOf(dentry.name), dentry)
    this.size++
  }

  /** Removes a name, if it is there. */
  delete(name: string): void {
    const { hashes, places } = this
    let hole = this.find(name, hashOf(name))
    if (hole < 0) return
    this.size--
    const mask = places.length - 1
    // Entries behind the hole move up, if the hole is between where they belong and where they are.
    for (let at = (hole + 1) & mask; hashes[at] !== 0; at = (at + 1) & mask) {
      const home = (hashes[at] as number) & mask
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      hashes[hole] = hashes[at] as number
      places[hole] = places[at] as Dentry | null
      hole = at
    }
    hashes[hole] = 0
    places[hole] = null
  }

  /** All dentries, in no particular order. */
  *values(): Generator<Dentry> {
    for (const dentry of this.places) if (dentry !== null) yield dentry
  }

  /** @internal For forks of the kernel; see lib/graph.ts. */
  static shallowCopy(from: NameTable): NameTable {
    const copy = new NameTable()
    copy.size = from.size
    copy.hashes = from.hashes
    copy.places = from.places
    return copy
  }

  /** @internal */
  fillState(cloner: Cloner): void {
    const places = this.places.slice()
    for (let at = 0; at < places.length; at++) {
      const dentry = places[at]
      if (dentry != null) places[at] = cloner.copy(dentry)
    }
    this.hashes = this.hashes.slice()
    this.places = places
  }

  /** The directory's list of nodes says all there is to say. */
  digestState(hasher: StateHasher): void {
    hasher.value(this.size)
  }

  /** Where a name is; negative when it is not there. */
  private find(name: string, hash: number): number {
    const { hashes, places } = this
    const mask = places.length - 1
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const there = hashes[at]
      if (there === hash && places[at]?.name === name) return at
      if (there === 0) return -1
    }
  }

  private place(hash: number, dentry: Dentry): void {
    const { hashes, places } = this
    const mask = places.length - 1
    let at = hash & mask
    while (hashes[at] !== 0) at = (at + 1) & mask
    hashes[at] = hash
    places[at] = dentry
  }

  private grow(): void {
    const { hashes, places } = this
    this.hashes = new Int32Array(places.length * 2)
    this.places = new Array<Dentry | null>(places.length * 2).fill(null)
    for (let at = 0; at < places.length; at++) {
      const dentry = places[at]
      if (dentry != null) this.place(hashes[at] as number, dentry)
    }
  }
}
