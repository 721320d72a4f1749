/** What of the network belongs to which compartment: addresses, ports, routes; and what firewall rules say of labels. */

import {
  IP_FW_INV_DSTIP,
  IP_FW_INV_DSTPT,
  IP_FW_INV_PROTO,
  IP_FW_INV_SRCIP,
  IP_FW_INV_SRCPT,
} from '../abi/ip_fw.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { FirewallState, IpfwChain, IpfwRule } from '../net/firewall/state.js'
import type { FibNode, FibTable } from '../net/inet/fib_types.js'
import { formatIp } from '../net/sockaddr.js'
import type { NetState } from '../net/state.js'
import { labelOfSelector, RTA_MACLABEL } from './firewall.js'
import { type Label, showLabel } from './label.js'
import { labelOfKey } from './net.js'
import type { MacState } from './state.js'

/** Something of a compartment's. */
type Of<T> = T & { readonly compartment: number }

/** What the network has of compartments. */
export interface NetworkView {
  readonly addresses: readonly Of<{ readonly address: string }>[]
  readonly ports: readonly Of<{
    readonly protocol: 'tcp' | 'udp'
    readonly address: string
    readonly port: number
    readonly label: string
  }>[]
  readonly routes: readonly Of<{
    readonly label: string
    readonly preference: number
    readonly table: number
    readonly routes: readonly string[]
  }>[]
}

/** The network of a kernel; undefined for one without. */
export const netOf = (k: KernelCore): NetState | undefined =>
  k.state.modules.get('net') as NetState | undefined

const prefixText = (addr: number, length: number): string =>
  length === 32 ? formatIp(addr >>> 0) : `${formatIp(addr >>> 0)}/${length}`

/** Linux: RTN_*, by number; a unicast route needs no word. */
const TYPES: readonly string[] =
  'unspec,,local,broadcast,anycast,multicast,blackhole,unreachable,prohibit,throw,nat'.split(',')

function routeText({ dst, prefix, type, info }: FibNode): string {
  const word = TYPES[type] ?? ''
  return [
    word === '' ? '' : `${word} `,
    prefix === 0 ? 'default' : prefixText(dst, prefix),
    info.gateway === 0 ? '' : ` via ${formatIp(info.gateway >>> 0)}`,
    info.dev === null ? '' : ` dev ${info.dev.name}`,
    info.prefsrc === 0 ? '' : ` src ${formatIp(info.prefsrc >>> 0)}`,
  ].join('')
}

const nodesOf = (table: FibTable | undefined): FibNode[] =>
  (table?.zones ?? []).flatMap(({ nodes }) =>
    [...nodes.values()].flat().sort((a, b) => (a.dst >>> 0) - (b.dst >>> 0)),
  )

/** Everything. */
export function networkOf(k: KernelCore, { addresses: reserved }: MacState): NetworkView {
  const net = netOf(k)
  const routes: Of<NetworkView['routes'][number]>[] = []
  const owned = new Map<number, Set<number>>()
  const own = (compartment: number, address: number): void => {
    const set = owned.get(compartment) ?? new Set()
    owned.set(compartment, set.add(address >>> 0))
  }
  for (const [address, compartment] of reserved) own(compartment, address)
  for (const { preference, table, extras } of net?.inet.fib.rules ?? []) {
    const selector = extras.find(({ attribute }) => attribute === RTA_MACLABEL)
    if (selector === undefined) continue
    const label = labelOfSelector(selector.value)
    const nodes = nodesOf(net?.inet.fib.tables.get(table))
    for (const { info } of nodes) if (info.prefsrc !== 0) own(label.compartment, info.prefsrc)
    const { compartment } = label
    routes.push({ compartment, label: showLabel(label), preference, table, routes: nodes.map(routeText) })
  }
  const ports: Of<NetworkView['ports'][number]>[] = []
  const note = (protocol: 'tcp' | 'udp', sk: { num: number; rcvSaddr: number; routeKey: number }): void => {
    const label = labelOfKey(sk.routeKey)
    const { compartment } = label
    const address = formatIp(sk.rcvSaddr >>> 0)
    ports.push({ compartment, protocol, address, port: sk.num, label: showLabel(label) })
  }
  for (const socks of net?.inet.tcp.listeners.values() ?? []) for (const sk of socks) note('tcp', sk)
  for (const socks of net?.inet.udp.byPort.values() ?? []) for (const sk of socks) note('udp', sk)
  ports.sort((a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : a.protocol > b.protocol ? 1 : 0))
  const addresses = [...owned].flatMap(([compartment, set]) =>
    [...set].sort((a, b) => a - b).map((address) => ({ compartment, address: formatIp(address) })),
  )
  return { addresses, ports, routes }
}

