/**
 * /proc/net/route, rt_cache, arp and dev, and the sysctls of routing. Linux: fib_get_procinfo, rt_cache_get_info,
 * arp_get_info, dev_get_info (2.2.12); dev_get_info of 2.0.35; sysctl_ipv4.c.
 */

import { EINVAL } from '../../abi/errno.js'
import { ARPHRD_ETHER } from '../../abi/if.js'
import type { ProcEntry } from '../../kernel/module.js'
import { partOf } from '../../kernel/part.js'
import { DeviceStats } from '../device.js'
import { NUD_NOARP, NUD_PERMANENT, NUD_VALID } from '../inet/arp_table.js'
import { tableRoutes } from '../inet/fib_table.js'
import { type FibNode, inetMakeMask, RT_TABLE_MAIN } from '../inet/fib_types.js'
import { flushRoutes, routesSeenBy } from '../inet/route_cache.js'
import {
  RTN_BROADCAST,
  RTN_LOCAL,
  RTN_MULTICAST,
  RTN_PROHIBIT,
  RTN_UNREACHABLE,
} from '../inet/route_types.js'
import { formatIp } from '../sockaddr.js'
import { hex, netOf, swapped } from './text.js'

const padded = (line: string): string => `${line.padEnd(127)}\n`

/** Linux: RTF_UP, RTF_GATEWAY, RTF_HOST, RTF_REJECT. */
function flagsOf({ type, prefix, info }: FibNode): number {
  let flags = type === RTN_UNREACHABLE || type === RTN_PROHIBIT ? 0x201 : 1
  if (info.gateway !== 0) flags |= 2
  if (prefix === 32) flags |= 4
  return flags
}

const ROUTE_HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'

const routeProc: ProcEntry = Object.freeze({
  path: 'net/route',
  mode: 0o444,
  read(current) {
    const main = netOf(current).inet.fib.tables.get(RT_TABLE_MAIN)
    let text = padded(ROUTE_HEAD)
    for (const node of main === undefined ? [] : tableRoutes(main)) {
      const { dst, prefix, info } = node
      const mask = swapped(inetMakeMask(prefix))
      const start = `${info.dev?.name ?? '*'}\t${swapped(dst)}\t${swapped(info.gateway)}\t${hex(flagsOf(node), 4)}`
      text += padded(`${start}\t0\t0\t${info.priority}\t${mask}\t0\t0\t0`)
    }
    return text
  },
} satisfies ProcEntry)

const CACHE_HEAD =
  'Iface\tDestination\tGateway \tFlags\t\tRefCnt\tUse\tMetric\tSource\t\tMTU\tWindow\tIRTT\tTOS\tHHRef\tHHUptod\tSpecDst'

/** Linux: RTCF_LOCAL, RTCF_BROADCAST, RTCF_MULTICAST. */
function cacheFlags(type: number): number {
  if (type === RTN_LOCAL) return 0x80000000
  if (type === RTN_BROADCAST) return 0x90000000
  return type === RTN_MULTICAST ? 0x20000000 : 0
}

const cacheProc: ProcEntry = Object.freeze({
  path: 'net/rt_cache',
  mode: 0o444,
  read(current) {
    let text = padded(CACHE_HEAD)
    for (const { flow, route, uses } of routesSeenBy(current, netOf(current))) {
      const { dev, dst, gateway, src, mtu, type } = route
      const flags = cacheFlags(type).toString(16).toUpperCase().padStart(8)
      const start = `${dev.name}\t${swapped(dst)}\t${swapped(gateway)}\t${flags}\t0\t${uses}\t0\t${swapped(src)}`
      text += padded(
        `${start}\t${mtu}\t0\t0\t${hex(flow.tos, 2)}\t-1\t0\t${swapped(flow.iif === 0 ? src : dst)}`,
      )
    }
    return text
  },
} satisfies ProcEntry)

