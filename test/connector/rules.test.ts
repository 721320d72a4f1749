/** The connector's rules one by one. Reference §2.5, §2.6, §2.9, §2.10. */
import {
  contextOf,
  createKernel,
  defineModule,
  ECONNREFUSED,
  EINVAL,
  ENOBUFS,
  ENODEV,
  ENOMEM,
  EPERM,
  ESRCH,
  KernelBug,
  markBh,
  POLLERR,
  POLLIN,
} from 'paleokernel'
import {
  type CbId,
  type CnCtlMsg,
  type CnNotifyReq,
  type ConnectorOptions,
  cnAddCallback,
  cnReply,
  connector,
  encodeCnCtl,
  isReply,
} from 'paleokernel/connector'
import { AF_NETLINK, net, SOCK_DGRAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { checkInvariants, checkState, coreOf, handle, ok } from '../helpers/world.js'
import {
  drain,
  hex,
  listen,
  NETLINK_CONNECTOR,
  recvRaw,
  send,
  sendRaw,
  type World,
  wire,
  world,
} from './world.js'

const A: CbId = { idx: 5, val: 1 }
const text = (words: string): Uint8Array => Uint8Array.from(Buffer.from(words))

/** Lets the first point of this name fail in `act`. */
function without(k: World['k'], name: string, act: () => void): void {
  let passed = 0
  k.faults.failWhen((point) => point.name === name && passed++ === 0)
  act()
  k.faults.off()
}
const CONTROL: CbId = { idx: 0xffffffff, val: 0xffffffff }

/** A client whose callback notes what it gets. */
function withClient(options: ConnectorOptions = {}): World & { fd: number } {
  const made = world(options)
  expect(made.k.connector.addCallback(A, 'a client', 'note')).toBe(0)
  return { ...made, fd: listen(made.root) }
}

describe('§2.5 cn_add_callback and cn_del_callback', () => {
  it('§2.10.10: a duplicate is EINVAL', () => {
    const { k } = withClient()
    expect(k.connector.addCallback(A, 'another', 'note')).toBe(EINVAL)
    expect(k.connector.addCallback({ idx: 5, val: 2 }, 'another', 'note')).toBe(0)
  })

  it('§2.10.10: what is not there can be taken away, and who has asked is told with ack 1', () => {
    const { k, root, fd } = withClient()
    const ear = listen(root, 7)
    ask(root, fd, [{ first: 0, range: 100 }], [{ first: 0, range: 100 }], 7)
    k.connector.delCallback({ idx: 9, val: 9 })
    expect(drain(root, ear)).toMatchObject([{ id: { idx: 9, val: 9 }, seq: 0, ack: 1, len: 0 }])
  })

  it('a client has the group of its idx, and a name of 31 characters', () => {
    const { k } = world()
    ok(k.connector.addCallback(A, 'x'.repeat(40), 'note'))
    expect(k.connector.clients()).toEqual([
      { id: CONTROL, name: 'connector', handler: 'connector', waiting: 0 },
      { id: A, name: 'x'.repeat(31), handler: 'note', waiting: 0 },
    ])
  })

  it('ENOMEM, and nothing has happened', () => {
    const { k } = world()
    without(k, 'alloc:connector', () => {
      expect(k.connector.addCallback(A, 'a', 'note')).toBe(ENOMEM)
    })
    expect(k.connector.clients().length).toBe(1)
  })

  it('a client that is gone gets no more; what waits has been served before', () => {
    const { k, heard, root, fd } = withClient({ workDelay: 10 })
    send(root, fd, { id: A, seq: 1 })
    expect(k.connector.clients()[1]?.waiting).toBe(1)
    k.connector.delCallback(A)
    expect(heard.map(({ seq }) => seq)).toEqual([1])
    send(root, fd, { id: A, seq: 2 })
    k.run()
    expect(heard.length).toBe(1)
    checkInvariants(k)
  })

  it('a client can go in its own callback', () => {
    const { k, root } = world({
      callbacks: { leaves: (core) => core.workHandlers.get('note') && k.connector.delCallback(A) },
    })
    ok(k.connector.addCallback(A, 'a', 'leaves'))
    const fd = listen(root)
    send(root, fd, { id: A })
    expect(k.connector.clients().length).toBe(1)
    checkInvariants(k)
  })

  it('may sleep: a KernelBug outside process context', () => {
    const bells = defineModule({
      name: 'bells',
      requires: ['connector'],
      init: () => null,
      attach: (core) => ({
        api: null,
        bottomHalves: { 'bells.add': () => void cnAddCallback(core, A, 'a', 'note') },
      }),
    })
    const k = createKernel({
      profile: '2.6.14',
      modules: [net(), connector({ callbacks: { note: () => {} } }), bells],
    })
    markBh(coreOf(k), 'bells.add', null)
    expect(() => k.run()).toThrow(KernelBug)
  })
})

describe('§2.5 cn_netlink_send', () => {
  it('§2.10.6: group 0 is the group of the client with this very id; without one ENODEV; without listeners 0', () => {
    const { k, root } = withClient()
    const ear = listen(root, 5)
    expect(k.connector.send({ id: A, data: text('hi') })).toBe(0)
    expect(k.connector.send({ id: { idx: 5, val: 2 } })).toBe(ENODEV)
    expect(drain(root, ear)).toMatchObject([{ id: A, len: 2 }])
    ok(k.connector.addCallback({ idx: 6, val: 1 }, 'unheard', 'note'))
    expect(k.connector.send({ id: { idx: 6, val: 1 } })).toBe(0)
  })

  it('§2.5.1: a group is used as it is given, by whoever sends', () => {
    const { k, root } = world()
    const ear = listen(root, 30)
    expect(k.connector.send({ id: { idx: 1000, val: 2 } }, 30)).toBe(0)
    expect(drain(root, ear)).toMatchObject([{ id: { idx: 1000, val: 2 } }])
  })

  it('§2.10.7: nlmsg_len counts the bytes behind the data: 40 for three of them', () => {
    const { k, root } = withClient()
    const ear = listen(root, 5)
    k.connector.send({ id: A, seq: 0x01020304, ack: 9, data: Uint8Array.of(1, 2, 3) })
    expect(hex(recvRaw(root, ear) as Uint8Array)).toBe(
      '28000000' +
        '0300' +
        '0000' +
        '04030201' +
        '00000000' + // nlmsghdr: DONE, no flags, seq, port 0
        '05000000' +
        '01000000' +
        '04030201' +
        '09000000' +
        '0300' +
        '0000' +
        '010203' +
        '00',
    )
  })

  it('§2.5: a message that nobody has room for is 0 all the same', () => {
    const { k, root } = withClient()
    listen(root, 5)
    for (let n = 0; n < 2000; n++) expect(k.connector.send({ id: A, data: new Uint8Array(500) })).toBe(0)
  })

  it('§2.10.4, §2.10.13: who has no room hears ENOBUFS once and first, POLLERR until then, and nothing new until it has read all', () => {
    const { k, root } = withClient()
    const ear = listen(root, 5)
    for (let seq = 0; seq < 500; seq++) k.connector.send({ id: A, seq, data: new Uint8Array(900) })
    const poll = (): number => {
      const entry = { fd: ear, events: POLLIN, revents: 0 }
      root.sys.poll([entry], 0)
      return entry.revents
    }
    expect(poll()).toBe(POLLIN | POLLERR)
    expect(recvRaw(root, ear)).toBe(ENOBUFS)
    expect(poll()).toBe(POLLIN)
    const first = recvRaw(root, ear)
    expect(first).toBeInstanceOf(Uint8Array)
    k.connector.send({ id: A, seq: 1000 })
    const seqs = drain(root, ear).map(({ seq }) => seq)
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, n) => n + 1))
    expect(seqs.length).toBeGreaterThan(50)
    expect(seqs.length).toBeLessThan(499)
    expect(poll()).toBe(0)
    k.connector.send({ id: A, seq: 1001 })
    expect(drain(root, ear)).toMatchObject([{ seq: 1001 }])
  })

  it('§2.5: groups above the table reach nobody, that of the control client least of all', () => {
    const { k, root } = world()
    listen(root, ...Array.from({ length: 32 }, (_, n) => n + 1))
    for (const group of [33, 1000, 0xffffffff]) expect(k.connector.send({ id: CONTROL }, group)).toBe(0)
    const fd = listen(root)
    const number = new Uint8Array(4)
    number[0] = 33
    expect(root.sys.setsockopt(fd, 270, 1, number)).toBe(EINVAL)
  })

  it('ENOMEM', () => {
    const { k } = withClient()
    without(k, 'alloc:skb', () => expect(k.connector.send({ id: A })).toBe(ENOMEM))
  })
})