// ---- firewall rules that speak of labels ---------------------------------------------------------------------

/** A rule of ipchains with a label. */
export interface LabelledRule {
  readonly chain: 'input' | 'output'
  readonly label: Label
  /** What it matches: 'tcp to 10.0.0.1 80', 'all'. */
  readonly packets: string
}

/** Linux: FW_BLOCK, FW_REJECT: targets that end a packet. */
const DENY = 1
const REJECT = -1

const PROTOCOLS: Readonly<Record<number, string>> = Object.freeze({ 1: 'icmp', 6: 'tcp', 17: 'udp' })

const portText = (low: number, high: number): string =>
  low === 0 && high === 0xffff ? '' : low === high ? ` ${low}` : ` ${low}:${high}`

function sideText(
  word: string,
  addr: number,
  mask: number,
  ports: string,
  isNot: boolean,
  notPort: boolean,
): string {
  if (mask === 0 && ports === '') return ''
  const where = mask === 0 ? 'any' : prefixText(addr, Math.clz32(~mask))
  return ` ${word} ${isNot ? '!' : ''}${where}${notPort && ports !== '' ? ` !${ports.trim()}` : ports}`
}

function packetsText(rule: IpfwRule): string {
  const { proto, invflg, vianame } = rule
  const has = (bit: number): boolean => (invflg & bit) !== 0
  const protocol = proto === 0 ? '' : `${has(IP_FW_INV_PROTO) ? '!' : ''}${PROTOCOLS[proto] ?? proto}`
  const from = portText(rule.sptLow, rule.sptHigh)
  const to = portText(rule.dptLow, rule.dptHigh)
  const text =
    protocol +
    sideText('from', rule.src, rule.smsk, from, has(IP_FW_INV_SRCIP), has(IP_FW_INV_SRCPT)) +
    sideText('to', rule.dst, rule.dmsk, to, has(IP_FW_INV_DSTIP), has(IP_FW_INV_DSTPT)) +
    (vianame === '' ? '' : ` via ${vianame}`)
  return text.trim() === '' ? 'all' : text.trim()
}

/** A chain's rules and those of the chains that it enters, in order. */
function* rulesOf(chain: IpfwChain, seen: Set<IpfwChain>): Generator<IpfwRule> {
  if (seen.has(chain)) return
  seen.add(chain)
  for (const rule of chain.rules) {
    yield rule
    if (rule.branch !== null) yield* rulesOf(rule.branch, seen)
  }
}

/** Rules with labels that let a packet go on. */
export function labelledRules(k: KernelCore): LabelledRule[] {
  const net = netOf(k)
  const firewall: FirewallState | null = net?.firewall ?? null
  if (net === undefined || firewall === null) return []
  const at = net.registry.firewall.findIndex(({ name }) => name === 'mac')
  const found: LabelledRule[] = []
  for (const chain of ['input', 'output'] as const)
    for (const rule of rulesOf(firewall[chain], new Set())) {
      const label = rule.fields?.[at] as Label | null | undefined
      if (label == null || rule.target === DENY || rule.target === REJECT) continue
      found.push({ chain, label, packets: packetsText(rule) })
    }
  return found
}
