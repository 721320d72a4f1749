/**
 * /proc/net/unix. Linux: unix_read_proc (2.2.12), unix_seq_show (2.6.14), net/unix/af_unix.c.
 */

import { isAtLeast } from '../../abi/profile.js'
import type { ProcEntry } from '../../kernel/module.js'
import { partOf } from '../../kernel/part.js'
import type { Task } from '../../kernel/task.js'
import { latin1Encode, utf8Decode } from '../../lib/bytes.js'
import { SO_ACCEPTCON, SS_CONNECTING, SS_DISCONNECTING, TCP_ESTABLISHED, TCP_LISTEN } from '../sock.js'
import { sockIno } from '../sockfs.js'
import type { NetState } from '../state.js'
import type { UnixSock } from './sock.js'

const hex = (value: number, width: number): string => value.toString(16).toUpperCase().padStart(width, '0')

/** Where the sock would be in the kernel's memory: made up, but as its serial number is. */
const addressOf = (serial: number): string => (0xc0000000 + serial * 0x400).toString(16).padStart(8, '0')

/** How many hold the sock: itself and the table (2.6), and those that talk to it. */
function usersOf(net: NetState, sk: UnixSock): number {
  let users = isAtLeast(net.k.facts.release, '2.6.14') ? (sk.socket === null ? 1 : 2) : 0
  for (const other of net.unix.sockets) if (other.peer === sk) users++
  return users
}

function line(current: Task, net: NetState, sk: UnixSock): string {
  const { socket } = sk
  const isModern = isAtLeast(net.k.facts.release, '2.6.14')
  const flags = isModern ? (sk.state === TCP_LISTEN ? SO_ACCEPTCON : 0) : (socket?.flags ?? 0) & SO_ACCEPTCON
  const state = socket?.state ?? (sk.state === TCP_ESTABLISHED ? SS_CONNECTING : SS_DISCONNECTING)
  const ino = socket === null ? 0 : sockIno(socket)
  const numbers = `${hex(usersOf(net, sk), 8)} ${hex(0, 8)} ${hex(flags, 8)} ${hex(sk.type, 4)} ${hex(state, 2)}`
  const name = sk.address === null ? '' : ` ${shown(sk.address.name)}`
  return `${addressOf(partOf(current) === null ? sk.serial : ino)}: ${numbers} ${String(ino).padStart(5)}${name}\n`
}

/** NULs of an abstract name are shown as @. */
const shown = (name: string): string => utf8Decode(latin1Encode(name.replaceAll('\0', '@')))

/** One line for each socket that the reader may know of. */
export const unixProc: ProcEntry = Object.freeze({
  path: 'net/unix',
  mode: 0o444,
  read(current) {
    const net = current.k.state.modules.get('net') as NetState
    const { security, hooked } = current.k
    const filtered = hooked.has('sockVisible')
    let text = 'Num       RefCount Protocol Flags    Type St Inode Path\n'
    for (const sk of net.unix.sockets)
      if (!filtered || security.sockVisible(current, sk) === 0) text += line(current, net, sk)
    return text
  },
} satisfies ProcEntry)
