/**
 * Netlink under fire: programs with and without privilege send what nobody should to rtnetlink, to protocols of modules,
 * to ports and groups that are not theirs or not there. One round is one kernel, given by a seed.
 *
 * Every result must be the one that the rules say, every answer a whole message to the request that it quotes; and three
 * bystanders must find in their queues what belongs there, and no error: one that is connected to somebody else, one in
 * the middle of a dump, one that listens to a group of the kernel's.
 */
import {
  checkInvariants,
  createKernel,
  EADDRINUSE,
  EAFNOSUPPORT,
  EAGAIN,
  ECONNREFUSED,
  EINVAL,
  EMSGSIZE,
  ENOENT,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPERM,
  type Profile,
} from 'paleokernel'
import { NPROTO, net } from 'paleokernel/net'
import { type ByteOrder, read16, read32, readMessages, write16, write32 } from '../../src/lib/nlmsg.js'
import {
  AF_NETLINK,
  at,
  DONTWAIT,
  NOBODY,
  OPEN,
  QUIET,
  RADIO,
  RAW,
  radio,
  SOL_NETLINK,
} from '../net/netlink_world.js'
import { Dice } from './dice.js'
import { Finding } from './packets.js'

const ROUTE = 0
const USERSOCK = 2
const REQUEST = 1
const ACK = 4
const DUMP = 0x300
const SNDBUF_SLACK = 32
/** The bystanders' ports. */
const [FRIEND, FRIEND_PEER, DUMPING, LISTENER] = [9001, 9002, 9003, 9004] as const
const LISTENED = 7

const boot = (profile: Profile, byteOrder: ByteOrder, acks: 'header' | 'request') =>
  createKernel({ profile, modules: [net({ netlink: { byteOrder, acks, usersock: true } }), radio] })
type Kernel = ReturnType<typeof boot>
type Process = ReturnType<Kernel['spawn']>

/** A socket of an attacker's. */
interface Mine {
  readonly fd: number
  readonly protocol: number
  readonly port: number
  readonly owner: Process
}

/** A message that rtnetlink looks at. */
interface Asked {
  readonly seq: number
  readonly flags: number
  readonly type: number
  readonly size: number
  /** -1 where there is no body. */
  readonly family: number
}

const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')

/** One kernel and what goes on in it. */
class Round {
  readonly dice: Dice
  readonly k: Kernel
  readonly order: ByteOrder
  readonly isModern: boolean
  readonly root: Process
  readonly alice: Process
  readonly bystander: Process
  readonly mine: Mine[] = []
  readonly quiet: { friend: number; dumping: number; listener: number; expected: string[] }
  messages = 0
  private told = 0
  private readonly buf = new Uint8Array(1 << 16)

  constructor(seed: number) {
    this.dice = new Dice(seed)
    const { dice } = this
    const profile: Profile = dice.chance(30) ? '2.2.12' : '2.6.14'
    this.isModern = profile === '2.6.14'
    this.order = dice.chance(25) ? 'big' : 'little'
    this.k = boot(profile, this.order, dice.chance(50) ? 'request' : 'header')
    this.root = this.k.spawn()
    this.alice = this.k.spawn({ uid: 1000 })
    this.bystander = this.k.spawn()
    this.quiet = this.settle()
    let port = 100
    for (const owner of [this.root, this.alice])
      for (const protocol of [ROUTE, ROUTE, USERSOCK, RADIO, QUIET, OPEN, NOBODY]) {
        const fd = owner.libc.socket(AF_NETLINK, RAW, protocol)
        owner.libc.bind(fd, at(++port))
        this.mine.push({ fd, protocol, port, owner })
      }
  }

