/**
 * Sockets as programs see them: families, types, options, flags, and the structures that calls take and fill.
 *
 * Linux: include/linux/socket.h, include/asm-i386/socket.h, include/linux/in.h, include/linux/un.h (2.0.35, 2.2.12,
 * 2.6.14). Ports are numbers in host order; IPv4 addresses are dotted text, or a number in host order where a
 * program prefers.
 */

// ---- families, types -----------------------------------------------------------------------------------------

/** No family: breaks an association. */
export const AF_UNSPEC = 0
/** Sockets of one machine. */
export const AF_UNIX = 1
/** Another name of AF_UNIX. */
export const AF_LOCAL = 1
/** IPv4. */
export const AF_INET = 2
/** IPv6; not modelled. */
export const AF_INET6 = 10
/** Between the kernel and programs. */
export const AF_NETLINK = 16
/** Frames of a device. */
export const AF_PACKET = 17
/** The same as AF_UNSPEC. */
export const PF_UNSPEC = 0
/** The same as AF_UNIX. */
export const PF_UNIX = 1
/** The same as AF_UNIX. */
export const PF_LOCAL = 1
/** The same as AF_INET. */
export const PF_INET = 2
/** The same as AF_INET6. */
export const PF_INET6 = 10
/** The same as AF_NETLINK. */
export const PF_NETLINK = 16
/** The same as AF_PACKET. */
export const PF_PACKET = 17
/** Families are below this. Linux: NPROTO. */
export const NPROTO = 32

/** Swaps the bytes of 16 bits: i386 has the lower one first, the network the higher one. */
export const htons = (value: number): number => ((value & 0xff) << 8) | ((value >>> 8) & 0xff)

/** Bytes in order, both ways, on a connection. */
export const SOCK_STREAM = 1
/** Datagrams. */
export const SOCK_DGRAM = 2
/** A protocol by itself, headers and all. */
export const SOCK_RAW = 3
/** Datagrams that arrive; nobody offers it. */
export const SOCK_RDM = 4
/** Records in order on a connection. */
export const SOCK_SEQPACKET = 5
/** 2.0's way to the devices; since 2.2 another name of AF_PACKET's. */
export const SOCK_PACKET = 10
/** Types are below this. Linux: SOCK_MAX (2.6). */
export const SOCK_MAX = 11

/** Nothing more is received. */
export const SHUT_RD = 0
/** Nothing more is sent. */
export const SHUT_WR = 1
/** Neither. */
export const SHUT_RDWR = 2

/** The longest queue of a listener. */
export const SOMAXCONN = 128

/** The default protocol of a type. */
export const IPPROTO_IP = 0
/** Control messages. */
export const IPPROTO_ICMP = 1
/** Membership of groups. */
export const IPPROTO_IGMP = 2
/** IP in IP. */
export const IPPROTO_IPIP = 4
/** Streams. */
export const IPPROTO_TCP = 6
/** Datagrams. */
export const IPPROTO_UDP = 17
/** Raw packets whose header the program writes. */
export const IPPROTO_RAW = 255

// ---- options -------------------------------------------------------------------------------------------------

/** Options of all sockets. */
export const SOL_SOCKET = 1
/** Options of IP. */
export const SOL_IP = 0
/** Options of TCP. */
export const SOL_TCP = 6
/** Options of UDP. */
export const SOL_UDP = 17
/** Options of raw sockets. */
export const SOL_RAW = 255
/** Options of AF_PACKET. */
export const SOL_PACKET = 263
/** Options of AF_NETLINK. */
export const SOL_NETLINK = 270

