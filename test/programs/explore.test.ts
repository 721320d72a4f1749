import {
  createKernel,
  explore,
  isErr,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_WRONLY,
  type Program,
  type Sys,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

/** Looks whether the lock file is there, then makes it: the mistake that O_EXCL is for. */
function* checkThenAct(sys: Sys): Program {
  const there = yield* sys.stat('/tmp/lock')
  if (!isErr(there)) return 1
  const fd = yield* sys.open('/tmp/lock', O_CREAT | O_WRONLY, 0o600)
  if (isErr(fd)) return 2
  yield* sys.creat(`/tmp/owner-${yield* sys.getpid()}`, 0o600)
  return 0
}

function* exclusive(sys: Sys): Program {
  const fd = yield* sys.open('/tmp/lock', O_CREAT | O_EXCL | O_WRONLY, 0o600)
  if (isErr(fd)) return 1
  yield* sys.creat(`/tmp/owner-${yield* sys.getpid()}`, 0o600)
  return 0
}

type LockProgram = typeof checkThenAct

function twoRacers(program: LockProgram) {
  const k = createKernel()
  const racers = [k.spawn({ program }), k.spawn({ program })]
  const oneOwner = (kernel: typeof k): boolean => {
    const root = kernel.process(1)
    return racers.filter(({ pid }) => !isErr(root?.sys.access(`/tmp/owner-${pid}`, 0))).length <= 1
  }
  return { k, oneOwner }
}

describe('explore', () => {
  it('finds the schedule on which a check and an act are torn apart', () => {
    const { k, oneOwner } = twoRacers(checkThenAct)
    const before = k.digest()
    const found = explore(k, { depth: 8, property: oneOwner })
    expect(found.holds).toBe(false)
    expect(found.schedule).not.toBeNull()
    expect(k.digest()).toBe(before)
  })

  it('shows that O_EXCL holds on every schedule', () => {
    const { k, oneOwner } = twoRacers(exclusive)
    const result = explore(k, { depth: 8, property: oneOwner })
    expect(result).toMatchObject({ holds: true, complete: true, schedule: null })
    expect(result.runs).toBeGreaterThan(1)
  })

  it('reports what the property threw', () => {
    const { k } = twoRacers(exclusive)
    const boom = new Error('boom')
    const throws = (): boolean => {
      throw boom
    }
    expect(explore(k, { depth: 1, property: throws }).error).toBe(boom)
  })

  it('says so when a bound cuts the search short', () => {
    const k = createKernel()
    const spinner = function* (sys: Sys): Program {
      for (;;) yield* sys.open('/none', O_RDONLY)
    }
    k.spawn({ program: spinner })
    expect(explore(k, { depth: 2, property: () => true, maxSteps: 50 }).complete).toBe(false)
  })

  it('refuses a depth that is no number of choices', () => {
    expect(() => explore(createKernel(), { depth: -1, property: () => true })).toThrow(RangeError)
  })
})
