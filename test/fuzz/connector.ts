/**
 * Messages to the connector that nobody should send, and a second opinion on each: which callback gets what. One round is
 * one kernel, given by a seed, with clients that come and go, listeners, and a bystander whose socket nothing may touch.
 */
import { checkInvariants, createKernel, isErr } from 'paleokernel'
import { type CbId, type CnMsg, connector, encodeCnCtl, encodeCnMsg } from 'paleokernel/connector'
import { AF_NETLINK, MSG_DONTWAIT, net, SO_RCVBUF, SOCK_DGRAM, SOL_SOCKET } from 'paleokernel/net'
import { Dice } from './dice.js'
import { Finding } from './packets.js'

const CONNECTOR = 11
const USERSOCK = 2
const KERNEL = { family: AF_NETLINK, pid: 0, groups: 0 } as const
const IDS: readonly CbId[] = [
  { idx: 5, val: 1 },
  { idx: 5, val: 2 },
  { idx: 33, val: 1 },
  { idx: 0xfffffffe, val: 0xffffffff },
]
const OTHERS: readonly CbId[] = [
  { idx: 1, val: 1 },
  { idx: 0xffffffff, val: 0xffffffff },
  { idx: 0, val: 0 },
  { idx: 6, val: 1 },
]
const NUMBERS = [0, 1, 2, 4, 8, 15, 16, 20, 36, 1024, 0x7fffffff, 0x80000000, 0xffffffff]

const keyOf = ({ idx, val }: CbId): string => `${idx}:${val}`

/** What a callback must be given of a datagram; undefined for nothing. Written from the rules alone, §2.6. */
function expected(datagram: Uint8Array, clients: ReadonlySet<string>): string | undefined {
  const u32 = (at: number): number =>
    (datagram[at] ?? 0) +
    (datagram[at + 1] ?? 0) * 2 ** 8 +
    (datagram[at + 2] ?? 0) * 2 ** 16 +
    (datagram[at + 3] ?? 0) * 2 ** 24
  if (datagram.length < 36) return undefined
  const length = u32(0)
  if (length < 20 || length > datagram.length || length > 1024) return undefined
  const key = `${u32(16)}:${u32(20)}`
  if (!clients.has(key)) return undefined
  const len = (datagram[32] ?? 0) + (datagram[33] ?? 0) * 256
  return `${key} ${u32(24)} ${u32(28)} ${len} ${[...datagram.slice(36, 36 + len)].join()}`
}

const shown = ({ id, seq, ack, len, data }: CnMsg): string =>
  `${keyOf(id)} ${seq} ${ack} ${len} ${[...data].join()}`

/** Makes datagrams. */
class Maker {
  private readonly dice: Dice

  constructor(dice: Dice) {
    this.dice = dice
  }

  private number(): number {
    return this.dice.chance(50) ? this.dice.pick(NUMBERS) : this.dice.next()
  }

  private random(most: number): Uint8Array {
    return Uint8Array.from({ length: this.dice.below(most + 1) }, () => this.dice.below(256))
  }

  private control(): Uint8Array {
    const { dice } = this
    const ranges = () =>
      Array.from({ length: dice.below(4) }, () => ({ first: dice.below(40), range: dice.below(40) }))
    return encodeCnCtl({ idx: ranges(), val: ranges(), group: dice.pick([0, 0, 5, 8, 32, 33, 0xffffffff]) })
  }

  private data(id: CbId): Uint8Array {
    const { dice } = this
    if (id.idx === 0xffffffff && dice.chance(80)) return this.control()
    if (id.idx === 1 && dice.chance(80)) return Uint8Array.of(dice.below(4), 0, 0, 0)
    return this.random(dice.chance(90) ? 40 : 1200)
  }

  /** Mostly one message as it should be, with something wrong in every other. */
  datagram(): Uint8Array {
    const { dice } = this
    const id = dice.pick(dice.chance(70) ? IDS : OTHERS)
    const msg = encodeCnMsg({ id, seq: this.number(), ack: this.number(), data: this.data(id) })
    const bytes = new Uint8Array(16 + msg.length)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, bytes.length, true)
    view.setUint16(4, dice.below(65536), true)
    view.setUint32(8, this.number(), true)
    bytes.set(msg, 16)
    switch (dice.below(16)) {
      case 0:
        return bytes.subarray(0, dice.below(bytes.length + 1))
      case 1:
        view.setUint32(0, dice.chance(50) ? dice.below(bytes.length + 30) : this.number(), true)
        return bytes
      case 2:
        view.setUint16(32, dice.chance(50) ? dice.below(bytes.length) : dice.below(65536), true)
        return bytes
      case 3:
        for (let n = dice.below(6); n >= 0; n--) bytes[dice.below(bytes.length)] = dice.below(256)
        return bytes
      case 4:
        return Uint8Array.of(...bytes, ...bytes)
      case 5:
        return Uint8Array.of(...bytes, ...this.random(20))
      case 6:
        return this.random(100)
      default:
        return bytes
    }
  }
}

