/**
 * /proc/net/snmp: the counters of IP, ICMP, TCP and UDP. Linux: snmp_get_info, net/ipv4/proc.c (2.0.35, 2.2.12),
 * snmp_seq_show (2.6.14). Only 2.6 tells the bounds of TCP's timeouts, only later ones than 2.0 its last two counters.
 */

import type { ProcEntry } from '../../kernel/module.js'
import { partOf } from '../../kernel/part.js'
import { InetState } from '../inet/state.js'
import { TCP_RTO_MAX, TCP_RTO_MIN } from '../inet/tcp_sock.js'
import { TCP_ESTABLISHED } from '../sock.js'
import { netOf } from './text.js'

/** Names of ICMP's counters by type, in their order. */
const ICMP_TYPES: readonly (readonly [name: string, type: number])[] = [
  ['DestUnreachs', 3],
  ['TimeExcds', 11],
  ['ParmProbs', 12],
  ['SrcQuenchs', 4],
  ['Redirects', 5],
  ['Echos', 8],
  ['EchoReps', 0],
  ['Timestamps', 13],
  ['TimestampReps', 14],
  ['AddrMasks', 17],
  ['AddrMaskReps', 18],
]

type Counters = readonly (readonly [name: string, value: number])[]

function ipCounters({ ipMib, forwarding, defaultTtl }: InetState): Counters {
  return [
    ['Forwarding', forwarding ? 1 : 2],
    ['DefaultTTL', defaultTtl],
    ['InReceives', ipMib.inReceives],
    ['InHdrErrors', ipMib.inHdrErrors],
    ['InAddrErrors', ipMib.inAddrErrors],
    ['ForwDatagrams', ipMib.forwDatagrams],
    ['InUnknownProtos', ipMib.inUnknownProtos],
    ['InDiscards', ipMib.inDiscards],
    ['InDelivers', ipMib.inDelivers],
    ['OutRequests', ipMib.outRequests],
    ['OutDiscards', ipMib.outDiscards],
    ['OutNoRoutes', ipMib.outNoRoutes],
    ['ReasmTimeout', ipMib.reasmTimeout],
    ['ReasmReqds', ipMib.reasmReqds],
    ['ReasmOKs', ipMib.reasmOks],
    ['ReasmFails', ipMib.reasmFails],
    ['FragOKs', ipMib.fragOks],
    ['FragFails', ipMib.fragFails],
    ['FragCreates', ipMib.fragCreates],
  ]
}

function icmpCounters({ icmpMib }: InetState): Counters {
  const { inByType, outByType } = icmpMib
  return [
    ['InMsgs', icmpMib.inMsgs],
    ['InErrors', icmpMib.inErrors],
    ...ICMP_TYPES.map(([name, type]) => [`In${name}`, inByType.get(type) ?? 0] as const),
    ['OutMsgs', icmpMib.outMsgs],
    ['OutErrors', icmpMib.outErrors],
    ...ICMP_TYPES.map(([name, type]) => [`Out${name}`, outByType.get(type) ?? 0] as const),
  ]
}

function tcpCounters({ tcp }: InetState, release: string): Counters {
  const { mib, socks } = tcp
  const isModern = release === '2.6.14'
  let established = 0
  for (const sk of socks) if (sk.state === TCP_ESTABLISHED) established++
  const counters: Counters = [
    ['RtoAlgorithm', isModern ? 1 : 0],
    ['RtoMin', isModern ? TCP_RTO_MIN : 0],
    ['RtoMax', isModern ? TCP_RTO_MAX : 0],
    ['MaxConn', isModern ? -1 : 0],
    ['ActiveOpens', mib.activeOpens],
    ['PassiveOpens', mib.passiveOpens],
    ['AttemptFails', mib.attemptFails],
    ['EstabResets', mib.estabResets],
    ['CurrEstab', established],
    ['InSegs', mib.inSegs],
    ['OutSegs', mib.outSegs],
    ['RetransSegs', mib.retransSegs],
  ]
  if (release === '2.0.35') return counters
  return [...counters, ['InErrs', mib.inErrs], ['OutRsts', mib.outRsts]]
}

function udpCounters({ udpMib }: InetState): Counters {
  return [
    ['InDatagrams', udpMib.inDatagrams],
    ['NoPorts', udpMib.noPorts],
    ['InErrors', udpMib.inErrors],
    ['OutDatagrams', udpMib.outDatagrams],
  ]
}

const twoLines = (name: string, counters: Counters): string =>
  `${name}: ${counters.map(([what]) => what).join(' ')}\n${name}: ${counters.map(([, value]) => value).join(' ')}\n`

/** The counters. */
export const snmpProc: ProcEntry = Object.freeze({
  path: 'net/snmp',
  mode: 0o444,
  read(current) {
    const { k } = current
    // What is counted is counted for the whole: a part finds counters that stand still.
    const inet = partOf(current) === null ? netOf(current).inet : new InetState(k)
    const tcp = tcpCounters(inet, k.facts.release)
    return (
      twoLines('Ip', ipCounters(inet)) +
      twoLines('Icmp', icmpCounters(inet)) +
      twoLines('Tcp', tcp) +
      twoLines('Udp', udpCounters(inet))
    )
  },
} satisfies ProcEntry)
