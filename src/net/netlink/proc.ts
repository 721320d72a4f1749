/**
 * /proc/net/netlink. Linux: netlink_read_proc (2.2.12), netlink_seq_show (2.6.14), net/netlink/af_netlink.c.
 */

import type { ProcEntry } from '../../kernel/module.js'
import { partOf } from '../../kernel/part.js'
import type { Task } from '../../kernel/task.js'
import { netOf } from '../proc/text.js'
import type { NetlinkSock } from './sock.js'

/** Where things would be in the kernel's memory: made up, but as their serial numbers are. */
const addressOf = (serial: number): string => (0xc0000000 + serial * 0x400).toString(16).padStart(8, '0')

/** The kernel's own socks come before all others. */
const KERNEL_BASE = 0x8000

/** One sock. It is in the table and has a socket: two hold it. */
function line(address: string, protocol: number, pid: number, groups: number, rest: string): string {
  const start = `${address} ${String(protocol).padEnd(3)} ${String(pid | 0).padEnd(6)}`
  return `${start} ${groups.toString(16).padStart(8, '0')} ${rest} 2\n`
}

const NOTHING = `${'0'.padEnd(8)} ${'0'.padEnd(8)} 00000000`

function sockLine(current: Task, sk: NetlinkSock): string {
  // A part knows of no others: its socks are told apart by their ports.
  const serial = partOf(current) === null ? sk.serial : sk.pid & 0x7fff
  const dump = sk.dump === null ? '00000000' : addressOf(2 * KERNEL_BASE + serial)
  const rest = `${String(sk.rmem).padEnd(8)} ${String(sk.wmem).padEnd(8)} ${dump}`
  return line(addressOf(KERNEL_BASE + serial), sk.protocol, sk.pid, sk.groups, rest)
}

/** Socks that have a port, by protocol: the kernel's, whose port is 0, and those that the reader may know of. */
export const netlinkProc: ProcEntry = Object.freeze({
  path: 'net/netlink',
  mode: 0o444,
  read(current) {
    const net = netOf(current)
    const { security, hooked } = current.k
    const filtered = hooked.has('sockVisible')
    const { tables } = net.netlink
    const protocols = new Set([...net.registry.netlink.keys(), ...tables.keys()])
    let text = 'sk       Eth Pid    Groups   Rmem     Wmem     Dump     Locks\n'
    for (const protocol of [...protocols].sort((a, b) => a - b)) {
      if (net.registry.netlink.has(protocol)) text += line(addressOf(protocol), protocol, 0, 0, NOTHING)
      for (const sk of tables.get(protocol)?.ports.values() ?? [])
        if (!filtered || security.sockVisible(current, sk) === 0) text += sockLine(current, sk)
    }
    return text
  },
} satisfies ProcEntry)
