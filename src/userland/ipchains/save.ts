/**
 * `ipchains-save` prints chains as command lines, `ipchains-restore` reads them. ipchains-scripts 1.1.2.
 *
 * Built-in chains are not flushed first; what chains of users' there are is asked for, or flushed with -f.
 */

import { isErr } from '../../abi/errno.js'
import { O_RDWR } from '../../abi/fcntl.js'
import {
  IP_FW_F_FRAG,
  IP_FW_F_MARKABS,
  IP_FW_F_NETLINK,
  IP_FW_F_PRN,
  IP_FW_F_TCPSYN,
  IP_FW_F_WILDIF,
  IP_FW_INV_DSTIP,
  IP_FW_INV_DSTPT,
  IP_FW_INV_FRAG,
  IP_FW_INV_PROTO,
  IP_FW_INV_SRCIP,
  IP_FW_INV_SRCPT,
  IP_FW_INV_SYN,
  IP_FW_INV_VIA,
} from '../../abi/ip_fw.js'
import { utf8Decode } from '../../lib/bytes.js'
import type { IpFwUser } from '../../lib/ip_fw.js'
import type { Program } from '../../programs/sys_types.js'
import { type Part, runTool, Stop, showIp, type ToolSys, writeAll } from '../tool.js'
import type { IpchainsOption } from './extension.js'
import { ipchainsMain } from './index.js'
import { Firewall } from './kernel.js'
import { BUILTIN_CHAINS } from './values.js'

const isSet = (word: number, bit: number): boolean => (word & bit) !== 0

const isAll = ([low, high]: readonly [number, number]): boolean => low === 0 && high === 0xffff

/** A rule as the words that make it. */
export function saveRule(
  chain: string,
  rule: IpFwUser,
  words: readonly string[],
  extensions: readonly IpchainsOption[],
): string[] {
  const { flg, invflg } = rule
  const line = ['-A', chain]
  const not = (bit: number): void => {
    if (isSet(invflg, bit)) line.push('!')
  }
  const network = (
    letter: string,
    bits: readonly [number, number],
    addr: number,
    mask: number,
    ports: readonly [number, number],
  ): void => {
    line.push(letter)
    not(bits[0])
    line.push(`${showIp(addr)}/${showIp(mask)}`)
    if (isAll(ports)) return
    not(bits[1])
    line.push(`${ports[0]}:${ports[1]}`)
  }
  network('-s', [IP_FW_INV_SRCIP, IP_FW_INV_SRCPT], rule.src, rule.smsk, rule.spts)
  network('-d', [IP_FW_INV_DSTIP, IP_FW_INV_DSTPT], rule.dst, rule.dmsk, rule.dpts)
  if (rule.vianame !== '') {
    line.push('-i')
    not(IP_FW_INV_VIA)
    line.push(`${rule.vianame}${isSet(flg, IP_FW_F_WILDIF) ? '+' : ''}`)
  }
  if (rule.proto !== 0) {
    line.push('-p')
    not(IP_FW_INV_PROTO)
    line.push(String(rule.proto))
  }
  if (rule.label !== '') line.push('-j', rule.label)
  if (rule.label === 'REDIRECT' && rule.redirpt !== 0) line.push(String(rule.redirpt))
  if (isSet(flg, IP_FW_F_PRN)) line.push('-l')
  if (isSet(flg, IP_FW_F_TCPSYN)) {
    not(IP_FW_INV_SYN)
    line.push('-y')
  }
  if (isSet(flg, IP_FW_F_FRAG)) {
    not(IP_FW_INV_FRAG)
    line.push('-f')
  }
  if (isSet(flg, IP_FW_F_MARKABS)) line.push('-m', `0x${rule.mark.toString(16)}`)
  else if (rule.mark !== 0) line.push('-m', `+0x${rule.mark.toString(16)}`)
  if (isSet(flg, IP_FW_F_NETLINK)) line.push('-o', String(rule.outputsize))
  const hex = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`
  if (rule.tosand !== 0xff || rule.tosxor !== 0) line.push('-t', hex(rule.tosand), hex(rule.tosxor))
  for (const [i, { save }] of extensions.entries()) line.push(...save(words[i] ?? ''))
  return line
}

function* save(
  sys: ToolSys,
  out: string[],
  args: readonly string[],
  extensions: readonly IpchainsOption[],
): Part<number> {
  const isVerbose = args.includes('-v')
  const [only] = args.filter((word) => word !== '-v')
  if (only?.startsWith('-')) throw new Stop('Usage: ipchains-save [chain] [-v]\n', 1)
  const fw = new Firewall(sys, extensions.length)
  const chains = yield* fw.names()
  if (typeof chains === 'number') throw new Stop(`ipchains-save: ${fw.message(chains)}\n`, 1)
  const rules = yield* fw.rules(false)
  if (typeof rules === 'number') throw new Stop(`ipchains-save: ${fw.message(rules)}\n`, 1)
  const wanted = chains.filter(({ label }) => only === undefined || label === only)
  if (wanted.length === 0) throw new Stop('ipchains-save: No chain by that name\n', 1)
  for (const { label, policy } of wanted) out.push(`:${label} ${policy}\n`)
  let said = ''
  for (const { label } of wanted) {
    said += `Saving \`${label}'.\n`
    for (const { chain, rule, words } of rules) {
      if (chain !== label) continue
      const line = `${saveRule(chain, rule, words, extensions).join(' ')}\n`
      out.push(line)
      if (isVerbose) said += line
    }
  }
  yield* writeAll(sys, 2, said)
  return 0
}

