/**
 * Requests of ioctl(2) on sockets about devices, addresses, routes and neighbours. Linux: include/linux/sockios.h
 * (2.0.35, 2.2.12). Structures are as on i386: struct ifreq has 32 bytes, struct rtentry 48, struct arpreq 68.
 */

export const SIOCADDRT = 0x890b
export const SIOCDELRT = 0x890c

export const SIOCGIFNAME = 0x8910
export const SIOCGIFCONF = 0x8912
export const SIOCGIFFLAGS = 0x8913
export const SIOCSIFFLAGS = 0x8914
export const SIOCGIFADDR = 0x8915
export const SIOCSIFADDR = 0x8916
export const SIOCGIFDSTADDR = 0x8917
export const SIOCSIFDSTADDR = 0x8918
export const SIOCGIFBRDADDR = 0x8919
export const SIOCSIFBRDADDR = 0x891a
export const SIOCGIFNETMASK = 0x891b
export const SIOCSIFNETMASK = 0x891c
export const SIOCGIFMETRIC = 0x891d
export const SIOCSIFMETRIC = 0x891e
export const SIOCGIFMTU = 0x8921
export const SIOCSIFMTU = 0x8922
export const SIOCSIFHWADDR = 0x8924
export const SIOCGIFHWADDR = 0x8927
export const SIOCGIFINDEX = 0x8933
export const SIOCGIFTXQLEN = 0x8942
export const SIOCSIFTXQLEN = 0x8943

/** Bytes of struct ifreq. */
export const IFREQ = 32

/** Flags of struct rtentry. */
export const RTF_UP = 1
export const RTF_GATEWAY = 2
export const RTF_HOST = 4
export const RTF_DYNAMIC = 0x10
export const RTF_MODIFIED = 0x20
export const RTF_MTU = 0x40
export const RTF_WINDOW = 0x80
export const RTF_REJECT = 0x200

/** Forgets a neighbour: a struct arpreq. */
export const SIOCDARP = 0x8953
/** Asks for a neighbour's hardware address. */
export const SIOCGARP = 0x8954
/** Sets it. */
export const SIOCSARP = 0x8955
/** The address is known. */
export const ATF_COM = 0x02
/** It does not change. */
export const ATF_PERM = 0x04
/** Others are answered for it. */
export const ATF_PUBL = 0x08
/** The netmask counts. */
export const ATF_NETMASK = 0x20
/** Others are not answered for it. */
export const ATF_DONTPUB = 0x40
/** Bytes of struct arpreq: two addresses, flags, a netmask, a device's name. */
export const ARPREQ = 68