/** 0 or 1: record events; kept, without effect. */
export const SO_DEBUG = 1
/** 0 or 1: bind in spite of connections that linger. */
export const SO_REUSEADDR = 2
/** The type, SOCK_*; read only. */
export const SO_TYPE = 3
/** The pending error, which is forgotten; read only. */
export const SO_ERROR = 4
/** 0 or 1: only to networks that a device is on. */
export const SO_DONTROUTE = 5
/** 0 or 1: may send to broadcast addresses. */
export const SO_BROADCAST = 6
/** Bytes that may wait to be sent. */
export const SO_SNDBUF = 7
/** Bytes that may wait to be received. */
export const SO_RCVBUF = 8
/** 0 or 1: ask an idle peer whether it is there. */
export const SO_KEEPALIVE = 9
/** 0 or 1: urgent data stay in the stream. */
export const SO_OOBINLINE = 10
/** 0 or 1: no checksums of UDP. */
export const SO_NO_CHECK = 11
/** The priority of what is sent. */
export const SO_PRIORITY = 12
/** What close does about unsent data: a Linger. */
export const SO_LINGER = 13
/** 0 or 1: errors of UDP only where BSD tells them. */
export const SO_BSDCOMPAT = 14
/** 0 or 1: credentials come with what is received. */
export const SO_PASSCRED = 16
/** Who made the other end: a Ucred; read only. */
export const SO_PEERCRED = 17
/** Bytes that a receiver waits for. */
export const SO_RCVLOWAT = 18
/** Bytes of room that a sender waits for; fixed. */
export const SO_SNDLOWAT = 19
/** How long a receiver waits. */
export const SO_RCVTIMEO = 20
/** How long a sender waits. */
export const SO_SNDTIMEO = 21
/** The one device to use, by name. */
export const SO_BINDTODEVICE = 25
/** A packet filter; not modelled. */
export const SO_ATTACH_FILTER = 26
/** No packet filter any more. */
export const SO_DETACH_FILTER = 27
/** The other end's address; read only. */
export const SO_PEERNAME = 28
/** 0 or 1: the time of arrival comes with what is received. */
export const SO_TIMESTAMP = 29
/** Does it listen? Read only. */
export const SO_ACCEPTCONN = 30
/** The other end's security label; read only. */
export const SO_PEERSEC = 31

/** The type of service of what is sent. */
export const IP_TOS = 1
/** The time to live of what is sent, 1 to 255. */
export const IP_TTL = 2
/** 0 or 1: the program writes the header of IP. */
export const IP_HDRINCL = 3
/** Options in the header of IP. */
export const IP_OPTIONS = 4
/** Packets with that option come here. */
export const IP_ROUTER_ALERT = 5
/** 0 or 1: options come along. */
export const IP_RECVOPTS = 6
/** 0 or 1: options come along, unprocessed. */
export const IP_RETOPTS = 7
/** 0 or 1: an IpPktinfo comes along. */
export const IP_PKTINFO = 8
/** What came along with a connection. */
export const IP_PKTOPTIONS = 9
/** IP_PMTUDISC_*. */
export const IP_MTU_DISCOVER = 10
/** 0 or 1: errors wait in a queue of their own. */
export const IP_RECVERR = 11
/** 0 or 1: the TTL comes along. */
export const IP_RECVTTL = 12
/** 0 or 1: the TOS comes along. */
export const IP_RECVTOS = 13
/** The MTU of the path of a connected socket; read only. */
export const IP_MTU = 14
/** The device for groups. */
export const IP_MULTICAST_IF = 32
/** The time to live of what goes to groups. */
export const IP_MULTICAST_TTL = 33
/** 0 or 1: what goes to groups comes back. */
export const IP_MULTICAST_LOOP = 34
/** Joins a group. */
export const IP_ADD_MEMBERSHIP = 35
/** Leaves a group. */
export const IP_DROP_MEMBERSHIP = 36
/** Fragments may be made on the way. */
export const IP_PMTUDISC_DONT = 0
/** As the route says. */
export const IP_PMTUDISC_WANT = 1
/** Never fragments: EMSGSIZE. */
export const IP_PMTUDISC_DO = 2

/** Types of ICMP messages, a bit each, that a raw socket does not want; level SOL_RAW. */
export const ICMP_FILTER = 1

/** A socket wants something from a device: a struct packet_mreq, or { ifindex, type, address }. */
export const PACKET_ADD_MEMBERSHIP = 1
/** It does not want it any more. */
export const PACKET_DROP_MEMBERSHIP = 2
/** Frames and drops since it was last asked; read only. Linux: struct tpacket_stats. */
export const PACKET_STATISTICS = 6
/** Membership: a group's frames. */
export const PACKET_MR_MULTICAST = 0
/** Membership: all frames. */
export const PACKET_MR_PROMISC = 1
/** Membership: the frames of all groups. */
export const PACKET_MR_ALLMULTI = 2

