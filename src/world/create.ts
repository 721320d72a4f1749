/** createWorld: several kernels on one clock. */

import { WorldState } from './state.js'
import { World, type WorldOptions } from './world.js'

const MAX_STEPS = 100_000_000
const OPTIONS: readonly string[] = ['seed', 'maxSteps']

/**
 * A new world, without kernels. Give it some with `world.createKernel()`, and join their devices with `world.link()` and
 * `world.hub()`. Errors: TypeError for options that cannot be.
 */
export function createWorld(options: WorldOptions = {}): World {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('createWorld: options are an object')
  const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name))
  if (unknown !== undefined) throw new TypeError(`createWorld: there is no option '${unknown}'`)
  const { seed = 1, maxSteps = MAX_STEPS } = options
  if (!Number.isSafeInteger(seed))
    throw new TypeError(`createWorld: seed must be a safe integer, not ${seed}`)
  if (!Number.isSafeInteger(maxSteps) || maxSteps < 1)
    throw new TypeError(`createWorld: maxSteps must be an integer >= 1, not ${maxSteps}`)
  return new World(new WorldState(seed), maxSteps, { next: 0 })
}
