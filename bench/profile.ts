/**
 * A processor profile of V8's as a list of functions.
 */

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** The functions that took most of the time themselves: share, function, file and line. */
export function hottest(json: string, count = 25): string {
  const { nodes, samples, timeDeltas } = JSON.parse(json) as CpuProfile
  const names = new Map<number, string>()
  for (const { id, callFrame } of nodes) {
    const { functionName, url, lineNumber } = callFrame
    const file = url.replace(/^.*\//, '')
    names.set(id, `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`)
  }
  const times = new Map<string, number>()
  let total = 0
  samples.forEach((id, i) => {
    const name = names.get(id) ?? '?'
    const delta = timeDeltas[i] ?? 0
    times.set(name, (times.get(name) ?? 0) + delta)
    total += delta
  })
  return [...times]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, time]) => `${((time / total) * 100).toFixed(1).padStart(5)} %  ${name}`)
    .join('\n')
}
