/** Random filters: most of them in order, some of them wrong in one place. All leave calls but getppid (110) alone. */
import { assembleBpf, type SockFilter } from 'paleokernel/seccomp'
import type { Dice } from '../fuzz/dice.js'

/** A filter, and arguments for the call that it looks at. */
export interface FilterCase {
  readonly filter: readonly SockFilter[]
  readonly args: readonly number[]
}

const PROLOGUE = assembleBpf('ld [0]\njeq #110, body\nret ALLOW\nbody: ld [16]')

/** The call fails with the low bits of the accumulator as its error. */
const SHOW_ACCUMULATOR = assembleBpf('and #0xfff\nor #0x50000\nret a')

const WORDS = [0, 1, 2, 3, 7, 31, 32, 64, 110, 255, 0x7fffffff, 0x80000000, 0xffffffff, 0xc000003e]
/** The instruction pointer, words 8 and 12, is not the same in the model. */
const OFFSETS = [0, 4, 16, 20, 24, 28, 32, 40, 44, 56, 60]
const ACTIONS = [
  0x7fff0000, 0x7fff0005, 0x7ffc0000, 0x7ff00001, 0x7fc00000, 0x50000, 0x50001, 0x50016, 0x51fff, 0x30007, 0,
]
const ARGS = [0, 1, 2, 3, 110, -1, -2, 2 ** 31, 2 ** 32, 2 ** 32 + 1, -(2 ** 40), 2 ** 52]
const ALU = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0xa0]
const JUMPS = [0x10, 0x20, 0x30, 0x40]

const plain = (code: number, k: number): SockFilter => ({ code, jt: 0, jf: 0, k: k >>> 0 })

const word = (dice: Dice): number => (dice.chance(60) ? dice.pick(WORDS) : dice.next())

/** One instruction with `left` others behind it. `stored` are the words of memory that surely hold something. */
function instruction(dice: Dice, left: number, stored: Set<number>): SockFilter {
  const register = dice.below(2)
  const source = dice.chance(50) ? 0 : 8
  switch (dice.below(9)) {
    case 0:
      return plain(0x20, dice.pick(OFFSETS))
    case 1:
      return plain(dice.pick([0x00, 0x01, 0x80, 0x81, 0x07, 0x87, 0x84]), word(dice))
    case 2: {
      const at = dice.below(16)
      stored.add(at)
      return plain(0x02 + register, at)
    }
    case 3:
      return stored.size === 0 ? plain(0x00, word(dice)) : plain(0x60 + register, dice.pick([...stored]))
    case 4:
    case 5: {
      const operation = dice.pick(ALU)
      const k = word(dice)
      return plain(0x04 | operation | source, operation === 0x30 && source === 0 && k === 0 ? 3 : k)
    }
    case 6:
      return plain(0x04 | dice.pick([0x60, 0x70]), dice.below(32))
    case 7:
      return plain(0x05, dice.below(Math.min(left, 3)))
    default: {
      const far = Math.min(left, 4)
      return {
        code: 0x05 | dice.pick(JUMPS) | source,
        jt: dice.below(far),
        jf: dice.below(far),
        k: word(dice),
      }
    }
  }
}

/** Something that the kernel refuses, or nearly. */
function spoil(dice: Dice, filter: SockFilter[]): void {
  const at = PROLOGUE.length + dice.below(filter.length - PROLOGUE.length)
  const wrong: readonly SockFilter[] = [
    plain(0x20, 64),
    plain(0x20, 17),
    plain(0x28, 0),
    plain(0x40, 0),
    plain(0x60, 15),
    plain(0x61, 16),
    plain(0x34, 0),
    plain(0x64, 32),
    plain(0x94, 3),
    plain(0x0e, 0),
    plain(0x0005, filter.length),
    { code: 0x15, jt: 200, jf: 0, k: 0 },
    plain(0xffff, 0),
    plain(0xb1, 0),
  ]
  if (dice.chance(15)) filter.pop()
  else if (dice.chance(5)) filter.length = 0
  else filter[at] = dice.pick(wrong)
}

export function randomFilter(dice: Dice): FilterCase {
  const stored = new Set<number>()
  const filter = [...PROLOGUE]
  const length = 1 + dice.below(14)
  for (let i = 0; i < length; i++) {
    const left = length - i
    const next = instruction(dice, left, stored)
    // Behind a jump nothing is sure: it may have passed over what was stored.
    if ((next.code & 7) === 5) stored.clear()
    filter.push(next)
  }
  if (dice.chance(60)) filter.push(...SHOW_ACCUMULATOR)
  else if (dice.chance(30)) filter.push(plain(0x16, 0))
  else filter.push(plain(0x06, dice.chance(90) ? dice.pick(ACTIONS) : dice.next()))
  if (dice.chance(20)) spoil(dice, filter)
  return { filter, args: Array.from({ length: 6 }, () => dice.pick(ARGS)) }
}
