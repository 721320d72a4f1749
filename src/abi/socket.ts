/**
 * Sockets as programs see them: families, types, options, flags, and the structures that calls take and fill.
 *
 * Linux: include/linux/socket.h, include/asm-i386/socket.h, include/linux/in.h, include/linux/un.h (2.0.35, 2.2.12,
 * 2.6.14). Ports are numbers in host order; IPv4 addresses are dotted text, or a number in host order where a
 * program prefers.
 */

// ---- families, types -----------------------------------------------------------------------------------------

export const AF_UNSPEC = 0
export const AF_UNIX = 1
export const AF_LOCAL = 1
export const AF_INET = 2
export const AF_INET6 = 10
export const AF_NETLINK = 16
export const AF_PACKET = 17
export const PF_UNSPEC = 0
export const PF_UNIX = 1
export const PF_LOCAL = 1
export const PF_INET = 2
export const PF_INET6 = 10
export const PF_NETLINK = 16
export const PF_PACKET = 17
/** Families are below this. Linux: NPROTO. */
export const NPROTO = 32

export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_RDM = 4
export const SOCK_SEQPACKET = 5
/** 2.0's way to the devices; since 2.2 another name of AF_PACKET's. */
export const SOCK_PACKET = 10
/** Types are below this. Linux: SOCK_MAX (2.6). */
export const SOCK_MAX = 11

export const SHUT_RD = 0
export const SHUT_WR = 1
export const SHUT_RDWR = 2

/** The longest queue of a listener. */
export const SOMAXCONN = 128

export const IPPROTO_IP = 0
export const IPPROTO_ICMP = 1
export const IPPROTO_IGMP = 2
export const IPPROTO_IPIP = 4
export const IPPROTO_TCP = 6
export const IPPROTO_UDP = 17
export const IPPROTO_RAW = 255

// ---- options -------------------------------------------------------------------------------------------------

export const SOL_SOCKET = 1
export const SOL_IP = 0
export const SOL_TCP = 6
export const SOL_UDP = 17
export const SOL_RAW = 255
export const SOL_PACKET = 263

export const SO_DEBUG = 1
export const SO_REUSEADDR = 2
export const SO_TYPE = 3
export const SO_ERROR = 4
export const SO_DONTROUTE = 5
export const SO_BROADCAST = 6
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_KEEPALIVE = 9
export const SO_OOBINLINE = 10
export const SO_NO_CHECK = 11
export const SO_PRIORITY = 12
export const SO_LINGER = 13
export const SO_BSDCOMPAT = 14
export const SO_PASSCRED = 16
export const SO_PEERCRED = 17
export const SO_RCVLOWAT = 18
export const SO_SNDLOWAT = 19
export const SO_RCVTIMEO = 20
export const SO_SNDTIMEO = 21
export const SO_BINDTODEVICE = 25
export const SO_ATTACH_FILTER = 26
export const SO_DETACH_FILTER = 27
export const SO_PEERNAME = 28
export const SO_TIMESTAMP = 29
export const SO_ACCEPTCONN = 30
export const SO_PEERSEC = 31

export const IP_TOS = 1
export const IP_TTL = 2
export const IP_HDRINCL = 3
export const IP_OPTIONS = 4
export const IP_ROUTER_ALERT = 5
export const IP_RECVOPTS = 6
export const IP_RETOPTS = 7
export const IP_PKTINFO = 8
export const IP_PKTOPTIONS = 9
export const IP_MTU_DISCOVER = 10
export const IP_RECVERR = 11
export const IP_RECVTTL = 12
export const IP_RECVTOS = 13
export const IP_MTU = 14
export const IP_MULTICAST_IF = 32
export const IP_MULTICAST_TTL = 33
export const IP_MULTICAST_LOOP = 34
export const IP_ADD_MEMBERSHIP = 35
export const IP_DROP_MEMBERSHIP = 36
export const IP_PMTUDISC_DONT = 0
export const IP_PMTUDISC_WANT = 1
export const IP_PMTUDISC_DO = 2

export const TCP_NODELAY = 1
export const TCP_MAXSEG = 2
export const TCP_CORK = 3
export const TCP_KEEPIDLE = 4
export const TCP_KEEPINTVL = 5
export const TCP_KEEPCNT = 6
export const TCP_SYNCNT = 7
export const TCP_LINGER2 = 8
export const TCP_DEFER_ACCEPT = 9
export const TCP_WINDOW_CLAMP = 10
export const TCP_INFO = 11
export const TCP_QUICKACK = 12

// ---- flags of messages ---------------------------------------------------------------------------------------

export const MSG_OOB = 1
export const MSG_PEEK = 2
export const MSG_DONTROUTE = 4
export const MSG_CTRUNC = 8
export const MSG_PROXY = 0x10
export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
export const MSG_EOR = 0x80
export const MSG_WAITALL = 0x100
export const MSG_FIN = 0x200
export const MSG_SYN = 0x400
export const MSG_CONFIRM = 0x800
export const MSG_RST = 0x1000
export const MSG_ERRQUEUE = 0x2000
export const MSG_NOSIGNAL = 0x4000
export const MSG_MORE = 0x8000

export const SCM_RIGHTS = 1
export const SCM_CREDENTIALS = 2
/** Descriptors in one message. Linux: SCM_MAX_FD. */
export const SCM_MAX_FD = 255

// ---- addresses -----------------------------------------------------------------------------------------------

export const INADDR_ANY = '0.0.0.0'
export const INADDR_LOOPBACK = '127.0.0.1'
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
  /** ETH_P_*, in host order. */
  readonly protocol: number
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

/** Ancillary data. */
export type ControlMessage = ScmRights | ScmCredentials | IpPktinfo | IpByte

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
