/**
 * Classic BPF: the instructions, their encoding, and which programs the kernel takes as seccomp filters.
 *
 * A program is a list of records of 8 bytes, least significant byte first: code u16, jt u8, jf u8, k u32. It sees
 * `struct seccomp_data` (64 bytes: nr s32 at 0, arch u32 at 4, instruction pointer u64 at 8, six arguments u64 from 16
 * on), an accumulator, an index register and 16 words of scratch memory, and returns a word.
 *
 * Linux: include/linux/filter.h, bpf_check_classic (net/core/filter.c), seccomp_check_filter (kernel/seccomp.c), 3.5.
 */

import { EINVAL, type Errno, isErr, type Ret } from '../abi/errno.js'
import { readU16LE, readU32LE, writeU16LE, writeU32LE } from '../lib/bytes.js'

/** Instruction classes: the low three bits of a code. */
export const BPF_LD = 0x00
export const BPF_LDX = 0x01
export const BPF_ST = 0x02
export const BPF_STX = 0x03
export const BPF_ALU = 0x04
export const BPF_JMP = 0x05
export const BPF_RET = 0x06
export const BPF_MISC = 0x07

/** Sizes of loads. */
export const BPF_W = 0x00
/** Modes of loads. */
export const BPF_IMM = 0x00
export const BPF_ABS = 0x20
export const BPF_MEM = 0x60
export const BPF_LEN = 0x80

/** Operations of BPF_ALU. */
export const BPF_ADD = 0x00
export const BPF_SUB = 0x10
export const BPF_MUL = 0x20
export const BPF_DIV = 0x30
export const BPF_OR = 0x40
export const BPF_AND = 0x50
export const BPF_LSH = 0x60
export const BPF_RSH = 0x70
export const BPF_NEG = 0x80
export const BPF_XOR = 0xa0

/** Operations of BPF_JMP. */
export const BPF_JA = 0x00
export const BPF_JEQ = 0x10
export const BPF_JGT = 0x20
export const BPF_JGE = 0x30
export const BPF_JSET = 0x40

/** Where the second operand is: in the instruction, or in the index register. BPF_A: what BPF_RET returns. */
export const BPF_K = 0x00
export const BPF_X = 0x08
export const BPF_A = 0x10

/** Operations of BPF_MISC. */
export const BPF_TAX = 0x00
export const BPF_TXA = 0x80

/** The most instructions of a program. */
export const BPF_MAXINSNS = 4096
/** Words of scratch memory. */
export const BPF_MEMWORDS = 16
/** Bytes of struct seccomp_data. */
export const SECCOMP_DATA_SIZE = 64

/** One instruction. Linux: struct sock_filter. */
export interface SockFilter {
  /** Class, size, mode, operation: 16 bits. */
  readonly code: number
  /** Instructions to pass over where a condition holds: 8 bits. */
  readonly jt: number
  /** … and where it does not: 8 bits. */
  readonly jf: number
  /** The operand: an unsigned word. */
  readonly k: number
}

/** An instruction without jumps. */
export const BPF_STMT = (code: number, k: number): SockFilter => ({ code, jt: 0, jf: 0, k: k >>> 0 })

/** A conditional jump over `jt` or `jf` instructions. */
export const BPF_JUMP = (code: number, k: number, jt: number, jf: number): SockFilter => ({
  code,
  jt,
  jf,
  k: k >>> 0,
})

const RECORD = 8

/** A program as raw records, as programs exchange them. Throws a RangeError for a field that does not fit. */
export function encodeBpf(program: readonly SockFilter[]): Uint8Array {
  const bytes = new Uint8Array(program.length * RECORD)
  for (const [at, insn] of program.entries()) {
    if (!isInstruction(insn)) throw new RangeError(`instruction ${at} has a field out of its range`)
    writeU16LE(bytes, at * RECORD, insn.code)
    bytes[at * RECORD + 2] = insn.jt
    bytes[at * RECORD + 3] = insn.jf
    writeU32LE(bytes, at * RECORD + 4, insn.k)
  }
  return bytes
}

/** The program in raw records. A RangeError where the last one is cut off. */
export function decodeBpf(bytes: Uint8Array): SockFilter[] {
  if (bytes.length % RECORD !== 0)
    throw new RangeError(`${bytes.length} bytes are no whole number of instructions of ${RECORD} bytes`)
  const program: SockFilter[] = []
  for (let at = 0; at < bytes.length; at += RECORD) {
    program.push({
      code: readU16LE(bytes, at),
      jt: bytes[at + 2] ?? 0,
      jf: bytes[at + 3] ?? 0,
      k: readU32LE(bytes, at + 4),
    })
  }
  return program
}

