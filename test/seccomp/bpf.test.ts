/** BPF programs as text, as records and as the listing of libseccomp's scmp_bpf_disasm. Reference §1.11. */
import { readFileSync } from 'node:fs'
import { EINVAL } from 'paleokernel'
import {
  assembleBpf,
  BPF_JUMP,
  BPF_STMT,
  checkFilter,
  decodeBpf,
  disassembleBpf,
  encodeBpf,
  listBpf,
  runBpf,
} from 'paleokernel/seccomp'
import { describe, expect, it } from 'vitest'
import { Dice } from '../fuzz/dice.js'
import { randomFilter } from './random_filter.js'

const file = (name: string): string =>
  readFileSync(new URL(`../data/seccomp/${name}`, import.meta.url), 'utf8')
const every = assembleBpf(file('filter.bpf'))

describe('the listing', () => {
  it('is what scmp_bpf_disasm of libseccomp 2.5.4 printed for the same records', () => {
    expect(listBpf(every)).toBe(file('filter.listing'))
  })

  it('of a program holds every instruction that a filter may have', () => {
    expect(checkFilter(every)).toBe(0)
    expect(new Set(every.map(({ code }) => code)).size).toBeGreaterThan(35)
  })
})

describe('assembler and disassembler', () => {
  it('agree: what one makes of a program the other takes back', () => {
    expect(assembleBpf(disassembleBpf(every))).toEqual(every)
    const dice = new Dice(3)
    for (let n = 0; n < 500; n++) {
      const { filter } = randomFilter(dice)
      if (checkFilter(filter) === 0) {
        const again = assembleBpf(disassembleBpf(filter))
        expect(disassembleBpf(again)).toBe(disassembleBpf(filter))
        const data = Uint32Array.from({ length: 16 }, () => dice.pick([0, 1, 110, dice.next()]))
        expect(runBpf(again, data)).toBe(runBpf(filter, data))
      }
    }
  })

  it('records are 8 bytes, code jt jf k, and survive the way', () => {
    const program = [BPF_STMT(0x20, 4), BPF_JUMP(0x15, 0xc000003e, 1, 2)]
    expect([...encodeBpf(program)]).toEqual([0x20, 0, 0, 0, 4, 0, 0, 0, 0x15, 0, 1, 2, 0x3e, 0, 0, 0xc0])
    expect(decodeBpf(encodeBpf(every))).toEqual(every)
    expect(() => decodeBpf(new Uint8Array(9))).toThrow(RangeError)
    expect(() => encodeBpf([{ code: 6, jt: 256, jf: 0, k: 0 }])).toThrow('instruction 0')
  })

  it.each([
    ['bogus', "there is no instruction 'bogus'"],
    ['ld', 'one operand is wanted'],
    ['ld [x]', "'x' is no number"],
    ['ldx [0]', "'[0]' cannot be loaded"],
    ['st 3', 'M[n] is wanted'],
    ['add 3', '#n or x is wanted'],
    ['neg #1', 'no operand is wanted'],
    ['jeq #1', 'one or two labels'],
    ['jeq #1, gone', "no label 'gone'"],
    ['a: ret ALLOW\njmp a', "'a' is not ahead"],
    ['a: b: a: ret ALLOW', "'a' is there twice"],
    ['ret NOTHING', "no action 'NOTHING'"],
    ['ret ERRNO(65536)', 'does not fit into 16 bits'],
    ['ld #4294967296', 'no number of 32 bits'],
    [`jeq #1, far\n${'tax\n'.repeat(300)}far: ret a`, 'more than 255'],
  ])('%j is a SyntaxError that names the line', (source, message) => {
    expect(() => assembleBpf(source)).toThrow(SyntaxError)
    expect(() => assembleBpf(source)).toThrow(message)
    expect(() => assembleBpf(source)).toThrow(/^line \d+: /)
  })
})

describe('which programs are filters (bpf_check_classic, seccomp_check_filter)', () => {
  const ret = BPF_STMT(0x06, 0)
  it.each([
    ['nothing', []],
    ['no return at the end', [BPF_STMT(0x00, 1)]],
    ['a load behind the data', [BPF_STMT(0x20, 64), ret]],
    ['a load that is not aligned', [BPF_STMT(0x20, 2), ret]],
    ['a load of bytes', [BPF_STMT(0x30, 0), ret]],
    ['a load by index', [BPF_STMT(0x40, 0), ret]],
    ['memory beyond 16 words', [BPF_STMT(0x02, 16), ret]],
    ['memory that was never stored', [BPF_STMT(0x60, 3), ret]],
    ['memory stored on one path only', [BPF_JUMP(0x15, 0, 0, 1), BPF_STMT(0x02, 3), BPF_STMT(0x60, 3), ret]],
    ['a jump behind the end', [BPF_JUMP(0x15, 0, 1, 0), ret]],
    ['a jump over everything', [BPF_STMT(0x05, 1), ret]],
    ['a division by nothing', [BPF_STMT(0x34, 0), ret]],
    ['a shift by the width', [BPF_STMT(0x64, 32), ret]],
    ['the remainder', [BPF_STMT(0x94, 3), ret]],
    ['a code that there is not', [BPF_STMT(0xffff, 0), ret]],
  ])('%s is EINVAL', (_name, program) => {
    expect(checkFilter(program)).toBe(EINVAL)
  })
})

describe('running', () => {
  it('dividing by an index of 0 ends the program with 0', () => {
    expect(runBpf(assembleBpf('ldx #0\nld #8\ndiv x\nret ALLOW'), new Uint32Array(16))).toBe(0)
  })

  it('is unsigned arithmetic of 32 bits', () => {
    const result = (source: string): number => runBpf(assembleBpf(`${source}\nret a`), new Uint32Array(16))
    expect([
      result('ld #0\nsub #1'),
      result('ld #0xffffffff\nmul #0xffffffff'),
      result('ld #1\nneg'),
    ]).toEqual([0xffffffff, 1, 0xffffffff])
    expect([result('ld #0x80000000\ndiv #3'), result('ld #0x80000000\nrsh #31'), result('ld len')]).toEqual([
      0x2aaaaaaa, 1, 64,
    ])
  })
})
