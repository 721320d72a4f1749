/** Listening from programs and from the host, and the sample client cn_test. Reference §2.7, §2.8. */
import {
  createKernel,
  defineEvent,
  EACCES,
  EBADF,
  EEXIST,
  EINVAL,
  ENOENT,
  EPERM,
  O_RDONLY,
  publish,
  SECURITY_DENY,
  SIGCHLD,
} from 'paleokernel'
import {
  askForProcesses,
  CN_TEST_ID,
  type CnMsg,
  ConnectorEmitter,
  type ConnectorEvent,
  ConnectorReader,
  cnTest,
  connector,
  openConnector,
  PROC_EVENT_NONE,
  sendMessage,
} from 'paleokernel/connector'
import { net } from 'paleokernel/net'
import { SECCOMP_DEATH, seccomp } from 'paleokernel/seccomp'
import { describe, expect, it } from 'vitest'
import { checkInvariants, checkState, coreOf, ok, writeFile } from '../helpers/world.js'
import { drain, hex, listen, recvRaw, send } from './world.js'

const BELL = defineEvent('bell:rung', 21, 1, { times: 'u32', by: 'text16' })
const A = { idx: 5, val: 1 }

function scene() {
  const heard: CnMsg[] = []
  const k = createKernel({
    profile: '2.6.14',
    modules: [
      net(),
      connector({ processEvents: '2.6.18', callbacks: { note: (_k, msg) => void heard.push(msg) } }),
      cnTest(),
      seccomp(),
    ],
  })
  ok(k.connector.addCallback(A, 'a client', 'note'))
  return { k, heard, root: k.spawn() }
}

describe('a program that listens', () => {
  it('gets process events, published events and messages, each with its type', () => {
    const { k, heard } = scene()
    const seen: ConnectorEvent<typeof BELL | typeof SECCOMP_DEATH>[] = []
    const listener = k.spawn({
      *program(sys) {
        const reader = new ConnectorReader([BELL, SECCOMP_DEATH])
        const fd = yield* openConnector(sys, [1, 5, 21])
        yield* askForProcesses(sys, fd, true, { seq: 9, ack: 4 })
        yield* sendMessage(sys, fd, { id: A, seq: 3, data: Uint8Array.of(1, 2) })
        while (seen.length < 4)
          for (const event of yield* reader.events(sys, fd)) {
            if (event.kind === 'published' && event.name === 'bell:rung') event.record.times.toFixed()
            seen.push(event)
          }
      },
    })
    k.run()
    expect(heard).toMatchObject([{ id: A, seq: 3, data: Uint8Array.of(1, 2) }])
    const { pid } = k.spawn()
    k.connector.send({ id: A, seq: 8 })
    publish(coreOf(k as never), BELL, { times: 2, by: 'a hand' })
    k.run()
    expect(seen).toMatchObject([
      { kind: 'none', err: 0, seq: 9, ack: 5 },
      { kind: 'fork', parentPid: 1, childPid: pid, seq: 0, ack: 0 },
      { kind: 'message', msg: { id: A, seq: 8, len: 0 } },
      { kind: 'published', name: 'bell:rung', seq: 0, ack: 0, record: { times: 2, by: 'a hand' } },
    ])
    expect(listener.state).toBe('dead')
  })

  it('hears of a loss, and of the end of its socket', () => {
    const { k, root } = scene()
    const fd = listen(root, 5)
    const reader = new ConnectorReader()
    for (let n = 0; n < 1000; n++) k.connector.send({ id: A, seq: n, data: new Uint8Array(400) })
    const kinds = [...reader.pending(root.sys, fd)].map(({ kind }) => kind)
    expect(kinds[0]).toBe('overrun')
    expect(new Set(kinds.slice(1))).toEqual(new Set(['message']))
    expect(kinds.length).toBeLessThan(1000)
    ok(root.sys.close(fd))
    expect([...reader.pending(root.sys, fd)]).toEqual([{ kind: 'failed', errno: EBADF }])
  })

  it('cannot listen without CAP_NET_ADMIN, nor to a group that there is not, and leaves no descriptor', () => {
    const { k } = scene()
    const results: number[] = []
    k.spawn({
      uid: 1000,
      *program(sys) {
        results.push(yield* openConnector(sys, [1]))
        for (const group of [0, 33, 1.5, -1]) results.push(yield* openConnector(sys, [group]))
        results.push(yield* openConnector(sys, []))
      },
    })
    k.run()
    expect(results).toEqual([EPERM, EINVAL, EINVAL, EINVAL, EINVAL, 0])
  })

  it('takes what is no message for nothing, and a record that is cut off for a message', () => {
    const reader = new ConnectorReader([BELL])
    expect(reader.decode(new Uint8Array(15))).toEqual([])
    const { k, root } = scene()
    const fd = listen(root, 21)
    k.connector.send({ id: { idx: 21, val: 1 }, data: new Uint8Array(19) }, 21)
    expect([...reader.pending(root.sys, fd)]).toMatchObject([{ kind: 'message', msg: { len: 19 } }])
  })

  it('two kinds of one number cannot be told apart', () => {
    const other = defineEvent('other:bell', 21, 1, {})
    expect(() => new ConnectorReader([BELL, other])).toThrow('two kinds of events have the same numbers')
  })
})

