/**
 * BPF programs as text: an assembler, a disassembler, and the listing that libseccomp's scmp_bpf_disasm prints.
 *
 * One instruction a line, as bpf_asm of the kernel's tools has them; labels end with a colon; `;` starts a comment:
 *
 *     ld [4]                      ; a word of seccomp_data
 *     jne #0xc000003e, kill       ; conditions with one label fall through, with two they go to the first or second
 *     ld [0]
 *     jeq #39, deny
 *     ret ALLOW
 *     deny: ret ERRNO(1)
 *     kill: ret KILL_PROCESS
 *
 * Operands: `#n` the number itself, `[n]` a word of the data, `M[n]` of the scratch memory, `len`, `x`, `a`. Actions of
 * `ret` go by name. `jne`, `jlt` and `jle` are the others with their labels exchanged.
 */

import {
  SECCOMP_RET_ACTION_FULL,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_DATA,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
} from './actions.js'
import {
  BPF_A,
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_DIV,
  BPF_IMM,
  BPF_JA,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JMP,
  BPF_JSET,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MEM,
  BPF_MISC,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TAX,
  BPF_TXA,
  BPF_X,
  BPF_XOR,
  type SockFilter,
} from './bpf.js'

const ALU_NAMES: Readonly<Record<string, number>> = {
  add: BPF_ADD,
  sub: BPF_SUB,
  mul: BPF_MUL,
  div: BPF_DIV,
  or: BPF_OR,
  and: BPF_AND,
  lsh: BPF_LSH,
  rsh: BPF_RSH,
  xor: BPF_XOR,
}

/** Conditional jumps; those that are another with its labels exchanged say so. */
const JUMPS: Readonly<Record<string, { readonly op: number; readonly exchanged: boolean }>> = {
  jeq: { op: BPF_JEQ, exchanged: false },
  jgt: { op: BPF_JGT, exchanged: false },
  jge: { op: BPF_JGE, exchanged: false },
  jset: { op: BPF_JSET, exchanged: false },
  jne: { op: BPF_JEQ, exchanged: true },
  jle: { op: BPF_JGT, exchanged: true },
  jlt: { op: BPF_JGE, exchanged: true },
}

/** By the names of `ret`; the first of a value is the one that is printed. */
const ACTIONS: readonly (readonly [name: string, value: number])[] = [
  ['KILL_PROCESS', SECCOMP_RET_KILL_PROCESS],
  ['KILL_THREAD', SECCOMP_RET_KILL_THREAD],
  ['KILL', SECCOMP_RET_KILL_THREAD],
  ['TRAP', SECCOMP_RET_TRAP],
  ['ERRNO', SECCOMP_RET_ERRNO],
  ['USER_NOTIF', SECCOMP_RET_USER_NOTIF],
  ['TRACE', SECCOMP_RET_TRACE],
  ['LOG', SECCOMP_RET_LOG],
  ['ALLOW', SECCOMP_RET_ALLOW],
]

const nameOf = (table: Readonly<Record<string, number>>, value: number): string | undefined =>
  Object.keys(table).find((name) => table[name] === value)

// ---- assembler -----------------------------------------------------------------------------------------------

interface Line {
  readonly number: number
  readonly text: string
}

/** Takes comments and labels off; what is left are instructions, and where the labels point. */
function readLines(source: string): { readonly lines: Line[]; readonly labels: Map<string, number> } {
  const lines: Line[] = []
  const labels = new Map<string, number>()
  for (const [index, raw] of source.split('\n').entries()) {
    let text = raw.replace(/;.*$/, '').trim()
    for (;;) {
      const label = /^([A-Za-z_]\w*):\s*/.exec(text)
      if (label?.[1] === undefined) break
      if (labels.has(label[1]))
        throw new SyntaxError(`line ${index + 1}: the label '${label[1]}' is there twice`)
      labels.set(label[1], lines.length)
      text = text.slice(label[0].length)
    }
    if (text !== '') lines.push({ number: index + 1, text })
  }
  return { lines, labels }
}

/** A number in C's notation, -1 included, as an unsigned word; undefined for anything else. */
function wordOf(text: string): number | undefined {
  if (!/^-?(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text)) return undefined
  const negative = text.startsWith('-')
  const value = Number(negative ? text.slice(1) : text)
  return value > 0xffffffff ? undefined : (negative ? -value : value) >>> 0
}