/** All of standard input. */
function* readInput(sys: ToolSys): Part<string> {
  const buf = new Uint8Array(4096)
  let text = ''
  for (let n = yield* sys.read(0, buf); n > 0; n = yield* sys.read(0, buf)) text += utf8Decode(buf, 0, n)
  return text
}

/** Asks at the terminal whether a chain that is there is to be flushed; without one it is not. */
function* asksToFlush(sys: ToolSys, chain: string): Part<boolean> {
  const fd = yield* sys.open('/dev/tty', O_RDWR)
  if (isErr(fd)) return false
  yield* writeAll(sys, fd, `Chain \`${chain}' already exists. Skip or flush? [S/f]? `)
  const buf = new Uint8Array(64)
  const n = yield* sys.read(fd, buf)
  yield* sys.close(fd)
  return n > 0 && /^[fF]/.test(utf8Decode(buf, 0, n))
}

/** One run of ipchains-restore. */
class Restore {
  readonly skipped = new Set<string>()
  readonly known: Set<string>

  constructor(chains: readonly string[]) {
    this.known = new Set(chains)
  }
}

function* restore(
  sys: ToolSys,
  out: string[],
  args: readonly string[],
  extensions: readonly IpchainsOption[],
): Part<number> {
  const wrong = args.find((word) => !['-v', '-f', '-p'].includes(word))
  if (wrong !== undefined) throw new Stop('Usage: ipchains-restore [-v] [-f] [-p]\n', 1)
  const run = (words: readonly string[]): Part<number> => ipchainsMain(sys, out, words, extensions)
  const fw = new Firewall(sys, extensions.length)
  const chains = yield* fw.names()
  if (typeof chains === 'number') throw new Stop(`ipchains-restore: ${fw.message(chains)}\n`, 1)
  const state = new Restore(chains.map(({ label }) => label))
  for (const line of (yield* readInput(sys)).split('\n')) {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) continue
    const words = text.split(/\s+/)
    if (text.startsWith(':')) {
      const [name = '', policy = '-'] = words
      const chain = name.slice(1)
      out.push(`Restoring \`${chain}'.\n`)
      if (BUILTIN_CHAINS.includes(chain)) yield* run(['-P', chain, policy])
      else if (!state.known.has(chain)) {
        yield* run(['-N', chain])
        state.known.add(chain)
      } else if (args.includes('-f') || (yield* asksToFlush(sys, chain))) {
        out.push(`Flushing \`${chain}'.\n`)
        yield* run(['-F', chain])
      } else {
        out.push(`Skipping \`${chain}'.\n`)
        state.skipped.add(chain)
      }
    } else if (words[0] === '-A') {
      if (state.skipped.has(words[1] ?? '')) continue
      const target = words[words.indexOf('-j') + 1] ?? ''
      if (args.includes('-p') && words.includes('-j') && !TARGETS.has(target) && !state.known.has(target)) {
        yield* run(['-N', target])
        state.known.add(target)
      }
      if (args.includes('-v')) out.push(`${text}\n`)
      yield* run(['--no-warnings', ...words])
    } else {
      throw new Stop(`ipchains-restore: bad line \`${text}'\n`, 1)
    }
  }
  return 0
}

const TARGETS: ReadonlySet<string> = new Set([
  'ACCEPT',
  'DENY',
  'REJECT',
  'MASQ',
  'REDIRECT',
  'RETURN',
  'QUEUE',
])

/** `ipchains-save`, with the options of rules that it is to know besides its own. */
export const ipchainsSaveTool = (extensions: readonly IpchainsOption[] = []) =>
  function* ipchainsSave(sys: ToolSys, ...args: string[]): Program {
    return yield* runTool(sys, (out) => save(sys, out, args, extensions))
  }

/** `ipchains-restore`, as above. */
export const ipchainsRestoreTool = (extensions: readonly IpchainsOption[] = []) =>
  function* ipchainsRestore(sys: ToolSys, ...args: string[]): Program {
    return yield* runTool(sys, (out) => restore(sys, out, args, extensions))
  }

/** The program: `kernel.install('/sbin/ipchains-save', ipchainsSave)`. */
export const ipchainsSave = ipchainsSaveTool()

/** The program: `kernel.install('/sbin/ipchains-restore', ipchainsRestore)`. */
export const ipchainsRestore = ipchainsRestoreTool()