/** 0 or 1: small segments do not wait. */
export const TCP_NODELAY = 1
/** Bytes of a segment at most. */
export const TCP_MAXSEG = 2
/** 0 or 1: only full segments are sent. */
export const TCP_CORK = 3
/** Seconds of silence before the peer is asked. */
export const TCP_KEEPIDLE = 4
/** Seconds between questions. */
export const TCP_KEEPINTVL = 5
/** Questions before the connection is given up. */
export const TCP_KEEPCNT = 6
/** How often a SYN is sent again. */
export const TCP_SYNCNT = 7
/** Seconds in FIN_WAIT2 without an owner. */
export const TCP_LINGER2 = 8
/** Seconds for which accept waits for data. */
export const TCP_DEFER_ACCEPT = 9
/** Bytes of the advertised window at most. */
export const TCP_WINDOW_CLAMP = 10
/** The state of the connection; read only. */
export const TCP_INFO = 11
/** 0 or 1: acknowledgements do not wait. */
export const TCP_QUICKACK = 12

// ---- flags of messages ---------------------------------------------------------------------------------------

/** Urgent data. */
export const MSG_OOB = 1
/** What is received stays. */
export const MSG_PEEK = 2
/** Only to networks that a device is on. */
export const MSG_DONTROUTE = 4
/** Received: ancillary data were cut. */
export const MSG_CTRUNC = 8
/** To or from an address that is not ours. */
export const MSG_PROXY = 0x10
/** Received: the datagram was longer; asked for: tell its length. */
export const MSG_TRUNC = 0x20
/** EAGAIN rather than waiting. */
export const MSG_DONTWAIT = 0x40
/** The end of a record. */
export const MSG_EOR = 0x80
/** Wait for all that is asked for. */
export const MSG_WAITALL = 0x100
/** Internal to TCP. */
export const MSG_FIN = 0x200
/** Internal to TCP. */
export const MSG_SYN = 0x400
/** The path works: the neighbour need not be asked. */
export const MSG_CONFIRM = 0x800
/** Internal to TCP. */
export const MSG_RST = 0x1000
/** From the queue of errors. */
export const MSG_ERRQUEUE = 0x2000
/** EPIPE without SIGPIPE. */
export const MSG_NOSIGNAL = 0x4000
/** More follows: wait with the rest. */
export const MSG_MORE = 0x8000

/** Descriptors come along. */
export const SCM_RIGHTS = 1
/** The sender's credentials come along. */
export const SCM_CREDENTIALS = 2
/** Descriptors in one message. Linux: SCM_MAX_FD. */
export const SCM_MAX_FD = 255

// ---- addresses -----------------------------------------------------------------------------------------------

/** Any address of ours. */
export const INADDR_ANY = '0.0.0.0'
/** This machine. */
export const INADDR_LOOPBACK = '127.0.0.1'
/** Everybody on the network. */
export const INADDR_BROADCAST = '255.255.255.255'

/** Bytes of a path in an address. Linux: UNIX_PATH_MAX. */
export const UNIX_PATH_MAX = 108

/** An address of AF_UNIX. Linux: struct sockaddr_un. */
export interface SockAddrUn {
  /** AF_UNIX. */
  readonly family: 1
  /** A path; a NUL and anything for an abstract name; empty for a socket without a name. */
  readonly path: string
}

/** An address of AF_INET. Linux: struct sockaddr_in. */
export interface SockAddrIn {
  /** AF_INET. */
  readonly family: 2
  /** '127.0.0.1', or the 32 bits as a number, 0 to 4294967295. What the kernel hands out is text. */
  readonly addr: string | number
  /** 0 to 65535. */
  readonly port: number
}

/** An address of AF_PACKET. Linux: struct sockaddr_ll. */
export interface SockAddrLl {
  /** AF_PACKET. */
  readonly family: 17
  /** The type of the frames, ETH_P_*, in host order. */
  readonly protocol: number
  /** The device's number, 0 for any. */
  readonly ifindex: number
  /** ARPHRD_*. */
  readonly hatype?: number
  /** PACKET_HOST, PACKET_OUTGOING and so on. */
  readonly pkttype?: number
  /** The hardware address: up to eight bytes. */
  readonly addr?: Uint8Array
}

/** An address of AF_PACKET before 2.2, and of SOCK_PACKET: the device's name. Linux: struct sockaddr_pkt. */
export interface SockAddrPkt {
  /** AF_INET or AF_PACKET, as the program likes. */
  readonly family: number
  /** The device's name. */
  readonly device: string
  /** ETH_P_*, in host order. Without it the address is a plain struct sockaddr, as bind(2) wants it. */
  readonly protocol?: number
}

/** An address of AF_NETLINK. Linux: struct sockaddr_nl. */
export interface SockAddrNl {
  /** AF_NETLINK. */
  readonly family: 16
  /** The port; 0 for the kernel. */
  readonly pid: number
  /** A mask of groups. */
  readonly groups: number
}

