/**
 * /proc/net/ip_fwchains, ip_fwnames and ip_masquerade, and the tunable ip_always_defrag. Linux: ip_chain_procinfo,
 * ip_chain_name_procinfo (net/ipv4/ip_fw.c), ip_msqhst_procinfo (net/ipv4/ip_masq.c, 2.2.12).
 *
 * The chains are for root alone. Who reads ip_fwchains through a descriptor that is open for writing too sets the
 * rules' counters to zero.
 */

import { EINVAL } from '../../abi/errno.js'
import { IPPROTO_UDP } from '../../abi/socket.js'
import type { ProcEntry } from '../../kernel/module.js'
import { partOf } from '../../kernel/part.js'
import type { Task } from '../../kernel/task.js'
import type { NetState } from '../state.js'
import type { IpfwExtension } from './extension.js'
import { targetName } from './log.js'
import { MASQ_HZ, type MasqEntry, masqProtoName } from './masq_table.js'
import { zeroChain } from './rules.js'
import type { IpfwChain, IpfwRule } from './state.js'

const netOf = (current: Task): NetState => current.k.state.modules.get('net') as NetState

const hex = (value: number, width: number): string =>
  (value >>> 0).toString(16).toUpperCase().padStart(width, '0')

/** A 64-bit count as its two halves, the upper one first. */
const halves = (count: number): readonly [number, number] => [Math.floor(count / 0x100000000), count >>> 0]

/** Linux: dump_rule. */
function ruleLine(chain: IpfwChain, rule: IpfwRule, extensions: readonly IpfwExtension[]): string {
  const { src, smsk, dst, dmsk, vianame, flg, invflg, proto } = rule
  const ips = `${hex(src, 8)}/${hex(smsk, 8)}->${hex(dst, 8)}/${hex(dmsk, 8)}`
  const what = `${vianame === '' ? '-' : vianame} ${hex(flg, 1)} ${hex(invflg, 1)} ${proto}`
  const counters = [...halves(rule.packets), ...halves(rule.bytes)].map((n) => String(n).padEnd(9)).join(' ')
  const ports = `${rule.sptLow}-${rule.sptHigh} ${rule.dptLow}-${rule.dptHigh}`
  const tos = `A${hex(rule.tosand, 2)} X${hex(rule.tosxor, 2)}`
  const end = `${hex(rule.redirpt, 8)} ${rule.mark} ${rule.outputsize}`
  let line = `${chain.label.padStart(9)} ${ips} ${what} ${counters} ${ports} ${tos} ${end}`
  line += ` ${targetName(rule.branch, rule.target).padStart(9)}`
  const { fields } = rule
  if (fields !== null) for (const [i, { show }] of extensions.entries()) line += ` ${show(fields[i])}`
  return `${line}\n`
}

const chainsProc: ProcEntry = Object.freeze({
  path: 'net/ip_fwchains',
  mode: 0o600,
  read(current, { isForWriting }) {
    const net = netOf(current)
    let text = ''
    for (const chain of net.firewall?.chains.values() ?? []) {
      for (const rule of chain.rules) text += ruleLine(chain, rule, net.registry.firewall)
      if (isForWriting) zeroChain(chain)
    }
    return text
  },
} satisfies ProcEntry)

const namesProc: ProcEntry = Object.freeze({
  path: 'net/ip_fwnames',
  mode: 0o600,
  read(current) {
    let text = ''
    const isPart = partOf(current) !== null
    for (const { label, policy, refcount, packets, bytes } of netOf(current).firewall?.chains.values() ??
      []) {
      const counts = [...halves(isPart ? 0 : packets), ...halves(isPart ? 0 : bytes)].join(' ')
      text += `${label} ${targetName(null, policy)} ${refcount} ${counts}\n`
    }
    return text
  },
} satisfies ProcEntry)

const line127 = (text: string): string => `${text.padEnd(127)}\n`

/** Which of 2.2's chains of entries one would be in: they are listed chain by chain. Linux: ip_masq_hash_key. */
function bucketOf({ protocol, maddr, mport, daddr, dport }: MasqEntry): number {
  const isLoose = protocol === IPPROTO_UDP
  const addr = isLoose ? maddr : maddr ^ daddr
  const port = isLoose ? mport : mport ^ dport
  return (protocol ^ addr ^ port) & 255
}

const masqProc: ProcEntry = Object.freeze({
  path: 'net/ip_masquerade',
  mode: 0o444,
  read(current) {
    const { k } = current
    const masq = netOf(current).firewall?.masq
    if (masq === undefined) return ''
    const entries: MasqEntry[] = []
    for (const first of masq.byInside.values())
      for (let entry: MasqEntry | null = first; entry !== null; entry = entry.nextOut) entries.push(entry)
    entries.sort((a, b) => bucketOf(a) - bucketOf(b) || b.serial - a.serial)
    const head = 'Prc FromIP   FPrt ToIP     TPrt Masq Init-seq  Delta PDelta Expires'
    let text = line127(`${head} (free=${masq.free.join(',')})`)
    for (const entry of entries) {
      const { protocol, saddr, sport, daddr, dport, mport } = entry
      const ticks = Math.max(0, Math.round(((entry.expires - k.state.now) * MASQ_HZ) / 1000))
      const ends = `${hex(saddr, 8)}:${hex(sport, 4)} ${hex(daddr, 8)}:${hex(dport, 4)} ${hex(mport, 4)}`
      // No helper ever changes lengths.
      text += line127(
        `${masqProtoName(protocol)} ${ends} 00000000      0      0 ${String(ticks).padStart(7)}`,
      )
    }
    return text
  },
} satisfies ProcEntry)

const defragSysctl: ProcEntry = Object.freeze({
  path: 'sys/net/ipv4/ip_always_defrag',
  mode: 0o644,
  read: (current) => `${netOf(current).inet.alwaysDefrag}\n`,
  write(current, _subject, text) {
    const match = /^\s*(-?\d{1,9})\s*$/.exec(text)
    if (match === null) return EINVAL
    netOf(current).inet.alwaysDefrag = Number(match[1])
    return text.length
  },
} satisfies ProcEntry)

/** The entries of a kernel with a firewall. */
export const firewallProc: readonly ProcEntry[] = Object.freeze([
  chainsProc,
  namesProc,
  masqProc,
  defragSysctl,
])
