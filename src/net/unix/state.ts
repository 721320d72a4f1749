/**
 * What AF_UNIX keeps: its sockets, names, and how many descriptors are on their way. Plain data.
 * Linux: unix_socket_table, unix_tot_inflight, net/unix/af_unix.c.
 */

import type { Inode } from '../../vfs/inode.js'
import type { UnixSock } from './sock.js'

/** The state of AF_UNIX. */
export class UnixState {
  /** All socks, also those that nobody has accepted yet, oldest first. */
  sockets = new Set<UnixSock>()
  /** Abstract names, by type and name. */
  abstract = new Map<string, UnixSock>()
  /** Sockets bound to a path, by its inode. */
  byInode = new Map<Inode, UnixSock>()
  /** The next name that bind makes up. */
  nextName = 1
  /** The serial number of the next sock. */
  nextSerial = 1
  /** AF_UNIX sockets in messages. Linux: unix_tot_inflight. */
  inflight = 0
  /** Is the collector at work? */
  collecting = false
  /** Datagrams that may wait. Linux: sysctl_unix_max_dgram_qlen. */
  maxDgramQlen = 10
  /** Are there sockets of SOCK_SEQPACKET? Linux: since 2.6.4. */
  hasSeqpacket: boolean

  constructor(hasSeqpacket: boolean) {
    this.hasSeqpacket = hasSeqpacket
  }
}
