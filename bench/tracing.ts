/**
 * What the tracing costs that nobody listens to: the null syscall of the library as published, beside the same
 * library built without the tests of trace flags (run.ts makes that build).
 */

import type { createKernel as CreateKernel } from 'paleokernel'
import { compare, type Figure, type Timed } from './measure.js'
import type { Plan } from './plan.js'

/** A null syscall in a loop of its own, so that the two builds share nothing. */
function nullSyscallCase(createKernel: typeof CreateKernel): Timed {
  const { sys } = createKernel().spawn()
  const parent = sys.getppid()
  const loop = new Function(
    'sys',
    'parent',
    'count',
    'let right = 0; for (let i = 0; i < count; i++) if (sys.getppid() === parent) right++; return right',
  ) as (calls: unknown, expected: unknown, count: number) => number
  return { kind: 'timed', run: (count) => loop(sys, parent, count) }
}

/** Nanoseconds per null syscall, with tracing idle and with none. */
export function idleTracing(
  traced: typeof CreateKernel,
  untraced: typeof CreateKernel,
  plan: Plan,
): { readonly idle: Figure; readonly none: Figure } {
  const figures = compare(
    new Map([
      ['idle', nullSyscallCase(traced)],
      ['none', nullSyscallCase(untraced)],
    ]),
    { ...plan, rounds: plan.rounds * 4 },
  )
  return { idle: figures.get('idle') as Figure, none: figures.get('none') as Figure }
}