describe('events that are published', () => {
  it('have their two numbers as id, the first as group, a counter of their kind as seq, and the record as data', () => {
    const { k, root } = scene()
    const fd = listen(root, 21)
    for (const times of [1, 2]) publish(coreOf(k as never), BELL, { times, by: 'x' })
    const bytes = recvRaw(root, fd) as Uint8Array
    expect(hex(bytes)).toBe(
      `${'38000000'}0300000000000000${'00000000'}${'15000000'}${'01000000'}${'00000000'}00000000${'1400'}0000` +
        `${'01000000'}${'78'.padEnd(32, '0')}`,
    )
    expect(drain(root, fd)).toMatchObject([{ seq: 1, ack: 0, len: 20 }])
  })

  it('refusals: with a reason that fits, however long the path', () => {
    const { k, root } = scene()
    const fd = listen(root, SECURITY_DENY.idx)
    const path = `/tmp/${'é'.repeat(120)}`
    ok(root.sys.mkdir(path, 0o700))
    ok(root.sys.mkdir(`${path}/${'é'.repeat(120)}`, 0o700))
    writeFile(root as never, `${path}/${'é'.repeat(120)}/x`, '', 0o600)
    ok(root.sys.chmod(path, 0o755))
    ok(root.sys.chmod(`${path}/${'é'.repeat(120)}`, 0o755))
    const user = k.spawn({ uid: 1000 })
    expect(user.sys.open(`${path}/${'é'.repeat(120)}/x`, O_RDONLY)).toBe(EACCES)
    const bytes = recvRaw(root, fd) as Uint8Array
    expect(bytes.length).toBeLessThanOrEqual(1024)
    const [event] = new ConnectorReader([SECURITY_DENY]).decode(bytes)
    expect(event).toMatchObject({ kind: 'published', record: { pid: user.pid, call: 'open', errno: EACCES } })
    const reason = event?.kind === 'published' ? event.record.reason : ''
    expect(k.why(user)?.sentence.startsWith(reason)).toBe(true)
    expect(reason.length).toBeGreaterThan(100)
  })

  it('cost no counter and no message while nobody listens', () => {
    const { k, root } = scene()
    for (let n = 0; n < 3; n++) publish(coreOf(k as never), BELL, { times: n, by: '' })
    const fd = listen(root, 21)
    publish(coreOf(k as never), BELL, { times: 9, by: '' })
    expect(drain(root, fd).map(({ seq }) => seq)).toEqual([0])
  })
})