/** One line being assembled. */
class Assembler {
  readonly line: Line
  readonly at: number
  readonly labels: ReadonlyMap<string, number>

  constructor(line: Line, at: number, labels: ReadonlyMap<string, number>) {
    this.line = line
    this.at = at
    this.labels = labels
  }

  fail(what: string): never {
    throw new SyntaxError(`line ${this.line.number}: ${what} in '${this.line.text}'`)
  }

  number(text: string): number {
    return wordOf(text) ?? this.fail(`'${text}' is no number of 32 bits`)
  }

  /** How many instructions a jump to a label passes over. */
  distance(label: string, max: number): number {
    const target = this.labels.get(label)
    if (target === undefined) return this.fail(`there is no label '${label}'`)
    const over = target - this.at - 1
    if (over < 0) return this.fail(`'${label}' is not ahead`)
    return over > max ? this.fail(`'${label}' is ${over} instructions away, more than ${max}`) : over
  }

  assemble(): SockFilter {
    const [, name = '', rest = ''] = /^(\w+)\s*(.*)$/.exec(this.line.text) ?? []
    const words = rest === '' ? [] : rest.split(/\s*,\s*/)
    const jump = JUMPS[name]
    if (jump !== undefined) return this.jump(jump.op, jump.exchanged, words)
    const operation = ALU_NAMES[name]
    if (operation !== undefined) return this.operand(BPF_ALU | operation, this.only(words))
    switch (name) {
      case 'ld':
        return this.load(BPF_LD, this.only(words))
      case 'ldx':
        return this.load(BPF_LDX, this.only(words))
      case 'st':
        return this.statement(BPF_ST, this.memory(this.only(words)))
      case 'stx':
        return this.statement(BPF_STX, this.memory(this.only(words)))
      case 'jmp':
      case 'ja':
        return this.statement(BPF_JMP | BPF_JA, this.distance(this.only(words), 0xffffffff))
      case 'ret':
        return this.ret(this.only(words))
      case 'neg':
        return this.none(BPF_ALU | BPF_NEG, words)
      case 'tax':
        return this.none(BPF_MISC | BPF_TAX, words)
      case 'txa':
        return this.none(BPF_MISC | BPF_TXA, words)
      default:
        return this.fail(`there is no instruction '${name}'`)
    }
  }

  private statement(code: number, k: number): SockFilter {
    return { code, jt: 0, jf: 0, k }
  }

  private only(words: readonly string[]): string {
    const [word] = words
    return words.length === 1 && word !== undefined ? word : this.fail('one operand is wanted')
  }

  private none(code: number, words: readonly string[]): SockFilter {
    return words.length === 0 ? this.statement(code, 0) : this.fail('no operand is wanted')
  }

  private memory(word: string): number {
    const match = /^M\[(.+)\]$/.exec(word)
    return match?.[1] === undefined ? this.fail('M[n] is wanted') : this.number(match[1])
  }

  private load(kind: number, word: string): SockFilter {
    if (word === 'len') return this.statement(kind | BPF_LEN, 0)
    if (word.startsWith('#')) return this.statement(kind | BPF_IMM, this.number(word.slice(1)))
    if (word.startsWith('M[')) return this.statement(kind | BPF_MEM, this.memory(word))
    const data = /^\[(.+)\]$/.exec(word)
    if (data?.[1] !== undefined && kind === BPF_LD)
      return this.statement(BPF_LD | BPF_ABS, this.number(data[1]))
    return this.fail(`'${word}' cannot be loaded`)
  }

  private operand(code: number, word: string): SockFilter {
    if (word === 'x') return this.statement(code | BPF_X, 0)
    return word.startsWith('#')
      ? this.statement(code | BPF_K, this.number(word.slice(1)))
      : this.fail('#n or x is wanted')
  }

