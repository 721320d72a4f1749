/**
 * Network devices as programs see them: flags, hardware types, frame types. Linux: include/linux/if.h, if_arp.h,
 * if_ether.h (2.2.12, 2.6.14).
 */

/** Bytes of the name of a device, the final NUL included. */
export const IFNAMSIZ = 16

/** It works. */
export const IFF_UP = 0x1
/** It has a broadcast address. */
export const IFF_BROADCAST = 0x2
/** It tells more. */
export const IFF_DEBUG = 0x4
/** It is this machine itself. */
export const IFF_LOOPBACK = 0x8
/** There is one neighbour. */
export const IFF_POINTOPOINT = 0x10
/** No trailers. */
export const IFF_NOTRAILERS = 0x20
/** It has a carrier. */
export const IFF_RUNNING = 0x40
/** It does not ask for addresses. */
export const IFF_NOARP = 0x80
/** It takes all frames. */
export const IFF_PROMISC = 0x100
/** It takes all frames for groups. */
export const IFF_ALLMULTI = 0x200
/** It spreads load over others. */
export const IFF_MASTER = 0x400
/** It works for such a one. */
export const IFF_SLAVE = 0x800
/** It knows groups. */
export const IFF_MULTICAST = 0x1000

/** Ethernet. */
export const ARPHRD_ETHER = 1
/** A point-to-point link. */
export const ARPHRD_PPP = 512
/** The loopback device. */
export const ARPHRD_LOOPBACK = 772

/** Bytes of an address. */
export const ETH_ALEN = 6
/** Bytes of the header of a frame. */
export const ETH_HLEN = 14
/** Bytes that a frame carries at most. */
export const ETH_DATA_LEN = 1500
/** IPv4. */
export const ETH_P_IP = 0x0800
/** ARP. */
export const ETH_P_ARP = 0x0806
/** Every frame. */
export const ETH_P_ALL = 0x0003
/** A frame with a length in place of a type. */
export const ETH_P_802_3 = 0x0001