describe('§2.6 from programs to clients', () => {
  it('§2.6.1: anybody may send, and nobody without CAP_NET_ADMIN may listen', () => {
    const { k, heard } = withClient()
    const user = k.spawn({ uid: 1000 })
    const fd = listen(user)
    expect(send(user, fd, { id: A, data: text('hi') })).toBe(38)
    expect(heard).toEqual([{ id: A, seq: 0, ack: 0, len: 2, flags: 0, data: text('hi') }])
    const other = ok(user.sys.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR))
    expect(user.sys.bind(other, { family: AF_NETLINK, pid: 0, groups: 16 })).toBe(EPERM)
  })

  const id = (bytes: Uint8Array): Uint8Array => bytes
  it.each<[string, number, (bytes: Uint8Array) => Uint8Array]>([
    ['§2.6.2: less than a header of netlink', 0, (bytes) => bytes.subarray(0, 15)],
    ['§2.6.2: nlmsg_len 19', 0, (bytes) => lengthOf(bytes, 19)],
    ['§2.6.2: nlmsg_len 20 is enough, where the rest is there', 1, (bytes) => lengthOf(bytes, 20)],
    ['§2.6.2: nlmsg_len above the datagram', 0, (bytes) => lengthOf(bytes, 37)],
    ['§2.6.2: nlmsg_len 0xffffffff', 0, (bytes) => lengthOf(bytes, 0xffffffff)],
    ['§2.6.2: a datagram that ends in the second header', 0, (bytes) => lengthOf(bytes.subarray(0, 35), 20)],
    ['§2.10.8: nlmsg_len 1024', 1, () => wire({ id: A, data: new Uint8Array(1024 - 36) })],
    ['§2.10.8: nlmsg_len 1025', 0, () => wire({ id: A, data: new Uint8Array(1025 - 36) })],
    [
      '§2.6.2: any type and flags',
      1,
      (bytes) => Uint8Array.from(bytes, (byte, n) => (n > 3 && n < 16 ? 0xff : byte)),
    ],
    ['§2.6.3: an idx that nobody has', 0, () => wire({ id: { idx: 6, val: 1 } })],
    ['§2.6.3: a val that nobody has', 0, () => wire({ id: { idx: 5, val: 2 } })],
    ['§2.10.9: of two messages the first', 1, (bytes) => Uint8Array.of(...bytes, ...bytes)],
    ['a whole message', 1, id],
  ])('%s: %i callbacks, no error', (_what, count, make) => {
    const { k, heard, root, fd } = withClient()
    const bytes = make(wire({ id: A }))
    expect(sendRaw(root, fd, bytes)).toBe(bytes.length)
    expect(heard.length).toBe(count)
    expect(drain(root, fd)).toEqual([])
    checkInvariants(k)
  })

  it('§2.6.5: data behind the end of the datagram are not there; `len` says what the sender said', () => {
    const { heard, root, fd } = withClient()
    send(root, fd, { id: A, len: 500, data: text('four') })
    expect(heard).toMatchObject([{ len: 500, data: text('four') }])
  })

  it('§2.6.5: data behind nlmsg_len and within the datagram are there', () => {
    const { heard, root, fd } = withClient()
    sendRaw(root, fd, lengthOf(wire({ id: A, data: text('four') }), 20))
    expect(heard).toMatchObject([{ len: 4, data: text('four') }])
  })

  it('§2.10.12: callbacks run when the call has returned, in process context, in the order of sending', () => {
    const lines: string[] = []
    const { k } = world({
      callbacks: {
        note: (core, { id: { val }, seq }) => void lines.push(`${contextOf(core)} ${val}: ${seq}`),
      },
    })
    for (const val of [1, 2]) ok(k.connector.addCallback({ idx: 5, val }, 'client', 'note'))
    k.trace.on('syscall:exit', ({ name }) => name === 'sendto' && lines.push('sendto returns'))
    k.spawn({
      *program(sys) {
        const fd = (yield* sys.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR)) as number
        for (const [val, seq] of [
          [1, 1],
          [2, 2],
          [1, 3],
        ] as const)
          yield* sys.sendto(fd, wire({ id: { idx: 5, val }, seq }), 0, {
            family: AF_NETLINK,
            pid: 0,
            groups: 0,
          })
      },
    })
    k.run()
    const returns = 'sendto returns'
    expect(lines).toEqual([returns, 'process 1: 1', returns, 'process 2: 2', returns, 'process 1: 3'])
  })

  it('§2.6.4: a burst before the worker comes is not lost, and first come is first served', () => {
    const { k, heard, root, fd } = withClient({ workDelay: 5 })
    ok(k.connector.addCallback({ idx: 6, val: 1 }, 'other', 'note'))
    for (let seq = 0; seq < 50; seq++) send(root, fd, { id: { idx: 5 + (seq % 2), val: 1 }, seq })
    expect(heard).toEqual([])
    checkInvariants(k)
    checkState(k)
    const copy = k.fork()
    expect(copy.digest()).toBe(k.digest())
    k.advance(5)
    expect(heard.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, n) => n))
    copy.advance(5)
    expect(heard.length).toBe(100)
    expect(copy.connector.clients().map(({ waiting }) => waiting)).toEqual([0, 0, 0])
  })

  it('§2.6.4: of a burst, what there is no memory for is dropped, but never the first', () => {
    const { k, heard, root, fd } = withClient({ workDelay: 5 })
    without(k, 'alloc:connector', () => {
      for (const seq of [1, 2, 3]) send(root, fd, { id: A, seq })
    })
    k.run()
    expect(heard.map(({ seq }) => seq)).toEqual([1, 3])
  })

  it('a callback that throws is heard of, and the others run', () => {
    const seqs: number[] = []
    const { k, root } = world({
      workDelay: 1,
      callbacks: {
        bad(_k, { seq }) {
          if (seq === 1) throw new RangeError('oops')
          seqs.push(seq)
        },
      },
    })
    ok(k.connector.addCallback(A, 'bad', 'bad'))
    const fd = listen(root)
    for (const seq of [0, 1, 2]) send(root, fd, { id: A, seq })
    expect(() => k.run()).toThrow('oops')
    k.run()
    expect(seqs).toEqual([0, 2])
    checkInvariants(k)
  })
})

