/**
 * Talking to the firewall: socket options, and the two files of /proc. ipchains 1.3.9: libipfwc.
 */

import {
  EACCES,
  ECONNABORTED,
  ECONNREFUSED,
  ECONNRESET,
  EEXIST,
  EINVAL,
  ELOOP,
  ENFILE,
  ENOENT,
  ENOTEMPTY,
  EPERM,
  ETIMEDOUT,
  errnoMessage,
  isErr,
} from '../../abi/errno.js'
import { O_RDONLY, O_RDWR } from '../../abi/fcntl.js'
import {
  IP_FW_APPEND,
  IP_FW_CHECK,
  IP_FW_CREATECHAIN,
  IP_FW_DELETE,
  IP_FW_DELETE_NUM,
  IP_FW_DELETECHAIN,
  IP_FW_F_FRAG,
  IP_FW_F_TCPSYN,
  IP_FW_FLUSH,
  IP_FW_INSERT,
  IP_FW_LABEL,
  IP_FW_POLICY,
  IP_FW_REPLACE,
  IP_FW_ZERO,
  IP_FWDELNUM,
  IP_FWTEST,
} from '../../abi/ip_fw.js'
import { AF_INET, IPPROTO_ICMP, IPPROTO_RAW, IPPROTO_TCP, SOCK_RAW, SOL_IP } from '../../abi/socket.js'
import { encodeFwchange, encodeFwnew, encodeLabel, type IpFwUser, putName } from '../../lib/ip_fw.js'
import { inet32, int32 } from '../../lib/nlmsg.js'
import { type Part, readFile, type ToolSys } from '../tool.js'

/** What was being done when the kernel refused: the same error is said otherwise. */
type Doing =
  | 'init'
  | 'insert'
  | 'replace'
  | 'append'
  | 'delete'
  | 'deleteNumber'
  | 'check'
  | 'create'
  | 'deleteChain'
  | 'other'

/** The files are not those of a kernel that the tool knows. */
export const INCOMPATIBLE = 0

/** A chain of /proc/net/ip_fwnames. */
export interface ListedChain {
  readonly label: string
  /** '-' for a chain of users'. */
  readonly policy: string
  readonly references: number
  readonly packets: number
  readonly bytes: number
}

/** A rule of /proc/net/ip_fwchains. */
export interface ListedRule {
  readonly chain: string
  readonly rule: IpFwUser
  readonly packets: number
  readonly bytes: number
  /** What modules show. */
  readonly words: readonly string[]
}

/** The firewall as the tool sees it. */
export class Firewall {
  readonly sys: ToolSys
  /** Fields that the kernel's modules have appended, as far as the tool knows. */
  readonly extensions: number
  private fd = -1
  private doing: Doing = 'other'
  private target = ''

  constructor(sys: ToolSys, extensions: number) {
    this.sys = sys
    this.extensions = extensions
  }

  /** 0 or an Errno. ipchains: do_setsockopt. */
  private *set(doing: Doing, option: number, value: Uint8Array): Part<number> {
    const { sys } = this
    if (this.fd < 0) {
      this.doing = 'init'
      this.fd = yield* sys.socket(AF_INET, SOCK_RAW, IPPROTO_RAW)
      if (isErr(this.fd)) return this.fd
    }
    this.doing = doing
    return yield* sys.setsockopt(this.fd, SOL_IP, option, value)
  }

  *append(chain: string, rule: IpFwUser): Part<number> {
    this.target = rule.label
    return yield* this.set('append', IP_FW_APPEND, encodeFwchange(rule, chain))
  }

  *insert(chain: string, rule: IpFwUser, number: number): Part<number> {
    this.target = rule.label
    return yield* this.set('insert', IP_FW_INSERT, encodeFwnew(number, rule, chain))
  }

  *replace(chain: string, rule: IpFwUser, number: number): Part<number> {
    this.target = rule.label
    return yield* this.set('replace', IP_FW_REPLACE, encodeFwnew(number, rule, chain))
  }

