/**
 * Fault injection: places where memory, a copy, a timer or a device can be made to fail, one by one.
 *
 * A place that can fail in Linux asks before it acts:
 *
 *   if (shouldFail(k, 'alloc:file')) return ENFILE
 *
 * Nobody asks while no experiment is under way: `k.injection` is null, and that is all that is looked at. An experiment
 * goes through `k.faults`: `record()` counts the points that a run passes, `failAt(n)` lets the n-th one fail,
 * `failWhen(…)` those that a function picks. A run is deterministic, so the n-th point of one run is the n-th of
 * the next; see programs/fail_each.ts.
 *
 * Modules ask in the same way, under names of their own ('io:hda read'); nothing is registered. Where a failure
 * comes in the order of effects is the site's business and is as in Linux: what has happened before stays.
 *
 * Linux: should_fail, lib/fault-inject.c (2.6.20), which came later than the kernels modelled here.
 * The plan is wiring, no part of a kernel's state: a copy of the kernel starts without one.
 */

/** alloc: memory is not given; copy: a program's memory is not there; timer: an interrupt is lost; io: a device fails. */
export type FaultKind = 'alloc' | 'copy' | 'timer' | 'io'

/** A kind and a name: 'alloc:inode'. Many places may share one. */
export type FaultName = `${FaultKind}:${string}`

/** A place that a run has passed. */
export interface FaultPoint {
  /** Counts the points of a run, from 1. */
  readonly n: number
  /** What would have failed: 'alloc:inode'. */
  readonly name: FaultName
}

/** What should_fail looks at. */
export interface Injectable {
  /** The experiment under way, or null. */
  injection: Faults | null
  /** Looks at `injection` again. */
  checkWatchers(): void
}

/** Does the experiment want this to fail? Counts the point. Linux: should_fail. */
export const shouldFail = (k: Injectable, name: FaultName): boolean => k.injection?.pass(name) ?? false

type Wanted = (point: FaultPoint) => boolean

const nothing: Wanted = () => false

/** The faults of one kernel: `k.faults`. */
export class Faults {
  /** Points passed since the experiment began. */
  count = 0
  /** The points passed, while `record` is on. */
  readonly points: FaultPoint[] = []
  /** The points that have failed. */
  readonly failed: FaultPoint[] = []
  private readonly k: Injectable
  private wanted: Wanted = nothing
  private keeps = false

  /** @internal Made by the kernel. */
  constructor(k: Injectable) {
    this.k = k
  }

  /** Counts and lists the points that are passed from now on; none fails. */
  record(): void {
    this.begin(nothing, true)
  }

  /** Lets the n-th point from now on fail, once. Throws a RangeError where `n` is no number from 1 on. */
  failAt(n: number): void {
    if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`failAt(${n}): a number from 1 on is wanted`)
    this.begin((point) => point.n === n, false)
  }

  /** Lets every point fail for which `wanted` says true. */
  failWhen(wanted: (point: FaultPoint) => boolean): void {
    this.begin(wanted, false)
  }

  /** Ends the experiment; `count`, `points` and `failed` stay to be read. */
  off(): void {
    this.k.injection = null
    this.k.checkWatchers()
  }

  /** @internal Passes a point: true when it fails. */
  pass(name: FaultName): boolean {
    const point: FaultPoint = { n: ++this.count, name }
    if (this.keeps) this.points.push(point)
    if (!this.wanted(point)) return false
    this.failed.push(point)
    return true
  }

  private begin(wanted: Wanted, keeps: boolean): void {
    this.count = 0
    this.points.length = 0
    this.failed.length = 0
    this.wanted = wanted
    this.keeps = keeps
    this.k.injection = this
    this.k.checkWatchers()
  }
}
