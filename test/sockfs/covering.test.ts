/** Every bind of an all-triples covering array against a predicate that was written from the rules alone. */
import { EACCES, type Profile } from 'paleokernel'
import type { SockfsOptions } from 'paleokernel/sockfs'
import { describe, expect, it } from 'vitest'
import { coveringArray, type RowOf, uncovered } from '../helpers/covering.js'
import { bind, machine, type Protocol, type User } from './world.js'

const FACTORS = {
  user: ['root', 'owner', 'stranger'],
  group: ['none', 'primary', 'supplementary'],
  mode: [0, 0o200, 0o020, 0o002, 0o220, 0o202, 0o022, 0o222, 0o555, 0o777],
  port: [0, 1, 80, 1023, 1024, 1025],
  protocol: ['tcp', 'udp'] satisfies Protocol[],
  profile: ['2.0.35', '2.2.12', '2.6.14'] satisfies Profile[],
  capability: [false, true],
  hook: ['not loaded', 'not mounted', 'mounted', 'preserved', 'restored'],
  variant: ['default', 'capability counts', 'to 1023', 'literal'],
} as const

type Row = RowOf<typeof FACTORS>

/** The rules once more, in other words. */
function mayBind({ user, group, mode, port, protocol, profile, capability, hook, variant }: Row): boolean {
  const isLiteral = variant === 'literal' && profile === '2.0.35' && protocol === 'tcp'
  const asked = port === 0 && isLiteral ? 1024 : port // SF-24
  const isInForce = hook === 'mounted' || hook === 'preserved' // SF-1, SF-3, SF-31, SF-32
  const isEntry = asked >= 1 && asked <= (variant === 'to 1023' ? 1023 : 1024) // SF-23, SF-25
  if (!isInForce || !isEntry) return asked === 0 || asked > 1023 || capability // 1.1
  if (user === 'root') return true // SF-20, SF-30
  const shift = user === 'owner' ? 6 : group === 'none' ? 0 : 3 // SF-21
  if (((mode >> shift) & 2) !== 0) return true // SF-22
  return variant === 'capability counts' && profile !== '2.0.35' && capability // SF-27
}

const VARIANTS: Readonly<Record<Row['variant'], SockfsOptions>> = {
  default: {},
  'capability counts': { capabilityStillCounts: true },
  'to 1023': { protectedMax: 1023 },
  literal: { literalAutoBind: true },
}

const USER = 1000
const GROUP = 60

/** A process with such ids. With the capability it is euid 0 whose fsuid has been changed; without, the other way round. */
function userOf(k: ReturnType<typeof machine>['k'], { user, group, capability }: Row): User {
  const process = k.spawn({
    gid: group === 'primary' ? GROUP : 7,
    groups: group === 'supplementary' ? [8, GROUP] : [8],
  })
  if (capability) process.sys.setfsuid(user === 'root' ? 0 : USER)
  else if (user === 'root') {
    process.sys.setreuid(0, USER)
    process.sys.setfsuid(0)
  } else process.sys.setuid(USER)
  return process
}

function run(row: Row): number {
  const { hook, mode, port, profile, user } = row
  const isPreserved = hook === 'preserved'
  const m = machine(profile, {
    ...VARIANTS[row.variant],
    load: hook === 'not loaded' ? 'insmod' : 'boot',
    unmountMode: isPreserved ? 'preserve' : 'restore',
  })
  if (hook !== 'not loaded' && hook !== 'not mounted') {
    expect(m.mount()).toBe(0)
    // 2.0.35 picks 1024 for the first socket that asks for port 0.
    const path = m.at(port === 0 ? 1024 : Math.min(port, 1024))
    expect(m.root.sys.chown(path, user === 'owner' ? USER : 2000, GROUP)).toBe(0)
    expect(m.root.sys.chmod(path, mode)).toBe(0)
    if (hook !== 'mounted') expect(m.umount()).toBe(0)
  }
  return bind(userOf(m.k, row), port, { protocol: row.protocol })
}

describe('all triples of user, group, mode, port, protocol, profile, capability, state and option', () => {
  const rows = coveringArray(FACTORS)

  it('are in the array, which is the same each time', () => {
    expect(uncovered(FACTORS, rows)).toEqual([])
    expect(coveringArray(FACTORS)).toEqual(rows)
    expect(rows.length).toBeLessThan(700)
    // The count can fail: a row less, and something is missing.
    expect(uncovered(FACTORS, rows.slice(1))).not.toEqual([])
  })

  it('bind as the rules say', () => {
    const wrong = rows.filter((row) => run(row) !== (mayBind(row) ? 0 : EACCES))
    expect(wrong).toEqual([])
    const permitted = rows.filter(mayBind).length
    expect(Math.min(permitted, rows.length - permitted)).toBeGreaterThan(50)
  })
})