  *remove(chain: string, rule: IpFwUser): Part<number> {
    return yield* this.set('delete', IP_FW_DELETE, encodeFwchange(rule, chain))
  }

  *removeNumber(chain: string, number: number): Part<number> {
    const bytes = new Uint8Array(IP_FWDELNUM)
    bytes.set(int32(number))
    bytes.set(encodeLabel(chain), 4)
    return yield* this.set('deleteNumber', IP_FW_DELETE_NUM, bytes)
  }

  *flush(chain: string): Part<number> {
    return yield* this.set('other', IP_FW_FLUSH, encodeLabel(chain))
  }

  *zero(chain: string): Part<number> {
    return yield* this.set('other', IP_FW_ZERO, encodeLabel(chain))
  }

  *create(chain: string): Part<number> {
    return yield* this.set('create', IP_FW_CREATECHAIN, encodeLabel(chain))
  }

  *removeChain(chain: string): Part<number> {
    return yield* this.set('deleteChain', IP_FW_DELETECHAIN, encodeLabel(chain))
  }

  *policy(chain: string, policy: string): Part<number> {
    const bytes = new Uint8Array(2 * IP_FW_LABEL)
    bytes.set(encodeLabel(policy))
    bytes.set(encodeLabel(chain), IP_FW_LABEL)
    return yield* this.set('other', IP_FW_POLICY, bytes)
  }

  /** What would become of a packet like the rule: words, or an Errno. */
  *check(chain: string, rule: IpFwUser): Part<string | number> {
    const code = yield* this.set('check', IP_FW_CHECK, encodeTest(chain, rule))
    return VERDICTS.get(code) ?? code
  }

  /** The chains; an Errno, or INCOMPATIBLE. */
  *names(): Part<ListedChain[] | number> {
    this.doing = 'other'
    const text = yield* readFile(this.sys, '/proc/net/ip_fwnames')
    if (typeof text === 'number') return text === ENOENT ? INCOMPATIBLE : text
    const chains: ListedChain[] = []
    for (const line of text.split('\n').slice(0, -1)) {
      const words = line.split(' ')
      if (words.length !== 7) return INCOMPATIBLE
      const [label = '', policy = '', references = '', ...counts] = words
      const [packets, bytes] = [count64(counts[0], counts[1]), count64(counts[2], counts[3])]
      chains.push({ label, policy, references: Number(references), packets, bytes })
    }
    return chains
  }

  /** All rules, whose counters are cleared if asked for; an Errno, or INCOMPATIBLE. */
  *rules(isZero: boolean): Part<ListedRule[] | number> {
    this.doing = 'other'
    const text = yield* readFile(this.sys, '/proc/net/ip_fwchains', isZero ? O_RDWR : O_RDONLY)
    if (typeof text === 'number') return text === ENOENT ? INCOMPATIBLE : text
    const rules: ListedRule[] = []
    for (const line of text.split('\n').slice(0, -1)) {
      const rule = readRule(line, this.extensions)
      if (rule === null) return INCOMPATIBLE
      rules.push(rule)
    }
    return rules
  }

  /** What the last error means. ipchains: ipfwc_strerror. */
  message(error: number): string {
    if (error === INCOMPATIBLE) return 'Incompatible with this kernel'
    const { doing } = this
    if (error === ENOENT) {
      if (doing !== 'insert' && doing !== 'replace' && doing !== 'append') return 'No chain by that name'
      const lacking = LACKING.get(this.target)
      const hint = lacking === undefined ? '' : ` (Maybe this kernel doesn't support ${lacking}?)`
      return `No target by that name${hint}`
    }
    if (error === EPERM && doing === 'init') return 'Permission denied (you must be root)'
    if (error === ENOTEMPTY && doing === 'deleteChain') return 'Chain is not empty'
    if (error === EEXIST && doing === 'create') return 'Chain already exists'
    if (error === EINVAL && doing === 'check') return 'bad arguments (does that interface exist?)'
    if (error === EINVAL && BAD_RULE.has(doing)) return 'bad rule (does a matching rule exist in that chain?)'
    return errnoMessage(error)
  }
}

