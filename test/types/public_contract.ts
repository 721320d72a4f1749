/**
 * The public contract, as other projects write it: what `import … from 'paleokernel'` must and must not
 * accept.
 */

import {
  createKernel,
  DIRECT,
  defineModule,
  EACCES,
  type Errno,
  type Fd,
  isErr,
  type Kernel,
  machine,
  O_RDONLY,
  type Pid,
  type Process,
  type ProcessOf,
  type Program,
  type Ret,
  SIG_IGN,
  type Stat,
  type Sys,
  SyscallError,
  type SysOf,
  type Task,
} from 'paleokernel'
import type { NetModule } from 'paleokernel/net'
import { expectTypeOf } from 'vitest'
import * as fakes from './fakes.js'

declare const task: Task

// ---- without options -------------------------------------------------------------------------------------------

const plain = createKernel()
expectTypeOf(plain).toEqualTypeOf<Kernel>()
expectTypeOf(plain.spawn()).toEqualTypeOf<Process>()
expectTypeOf(plain.now).toEqualTypeOf<number>()
expectTypeOf(plain.digest()).toEqualTypeOf<string>()
plain.run()
plain.step()
plain.advance(10)
plain.describe()
plain.restore(plain.snapshot())
plain.trace.on('syscall:exit', () => {})
expectTypeOf(plain.fork()).toEqualTypeOf<Kernel>()
expectTypeOf(plain.process(1)).toEqualTypeOf<Process | undefined>()
createKernel({ profile: '2.6.14', seed: 7, rootfs: 'empty', pidMax: 300, backports: ['openat'] })
createKernel({ modules: [] })

// @ts-expect-error: no such option
createKernel({ sede: 7 })
// @ts-expect-error: no such profile
createKernel({ profile: '2.4.0' })
// @ts-expect-error: no module, no API
createKernel().mac
// @ts-expect-error: no module, no call
createKernel().spawn().sys.mac_setlabel('10:3')
// @ts-expect-error: a module is what a factory returns
createKernel({ modules: [fakes.mac] })
// @ts-expect-error: not by name
createKernel({ modules: ['mac'] })

// ---- a process that the host drives -----------------------------------------------------------------------------

const alice = plain.spawn({ uid: 1000, gid: 1000, groups: [100], comm: 'sh', cwd: '/', umask: 0o022 })
expectTypeOf(alice.pid).toExtend<number>()
expectTypeOf(alice.sys.open('/etc/motd', O_RDONLY)).toEqualTypeOf<Ret<Fd>>()
expectTypeOf(alice.libc.open('/etc/motd', O_RDONLY)).toEqualTypeOf<Fd>()
expectTypeOf(alice.libc.stat('/').size).toEqualTypeOf<number>()
expectTypeOf(alice.begin.stat('/').result).toEqualTypeOf<Stat | Errno | undefined>()
expectTypeOf(alice.begin.pause().blocked).toEqualTypeOf<boolean>()
alice.libc.close(alice.libc.creat('/tmp/x', 0o600))
if (alice.sys.open('/secret', O_RDONLY) === EACCES) alice.sys.kill(alice.pid, 9)

// @ts-expect-error: no such option
plain.spawn({ user: 1000 })
// @ts-expect-error: it may be an error
alice.sys.stat('/').size
// @ts-expect-error: the surface of a process is not for writing
alice.sys = plain.spawn().sys

try {
  alice.libc.unlink('/nothing')
} catch (error) {
  if (error instanceof SyscallError) {
    expectTypeOf(error.code).toEqualTypeOf<string>()
    expectTypeOf(error.errno).toEqualTypeOf<Errno>()
    expectTypeOf(error.syscall).toEqualTypeOf<string>()
    expectTypeOf(error.path).toEqualTypeOf<string | undefined>()
  }
}

// ---- programs ---------------------------------------------------------------------------------------------------

function* cat(sys: Sys, path: string): Program {
  const fd = yield* sys.open(path, O_RDONLY)
  expectTypeOf(fd).toEqualTypeOf<Fd | Errno>()
  if (isErr(fd)) return 1
  yield* sys.sigaction(13, { handler: SIG_IGN, flags: 0, mask: [] })
  return yield* sys.close(fd)
}
plain.spawn({ program: cat, argv: ['cat', '/etc/motd'] })
plain.spawn({
  program: function* (sys) {
    const pid = yield* sys.fork()
    expectTypeOf(pid).toEqualTypeOf<Ret<Pid>>()
    // @ts-expect-error: the module `mac` is not there
    yield* sys.mac_setlabel('10:3')
  },
})
createKernel({
  programs: {
    '/bin/cat': cat,
    '/bin/true': function* (sys) {
      expectTypeOf(yield* sys.getpid()).toEqualTypeOf<Pid>()
      return 0
    },
    '/bin/x': DIRECT,
  },
})
plain.install('/bin/count', machine({ name: 'count', init: () => ({ n: 0 }), step: (state) => state.n++ }))
// @ts-expect-error: a program yields requests
plain.spawn({ program: function* () { yield 'open' } }) // biome-ignore format: the error is on this line

