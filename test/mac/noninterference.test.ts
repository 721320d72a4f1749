/**
 * Mutual invisibility as a property: what a compartment observes is the same alone and beside another one, but for the
 * channels of a table. `npm run noninterference` makes longer runs.
 */
import { readFileSync } from 'node:fs'
import type { KernelCore } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import type { HookName } from '../../src/security/hooks.js'
import { CORE_CALLS } from '../../src/syscalls/table.js'
import { Dice } from '../fuzz/dice.js'
import { SOCKET_MAKERS } from '../fuzz/socket_arguments.js'
import { drawCall } from './noninterference/actions.js'
import { CHANNELS } from './noninterference/channels.js'
import { shareOfSuccess, sweep } from './noninterference/property.js'
import { world } from './world.js'

/** What says nothing where it should refuse: the property must find each. */
const SWITCHED_OFF: readonly HookName[] = [
  'taskVisible',
  'sockVisible',
  'routeVisible',
  'sbMount',
  'sbUmount',
  'mountVisible',
  'unixMaySend',
  'inodeAccess',
]

describe('noninterference', () => {
  it('MAC-11: a compartment observes the same beside another as alone, but for the channels of the table', () => {
    const { runs, endless, found, outcomes, failure } = sweep({ runs: 120, seed: 20_260_101 })
    expect(failure).toBeNull()
    expect(endless).toBeLessThan(runs / 50)
    // The common channels are found in so few runs; npm run noninterference finds all of them.
    for (const channel of ['pid', 'ino', 'load', 'counts', 'objects', 'address', 'clock', 'names'] as const)
      expect(found.get(channel), channel).toBeGreaterThan(0)
    for (const side of ['a', 'b'] as const) expect(shareOfSuccess(outcomes[side])).toBeGreaterThan(0.2)
    for (const name of ['fork', 'open', 'socket', 'kill', 'mount', 'sethostname', 'pipe', 'read'])
      expect(outcomes.b.get(name)?.[0], name).toBeGreaterThan(0)
  }, 60_000)

  it('MAC-25 with sealed: nothing is excused, and nothing differs', () => {
    const { found, outcomes, failure } = sweep({ runs: 80, seed: 20_260_102, sealed: true })
    expect(failure).toBeNull()
    expect([...found]).toEqual([])
    expect(shareOfSuccess(outcomes.b)).toBeGreaterThan(0.2)
  }, 60_000)

  it('finds a leak where the seal is off', () => {
    const tamper = (core: KernelCore): void => {
      core.partOf = null
    }
    const { failure } = sweep({ runs: 20, seed: 3, sealed: true, tamper })
    expect(failure).toContain('sealed: a compartment has observed another')
  }, 60_000)

  it('draws its calls from the whole table', () => {
    const dice = new Dice(1)
    const place = { fds: 3, open: [0, 1], pid: 2, pids: [2, 3], hasNet: true }
    const drawn = new Set(Array.from({ length: 20_000 }, () => drawCall(dice, place, null).name))
    const names = [...CORE_CALLS.map(({ name }) => name), ...Object.keys(SOCKET_MAKERS)]
    expect(names.filter((name) => !drawn.has(name))).toEqual([])
    for (const name of Object.keys(world().spawn().sys))
      if (name.startsWith('mac_')) expect(drawn).toContain(name)
  })

  it.each(SWITCHED_OFF)(
    'finds a leak where the hook %s is switched off',
    (hook) => {
      const tamper = (core: KernelCore): void => {
        core.security = { ...core.security, [hook]: () => 0 }
      }
      const { failure } = sweep({ runs: 400, seed: 3, tamper })
      expect(failure).toContain('a compartment has observed another')
      expect(failure).toMatch(/first difference: observation \d+\n {4}alone: [\s\S]*\n {4}beside: /)
    },
    60_000,
  )

  it('MAC-25: the table of docs/mac.md is the one that excuses', () => {
    const text = readFileSync(new URL('../../docs/mac.md', import.meta.url), 'utf8')
    const rows = [...text.matchAll(/^\| `(\w+)` +\| (.*?) +\| (.*?) +\| (.*?) +\|$/gm)].map((row) =>
      row.slice(1),
    )
    const table = Object.entries(CHANNELS).map(([name, { where, tells, why }]) => [name, where, tells, why])
    expect(rows).toEqual(table)
  })
})
