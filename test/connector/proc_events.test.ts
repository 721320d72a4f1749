/** Process events: who gets them, what is in them, who counts. Reference §2.8. */
import {
  CLONE_FILES,
  CLONE_FS,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VM,
  type Kernel,
  SIGKILL,
  type Sys,
} from 'paleokernel'
import {
  CN_IDX_PROC,
  CN_VAL_PROC,
  type CnMsg,
  decodeProcEvent,
  encodeProcEvent,
  PROC_CN_MCAST_IGNORE,
  PROC_CN_MCAST_LISTEN,
  type ProcEvent,
} from 'paleokernel/connector'
import { describe, expect, it } from 'vitest'
import { checkInvariants, handle, ok } from '../helpers/world.js'
import { type ConnectorProcess, drain, listen, send, sendRaw, wire, world } from './world.js'

const PROC = { idx: CN_IDX_PROC, val: CN_VAL_PROC }
const word = (value: number): Uint8Array => Uint8Array.of(value, value >> 8, value >> 16, value >> 24)

const control = (p: ConnectorProcess, fd: number, op: number, seq = 0, ack = 0): void => {
  send(p, fd, { id: PROC, seq, ack, data: word(op) })
}

/** A kernel with events in a layout, and a daemon that listens to them. */
function scene(layout: '2.6.15' | '2.6.18' = '2.6.15') {
  const { k, root } = world({ processEvents: layout })
  const fd = listen(root, CN_IDX_PROC)
  control(root, fd, PROC_CN_MCAST_LISTEN)
  expect(drain(root, fd).length).toBe(1)
  const messages = (): CnMsg[] => drain(root, fd)
  const events = (): (ProcEvent | null)[] => messages().map(({ data }) => decodeProcEvent(layout, data))
  return { k, root, fd, messages, events }
}

const base = { cpu: 0, timestampNs: 0 }

describe('§2.8 what happens to processes', () => {
  it('fork, exec, uid, gid and exit, with what is in them', () => {
    const { k, root, events } = scene()
    k.install('/bin/true', function* () {})
    const child = handle(k as unknown as Kernel, ok(root.sys.fork())) as unknown as ConnectorProcess
    const { pid } = child
    ok(child.sys.setgid(100))
    ok(child.sys.setresuid(1000, 1001, 0))
    ok(child.sys.exec('/bin/true', ['true'], []))
    k.run()
    expect(events()).toEqual([
      { ...base, kind: 'fork', parentPid: root.pid, parentTgid: root.pid, childPid: pid, childTgid: pid },
      { ...base, kind: 'gid', pid, tgid: pid, rgid: 100, egid: 100 },
      { ...base, kind: 'uid', pid, tgid: pid, ruid: 1000, euid: 1001 },
      { ...base, kind: 'exec', pid, tgid: pid },
      { ...base, kind: 'exit', pid, tgid: pid, exitCode: 0, exitSignal: 17 },
    ])
  })

  it('an exit by a signal, and one with a status', () => {
    const { k, root, events } = scene()
    const [a, b] = [k.spawn(), k.spawn()]
    events()
    ok(root.sys.kill(a.pid, SIGKILL))
    b.sys.exit(3)
    expect(events()).toMatchObject([
      { kind: 'exit', pid: a.pid, exitCode: 9 },
      { kind: 'exit', pid: b.pid, exitCode: 0x300 },
    ])
  })

  it('threads have their process beside them, its parent as theirs, and no exit signal', () => {
    const { k, events } = scene()
    const flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD
    const p = k.spawn({
      *program(sys: Sys) {
        yield* sys.clone(flags, function* () {})
      },
    })
    k.run()
    const [, , thread] = events()
    const tid = thread?.kind === 'fork' ? thread.childPid : 0
    expect(tid).toBeGreaterThan(p.pid)
    expect(thread).toMatchObject({ parentPid: 1, parentTgid: 1, childTgid: p.pid })
    k.spawn({
      *program(sys: Sys) {
        yield* sys.clone(flags, function* () {})
      },
    })
    k.run()
    expect(events()).toContainEqual(
      expect.objectContaining({ kind: 'exit', pid: expect.any(Number), exitSignal: 0xffffffff }),
    )
  })

  it('what the host starts: a fork, then ids and a program where they are others', () => {
    const { k, events } = scene()
    const { pid } = k.spawn({ uid: 1000, gid: 100 })
    expect(events()).toEqual([
      { ...base, kind: 'fork', parentPid: 1, parentTgid: 1, childPid: pid, childTgid: pid },
      { ...base, kind: 'gid', pid, tgid: pid, rgid: 100, egid: 100 },
      { ...base, kind: 'uid', pid, tgid: pid, ruid: 1000, euid: 1000 },
    ])
  })

  it('seq counts events from 0, ack is 0, the id is {1,1}, and len the size of the layout', () => {
    for (const [layout, len] of [
      ['2.6.15', 24],
      ['2.6.18', 32],
    ] as const) {
      const { k, messages } = scene(layout)
      k.spawn()
      k.spawn()
      expect(messages()).toMatchObject([0, 1].map((seq) => ({ id: PROC, seq, ack: 0, len, flags: 0 })))
    }
  })

  it('2.6.18 says when, in nanoseconds', () => {
    const { k, events } = scene('2.6.18')
    k.advance(1234.5)
    k.spawn()
    expect(events()).toMatchObject([{ kind: 'fork', timestampNs: 1_234_500_000 }])
  })

  it('a forked kernel counts on by itself', () => {
    const { k, root, fd, messages } = scene()
    const copy = k.fork()
    k.spawn()
    const other = handle(copy as unknown as Kernel, root.pid) as unknown as ConnectorProcess
    expect(drain(other, fd)).toEqual([])
    copy.spawn()
    copy.spawn()
    expect(drain(other, fd).map(({ seq }) => seq)).toEqual([0, 1])
    expect(messages().map(({ seq }) => seq)).toEqual([0])
  })
})

