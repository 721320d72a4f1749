/** The recount of a world's own books: whose turn it is, and what is on the wires. */

import type { Due, DueHeap } from '../lib/due_heap.js'
import type { HostKernel } from '../programs/host.js'
import type { WorldState } from './state.js'
import type { Lane } from './wire.js'

function checkHeap(problems: string[], what: string, { heap }: DueHeap<Due>): void {
  for (const [at, item] of heap.entries()) {
    if (item.index !== at) problems.push(`${what}: the entry at ${at} says that it is at ${item.index}`)
    const parent = heap[(at - 1) >> 1]
    if (parent === undefined || at === 0) continue
    if (parent.at > item.at || (parent.at === item.at && parent.seq > item.seq))
      problems.push(`${what}: the entry at ${at} is due before its parent`)
  }
}

/** What disagrees, as sentences. */
export function auditWorld(state: WorldState, kernels: readonly HostKernel[]): string[] {
  const problems: string[] = []
  checkHeap(problems, 'the agenda', state.agenda)
  checkHeap(problems, 'the air', state.air)
  if (state.agenda.heap.length !== kernels.length || state.members.length !== kernels.length)
    problems.push(`${kernels.length} kernels, ${state.agenda.heap.length} of them in the agenda`)
  for (const [number, kernel] of kernels.entries())
    if (kernel.state.now > state.now) problems.push(`kernel ${number} is ahead of the world`)
  const inFlight = new Map<Lane, number>()
  for (const { at, lane } of state.air.heap) {
    inFlight.set(lane, (inFlight.get(lane) ?? 0) + 1)
    if (at < state.now) problems.push(`a frame should have arrived at ${at}`)
  }
  for (const wire of state.wires) {
    for (const [number, lane] of wire.lanes.entries()) {
      const { counters } = lane
      const what = `${wire.isHub ? 'hub' : 'link'} ${wire.id}, lane ${number}`
      const found = inFlight.get(lane) ?? 0
      if (counters.inFlight !== found)
        problems.push(`${what}: ${counters.inFlight} in flight, ${found} found`)
      if (wire.isHub) continue
      const { delivered, lost, dropped, tooLong, cut } = counters
      const ends = delivered + lost + dropped + tooLong + cut + found
      if (counters.frames + counters.duplicated !== ends)
        problems.push(
          `${what}: of ${counters.frames} frames and ${counters.duplicated} copies ${ends} are known`,
        )
    }
  }
  return problems
}
