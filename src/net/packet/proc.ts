/**
 * /proc/net/packet. Linux: packet_read_proc (2.2.12), packet_seq_show (2.6.14), net/packet/af_packet.c.
 */

import { isAtLeast } from '../../abi/profile.js'
import type { ProcEntry } from '../../kernel/module.js'
import { sockIno } from '../sockfs.js'
import type { NetState } from '../state.js'
import type { PacketSock } from './sock.js'

function line(sk: PacketSock): string {
  const { socket, net } = sk
  const ino = socket === null ? 0 : sockIno(socket)
  // Where it would be in memory: made up, but always the same for one socket.
  const address = (0xc0000000 + ino * 0x400).toString(16).padStart(8, '0')
  // 2.2 does not count references.
  const users = isAtLeast(net.k.facts.release, '2.6.14') ? 3 : -1
  const uid = socket?.file?.dentry?.inode?.uid ?? 0
  const left = `${address} ${String(users).padEnd(6)} ${String(sk.type).padEnd(4)} ${sk.num.toString(16).padStart(4, '0')}`
  const right = `${String(sk.ifindex).padEnd(5)} ${sk.tap === null ? 0 : 1} ${String(sk.rmem).padEnd(6)}`
  return `${left}   ${right} ${String(uid).padEnd(6)} ${String(ino).padEnd(6)}\n`
}

/** One line for each socket that the reader may know of. */
export const packetProc: ProcEntry = Object.freeze({
  path: 'net/packet',
  mode: 0o444,
  read(current) {
    const { packets } = current.k.state.modules.get('net') as NetState
    const { security, hooked } = current.k
    const filtered = hooked.has('sockVisible')
    let text = 'sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n'
    for (const sk of packets) if (!filtered || security.sockVisible(current, sk) === 0) text += line(sk)
    return text
  },
} satisfies ProcEntry)
