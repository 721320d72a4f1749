/** Work: what is put off until the call is over, in process context. Linux: queue_work, flush_workqueue (2.6.14). */
import {
  contextOf,
  createKernel,
  defineModule,
  flushWork,
  KernelBug,
  localIrqRestore,
  localIrqSave,
  markBh,
  queueWork,
  raiseIrq,
  type Task,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { checkState, coreOf, ok } from '../helpers/world.js'

/** A module that notes who runs; its call `later` queues a note for each letter. */
const diary = () =>
  defineModule({
    name: 'diary',
    init: () => ({ lines: [] as string[] }),
    attach(k, { lines }) {
      const note = (text: string): void => {
        lines.push(`${contextOf(k)} ${text}`)
      }
      return {
        api: { lines: () => lines.splice(0) },
        syscalls: {
          later(_current: Task, letters: string) {
            for (const text of letters) queueWork(k, 'diary.note', text)
            note('call ends')
            return 0
          },
          laterNamed(_current: Task, name: string) {
            queueWork(k, name, null)
            return 0
          },
          flushes() {
            queueWork(k, 'diary.note', 'flushed')
            flushWork(k)
            note('call ends')
            return 0
          },
          interrupted() {
            queueWork(k, 'diary.note', 'work')
            raiseIrq(k, 'diary.irq', null)
            note('call ends')
            return 0
          },
        },
        interrupts: { 'diary.irq': () => markBh(k, 'diary.bh', null) },
        bottomHalves: { 'diary.bh': () => note('bh'), 'diary.flushes': () => flushWork(k) },
        timers: { 'diary.timer': () => queueWork(k, 'diary.note', 'of a timer') },
        work: {
          'diary.note': (_k, text) => note(String(text)),
          'diary.more': () => {
            note('outer')
            queueWork(k, 'diary.note', 'inner')
            note('outer ends')
          },
          'diary.flushes': () => {
            queueWork(k, 'diary.note', 'by hand')
            flushWork(k)
            note('flushed')
          },
        },
      }
    },
  })

const world = () => {
  const k = createKernel({ modules: [diary()] })
  return { k, p: k.spawn() }
}

describe('queueWork', () => {
  it('runs in order, in process context, after the call that it comes from', () => {
    const { k, p } = world()
    ok(p.sys.later('abc'))
    expect(k.diary.lines()).toEqual(['process call ends', 'process a', 'process b', 'process c'])
  })

  it('runs after the call of a program too, before its next one', () => {
    const { k } = world()
    k.spawn({
      *program(sys) {
        yield* sys.later('a')
        yield* sys.later('b')
      },
    })
    k.run()
    expect(k.diary.lines()).toEqual(['process call ends', 'process a', 'process call ends', 'process b'])
  })

  it('comes after bottom halves, and not into the middle of a call', () => {
    const { k, p } = world()
    ok(p.sys.interrupted())
    expect(k.diary.lines()).toEqual(['bottom-half bh', 'process call ends', 'process work'])
  })

  it('may queue more, which runs when it is over', () => {
    const { k, p } = world()
    ok(p.sys.laterNamed('diary.more'))
    expect(k.diary.lines()).toEqual(['process outer', 'process outer ends', 'process inner'])
  })

  it('can be queued by a timer', () => {
    const { k } = world()
    coreOf(k).addTimer(5, 'diary.timer', null)
    k.advance(4)
    expect(k.diary.lines()).toEqual([])
    k.advance(1)
    expect(k.diary.lines()).toEqual(['process of a timer'])
  })

  it('waits while interrupts are masked', () => {
    const { k, p } = world()
    const flags = localIrqSave(coreOf(k), 'a test')
    ok(p.sys.later('a'))
    k.run()
    expect(k.diary.lines()).toEqual(['process call ends'])
    localIrqRestore(coreOf(k), flags)
    k.run()
    expect(k.diary.lines()).toEqual(['process a'])
  })

  it('is copied with the kernel while it waits', () => {
    const { k } = world()
    queueWork(coreOf(k), 'diary.note', 'twice')
    checkState(k)
    const copy = k.fork()
    expect(copy.digest()).toBe(k.digest())
    copy.run()
    k.run()
    expect([k.diary.lines(), copy.diary.lines()]).toEqual([['process twice'], ['process twice']])
  })

  it('by a name that nobody contributes is a KernelBug', () => {
    const { p } = world()
    expect(() => p.sys.laterNamed('diary.nothing')).toThrow(KernelBug)
  })
})

describe('flushWork', () => {
  it('runs what waits before it returns', () => {
    const { k, p } = world()
    ok(p.sys.flushes())
    expect(k.diary.lines()).toEqual(['process flushed', 'process call ends'])
  })

  it('runs it by hand where work itself asks', () => {
    const { k, p } = world()
    ok(p.sys.laterNamed('diary.flushes'))
    expect(k.diary.lines()).toEqual(['process by hand', 'process flushed'])
  })

  it('waits, so that it is a KernelBug in a handler', () => {
    const { k } = world()
    markBh(coreOf(k), 'diary.flushes', null)
    expect(() => k.run()).toThrow('flushWork in a bottom-half handler')
  })
})
