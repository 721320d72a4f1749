/**
 * The types of `kernel.why`: a union told apart by `check`.
 */

import { expectTypeOf } from 'vitest'
import type { Errno } from '../../src/abi/errno.js'
import type { Kernel } from '../../src/programs/kernel_type.js'
import type { Process } from '../../src/programs/process.js'
import type { SecurityDenyEvent } from '../../src/sim/trace.js'
import type { DacClass, KillCause, Why } from '../../src/sim/why.js'

declare const k: Kernel
declare const p: Process
declare const event: SecurityDenyEvent

const why = k.why(p)
expectTypeOf(why).toEqualTypeOf<Why | undefined>()
expectTypeOf(event.why).toEqualTypeOf<Why>()
expectTypeOf<Why['sentence']>().toEqualTypeOf<string>()

// @ts-expect-error: perhaps nothing was refused
why.sentence

if (why !== undefined) {
  // @ts-expect-error: a kill has no errno
  why.errno
  // @ts-expect-error: only mode bits have a class
  why.class
}

if (why?.check === 'dac') {
  expectTypeOf(why.class).toEqualTypeOf<DacClass>()
  expectTypeOf(why.errno).toEqualTypeOf<Errno>()
  expectTypeOf(why.object.path).toEqualTypeOf<string | undefined>()
  // @ts-expect-error: that belongs to hooks
  why.module
}

if (why?.check === 'kill') expectTypeOf(why.cause).toEqualTypeOf<KillCause>()

// @ts-expect-error: there is no such check
if (why?.check === 'mood') throw why
