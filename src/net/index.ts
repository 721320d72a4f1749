/**
 * The network: sockets and what is behind them. A kernel without this module has no sockets and pays nothing.
 *
 *     import { createKernel } from 'paleokernel'
 *     import { net } from 'paleokernel/net'
 *
 *     const k = createKernel({ modules: [net()] })
 */

import { type Contributions, defineModule, type KernelModule } from '../kernel/module.js'
import { checkOptions } from '../lib/check_options.js'
import { makeApi, type NetApi } from './api.js'
import { netAudit } from './audit.js'
import { socketCallShapes, socketCalls } from './calls.js'
import { addLoopback } from './device.js'
import { MASQ_TIMER, onMasqTimer } from './firewall/masq_table.js'
import { firewallProc } from './firewall/proc.js'
import { ARP_TIMER, onArpTimer } from './inet/arp.js'
import { FRAG_TIMER, onFragTimer } from './inet/defrag.js'
import { devOpen } from './inet/devinet.js'
import { FibState } from './inet/fib_types.js'
import { igmpProc } from './inet/multicast.js'
import { TCP_TIMERS } from './inet/tcp_timer.js'
import { loopbackOps } from './loopback.js'
import { netlinkProc } from './netlink/proc.js'
import type { NetlinkOptions } from './netlink/protocol.js'
import { packetProc } from './packet/proc.js'
import { routingProc } from './proc/routing.js'
import { snmpProc } from './proc/snmp.js'
import { socketProc } from './proc/sockets.js'
import { SHAPES } from './shapes.js'
import { sockfsType } from './sockfs.js'
import { NetState } from './state.js'
import { unixProc } from './unix/proc.js'

/** What the network is like when the kernel has booted. */
export interface NetOptions {
  /** Is the loopback device up? Default true, as after a start script's `ifconfig lo 127.0.0.1`. */
  readonly loopback?: boolean
  /** Has the kernel policy rules and tables of any number? Linux: CONFIG_IP_MULTIPLE_TABLES. Default true, not in 2.0. */
  readonly policyRules?: boolean
  /** Has AF_UNIX sockets of SOCK_SEQPACKET? Default as in the profile's kernel: since 2.6.4. `true` gives them to an earlier one. */
  readonly seqpacket?: boolean
  /**
   * Has the kernel the firewall of ipchains, with masquerading and redirection? Default: 2.2 has, as its distributions
   * did; 2.0 and 2.6 have not, as theirs was ipfwadm and iptables, of which there is neither here. True gives it to any.
   */
  readonly ipchains?: boolean
  /**
   * With ipchains: may whoever has CAP_NET_ADMIN bind to addresses of other hosts, and get what comes by for them? Linux:
   * the other half of CONFIG_IP_TRANSPARENT_PROXY. Default false.
   */
  readonly transparentProxy?: boolean
  /** What netlink is like where kernels differ. Default as in the profile's kernel, on a little-endian machine. */
  readonly netlink?: NetlinkOptions
}

/** The module's type: `kernel.net` is a NetApi, and processes have the socket calls. */
export type NetModule = KernelModule<'net', NetState, NetApi, typeof socketCalls>

/**
 * The network as a module: pass it to `createKernel({ modules: [net()] })`. Throws a TypeError for options that there are
 * not.
 */
export function net(options: NetOptions = {}): NetModule {
  checkNetOptions(options)
  return defineModule({
    name: 'net',

    init(k) {
      const state = new NetState(k, options.ipchains ?? k.facts.release === '2.2.12', options.netlink)
      if (options.policyRules === false) state.inet.fib = new FibState(false)
      if (options.seqpacket !== undefined) state.unix.hasSeqpacket = options.seqpacket
      if (state.firewall !== null) state.firewall.isTransparent = options.transparentProxy === true
      const lo = addLoopback(state, loopbackOps)
      if (options.loopback !== false) devOpen(state, lo)
      return state
    },

    attach(k, state): Contributions<NetApi, typeof socketCalls> {
      state.shapes = SHAPES
      return {
        api: makeApi(state),
        syscalls: socketCalls,
        callShapes: socketCallShapes,
        filesystems: k.facts.hasBindMounts ? [sockfsType] : [],
        timers: {
          [ARP_TIMER]: onArpTimer,
          [FRAG_TIMER]: onFragTimer,
          [MASQ_TIMER]: onMasqTimer,
          ...TCP_TIMERS,
        },
        proc: [
          unixProc,
          ...(k.facts.release === '2.0.35' ? [] : [packetProc]),
          ...routingProc,
          ...(state.firewall === null ? [] : firewallProc),
          ...socketProc,
          ...(k.facts.release === '2.0.35' ? [] : [netlinkProc]),
          igmpProc,
          snmpProc,
        ],
        audit: netAudit,
      }
    },
  })
}

