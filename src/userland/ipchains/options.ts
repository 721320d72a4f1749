/**
 * The command line. ipchains 1.3.9: main, commands_v_options, generic_opt_check.
 */

import {
  IP_FW_F_FRAG,
  IP_FW_F_NETLINK,
  IP_FW_F_PRN,
  IP_FW_F_TCPSYN,
  IP_FW_INV_DSTIP,
  IP_FW_INV_DSTPT,
  IP_FW_INV_FRAG,
  IP_FW_INV_PROTO,
  IP_FW_INV_SRCIP,
  IP_FW_INV_SRCPT,
  IP_FW_INV_SYN,
  IP_FW_INV_VIA,
} from '../../abi/ip_fw.js'
import { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from '../../abi/socket.js'
import type { IpFwUser } from '../../lib/ip_fw.js'
import type { Netdb } from '../netdb.js'
import { Stop } from '../tool.js'
import type { IpchainsField, IpchainsOption } from './extension.js'
import { Getopt, type LongOption } from './getopt.js'
import { type Network, tryHelp, Values } from './values.js'

/** Commands by letter; 'd' deletes a rule by its number. */
export type Command = 'I' | 'D' | 'd' | 'R' | 'A' | 'L' | 'F' | 'Z' | 'N' | 'X' | 'P' | 'M' | 'S' | 'C'

/** In the order in which they are looked at. */
const COMMANDS: readonly Command[] = ['I', 'D', 'd', 'R', 'A', 'L', 'F', 'Z', 'N', 'X', 'P', 'M', 'S', 'C']

/** Options by letter; '1' and '2' are ports of source and destination, '3' line numbers. */
type Option =
  | 'n'
  | 's'
  | 'd'
  | 'p'
  | 'j'
  | 'y'
  | 'b'
  | 'v'
  | 'l'
  | 'x'
  | 't'
  | 'i'
  | 'f'
  | 'm'
  | '1'
  | '2'
  | 'o'
  | '3'

const OPTIONS: readonly Option[] = [...'nsdpjybvlxtifm12o3'] as Option[]

/** How an option is called in complaints. */
const letterOf = (option: string): string => (option === '1' ? 's' : option === '2' ? 'd' : option)

/** For each command what each option is: '+' compulsory, 'x' illegal, ' ' as one likes. */
const LEGAL: Readonly<Record<Command, string>> = {
  I: 'x        x       x',
  D: 'x        x       x',
  d: 'xxxxxxx xxxxxxxxxx',
  R: 'x     x  x       x',
  A: 'x        x       x',
  L: ' xxxxxx x xxxxxxx ',
  F: 'xxxxxxx xxxxxxxxxx',
  Z: 'xxxxxxx xxxxxxxxxx',
  N: 'xxxxxxx xxxxxxxxxx',
  X: 'xxxxxxx xxxxxxxxxx',
  P: 'xxxxxxx xxxxxxxxxx',
  M: 'xxxxxxxxxxxxxxxxxx',
  S: 'xxxxxxx xxxxxxxxxx',
  C: 'x+++x   xxx+ x  xx',
}

/** What an inverse option means to a rule; options without cannot be inverted. */
const INVERSE: Readonly<Record<string, number>> = {
  s: IP_FW_INV_SRCIP,
  d: IP_FW_INV_DSTIP,
  p: IP_FW_INV_PROTO,
  y: IP_FW_INV_SYN,
  i: IP_FW_INV_VIA,
  f: IP_FW_INV_FRAG,
  '1': IP_FW_INV_SRCPT,
  '2': IP_FW_INV_DSTPT,
}

const SHORT = 'A:C:D:R:I:L::F::Z::N:X::P:MS:Vh::o::p:s:d:j:i:fbvm:nlt:xy'

const LONG: readonly LongOption[] = [
  ['append', 1, 'A'],
  ['delete', 1, 'D'],
  ['insert', 1, 'I'],
  ['replace', 1, 'R'],
  ['list', 2, 'L'],
  ['flush', 2, 'F'],
  ['zero', 2, 'Z'],
  ['check', 1, 'C'],
  ['new-chain', 1, 'N'],
  ['delete-chain', 1, 'X'],
  ['policy', 1, 'P'],
  ['masquerading', 0, 'M'],
  ['set', 1, 'S'],
  ['bidirectional', 0, 'b'],
  ['source', 1, 's'],
  ['destination', 1, 'd'],
  ['src', 1, 's'],
  ['dst', 1, 'd'],
  ['source-port', 1, '1'],
  ['destination-port', 1, '2'],
  ['icmp-type', 1, '1'],
  ['sport', 1, '1'],
  ['dport', 1, '2'],
  ['protocol', 1, 'p'],
  ['interface', 1, 'i'],
  ['jump', 1, 'j'],
  ['TOS', 1, 't'],
  ['mark', 1, 'm'],
  ['numeric', 0, 'n'],
  ['log', 0, 'l'],
  ['output', 2, 'o'],
  ['verbose', 0, 'v'],
  ['exact', 0, 'x'],
  ['fragments', 0, 'f'],
  ['syn', 0, 'y'],
  ['version', 0, 'V'],
  ['help', 0, 'h'],
  ['line-numbers', 0, '3'],
  ['no-warnings', 0, 'W'],
]

/** What is to be done. */
export interface Wanted {
  readonly commands: ReadonlySet<Command>
  readonly options: ReadonlySet<string>
  readonly chain: string | null
  readonly number: number
  readonly policy: string
  /** Of the rule all but the addresses. */
  readonly rule: IpFwUser
  readonly sources: Network
  readonly destinations: Network
  /** What modules show of the rule. */
  readonly words: readonly string[]
  /** Seconds: TCP, TCP after FIN, UDP. */
  readonly timeouts: readonly number[]
  readonly hasWarnings: boolean
}

/** What is only said: the version, or help. */
export type Answer = 'version' | 'joke' | 'help' | 'icmp'

/** Modules' options are letters from here on. */
const FIRST_EXTENSION = 0x100

const ANYWHERE: Network = { addrs: [], mask: 0 }

/** A command line being read. */
class Reader {
  readonly values: Values
  readonly getopt: Getopt
  readonly extensions: readonly IpchainsOption[]
  readonly commands = new Set<Command>()
  readonly options = new Set<string>()
  chain: string | null = null
  policy = ''
  number = 0
  invflg = 0
  flg = 0
  proto = 0
  mark = 0
  vianame = ''
  outputsize = 0
  tosand = 0
  tosxor = 0
  target: string | null = null
  redirect = '0'
  source: string | null = null
  destination: string | null = null
  sourcePorts: string | null = null
  destinationPorts: string | null = null
  timeouts: number[] = []
  hasWarnings = true
  isInverse = false
  readonly fields: IpchainsField[]

  constructor(argv: readonly string[], db: Netdb, extensions: readonly IpchainsOption[]) {
    this.values = new Values(argv[0] ?? 'ipchains', db)
    this.extensions = extensions
    const more = extensions.map(
      ({ option }, i): LongOption => [option, 1, String.fromCharCode(FIRST_EXTENSION + i)],
    )
    this.getopt = new Getopt(argv, SHORT, [...LONG, ...more])
    this.fields = extensions.map(({ none }) => ({ bytes: none, word: '' }))
  }

  wrong(text: string): never {
    return this.values.wrong(text)
  }

  /** The next word, if it is neither an option nor a `!`: taken. */
  word(): string | null {
    const { argv, optind } = this.getopt
    const word = argv[optind]
    if (word === undefined || word.startsWith('-') || word.startsWith('!')) return null
    this.getopt.optind++
    return word
  }

  /** An option's argument; a `!` before it inverts. */
  argument(): string {
    const { getopt } = this
    const { optarg } = getopt
    if (optarg !== '!') return optarg ?? ''
    this.invert()
    return getopt.argv[getopt.optind++] ?? this.wrong('nothing appropriate following !')
  }

  invert(): void {
    if (this.isInverse) this.wrong("Multiple `!' flags not allowed")
    this.isInverse = true
  }

  command(letter: Command, others: string): void {
    if (this.isInverse) this.wrong('unexpected ! flag')
    const clash = COMMANDS.find((command) => this.commands.has(command) && !others.includes(command))
    if (clash !== undefined) this.wrong(`Can't use -${letter} with -${clash.toUpperCase()}\n`)
    this.commands.add(letter)
  }

  option(letter: string): void {
    if (this.options.has(letter)) this.wrong(`multiple -${letterOf(letter)} flags not allowed\n`)
    this.options.add(letter)
    if (!this.isInverse) return
    const bit = INVERSE[letter]
    if (bit === undefined) this.wrong(`cannot have ! before -${letterOf(letter)}\n`)
    this.invflg |= bit
    this.isInverse = false
  }

  /** An address, and ports behind it. */
  address(letter: 's' | 'd', ports: '1' | '2'): void {
    const address = this.argument()
    this.option(letter)
    const { getopt } = this
    let behind = getopt.optind
    if (getopt.argv[behind] === '!') {
      this.invert()
      behind++
    }
    const word = getopt.argv[behind]
    let range: string | null = null
    if (word !== undefined && !word.startsWith('-') && !word.startsWith('!')) {
      getopt.optind = behind + 1
      range = word
      this.option(ports)
    }
    if (letter === 's') {
      this.source = address
      this.sourcePorts = range ?? this.sourcePorts
    } else {
      this.destination = address
      this.destinationPorts = range ?? this.destinationPorts
    }
  }

  /** One module's option. */
  extension(at: number): void {
    const { option, read } = this.extensions[at] as IpchainsOption
    const text = this.argument()
    if (this.options.has(option)) this.wrong(`multiple --${option} flags not allowed\n`)
    this.options.add(option)
    const field = read(text, this.isInverse)
    if (typeof field === 'string') this.wrong(field)
    this.fields[at] = field
    this.isInverse = false
  }

  /** All words: an answer, where that is all there is to do. */
  read(): Answer | null {
    const { getopt } = this
    for (let letter = getopt.next(); letter !== null; letter = getopt.next()) {
      if (letter === '\x01' && getopt.optarg === '!') {
        if (this.isInverse) this.wrong('multiple consecutive ! not allowed\n')
        this.isInverse = true
        continue
      }
      const answer = this.one(letter)
      if (answer !== null) return answer
      this.isInverse = false
    }
    return null
  }

  private one(letter: string): Answer | null {
    const { getopt, values } = this
    const optarg = getopt.optarg ?? ''
    switch (letter) {
      case 'A':
      case 'C':
      case 'N':
        this.command(letter, '')
        this.chain = optarg
        return null
      case 'D': {
        this.command('D', '')
        this.chain = optarg
        const number = this.word()
        if (number === null) return null
        this.number = values.ruleNumber(number)
        this.commands.delete('D')
        this.commands.add('d')
        return null
      }
      case 'R':
      case 'I': {
        this.command(letter, '')
        this.chain = optarg
        const number = this.word()
        if (number === null && letter === 'R') this.wrong('-R requires a rule number')
        this.number = number === null ? 1 : values.ruleNumber(number)
        return null
      }
      case 'L':
      case 'F':
      case 'Z':
      case 'X':
        this.command(letter, letter === 'L' ? 'ZM' : letter === 'Z' ? 'L' : '')
        this.chain = getopt.optarg ?? this.word() ?? this.chain
        if (this.commands.has('L') && this.commands.has('Z') && this.chain !== null)
          this.wrong('-L with -Z does not allow chain to be specified')
        return null
      case 'P': {
        this.command('P', '')
        this.chain = optarg
        const policy = this.word()
        if (policy === null) this.wrong('-P requires a chain and a policy')
        this.policy = values.policy(optarg, policy)
        return null
      }
      case 'M':
        this.command('M', 'LS')
        return null
      case 'S': {
        this.command('S', 'M')
        const [fin, udp] = [this.word(), this.word()]
        if (fin === null || udp === null) this.wrong('-S requires 3 timeout values')
        this.timeouts = [optarg, fin, udp].map((text) => values.timeout(text))
        return null
      }
      case 'h': {
        const topic = getopt.optarg ?? getopt.argv[getopt.optind] ?? ''
        return topic.toLowerCase() === 'icmp' ? 'icmp' : 'help'
      }
      case 'V':
        return this.isInverse ? 'joke' : 'version'
      case '3':
        if (this.isInverse) this.wrong('cannot have ! before --line-numbers')
        this.option('3')
        return null
      case 'W':
        if (this.isInverse) this.wrong('cannot have ! before --no-warnings')
        this.hasWarnings = false
        return null
      default:
        return this.ruleOption(letter)
    }
  }

  private ruleOption(letter: string): null {
    const { getopt, values } = this
    const optarg = getopt.optarg ?? ''
    switch (letter) {
      case 'p': {
        const text = this.argument()
        this.option('p')
        this.proto = values.protocol(text)
        if (this.proto === 0 && (this.invflg & IP_FW_INV_PROTO) !== 0)
          this.wrong('rule would never match protocol')
        break
      }
      case 's':
        this.address('s', '1')
        break
      case 'd':
        this.address('d', '2')
        break
      case '1': {
        const text = this.argument()
        this.option('1')
        this.sourcePorts = text
        break
      }
      case '2': {
        const text = this.argument()
        this.option('2')
        this.destinationPorts = text
        break
      }
      case 'j':
        this.option('j')
        this.target = values.target(optarg)
        if (this.target === 'REDIRECT') this.redirect = this.word() ?? this.redirect
        break
      case 'i': {
        const text = this.argument()
        this.option('i')
        const [name, flag] = values.interface(text)
        this.vianame = name
        this.flg |= flag
        break
      }
      case 'f':
        this.option('f')
        this.flg |= IP_FW_F_FRAG
        break
      case 'y':
        this.option('y')
        this.flg |= IP_FW_F_TCPSYN
        break
      case 'l':
        this.option('l')
        this.flg |= IP_FW_F_PRN
        break
      case 'b':
      case 'v':
      case 'n':
      case 'x':
        this.option(letter)
        break
      case 'm': {
        this.option('m')
        const [mark, flag] = values.mark(optarg)
        this.mark = mark
        this.flg |= flag
        break
      }
      case 'o':
        this.option('o')
        this.outputsize = values.outputSize(getopt.optarg ?? this.word())
        this.flg |= IP_FW_F_NETLINK
        break
      case 't': {
        this.option('t')
        const xor = this.word()
        if (xor === null) this.wrong('-t requires 2 hexbyte arguments')
        this.tosand = values.hexbyte(optarg)
        this.tosxor = values.hexbyte(xor)
        break
      }
      default: {
        const at = letter.charCodeAt(0) - FIRST_EXTENSION
        if (this.extensions[at] === undefined)
          throw new Stop(getopt.complaints.join('') + tryHelp(values.program), 2)
        this.extension(at)
      }
    }
    return null
  }

  has(...letters: readonly Command[]): boolean {
    return letters.some((letter) => this.commands.has(letter))
  }

  /** What belongs together, and what does not. */
  finish(): Wanted {
    const { values } = this
    if (this.getopt.optind < this.getopt.argv.length) this.wrong('unknown arguments found on commandline')
    if (this.commands.size === 0) this.wrong('no command specified')
    if (this.isInverse) this.wrong('nothing appropriate following !')
    const makesRule = this.has('R', 'I', 'D', 'A')
    const anywhere = makesRule ? '0.0.0.0/0' : null
    const source = this.source ?? anywhere
    const destination = this.destination ?? anywhere
    const isIcmp = this.proto === IPPROTO_ICMP
    const sources = source === null ? ANYWHERE : values.network(source)
    let spts = source === null || isIcmp ? NO_PORTS : values.ports(this.sourcePorts, this.proto)
    const destinations = destination === null ? ANYWHERE : values.network(destination)
    let dpts = destination === null || isIcmp ? NO_PORTS : values.ports(this.destinationPorts, this.proto)
    if (isIcmp) {
      const isInverse = (this.invflg & (IP_FW_INV_SRCPT | IP_FW_INV_DSTPT)) !== 0
      const isCheck = this.has('C')
      const icmp = values.icmp(this.sourcePorts, this.destinationPorts, isInverse, isCheck)
      spts = icmp.types
      dpts = icmp.codes
      if (icmp.isNamed) this.options.add('2')
    }
    this.checkRule(sources, destinations, spts, dpts)
    // Lazy people leave the -M out.
    if (this.has('S')) this.commands.add('M')
    this.checkLegal()
    if (this.chain !== null && this.chain.length > 8)
      this.wrong(`chain name \`${this.chain}' too long (must be under 8 chars)`)
    const redirpt = this.target === 'REDIRECT' ? values.port(this.redirect, this.proto) : 0
    const hasTos = this.options.has('t')
    const rule: IpFwUser = {
      src: 0,
      smsk: sources.mask,
      dst: 0,
      dmsk: destinations.mask,
      mark: this.mark,
      proto: this.proto,
      flg: this.flg,
      invflg: this.invflg,
      spts,
      dpts,
      redirpt,
      outputsize: this.outputsize,
      vianame: this.vianame,
      tosand: hasTos ? this.tosand : 0xff,
      tosxor: hasTos ? this.tosxor : 0,
      label: this.target ?? '',
      extra: Uint8Array.from(this.fields.flatMap(({ bytes }) => [...bytes])),
    }
    const { commands, options, chain, number, policy, timeouts, hasWarnings } = this
    const words = this.fields.map(({ word }) => word)
    return {
      commands,
      options,
      chain,
      number,
      policy,
      rule,
      sources,
      destinations,
      words,
      timeouts,
      hasWarnings,
    }
  }

  private checkRule(
    sources: Network,
    destinations: Network,
    spts: readonly [number, number],
    dpts: readonly [number, number],
  ): void {
    const { invflg, proto, options, target, chain } = this
    const isNotProto = (invflg & IP_FW_INV_PROTO) !== 0
    const hasPorts = options.has('1') || options.has('2')
    const isPiece = options.has('f') && (invflg & IP_FW_INV_FRAG) === 0
    const isMany = sources.addrs.length > 1 || destinations.addrs.length > 1
    const inverseAddress = (invflg & (IP_FW_INV_SRCIP | IP_FW_INV_DSTIP)) !== 0
    if (isMany && inverseAddress) this.wrong('! not allowed with multiple source or destination IP addresses')
    if (isMany && options.has('b'))
      this.wrong('-b not allowed with multiple source or destination IP addresses')
    if ((proto === 0 || isNotProto) && hasPorts) this.wrong('no ports allowed without specific protocol')
    if ((proto !== IPPROTO_TCP || isNotProto) && options.has('y'))
      this.wrong('-y only allowed with TCP protocol')
    if (isPiece && hasPorts) this.wrong('no ports allowed with -f')
    if (isPiece && options.has('y')) this.wrong('-y not allowed with -f')
    const isKnown = proto === IPPROTO_TCP || proto === IPPROTO_UDP || proto === IPPROTO_ICMP
    const isExact = options.has('1') && options.has('2') && spts[0] === spts[1] && dpts[0] === dpts[1]
    if (this.has('C') && isKnown && !options.has('f') && !isExact)
      this.wrong('one port required with source/destination address for -C')
    if (this.has('C') && invflg !== 0) this.wrong('! not allowed with -C')
    const isTransport = (proto === IPPROTO_TCP || proto === IPPROTO_UDP) && !isNotProto
    if (!isTransport && target === 'REDIRECT') this.wrong('redirecting only allowed with TCP or UDP')
    if (target === 'MASQ' && (chain === 'input' || chain === 'output'))
      this.wrong('masquerading not allowed for input and output chains')
    if (target === 'REDIRECT' && (chain === 'output' || chain === 'forward'))
      this.wrong('redirect not allowed for output and forward chains')
    if (this.has('R') && (sources.addrs.length !== 1 || destinations.addrs.length !== 1))
      this.wrong('Replacement rule does not specify a unique address')
  }

  /** Options that any of the commands allows are fine. */
  private checkLegal(): void {
    const given = COMMANDS.filter((command) => this.commands.has(command))
    for (const [at, option] of OPTIONS.entries()) {
      const rules = given.map((command) => LEGAL[command][at])
      if (!this.options.has(option)) {
        if (rules.includes('+'))
          this.wrong(`You need to supply the \`-${letterOf(option)}' option for this command\n`)
      } else if (!rules.some((legal) => legal !== 'x')) {
        this.wrong(`Illegal option \`-${letterOf(option)}' with this command\n`)
      }
    }
    if (this.has('R', 'I', 'D', 'A')) return
    for (const { option } of this.extensions)
      if (this.options.has(option)) this.wrong(`Illegal option \`--${option}' with this command\n`)
  }
}

const NO_PORTS: readonly [number, number] = [0, 0]

/** What a command line asks for. Ends the tool where it is wrong. */
export function readCommandLine(
  argv: readonly string[],
  db: Netdb,
  extensions: readonly IpchainsOption[],
): Wanted | Answer {
  const reader = new Reader(argv, db, extensions)
  return reader.read() ?? reader.finish()
}
