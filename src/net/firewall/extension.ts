/**
 * What modules can add to rules of the firewall: fields behind struct ip_fwuser, that are looked at and acted upon.
 *
 * With an extension the structure is longer, so that a program that does not know of it gets EINVAL. Types only.
 */

import type { Errno } from '../../abi/errno.js'
import type { Task } from '../../kernel/task.js'
import type { SkBuff } from '../skbuff.js'
import type { NetState } from '../state.js'

/**
 * An extension of rules. `T` is what it makes of its bytes: plain data, as it becomes part of the kernel's state.
 * `point` is where the packet is: NF_IP_PRE_ROUTING in the input chain, NF_IP_FORWARD in the forward chain,
 * NF_IP_POST_ROUTING in the output chain, chains of users' that are entered from there included.
 */
export interface IpfwExtension<T = unknown> {
  /** Names it in complaints. */
  readonly name: string
  /** Bytes in struct ip_fwuser, a multiple of four: behind those of the extensions before it. */
  readonly size: number
  /** May the task, which has CAP_NET_ADMIN, change the firewall at all? 0, or an Errno. */
  mayChange?(current: Task): number
  /** What the bytes of a new rule mean, or an Errno. */
  parse(current: Task, bytes: Uint8Array): T | Errno
  /** Does a packet that matches in all else match this too? Without it every one does. */
  matches?(net: NetState, field: T, skb: SkBuff, point: number): boolean
  /** The rule has matched. */
  apply?(net: NetState, field: T, skb: SkBuff, point: number): void
  /** The rule has matched: may the packet go on? If not it is dropped, whatever the rule's target. */
  permits?(net: NetState, field: T, skb: SkBuff, point: number): boolean
  /** A word for /proc/net/ip_fwchains, where it stands behind the target. No blanks. */
  show(field: T): string
}

/** Bytes that extensions add. Throws a TypeError for a size that would break the structure. */
export function extensionBytes(extensions: readonly IpfwExtension[]): number {
  let bytes = 0
  for (const { name, size } of extensions) {
    if (!Number.isInteger(size) || size < 0 || size % 4 !== 0)
      throw new TypeError(`firewall extension '${name}': size ${size}, but a multiple of 4 is wanted`)
    bytes += size
  }
  return bytes
}
