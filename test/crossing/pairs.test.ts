/** All pairs of modules in one kernel, in all orders of loading: they behave alike, and as each does alone. */
import { checkInvariants, type Kernel, type Profile } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { closure, kernelOf, type ModuleName, namesOf, tour } from './exercises.js'

const PROFILES: readonly Profile[] = ['2.2.12', '2.6.14']

const pairsOf = (names: readonly ModuleName[]) =>
  names.flatMap((a, i) => names.slice(i + 1).map((b) => [a, b] as const))

/** All orders of a list. */
function orders<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]]
  return list.flatMap((first, i) =>
    orders([...list.slice(0, i), ...list.slice(i + 1)]).map((rest) => [first, ...rest]),
  )
}

/** What a kernel tells of itself, but for the order of its modules: that is an input, and a part of the digest. */
function remains(k: Kernel) {
  const { modules, filesystems, ...rest } = k.describe()
  return { ...rest, filesystems: [...filesystems].sort(), modules: modules.map(({ name }) => name).sort() }
}

describe.each(PROFILES)('on %s', (profile) => {
  const names = namesOf(profile)
  const alone = new Map<ModuleName, unknown[]>()
  for (const name of names) alone.set(name, tour(closure([name]), profile).answers.get(name) ?? [])

  it.each(names)('the exercise of %s succeeds alone', (name) => {
    expect(alone.get(name)?.length).toBeGreaterThan(name === 'seccomp' ? 0 : 3)
  })

  it.each(pairsOf(names))('%s and %s behave as each alone, in every order', (a, b) => {
    const [first, ...others] = orders(closure([a, b])).map((order) => ({ order, ...tour(order, profile) }))
    if (first === undefined) throw new Error('there is no order')
    expect(first.answers.get(a)).toEqual(alone.get(a))
    expect(first.answers.get(b)).toEqual(alone.get(b))
    expect(checkInvariants(first.k)).toEqual([])
    for (const { order, answers, k } of others) {
      expect([...answers], order.join(' ')).toEqual([...first.answers])
      expect(remains(k), order.join(' ')).toEqual(remains(first.k))
    }
  })

  it('all modules together behave as each alone', () => {
    for (const order of [names, [...names].reverse()]) {
      const { answers, k } = tour(order, profile)
      for (const name of names) expect(answers.get(name), name).toEqual(alone.get(name))
      expect(checkInvariants(k)).toEqual([])
      expect(k.fork().digest()).toBe(k.digest())
    }
  })

  it('a kernel with all modules and without any differ in what the modules add alone', () => {
    const [bare, full] = [kernelOf([], profile), kernelOf(names, profile)]
    const tasks = (k: typeof bare) => k.describe().tasks.map(({ comm }) => comm)
    expect(tasks(full)).toEqual(expect.arrayContaining(tasks(bare)))
    expect(full.now).toBe(bare.now)
  })
})