  /** The bystanders, with something in their queues. */
  private settle(): Round['quiet'] {
    const { bystander: p, k } = this
    const bound = (port: number, protocol: number, groups = 0): number => {
      const fd = p.libc.socket(AF_NETLINK, RAW, protocol)
      p.libc.bind(fd, at(port, groups))
      return fd
    }
    const friend = bound(FRIEND, USERSOCK)
    const peer = bound(FRIEND_PEER, USERSOCK)
    p.libc.connect(friend, at(FRIEND_PEER))
    const expected: string[] = []
    for (let i = 0; i < 5; i++) {
      const data = Uint8Array.of(i, i + 1, i + 2)
      p.libc.sendto(peer, data, 0, at(FRIEND))
      expected.push(hex(data))
    }
    const dumping = bound(DUMPING, RADIO)
    const request = new Uint8Array(12)
    request.set([9, 0, 0, 0, 120, 0, 0, 0, 0, 4])
    p.libc.sendto(dumping, request, 0, at(0))
    // Connected to the kernel: nobody else may send to them. 2.2.12 has no such thing: there it is a stranger's port.
    p.libc.connect(dumping, at(this.isModern ? 0 : FRIEND_PEER))
    const listener = bound(LISTENER, RADIO, 1 << (LISTENED - 1))
    p.libc.connect(listener, at(this.isModern ? 0 : FRIEND_PEER))
    k.radio.state().heard.length = 0
    return { friend, dumping, listener, expected }
  }

  must(holds: boolean, what: () => string): void {
    if (!holds) throw new Finding(what())
  }

  // ---- what is sent --------------------------------------------------------------------------------------------

  /** Attributes, right and wrong: unaligned, too short, too long, unknown. */
  private attributes(room: number): Uint8Array {
    const { dice } = this
    const data = new Uint8Array(room)
    let start = 0
    while (start + 4 <= room) {
      const left = room - start
      const length = dice.pick([4, 8, 8, 8, 5, 6, 12, left, left + 1, 3, 0, 0xffff, 40])
      write16(data, start, length, this.order)
      write16(data, start + 2, dice.pick([1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 99, 0xffff]), this.order)
      for (let i = start + 4; i < Math.min(start + length, room); i++) data[i] = dice.below(256)
      start += Math.max(4, dice.chance(90) ? (length + 3) & ~3 : length)
    }
    return data
  }

  /** A message as whole bytes, with a length that may lie. */
  private message(): Uint8Array {
    const { dice } = this
    const size = dice.pick([0, 1, 4, 7, 8, 12, 16, 20, 28, 36, 60, 61, 120])
    const data = new Uint8Array(16 + size)
    const type = dice.chance(70) ? 16 + dice.below(24) : dice.pick([0, 1, 2, 3, 4, 15, 40, 99, 0xffff])
    write32(
      data,
      0,
      dice.chance(85) ? data.length : dice.pick([0, 4, 15, 16, data.length + 1, 0xffffffff]),
      this.order,
    )
    write16(data, 4, type, this.order)
    const flags = dice.chance(85)
      ? REQUEST | dice.pick([0, ACK, DUMP, ACK | 0x400, 0x600, 0x100, 0x800])
      : dice.below(0x10000)
    write16(data, 6, flags, this.order)
    write32(data, 8, dice.next(), this.order)
    write32(data, 12, dice.pick([0, FRIEND, 0xffffffff]), this.order)
    if (size > 0) {
      for (let i = 16; i < data.length; i++) data[i] = dice.chance(40) ? dice.below(256) : 0
      data[16] = dice.pick([2, 2, 2, 0, 10, 200])
      // A device that there is, an address that fits.
      if (size >= 8 && dice.chance(60)) {
        write32(data, 20, dice.pick([1, 1, 2, 77]), this.order)
        data[17] = dice.pick([8, 24, 32, 33])
      }
      if (size > 12 && dice.chance(80)) {
        const fixed = dice.pick([8, 12])
        data.set(this.attributes(size - fixed), 16 + fixed)
      }
    }
    return data
  }

  private datagram(): Uint8Array {
    const { dice } = this
    if (dice.chance(5)) return new Uint8Array(dice.below(16)).map(() => dice.below(256))
    const parts: Uint8Array[] = []
    for (let n = 1 + dice.below(8); n > 0; n--) parts.push(this.message())
    const size = parts.reduce((sum, part) => sum + ((part.length + 3) & ~3), 0)
    const whole = new Uint8Array(size)
    let start = 0
    for (const part of parts) {
      whole.set(part, start)
      start += (part.length + 3) & ~3
    }
    this.messages += parts.length
    return dice.chance(10) ? whole.slice(0, dice.below(size + 1)) : whole
  }