/** The same bytes with another nlmsg_len. */
function lengthOf(bytes: Uint8Array, length: number): Uint8Array {
  const copy = bytes.slice()
  new DataView(copy.buffer).setUint32(0, length, true)
  return copy
}

function ask(
  p: World['root'],
  fd: number,
  idx: readonly CnNotifyReq[],
  val: readonly CnNotifyReq[],
  group: number,
): void {
  send(p, fd, { id: CONTROL, data: encodeCnCtl({ idx, val, group }) })
}

describe('§2.6 the control client', () => {
  const FIVE = [{ first: 5, range: 1 }]
  const TEN = [{ first: 0, range: 10 }]

  it('§2.10.11: idx [5,6) and val [0,10): {5,3} is told, {5,11} is not', () => {
    const { k, root } = world()
    const [fd, ear] = [listen(root), listen(root, 8)]
    ask(root, fd, FIVE, TEN, 8)
    ok(k.connector.addCallback({ idx: 5, val: 3 }, 'a', 'note'))
    ok(k.connector.addCallback({ idx: 5, val: 11 }, 'b', 'note'))
    k.connector.delCallback({ idx: 5, val: 3 })
    expect(drain(root, ear)).toEqual(
      [0, 1].map((ack) => ({
        id: { idx: 5, val: 3 },
        seq: 0,
        ack,
        len: 0,
        flags: 0,
        data: new Uint8Array(0),
      })),
    )
  })

  const told = (
    idx: readonly CnNotifyReq[],
    val: readonly CnNotifyReq[],
    id: CbId,
    options?: ConnectorOptions,
  ) => {
    const { k, root } = world(options)
    const [fd, ear] = [listen(root), listen(root, 8)]
    ask(root, fd, idx, val, 8)
    ok(k.connector.addCallback(id, 'a', 'note'))
    return drain(root, ear).length === 1
  }

  it.each<[string, readonly CnNotifyReq[], readonly CnNotifyReq[], CbId, boolean]>([
    [
      'some range of each',
      [{ first: 1, range: 1 }, ...FIVE],
      [{ first: 90, range: 1 }, ...TEN],
      { idx: 5, val: 9 },
      true,
    ],
    ['no range of val', FIVE, [{ first: 90, range: 1 }], { idx: 5, val: 9 }, false],
    ['no range of idx', [{ first: 1, range: 4 }], TEN, { idx: 5, val: 9 }, false],
    ['the end of a range', FIVE, TEN, { idx: 5, val: 10 }, false],
    ['an empty range', [{ first: 5, range: 0 }], TEN, { idx: 5, val: 1 }, false],
    ['no ranges of idx at all', [], TEN, { idx: 5, val: 1 }, false],
    ['no ranges of val at all', FIVE, [], { idx: 5, val: 1 }, false],
    ['a range that wraps to 4', [{ first: 0xfffffffe, range: 6 }], TEN, { idx: 0xfffffffe, val: 1 }, false],
    ['the last number but one', [{ first: 0xfffffffe, range: 1 }], TEN, { idx: 0xfffffffe, val: 1 }, true],
  ])('§2.6: %s', (_what, idx, val, id, isTold) => {
    expect(told(idx, val, id)).toBe(isTold)
  })

  it('§2.6: equal requests are kept twice, and group 0 takes all equal ones back, whatever their group', () => {
    const { k, root } = world()
    const [fd, ear] = [listen(root), listen(root, 8, 9)]
    for (const group of [8, 8, 9]) ask(root, fd, FIVE, TEN, group)
    ask(root, fd, FIVE, FIVE, 8)
    ok(k.connector.addCallback({ idx: 5, val: 5 }, 'a', 'note'))
    expect(drain(root, ear).length).toBe(4)
    ask(root, fd, FIVE, TEN, 0)
    k.connector.delCallback({ idx: 5, val: 5 })
    expect(drain(root, ear).length).toBe(1)
  })

  it('§2.6: the newest request is told first', () => {
    const { k, root } = world()
    const fd = listen(root)
    const ear = ok(root.sys.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR))
    ok(root.sys.bind(ear, { family: AF_NETLINK, pid: 0, groups: 0b1100 }))
    for (const group of [3, 4]) ask(root, fd, FIVE, TEN, group)
    ok(k.connector.addCallback(A, 'a', 'note'))
    const groups = [0, 1].map(() => {
      const from = {}
      ok(root.sys.recvfrom(ear, new Uint8Array(100), 0, from))
      return (from as { groups: number }).groups
    })
    expect(groups).toEqual([8, 4])
  })

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['half a header', new Uint8Array(15)],
    ['a count too many', spoiled(0, 2)],
    ['another len', spoiled(12, 8)],
    ['counts that make 0 in 32 bits', spoiled(0, 0x80000001)],
  ])('§2.6: ignores %s', (_what, data) => {
    const { k, root } = world()
    const [fd, ear] = [listen(root), listen(root, 8)]
    send(root, fd, { id: CONTROL, data })
    ok(k.connector.addCallback(A, 'a', 'note'))
    expect(drain(root, ear)).toEqual([])
  })

  it('§2.6: ignores what says that it is longer than it is', () => {
    const { k, root } = world()
    const [fd, ear] = [listen(root), listen(root, 8)]
    send(root, fd, { id: CONTROL, len: 40, data: spoiled(12, 16) })
    ok(k.connector.addCallback(A, 'a', 'note'))
    expect(drain(root, ear)).toEqual([])
  })

  it('§2.4: has another id where the parameters say so', () => {
    const control = { idx: 4, val: 2 }
    const { k, root } = world({ control })
    const [fd, ear] = [listen(root), listen(root, 8)]
    send(root, fd, { id: control, data: encodeCnCtl({ idx: FIVE, val: TEN, group: 8 }) })
    ok(k.connector.addCallback(A, 'a', 'note'))
    expect(drain(root, ear).length).toBe(1)
    expect(k.connector.addCallback(control, 'a', 'note')).toBe(EINVAL)
  })

  it("option notices 'literal': ranges of val are looked for from the range of idx on that has matched", () => {
    const literal = { notices: 'literal' } as const
    expect(told(FIVE, TEN, { idx: 5, val: 3 }, literal)).toBe(false)
    expect(told(FIVE, TEN, { idx: 5, val: 5 }, literal)).toBe(true)
    expect(told([{ first: 1, range: 1 }, ...FIVE], [...FIVE, ...TEN], { idx: 5, val: 3 }, literal)).toBe(
      false,
    )
    expect(told([{ first: 1, range: 1 }, ...FIVE], [...TEN, ...FIVE], { idx: 5, val: 3 }, literal)).toBe(true)
  })

  it("option notices 'none': nobody is told", () => {
    expect(told(FIVE, TEN, { idx: 5, val: 3 }, { notices: 'none' })).toBe(false)
  })
})

