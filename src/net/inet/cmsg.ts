/**
 * Ancillary data of datagrams: through which device, to which address. Linux: ip_cmsg_send, ip_cmsg_recv,
 * net/ipv4/ip_sockglue.c (2.2.12, 2.6.14).
 */

import { EINVAL, type Errno } from '../../abi/errno.js'
import { type ControlMessage, IP_PKTINFO, IP_TOS, IP_TTL, SOL_IP } from '../../abi/socket.js'
import type { SkBuff } from '../skbuff.js'
import { formatIp, parseIp } from '../sockaddr.js'
import type { NetState } from '../state.js'
import { ipDaddr, ipTos, ipTtl } from './ip.js'
import type { InetSock } from './sock.js'

/** What a sender asks for. */
export interface Pktinfo {
  /** The device to send through, 0 for any. */
  readonly ifindex: number
  /** The address to send from, 0 for any. */
  readonly specDst: number
}

/** What a message asks for, or null; EINVAL for what is no such thing. Others' ancillary data is passed over. */
export function sendPktinfo(_net: NetState, control: readonly unknown[]): Pktinfo | null | Errno {
  let info: Pktinfo | null = null
  for (const entry of control) {
    if (typeof entry !== 'object' || entry === null || !('level' in entry) || !('type' in entry))
      return EINVAL
    if (entry.level !== SOL_IP) continue
    if (entry.type !== IP_PKTINFO) return EINVAL
    const ifindex: unknown = Reflect.get(entry, 'ifindex')
    const specDst: unknown = Reflect.get(entry, 'specDst')
    if (typeof ifindex !== 'number' || typeof specDst !== 'string') return EINVAL
    const addr = parseIp(specDst)
    if (addr < 0) return EINVAL
    info = { ifindex: ifindex | 0, specDst: addr }
  }
  return info
}

/** What the receiver wants to know of a datagram. Linux: ip_cmsg_recv. */
export function pktinfoOf(sk: InetSock, skb: SkBuff, control: unknown[]): void {
  const { data, nh } = skb
  const put = (entry: ControlMessage): void => {
    control.push(entry)
  }
  if (sk.pktinfo) {
    const addr = formatIp(ipDaddr(data, nh))
    put({ level: SOL_IP, type: IP_PKTINFO, ifindex: skb.dev?.ifindex ?? 0, specDst: addr, addr })
  }
  if (sk.recvTtl) put({ level: SOL_IP, type: IP_TTL, value: ipTtl(data, nh) })
  if (sk.recvTos) put({ level: SOL_IP, type: IP_TOS, value: ipTos(data, nh) })
}
