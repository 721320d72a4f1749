/**
 * Network devices as programs see them: flags, hardware types, frame types. Linux: include/linux/if.h, if_arp.h,
 * if_ether.h (2.2.12, 2.6.14).
 */

export const IFNAMSIZ = 16

export const IFF_UP = 0x1
export const IFF_BROADCAST = 0x2
export const IFF_DEBUG = 0x4
export const IFF_LOOPBACK = 0x8
export const IFF_POINTOPOINT = 0x10
export const IFF_NOTRAILERS = 0x20
export const IFF_RUNNING = 0x40
export const IFF_NOARP = 0x80
export const IFF_PROMISC = 0x100
export const IFF_ALLMULTI = 0x200
export const IFF_MASTER = 0x400
export const IFF_SLAVE = 0x800
export const IFF_MULTICAST = 0x1000

export const ARPHRD_ETHER = 1
export const ARPHRD_PPP = 512
export const ARPHRD_LOOPBACK = 772

export const ETH_ALEN = 6
export const ETH_HLEN = 14
export const ETH_DATA_LEN = 1500
export const ETH_P_IP = 0x0800
export const ETH_P_ARP = 0x0806
export const ETH_P_ALL = 0x0003
export const ETH_P_802_3 = 0x0001