const BAD_RULE: ReadonlySet<Doing> = new Set(['delete', 'insert', 'deleteNumber', 'replace'])

/** What a kernel may lack whose rules know no such target. */
const LACKING: ReadonlyMap<string, string> = new Map([
  ['MASQ', 'masquerading'],
  ['REDIRECT', 'transparent proxying'],
])

const VERDICTS: ReadonlyMap<number, string> = new Map<number, string>([
  [0, 'accepted'],
  [ECONNRESET, 'masqueraded'],
  [ETIMEDOUT, 'denied'],
  [ECONNREFUSED, 'rejected'],
  [ECONNABORTED, 'redirected'],
  [ELOOP, 'caught in loop'],
  [ENFILE, 'passed through chain'],
])

/** Does an error say that only root may? */
export const isRefused = (error: number): boolean => error === EPERM || error === EACCES

/** struct ip_fwtest for a packet like a rule. ipchains: fw_to_fwtest. */
function encodeTest(chain: string, rule: IpFwUser): Uint8Array {
  const bytes = new Uint8Array(IP_FWTEST)
  // The length is that of struct ip_fwpkt in the order of the host.
  bytes.set([0x45, 0, 60, 0])
  if ((rule.flg & IP_FW_F_FRAG) !== 0) bytes[7] = 2
  bytes[9] = rule.proto
  bytes.set(inet32(rule.src), 12)
  bytes.set(inet32(rule.dst), 16)
  const [sport, dport] = [rule.spts[0], rule.dpts[0]]
  if (rule.proto === IPPROTO_ICMP) bytes.set([sport, dport], 20)
  else bytes.set([sport >>> 8, sport & 255, dport >>> 8, dport & 255], 20)
  if (rule.proto === IPPROTO_TCP && (rule.flg & IP_FW_F_TCPSYN) !== 0) bytes[33] = 2
  putName(bytes, 44, rule.vianame, 16)
  putName(bytes, 60, chain, IP_FW_LABEL)
  return bytes
}

const count64 = (high = '0', low = '0'): number => Number(high) * 0x100000000 + Number(low)

const LINE =
  /^ *(\S+) ([0-9A-F]+)\/([0-9A-F]+)->([0-9A-F]+)\/([0-9A-F]+) (\S+) ([0-9A-F]+) ([0-9A-F]+) (\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)-(\d+) (\d+)-(\d+) A([0-9A-F]+) X([0-9A-F]+) ([0-9A-F]+) (\d+) (\d+) +(\S+)((?: \S+)*)$/

/** A line of /proc/net/ip_fwchains; null for what is none. */
function readRule(line: string, extensions: number): ListedRule | null {
  const match = LINE.exec(line)
  if (match === null) return null
  const text = (at: number): string => match[at] ?? ''
  const hex = (at: number): number => Number.parseInt(text(at), 16)
  const dec = (at: number): number => Number(text(at))
  const words = text(24).split(' ').slice(1)
  if (words.length !== extensions) return null
  const dash = (word: string): string => (word === '-' ? '' : word)
  return {
    chain: text(1),
    rule: {
      src: hex(2),
      smsk: hex(3),
      dst: hex(4),
      dmsk: hex(5),
      vianame: dash(text(6)),
      flg: hex(7),
      invflg: hex(8),
      proto: dec(9),
      spts: [dec(14), dec(15)],
      dpts: [dec(16), dec(17)],
      tosand: hex(18),
      tosxor: hex(19),
      redirpt: hex(20),
      mark: dec(21),
      outputsize: dec(22),
      label: dash(text(23)),
      extra: new Uint8Array(0),
    },
    packets: count64(text(10), text(11)),
    bytes: count64(text(12), text(13)),
    words,
  }
}
