/** What a failed expectation tells: who refused, why, who sleeps for what, and what happened last. */

import { errnoMessage, errnoName, isErr } from '../abi/errno.js'
import { signalName } from '../abi/signal.js'
import type { Begun } from '../programs/begun.js'
import { sleepersAmong } from '../programs/errors.js'
import type { HostKernel } from '../programs/host.js'
import type { Process } from '../programs/process.js'
import { whyOf } from '../programs/why.js'
import { traceTail } from '../scenario/tail.js'
import type { Why } from '../sim/why.js'

/** The kernel of a process. */
export const kernelOf = (process: Process): HostKernel => process.host as HostKernel

/** `open of pid 5 (www)`. */
export const nameOf = ({ syscall, process }: Begun): string =>
  `${syscall} of pid ${process.pid} (${process.comm})`

/** The module or, where it is none's, the check of the core that a reason comes from. */
export function refuserOf(why: Why): string {
  if ('module' in why && why.module !== undefined) return why.module
  return why.check
}

/** What became of a call: `returned 3`, `was denied with EACCES (Permission denied)`, `sleeps, waiting for …`. */
export function outcomeOf(call: Begun): string {
  const { process, result } = call
  if (call.died) {
    const signal = process.killedBy
    return signal === undefined
      ? 'never returned: its process has ended in it'
      : `was ended by ${signalName(signal)}`
  }
  if (call.blocked) {
    const [sleeper] = sleepersAmong([process.current()])
    return `sleeps, waiting for ${sleeper?.queue ?? 'somebody'}`
  }
  if (isErr(result)) return `was denied with ${errnoName(result)} (${errnoMessage(result)})`
  return `returned ${typeof result === 'object' ? JSON.stringify(result) : String(result)}`
}

/** Who refused a call and why, as lines; none where nobody did. */
export function refusalLines(call: Begun): string[] {
  const { why } = call
  if (why === undefined)
    return isErr(call.result) && !call.blocked
      ? ['nobody refused it: the error says that there is no such thing, or none that this process can see']
      : []
  if (why.check === 'kill') return [`why: ${why.sentence}`]
  return [`refused by: ${refuserOf(why)}`, `why: ${why.sentence}`]
}

/** What killed a process, as lines; none for one that lives. */
export function deathLines(process: Process): string[] {
  const why = whyOf(kernelOf(process), process)
  return why?.check === 'kill' ? [`why: ${why.sentence}`] : []
}

/** The last lines of the trace, or how to have them. */
export function tailLines(process: Process): string[] {
  const tail = traceTail(kernelOf(process))
  if (tail === undefined) return ['(no trace was kept: call keepTraceTail(kernel) before, or use scenario())']
  if (tail.length === 0) return ['(nothing has been traced yet)']
  return ['last in the trace:', ...tail.map((line) => `  ${line}`)]
}
