/** The mirror: a program that follows process events has, whenever all is quiet, the process table that the kernel has. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Dice } from '../fuzz/dice.js'
import { checkInvariants, coreOf } from '../helpers/world.js'
import { mirrorWorld, type Written } from './crowd.js'

interface Run {
  readonly seed: number
  readonly schedule: 'round-robin' | 'random'
  readonly layout: '2.6.15' | '2.6.18'
  readonly families: number
  /** Bytes of the mirror's socket; 0 for the default. */
  readonly rcvbuf: number
  /** How often, of a hundred, there is no memory for an event. */
  readonly losses: number
}

const runs = fc.record<Run>({
  seed: fc.nat(),
  schedule: fc.constantFrom('random', 'random', 'round-robin'),
  layout: fc.constantFrom('2.6.15', '2.6.18'),
  families: fc.integer({ min: 1, max: 4 }),
  rcvbuf: fc.constantFrom(0, 256, 2000, 8000),
  losses: fc.constantFrom(0, 0, 5, 40),
})

/** Lets families live and die, with somebody killed now and then, and compares whenever all is quiet. */
function follow({ seed, schedule, layout, families, rcvbuf, losses }: Run): Written {
  const { k, begin, kill, table, written } = mirrorWorld(schedule, seed, layout, rcvbuf)
  const dice = new Dice(seed)
  k.run()
  expect(written().tasks).toEqual(table())
  if (losses > 0) k.faults.failWhen(({ name }) => name === 'alloc:skb' && dice.chance(losses))
  for (let n = 0; n < families; n++) {
    begin(dice.next(), 3)
    k.run({ maxSteps: dice.below(300) })
    if (dice.chance(50)) kill(dice)
    k.run({ maxSteps: dice.below(300) })
    if (!dice.chance(50)) continue
    k.run()
    expect(written().tasks).toEqual(table())
  }
  k.run()
  k.faults.off()
  expect(written().tasks).toEqual(table())
  checkInvariants(k as never)
  return written()
}

describe('a mirror of the process table', () => {
  it('is right when all is quiet, in whatever order processes run, whatever is lost', () => {
    const total = { tasks: 0, resyncs: 0, overruns: 0, forks: 0 }
    fc.assert(
      fc.property(runs, (run) => {
        const { tasks, resyncs, overruns } = follow(run)
        total.tasks += tasks.length
        total.resyncs += resyncs - 1
        total.overruns += overruns
      }),
      { numRuns: 60 },
    )
    // Or nothing has been tried.
    expect(total.overruns).toBeGreaterThan(50)
    expect(total.resyncs).toBeGreaterThan(20)
    expect(total.tasks).toBeGreaterThan(300)
  })

  it('reads the table once where nothing is lost', () => {
    const { k, begin, written, table } = mirrorWorld('round-robin', 1, '2.6.15')
    for (let seed = 1; seed < 6; seed++) begin(seed, 3)
    k.run()
    expect(written()).toEqual({ tasks: table(), resyncs: 1, overruns: 0 })
    expect(coreOf(k as never).state.forks).toBeGreaterThan(30)
  })

  it('goes on in a copy of the kernel', () => {
    const { k, begin, mirror } = mirrorWorld('random', 3, '2.6.18')
    begin(5, 3)
    k.run({ maxSteps: 200 })
    const copy = k.fork()
    k.run()
    copy.run()
    expect(copy.digest()).toBe(k.digest())
    expect(copy.process(mirror.pid)?.state).toBe('sleeping')
  })
})