/** A good control message with another word at `at`. */
function spoiled(at: number, word: number): Uint8Array {
  const ctl: CnCtlMsg = { idx: [{ first: 0, range: 100 }], val: [{ first: 0, range: 100 }], group: 8 }
  const bytes = encodeCnCtl(ctl)
  new DataView(bytes.buffer).setUint32(at, word, true)
  return bytes
}

describe('§2.6 seq and ack', () => {
  const request = { id: A, seq: 7, ack: 0xffffffff }

  it('an answer keeps seq and has ack plus one', () => {
    expect(cnReply(request)).toEqual({ id: A, seq: 7, ack: 0 })
    expect(cnReply(request, Uint8Array.of(1))).toEqual({ id: A, seq: 7, ack: 0, data: Uint8Array.of(1) })
    expect(isReply(request, { id: A, seq: 7, ack: 0 })).toBe(true)
  })

  it.each([
    { id: A, seq: 8, ack: 0 },
    { id: A, seq: 7, ack: 1 },
    { id: A, seq: 7, ack: 0xffffffff },
    { id: { idx: 5, val: 2 }, seq: 7, ack: 0 },
    { id: { idx: 6, val: 1 }, seq: 7, ack: 0 },
  ])('everything else is a new message: %o', (msg) => expect(isReply(request, msg)).toBe(false))

  it('a client answers, and the program that asked knows the answer', () => {
    const { k, root } = world({
      callbacks: { echo: (_core, msg) => void k.connector.send(cnReply(msg, msg.data)) },
    })
    ok(k.connector.addCallback(A, 'echo', 'echo'))
    const fd = listen(root, 5)
    k.connector.send({ id: A, seq: 1, ack: 0 })
    send(root, fd, { id: A, seq: 1, ack: 77, data: text('who?') })
    expect(drain(root, fd).map((msg) => isReply({ id: A, seq: 1, ack: 77 }, msg))).toEqual([false, true])
  })
})

