import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as wait from '../../src/abi/wait.js'

const kinds = (status: number): boolean[] => [
  wait.WIFEXITED(status),
  wait.WIFSIGNALED(status),
  wait.WIFSTOPPED(status),
  wait.WIFCONTINUED(status),
]

describe('wait status', () => {
  it('keeps the low byte of an exit code', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (code) => {
        const status = wait.exitedStatus(code)
        expect(kinds(status)).toEqual([true, false, false, false])
        expect(wait.WEXITSTATUS(status)).toBe(code & 0xff)
      }),
    )
  })

  it('keeps the signal that ended a child and whether it dumped core', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.boolean(), (sig, core) => {
        const status = wait.signaledStatus(sig, core)
        expect(kinds(status)).toEqual([false, true, false, false])
        expect(wait.WTERMSIG(status)).toBe(sig)
        expect(wait.WCOREDUMP(status)).toBe(core)
      }),
    )
  })

  it('keeps the signal that stopped a child', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), (sig) => {
        const status = wait.stoppedStatus(sig)
        expect(kinds(status)).toEqual([false, false, true, false])
        expect(wait.WSTOPSIG(status)).toBe(sig)
      }),
    )
  })

  it('tells a continued child from all others', () => {
    expect(kinds(wait.CONTINUED_STATUS)).toEqual([false, false, false, true])
  })

  it.each([
    ['exit(0)', wait.exitedStatus(0), 0x0000],
    ['exit(3)', wait.exitedStatus(3), 0x0300],
    ['exit(-1)', wait.exitedStatus(-1), 0xff00],
    ['SIGKILL', wait.signaledStatus(9), 0x0009],
    ['SIGSEGV with core', wait.signaledStatus(11, true), 0x008b],
    ['stopped by SIGTSTP', wait.stoppedStatus(20), 0x147f],
  ])('encodes %s as wait(2) reports it', (_what, status, expected) => {
    expect(status).toBe(expected)
  })
})
