/**
 * Ports and who has them: for UDP, and for TCP where the rules are the same. Linux: udp_v4_get_port,
 * net/ipv4/udp.c; get_new_socknum, inet_bind (2.0.35, 2.2.12, 2.6.14).
 */

import { isAtLeast } from '../../abi/profile.js'
import type { InetSock } from './sock.js'
import type { PortTable } from './state.js'

/** Are two socks that share a port in each other's way? Only within one space of ports. */
function clashes(a: InetSock, b: InetSock): boolean {
  if (a === b || a.portSpace !== b.portSpace) return false
  const isModern = isAtLeast(a.net.k.facts.release, '2.6.14')
  const devs = a.boundDev === b.boundDev || (isModern && (a.boundDev === 0 || b.boundDev === 0))
  if (!devs) return false
  if (a.rcvSaddr !== 0 && b.rcvSaddr !== 0 && a.rcvSaddr !== b.rcvSaddr) return false
  return a.reuse === 0 || b.reuse === 0
}

/** Does somebody have the port whom this sock is in the way of? */
export function portClashes(table: PortTable, sk: InetSock, port: number): boolean {
  const owners = table.byPort.get(port)
  if (owners === undefined) return false
  for (const owner of owners) if (clashes(sk, owner)) return true
  return false
}

/** Chains of the table of ports. Linux: UDP_HTABLE_SIZE. */
const CHAINS = 128

/**
 * Is a port of one sock in another's way, when one is chosen? Within one space; and space 0 talks to all of them, so that
 * two ends of the same name would meet.
 */
export const sharesPorts = (a: { readonly portSpace: number }, b: { readonly portSpace: number }): boolean =>
  a.portSpace === b.portSpace || a.portSpace === 0 || b.portSpace === 0

/** Has nobody the port who would be in the sock's way? */
function isFree(table: PortTable, sk: InetSock, port: number): boolean {
  const owners = table.byPort.get(port)
  return owners === undefined || !owners.some((owner) => sharesPorts(owner, sk))
}

/** The next after the last one chosen; 0 where there is none. Linux: get_new_socknum (2.0). */
function choosePort20(table: PortTable, sk: InetSock): number {
  const { portLow: low, portHigh: high } = sk.net.inet
  const choice = table.choiceOf(sk.portSpace)
  let port = choice.rover
  for (let tries = high - low + 1; tries > 0; tries--) {
    port++
    if (port < low || port > high) port = low
    if (isFree(table, sk, port)) {
      choice.rover = port
      return port
    }
  }
  return 0
}

/**
 * A port that nobody of the sock's space has, on the shortest chain of its space from the last one chosen on, that one included; 0
 * where there is none. Linux: udp_v4_get_port (2.2.12, 2.6.14).
 */
export function choosePort(table: PortTable, sk: InetSock): number {
  if (sk.net.k.facts.release === '2.0.35') return choosePort20(table, sk)
  const { portLow: low, portHigh: high } = sk.net.inet
  const wrapped = (port: number): number => (port > high ? low + ((port - low) & (CHAINS - 1)) : port)
  const choice = table.choiceOf(sk.portSpace)
  const start = choice.rover < low || choice.rover > high ? low : choice.rover
  let best = start
  let shortest = Number.POSITIVE_INFINITY
  for (let i = 0; i < CHAINS && shortest > 0; i++) {
    const length = choice.chains[(start + i) & (CHAINS - 1)] ?? 0
    if (length >= shortest) continue
    shortest = length
    best = start + i
  }
  let port = wrapped(best)
  for (let tries = 65536 / CHAINS; tries > 0; tries--) {
    if (isFree(table, sk, port)) {
      choice.rover = port
      return port
    }
    port = wrapped(port + CHAINS)
  }
  return 0
}

/** Takes `port`, or one of the table's choice for 0: 0, or -1 where it is taken or none is left. */
export function getPort(table: PortTable, sk: InetSock, port: number): number {
  const taken = port === 0 ? choosePort(table, sk) : port
  if (taken === 0 || (port !== 0 && portClashes(table, sk, port))) return -1
  sk.num = taken
  return 0
}

/** Linux: udp_v4_hash. */
export function hashPort(table: PortTable, sk: InetSock): void {
  const owners = table.byPort.get(sk.num)
  if (owners?.includes(sk)) return
  if (owners === undefined) table.byPort.set(sk.num, [sk])
  else owners.push(sk)
  countChain(table, sk, 1)
}

/** Linux: udp_v4_unhash. */
export function unhashPort(table: PortTable, sk: InetSock): void {
  const owners = table.byPort.get(sk.num)
  const at = owners?.indexOf(sk) ?? -1
  if (owners === undefined || at < 0) return
  if (owners.length === 1) table.byPort.delete(sk.num)
  else owners.splice(at, 1)
  countChain(table, sk, -1)
}

function countChain(table: PortTable, sk: InetSock, by: number): void {
  const { chains } = table.choiceOf(sk.portSpace)
  const chain = sk.num & (CHAINS - 1)
  chains[chain] = (chains[chain] ?? 0) + by
}
