/**
 * What a recount finds about the firewall: who enters which chain, and which connections are masqueraded.
 */

import { type Books, Tally } from '../../kernel/books.js'
import type { NetState } from '../state.js'
import { type MasqEntry, masqInGet, masqOutGet } from './masq_table.js'
import type { IpfwChain } from './state.js'

/** Recounts the firewall. */
export function checkFirewall(books: Books, { firewall }: NetState): void {
  if (firewall === null) return
  const entered = new Tally<IpfwChain>()
  for (const chain of firewall.chains.values())
    for (const { branch } of chain.rules) if (branch !== null) entered.add(branch)
  for (const [label, chain] of firewall.chains) {
    const own = firewall.isBuiltin(chain) ? 1 : 0
    books.same(`the references to chain ${label}`, chain.refcount, entered.of(chain) + own)
    books.must(chain.label === label, `chain ${chain.label} is found as ${label}`)
    books.must(chain.prev === null, `a packet has been left in chain ${label}`)
  }
  for (const chain of entered.counts.keys())
    books.must(
      firewall.chains.get(chain.label) === chain,
      `rules enter chain ${chain.label}, which is no more`,
    )
  const { masq } = firewall
  let count = 0
  for (const first of masq.byInside.values()) {
    for (let entry: MasqEntry | null = first; entry !== null; entry = entry.nextOut) {
      const { protocol, saddr, sport, daddr, dport, maddr, mport, timer } = entry
      count++
      books.must(timer !== null && timer.index >= 0, `masqueraded port ${mport} lives for ever`)
      const isFound =
        masqOutGet(masq, protocol, saddr, sport, daddr, dport) === entry &&
        masqInGet(masq, protocol, daddr, dport, maddr, mport) === entry
      books.must(isFound, `masqueraded port ${mport} is not found`)
    }
  }
  books.same('the masqueraded connections', masq.size, count)
}