describe('§2.9 later behaviours', () => {
  it("delivery 'synchronous': in the sender's call, and with what is known of the sender", () => {
    const lines: unknown[] = []
    const { k } = world({
      delivery: 'synchronous',
      callbacks: { note: (_core, { seq }, sender) => void lines.push(seq, sender) },
    })
    ok(k.connector.addCallback(A, 'a', 'note'))
    k.trace.on('syscall:exit', ({ name }) => name === 'sendto' && lines.push('returns'))
    const user = k.spawn({ uid: 1000, gid: 100 })
    send(user, listen(user), { id: A, seq: 3 })
    expect(lines).toEqual([3, { port: user.pid, pid: user.pid, uid: 1000, gid: 100, caps: 0 }, 'returns'])
  })

  it("delivery 'deferred': a callback is not told who has sent", () => {
    const senders: unknown[] = []
    const { k, root } = world({ callbacks: { note: (_core, _msg, sender) => void senders.push(sender) } })
    ok(k.connector.addCallback(A, 'a', 'note'))
    send(root, listen(root), { id: A })
    expect(senders).toEqual([null])
  })

  it("nlmsgLength 'exact': the bytes behind the data are there and not counted", () => {
    const { k, root } = withClient({ nlmsgLength: 'exact' })
    const ear = listen(root, 5)
    k.connector.send({ id: A, data: Uint8Array.of(1, 2, 3) })
    const bytes = recvRaw(root, ear) as Uint8Array
    expect([bytes.length, bytes[0]]).toEqual([40, 39])
  })

  it.each([
    [20, 1],
    [36, 0],
  ] as const)('leastLength %i: an nlmsg_len of 35 makes %i callbacks', (leastLength, count) => {
    const { heard, root, fd } = withClient({ leastLength })
    sendRaw(root, fd, lengthOf(wire({ id: A }), 35))
    expect(heard.length).toBe(count)
    sendRaw(root, fd, wire({ id: A }))
    expect(heard.length).toBe(count + 1)
  })

  it("overlong 'drop': who says that there is more than there is, is not heard", () => {
    const { heard, root, fd } = withClient({ overlong: 'drop' })
    send(root, fd, { id: A, len: 5, data: text('four') })
    send(root, fd, { id: A, len: 3, data: text('four') })
    expect(heard).toMatchObject([{ len: 3, data: text('fou') }])
  })

  it('saysNobodyListens: ESRCH', () => {
    const { k, root } = withClient({ saysNobodyListens: true })
    expect(k.connector.send({ id: A })).toBe(ESRCH)
    listen(root, 5)
    expect(k.connector.send({ id: A })).toBe(0)
  })

  it('unprivilegedListen: anybody may', () => {
    const { k } = withClient({ unprivilegedListen: true })
    const user = k.spawn({ uid: 1000 })
    const ear = listen(user, 5)
    k.connector.send({ id: A })
    expect(drain(user, ear).length).toBe(1)
  })
})