  private jump(op: number, exchanged: boolean, words: readonly string[]): SockFilter {
    const [word = '', first = '', second] = words
    if (words.length < 2 || words.length > 3) return this.fail('an operand and one or two labels are wanted')
    const { code, k } = this.operand(BPF_JMP | op, word)
    const there = this.distance(first, 255)
    const else_ = second === undefined ? 0 : this.distance(second, 255)
    return exchanged ? { code, jt: else_, jf: there, k } : { code, jt: there, jf: else_, k }
  }

  private ret(word: string): SockFilter {
    if (word === 'a') return this.statement(BPF_RET | BPF_A, 0)
    if (word.startsWith('#')) return this.statement(BPF_RET | BPF_K, this.number(word.slice(1)))
    const [, name = '', , data] = /^([A-Z_]+)(\((\w+)\))?$/.exec(word) ?? []
    const action = ACTIONS.find(([known]) => known === name)
    if (action === undefined) return this.fail(`there is no action '${word}'`)
    const value = data === undefined ? 0 : this.number(data)
    if (value > SECCOMP_RET_DATA) return this.fail(`${value} does not fit into 16 bits`)
    return this.statement(BPF_RET | BPF_K, (action[1] | value) >>> 0)
  }
}

/** The program that a text describes. Throws a SyntaxError that names the line. */
export function assembleBpf(source: string): SockFilter[] {
  const { lines, labels } = readLines(source)
  return lines.map((line, at) => new Assembler(line, at, labels).assemble())
}

// ---- disassembler --------------------------------------------------------------------------------------------

/** An action as `ret` names it: 'ERRNO(1)'; '#0x12345678' for a value that is none. */
export function actionName(value: number): string {
  const found = ACTIONS.find(([, action]) => action === (value & SECCOMP_RET_ACTION_FULL) >>> 0)
  const data = value & SECCOMP_RET_DATA
  if (found === undefined) return `#0x${value.toString(16)}`
  return data === 0 ? found[0] : `${found[0]}(${data})`
}

/** The program as a text that `assembleBpf` reads back. Throws a RangeError for a code that filters do not have. */
export function disassembleBpf(program: readonly SockFilter[]): string {
  const targets = new Set<number>()
  for (const [at, insn] of program.entries()) for (const over of jumpsOf(insn)) targets.add(at + 1 + over)
  const label = (at: number): string => `L${at}`
  return program
    .map((insn, at) => {
      const name = targets.has(at) ? `${label(at)}: ` : ''
      return `${name}${instructionText(insn, (over) => label(at + 1 + over))}\n`
    })
    .join('')
}

/** The jumps that need a label: a condition's two, unless it falls through where it does not hold. */
function jumpsOf({ code, jt, jf, k }: SockFilter): readonly number[] {
  if ((code & 7) !== BPF_JMP) return []
  if ((code & 0xf0) === BPF_JA) return [k]
  return jf === 0 ? [jt] : [jt, jf]
}

function instructionText({ code, jt, jf, k }: SockFilter, label: (over: number) => string): string {
  const word = (code & BPF_X) === 0 ? `#${hex(k)}` : 'x'
  switch (code & 7) {
    case BPF_LD:
    case BPF_LDX:
      return `${(code & 7) === BPF_LD ? 'ld' : 'ldx'} ${loadText(code, k)}`
    case BPF_ST:
      return `st M[${k}]`
    case BPF_STX:
      return `stx M[${k}]`
    case BPF_ALU:
      return (code & 0xf0) === BPF_NEG ? 'neg' : `${nameOf(ALU_NAMES, code & 0xf0) ?? unknown(code)} ${word}`
    case BPF_JMP: {
      if ((code & 0xf0) === BPF_JA) return `jmp ${label(k)}`
      const name = Object.keys(JUMPS).find((jump) => JUMPS[jump]?.op === (code & 0xf0)) ?? unknown(code)
      return `${name} ${word}, ${label(jt)}${jf === 0 ? '' : `, ${label(jf)}`}`
    }
    case BPF_RET:
      return code === (BPF_RET | BPF_A) ? 'ret a' : `ret ${actionName(k)}`
    default:
      return code === (BPF_MISC | BPF_TAX) ? 'tax' : code === (BPF_MISC | BPF_TXA) ? 'txa' : unknown(code)
  }
}

