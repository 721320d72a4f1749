/**
 * What IPv4 keeps: plain data. Linux: the static variables of net/ipv4.
 */

import { isAtLeast } from '../../abi/profile.js'
import type { KernelCore } from '../../kernel/kernel.js'
import { ArpTable } from './arp_table.js'
import { FibState } from './fib_types.js'
import { FragTable } from './frag_table.js'
import { RouteCache } from './route_cache.js'
import type { InetSock } from './sock.js'
import { TcpState } from './tcp_table.js'

/** Where the next port is looked for, in one space of ports: see Sock.portSpace. */
export class PortChoice {
  /** The port that was chosen last. */
  rover: number
  /** UDP: how many ports are taken, by their lowest seven bits. Linux: the chains of udp_hash. */
  chains: number[] = new Array(128).fill(0)

  constructor(rover: number) {
    this.rover = rover
  }
}

/** Ports of one protocol and who has them. */
export class PortTable {
  /** Socks by port, oldest first. */
  byPort = new Map<number, InetSock[]>()
  /** By space. */
  choices = new Map<number, PortChoice>()
  /** Where a space begins. */
  private readonly start: number

  constructor(start: number) {
    this.start = start
    // Where no module makes spaces there is one, from the beginning.
    this.choiceOf(0)
  }

  /** A space's. */
  choiceOf(space: number): PortChoice {
    let choice = this.choices.get(space)
    if (choice === undefined) {
      choice = new PortChoice(this.start)
      this.choices.set(space, choice)
    }
    return choice
  }
}

/** Counters of IP. Linux: struct ip_mib. */
export class IpMib {
  inReceives = 0
  inHdrErrors = 0
  inAddrErrors = 0
  forwDatagrams = 0
  inUnknownProtos = 0
  inDiscards = 0
  inDelivers = 0
  outRequests = 0
  outDiscards = 0
  outNoRoutes = 0
  reasmTimeout = 0
  reasmReqds = 0
  reasmOks = 0
  reasmFails = 0
  fragOks = 0
  fragFails = 0
  fragCreates = 0
}

/** Counters of UDP. Linux: struct udp_mib. */
export class UdpMib {
  inDatagrams = 0
  noPorts = 0
  inErrors = 0
  outDatagrams = 0
}

/** Counters of ICMP. Linux: struct icmp_mib. */
export class IcmpMib {
  inMsgs = 0
  inErrors = 0
  outMsgs = 0
  outErrors = 0
  /** Messages received, by type. */
  inByType = new Map<number, number>()
  /** Messages sent, by type. */
  outByType = new Map<number, number>()
}

/** The state of IPv4. */
export class InetState {
  /** Changes whenever kept routes may no longer do. */
  routeGeneration = 1
  /** Routing tables and rules. */
  fib: FibState
  /** Routes that have been found. */
  routes = new RouteCache()
  /** The next IP id. Linux: ip_id_count. */
  nextId = 0
  /** Are packets of others sent on? Linux: ip_forward. */
  forwarding = false
  /** Are packets in pieces put together before all else? More than 0: yes. Linux: ip_always_defrag. */
  alwaysDefrag = 0
  /** IP_TTL where a socket has none. Linux: ip_default_ttl. */
  defaultTtl = 64
  /** Ports that are chosen for sockets without one. Linux: ip_local_port_range. */
  portLow = 1024
  /** The highest of them. */
  portHigh: number
  /** UDP's ports. */
  udp: PortTable
  /** TCP's socks, ports and connections. */
  tcp: TcpState
  /** Raw socks by protocol, oldest first. Linux: raw_v4_htable. */
  raw = new Map<number, Set<InetSock>>()
  /** Neighbours. */
  arp = new ArpTable()
  /** Packets in pieces. */
  frags = new FragTable()
  /** Counters. */
  ipMib = new IpMib()
  udpMib = new UdpMib()
  icmpMib = new IcmpMib()

  constructor(k: KernelCore) {
    const isOld = !isAtLeast(k.facts.release, '2.2.12')
    this.fib = new FibState(!isOld)
    this.portHigh = isOld ? 32767 : 4999
    this.udp = new PortTable(isOld ? 1024 : 1023)
    // 2.6 begins anywhere in the range, the model always at the same place. Linux: tcp_v4_get_port, net_random.
    this.tcp = new TcpState(isAtLeast(k.facts.release, '2.6.14') ? 2750 : 1023)
  }
}