  // ---- what must come of it ------------------------------------------------------------------------------------

  /** What sending must give; null where it depends on how full a receiver is. */
  private expectedResult(
    from: Mine,
    size: number,
    port: number,
    groups: number,
    flags: number,
  ): number | null {
    const isRoot = from.owner === this.root
    if ((flags & 1) !== 0) return EOPNOTSUPP
    if (!this.isModern && (flags & ~DONTWAIT) !== 0) return EINVAL
    const all = from.protocol === USERSOCK || from.protocol === OPEN
    if (groups !== 0 && !isRoot && !all) return EPERM
    if (size > (this.isModern ? 106496 : 65535) - SNDBUF_SLACK) return EMSGSIZE
    if (port === 0) return from.protocol === ROUTE || from.protocol === RADIO ? size : ECONNREFUSED
    if (port === FRIEND || port === DUMPING || port === LISTENER) return ECONNREFUSED
    const to = this.mine.find((one) => one.port === port && one.protocol === from.protocol)
    if (to === undefined && !(port === FRIEND_PEER && from.protocol === USERSOCK)) return ECONNREFUSED
    return null
  }

  /** Which messages of a datagram rtnetlink looks at, by the rules of their lengths alone. */
  private lookedAt(data: Uint8Array): Asked[] {
    const found: Asked[] = []
    for (let start = 0; start + 16 <= data.length; ) {
      const length = read32(data, start, this.order)
      if (length < 16 || length > data.length - start) break
      found.push({
        seq: read32(data, start + 8, this.order),
        flags: read16(data, start + 6, this.order),
        type: read16(data, start + 4, this.order),
        size: length,
        family: length > 16 ? (data[start + 16] ?? 0) : -1,
      })
      start += (length + 3) & ~3
    }
    return found
  }

  /** The error that a message must have whatever else is in it; 0 where that depends. */
  private refusal({ type, flags, family }: Asked, owner: Process): number {
    if ((flags & REQUEST) === 0 || type < 16) return 0
    if (type > 39) return EINVAL
    if (family < 0) return 0
    if (family > NPROTO) return EAFNOSUPPORT
    return (type & 3) !== 2 && owner !== this.root ? EPERM : 0
  }

  /** Reads all that has come to a socket of rtnetlink, and compares it with what was asked. */
  private answers({ owner, fd, port }: Mine, asked: readonly Asked[]): void {
    const acks = new Map<number, number>()
    const errors = new Map<number, number>()
    let done = 0
    for (;;) {
      const name: { pid?: number } = {}
      const n = owner.sys.recvfrom(fd, this.buf, DONTWAIT, name)
      if (n === EAGAIN) break
      // Another attacker has sent it.
      if (name.pid !== 0) continue
      this.must(n >= 16, () => `a receive from rtnetlink gives ${n}`)
      const data = this.buf.slice(0, n)
      const messages = readMessages(data, this.order)
      const bytes = messages.reduce((sum, { body }) => sum + ((16 + body.length + 3) & ~3), 0)
      this.must(bytes >= n, () => `an answer of ${n} bytes has messages of ${bytes}: ${hex(data)}`)
      for (const { type, seq, pid, body } of messages) {
        this.must(pid === port, () => `an answer is for port ${pid}, not ${port}`)
        this.must(
          asked.some((one) => one.seq === seq),
          () => `an answer to nothing: ${hex(data)}`,
        )
        if (type === 3) done++
        if (type !== 2) continue
        const error = read32(body, 0, this.order) | 0
        this.must(error <= 0 && error > -200 && body.length >= 20, () => `an error ${error}: ${hex(data)}`)
        const quoted = asked.find((one) => one.seq === read32(body, 12, this.order))
        this.must(
          quoted?.size === read32(body, 4, this.order),
          () => `an error quotes something else: ${hex(data)}`,
        )
        acks.set(seq, (acks.get(seq) ?? 0) + 1)
        errors.set(seq, error)
      }
    }
    let dumps = 0
    for (const one of asked) {
      const { seq, flags, type, size } = one
      const refusal = this.refusal(one, owner)
      this.must(
        refusal === 0 || errors.get(seq) === refusal,
        () => `type ${type} flags ${flags}: ${errors.get(seq)}, not ${refusal}`,
      )
      const isRequest = (flags & REQUEST) !== 0 && type >= 16
      const mayDump = isRequest && (type & 3) === 2 && (flags & DUMP) !== 0 && size > 16
      if (mayDump) dumps++
      const count = acks.get(seq) ?? 0
      const wantsOne = (flags & ACK) !== 0 && !mayDump
      this.must(
        count <= 1 && (!wantsOne || count === 1),
        () => `${count} acknowledgements of type ${type} flags ${flags}`,
      )
      this.must(
        isRequest || wantsOne || count === 0,
        () => `an acknowledgement that nobody wanted: type ${type}`,
      )
    }
    this.must(done <= dumps, () => `${done} dumps end, ${dumps} were asked for`)
  }

