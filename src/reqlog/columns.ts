/** @internal Cuts a run into columns. */
export class Columns {
  readonly count: number
  readonly fromMs: number
  readonly toMs: number
  readonly columnMs: number

  constructor(count: number, fromMs: number, toMs: number) {
    this.count = count
    this.fromMs = fromMs
    this.toMs = toMs
    // A run without length is one millisecond long, so that its columns have a width.
    this.columnMs = (toMs === fromMs ? 1 : toMs - fromMs) / count
  }

  /** The column of a moment; the last moment is in the last column. -1: outside. */
  at(ms: number): number {
    if (ms < this.fromMs || ms > this.toMs) return -1
    return Math.min(Math.floor((ms - this.fromMs) / this.columnMs), this.count - 1)
  }
}
