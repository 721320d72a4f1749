/**
 * What the tracing costs that nobody listens to: the null syscall of the library as published, beside the same
 * library built without the tests of trace flags (run.ts makes that build). Both are loaded afresh and have run the
 * same calls, so that the compiler knows as much of the one as of the other.
 */

import { type createKernel as CreateKernel, O_CREAT, O_RDWR } from 'paleokernel'
import { compare, type Figure, quantile, type Timed } from './measure.js'
import type { Plan } from './plan.js'

/** Calls of many kinds, so that the way into the kernel is compiled for all of them. */
function exercise(createKernel: typeof CreateKernel, times: number): void {
  const { sys } = createKernel().spawn()
  const buffer = new Uint8Array(16)
  for (let i = 0; i < times; i++) {
    const fd = Number(sys.open('/tmp/file', O_CREAT | O_RDWR, 0o600))
    sys.write(fd, buffer)
    sys.lseek(fd, 0, 0)
    sys.read(fd, buffer)
    sys.fstat(fd)
    sys.close(fd)
    sys.stat('/tmp/none')
    sys.access('/tmp/file', 4)
    sys.umask(0o22)
    sys.getpid()
    sys.unlink('/tmp/file')
  }
}

/** A null syscall in a loop of its own: the two builds share no compiled code. */
function nullSyscallCase(createKernel: typeof CreateKernel, plan: Plan): Timed {
  exercise(createKernel, plan.rounds * 500)
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

/** Nanoseconds per null syscall, with tracing idle and with none, and the median of what rounds say is the share. */
export function idleTracing(
  traced: typeof CreateKernel,
  untraced: typeof CreateKernel,
  plan: Plan,
): { readonly idle: Figure; readonly none: Figure; readonly share: number } {
  const figures = compare(
    new Map([
      ['idle', nullSyscallCase(traced, plan)],
      ['none', nullSyscallCase(untraced, plan)],
    ]),
    { ...plan, rounds: plan.rounds * 4 },
  )
  const idle = figures.get('idle') as Figure
  const none = figures.get('none') as Figure
  // Rounds are compared in pairs: what disturbs the machine disturbs both.
  const shares = idle.samples.map((value, round) => value / (none.samples[round] ?? Number.NaN) - 1)
  return { idle, none, share: quantile(shares, 0.5) }
}
