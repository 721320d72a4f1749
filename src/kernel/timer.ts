/**
 * Timers on virtual time, as data: a handler's name and its argument, so that pending timers can be copied.
 *
 * Linux: struct timer_list (kernel/timer.c). A binary heap by (expiry, order of setting): setting, cancelling and
 * finding the next cost O(log n).
 */

/** A pending timer. `at` is milliseconds since boot. */
export class Timer {
  /** Milliseconds since boot. */
  at: number
  /** @internal Order of setting. */
  seq: number
  /** Key of a handler in the kernel's timer handlers. */
  handler: string
  /** What the handler gets: plain data. */
  data: unknown
  /** @internal Its place in the heap; -1 when not pending. */
  index = -1

  constructor(at: number, seq: number, handler: string, data: unknown) {
    this.at = at
    this.seq = seq
    this.handler = handler
    this.data = data
  }
}

const before = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.seq < b.seq)

export class TimerHeap {
  heap: Timer[] = []
  nextSeq = 0

  /** Arms a timer. Linux: add_timer. */
  add(at: number, handler: string, data: unknown): Timer {
    const timer = new Timer(at, this.nextSeq++, handler, data)
    this.insert(timer)
    return timer
  }

  /** Arms a timer that is not pending again, for another moment. Linux: mod_timer. */
  rearm(timer: Timer, at: number): void {
    timer.at = at
    timer.seq = this.nextSeq++
    this.insert(timer)
  }

  /** Disarms a timer; no-op when it is not pending. Linux: del_timer. */
  remove(timer: Timer): void {
    const at = timer.index
    if (at < 0) return
    timer.index = -1
    const last = this.heap.pop()
    if (last === undefined || last === timer) return
    last.index = at
    this.heap[at] = last
    this.up(last)
    this.down(last)
  }

  /** The next to fire, or undefined. */
  first(): Timer | undefined {
    return this.heap[0]
  }

  private insert(timer: Timer): void {
    timer.index = this.heap.length
    this.heap.push(timer)
    this.up(timer)
  }

  private up(timer: Timer): void {
    const heap = this.heap
    let at = timer.index
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]
      if (parent === undefined || !before(timer, parent)) break
      heap[at] = parent
      parent.index = at
      at = parentAt
    }
    heap[at] = timer
    timer.index = at
  }

  private down(timer: Timer): void {
    const heap = this.heap
    let at = timer.index
    for (;;) {
      let childAt = 2 * at + 1
      let child = heap[childAt]
      const right = heap[childAt + 1]
      if (child === undefined) break
      if (right !== undefined && before(right, child)) {
        child = right
        childAt++
      }
      if (!before(child, timer)) break
      heap[at] = child
      child.index = at
      at = childAt
    }
    heap[at] = timer
    timer.index = at
  }
}
