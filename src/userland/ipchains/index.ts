/**
 * `ipchains`: the firewall's chains and rules, and masquerading's connections. ipchains 1.3.9.
 *
 * `ipchainsTool` makes one that knows further fields of rules, those of modules. Names are those of the files in /etc
 * (netdb.ts); there is no DNS.
 */

import { isErr } from '../../abi/errno.js'
import { TCGETS } from '../../abi/ioctl.js'
import {
  IP_FW_INV_DSTIP,
  IP_FW_INV_DSTPT,
  IP_FW_INV_SRCIP,
  IP_FW_INV_SRCPT,
  IP_FW_MASQ,
  IP_FW_MASQ_TIMEOUTS,
} from '../../abi/ip_fw.js'
import { AF_INET, IPPROTO_ICMP, IPPROTO_RAW, SOCK_RAW, SOL_IP } from '../../abi/socket.js'
import type { IpFwUser } from '../../lib/ip_fw.js'
import { int32 } from '../../lib/nlmsg.js'
import type { Program } from '../../programs/sys_types.js'
import { type Netdb, readNetdb } from '../netdb.js'
import { type Part, perror, readFile, runTool, Stop, type ToolSys } from '../tool.js'
import type { IpchainsOption } from './extension.js'
import { help, VERSION } from './help.js'
import { icmpHelp } from './icmp.js'
import { Firewall, type ListedChain } from './kernel.js'
import { readCommandLine, type Wanted } from './options.js'
import { type Format, header, masqHeader, masqText, ruleText } from './print.js'
import { BUILTIN_CHAINS, OTHER_PROBLEM, PARAMETER_PROBLEM, problem, VERSION_PROBLEM } from './values.js'

export type { IpchainsField, IpchainsOption } from './extension.js'

/** Clock ticks of a second, in what is set and shown. */
const HZ = 100

/** One run. */
interface Run {
  readonly sys: ToolSys
  readonly out: string[]
  readonly program: string
  readonly fw: Firewall
  readonly db: Netdb
  readonly wanted: Wanted
  readonly extensions: readonly IpchainsOption[]
}

/** The rule the other way round; of ICMP types and codes stay. ipchains: swap_info. */
function swapped(rule: IpFwUser): IpFwUser {
  const isIcmp = rule.proto === IPPROTO_ICMP
  const pairs: (readonly [number, number])[] = [[IP_FW_INV_SRCIP, IP_FW_INV_DSTIP]]
  if (!isIcmp) pairs.push([IP_FW_INV_SRCPT, IP_FW_INV_DSTPT])
  let { invflg } = rule
  for (const [a, b] of pairs) {
    const has = rule.invflg & (a | b)
    invflg = (invflg & ~(a | b)) | ((has & a) !== 0 ? b : 0) | ((has & b) !== 0 ? a : 0)
  }
  const ports = isIcmp ? {} : { spts: rule.dpts, dpts: rule.spts }
  return { ...rule, smsk: rule.dmsk, dmsk: rule.smsk, invflg, ...ports }
}

/** The rule for each pair of addresses, with -b the other way too. Zero, or the last Errno. */
function* forAddresses(
  { wanted, out, db, extensions }: Run,
  act: (rule: IpFwUser) => Part<number>,
): Part<number> {
  const isVerbose = wanted.options.has('v')
  const format: Format = {
    isLine: true,
    isNumeric: true,
    isVerbose: true,
    isShort: false,
    hasNumbers: false,
    extensions,
    db,
  }
  let failed = 0
  const { sources, destinations } = wanted
  const ways = [{ rule: wanted.rule, from: sources.addrs, to: destinations.addrs }]
  if (wanted.options.has('b'))
    ways.push({ rule: swapped(wanted.rule), from: destinations.addrs, to: sources.addrs })
  for (const { rule, from, to } of ways) {
    for (const src of from) {
      for (const dst of to) {
        const whole = { ...rule, src, dst }
        if (isVerbose) out.push(ruleText(whole, wanted.words, 0, 0, 0, format))
        const code = yield* act(whole)
        if (code !== 0) failed = code
      }
    }
  }
  return failed
}