  // ---- acts ----------------------------------------------------------------------------------------------------

  private send(from: Mine): void {
    const { dice } = this
    const isFar = dice.chance(25)
    const port = isFar
      ? dice.pick([FRIEND, FRIEND_PEER, DUMPING, LISTENER, 1, 0xffffffff, this.pick().port])
      : 0
    // The kernel's group is the listener's: only the kernel has business there.
    const all =
      from.protocol === RADIO && from.owner === this.root ? [0] : [0, 0, 0, 1, 2, 0x8000_0000, 0xffff_ffff]
    const groups = dice.pick(all)
    const flags = DONTWAIT | (dice.chance(2) ? dice.pick([1, 4, 0x10]) : 0)
    const data = dice.chance(0.2 * 5) && dice.chance(10) ? new Uint8Array(120_000) : this.datagram()
    if (from.protocol === ROUTE) while (from.owner.sys.recv(from.fd, this.buf, DONTWAIT) !== EAGAIN);
    const result = from.owner.sys.sendto(from.fd, data, flags, at(port, groups))
    const expected = this.expectedResult(from, data.length, port, groups, flags)
    const told = () =>
      `protocol ${from.protocol} port ${port} groups ${groups} flags ${flags} size ${data.length}: ${result}`
    if (expected === null)
      this.must(result === data.length || result === EAGAIN || result === ECONNREFUSED, told)
    else this.must(result === expected, () => `${told()}, not ${expected}`)
    if (from.protocol === ROUTE && port === 0)
      this.answers(from, result === data.length ? this.lookedAt(data) : [])
    if (from.protocol === RADIO) this.k.radio.state().heard.length = 0
    this.drain(USERSOCK)
  }

  private pick = (): Mine => this.dice.pick(this.mine)

  /** Empties what attackers have sent one another, most of the time. */
  private drain(protocol: number): void {
    const all = this.dice.chance(50)
    for (const { owner, fd, protocol: own } of this.mine)
      if (own !== ROUTE && (all || own === protocol)) while (owner.sys.recv(fd, this.buf, DONTWAIT) > 0);
  }

