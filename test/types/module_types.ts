/**
 * What the compiler makes of a list of modules, apart from createKernel.
 */

import { expectTypeOf } from 'vitest'
import { type AnyModule, defineModule } from '../../src/kernel/module.js'
import type { Task } from '../../src/kernel/task.js'
import type { CoreSys } from '../../src/programs/core_sys.js'
import type {
  ApiOf,
  Checked,
  MissingFrom,
  ModuleApis,
  NameOf,
  RequiresOf,
} from '../../src/programs/module_types.js'
import type { BoundSyscalls, ModuleSys } from '../../src/programs/sys_types.js'
import type * as fakes from './fakes.js'

type Net = ReturnType<typeof fakes.net>
type Mac = ReturnType<typeof fakes.mac>
type Connector = ReturnType<typeof fakes.connector>
type Cluster = ReturnType<typeof fakes.cluster>
type Log = ReturnType<typeof fakes.log>
type Spawn = ReturnType<typeof fakes.spawn>
type Opener = ReturnType<typeof fakes.opener>

// ---- one module -------------------------------------------------------------------------------------------------

expectTypeOf<NameOf<Mac>>().toEqualTypeOf<'mac'>()
expectTypeOf<ApiOf<Mac>>().toEqualTypeOf<{ labelOf: (task: Task) => string }>()
expectTypeOf<ApiOf<Cluster>>().toEqualTypeOf<undefined>()
expectTypeOf<RequiresOf<Mac>>().toEqualTypeOf<never>()
expectTypeOf<RequiresOf<Cluster>>().toEqualTypeOf<'net' | 'connector'>()
expectTypeOf<RequiresOf<Log>>().toEqualTypeOf<never>()
expectTypeOf<NameOf<AnyModule>>().toEqualTypeOf<string>()

for (const module of [] as (Net | Mac | Connector | Cluster | Log)[]) {
  expectTypeOf(module).toExtend<AnyModule>()
}

// ---- the task argument of a contributed call is bound ----------------------------------------------------------

type MacCalls = {
  readonly mac_setlabel: (label: string) => number
  readonly mac_getlabel: (pid?: number) => string
  readonly mac_version: () => number
}
expectTypeOf<ModuleSys<Mac>>().toEqualTypeOf<MacCalls>()
expectTypeOf<ModuleSys<Net>>().toEqualTypeOf<unknown>()
expectTypeOf<ModuleSys<AnyModule>>().toEqualTypeOf<unknown>()
expectTypeOf<ModuleSys<Log>>().toEqualTypeOf<{ readonly log_read: (buf: Uint8Array) => number }>()

expectTypeOf<BoundSyscalls<readonly []>>().toEqualTypeOf<unknown>()
expectTypeOf<BoundSyscalls<readonly [Net]>>().toEqualTypeOf<unknown>()
expectTypeOf<BoundSyscalls<readonly [Net, Mac]>>().toEqualTypeOf<MacCalls>()
expectTypeOf<BoundSyscalls<readonly [Net, Mac, Connector, Log]>>().toEqualTypeOf<
  MacCalls & {
    readonly cn_ack: (seq: number) => number
    readonly log_read: (buf: Uint8Array) => number
  } extends infer All
    ? { [N in keyof All]: All[N] }
    : never
>()
expectTypeOf<CoreSys & BoundSyscalls<readonly []>>().toEqualTypeOf<CoreSys>()
// A list that the compiler cannot see through adds nothing.
expectTypeOf<BoundSyscalls<readonly AnyModule[]>>().toEqualTypeOf<unknown>()
// One that was not written in place is still typed.
expectTypeOf<BoundSyscalls<(Net | Mac)[]>>().toEqualTypeOf<MacCalls>()

// ---- APIs by name -----------------------------------------------------------------------------------------------

expectTypeOf<ModuleApis<readonly [Net, Log]>>().toEqualTypeOf<{
  readonly net: ApiOf<Net>
  readonly log: ApiOf<Log>
}>()
expectTypeOf<keyof ModuleApis<readonly AnyModule[]>>().toEqualTypeOf<never>()

// ---- lists that cannot work -------------------------------------------------------------------------------------

expectTypeOf<MissingFrom<readonly [Connector], Connector>>().toEqualTypeOf<'net'>()
expectTypeOf<MissingFrom<readonly [Connector, Net], Connector>>().toEqualTypeOf<never>()
expectTypeOf<MissingFrom<readonly [Cluster], Cluster>>().toEqualTypeOf<'net' | 'connector'>()

type Members = 'spawn' | 'fork'

expectTypeOf<Checked<readonly [], Members>>().toEqualTypeOf<readonly []>()
expectTypeOf<Checked<readonly [Net, Mac], Members>>().toEqualTypeOf<readonly [Net, Mac]>()
// The order is the kernel's business.
expectTypeOf<Checked<readonly [Connector, Net]>>().toEqualTypeOf<readonly [Connector, Net]>()
expectTypeOf<Checked<readonly [Mac, Connector]>>().toEqualTypeOf<
  readonly [Mac, "module 'connector' requires module 'net'"]
>()
expectTypeOf<Checked<readonly [Cluster]>>().toEqualTypeOf<
  readonly ["module 'cluster' requires module 'net'" | "module 'cluster' requires module 'connector'"]
>()
expectTypeOf<Checked<readonly [Spawn], Members>>().toEqualTypeOf<
  readonly ["'spawn' is the name of a kernel member"]
>()
expectTypeOf<Checked<readonly [Mac, Net, Mac]>>().toEqualTypeOf<
  readonly [
    "module 'mac' is given twice: pass each module once",
    Net,
    "module 'mac' is given twice: pass each module once",
  ]
>()
expectTypeOf<Checked<readonly [Opener]>>().toEqualTypeOf<
  readonly ["module 'opener' contributes 'open', which is a system call of the core"]
>()
expectTypeOf<Checked<AnyModule[], Members>>().toEqualTypeOf<AnyModule[]>()

// ---- defining a module ------------------------------------------------------------------------------------------

defineModule({
  name: 'counter',
  init: () => ({ count: 0 }),
  attach(k, state) {
    expectTypeOf(k.now).toEqualTypeOf<number>()
    expectTypeOf(state).toEqualTypeOf<{ count: number }>()
    return { api: state.count }
  },
})
// @ts-expect-error: a call is a function
defineModule({ name: 'bad', init: () => null, attach: () => ({ api: 1, syscalls: { x: 5 } }) })
defineModule({
  name: 'bad',
  init: () => null,
  // @ts-expect-error: whose first argument is the task
  attach: () => ({ api: 1, syscalls: { x: (path: string) => path.length } }),
})
// @ts-expect-error: attach is missing
defineModule({ name: 'bad', init: () => null })
// @ts-expect-error: `api` is missing
defineModule({ name: 'bad', init: () => null, attach: () => ({ hooks: {} }) })
