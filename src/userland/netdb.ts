/**
 * Names of hosts, networks, services and protocols, as the C library finds them in /etc. Linux: getservbyname(3),
 * getprotobyname(3), gethostbyname(3), getnetbyname(3) with files alone.
 *
 * A name that several lines of /etc/hosts have has all their addresses, as one in the DNS would.
 */

import { type Part, readFile, readIp, type ToolSys } from './tool.js'

/** What the files say. One that is not there is empty. */
export interface Netdb {
  /** Addresses of a host. */
  readonly hosts: ReadonlyMap<string, readonly number[]>
  /** The name of an address. */
  readonly hostNames: ReadonlyMap<number, string>
  /** Networks by name, and the other way. */
  readonly networks: ReadonlyMap<string, number>
  readonly networkNames: ReadonlyMap<number, string>
  /** Ports by 'name/protocol'. */
  readonly services: ReadonlyMap<string, number>
  /** Names by 'port/protocol'. */
  readonly serviceNames: ReadonlyMap<string, string>
  /** Numbers of protocols. */
  readonly protocols: ReadonlyMap<string, number>
  readonly protocolNames: ReadonlyMap<number, string>
}

/** Words of the lines of a file, without comments. */
function* lines(sys: ToolSys, path: string): Part<string[][]> {
  const text = yield* readFile(sys, path)
  if (typeof text === 'number') return []
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
    .map((line) => line.split(/\s+/))
}

/** Puts what is not there yet. */
const first = <K, V>(map: Map<K, V>, key: K, value: V): void => {
  if (!map.has(key)) map.set(key, value)
}

/** Reads /etc/hosts, networks, services and protocols. */
export function* readNetdb(sys: ToolSys): Part<Netdb> {
  const hosts = new Map<string, number[]>()
  const hostNames = new Map<number, string>()
  for (const [text = '', ...names] of yield* lines(sys, '/etc/hosts')) {
    const addr = text.split('.').length === 4 ? readIp(text) : -1
    if (addr < 0) continue
    first(hostNames, addr, names[0] ?? '')
    for (const name of names) hosts.set(name, [...(hosts.get(name) ?? []), addr])
  }
  const networks = new Map<string, number>()
  const networkNames = new Map<number, string>()
  for (const [name = '', text = '', ...aliases] of yield* lines(sys, '/etc/networks')) {
    const addr = readIp(text)
    if (addr < 0) continue
    first(networkNames, addr, name)
    for (const alias of [name, ...aliases]) first(networks, alias, addr)
  }
  const services = new Map<string, number>()
  const serviceNames = new Map<string, string>()
  for (const [name = '', where = '', ...aliases] of yield* lines(sys, '/etc/services')) {
    const match = /^(\d+)\/(\w+)$/.exec(where)
    if (match === null) continue
    first(serviceNames, where, name)
    for (const alias of [name, ...aliases]) first(services, `${alias}/${match[2]}`, Number(match[1]))
  }
  const protocols = new Map<string, number>()
  const protocolNames = new Map<number, string>()
  for (const [name = '', number = '', ...aliases] of yield* lines(sys, '/etc/protocols')) {
    if (!/^\d+$/.test(number)) continue
    first(protocolNames, Number(number), name)
    for (const alias of [name, ...aliases]) first(protocols, alias, Number(number))
  }
  return { hosts, hostNames, networks, networkNames, services, serviceNames, protocols, protocolNames }
}
