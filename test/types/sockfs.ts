/** The types of the module sockfs: its API and its options. */
import { expectTypeOf } from 'vitest'
import { createKernel } from '../../src/index.js'
import { net } from '../../src/net/index.js'
import { type PortEntry, type SockfsOptions, sockfs, type UnmountMode } from '../../src/sockfs/index.js'

const k = createKernel({ modules: [net(), sockfs({ unmountMode: 'preserve', protectedMax: 1023 })] })
expectTypeOf(k.sockfs.entry(80)).toEqualTypeOf<PortEntry | undefined>()
expectTypeOf(k.sockfs.insmod('alloc_now=1')).toEqualTypeOf<number>()
expectTypeOf(k.sockfs.type).toEqualTypeOf<string>()
expectTypeOf(k.spawn().sys.init_module('sockfs')).toEqualTypeOf<number>()
expectTypeOf<SockfsOptions['unmountMode']>().toEqualTypeOf<UnmountMode | undefined>()

// @ts-expect-error: there is no such option
sockfs({ mode: 'preserve' })
// @ts-expect-error: ports have entries up to 1024, and 1023 are protected by the stock kernel
sockfs({ protectedMax: 80 })
// @ts-expect-error: module 'sockfs' requires module 'net'
createKernel({ modules: [sockfs()] })
// @ts-expect-error: an entry is looked at, not changed: that is what chown and chmod are for
k.sockfs.entry(80).mode = 0o777
