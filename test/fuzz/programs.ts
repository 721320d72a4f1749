/** Programs of the fuzzer's processes: of each kind one that makes random calls. */
import { call, machine, type Program, plain, type Sys } from 'paleokernel'
import { randomCall } from './arguments.js'
import { Dice, mix } from './dice.js'

/** A generator: `walk SEED STEPS`. Copies of it go their own ways. */
export function* walk(sys: Sys, seed = '1', steps = '10'): Program {
  let dice = new Dice(Number(seed) | 0)
  const own = yield* sys.getpid()
  const place = { fds: 6, open: [], pid: Number(own), pids: [Number(own), 2, 3, 4, 5] }
  for (let step = 0; step < Math.min(Number(steps) || 5, 25); step++) {
    const { name, args } = randomCall(dice, place)
    const call: unknown = Reflect.get(sys, name)
    if (typeof call !== 'function' || (name === 'kill' && args[0] === -1)) continue
    const result: unknown = yield* call.apply(sys, args)
    if (result === 0 && (name === 'fork' || name === 'vfork')) {
      const pid = yield* sys.getpid()
      dice = new Dice(mix(dice.next(), Number(pid)))
    }
  }
  return 3
}

/** A plain function: `stroll SEED`. */
export const stroll = plain((sys, seed = '1') => {
  const dice = new Dice(Number(seed) | 0)
  const place = { fds: 4, open: [], pid: 0, pids: [] }
  for (let step = 0; step < 5; step++) {
    const { name, args } = randomCall(dice, place)
    const call: unknown = Reflect.get(sys, name)
    if (typeof call === 'function') call.apply(sys, args)
  }
  return 1
})

/** A machine: `amble SEED STEPS`. What it passes stays its own: its state holds nothing but numbers. */
export const amble = machine<{ seed: number; left: number; signals: number }>({
  name: 'amble',
  init: ([, seed = '1', steps = '10']) => ({
    seed: Number(seed) | 0,
    left: Math.min(Number(steps) || 5, 25),
    signals: 0,
  }),
  step(state) {
    const dice = new Dice(state.seed)
    state.seed = dice.next()
    if (state.left-- <= 0) return 2
    const { name, args } = randomCall(dice, { fds: 6, open: [], pid: 0, pids: [2, 3, 4, 5] })
    return name === 'kill' && args[0] === -1 ? call('getpid') : call(name, ...args)
  },
  signal(state) {
    state.signals++
  },
})