// ---- modules ----------------------------------------------------------------------------------------------------

const k = createKernel({ modules: [fakes.connector(), fakes.mac(), fakes.net(), fakes.log()], seed: 7 })
expectTypeOf(k.mac.labelOf(task)).toEqualTypeOf<string>()
expectTypeOf(k.net.count()).toEqualTypeOf<number>()
expectTypeOf(k.log.lines()).toEqualTypeOf<readonly string[]>()
expectTypeOf(k.connector.listeners).toEqualTypeOf<number>()

const bob = k.spawn({ uid: 1001 })
expectTypeOf(bob.sys.mac_setlabel('10:3')).toEqualTypeOf<number>()
expectTypeOf(bob.sys.mac_getlabel()).toEqualTypeOf<string>()
expectTypeOf(bob.libc.cn_ack(1)).toEqualTypeOf<number>()
expectTypeOf(bob.begin.log_read(new Uint8Array(8)).result).toEqualTypeOf<number | undefined>()
expectTypeOf(bob.sys.open('/', O_RDONLY)).toEqualTypeOf<Ret<Fd>>()
expectTypeOf(k.process(2)?.sys.mac_version()).toEqualTypeOf<number | undefined>()
k.spawn({
  program: function* (sys) {
    expectTypeOf(yield* sys.mac_setlabel('10:3')).toEqualTypeOf<number>()
    expectTypeOf(yield* sys.open('/', O_RDONLY)).toEqualTypeOf<Ret<Fd>>()
  },
})
k.spawn({ program: cat, argv: ['cat', '/'], parent: bob })
k.install('/bin/label', function* (sys) {
  yield* sys.mac_setlabel('10:3')
})
createKernel({
  programs: {
    '/bin/label': function* (sys) {
      expectTypeOf(yield* sys.mac_setlabel('10:3')).toEqualTypeOf<number>()
    },
  },
  modules: [fakes.mac()],
})

// A copy has the same modules.
expectTypeOf(k.fork()).toEqualTypeOf(k)
expectTypeOf(k.fork().mac.labelOf(task)).toEqualTypeOf<string>()
k.fork().fork().spawn().sys.mac_setlabel('0')

// What is written for any kernel takes one with modules.
function count(kernel: Kernel): number {
  return kernel.spawn().sys.getpid()
}
count(plain)
count(k)
function label(process: Process): void {
  process.libc.chdir('/')
}
label(bob)

// @ts-expect-error: the task argument is bound
bob.sys.mac_setlabel(task, '10:3')
// @ts-expect-error: a label is a string
bob.sys.mac_setlabel(3)
// @ts-expect-error: no module has this name
k.seccomp
// @ts-expect-error: APIs are the modules' own to change
k.net = { count: () => 0 }

// ---- lists that cannot work: the compiler's error is a sentence -------------------------------------------------

// @ts-expect-error: module 'connector' requires module 'net'
createKernel({ modules: [fakes.connector()] })
// @ts-expect-error: module 'cluster' requires module 'connector'
createKernel({ modules: [fakes.net(), fakes.cluster()] })
// @ts-expect-error: 'spawn' is the name of a kernel member
createKernel({ modules: [fakes.spawn()] })
// @ts-expect-error: module 'mac' is given twice
createKernel({ modules: [fakes.mac(), fakes.net(), fakes.mac({ strict: true })] })
// @ts-expect-error: module 'opener' contributes 'open', which is a system call of the core
createKernel({ modules: [fakes.opener()] })
createKernel({
  modules: [
    // @ts-expect-error: module 'late' requires module 'net'
    defineModule({ name: 'late', requires: ['net'], init: () => null, attach: () => ({ api: 1 }) }),
  ],
})

// ---- lists that are not written in place ------------------------------------------------------------------------

const chosen = [fakes.net(), fakes.mac()]
expectTypeOf(createKernel({ modules: chosen }).mac.labelOf(task)).toEqualTypeOf<string>()
const options = { modules: [fakes.net(), fakes.connector()] as const, seed: 1 }
expectTypeOf(createKernel(options).spawn().sys.cn_ack(1)).toEqualTypeOf<number>()

// ---- functions with names over a kernel's own calls ---------------------------------------------------------------

declare const networked: Kernel<readonly [NetModule]>
function* talker(sys: SysOf<typeof networked>): Program {
  expectTypeOf(yield* sys.socket(2, 1, 0)).toEqualTypeOf<Ret<Fd>>()
  return 0
}
networked.spawn({ program: talker })
const close = (p: ProcessOf<typeof networked>): number => p.sys.shutdown(0, 1)
close(networked.spawn())
declare const described: { readonly k: typeof networked }
expectTypeOf<SysOf<typeof described>>().toEqualTypeOf<SysOf<typeof networked>>()
expectTypeOf<ProcessOf<number>>().toEqualTypeOf<never>()
