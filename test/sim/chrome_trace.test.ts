import { describe, expect, it } from 'vitest'
import { EACCES } from '../../src/abi/errno.js'
import { exitedStatus } from '../../src/abi/wait.js'
import { type ChromeEvent, chromeTrace } from '../../src/sim/chrome_trace.js'
import { recordTrace, Trace, type TraceEvent } from '../../src/sim/trace.js'
import type { Why } from '../../src/sim/why.js'

const DENIED = { check: 'dac', errno: EACCES, sentence: 'mode bits' } as unknown as Why
const task = { pid: 5, comm: 'sh' }
const child = { pid: 7, comm: 'cat' }
const pipeInfo = { signo: 13, code: 0, errno: 0 }

const events: TraceEvent[] = [
  { kind: 'sched:switch', seq: 1, time: 0, ...task, prevPid: 0, prevComm: 'swapper' },
  { kind: 'syscall:enter', seq: 2, time: 0, ...task, name: 'fork', nr: 2, args: [] },
  { kind: 'task:fork', seq: 3, time: 0, ...task, childPid: 7, childComm: 'sh', flags: 17 },
  { kind: 'syscall:exit', seq: 4, time: 0, ...task, name: 'fork', nr: 2, args: [], ret: 7, enterSeq: 2 },
  { kind: 'syscall:enter', seq: 5, time: 0, ...task, name: 'waitpid', nr: 7, args: [-1, 0] },
  { kind: 'sched:wait', seq: 6, time: 0, ...task, queue: 'children of 5' },
  { kind: 'sched:switch', seq: 7, time: 0, ...child, prevPid: 5, prevComm: 'sh' },
  {
    kind: 'security:deny',
    seq: 8,
    time: 2,
    ...child,
    errno: EACCES,
    check: 'dac',
    reason: 'mode bits',
    why: DENIED,
  },
  { kind: 'timer:fire', seq: 9, time: 2, handler: 'sched.wake' },
  { kind: 'signal:deliver', seq: 10, time: 2, ...child, signal: 13, info: pipeInfo, action: 'terminate' },
  { kind: 'syscall:enter', seq: 11, time: 2, ...child, name: 'exit', nr: 1, args: [0] },
  { kind: 'task:exit', seq: 12, time: 3, ...child, status: exitedStatus(0) },
  { kind: 'sched:wake', seq: 13, time: 3, ...task },
  {
    kind: 'syscall:exit',
    seq: 14,
    time: 3,
    ...task,
    name: 'waitpid',
    nr: 7,
    args: [-1, 0],
    ret: { pid: 7, status: 0 },
    enterSeq: 5,
  },
  { kind: 'module:event', seq: 15, time: 4, module: 'reqlog', name: 'full', data: { lost: 1 } },
]

const find = (rows: readonly ChromeEvent[], name: string, ph = 'X'): ChromeEvent => {
  const row = rows.find((r) => r.name === name && r.ph === ph)
  if (row === undefined) throw new Error(`no ${ph} row ${name}`)
  return row
}

describe('chromeTrace', () => {
  const { traceEvents: rows, displayTimeUnit } = chromeTrace(events)

  it('is plain JSON in the object form', () => {
    expect(displayTimeUnit).toBe('ms')
    expect(JSON.parse(JSON.stringify(rows))).toEqual(rows)
    for (const row of rows) expect(Number.isFinite(row.ts)).toBe(true)
  })

  it('has a span for each call, in microseconds of virtual time', () => {
    const wait = find(rows, 'waitpid')
    expect(wait).toMatchObject({ pid: 5, tid: 5, cat: 'syscall' })
    expect(wait.args?.['call']).toBe('waitpid(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0) = 7')
    expect(wait.dur).toBeCloseTo(3000, 1)
    const fork = find(rows, 'fork')
    expect(fork.dur).toBeGreaterThan(0)
    expect(fork.dur).toBeLessThan(1)
    expect(find(rows, 'exit')).toMatchObject({ pid: 7, args: { unfinished: true } })
  })

  it('nests sleeps in the calls they happen in, and keeps the order of simultaneous events', () => {
    const sleep = find(rows, 'sleep: children of 5')
    const wait = find(rows, 'waitpid')
    expect(sleep.ts).toBeGreaterThan(wait.ts)
    expect(sleep.ts + (sleep.dur ?? 0)).toBeLessThan(wait.ts + (wait.dur ?? 0))
    expect(find(rows, 'fork').ts).toBeLessThan(find(rows, 'fork', 's').ts)
  })

  it('draws an arrow from a fork to the first event of the child', () => {
    const from = find(rows, 'fork', 's')
    const to = find(rows, 'fork', 'f')
    expect([from.pid, to.pid]).toEqual([5, 7])
    expect(to.id).toBe(from.id)
    expect(to.ts).toBeGreaterThan(from.ts)
  })

  it('has instants for signals, refusals, timers, ends and module events', () => {
    expect(find(rows, 'SIGPIPE', 'i')).toMatchObject({ pid: 7, s: 't', args: { action: 'terminate' } })
    expect(find(rows, 'denied by dac', 'i')).toMatchObject({ pid: 7, args: { reason: 'mode bits' } })
    expect(find(rows, 'timer sched.wake', 'i')).toMatchObject({ pid: 0, s: 'g' })
    expect(find(rows, 'exit', 'i').args).toEqual({ how: '+++ exited with 0 +++' })
    expect(find(rows, 'reqlog: full', 'i').args).toEqual({ data: { lost: 1 } })
  })

  it('shows who runs, and names every task by its last name', () => {
    const cpu = rows.filter((row) => row.pid === 0 && row.ph === 'X')
    expect(cpu.map((row) => [row.name, row.args?.['pid']])).toEqual([
      ['sh', 5],
      ['cat', 7],
    ])
    const names = rows
      .filter((row) => row.name === 'process_name')
      .map((row) => [row.pid, row.args?.['name']])
    expect(names).toEqual([
      [5, 'sh'],
      [7, 'cat'],
      [0, 'cpu'],
    ])
  })

  it('keeps thousands of events of one moment in order before the next moment', () => {
    const many: TraceEvent[] = Array.from({ length: 5000 }, (_, i) => ({
      kind: 'timer:fire',
      seq: i,
      time: i < 4999 ? 1 : 1.001,
      handler: String(i),
    }))
    const instants = chromeTrace(many).traceEvents.filter((row) => row.ph === 'i')
    expect(instants.map((row) => row.name)).toEqual(many.map((_, i) => `timer ${i}`))
    for (let i = 1; i < instants.length; i++) {
      expect((instants[i]?.ts ?? 0) > (instants[i - 1]?.ts ?? 0)).toBe(true)
    }
    expect(chromeTrace([]).traceEvents).toEqual([])
  })
})

describe('recordTrace', () => {
  it('keeps events with copies of their buffers until it is stopped', () => {
    const trace = new Trace()
    const recording = recordTrace(trace)
    const buffer = Uint8Array.of(1)
    const exit = { kind: 'syscall:exit', seq: 1, time: 0, ...task, name: 'read', nr: 3 } as const
    trace.emitEvent({ ...exit, args: [3, buffer, { fd: 1 }], ret: 1, enterSeq: 0 })
    buffer[0] = 9
    recording.stop()
    trace.emitEvent({ ...exit, args: [], ret: 1, enterSeq: 0 })
    expect(recording.events).toEqual([
      { ...exit, args: [3, Uint8Array.of(1), { fd: 1 }], ret: 1, enterSeq: 0 },
    ])
    expect(trace.isActive).toBe(false)
  })
})
