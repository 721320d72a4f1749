/**
 * Running a filter over one system call. Linux: sk_run_filter (3.5), seccomp_bpf_load.
 *
 * The data are sixteen words, so that a load is an array access: word 0 the number, 1 the architecture, 2 and 3 the
 * instruction pointer, then low and high word of each argument.
 */

import {
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
  BPF_MEMWORDS,
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
  SECCOMP_DATA_SIZE,
  type SockFilter,
} from './bpf.js'

/** What `runBpf` returns for a program whose answer depends on a word from `known` on. */
export const DEPENDS = -1

/**
 * The word that a checked program returns, 0 to 2^32 - 1. Only the first `known` words of `data` may be looked at: a
 * program that wants more DEPENDS.
 */
export function runBpf(program: readonly SockFilter[], data: Uint32Array, known = data.length): number {
  let a = 0
  let x = 0
  let memory: Uint32Array | null = null
  for (let pc = 0; ; pc++) {
    const insn = program[pc]
    if (insn === undefined) return 0
    const { code, k } = insn
    switch (code) {
      case BPF_LD | BPF_ABS:
        if (k >>> 2 >= known) return DEPENDS
        a = data[k >>> 2] ?? 0
        break
      case BPF_JMP | BPF_JEQ | BPF_K:
        pc += a === k ? insn.jt : insn.jf
        break
      case BPF_RET | BPF_K:
        return k
      case BPF_JMP | BPF_JGE | BPF_K:
        pc += a >= k ? insn.jt : insn.jf
        break
      case BPF_JMP | BPF_JGT | BPF_K:
        pc += a > k ? insn.jt : insn.jf
        break
      case BPF_JMP | BPF_JSET | BPF_K:
        pc += (a & k) !== 0 ? insn.jt : insn.jf
        break
      case BPF_JMP | BPF_JEQ | BPF_X:
        pc += a === x ? insn.jt : insn.jf
        break
      case BPF_JMP | BPF_JGE | BPF_X:
        pc += a >= x ? insn.jt : insn.jf
        break
      case BPF_JMP | BPF_JGT | BPF_X:
        pc += a > x ? insn.jt : insn.jf
        break
      case BPF_JMP | BPF_JSET | BPF_X:
        pc += (a & x) !== 0 ? insn.jt : insn.jf
        break
      case BPF_JMP | BPF_JA:
        pc += k
        break
      case BPF_LD | BPF_LEN:
        a = SECCOMP_DATA_SIZE
        break
      case BPF_LDX | BPF_LEN:
        x = SECCOMP_DATA_SIZE
        break
      case BPF_LD | BPF_IMM:
        a = k
        break
      case BPF_LDX | BPF_IMM:
        x = k
        break
      case BPF_LD | BPF_MEM:
        a = memory?.[k] ?? 0
        break
      case BPF_LDX | BPF_MEM:
        x = memory?.[k] ?? 0
        break
      case BPF_ST:
        memory ??= new Uint32Array(BPF_MEMWORDS)
        memory[k] = a
        break
      case BPF_STX:
        memory ??= new Uint32Array(BPF_MEMWORDS)
        memory[k] = x
        break
      case BPF_MISC | BPF_TAX:
        x = a
        break
      case BPF_MISC | BPF_TXA:
        a = x
        break
      case BPF_ALU | BPF_NEG:
        a = -a >>> 0
        break
      default: {
        if ((code & 7) !== BPF_ALU) return a
        const operand = (code & BPF_X) === 0 ? k : x
        // A division by nothing ends the program with 0: kill.
        if ((code & 0xf0) === BPF_DIV && operand === 0) return 0
        a = alu(code & 0xf0, a, operand)
      }
    }
  }
}

/** Unsigned arithmetic of 32 bits; shifts by more than the width count modulo it, as the processor has it. */
function alu(operation: number, a: number, operand: number): number {
  switch (operation) {
    case BPF_ADD:
      return (a + operand) >>> 0
    case BPF_SUB:
      return (a - operand) >>> 0
    case BPF_MUL:
      return Math.imul(a, operand) >>> 0
    case BPF_DIV:
      return Math.floor(a / operand)
    case BPF_OR:
      return (a | operand) >>> 0
    case BPF_AND:
      return (a & operand) >>> 0
    case BPF_XOR:
      return (a ^ operand) >>> 0
    case BPF_LSH:
      return (a << operand) >>> 0
    case BPF_RSH:
      return a >>> operand
    default:
      return a
  }
}