  /** Groups and ports that are not for all. */
  private ask(from: Mine): void {
    const { dice } = this
    const isRoot = from.owner === this.root
    const all = from.protocol === OPEN || (from.protocol === ROUTE && this.isModern)
    // Attackers do not stay in groups: what they hear there would be in the way of answers.
    const result = from.owner.sys.bind(from.fd, at(dice.pick([from.port, FRIEND]), 1 + dice.below(255)))
    if (!isRoot && !all) this.must(result === EPERM, () => `bind to groups of ${from.protocol}: ${result}`)
    else if (from.protocol === NOBODY && this.isModern)
      this.must(result === ENOENT, () => `bind to groups of nobody: ${result}`)
    else this.must(result === 0 || result === EINVAL, () => `bind to groups: ${result}`)
    if (result === 0) from.owner.libc.bind(from.fd, at(from.port, 0))
    const other = from.owner.libc.socket(AF_NETLINK, RAW, from.protocol)
    const taken = from.owner.sys.bind(other, at(from.port))
    this.must(taken === EADDRINUSE, () => `bind to a port that is taken: ${taken}`)
    const option = dice.pick([1, 2, 3, 4, 99])
    const value = dice.pick([0, 1, 40, 41, -1, 0x7fffffff])
    const set = from.owner.sys.setsockopt(other, SOL_NETLINK, option, value)
    const expected = this.expectedOption(from, option, value, isRoot || all)
    this.must(
      set === expected,
      () => `option ${option} of ${from.protocol}, ${value}: ${set}, not ${expected}`,
    )
    from.owner.libc.close(other)
  }

  /** What setting an option must give. */
  private expectedOption({ protocol }: Mine, option: number, value: number, mayJoin: boolean): number {
    if (!this.isModern) return EOPNOTSUPP
    if (option > 3) return ENOPROTOOPT
    if (option === 3) return 0
    if (!mayJoin) return EPERM
    if (protocol === NOBODY) return ENOENT
    return value >= 1 && value <= (protocol === RADIO ? 40 : 32) ? 0 : EINVAL
  }

  /** The kernel speaks to its listener. */
  private tell(): void {
    const data = new Uint8Array(4)
    write32(data, 0, ++this.told, this.order)
    const { bystander: p, quiet } = this
    this.must(this.k.radio.send(LISTENED, data) === 0, () => 'the listener did not get what the kernel said')
    if (this.told % 20 !== 0) return
    for (let i = this.told - 19; i <= this.told; i++) {
      const n = p.sys.recv(quiet.listener, this.buf, DONTWAIT)
      this.must(
        n === 4 && read32(this.buf, 0, this.order) === i,
        () => `the listener reads ${n} for message ${i}`,
      )
    }
    this.must(
      p.sys.recv(quiet.listener, this.buf, DONTWAIT) === EAGAIN,
      () => 'the listener has heard something else',
    )
  }

  run(wanted: number): void {
    for (let n = 0; this.messages < wanted; n++) {
      const from = this.pick()
      if (this.dice.chance(8)) this.ask(from)
      else this.send(from)
      if (n % 50 === 0) this.tell()
    }
    this.finish()
  }

  private finish(): void {
    const { bystander: p, quiet, k } = this
    for (const fd of [quiet.friend, quiet.dumping, quiet.listener]) {
      const error = p.sys.getsockopt(fd, 1, 4)
      this.must(error === 0, () => `a bystander has error ${String(error)}`)
    }
    const read = (fd: number): string | number => {
      const n = p.sys.recv(fd, this.buf, DONTWAIT)
      return n < 0 ? n : hex(this.buf.slice(0, n))
    }
    for (const expected of quiet.expected) {
      const got = read(quiet.friend)
      this.must(got === expected, () => `the friend reads ${got}, not ${expected}`)
    }
    this.must(read(quiet.friend) === EAGAIN, () => 'the friend has more than its peer has sent')
    let size = 0
    for (;;) {
      const n = p.sys.recv(quiet.dumping, this.buf, DONTWAIT)
      if (n === 20 && this.buf[this.order === 'little' ? 4 : 5] === 3) break
      this.must(n > 0 && n % 1024 === 0, () => `the dump goes on with ${n}`)
      size += n
    }
    this.must(size === 120 * 1024, () => `the dump has ${size} bytes`)
    const broken = checkInvariants(k)
    this.must(broken.length === 0, () => broken.join('; '))
  }
}

/** One round of at least `messages` messages: how many there were, and what the kernel is like at its end. */
export function netlinkRound(
  seed: number,
  messages: number,
): { readonly messages: number; readonly digest: string } {
  const round = new Round(seed)
  round.run(messages)
  return { messages: round.messages, digest: String(round.k.digest()) }
}

export { Finding }
