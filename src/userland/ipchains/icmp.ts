/**
 * Names of ICMP types and codes. ipchains 1.3.9: icmp_codes.
 */

/** A name: the type, and the lowest and highest code. */
export interface IcmpName {
  readonly name: string
  readonly type: number
  readonly low: number
  readonly high: number
  /** Does the lowest code stand for all in a test? */
  readonly isExact: boolean
}

const named = (name: string, type: number, low = 0, high = 0xffff, isExact = true): IcmpName => ({
  name,
  type,
  low,
  high,
  isExact,
})
const coded = (name: string, type: number, code: number): IcmpName => named(name, type, code, code)

/** In the order of the help. */
export const ICMP_NAMES: readonly IcmpName[] = [
  named('echo-reply', 0),
  named('pong', 0),
  named('destination-unreachable', 3, 0, 0xffff, false),
  coded('network-unreachable', 3, 0),
  coded('host-unreachable', 3, 1),
  coded('protocol-unreachable', 3, 2),
  coded('port-unreachable', 3, 3),
  coded('fragmentation-needed', 3, 4),
  coded('source-route-failed', 3, 5),
  coded('network-unknown', 3, 6),
  coded('host-unknown', 3, 7),
  coded('network-prohibited', 3, 9),
  coded('host-prohibited', 3, 10),
  coded('TOS-network-unreachable', 3, 11),
  coded('TOS-host-unreachable', 3, 12),
  coded('communication-prohibited', 3, 13),
  coded('host-precedence-violation', 3, 14),
  coded('precedence-cutoff', 3, 15),
  named('source-quench', 4),
  named('redirect', 5, 0, 0xffff, false),
  coded('network-redirect', 5, 0),
  coded('host-redirect', 5, 1),
  coded('TOS-network-redirect', 5, 2),
  coded('TOS-host-redirect', 5, 3),
  named('echo-request', 8),
  named('ping', 8),
  named('router-advertisement', 9),
  named('router-solicitation', 10),
  named('time-exceeded', 11, 0, 0xffff, false),
  named('ttl-exceeded', 11, 0, 0xffff, false),
  coded('ttl-zero-during-transit', 11, 0),
  coded('ttl-zero-during-reassembly', 11, 1),
  named('parameter-problem', 12, 0, 0xffff, false),
  coded('ip-header-bad', 12, 0),
  coded('required-option-missing', 12, 1),
  named('timestamp-request', 13),
  named('timestamp-reply', 14),
  named('address-mask-request', 17),
  named('address-mask-reply', 18),
]

/** The list of `ipchains -h icmp`. */
export function icmpHelp(): string {
  let text = 'Valid ICMP Types:'
  let before: IcmpName | null = null
  for (const entry of ICMP_NAMES) {
    const isAlias = before?.type === entry.type && before.low === entry.low && before.high === entry.high
    if (isAlias) text += ` (${entry.name})`
    else text += before?.type === entry.type ? `\n   ${entry.name}` : `\n${entry.name}`
    before = entry
  }
  return `${text}\n`
}
