import { describe, expect, it } from 'vitest'
import { recordTrace, TRACE_KINDS, Trace, type TraceEvent } from '../../src/sim/trace.js'

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

describe('recordTrace', () => {
  /** The arguments that are kept of a call with `args`. */
  function keptOf(args: readonly unknown[]): readonly unknown[] {
    const trace = new Trace()
    const { events, stop } = recordTrace(trace)
    trace.emitEvent({ ...exitEvent, args } as TraceEvent)
    stop()
    trace.emitEvent(exitEvent)
    expect(events).toHaveLength(1)
    const [event] = events
    return event?.kind === 'syscall:exit' ? event.args : []
  }

  it('copies buffers and structures, which their owner may write again', () => {
    const bytes = Uint8Array.of(1, 2)
    const poll = [{ fd: 1, revents: 0 }]
    const kept = keptOf([bytes, poll, 'x', 5])
    bytes[0] = 9
    poll.push({ fd: 2, revents: 0 })
    expect(kept).toEqual([Uint8Array.of(1, 2), [{ fd: 1, revents: 0 }], 'x', 5])
  })

  it('copies a structure that contains itself, and a buffer whose memory is gone', () => {
    const itself: unknown[] = [1]
    itself.push(itself, { itself })
    const gone = new Uint8Array(8)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    const [list, again, empty] = keptOf([itself, itself, gone])
    expect(list).not.toBe(itself)
    expect(again).toBe(list)
    expect((list as unknown[])[1]).toBe(list)
    expect((list as { itself: unknown }[])[2]?.itself).toBe(list)
    expect(empty).toEqual(new Uint8Array(0))
  })
})
