/**
 * Fail each: a scenario is run once to count the points at which memory, a copy, a timer or a device could have
 * failed, then once for every one of them with that one failing, each time on a fresh kernel. After every run the
 * kernel's books must balance: what has failed has been undone, or has stayed done as it does in Linux.
 *
 * A scenario decides for itself what it does about errors; one that throws is as good as one that returns. It must
 * repeat itself: a kernel of its own, nothing from outside.
 */

import { KernelBug } from '../kernel/bug.js'
import { brokenInvariants } from '../kernel/invariants.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { FaultPoint } from '../sim/faults.js'
import { StracePrinter } from '../sim/strace.js'
import type { KernelMembers } from './kernel_type.js'

/** Any kernel, whatever its modules. */
export type AnyKernel = Pick<KernelMembers<never>, 'digest' | 'faults' | 'trace'>

/** What is run: on a kernel that `boot` makes (default: `createKernel()`), whose making does not count. */
export interface FailScenario<K extends AnyKernel> {
  /** Makes a fresh kernel, the same every time. */
  readonly boot?: () => K
  /** Uses it. What it returns or throws is kept. */
  readonly run: (k: K) => unknown
}

/** What `failEach` looks at. */
export interface FailEachOptions<K extends AnyKernel = AnyKernel> {
  /** Which points to fail. Default all. */
  readonly only?: (point: FaultPoint) => boolean
  /** Asked after every run besides the books: what else is wrong, as sentences. */
  readonly check?: (k: K) => readonly string[]
  /** Lines of trace to keep of a run that breaks something. Default 20. */
  readonly tail?: number
}

/** One run with one point failing. */
export interface FaultRun {
  /** What failed. */
  readonly point: FaultPoint
  /** What the scenario returned. */
  readonly result: unknown
  /** What it threw, or undefined. */
  readonly threw: unknown
  /** What is wrong afterwards. */
  readonly problems: readonly string[]
  /** How the run ended, as strace would show it, where something is wrong. */
  readonly trace: readonly string[]
}

/** What came of all runs. */
export interface FailEachResult {
  /** The points that the scenario passes. */
  readonly points: readonly FaultPoint[]
  /** One run per point that was failed. */
  readonly runs: readonly FaultRun[]
  /** Those after which something was wrong. */
  readonly broken: readonly FaultRun[]
  /** What is wrong as one text, empty when nothing is. */
  readonly report: string
}

const TAIL = 20

interface Outcome {
  readonly result: unknown
  readonly threw: unknown
  readonly problems: readonly string[]
}

/** Carries a scenario out: makes its one kernel, hands it to `plan`, and goes on. */
export type Drive<K extends AnyKernel> = (plan: (k: K) => void) => unknown

/** Everything that the runs of one scenario share. */
class Experiment<K extends AnyKernel> {
  private readonly drive: Drive<K>
  private readonly options: FailEachOptions<K>

  constructor(drive: Drive<K>, options: FailEachOptions<K>) {
    this.drive = drive
    this.options = options
  }

  /** The points of a run in which none fails. */
  count(): readonly FaultPoint[] {
    const { k, threw, problems } = this.run(({ faults }) => faults.record())
    if (k === null) throw new Error(`failEach: the scenario has made no kernel: ${String(threw)}`)
    if (problems.length > 0)
      throw new Error(`failEach: the scenario goes wrong without a fault: ${problems.join('; ')}`)
    return k.faults.points.slice()
  }

  /** One run with one point failing. */
  fail(point: FaultPoint): FaultRun {
    const { k, result, threw, problems } = this.run(({ faults }) => faults.failAt(point.n))
    const failed = k?.faults.failed[0]
    if (failed?.name !== point.name) {
      throw new Error(
        `failEach: the scenario does not repeat itself: point ${point.n} was ${point.name}, now ${failed?.name ?? 'none'}`,
      )
    }
    return { point, result, threw, problems, trace: problems.length === 0 ? [] : this.traceOf(point) }
  }

  /** The run again, and how it ends. */
  private traceOf(point: FaultPoint): readonly string[] {
    const { tail = TAIL } = this.options
    const lines: string[] = []
    const printer = new StracePrinter((line) => {
      lines.push(line)
      if (lines.length > tail) lines.shift()
    })
    this.run((k) => {
      printer.attach(k.trace)
      k.faults.failAt(point.n)
    })
    printer.end()
    return lines
  }

  private run(plan: (k: K) => void): Outcome & { readonly k: K | null } {
    let k: K | null = null
    let kernels = 0
    let result: unknown
    let threw: unknown
    try {
      result = this.drive((made) => {
        if (++kernels > 1) return
        k = made
        plan(made)
      })
    } catch (error) {
      threw = error
    }
    if (kernels > 1) throw new TypeError(`failEach: a scenario makes one kernel, not ${kernels}`)
    return { k, result, threw, problems: k === null ? [] : this.problemsOf(k, threw) }
  }

  private problemsOf(k: K, threw: unknown): readonly string[] {
    k.faults.off()
    const problems = brokenInvariants(k as unknown as KernelCore)
    if (threw instanceof KernelBug) problems.push(String(threw))
    return [...problems, ...(this.options.check?.(k) ?? [])]
  }
}

/** One broken run as text. */
function describe({ point, threw, problems, trace }: FaultRun): string {
  const end = threw === undefined ? 'returned' : `threw ${String(threw)}`
  const lines = [`with point ${point.n} (${point.name}) failing, the scenario ${end}:`]
  for (const problem of problems) lines.push(`  ${problem}`)
  for (const line of trace) lines.push(`    ${line}`)
  return lines.join('\n')
}

/** @internal `failEach` for a way to make kernels; see create.ts. */
export function failEachPoint<K extends AnyKernel>(
  drive: Drive<K>,
  options: FailEachOptions<K>,
): FailEachResult {
  const experiment = new Experiment(drive, options)
  const points = experiment.count()
  const wanted = options.only === undefined ? points : points.filter(options.only)
  const runs = wanted.map((point) => experiment.fail(point))
  const broken = runs.filter(({ problems }) => problems.length > 0)
  return { points, runs, broken, report: broken.map(describe).join('\n') }
}
