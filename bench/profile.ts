/**
 * Where the processor time of a row goes: V8's sampling profiler, switched on for the batches alone.
 */

import { Session } from 'node:inspector'
import { collectGarbage, type Timed, warmUp } from './measure.js'
import type { Plan } from './plan.js'

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Microseconds between two samples. */
const INTERVAL = 100

/**
 * Samples one row for so many milliseconds and lists the functions by their own time. What a row does before and
 * after its batches is in the samples too.
 */
export function profileOf(timed: Timed, plan: Plan, milliseconds: number): string {
  const count = warmUp(timed, plan)
  const times = new Map<string, number>()
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.setSamplingInterval', { interval: INTERVAL })
  collectGarbage()
  session.post('Profiler.start')
  const start = performance.now()
  while (performance.now() - start < milliseconds) {
    timed.before?.(count)
    timed.run(count)
    timed.after?.(count)
  }
  session.post('Profiler.stop', (error, result) => {
    if (error !== null) throw error
    addTimes(result.profile as CpuProfile, times)
  })
  session.disconnect()
  return hottest(times, 15)
}

/** Adds the time that each function took itself. */
function addTimes({ nodes, samples, timeDeltas }: CpuProfile, times: Map<string, number>): void {
  const names = new Map<number, string>()
  for (const { id, callFrame } of nodes) {
    const { functionName, url, lineNumber } = callFrame
    const file = url.replace(/^.*\//, '')
    names.set(id, `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`)
  }
  samples.forEach((id, i) => {
    const name = names.get(id) ?? '?'
    if (!/^(\((root|program|idle)\)|dispatch)$/.test(name))
      times.set(name, (times.get(name) ?? 0) + (timeDeltas[i] ?? 0))
  })
}

/** The longest times first: share, function, file and line. */
function hottest(times: ReadonlyMap<string, number>, count: number): string {
  const total = [...times.values()].reduce((sum, time) => sum + time, 0)
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, time]) => `${((time / total) * 100).toFixed(1).padStart(5)} %  ${name}`)
    .join('\n')
}