/** One kernel. Throws a Finding for what must not be. */
export function connectorRound(
  seed: number,
  messages: number,
): { readonly messages: number; readonly digest: string } {
  const dice = new Dice(seed)
  const heard: string[] = []
  const processEvents = dice.pick([false, '2.6.15', '2.6.18'] as const)
  const workDelay = dice.pick([0, 0, 1])
  const k = createKernel({
    profile: '2.6.14',
    seed,
    modules: [
      net(),
      connector({ processEvents, workDelay, callbacks: { note: (_k, msg) => void heard.push(shown(msg)) } }),
    ],
  })
  const root = k.spawn()
  const senders = [root, k.spawn({ uid: 1000 })].map((p) => ({
    p,
    fd: p.libc.socket(AF_NETLINK, SOCK_DGRAM, CONNECTOR),
  }))
  const ears = Array.from({ length: 3 }, () => {
    const fd = root.libc.socket(AF_NETLINK, SOCK_DGRAM, CONNECTOR)
    root.libc.bind(fd, { family: AF_NETLINK, pid: 0, groups: dice.next() >>> 0 })
    root.libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, 2000)
    return fd
  })
  const bystander = root.libc.socket(AF_NETLINK, SOCK_DGRAM, USERSOCK)
  root.libc.bind(bystander, { family: AF_NETLINK, pid: 77, groups: 0 })
  root.libc.sendto(bystander, Uint8Array.of(1, 2, 3), 0, { family: AF_NETLINK, pid: 77, groups: 0 })
  const clients = new Set<string>()
  const maker = new Maker(dice)
  const wanted: string[] = []
  const buf = new Uint8Array(4096)

  const act = (): void => {
    const id = dice.pick(IDS)
    switch (dice.below(4)) {
      case 0: {
        const result = k.connector.addCallback(id, 'fuzzed', 'note')
        if ((result === 0) === clients.has(keyOf(id))) throw new Finding(`adding ${keyOf(id)} said ${result}`)
        clients.add(keyOf(id))
        break
      }
      case 1:
        k.connector.delCallback(id)
        clients.delete(keyOf(id))
        break
      case 2:
        k.connector.send(
          { id, data: new Uint8Array(dice.below(100)) },
          dice.pick([0, 5, 31, 32, 33, 0xffffffff]),
        )
        break
      default:
        for (let n = dice.below(6); n > 0; n--) root.sys.recv(dice.pick(ears), buf, MSG_DONTWAIT)
    }
  }

  for (let n = 0; n < messages; n++) {
    if (dice.chance(20)) act()
    const { p, fd } = dice.pick(senders)
    const datagram = maker.datagram()
    const due = expected(datagram, clients)
    if (due !== undefined) wanted.push(due)
    const sent = p.sys.sendto(fd, datagram, 0, KERNEL)
    if (sent !== datagram.length)
      throw new Finding(`message ${n}: ${datagram.length} bytes, sendto says ${sent}`)
    if (workDelay > 0 && dice.chance(5)) k.advance(1)
    if (processEvents !== false && dice.chance(2)) k.spawn().sys.exit(0)
    if (workDelay === 0 && heard.length !== wanted.length)
      throw new Finding(
        `message ${n} [${[...datagram].join()}]: ${wanted.length} callbacks are due, not ${heard.length}`,
      )
  }
  k.run()
  const wrong = wanted.findIndex((line, n) => heard[n] !== line)
  if (wrong >= 0 || heard.length !== wanted.length)
    throw new Finding(
      `callback ${wrong}: ${heard[wrong]} and not ${wanted[wrong]}; ${heard.length} of ${wanted.length}`,
    )
  for (const { p, fd } of senders)
    if (!isErr(p.sys.recv(fd, buf, MSG_DONTWAIT))) throw new Finding('a sender was answered')
  if (
    root.sys.recv(bystander, buf, MSG_DONTWAIT) !== 3 ||
    !isErr(root.sys.recv(bystander, buf, MSG_DONTWAIT))
  )
    throw new Finding('the bystander was disturbed')
  const problems = checkInvariants(k)
  if (problems.length > 0) throw new Finding(problems.join('; '))
  return { messages, digest: k.digest() }
}