const arpProc: ProcEntry = Object.freeze({
  path: 'net/arp',
  mode: 0o444,
  read(current) {
    let text = 'IP address       HW type     Flags       HW address            Mask     Device\n'
    // Whom others have talked to is not a part's to know.
    const entries = partOf(current) === null ? netOf(current).inet.arp.entries.values() : []
    for (const { addr, dev, hwaddr, state } of entries) {
      if ((state & ~NUD_NOARP) === 0) continue
      const flags = (state & NUD_PERMANENT) !== 0 ? 6 : (state & NUD_VALID) !== 0 ? 2 : 0
      const address = Array.from(hwaddr, (byte) => hex(byte, 2)).join(':')
      const type = ARPHRD_ETHER.toString(16).padEnd(10)
      text += `${formatIp(addr).padEnd(16)} 0x${type}0x${flags.toString(16).padEnd(10)}${address}     *        ${dev.name}\n`
    }
    return text
  },
} satisfies ProcEntry)

const columns = (values: readonly number[], widths: readonly number[]): string =>
  values.map((value, at) => String(value).padStart(widths[at] ?? 0)).join(' ')

/** Counters of devices as a part finds them: what is counted is counted for the whole. */
const NO_STATS: DeviceStats = Object.freeze(new DeviceStats())

const DEV_HEAD =
  'Inter-|   Receive                                                |  Transmit\n' +
  ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n'

const DEV_HEAD_20 =
  'Inter-|   Receive                  |  Transmit\n' +
  ' face |packets errs drop fifo frame|packets errs drop fifo colls carrier\n'

function deviceLine(name: string, stats: DeviceStats): string {
  const received = [stats.rxBytes, stats.rxPackets, stats.rxErrors, stats.rxDropped, 0]
  const frame = stats.rxLengthErrors + stats.rxFrameErrors
  const sent = [stats.txBytes, stats.txPackets, stats.txErrors, stats.txDropped, 0, stats.collisions]
  const values = [...received, frame, 0, stats.multicast, ...sent, stats.txCarrierErrors, 0]
  return `${name.padStart(6)}:${columns(values, [8, 7, 4, 4, 4, 5, 10, 9, 8, 7, 4, 4, 4, 5, 7, 10])}\n`
}

function deviceLine20(name: string, stats: DeviceStats): string {
  const received = [
    stats.rxPackets,
    stats.rxErrors,
    stats.rxDropped,
    0,
    stats.rxLengthErrors + stats.rxFrameErrors,
  ]
  const sent = [stats.txPackets, stats.txErrors, stats.txDropped, 0, stats.collisions, stats.txCarrierErrors]
  return `${name.padStart(6)}:${columns([...received, ...sent], [7, 4, 4, 4, 4, 8, 4, 4, 4, 5, 4])}\n`
}

const devProc: ProcEntry = Object.freeze({
  path: 'net/dev',
  mode: 0o444,
  read(current) {
    const isOld = current.k.facts.release === '2.0.35'
    let text = isOld ? DEV_HEAD_20 : DEV_HEAD
    for (const dev of netOf(current).devices.list) {
      const shown = partOf(current) === null ? dev.stats : NO_STATS
      text += isOld ? deviceLine20(dev.name, shown) : deviceLine(dev.name, shown)
    }
    return text
  },
} satisfies ProcEntry)

/** Writing any number flushes the route cache; it cannot be read. Linux: ipv4_sysctl_rtcache_flush. */
const flushSysctl: ProcEntry = Object.freeze({
  path: 'sys/net/ipv4/route/flush',
  mode: 0o644,
  read: () => EINVAL,
  write(current, _subject, text) {
    if (!/^\s*-?\d+\s*$/.test(text)) return EINVAL
    flushRoutes(netOf(current))
    return text.length
  },
} satisfies ProcEntry)

/** Are packets of others sent on? Linux: ipv4_sysctl_forward. */
const forwardSysctl: ProcEntry = Object.freeze({
  path: 'sys/net/ipv4/ip_forward',
  mode: 0o644,
  read: (current) => `${netOf(current).inet.forwarding ? 1 : 0}\n`,
  write(current, _subject, text) {
    const match = /^\s*(-?\d+)\s*$/.exec(text)
    if (match === null) return EINVAL
    const { inet } = netOf(current)
    const isOn = Number(match[1]) !== 0
    if (isOn !== inet.forwarding) {
      inet.forwarding = isOn
      flushRoutes(netOf(current))
    }
    return text.length
  },
} satisfies ProcEntry)

/** The entries of routing. */
export const routingProc: readonly ProcEntry[] = Object.freeze([
  routeProc,
  cacheProc,
  arpProc,
  devProc,
  flushSysctl,
  forwardSysctl,
])
