/**
 * The types of generator programs: what `yield*` gives, what a program may yield and return.
 */

import { expectTypeOf } from 'vitest'
import type { Fd, Pid } from '../../src/abi/brand.js'
import { type Errno, isErr, type Ret } from '../../src/abi/errno.js'
import { SIG_IGN, type Sigaction } from '../../src/abi/signal.js'
import type { Stat } from '../../src/abi/stat.js'
import type { WaitResult } from '../../src/abi/wait.js'
import type { SyscallRequest } from '../../src/kernel/program.js'
import type { CoreSys } from '../../src/programs/core_sys.js'
import type {
  Program,
  ProgramFunction,
  ProgramSys,
  Sys,
  SyscallIterable,
} from '../../src/programs/sys_types.js'

/** As `k.spawn({ program })` takes it. */
declare function spawn(options: { readonly program: ProgramFunction }): void
declare function useFd(fd: Fd): void

// ---- a program that is written by itself ------------------------------------------------------------------------

function* cat(sys: Sys, path: string): Program {
  const fd = yield* sys.open(path, 0)
  expectTypeOf(fd).toEqualTypeOf<Ret<Fd>>()
  // @ts-expect-error: it may be an error
  useFd(fd)
  if (isErr(fd)) return 1
  useFd(fd)
  const buf = new Uint8Array(512)
  for (;;) {
    const count = yield* sys.read(fd, buf)
    expectTypeOf(count).toEqualTypeOf<number>()
    if (count <= 0) break
    yield* sys.write(1, buf.subarray(0, count))
  }
  yield* sys.close(fd)
}
spawn({ program: cat })

function* shell(sys: Sys): Program {
  expectTypeOf(sys.argv).toEqualTypeOf<readonly string[]>()
  expectTypeOf(sys.env).toEqualTypeOf<readonly string[]>()
  const pid = yield* sys.fork()
  expectTypeOf(pid).toEqualTypeOf<Ret<Pid>>()
  if (pid === 0) {
    const failed = yield* sys.exec('/bin/ls', ['ls'], {})
    expectTypeOf(failed).toEqualTypeOf<Errno>()
    return yield* sys.exit(127)
  }
  const waited = yield* sys.waitpid(-1)
  expectTypeOf(waited).toEqualTypeOf<Ret<WaitResult>>()
  // A program may call another one.
  const status = yield* cat(sys, '/etc/motd')
  expectTypeOf(status).extract<number>().toEqualTypeOf<number>()
  return isErr(waited) ? 1 : waited.status
}
spawn({ program: shell })

// ---- a program that is written in place: `sys` has its type from there ------------------------------------------

spawn({
  *program(sys, path = '/') {
    expectTypeOf(path).toEqualTypeOf<string>()
    const stat = yield* sys.stat(path)
    expectTypeOf(stat).toEqualTypeOf<Ret<Stat>>()
    return isErr(stat) ? 1 : 0
  },
})
spawn({
  program: function* (sys) {
    yield* sys.pause()
  },
})
spawn({ program: function* () {} })

// @ts-expect-error: a program yields requests
spawn({ program: function* () { yield 5 } }) // biome-ignore format: the error is on this line
// @ts-expect-error: an exit status is a number
spawn({ program: function* () { return 'done' } }) // biome-ignore format: the error is on this line
// @ts-expect-error: not a generator
spawn({ program: () => 0 })

// ---- handlers ---------------------------------------------------------------------------------------------------

spawn({
  program: function* (sys) {
    const seen: number[] = []
    const old = yield* sys.sigaction(10, { handler: (sig) => seen.push(sig), flags: 0, mask: [] })
    expectTypeOf(old).toEqualTypeOf<Ret<Sigaction>>()
    yield* sys.sigaction(12, {
      handler: function* (sig, info) {
        expectTypeOf(sig).toEqualTypeOf<number>()
        expectTypeOf(info.pid).toEqualTypeOf<Pid | undefined>()
        const fd = yield* sys.open('/log', 1)
        expectTypeOf(fd).toEqualTypeOf<Ret<Fd>>()
      },
      flags: 0,
      mask: [],
    })
    yield* sys.sigaction(17, { handler: SIG_IGN, flags: 0, mask: [] })
    // @ts-expect-error: not a handler
    yield* sys.sigaction(17, { handler: 'ignore', flags: 0, mask: [] })
  },
})

// ---- clone ------------------------------------------------------------------------------------------------------

spawn({
  program: function* (sys) {
    const thread = yield* sys.clone(0x100, function* (inner) {
      expectTypeOf(inner).toEqualTypeOf<ProgramSys>()
      return (yield* inner.getpid()) % 256
    })
    expectTypeOf(thread).toEqualTypeOf<Ret<Pid>>()
    // @ts-expect-error: a function that is no program
    yield* sys.clone(0x100, () => 0)
  },
})

// ---- requests ---------------------------------------------------------------------------------------------------

expectTypeOf<ReturnType<Sys['open']>>().toEqualTypeOf<SyscallIterable<Ret<Fd>>>()
expectTypeOf<SyscallIterable<number>>().toExtend<SyscallRequest>()
expectTypeOf<ReturnType<Sys['exit']>>().toEqualTypeOf<SyscallIterable<never>>()
expectTypeOf<Sys['open']>().parameters.toEqualTypeOf<[path: string, flags: number, mode?: number]>()

// ---- modules' calls ---------------------------------------------------------------------------------------------

interface WithMac extends CoreSys {
  mac_setlabel(label: string): number
}
declare function spawnLabelled(options: { readonly program: ProgramFunction<WithMac> }): void

spawnLabelled({
  program: function* (sys) {
    expectTypeOf(yield* sys.mac_setlabel('10:3')).toEqualTypeOf<number>()
    yield* sys.clone(0, function* (inner) {
      yield* inner.mac_setlabel('10:4')
    })
  },
})
// A program that needs only the core's calls runs everywhere; one that needs more does not.
spawnLabelled({ program: cat })
function* relabel(sys: ProgramSys<WithMac>): Program {
  yield* sys.mac_setlabel('0')
}
// @ts-expect-error: mac_setlabel is missing
spawn({ program: relabel })