const isUnsigned = (value: unknown, max: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max

/** Are these four numbers in their ranges? */
export function isInstruction(value: unknown): value is SockFilter {
  if (typeof value !== 'object' || value === null) return false
  const { code, jt, jf, k } = value as Partial<SockFilter>
  return isUnsigned(code, 0xffff) && isUnsigned(jt, 0xff) && isUnsigned(jf, 0xff) && isUnsigned(k, 0xffffffff)
}

const both = (code: number): readonly number[] => [code | BPF_K, code | BPF_X]

/** What a filter of system calls may contain. Linux: seccomp_check_filter. */
const ALLOWED_CODES: ReadonlySet<number> = new Set([
  BPF_LD | BPF_W | BPF_ABS,
  BPF_LD | BPF_W | BPF_LEN,
  BPF_LDX | BPF_W | BPF_LEN,
  BPF_LD | BPF_IMM,
  BPF_LDX | BPF_IMM,
  BPF_LD | BPF_MEM,
  BPF_LDX | BPF_MEM,
  BPF_ST,
  BPF_STX,
  BPF_RET | BPF_K,
  BPF_RET | BPF_A,
  BPF_MISC | BPF_TAX,
  BPF_MISC | BPF_TXA,
  BPF_ALU | BPF_NEG,
  BPF_JMP | BPF_JA,
  ...[BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND, BPF_OR, BPF_XOR, BPF_LSH, BPF_RSH].flatMap((op) =>
    both(BPF_ALU | op),
  ),
  ...[BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET].flatMap((op) => both(BPF_JMP | op)),
])

/** Is the instruction itself in order? `left` are the instructions behind it. */
function isWellFormed({ code, jt, jf, k }: SockFilter, left: number): boolean {
  if (!ALLOWED_CODES.has(code)) return false
  switch (code) {
    case BPF_LD | BPF_W | BPF_ABS:
      return k < SECCOMP_DATA_SIZE && (k & 3) === 0
    case BPF_ALU | BPF_DIV | BPF_K:
      return k !== 0
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K:
      return k < 32
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
      return k < BPF_MEMWORDS
    case BPF_JMP | BPF_JA:
      return k < left
    default:
      return (code & 7) !== BPF_JMP || (jt < left && jf < left)
  }
}

/** Is every word of scratch memory stored before it is loaded, on every path? Linux: check_load_and_stores. */
function loadsWhatIsStored(program: readonly SockFilter[]): boolean {
  const ALL = 0xffff
  const valid = new Array<number>(program.length).fill(ALL)
  let known = 0
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    known &= valid[at] ?? ALL
    const target = (over: number): void => {
      valid[at + 1 + over] = (valid[at + 1 + over] ?? ALL) & known
    }
    if (code === BPF_ST || code === BPF_STX) known |= 1 << k
    else if (code === (BPF_LD | BPF_MEM) || code === (BPF_LDX | BPF_MEM)) {
      if ((known & (1 << k)) === 0) return false
    } else if (code === (BPF_JMP | BPF_JA)) {
      target(k)
      known = ALL
    } else if ((code & 7) === BPF_JMP) {
      target(jt)
      target(jf)
      known = ALL
    }
  }
  return true
}

/** 0, or EINVAL for a program that the kernel does not take as a filter. */
export function checkFilter(program: readonly SockFilter[]): 0 | Errno {
  if (program.length === 0 || program.length > BPF_MAXINSNS) return EINVAL
  for (const [at, insn] of program.entries()) {
    if (!isWellFormed(insn, program.length - 1 - at)) return EINVAL
  }
  const last = program.at(-1)?.code
  if (last !== (BPF_RET | BPF_K) && last !== (BPF_RET | BPF_A)) return EINVAL
  return loadsWhatIsStored(program) ? 0 : EINVAL
}

/** The program that a system call was given: instructions or raw records; an Errno, EFAULT, for anything else. */
export function programFrom(value: unknown, fault: Errno): Ret<readonly SockFilter[]> {
  if (value instanceof Uint8Array) return value.length % RECORD === 0 ? decodeBpf(value) : fault
  if (!Array.isArray(value)) return fault
  for (const insn of value) if (!isInstruction(insn)) return fault
  return value.map(({ code, jt, jf, k }: SockFilter) => ({ code, jt, jf, k }))
}

/** 0, or what is wrong with it. */
export const isFilter = (program: readonly SockFilter[]): boolean => !isErr(checkFilter(program))
