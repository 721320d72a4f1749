/** The heap of timers against a sorted list, and the timers that programs set. Linux: kernel/timer.c. */

import fc from 'fast-check'
import { EINTR, SIGALRM } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { type Timer, TimerHeap } from '../../src/kernel/timer.js'
import { boot, checkInvariants, ok } from '../helpers/world.js'

describe('the heap of timers', () => {
  it('gives timers by time, equal ones in the order of setting, whatever is cancelled', () => {
    const action = fc.oneof(
      { weight: 3, arbitrary: fc.nat({ max: 99 }).map((at) => ({ add: at })) },
      { weight: 2, arbitrary: fc.nat({ max: 30 }).map((index) => ({ remove: index })) },
      { weight: 1, arbitrary: fc.constant({ take: true }) },
    )
    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 120, size: 'max' }), (actions) => {
        const heap = new TimerHeap()
        let list: Timer[] = []
        const next = (): Timer | undefined => [...list].sort((x, y) => x.at - y.at || x.seq - y.seq)[0]
        for (const step of actions) {
          if ('add' in step) list.push(heap.add(step.add, 'test', null))
          else {
            const timer = 'take' in step ? heap.first() : list[step.remove % Math.max(list.length, 1)]
            if (timer === undefined) continue
            if ('take' in step) expect(timer).toBe(next())
            heap.remove(timer)
            heap.remove(timer)
            expect(timer.index).toBe(-1)
            list = list.filter((other) => other !== timer)
          }
          expect(heap.first()).toBe(next())
          for (const [index, timer] of heap.heap.entries()) expect(timer.index).toBe(index)
          expect(heap.heap).toHaveLength(list.length)
        }
      }),
    )
  })
})

describe('cancelling a timer', () => {
  it('moves the last one of the heap to its place, which may be too low for it', () => {
    const heap = new TimerHeap()
    const timers = [1, 50, 2, 60, 70, 3, 4].map((at) => heap.add(at, 'test', null))
    heap.remove(timers[3] as Timer)
    expect(heap.heap.map(({ at }) => at)).toEqual([1, 4, 2, 50, 70, 3])
    expect(heap.heap.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5])
  })
})

describe('timers of processes', () => {
  it('wake in the order of their times, and those of the same moment in the order of setting', () => {
    const k = boot()
    const order: number[] = []
    for (const ms of [30, 10, 20, 10]) {
      const index = order.length
      k.spawn({
        program: function* (sys) {
          yield* sys.nanosleep(ms)
          order.push(ms * 10 + index)
        },
      })
    }
    k.run()
    expect(order).toEqual([100, 100, 200, 300])
    expect(k.now).toBe(30)
  })

  it('are gone with their process, and an alarm of a dead one rings nowhere', () => {
    const k = boot()
    const [p, q] = [k.spawn(), k.spawn()]
    ok(p.sys.alarm(5))
    p.begin.nanosleep(9000)
    ok(q.sys.kill(p.pid, 9))
    checkInvariants(k)
    expect(k.step()).toBe(false)
  })

  it('of an interval go on until they are stopped', () => {
    const k = boot()
    const p = k.spawn()
    let rings = 0
    p.sys.sigaction(SIGALRM, { handler: () => rings++, flags: 0, mask: [] })
    ok(p.sys.setitimer(0, { value: 10, interval: 20 }))
    k.advance(100)
    expect(rings).toBe(5)
    expect(p.sys.setitimer(0, { value: 0, interval: 0 })).toEqual({ value: 10, interval: 20 })
    k.advance(100)
    expect(rings).toBe(5)
  })

  it('end a sleep early', () => {
    const k = boot()
    const p = k.spawn()
    p.sys.sigaction(SIGALRM, { handler: () => {}, flags: 0, mask: [] })
    ok(p.sys.setitimer(0, { value: 40, interval: 0 }))
    const rest = { value: 0 }
    expect(p.sys.nanosleep(100, rest)).toBe(EINTR)
    expect([k.now, rest.value]).toEqual([40, 60])
    checkInvariants(k)
  })
})