function loadText(code: number, k: number): string {
  switch (code & 0xe0) {
    case BPF_IMM:
      return `#${hex(k)}`
    case BPF_ABS:
      return `[${k}]`
    case BPF_MEM:
      return `M[${k}]`
    case BPF_LEN:
      return 'len'
    default:
      return unknown(code)
  }
}

const hex = (k: number): string => (k < 10 ? String(k) : `0x${k.toString(16)}`)

function unknown(code: number): never {
  throw new RangeError(`0x${code.toString(16)} is no instruction of a filter`)
}

// ---- the listing of libseccomp -------------------------------------------------------------------------------

const OP_NAMES: Readonly<Record<number, string>> = {
  [BPF_LD]: 'ld',
  [BPF_LDX]: 'ldx',
  [BPF_ST]: 'st',
  [BPF_STX]: 'stx',
  [BPF_RET]: 'ret',
}

/** The program as scmp_bpf_disasm of libseccomp 2.5 lists it, with its two lines of heading. */
export function listBpf(program: readonly SockFilter[]): string {
  const lines = program.map((insn, line) => {
    const { code, jt, jf, k } = insn
    const fields = [pad(code, 2), pad(jt, 2), pad(jf, 2), pad(k, 8)].map((text) => `0x${text}`).join(' ')
    return ` ${decimal(line)}: ${fields}   ${opName(code).padEnd(3)} ${argText(insn, line)}\n`
  })
  return ` line  OP   JT   JF   K\n=================================\n${lines.join('')}`
}

const pad = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

const decimal = (line: number): string => String(line >>> 0).padStart(4, '0')

function opName(code: number): string {
  const kind = code & 7
  const operation = code & 0xf0
  if (kind === BPF_ALU) return operation === BPF_NEG ? 'neg' : (nameOf(ALU_NAMES, operation) ?? '???')
  if (kind === BPF_JMP) {
    if (operation === BPF_JA) return 'jmp'
    return Object.keys(JUMPS).find((name) => JUMPS[name]?.op === operation) ?? '???'
  }
  if (kind === BPF_MISC) return code === (BPF_MISC | BPF_TAX) ? 'tax' : 'txa'
  return OP_NAMES[kind] ?? '???'
}

function argText({ code, jt, jf, k }: SockFilter, line: number): string {
  switch (code & 7) {
    case BPF_LD:
    case BPF_LDX:
      return listedLoad(code, k)
    case BPF_ST:
    case BPF_STX:
      return `$temp[${k}]`
    case BPF_ALU: {
      const isBits = (code & 0xf0) === BPF_OR || (code & 0xf0) === BPF_AND
      return (code & BPF_X) === 0 && isBits ? `0x${pad(k, 8)}` : String(k)
    }
    case BPF_JMP:
      if ((code & 0xf0) === BPF_JA) return decimal(line + 1 + k)
      return `${String(k).padEnd(4)} true:${decimal(line + 1 + jt)} false:${decimal(line + 1 + jf)}`
    case BPF_RET:
      return code === (BPF_RET | BPF_A) ? '$acc' : listedAction(k)
    default:
      return ''
  }
}

function listedLoad(code: number, k: number): string {
  switch (code & 0xe0) {
    case BPF_ABS:
      return `$data[${k}]`
    case BPF_MEM:
      return `$temp[${k}]`
    case BPF_LEN:
      return 'len($data)'
    default:
      return String(k)
  }
}

/** KILL_THREAD is plain KILL there, USER_NOTIF has no name, and errno and trace have their number even if it is 0. */
function listedAction(k: number): string {
  const data = k & SECCOMP_RET_DATA
  switch ((k & SECCOMP_RET_ACTION_FULL) >>> 0) {
    case SECCOMP_RET_KILL_PROCESS:
      return 'KILL_PROCESS'
    case SECCOMP_RET_KILL_THREAD:
      return 'KILL'
    case SECCOMP_RET_TRAP:
      return 'TRAP'
    case SECCOMP_RET_ERRNO:
      return `ERRNO(${data})`
    case SECCOMP_RET_TRACE:
      return `TRACE(${data})`
    case SECCOMP_RET_LOG:
      return 'LOG'
    case SECCOMP_RET_ALLOW:
      return 'ALLOW'
    default:
      return `0x${pad(k, 8)}`
  }
}