describe('bad input from the host', () => {
  it.each<[string, unknown, string]>([
    ['an unknown option', { speed: 1 }, "connector: there is no option 'speed'"],
    ['no layout', { processEvents: '2.4' }, 'processEvents must be one of false, 2.6.15, 2.6.18, not 2.4'],
    ['no delay', { workDelay: -1 }, 'workDelay must be milliseconds from 0 on, not -1'],
    ['an endless delay', { workDelay: Number.POSITIVE_INFINITY }, 'workDelay must be'],
    ['no id', { control: { idx: -1, val: 0 } }, 'connector: control: an id is { idx, val }'],
    ['no callback', { callbacks: { a: 1 } }, "connector: callback 'a' is not a function"],
    ['a taken name', { callbacks: { cn_proc: () => {} } }, "the callback 'cn_proc' is the module's own"],
    [
      'a taken id',
      { control: { idx: 1, val: 1 }, processEvents: '2.6.15' },
      'control must not have the id of the process events',
    ],
  ])('%s is a TypeError', (_what, options, message) => {
    expect(() => connector(options as ConnectorOptions)).toThrow(TypeError)
    expect(() => connector(options as ConnectorOptions)).toThrow(message)
  })

  it.each(['2.0.35', '2.2.12'] as const)('%s has no connector', (profile) => {
    expect(() => createKernel({ profile, modules: [net(), connector()] })).toThrow(
      `connector: ${profile} has none: take the profile 2.6.14`,
    )
  })

  it.each<[string, (k: World['k']) => unknown, string]>([
    ['no id', (k) => k.connector.send({ id: { idx: 1.5, val: 1 } }), 'an id is { idx, val }'],
    ['no message', (k) => k.connector.send(null as never), 'an id is { idx, val }'],
    ['a negative seq', (k) => k.connector.send({ id: A, seq: -1 }), 'seq must be an unsigned number, not -1'],
    ['no group', (k) => k.connector.send({ id: A }, 2 ** 32), 'group must be an unsigned number'],
    [
      'flags of 17 bits',
      (k) => k.connector.send({ id: A, flags: 65536 }),
      'flags must be an unsigned number',
    ],
    ['text', (k) => k.connector.send({ id: A, data: 'hi' as never }), 'data must be a Uint8Array'],
    ['too much', (k) => k.connector.send({ id: A, data: new Uint8Array(65536) }), 'at most 65535 bytes'],
    [
      'no callback',
      (k) => k.connector.addCallback(A, 'a', 'nobody'),
      "nobody contributes a callback 'nobody'",
    ],
    ['no id to add', (k) => k.connector.addCallback({} as never, 'a', 'note'), 'an id is { idx, val }'],
    ['no id to take', (k) => k.connector.delCallback(null as never), 'an id is { idx, val }'],
  ])('%s is a TypeError, and nothing has happened', (_what, act, message) => {
    const { k } = withClient()
    const before = k.digest()
    expect(() => act(k)).toThrow(TypeError)
    expect(() => act(k)).toThrow(message)
    expect(k.digest()).toBe(before)
  })
})

describe('the kernel around it', () => {
  it('without the module, the protocol takes nothing', () => {
    const k = createKernel({ profile: '2.6.14', modules: [net()] })
    const p = k.spawn()
    const fd = ok(p.sys.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR))
    expect(p.sys.sendto(fd, wire({ id: A }), 0, { family: AF_NETLINK, pid: 0, groups: 0 })).toBe(ECONNREFUSED)
  })

  it('is copied and restored with the kernel', () => {
    const { k, root, fd } = withClient()
    ask(root, fd, [{ first: 5, range: 1 }], [{ first: 0, range: 9 }], 8)
    const snapshot = k.snapshot()
    const before = k.digest()
    k.connector.delCallback(A)
    const copy = k.fork()
    k.restore(snapshot)
    expect(k.digest()).toBe(before)
    expect(k.connector.clients().length).toBe(2)
    expect(copy.connector.clients().length).toBe(1)
    const ear = listen(handle(k as never, root.pid) as never, 8)
    k.connector.delCallback(A)
    expect(drain(root, ear)).toMatchObject([{ id: A, ack: 1 }])
    checkState(k)
  })
})