describe('the host that listens', () => {
  it("gets events by their names: on('fork', …)", () => {
    const { k, root } = scene()
    const events = new ConnectorEmitter(root)
    const lines: string[] = []
    events.on('none', ({ err }) => lines.push(`none ${err}`))
    events.on('fork', ({ parentPid, childPid }) => lines.push(`fork ${parentPid} ${childPid}`))
    events.on('exec', ({ pid }) => lines.push(`exec ${pid}`))
    events.on('uid', ({ ruid }) => lines.push(`uid ${ruid}`))
    events.on('gid', ({ rgid }) => lines.push(`gid ${rgid}`))
    events.on('exit', ({ pid, exitCode }) => lines.push(`exit ${pid} ${exitCode}`))
    k.install('/bin/five', function* () {
      return 5
    })
    const { pid } = k.spawn({
      uid: 7,
      *program(sys) {
        yield* sys.exec('/bin/five', ['five'], [])
      },
    })
    expect(events.run(k)).toBe(7)
    expect(lines).toEqual([
      `none ${PROC_EVENT_NONE}`,
      `fork 1 ${pid}`,
      'gid 7',
      'uid 7',
      `exec ${pid}`,
      `exec ${pid}`,
      `exit ${pid} 1280`,
    ])
    events.close()
    expect(k.connector.listeners()).toBe(0)
    expect([events.drain(), events.fd]).toEqual([0, -1])
    events.close()
    checkInvariants(k as never)
  })

  it('goes on as far as it is told, with a kernel that never rests', () => {
    const { k, root } = scene()
    ok(k.cnTest.insmod())
    const events = new ConnectorEmitter(root)
    let forks = 0
    events.on('fork', () => forks++)
    k.spawn({
      *program(sys) {
        for (;;) {
          yield* sys.clone(SIGCHLD, function* () {})
          yield* sys.waitpid(-1)
          yield* sys.nanosleep(100)
        }
      },
    })
    events.run(k, { until: 1000 })
    expect([k.now, forks]).toEqual([1000, 12])
    events.run(k, { maxSteps: 5 })
    expect(forks).toBe(13)
  })

  it('gets published events by the names of their kinds, and nothing else unless it asks', () => {
    const { k, root } = scene()
    const events = new ConnectorEmitter(root, { kinds: [BELL, SECURITY_DENY], groups: [5] })
    const lines: unknown[] = []
    events.on('bell:rung', ({ times }, { seq }) => lines.push(['bell', times, seq]))
    events.on('security:deny', ({ call, check }) => lines.push([call, check]))
    events.on('message', ({ id }) => lines.push(id))
    events.on('fork', () => lines.push('fork'))
    publish(coreOf(k as never), BELL, { times: 3, by: '' })
    k.connector.send({ id: A })
    expect(k.spawn({ uid: 1 }).sys.setuid(0)).toBe(EPERM)
    expect(events.drain()).toBe(3)
    expect(lines).toEqual([['bell', 3, 0], A, ['setuid', 'capability']])
  })

  it('listeners may call into the kernel, and close', () => {
    const { k, root } = scene()
    const events = new ConnectorEmitter(root)
    let forks = 0
    events.on('fork', () => {
      if (++forks < 3) k.spawn()
      else events.close()
    })
    k.spawn()
    k.spawn()
    events.drain()
    expect(forks).toBe(3)
    expect(events.fd).toBe(-1)
  })

  it('hears of a loss, and of the end of its socket', () => {
    const { k, root } = scene()
    const events = new ConnectorEmitter(root, { groups: [5] })
    const lines: unknown[] = []
    events.on('overrun', () => lines.push('overrun'))
    events.on('failed', (errno) => lines.push(errno))
    for (let n = 0; n < 1000; n++) k.connector.send({ id: A, data: new Uint8Array(400) })
    events.drain()
    ok(root.sys.close(events.fd))
    events.drain()
    expect(lines).toEqual(['overrun', EBADF])
  })

  it('throws where the kernel refuses, or there is no network', () => {
    const { k } = scene()
    expect(() => new ConnectorEmitter(k.spawn({ uid: 1000 }))).toThrow('connector: opening a socket: EPERM')
    const other = createKernel({ profile: '2.6.14' }).spawn()
    expect(() => new ConnectorEmitter(other as never)).toThrow('connector: opening a socket: ENOSYS')
    expect(() => new ConnectorEmitter({ sys: {} } as never)).toThrow("this process has no call 'socket'")
  })
})

describe('§2.7 cn_test', () => {
  it('has two ids while it is loaded, and takes them away', () => {
    const { k } = scene()
    expect(k.cnTest.rmmod()).toBe(ENOENT)
    expect(k.cnTest.insmod()).toBe(0)
    expect(k.cnTest.insmod()).toBe(EEXIST)
    const ids = () => k.connector.clients().flatMap(({ id: { idx, val } }) => (idx === 0x123 ? [val] : []))
    expect(ids()).toEqual([0x456, 0x457])
    checkState(k as never)
    expect(k.cnTest.rmmod()).toBe(0)
    expect(ids()).toEqual([])
    k.run()
    expect(k.now).toBe(0)
  })

  it('sends a counter once a second to its group, which no socket can join: 0x123 is above the table', () => {
    const { k, root } = scene()
    ok(k.cnTest.insmod())
    const ear = listen(root, ...Array.from({ length: 32 }, (_, n) => n + 1))
    k.advance(3500)
    expect(drain(root, ear)).toEqual([])
    expect(coreOf(k as never).state.modules.get('cnTest')).toMatchObject({ counter: 3 })
    const copy = k.fork()
    copy.advance(1000)
    expect(coreOf(copy as never).state.modules.get('cnTest')).toMatchObject({ counter: 4 })
    expect(coreOf(k as never).state.modules.get('cnTest')).toMatchObject({ counter: 3 })
  })

  it('says in the log what it is sent', () => {
    const { k, root } = scene()
    ok(k.cnTest.insmod())
    const fd = listen(root)
    const data = Uint8Array.from(Buffer.from('hello\0'))
    send(root as never, fd, { id: CN_TEST_ID, seq: 1, ack: 2, data })
    send(root as never, fd, { id: { idx: 0x123, val: 0x457 }, seq: 3 })
    expect(coreOf(k as never).state.log.slice(-2)).toEqual([
      'cn_test_callback: 0: idx=123, val=456, seq=1, ack=2, len=6: hello.',
      'cn_test_callback: 0: idx=123, val=457, seq=3, ack=0, len=0: .',
    ])
  })

  it('is not loaded where an id of its is taken, and leaves nothing', () => {
    const { k } = scene()
    ok(k.connector.addCallback({ idx: 0x123, val: 0x457 }, 'squatter', 'note'))
    expect(k.cnTest.insmod()).toBe(EINVAL)
    expect(k.connector.clients().filter(({ name }) => name === 'cn_test')).toEqual([])
    expect(k.cnTest.rmmod()).toBe(ENOENT)
  })
})
