/** Rule text -> ipchains -A -> -L, ipchains-save -> ipchains-restore: the same rules, for random rules. */
import fc from 'fast-check'
import { checkInvariants } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { machine } from './tools.js'

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const maybe = (words: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof({ weight: 1, arbitrary: fc.constant('') }, { weight: 2, arbitrary: words })

const address = fc
  .tuple(fc.nat({ max: 0xffff }), pick('', '/8', '/31', '/0', '/255.0.255.0'))
  .map(([low, mask]) => `10.7.${low >> 8}.${low & 255}${mask}`)
const not = pick('', '', '! ')
const ports = fc
  .tuple(fc.nat({ max: 65535 }), fc.nat({ max: 65535 }), pick('one', 'from', 'to', 'both'))
  .map(([a, b, kind]) => {
    const [low, high] = a < b ? [a, b] : [b, a]
    return kind === 'one' ? `${a}` : kind === 'from' ? `${a}:` : kind === 'to' ? `:${a}` : `${low}:${high}`
  })

/** What any rule may have. */
const common = fc
  .tuple(
    maybe(fc.tuple(not, pick('eth0', 'eth+', 'ppp12')).map(([n, name]) => `-i ${n}${name}`)),
    maybe(pick('-l')),
    maybe(fc.tuple(pick('', '+', '-'), fc.nat()).map(([sign, mark]) => `-m ${sign}${mark}`)),
    maybe(pick('-o', '-o 0', '-o 1500')),
    maybe(pick('-t 0x01 0x10', '-t fd 02', '-t 0xff 0x00')),
    maybe(pick('-j ACCEPT', '-j DENY', '-j REJECT', '-j RETURN', '-j QUEUE', '-j user')),
  )
  .map((words) => words.join(' '))

const ends = fc
  .tuple(
    maybe(fc.tuple(not, address).map(([n, a]) => `-s ${n}${a}`)),
    maybe(fc.tuple(not, address).map(([n, a]) => `-d ${n}${a}`)),
  )
  .map((words) => words.join(' '))

const ported = fc
  .tuple(
    pick('tcp', 'udp', '6', '17'),
    not,
    address,
    not,
    ports,
    maybe(fc.tuple(not, ports).map(([n, p]) => `--dport ${n}${p}`)),
    maybe(pick('-y', '! -y', '! -f')),
  )
  .map(([proto, n, a, m, p, dport, syn]) => {
    const flag = syn.includes('y') && proto !== 'tcp' && proto !== '6' ? '' : syn
    return `-p ${proto} -s ${n}${a} ${m}${p} ${dport} ${flag}`
  })

const icmp = fc
  .tuple(ends, pick('--icmp-type ping', '--icmp-type host-unr', '--sport 3:5', '--sport 8 --dport 0', ''))
  .map(([e, kind]) => `-p icmp ${e} ${kind}`)

const plain = fc
  .tuple(
    ends,
    maybe(fc.tuple(not, pick('47', 'tcp', '255')).map(([n, p]) => `-p ${n}${p}`)),
    maybe(pick('-f')),
  )
  .map((words) => words.join(' '))

const lines = fc.tuple(fc.oneof(ported, icmp, plain), common).map((words) => words.join(' '))

describe('round trip', () => {
  it('the tools’ own parsers give the rules back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(pick('input', 'forward', 'output', 'user'), lines), { minLength: 1, maxLength: 6 }),
        (made) => {
          const m = machine()
          m.sh('ipchains -N user')
          let count = 0
          for (const [chain, line] of made) {
            // A rule of the chain that jumps into itself is fine, too.
            const said = m.run(`ipchains -A ${chain} --no-warnings ${line}`)
            expect([line, said.err, said.status]).toEqual([line, '', 0])
            count++
          }
          const rules = m.cat('/proc/net/ip_fwchains')
          expect(rules.split('\n')).toHaveLength(count + 1)
          const saved = m.sh('ipchains-save')
          const other = machine()
          other.write('/tmp/rules', saved)
          expect(other.run('ipchains-restore', 0, '/tmp/rules').status).toBe(0)
          expect(other.cat('/proc/net/ip_fwchains')).toBe(rules)
          expect(other.sh('ipchains -nvxL')).toBe(m.sh('ipchains -nvxL'))
          // Each saved line names its rule: it can be deleted by it.
          for (const line of saved.split('\n').filter((text) => text.startsWith('-A')))
            expect([line, other.run(`ipchains --no-warnings ${line.replace('-A', '-D')}`)]).toEqual([
              line,
              { out: '', err: '', status: 0 },
            ])
          expect(other.cat('/proc/net/ip_fwchains')).toBe('')
          expect(checkInvariants(other.k)).toEqual([])
        },
      ),
      { numRuns: 60, seed: 1103 },
    )
  })
})