/** One chain, or each of those that there are. ipchains: for_each_chain. */
function* forChains(
  { fw, wanted, out }: Run,
  doing: string,
  isForUsers: boolean,
  act: (chain: string) => Part<number>,
): Part<number> {
  const say = (chain: string): void => {
    if (wanted.options.has('v')) out.push(`${doing} chain \`${chain}'\n`)
  }
  if (wanted.chain !== null) {
    say(wanted.chain)
    return yield* act(wanted.chain)
  }
  const chains = yield* fw.names()
  if (typeof chains === 'number') throw new Refusal(chains)
  let failed = 0
  for (const { label } of chains) {
    if (isForUsers && BUILTIN_CHAINS.includes(label)) continue
    say(label)
    const code = yield* act(label)
    if (code !== 0) failed = code
  }
  return failed
}

/** The kernel has said no; also where that is no error number (INCOMPATIBLE). */
class Refusal {
  readonly error: number

  constructor(error: number) {
    this.error = error
  }
}

function chainLine({ label, policy, references, packets, bytes }: ListedChain, isVerbose: boolean): string {
  if (policy === '-') return `Chain ${label} (${references} references):\n`
  const counts = isVerbose ? `: ${packets} packets, ${bytes} bytes` : ''
  return `Chain ${label} (policy ${policy}${counts}):\n`
}

/** ipchains: list_entries. */
function* list({ fw, wanted, out, db, extensions }: Run): Part<number> {
  const { options, chain } = wanted
  const chains = yield* fw.names()
  if (typeof chains === 'number') throw new Refusal(chains)
  const rules = yield* fw.rules(wanted.commands.has('Z'))
  if (typeof rules === 'number') throw new Refusal(rules)
  const format: Format = {
    isLine: false,
    isNumeric: options.has('n'),
    isVerbose: options.has('v'),
    isShort: !options.has('x'),
    hasNumbers: options.has('3'),
    extensions,
    db,
  }
  let isFound = false
  for (const listed of chains) {
    if (chain !== null && chain !== listed.label) continue
    isFound = true
    out.push(chainLine(listed, format.isVerbose))
    let number = 0
    for (const { rule, packets, bytes, words } of rules.filter((one) => one.chain === listed.label)) {
      if (number === 0) out.push(header(format))
      out.push(ruleText(rule, words, ++number, packets, bytes, format))
    }
  }
  if (!isFound) throw new Stop('ipchains: No chain by that name\n', OTHER_PROBLEM)
  return 0
}

/** ipchains: list_masq. */
function* listMasq({ sys, wanted, out, db, program }: Run): Part<number> {
  const path = '/proc/net/ip_masquerade'
  const text = yield* readFile(sys, path)
  if (typeof text === 'number') return problem(program, `cannot open file \`${path}'`, OTHER_PROBLEM)
  const [head = '', ...lines] = text.split('\n').slice(0, -1)
  if (head === '') return problem(program, `unexpected input from \`${path}'`, VERSION_PROBLEM)
  out.push('IP masquerading entries\n')
  const isVerbose = wanted.options.has('v')
  for (const [i, line] of lines.entries()) {
    if (i === 0) out.push(masqHeader(isVerbose))
    const shown = masqText(line, isVerbose, wanted.options.has('n'), db)
    out.push(shown ?? problem(program, 'unexpected input data', VERSION_PROBLEM))
  }
  return 0
}

function* setMasq({ sys, wanted }: Run): Part<number> {
  const fd = yield* sys.socket(AF_INET, SOCK_RAW, IPPROTO_RAW)
  if (isErr(fd)) throw new Stop(perror('ipchains: socket creation failed', fd), 1)
  const bytes = new Uint8Array(IP_FW_MASQ)
  for (const [i, seconds] of wanted.timeouts.entries()) bytes.set(int32(seconds * HZ), 4 * i)
  const failed = yield* sys.setsockopt(fd, SOL_IP, IP_FW_MASQ_TIMEOUTS, bytes)
  if (failed !== 0) throw new Stop(perror('ipchains: setting MASQ timeouts failed', failed), 1)
  yield* sys.close(fd)
  return 0
}

/** The kinds of service that RFC 1349 has. */
const TOS_NAMES: readonly (readonly [number, string])[] = [
  [0x10, 'Minimize Delay'],
  [0x08, 'Minimize Throughput'],
  [0x04, 'Maximize Reliability'],
  [0x02, 'Minimize Cost'],
  [0x00, 'Normal Service'],
]

const bitsOf = (tos: number): number => [2, 4, 8].filter((bit) => (tos & bit) !== 0).length

