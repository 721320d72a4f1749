/** Every point of every scenario fails once, in every profile, and the books balance after it. */
import { createKernel, failEach, type Kernel, PROFILES } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { coreOf } from '../helpers/world.js'
import { SCENARIOS } from './scenarios.js'

describe.each(PROFILES)('failEach in %s', (profile) => {
  it.each(SCENARIOS)('$name', ({ run }) => {
    const result = failEach({ boot: () => createKernel({ profile }), run })
    expect(result.report).toBe('')
    expect(result.broken).toEqual([])
    expect(result.runs.length).toBe(result.points.length)
    expect(result.runs.length).toBeGreaterThan(10)
  })
})

describe('failEach', () => {
  it('tells for every point what failed and what the scenario made of it', () => {
    const { points, runs } = failEach({ run: (k: Kernel) => k.spawn().sys.getcwd() })
    expect(points.map(({ name }) => name)).toEqual([
      'alloc:pid',
      'alloc:task',
      'alloc:files',
      'alloc:fs',
      'alloc:sighand',
      'alloc:mm',
      'alloc:page',
      'copy:out',
    ])
    expect(String(runs[0]?.threw)).toBe('Error: spawn: EAGAIN (Resource temporarily unavailable)')
    expect(runs.slice(6).map(({ result, threw }) => [result, threw])).toEqual([
      [-12, undefined],
      [-14, undefined],
    ])
  })

  it('takes a function that makes its kernel itself', () => {
    const { points } = failEach((create) => create({ profile: '2.6.14' }).spawn().sys.pipe())
    expect(points.map(({ name }) => name)).toContain('alloc:signal')
  })

  it('fails only the points that are wanted', () => {
    const options = { only: ({ name }: { name: string }) => name.startsWith('copy:') }
    const { points, runs } = failEach({ run: (k: Kernel) => k.spawn().sys.getcwd() }, options)
    expect(points.length).toBe(8)
    expect(runs.map(({ point }) => point.name)).toEqual(['copy:out'])
  })

  it('reports what is wrong, with the point and how the run ended', () => {
    const run = (k: Kernel): void => {
      const p = k.spawn({ comm: 'p' })
      if (Array.isArray(p.sys.pipe())) return
      // Something is forgotten where the pipe could not be made.
      const { rootMnt } = coreOf(k).state
      if (rootMnt !== null) rootMnt.count++
    }
    const only = ({ name }: { name: string }): boolean => name === 'alloc:pipe'
    const { broken, report } = failEach({ run }, { only, tail: 1 })
    expect(broken.length).toBe(1)
    expect(report).toMatch(
      /^with point \d+ \(alloc:pipe\) failing, the scenario returned:\n {2}the count of a mount of ramfs is/,
    )
    expect(broken[0]?.trace).toEqual([
      '[pid     2] pipe(0xbffff000) = -1 ENFILE (Too many open files in system)',
    ])
  })

  it('asks what else is to be checked', () => {
    const check = (k: Kernel): string[] => (k.process(2) === undefined ? ['nobody is there'] : [])
    const { broken } = failEach({ run: (k: Kernel) => void k.spawn() }, { check })
    expect(broken.map(({ problems }) => problems)).toEqual(Array(6).fill(['nobody is there']))
  })

  it('refuses a scenario that does not repeat itself, or goes wrong by itself', () => {
    let runs = 0
    const once = { run: (k: Kernel) => (runs++ === 0 ? k.spawn().sys.pipe() : 0) }
    expect(() => failEach(once)).toThrow('does not repeat itself: point 1 was alloc:pid, now none')
    const broken = {
      run: (k: Kernel) => {
        coreOf(k).state.userTasks.set(5, 1)
      },
    }
    expect(() => failEach(broken)).toThrow('goes wrong without a fault: the tasks of uid 5 is 1, counted 0')
    expect(() => failEach(() => 0)).toThrow('has made no kernel')
    expect(() => failEach((create) => [create(), create()])).toThrow('a scenario makes one kernel')
  })
})
