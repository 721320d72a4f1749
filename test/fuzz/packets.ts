/**
 * A small internet under fire: two hosts and a router between them with live sockets, into whose cards come frames that
 * nobody should send. One round is one such internet, given by a seed: at its end all is closed, time passes, and
 * nothing may be left.
 */
import { type Profile, SIG_IGN, SIGPIPE } from 'paleokernel'
import { AF_INET, AF_PACKET, createWorld, net, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from 'paleokernel/net'
import { encodeFwchange } from '../../src/lib/ip_fw.js'
import { TcpSock } from '../../src/net/inet/tcp_sock.js'
import { leftovers, netOf } from '../helpers/transfer.js'
import { APPEND, ip, rule } from '../net/firewall_tools.js'
import { Dice } from './dice.js'
import { type Aim, PacketMaker, type Target } from './packet_maker.js'

/** Something that must not be. */
export class Finding extends Error {}

const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']
/** More than any round needs: whoever takes more does not come to rest. */
const MAX_STEPS = 2_000_000
const MSG_DONTWAIT = 0x40
const MSG_OOB = 1
const NONBLOCK = 0o4000
const PORTS = [7, 9, 5000, 5001, 1024, 1025, 4999, 61_000]
const EVERYWHERE = '0.0.0.0'
const ADDRESSES = ['10.0.1.2', '10.0.1.1', '10.0.2.1', '10.0.2.2', '10.0.1.77', '10.0.2.255']
const OPTIONS: readonly (readonly [number, number, unknown])[] = [
  [1, 2, 1],
  [1, 8, 300],
  [1, 8, 60_000],
  [1, 7, 2048],
  [1, 9, 1],
  [1, 10, 1],
  [1, 13, { onoff: 1, linger: 0 }],
  [6, 1, 1],
  [6, 2, 100],
  [6, 3, 1],
  [6, 3, 0],
  [0, 11, 1],
  [0, 8, 1],
]

function route(to: string, via: string): Uint8Array {
  const bytes = new Uint8Array(84)
  const put = (offset: number, addr: string): void =>
    bytes.set([2, 0, 0, 0, ...addr.split('.').map(Number)], offset)
  put(4, to)
  put(20, via)
  put(36, '255.255.255.0')
  bytes.set([3, 0], 52)
  return bytes
}

/** Two hosts, and a router between them. */
class Lab {
  readonly world: ReturnType<typeof createWorld>
  readonly kernels: readonly ReturnType<Lab['machine']>[]
  /** Open descriptors of the one process of each kernel. */
  readonly fds: number[][] = [[], [], []]
  readonly dice: Dice

  constructor(seed: number) {
    this.dice = new Dice(seed)
    this.world = createWorld({ seed, maxSteps: MAX_STEPS })
    const [host, router, other] = [this.machine(), this.machine(), this.machine()]
    if (host === undefined || router === undefined || other === undefined) throw new Error('three kernels')
    this.kernels = [host, router, other]
    const card = (at: number, name: string, last: number, address: string): void => {
      this.kernels[at]?.k.net.addEthernet(name, Uint8Array.of(2, 0, 0, 0, 0, last))
      this.kernels[at]?.k.net.configure(name, { address })
    }
    card(0, 'eth0', 1, '10.0.1.2/24')
    card(1, 'eth0', 2, '10.0.1.1/24')
    card(1, 'eth1', 3, '10.0.2.1/24')
    card(2, 'eth0', 4, '10.0.2.2/24')
    // Lossy, so that two ends which disagree for ever fall silent some day.
    const wire = { delay: 2, loss: 0.03 }
    this.world.link(host.k, 'eth0', router.k, 'eth0', wire)
    this.world.link(router.k, 'eth1', other.k, 'eth0', wire)
    const tell = ({ p }: (typeof this.kernels)[number], bytes: Uint8Array): void => {
      const fd = p.libc.socket(AF_INET, SOCK_DGRAM)
      if (p.sys.ioctl(fd, 0x890b, bytes) !== 0) throw new Error('no route')
      p.libc.close(fd)
    }
    tell(host, route('10.0.2.0', '10.0.1.1'))
    tell(other, route('10.0.1.0', '10.0.2.1'))
    const sysctl = router.p.libc.open('/proc/sys/net/ipv4/ip_forward', 1)
    router.p.libc.write(sysctl, Uint8Array.of(0x31, 10))
    router.p.libc.close(sysctl)
    if (router.k.profile === '2.2.12' && this.dice.chance(50)) this.masquerade(router)
  }

  private machine() {
    const profile = this.dice.pick(PROFILES)
    const k = this.world.createKernel({ modules: [net()], profile })
    const p = k.spawn()
    p.sys.sigaction(SIGPIPE, { handler: SIG_IGN, flags: 0, mask: [] })
    return { k, p }
  }

  private masquerade({ p }: (typeof this.kernels)[number]): void {
    const fd = p.libc.socket(AF_INET, SOCK_RAW, 255)
    const chain = rule({ src: ip('10.0.1.0'), smsk: ip('255.255.255.0'), vianame: 'eth1', label: 'MASQ' })
    if (p.sys.setsockopt(fd, 0, APPEND, encodeFwchange(chain, 'forward')) !== 0) throw new Error('no rule')
    p.libc.close(fd)
  }

  private open(at: number, type: number, protocol = 0, family: number = AF_INET): number {
    const fd = Number(this.kernels[at]?.p.sys.socket(family, type, protocol))
    if (fd < 0) return -1
    this.kernels[at]?.p.sys.fcntl(fd, 4, NONBLOCK)
    this.fds[at]?.push(fd)
    return fd
  }

  /** Sockets of all kinds on all kernels. */
  populate(): void {
    for (const [at, { p }] of this.kernels.entries()) {
      for (const port of [7, 9])
        p.sys.bind(this.open(at, SOCK_DGRAM), { family: AF_INET, addr: EVERYWHERE, port })
      for (const port of [5000, 5001]) {
        const fd = this.open(at, SOCK_STREAM)
        p.sys.bind(fd, { family: AF_INET, addr: EVERYWHERE, port })
        p.sys.listen(fd, 3)
      }
      if (this.dice.chance(50)) this.open(at, SOCK_RAW, 1)
      if (this.dice.chance(30)) this.open(at, SOCK_RAW, 6)
      if (this.dice.chance(30)) this.open(at, SOCK_RAW, 0x300, AF_PACKET)
    }
  }

  private socketOf(at: number): number {
    const list = this.fds[at] ?? []
    return list[this.dice.below(Math.max(list.length, 1))] ?? -1
  }

  /** A program does something with one of its sockets. */
  act(): void {
    const { dice } = this
    const at = dice.below(3)
    const p = this.kernels[at]?.p
    if (p === undefined) return
    const fd = this.socketOf(at)
    const to = { family: AF_INET, addr: dice.pick(ADDRESSES), port: dice.pick(PORTS) } as const
    switch (dice.below(10)) {
      case 0:
        if ((this.fds[at]?.length ?? 0) < 25) p.sys.connect(this.open(at, SOCK_STREAM), { ...to, port: 5000 })
        break
      case 1: {
        const child = Number(p.sys.accept(fd))
        if (child < 0) break
        p.sys.fcntl(child, 4, NONBLOCK)
        this.fds[at]?.push(child)
        break
      }
      case 2:
      case 3:
        p.sys.send(fd, new Uint8Array(dice.below(4000)), MSG_DONTWAIT | (dice.chance(5) ? MSG_OOB : 0))
        break
      case 4:
        p.sys.sendto(fd, new Uint8Array(dice.below(3000)), MSG_DONTWAIT, to)
        break
      case 5:
      case 6:
        p.sys.recv(fd, new Uint8Array(1 + dice.below(5000)), MSG_DONTWAIT | (dice.chance(5) ? MSG_OOB : 0))
        break
      case 7:
        p.sys.setsockopt(fd, ...dice.pick(OPTIONS))
        break
      case 8:
        if (dice.chance(30)) p.sys.shutdown(fd, dice.below(3))
        else p.sys.poll([{ fd, events: 0xff, revents: 0 }], 0)
        break
      default:
        // The first ones stay, so that there is always somebody to talk to.
        if ((this.fds[at] ?? []).indexOf(fd) < 4 || !dice.chance(50)) break
        p.sys.close(fd)
        this.fds[at] = (this.fds[at] ?? []).filter((other) => other !== fd)
    }
  }

  /** A card, and what could be aimed at it. */
  aim(): Aim & { readonly at: number; readonly device: string } {
    const { dice } = this
    const [at, device, last, peer] = dice.pick([
      [0, 'eth0', 1, 2],
      [1, 'eth0', 2, 1],
      [1, 'eth1', 3, 4],
      [2, 'eth0', 4, 3],
    ] as const)
    const targets: Target[] = []
    for (const sk of netOf(this.kernels[at]?.k ?? {}).inet.tcp.socks) {
      if (!(sk instanceof TcpSock) || sk.dport === 0 || targets.length >= 8) continue
      const { rcvNxt, sndUna, sndNxt } = sk
      const ends = { saddr: sk.daddr, daddr: sk.rcvSaddr, sport: sk.dport, dport: sk.num }
      targets.push({ ...ends, rcvNxt, sndUna, sndNxt })
    }
    return {
      at,
      device,
      mac: Uint8Array.of(2, 0, 0, 0, 0, last),
      peerMac: Uint8Array.of(2, 0, 0, 0, 0, peer),
      addresses: ADDRESSES.map(ip),
      ports: PORTS,
      targets,
    }
  }

  /** A copy of all of it goes on as the original does. */
  copy(): void {
    const copy = this.world.fork()
    if (copy.digest() !== this.world.digest()) throw new Finding('a copy of the world has another digest')
    for (const one of [copy, this.world]) one.advance(1500)
    if (copy.digest() !== this.world.digest()) throw new Finding('a copy of the world goes on otherwise')
    const problems = copy.checkInvariants()
    if (problems.length > 0) throw new Finding(`in a copy: ${problems.join('; ')}`)
  }

  /** Everything is closed and time passes: nothing may be left. */
  end(): void {
    for (const [at, { k, p }] of this.kernels.entries()) {
      for (const fd of this.fds[at] ?? []) p.sys.close(fd)
      for (const capture of k.net.captures) capture.stop()
    }
    this.rest()
    this.talk()
    this.rest()
  }

  /** Time passes: nothing may be left. */
  private rest(): void {
    this.world.run({ until: this.world.now + 7_200_000 })
    this.check()
    for (const [at, { k }] of this.kernels.entries()) {
      const left = leftovers(k)
      const masq = netOf(k).firewall?.masq.size ?? 0
      if (masq !== 0) left.push(`masqueraded connections: ${masq}`)
      if (left.length > 0) throw new Finding(`kernel ${at} (${k.profile}) has left ${left.join(', ')}`)
    }
  }

  /** One host can talk to the other, whatever has happened before. */
  private talk(): void {
    const [host, , other] = this.kernels
    if (host === undefined || other === undefined) return
    const to = { family: AF_INET, addr: '10.0.2.2', port: 5000 } as const
    const l = other.p.libc.socket(AF_INET, SOCK_STREAM)
    other.p.libc.bind(l, to)
    other.p.libc.listen(l, 1)
    let result = -1
    // Three requests of ARP may be lost.
    for (let tries = 0; tries < 5 && result !== 0; tries++) {
      const fd = host.p.libc.socket(AF_INET, SOCK_STREAM)
      result = host.p.sys.connect(fd, to)
      if (result === 0) {
        const s = other.p.libc.accept(l)
        host.p.libc.send(fd, Uint8Array.of(1, 2, 3))
        if (other.p.sys.recv(s, new Uint8Array(4)) !== 3) throw new Finding('what was sent did not come')
        other.p.libc.close(s)
      }
      host.p.libc.close(fd)
    }
    other.p.libc.close(l)
    if (result !== 0) throw new Finding(`the hosts cannot talk to each other any more: ${result}`)
  }

  /** The books agree, and every frame and packet has been counted. */
  check(): void {
    const problems = this.world.checkInvariants()
    for (const [at, { k }] of this.kernels.entries()) {
      const { ipMib } = netOf(k).inet
      const came = ipMib.inReceives + ipMib.reasmOks
      const went =
        ipMib.inHdrErrors +
        ipMib.inAddrErrors +
        ipMib.inUnknownProtos +
        ipMib.inDiscards +
        ipMib.inDelivers +
        ipMib.forwDatagrams +
        ipMib.reasmReqds
      // Those that were too long to be sent on count as fragmentation failures, as do some that are sent from here.
      if (came - went > ipMib.fragFails && netOf(k).firewall === null)
        problems.push(`kernel ${at}: of ${came} IP packets ${went} are accounted for`)
    }
    if (problems.length > 0) throw new Finding(problems.join('; '))
  }
}

/** One round: `frames` frames at least. Returns how many came in, and the digest of all at the end. */
export function packetRound(
  seed: number,
  frames: number,
): { readonly frames: number; readonly digest: string } {
  const lab = new Lab(seed)
  const { dice, world, kernels } = lab
  lab.populate()
  const captures = kernels.map(({ k }) => k.net.capture('eth0'))
  for (let n = 0; n < 150; n++) {
    lab.act()
    world.advance(dice.below(6))
  }
  const corpus = captures.flatMap(({ packets }) => packets.map(({ bytes }) => bytes))
  for (const capture of captures) capture.stop()
  const maker = new PacketMaker(dice, corpus)
  let sent = 0
  while (sent < frames) {
    const aim = lab.aim()
    const kernel = kernels[aim.at]?.k
    if (kernel === undefined) break
    for (let n = 0; n < 12; n++) {
      for (const frame of maker.make(aim)) {
        const { stats } = netOf(kernel).devices.list.find(({ name }) => name === aim.device) ?? {
          stats: null,
        }
        const before = stats === null ? 0 : stats.rxPackets + stats.rxErrors
        kernel.net.receiveFrame(aim.device, frame)
        if (stats !== null && stats.rxPackets + stats.rxErrors !== before + 1)
          throw new Finding(
            `${aim.device} of kernel ${aim.at} has not counted a frame of ${frame.length} bytes`,
          )
        sent++
      }
    }
    for (let n = dice.below(4); n > 0; n--) lab.act()
    world.advance(dice.chance(5) ? dice.below(3000) : dice.below(4))
  }
  lab.check()
  lab.copy()
  lab.end()
  return { frames: sent, digest: world.digest() }
}
