/** Process, bottom-half and interrupt context: who runs when, and who may sleep. */
import {
  contextOf,
  createKernel,
  defineModule,
  KernelBug,
  localBhDisable,
  localBhEnable,
  localIrqRestore,
  localIrqSave,
  markBh,
  raiseIrq,
  raiseIrqAfter,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, checkState, coreOf, forkOf, handle, ok, pipeOf } from '../helpers/world.js'

/** What handlers do: a log of who ran in which context, and what to do meanwhile, by name. */
interface Diary {
  lines: string[]
}

/** A module whose handlers note themselves; `irq.nested` raises others, `irq.calls` makes a call of pid `data`. */
const diary = () =>
  defineModule({
    name: 'diary',
    init: (): Diary => ({ lines: [] }),
    attach(k, state) {
      const note = (text: string): void => {
        state.lines.push(`${k.now} ${contextOf(k)} ${text}`)
      }
      return {
        api: { lines: () => state.lines.splice(0) },
        timers: { 'diary.timer': (_k, data) => note(`timer ${String(data)}`) },
        interrupts: {
          'irq.plain': (_k, data) => note(`plain ${String(data)}`),
          'irq.marks': () => {
            note('marks')
            markBh(k, 'bh.plain', 'of irq')
            note('marked')
          },
          'irq.nested': (_k, depth) => {
            note(`nested ${String(depth)}`)
            raiseIrq(k, 'irq.plain', 'inside')
            if (Number(depth) > 0) raiseIrq(k, 'irq.nested', Number(depth) - 1)
            note(`nested ${String(depth)} ends`)
          },
          'irq.masks': () => {
            localIrqSave(k, 'irq.masks')
            raiseIrq(k, 'irq.plain', 'late')
            note('masks')
          },
          'irq.calls': (_k, pid) => {
            const process = handle(k as never, Number(pid))
            process.sys.pause()
          },
          'irq.leaks': () => localBhDisable(k, 'irq.leaks'),
        },
        bottomHalves: {
          'bh.plain': (_k, data) => note(`bh ${String(data)}`),
          'bh.nested': () => {
            note('bh outer')
            markBh(k, 'bh.plain', 'of bh')
            raiseIrq(k, 'irq.marks', null)
            note('bh outer ends')
          },
          'bh.calls': (_k, pid) => {
            handle(k as never, Number(pid)).sys.pause()
          },
        },
      }
    },
  })

const world = () => createKernel({ modules: [diary()] })

describe('interrupts', () => {
  it('run at once in interrupt context, whatever runs', () => {
    const k = world()
    expect(contextOf(coreOf(k))).toBe('process')
    raiseIrq(coreOf(k), 'irq.plain', 1)
    expect(k.diary.lines()).toEqual(['0 interrupt plain 1'])
    expect(contextOf(coreOf(k))).toBe('process')
  })

  it('come at their time on the virtual clock, and not when taken back', () => {
    const k = world()
    raiseIrqAfter(coreOf(k), 30, 'irq.plain', 'b')
    raiseIrqAfter(coreOf(k), 10, 'irq.plain', 'a')
    const timer = raiseIrqAfter(coreOf(k), 20, 'irq.plain', 'never')
    coreOf(k).state.timers.remove(timer)
    k.advance(100)
    expect(k.diary.lines()).toEqual(['10 interrupt plain a', '30 interrupt plain b'])
  })

  it('wait while masked, in order, and run when unmasked; inner restores do not unmask', () => {
    const k = world()
    const core = coreOf(k)
    const outer = localIrqSave(core, 'test')
    const inner = localIrqSave(core, 'inner')
    raiseIrq(core, 'irq.plain', 1)
    raiseIrq(core, 'irq.plain', 2)
    localIrqRestore(core, inner)
    expect(k.diary.lines()).toEqual([])
    localIrqRestore(core, outer)
    expect(k.diary.lines()).toEqual(['0 interrupt plain 1', '0 interrupt plain 2'])
  })

  it('interrupt other handlers, but not their own', () => {
    const k = world()
    raiseIrq(coreOf(k), 'irq.nested', 1)
    expect(k.diary.lines()).toEqual([
      '0 interrupt nested 1',
      '0 interrupt plain inside',
      '0 interrupt nested 1 ends',
      '0 interrupt nested 0',
      '0 interrupt plain inside',
      '0 interrupt nested 0 ends',
    ])
  })

  it('a handler that leaves interrupts masked does not mask them for others (iret)', () => {
    const k = world()
    raiseIrq(coreOf(k), 'irq.masks', null)
    expect(k.diary.lines()).toEqual(['0 interrupt masks', '0 interrupt plain late'])
    expect(coreOf(k).state.contexts.irqsMasked).toBe(false)
  })

  it('without a handler, and a handler that leaves bottom halves disabled, are bugs', () => {
    const k = world()
    expect(() => raiseIrq(coreOf(k), 'irq.none', null)).toThrow("no interrupt handler 'irq.none'")
    expect(() => raiseIrq(coreOf(k), 'irq.leaks', null)).toThrow(
      "interrupt handler 'irq.leaks' returned with bottom halves disabled",
    )
    raiseIrq(coreOf(k), 'irq.plain', 'still works')
    expect(k.diary.lines()).toEqual(['0 interrupt plain still works'])
  })
})

