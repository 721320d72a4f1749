/**
 * npm run fuzz:netlink -- [--messages N] [--seed S] [--per-round M]
 *
 * Messages that nobody should send, to rtnetlink, to protocols of modules, to ports and groups, in rounds of M messages,
 * each in a kernel of its own: see test/fuzz/netlink.ts. A seed gives one run; every twentieth round
 * is made twice and must end with the same digest. Exit status: 0 when nothing was found, 1 when something was.
 */
import { parseArgs } from 'node:util'
import { Finding, netlinkRound } from '../test/fuzz/netlink.js'

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    'per-round': { type: 'string', default: '5000' },
  },
})
const wanted = Number(values.messages)
const perRound = Number(values['per-round'])

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const began = performance.now()
let messages = 0
let rounds = 0
let findings = 0
for (let seed = Number(values.seed); messages < wanted && findings < 5; seed++) {
  rounds++
  try {
    const round = netlinkRound(seed, perRound)
    messages += round.messages
    if (rounds % 20 !== 0) continue
    messages += round.messages
    if (netlinkRound(seed, perRound).digest !== round.digest)
      throw new Finding('a second run ended otherwise')
  } catch (error) {
    findings++
    messages += perRound
    print(`round ${seed}: ${error instanceof Finding ? error.message : (error as Error).stack}`)
  }
}
const seconds = (performance.now() - began) / 1000
print(
  `fuzz:netlink: messages=${messages} rounds=${rounds} seconds=${seconds.toFixed(1)} ${findings === 0 ? 'nothing found' : 'FAILED'}`,
)
process.exitCode = findings === 0 ? 0 : 1
