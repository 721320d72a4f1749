/**
 * A binary heap of things that are due, by (moment, order): adding, removing and finding the next cost O(log n).
 */

/** Something that is due at some time. */
export interface Due {
  /** When. */
  at: number
  /** The lower first where two are due at once. */
  seq: number
  /** Its place in the heap; -1 when it is in none. */
  index: number
}

const before = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.seq < b.seq)

export class DueHeap<T extends Due> {
  heap: T[] = []

  /** The next, or undefined. */
  first(): T | undefined {
    return this.heap[0]
  }

  /** Adds what is in no heap. */
  insert(item: T): void {
    item.index = this.heap.length
    this.heap.push(item)
    this.up(item)
  }

  /** Takes an item out; no-op when it is not in. */
  remove(item: T): void {
    const at = item.index
    if (at < 0) return
    item.index = -1
    const last = this.heap.pop()
    if (last === undefined || last === item) return
    last.index = at
    this.heap[at] = last
    this.up(last)
    this.down(last)
  }

  /** Puts an item that is in, and has another moment or order now, where it belongs. */
  moved(item: T): void {
    this.up(item)
    this.down(item)
  }

  private up(item: T): void {
    const heap = this.heap
    let at = item.index
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]
      if (parent === undefined || !before(item, parent)) break
      heap[at] = parent
      parent.index = at
      at = parentAt
    }
    heap[at] = item
    item.index = at
  }

  private down(item: T): void {
    const heap = this.heap
    let at = item.index
    for (;;) {
      let childAt = 2 * at + 1
      let child = heap[childAt]
      const right = heap[childAt + 1]
      if (child === undefined) break
      if (right !== undefined && before(right, child)) {
        child = right
        childAt++
      }
      if (!before(child, item)) break
      heap[at] = child
      child.index = at
      at = childAt
    }
    heap[at] = item
    item.index = at
  }
}