/** No address: breaks an association. */
export interface SockAddrUnspec {
  /** AF_UNSPEC. */
  readonly family: 0
}

/** An address. Any of them may also be given as the bytes of its C structure. */
export type SockAddr =
  | SockAddrUn
  | SockAddrIn
  | SockAddrLl
  | SockAddrPkt
  | SockAddrNl
  | SockAddrUnspec
  | Uint8Array

/** An address as the kernel hands it out. */
export type SockName = SockAddrUn | SockAddrIn | SockAddrLl | SockAddrPkt | SockAddrNl | SockAddrUnspec

/** An object that a call fills with an address: its old members go. */
export type SockAddrBuffer = object

// ---- messages ------------------------------------------------------------------------------------------------

/** Descriptors that go along with a message. */
export interface ScmRights {
  /** SOL_SOCKET. */
  readonly level: 1
  /** SCM_RIGHTS. */
  readonly type: 1
  /** The sender's, or the receiver's new ones. */
  readonly fds: readonly number[]
}

/** Who has sent a message. Linux: struct ucred. */
export interface ScmCredentials {
  /** SOL_SOCKET. */
  readonly level: 1
  /** SCM_CREDENTIALS. */
  readonly type: 2
  /** The process. */
  readonly pid: number
  /** Its user. */
  readonly uid: number
  /** Its group. */
  readonly gid: number
}

/** Through which device and to which address a datagram has come or is to go. Linux: struct in_pktinfo. */
export interface IpPktinfo {
  /** SOL_IP. */
  readonly level: 0
  /** IP_PKTINFO. */
  readonly type: 8
  /** The device's number. */
  readonly ifindex: number
  /** The local address. */
  readonly specDst: string
  /** The destination in the header; only received. */
  readonly addr?: string
}

/** The TTL or TOS of a datagram that has come. */
export interface IpByte {
  /** SOL_IP. */
  readonly level: 0
  /** IP_TTL or IP_TOS. */
  readonly type: 1 | 2
  /** 0 to 255. */
  readonly value: number
}

/** NETLINK_PKTINFO: to which group the message went. Linux: struct nl_pktinfo. */
export interface NlPktinfo {
  /** SOL_NETLINK. */
  readonly level: 270
  /** NETLINK_PKTINFO. */
  readonly type: 3
  /** The group's number; 0 for none. */
  readonly group: number
}

/** Ancillary data. */
export type ControlMessage = ScmRights | ScmCredentials | IpPktinfo | IpByte | NlPktinfo

/** A message and what goes with it. Linux: struct msghdr. */
export interface MsgHdr {
  /** To or from whom. recvmsg fills it where it is an object. */
  name?: SockAddr | SockAddrBuffer | null
  /** The data, in pieces. */
  iov: Uint8Array[]
  /** Ancillary data. recvmsg empties and fills the array; without one there is no room for any. */
  control?: ControlMessage[] | null
  /** recvmsg: bytes of room for ancillary data as C counts them. Default: enough. */
  controllen?: number
  /** recvmsg sets it: MSG_TRUNC, MSG_CTRUNC, MSG_OOB, MSG_EOR. */
  flags?: number
}

/** The value of SO_LINGER. Linux: struct linger. */
export interface Linger {
  /** 0 or 1. */
  readonly onoff: number
  /** Seconds. */
  readonly linger: number
}

/** The value of SO_PEERCRED. Linux: struct ucred. */
export interface Ucred {
  /** The process. */
  readonly pid: number
  /** Its user. */
  readonly uid: number
  /** Its group. */
  readonly gid: number
}

/** Joins a group, by its number; level SOL_NETLINK. */
export const NETLINK_ADD_MEMBERSHIP = 1
/** Leaves a group. */
export const NETLINK_DROP_MEMBERSHIP = 2
/** Messages come with the number of the group: NlPktinfo. */
export const NETLINK_PKTINFO = 3
/** With `laterOptions`: who broadcasts in the kernel hears of losses. Linux 2.6.30. */
export const NETLINK_BROADCAST_ERROR = 4
/** With `laterOptions`: losses make no error and stop nothing. Linux 2.6.30. */
export const NETLINK_NO_ENOBUFS = 5
/** With `laterOptions`: errors come with no more than the request's header. Linux 4.3. */
export const NETLINK_CAP_ACK = 10