/** ipchains: check_tos. */
function checkTos({ wanted, out, program }: Run): void {
  const { tosand, tosxor } = wanted.rule
  if ((tosand & 1) === 0 || (tosxor & 1) !== 0)
    problem(program, 'TOS manipulation cannot alter bit 0 (RFC1349)\n', PARAMETER_PROBLEM)
  if (bitsOf(~tosand & tosxor) > 1)
    problem(program, 'TOS manipulation cannot set multiple TOS bits (RFC1349)\n', PARAMETER_PROBLEM)
  if (!wanted.hasWarnings) return
  for (const [tos, name] of TOS_NAMES) {
    if (bitsOf((tos & tosand) ^ tosxor) <= 1) continue
    const hex = tos.toString(16).padStart(2, '0')
    out.push(`Warning: TOS manipulation may set multiple TOS bits for ${name} TOS (0x${hex})\n`)
  }
}

/** Who sits at a terminal hears that nothing is forwarded. ipchains: warn_ipforward. */
function* warnForward({ sys, out }: Run): Part<void> {
  const text = yield* readFile(sys, '/proc/sys/net/ipv4/ip_forward')
  if (typeof text === 'number' || Number(text) !== 0) return
  if ((yield* sys.ioctl(0, TCGETS, new Uint8Array(60))) !== 0) return
  out.push(
    'Warning: you must enable IP forwarding for packets to be forwarded at all:\n' +
      " Use `echo 1 > /proc/sys/net/ipv4/ip_forward'\n",
  )
}

/** Does what is wanted: zero or an Errno. */
function* act(run: Run): Part<number> {
  const { fw, wanted, out } = run
  const { commands, number, policy } = wanted
  const chain = wanted.chain ?? ''
  const [command] = commands
  if (commands.has('M')) {
    if (commands.has('L')) return yield* listMasq(run)
    if (commands.has('S')) return yield* setMasq(run)
    return problem(run.program, '-M/--masquerading requires -L/--list or -S/--set')
  }
  if (commands.has('L')) return yield* list(run)
  switch (command) {
    case 'A':
      return yield* forAddresses(run, (rule) => fw.append(chain, rule))
    case 'D':
      return yield* forAddresses(run, (rule) => fw.remove(chain, rule))
    case 'I':
      return yield* forAddresses(run, (rule) => fw.insert(chain, rule, number))
    case 'R':
      return yield* forAddresses(run, (rule) => fw.replace(chain, rule, number))
    case 'C':
      return yield* forAddresses(run, function* (rule) {
        const said = yield* fw.check(chain, rule)
        if (typeof said === 'number') return said
        out.push(`${said}\n`)
        return 0
      })
    case 'd':
      return yield* fw.removeNumber(chain, number)
    case 'F':
      return yield* forChains(run, 'Flushing', false, (label) => fw.flush(label))
    case 'Z':
      return yield* forChains(run, 'Zeroing', false, (label) => fw.zero(label))
    case 'X':
      return yield* forChains(run, 'Deleting', true, (label) => fw.removeChain(label))
    case 'N':
      return yield* fw.create(chain)
    default:
      return yield* fw.policy(chain, policy)
  }
}

/** One command line: the exit status. */
export function* ipchainsMain(
  sys: ToolSys,
  out: string[],
  args: readonly string[],
  extensions: readonly IpchainsOption[],
): Part<number> {
  const program = 'ipchains'
  const db = yield* readNetdb(sys)
  const wanted = readCommandLine([program, ...args], db, extensions)
  if (typeof wanted === 'string') {
    if (wanted === 'version') out.push(`${VERSION}\n`)
    else if (wanted === 'joke') out.push('Not ipchains 2.0\n')
    else out.push(wanted === 'help' ? help(program) : `${VERSION}\n\n${icmpHelp()}`)
    return 0
  }
  const fw = new Firewall(sys, extensions.length)
  const run: Run = { sys, out, program, fw, db, wanted, extensions }
  const { commands, chain } = wanted
  if (wanted.hasWarnings && chain === 'forward' && (commands.has('A') || commands.has('I')))
    yield* warnForward(run)
  checkTos(run)
  let error = 0
  try {
    error = yield* act(run)
    if (error === 0) return 0
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown
    error = thrown.error
  }
  throw new Stop(`ipchains: ${fw.message(error)}\n`, OTHER_PROBLEM)
}

/** The program, with the options of rules that it is to know besides its own. */
export const ipchainsTool = (extensions: readonly IpchainsOption[] = []) =>
  function* ipchains(sys: ToolSys, ...args: string[]): Program {
    return yield* runTool(sys, (out) => ipchainsMain(sys, out, args, extensions))
  }

/** The program: `kernel.install('/sbin/ipchains', ipchains)`. */
export const ipchains = ipchainsTool()
