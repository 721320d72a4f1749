/** The types of the module seccomp: its API, its calls, and the typed client. */
import { expectTypeOf } from 'vitest'
import type { Errno } from '../../src/abi/errno.js'
import { createKernel } from '../../src/index.js'
import {
  Broker,
  type Capability,
  DIRECTORY,
  FILE,
  type Link,
  type Steps,
  seccomp,
} from '../../src/seccomp/index.js'

const k = createKernel({ modules: [seccomp({ filters: true })] })
expectTypeOf(k.seccomp.mode(1)).toEqualTypeOf<number>()
const p = k.spawn()
expectTypeOf(p.sys.rdtsc()).toEqualTypeOf<number>()
expectTypeOf(p.sys.seccomp(0)).toEqualTypeOf<number>()
expectTypeOf(p.sys.syscall(20)).toEqualTypeOf<unknown>()

// @ts-expect-error: there is no such option
seccomp({ interfaces: 'proc' })
// @ts-expect-error: there is no such architecture
seccomp({ arch: 'vax' })
// @ts-expect-error: without the module there is no such call
createKernel().spawn().sys.rdtsc()

declare const link: Link
const file = link.capability(FILE, 1)
expectTypeOf(file).toEqualTypeOf<Capability<typeof FILE>>()
expectTypeOf(file.call('read', 0, 10)).toEqualTypeOf<Steps<Uint8Array | Errno>>()
expectTypeOf(file.call('write', 0, new Uint8Array(1))).toEqualTypeOf<Steps<number | Errno>>()
expectTypeOf(link.capability(DIRECTORY, 1).call('list')).toEqualTypeOf<Steps<string[] | Errno>>()
// @ts-expect-error: there is no such operation
file.call('erase')
// @ts-expect-error: an offset is a number
file.call('read', '0', 10)

k.spawn({
  program: function* (sys) {
    expectTypeOf(new Broker(sys)).toEqualTypeOf<Broker>()
    yield* sys.rdtsc()
  },
})