describe('§2.8 who has asked', () => {
  it('nothing is made, nor counted, while nobody has', () => {
    const { k, root } = world({ processEvents: '2.6.15' })
    const fd = listen(root, CN_IDX_PROC)
    k.spawn()
    expect(drain(root, fd)).toEqual([])
    control(root, fd, PROC_CN_MCAST_LISTEN)
    drain(root, fd)
    k.spawn()
    expect(drain(root, fd).map(({ seq }) => seq)).toEqual([0])
  })

  it('the answer has the request as its seq, its ack plus one, no processor, and no error', () => {
    const { k, root } = world({ processEvents: '2.6.18' })
    const fd = listen(root, CN_IDX_PROC)
    k.advance(2)
    control(root, fd, PROC_CN_MCAST_LISTEN, 7, 0xffffffff)
    expect(drain(root, fd)).toEqual([
      {
        id: PROC,
        seq: 7,
        ack: 0,
        len: 32,
        flags: 0,
        data: encodeProcEvent('2.6.18', { kind: 'none', err: 0, cpu: 0xffffffff, timestampNs: 2e6 }),
      },
    ])
    expect(k.connector.listeners()).toBe(1)
  })

  it('an operation that there is not is answered with EINVAL, positive', () => {
    const { root, fd, events } = scene()
    control(root, fd, 3)
    expect(events()).toEqual([{ kind: 'none', err: 22, cpu: 0xffffffff, timestampNs: 0 }])
  })

  it.each([[new Uint8Array(0)], [new Uint8Array(3)], [new Uint8Array(5)], [new Uint8Array(8)]])(
    'data that are no word are ignored: %o',
    (data) => {
      const { k, root, fd, events } = scene()
      send(root, fd, { id: PROC, data })
      expect(events()).toEqual([])
      expect(k.connector.listeners()).toBe(1)
    },
  )

  it('a word that is not all there is ignored', () => {
    const { k, root, fd } = scene()
    sendRaw(root, fd, wire({ id: PROC, len: 4, data: word(PROC_CN_MCAST_LISTEN).subarray(0, 3) }))
    expect(k.connector.listeners()).toBe(1)
  })

  it('the last IGNORE is answered to nobody, and ends the events', () => {
    const { k, root, fd, events } = scene()
    control(root, fd, PROC_CN_MCAST_LISTEN)
    control(root, fd, PROC_CN_MCAST_IGNORE)
    expect(events().length).toBe(2)
    control(root, fd, PROC_CN_MCAST_IGNORE)
    k.spawn()
    expect(events()).toEqual([])
  })

  it('the counter is one for all: whoever sends counts, privileged or not, below 0 too, and nobody is taken off it', () => {
    const { k, root, fd, events } = scene()
    const user = k.spawn({ uid: 1000 })
    events()
    const mouth = listen(user)
    control(user, mouth, PROC_CN_MCAST_IGNORE)
    expect(k.connector.listeners()).toBe(0)
    control(user, mouth, PROC_CN_MCAST_IGNORE)
    expect(k.connector.listeners()).toBe(-1)
    k.spawn()
    expect(events()).toEqual([])
    control(root, fd, PROC_CN_MCAST_LISTEN)
    control(root, fd, PROC_CN_MCAST_LISTEN)
    expect(events().length).toBe(1)
    ok(root.sys.close(fd))
    expect(k.connector.listeners()).toBe(1)
    checkInvariants(k as never)
  })

  it('all who listen get the same', () => {
    const { k, root, fd } = scene()
    const other = listen(root, CN_IDX_PROC)
    k.spawn()
    expect(drain(root, other)).toEqual(drain(root, fd))
  })

  it('without the option there is no such client', () => {
    const { k, root } = world()
    const fd = listen(root, CN_IDX_PROC)
    control(root, fd, PROC_CN_MCAST_LISTEN)
    k.spawn()
    expect(drain(root, fd)).toEqual([])
    expect(k.connector.clients().map(({ name }) => name)).toEqual(['connector'])
    expect(k.describe().modules.find(({ name }) => name === 'connector')?.notify).toEqual([])
  })
})
