/**
 * MAC in the network: sockets and packets have labels, and what is of one compartment does not come to another.
 * Reference MAC-5, MAC-41 to MAC-52.
 *
 * The label of a socket or packet is its routing key, which the network carries from socket to packet to fragment to
 * answer, and makes part of every look-up in routing rules and in the route cache. Key 0 is the label of boot.
 */

import { ECONNREFUSED } from '../abi/errno.js'
import { AF_INET, AF_PACKET } from '../abi/socket.js'
import type { SkBuff, Sock, Sockaddr, Socket, Task } from '../kernel/module.js'
import { ipDaddr } from '../net/inet/ip.js'
import { InetSock } from '../net/inet/sock.js'
import type { SecurityHooks } from '../security/hooks.js'
import { type Judge, pack, unpack } from './judge.js'
import { BOOT_TASK, isAdmin, Label } from './label.js'
import { type Refused, seesCompartment, talkTo, useAddress } from './rules.js'

/** What a packet from outside has until a rule says otherwise (MAC-5). */
const OUTSIDE: Label = Object.freeze(new Label(0, 0))

/** A label as a key, and back. */
export const keyOf = (label: Label): number => (pack(label) === pack(BOOT_TASK) ? 0 : pack(label) + 1)
export const labelOfKey = (key: number): Label => (key === 0 ? BOOT_TASK : unpack(key - 1))

const OUTSIDE_KEY = keyOf(OUTSIDE)

/** Has it come over a wire? Not by the loopback device, which marks what it carries as checked. */
export const comesFromOutside = (skb: SkBuff): boolean => skb.dev !== null && !skb.isChecked

const labelOfSock = (sk: Sock): Label => labelOfKey(sk.routeKey)

/** The hooks. */
export function socketHooks(judge: Judge): Partial<SecurityHooks> {
  const { labels, settings } = judge

  /** May `current` reach the other socket? As the sender or, of a stream, as either side. */
  const reaches = (current: Task, sock: Socket, other: Sock): number => {
    const sender = sock.sk === null ? labels.ofTask(current) : labelOfSock(sock.sk)
    const object = labelOfSock(other)
    return judge.verdict(current, talkTo(sender, object), object)
  }

  /** A socket that is bound to every address is not bound to those of other compartments (MAC-46). */
  const toAnother = (sk: Sock, { data, nh }: SkBuff): Refused | null => {
    if (!(sk instanceof InetSock) || sk.rcvSaddr !== 0) return null
    const compartment = labels.state.addresses.get(ipDaddr(data, nh))
    return compartment === undefined ? null : useAddress(labelOfSock(sk), compartment)
  }

  return {
    /** A socket has its creator's label, an accepted one its listener's (MAC-5, MAC-45). */
    sockInit(current, sk, parent) {
      const label =
        parent === null ? (current === null ? BOOT_TASK : labels.ofTask(current)) : labelOfSock(parent)
      sk.routeKey = keyOf(label)
      if (!settings.sharedPortSpace) sk.portSpace = label.compartment
    },

    /** What comes over a wire is nobody's; what goes round by loopback keeps its label. */
    skbReceive(skb: SkBuff) {
      if (comesFromOutside(skb)) skb.routeKey = OUTSIDE_KEY
    },

    sockDeliver(sk, skb) {
      // Who listens to a device hears the own compartment: not even what the kernel or an administrator sends to it.
      if (sk.family === AF_PACKET)
        return seesCompartment(labelOfSock(sk), labelOfKey(skb.routeKey)) ? 0 : ECONNREFUSED
      if (skb.routeKey !== sk.routeKey) {
        const refused = talkTo(labelOfKey(skb.routeKey), labelOfSock(sk))
        if (refused !== null) return refused.errno
      }
      return labels.state.addresses.size === 0 ? 0 : (toAnother(sk, skb)?.errno ?? 0)
    },

    sockVisible(current, sk) {
      const subject = labels.ofTask(current)
      const isSeen = isAdmin(subject) || subject.compartment === labelOfSock(sk).compartment
      return isSeen ? 0 : -1
    },

    eventVisible: (sk, about) => (seesCompartment(labelOfSock(sk), labels.ofTask(about)) ? 0 : -1),

    routeVisible: (current, key) => (seesCompartment(labels.ofTask(current), labelOfKey(key)) ? 0 : -1),

    unixStreamConnect: reaches,
    unixMaySend: reaches,

    /** An address that is another compartment's (MAC-46). */
    socketBind(current: Task, _sock: Socket, address: Sockaddr) {
      if (address.family !== AF_INET) return 0
      const compartment = labels.state.addresses.get(address.addr)
      if (compartment === undefined) return 0
      const refused = useAddress(labels.ofTask(current), compartment)
      return judge.verdict(current, refused, new Label(0, compartment))
    },
  }
}
