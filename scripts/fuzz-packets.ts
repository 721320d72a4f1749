/**
 * npm run fuzz:packets -- [--frames N] [--seed S] [--per-round M]
 *
 * Malformed, truncated, corrupt and random frames into the cards of two hosts and a router with live sockets, in rounds
 * of M frames, each with its own little internet: see test/fuzz/packets.ts. A seed gives one run; every twentieth round
 * is made twice and must end with the same digest. Exit status: 0 when nothing was found, 1 when something was.
 */
import { parseArgs } from 'node:util'
import { Finding, packetRound } from '../test/fuzz/packets.js'

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    'per-round': { type: 'string', default: '5000' },
  },
})
const wanted = Number(values.frames)
const perRound = Number(values['per-round'])

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

const began = performance.now()
let frames = 0
let rounds = 0
let findings = 0
for (let seed = Number(values.seed); frames < wanted && findings < 5; seed++) {
  rounds++
  try {
    const round = packetRound(seed, perRound)
    frames += round.frames
    if (rounds % 20 !== 0) continue
    frames += round.frames
    if (packetRound(seed, perRound).digest !== round.digest) throw new Finding('a second run ended otherwise')
  } catch (error) {
    findings++
    frames += perRound
    print(`round ${seed}: ${error instanceof Finding ? error.message : (error as Error).stack}`)
  }
}
const seconds = (performance.now() - began) / 1000
print(
  `fuzz:packets: frames=${frames} rounds=${rounds} seconds=${seconds.toFixed(1)} ${findings === 0 ? 'nothing found' : 'FAILED'}`,
)
process.exitCode = findings === 0 ? 0 : 1