/** Options that are switches. */
const SWITCHES: readonly (keyof NetOptions)[] = [
  'loopback',
  'policyRules',
  'seqpacket',
  'ipchains',
  'transparentProxy',
]

/** Errors: TypeError for options that there are not, and for switches that are neither true nor false. */
function checkNetOptions(options: NetOptions): void {
  checkOptions('net', options, [...SWITCHES, 'netlink'])
  for (const name of SWITCHES)
    if (options[name] !== undefined && typeof options[name] !== 'boolean')
      throw new TypeError(`net: ${name} must be true or false, not ${String(options[name])}`)
}

export {
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  ARPHRD_PPP,
  ETH_ALEN,
  ETH_DATA_LEN,
  ETH_HLEN,
  ETH_P_802_3,
  ETH_P_ALL,
  ETH_P_ARP,
  ETH_P_IP,
  IFF_ALLMULTI,
  IFF_BROADCAST,
  IFF_DEBUG,
  IFF_LOOPBACK,
  IFF_MASTER,
  IFF_MULTICAST,
  IFF_NOARP,
  IFF_NOTRAILERS,
  IFF_POINTOPOINT,
  IFF_PROMISC,
  IFF_RUNNING,
  IFF_SLAVE,
  IFF_UP,
  IFNAMSIZ,
} from '../abi/if.js'
export {
  AF_INET,
  AF_INET6,
  AF_LOCAL,
  AF_NETLINK,
  AF_PACKET,
  AF_UNIX,
  AF_UNSPEC,
  type ControlMessage,
  htons,
  ICMP_FILTER,
  INADDR_ANY,
  INADDR_BROADCAST,
  INADDR_LOOPBACK,
  IP_ADD_MEMBERSHIP,
  IP_DROP_MEMBERSHIP,
  IP_HDRINCL,
  IP_MTU,
  IP_MTU_DISCOVER,
  IP_MULTICAST_IF,
  IP_MULTICAST_LOOP,
  IP_MULTICAST_TTL,
  IP_OPTIONS,
  IP_PKTINFO,
  IP_PKTOPTIONS,
  IP_PMTUDISC_DO,
  IP_PMTUDISC_DONT,
  IP_PMTUDISC_WANT,
  IP_RECVERR,
  IP_RECVOPTS,
  IP_RECVTOS,
  IP_RECVTTL,
  IP_RETOPTS,
  IP_ROUTER_ALERT,
  IP_TOS,
  IP_TTL,
  IPPROTO_ICMP,
  IPPROTO_IGMP,
  IPPROTO_IP,
  IPPROTO_IPIP,
  IPPROTO_RAW,
  IPPROTO_TCP,
  IPPROTO_UDP,
  type IpByte,
  type IpPktinfo,
  type Linger,
  MSG_CONFIRM,
  MSG_CTRUNC,
  MSG_DONTROUTE,
  MSG_DONTWAIT,
  MSG_EOR,
  MSG_ERRQUEUE,
  MSG_FIN,
  MSG_MORE,
  MSG_NOSIGNAL,
  MSG_OOB,
  MSG_PEEK,
  MSG_PROXY,
  MSG_RST,
  MSG_SYN,
  MSG_TRUNC,
  MSG_WAITALL,
  type MsgHdr,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_BROADCAST_ERROR,
  NETLINK_CAP_ACK,
  NETLINK_DROP_MEMBERSHIP,
  NETLINK_NO_ENOBUFS,
  NETLINK_PKTINFO,
  type NlPktinfo,
  NPROTO,
  PACKET_ADD_MEMBERSHIP,
  PACKET_DROP_MEMBERSHIP,
  PACKET_MR_ALLMULTI,
  PACKET_MR_MULTICAST,
  PACKET_MR_PROMISC,
  PACKET_STATISTICS,
  PF_INET,
  PF_INET6,
  PF_LOCAL,
  PF_NETLINK,
  PF_PACKET,
  PF_UNIX,
  PF_UNSPEC,
  SCM_CREDENTIALS,
  SCM_MAX_FD,
  SCM_RIGHTS,
  type ScmCredentials,
  type ScmRights,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SO_ACCEPTCONN,
  SO_ATTACH_FILTER,
  SO_BINDTODEVICE,
  SO_BROADCAST,
  SO_BSDCOMPAT,
  SO_DEBUG,
  SO_DETACH_FILTER,
  SO_DONTROUTE,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_NO_CHECK,
  SO_OOBINLINE,
  SO_PASSCRED,
  SO_PEERCRED,
  SO_PEERNAME,
  SO_PEERSEC,
  SO_PRIORITY,
  SO_RCVBUF,
  SO_RCVLOWAT,
  SO_RCVTIMEO,
  SO_REUSEADDR,
  SO_SNDBUF,
  SO_SNDLOWAT,
  SO_SNDTIMEO,
  SO_TIMESTAMP,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_MAX,
  SOCK_PACKET,
  SOCK_RAW,
  SOCK_RDM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_IP,
  SOL_NETLINK,
  SOL_PACKET,
  SOL_RAW,
  SOL_SOCKET,
  SOL_TCP,
  SOL_UDP,
  SOMAXCONN,
  type SockAddr,
  type SockAddrBuffer,
  type SockAddrIn,
  type SockAddrLl,
  type SockAddrNl,
  type SockAddrPkt,
  type SockAddrUn,
  type SockAddrUnspec,
  type SockName,
  TCP_CORK,
  TCP_DEFER_ACCEPT,
  TCP_INFO,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_LINGER2,
  TCP_MAXSEG,
  TCP_NODELAY,
  TCP_QUICKACK,
  TCP_SYNCNT,
  TCP_WINDOW_CLAMP,
  type Ucred,
  UNIX_PATH_MAX,
} from '../abi/socket.js'
export type { ByteOrder, NlMessage } from '../lib/nlmsg.js'
export type { WireCapture } from '../world/capture.js'
export { createWorld } from '../world/create.js'
export type { Hub, Link } from '../world/handles.js'
export type { WireCounters, WireOptions } from '../world/wire.js'
export type { Port, World, WorldOptions } from '../world/world.js'
export type { DeviceSetup, NetApi, Plug, SentFrame } from './api.js'
export type { NetContributions } from './contributions.js'
export type { NetDevice } from './device.js'
export type { Wire } from './ethernet.js'
export type { IpfwExtension } from './firewall/extension.js'
export type { RuleSelector } from './inet/fib_rules.js'
export type { Flow } from './inet/route_types.js'
export {
  type NetfilterHook,
  NF_ACCEPT,
  NF_DROP,
  NF_IP_FORWARD,
  NF_IP_LOCAL_IN,
  NF_IP_LOCAL_OUT,
  NF_IP_POST_ROUTING,
  NF_IP_PRE_ROUTING,
  NF_STOLEN,
  type NfVerdict,
} from './netfilter.js'
export { netlinkAck } from './netlink/ack.js'
export { LINKTYPE_NETLINK } from './netlink/capture.js'
export {
  netlinkBroadcast,
  netlinkHasListeners,
  netlinkUnicast,
} from './netlink/deliver.js'
export { type NetlinkDump, netlinkDumpStart } from './netlink/dump.js'
export {
  FROM_KERNEL,
  type NetlinkFrom,
  type NetlinkOptions,
  type NetlinkProtocol,
} from './netlink/protocol.js'
export type { NetlinkSock } from './netlink/sock.js'
export {
  type Capture,
  encodePcap,
  LINKTYPE_ETHERNET,
  type PcapOptions,
  type PcapPacket,
} from './pcap.js'
export {
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  PACKET_OUTGOING,
  type SkBuff,
  type SkbQueue,
} from './skbuff.js'
export type { Sock, Socket, SockOps } from './sock.js'
export type { Sockaddr } from './sockaddr.js'
export type { NetState } from './state.js'
