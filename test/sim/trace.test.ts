import { describe, expect, it } from 'vitest'
import { TRACE_KINDS, Trace, type TraceEvent } from '../../src/sim/trace.js'

const switchEvent: TraceEvent = {
  kind: 'sched:switch',
  seq: 1,
  time: 0,
  pid: 2,
  comm: 'sh',
  prevPid: 1,
  prevComm: 'init',
}
const exitEvent: TraceEvent = {
  kind: 'syscall:exit',
  seq: 3,
  time: 5,
  pid: 2,
  comm: 'sh',
  name: 'getpid',
  nr: 20,
  args: [],
  ret: 2,
  enterSeq: 2,
}

/** 'syscall:enter' -> 'syscallEnter' */
const flagOf = (kind: string): keyof Trace => kind.replace(/:(.)/, (_, c) => c.toUpperCase()) as keyof Trace
const flags = (trace: Trace): string[] => TRACE_KINDS.filter((kind) => trace[flagOf(kind)] === true)

describe('Trace', () => {
  it('has a flag for every kind, all off at first', () => {
    const trace = new Trace()
    for (const kind of TRACE_KINDS) expect(trace[flagOf(kind)]).toBe(false)
    expect(trace.isActive).toBe(false)
  })

  it('turns the flag of a kind on while it has listeners, however they come and go', () => {
    const trace = new Trace()
    const listener = (): void => {}
    trace.on('sched:switch', listener)
    expect(flags(trace)).toEqual(['sched:switch'])
    expect(trace.isActive).toBe(true)
    trace.addListener('syscall:exit', listener)
    trace.off('sched:switch', listener)
    expect(flags(trace)).toEqual(['syscall:exit'])
    trace.removeListener('syscall:exit', listener)
    expect(flags(trace)).toEqual([])
    trace.once('sched:switch', listener)
    expect(flags(trace)).toEqual(['sched:switch'])
    trace.emitEvent(switchEvent)
    expect(flags(trace)).toEqual([])
    expect(trace.isActive).toBe(false)
  })

  it("turns every flag on for 'event'", () => {
    const trace = new Trace()
    trace.on('task:fork', () => {})
    trace.on('event', () => {})
    expect(flags(trace)).toEqual(TRACE_KINDS)
    trace.removeAllListeners('event')
    expect(flags(trace)).toEqual(['task:fork'])
    trace.removeAllListeners()
    expect(flags(trace)).toEqual([])
  })

  it('gives an event to its kind first, then to event', () => {
    const trace = new Trace()
    const seen: string[] = []
    trace.on('event', (event) => seen.push(`event ${event.kind}`))
    trace.on('syscall:exit', (event) => seen.push(`${event.name} ${event.ret}`))
    trace.emitEvent(exitEvent)
    trace.emitEvent(switchEvent)
    expect(seen).toEqual(['getpid 2', 'event syscall:exit', 'event sched:switch'])
  })

  it('collects what listeners throw and says when they run', () => {
    const trace = new Trace()
    const seen: boolean[] = []
    trace.on('syscall:exit', () => {
      throw new Error('first')
    })
    trace.on('event', () => {
      seen.push(trace.emitting)
      throw new Error('second')
    })
    trace.emitEvent(exitEvent)
    expect(trace.emitting).toBe(false)
    expect(seen).toEqual([true])
    expect(trace.takeErrors()).toEqual([new Error('first'), new Error('second')])
    expect(trace.takeErrors()).toEqual([])
  })

  it('refuses a name that is no kind', () => {
    const trace = new Trace()
    expect(() => trace.on('syscal:exit' as 'syscall:exit', () => {})).toThrow(
      "'syscal:exit' is not a trace event",
    )
    expect(() => trace.once('exit' as 'event', () => {})).toThrow(RangeError)
  })
})