describe('bottom halves', () => {
  it('run when the outermost interrupt handler has returned', () => {
    const k = world()
    raiseIrq(coreOf(k), 'irq.marks', null)
    expect(k.diary.lines()).toEqual(['0 interrupt marks', '0 interrupt marked', '0 bottom-half bh of irq'])
  })

  it('never inside another; interrupts come in between', () => {
    const k = world()
    markBh(coreOf(k), 'bh.nested', null)
    k.run()
    expect(k.diary.lines()).toEqual([
      '0 bottom-half bh outer',
      '0 interrupt marks',
      '0 interrupt marked',
      '0 bottom-half bh outer ends',
      '0 bottom-half bh of bh',
      '0 bottom-half bh of irq',
    ])
  })

  it('marked by a process run at the end of its system call', () => {
    const k = world()
    const p = k.spawn()
    markBh(coreOf(k), 'bh.plain', 'mine')
    expect(k.diary.lines()).toEqual([])
    p.sys.getpid()
    p.sys.close(99)
    expect(k.diary.lines()).toEqual(['0 bottom-half bh mine'])
  })

  it('wait while disabled, however often, and interrupts do not', () => {
    const k = world()
    const core = coreOf(k)
    localBhDisable(core, 'test')
    localBhDisable(core, 'again')
    raiseIrq(core, 'irq.marks', null)
    expect(k.diary.lines()).toEqual(['0 interrupt marks', '0 interrupt marked'])
    localBhEnable(core)
    k.run()
    expect(k.diary.lines()).toEqual([])
    localBhEnable(core)
    expect(k.diary.lines()).toEqual(['0 bottom-half bh of irq'])
    expect(() => localBhEnable(core)).toThrow(KernelBug)
  })

  it('timers are bottom halves, and wait while either is masked', () => {
    const k = world()
    const core = coreOf(k)
    core.addTimer(5, 'diary.timer', 1)
    k.advance(10)
    expect(k.diary.lines()).toEqual(['5 bottom-half timer 1'])
    core.addTimer(5, 'diary.timer', 2)
    core.addTimer(6, 'diary.timer', 3)
    const flags = localIrqSave(core, 'test')
    k.advance(10)
    expect(k.diary.lines()).toEqual([])
    localIrqRestore(core, flags)
    expect(k.diary.lines()).toEqual(['20 bottom-half timer 2', '20 bottom-half timer 3'])
    core.addTimer(5, 'diary.timer', 4)
    localBhDisable(core, 'test')
    k.advance(10)
    expect(k.diary.lines()).toEqual([])
    localBhEnable(core)
    expect(k.diary.lines()).toEqual(['30 bottom-half timer 4'])
  })
})

describe('sleeping', () => {
  it('in an interrupt handler is a KernelBug that names the handler', () => {
    const k = world()
    const p = k.spawn({ comm: 'victim' })
    expect(() => raiseIrq(coreOf(k), 'irq.calls', p.pid)).toThrow(KernelBug)
    const q = k.spawn({ comm: 'other' })
    expect(() => raiseIrq(coreOf(k), 'irq.calls', q.pid)).toThrow(
      `interrupt handler 'irq.calls' sleeps: pid ${q.pid} (other) would sleep on 'a signal'`,
    )
    expect(contextOf(coreOf(k))).toBe('process')
  })

  it('in a bottom half is a KernelBug that names it', () => {
    const k = world()
    const p = k.spawn()
    markBh(coreOf(k), 'bh.calls', p.pid)
    expect(() => k.run()).toThrow("bottom half 'bh.calls' sleeps")
  })

  it('with interrupts masked or bottom halves disabled is one that names who did that', () => {
    const k = world()
    const p = k.spawn()
    const { r } = pipeOf(p as never)
    const flags = localIrqSave(coreOf(k), 'eth0.lock')
    expect(() => p.begin.read(r, new Uint8Array(1))).toThrow("'eth0.lock' sleeps with interrupts masked")
    localIrqRestore(coreOf(k), flags)
    localBhDisable(coreOf(k), 'eth0.stats')
    expect(() => p.begin.read(r, new Uint8Array(1))).toThrow(
      "'eth0.stats' sleeps with bottom halves disabled",
    )
    localBhEnable(coreOf(k))
  })

  it('in process context is as ever', () => {
    const k = boot()
    const p = k.spawn()
    const { r, w } = pipeOf(p)
    const child = forkOf(k, p)
    const call = p.begin.read(r, new Uint8Array(4))
    expect(call.blocked).toBe(true)
    ok(child.sys.write(w, new Uint8Array(2)))
    expect(call.result).toBe(2)
  })
})

describe('copies', () => {
  it('take along what waits: interrupts, bottom halves, timers', () => {
    const k = world()
    const core = coreOf(k)
    const flags = localIrqSave(core, 'test')
    raiseIrq(core, 'irq.marks', null)
    raiseIrqAfter(core, 5, 'irq.plain', { deep: [1] })
    markBh(core, 'bh.plain', 'before')
    checkState(k as never)
    const copy = k.fork()
    const snapshot = k.snapshot()
    const play = (one: typeof k): string[] => {
      localIrqRestore(coreOf(one), flags)
      one.advance(10)
      return one.diary.lines()
    }
    const lines = play(k)
    expect(lines).toEqual([
      '0 interrupt marks',
      '0 interrupt marked',
      '0 bottom-half bh before',
      '0 bottom-half bh of irq',
      '5 interrupt plain [object Object]',
    ])
    expect(play(copy)).toEqual(lines)
    expect(copy.digest()).toBe(k.digest())
    k.restore(snapshot)
    expect(play(k)).toEqual(lines)
  })
})
