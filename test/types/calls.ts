/**
 * The types of system calls: what `sys`, `libc` and `begin` take and give.
 */

import { expectTypeOf } from 'vitest'
import type { Fd, Gid, Pid, Uid } from '../../src/abi/brand.js'
import type { CapData } from '../../src/abi/capability.js'
import { type Errno, isErr, type Ret } from '../../src/abi/errno.js'
import type { Rlimit } from '../../src/abi/resource.js'
import type { Sigaction, SigInfo } from '../../src/abi/signal.js'
import type { Dirent, Stat, Statfs } from '../../src/abi/stat.js'
import type { WaitResult } from '../../src/abi/wait.js'
import type { CoreSys } from '../../src/programs/core_sys.js'
import type { Begin, BegunCall, DirectSys, Libc } from '../../src/programs/sys_types.js'

declare const sys: DirectSys
declare const libc: Libc
declare const begin: Begin
declare const buf: Uint8Array

/** Inside the kernel a descriptor is branded. */
declare function useFd(fd: Fd): void

// ---- sys: a value or an error number ---------------------------------------------------------------------------

expectTypeOf<DirectSys<CoreSys>>().toEqualTypeOf<CoreSys>()

expectTypeOf(sys.open('/etc/motd', 0)).toEqualTypeOf<Ret<Fd>>()
expectTypeOf(sys.open('/etc/motd', 0, 0o644)).toEqualTypeOf<Fd | Errno>()
expectTypeOf(sys.creat('/f', 0o600)).toEqualTypeOf<Ret<Fd>>()
expectTypeOf(sys.read(0, buf)).toEqualTypeOf<number>()
expectTypeOf(sys.close(0)).toEqualTypeOf<number>()
expectTypeOf(sys.pipe()).toEqualTypeOf<Ret<readonly [Fd, Fd]>>()
expectTypeOf(sys.stat('/')).toEqualTypeOf<Ret<Stat>>()
expectTypeOf(sys.statfs('/')).toEqualTypeOf<Ret<Statfs>>()
expectTypeOf(sys.getdents(3)).toEqualTypeOf<Ret<Dirent[]>>()
expectTypeOf(sys.readlink('/l')).toEqualTypeOf<Ret<string>>()
expectTypeOf(sys.getcwd()).toEqualTypeOf<Ret<string>>()
expectTypeOf(sys.fork()).toEqualTypeOf<Ret<Pid>>()
expectTypeOf(sys.waitpid(-1)).toEqualTypeOf<Ret<WaitResult>>()
expectTypeOf(sys.wait4(-1, 1)).toEqualTypeOf<Ret<WaitResult>>()
expectTypeOf(sys.getpid()).toEqualTypeOf<Pid>()
expectTypeOf(sys.geteuid()).toEqualTypeOf<Uid>()
expectTypeOf(sys.getresgid()).toEqualTypeOf<Ret<readonly [Gid, Gid, Gid]>>()
expectTypeOf(sys.capget(0)).toEqualTypeOf<Ret<CapData>>()
expectTypeOf(sys.getrlimit(7)).toEqualTypeOf<Ret<Rlimit>>()
expectTypeOf(sys.sigaction(10, null)).toEqualTypeOf<Ret<Sigaction>>()
expectTypeOf(sys.sigprocmask(0, [10])).toEqualTypeOf<Ret<number[]>>()
expectTypeOf(sys.sigtimedwait([10], 5)).toEqualTypeOf<Ret<SigInfo>>()
expectTypeOf(sys.exit(0)).toEqualTypeOf<void>()

// ---- an error has to be looked at ------------------------------------------------------------------------------

const fd = sys.open('/etc/motd', 0)
// @ts-expect-error: it may be an error
useFd(fd)
if (isErr(fd)) {
  expectTypeOf(fd).toEqualTypeOf<Errno>()
  // @ts-expect-error: it is an error
  useFd(fd)
} else {
  expectTypeOf(fd).toEqualTypeOf<Fd>()
  useFd(fd)
}

// @ts-expect-error: it may be an error
sys.stat('/').size
// @ts-expect-error: it may be an error
const [readEnd] = sys.pipe()

const child = sys.fork()
if (child === 0) sys.exit(0)

// @ts-expect-error: a process id is not a descriptor
useFd(sys.getpid())
// @ts-expect-error: nor is any number
useFd(3)

// ---- arguments are plain numbers, of the right kind -------------------------------------------------------------

sys.close(sys.getpid())
sys.kill(-1, 15)
sys.fcntl(0, 7, { type: 1, whence: 0, start: 0, len: 0, pid: 0 })
sys.ioctl(0, 0x541b, { value: 0 })
sys.poll([{ fd: 0, events: 1, revents: 0 }], -1)
sys.select(4, [0, 3], null, null)
sys.utime('/f', null)
sys.exec('/bin/sh', ['sh', '-c', 'true'], { PATH: '/bin' })
sys.exec('/bin/sh', ['sh'], ['PATH=/bin'])
sys.sigaction(10, { handler: (sig, info) => [sig, info.pid], flags: 0, mask: [] })
sys.sigaction(10, { handler: 1, flags: 0, mask: [12] })

// @ts-expect-error: a path is a string
sys.open(3, 0)
// @ts-expect-error: flags are missing
sys.open('/etc/motd')
// @ts-expect-error: data are bytes
sys.write(1, 'hello')
// @ts-expect-error: 2 is neither SIG_DFL nor SIG_IGN
sys.sigaction(10, { handler: 2, flags: 0, mask: [] })
// @ts-expect-error: no such call
sys.opne('/etc/motd', 0)
// @ts-expect-error: sockets come with the module `net`
sys.socket(2, 1, 0)

// ---- libc: throws, so only the value is left --------------------------------------------------------------------

expectTypeOf(libc.open('/etc/motd', 0)).toEqualTypeOf<Fd>()
expectTypeOf(libc.read(0, buf)).toEqualTypeOf<number>()
expectTypeOf(libc.pipe()).toEqualTypeOf<readonly [Fd, Fd]>()
expectTypeOf(libc.stat('/')).toEqualTypeOf<Stat>()
expectTypeOf(libc.fork()).toEqualTypeOf<Pid>()
expectTypeOf(libc.getcwd()).toEqualTypeOf<string>()
expectTypeOf(libc.waitpid(-1).status).toEqualTypeOf<number>()
expectTypeOf(libc.prctl(16)).toEqualTypeOf<number | string>()
expectTypeOf(libc.exit(0)).toEqualTypeOf<void>()
expectTypeOf(libc.open).parameters.toEqualTypeOf<[path: string, flags: number, mode?: number]>()
useFd(libc.dup(0))
libc.close(libc.creat('/etc/secret', 0o600))

// @ts-expect-error: a path is a string
libc.open(3, 0)

// ---- begin: starts and does not wait ----------------------------------------------------------------------------

expectTypeOf(begin.read(0, buf)).toEqualTypeOf<BegunCall<number>>()
expectTypeOf(begin.open('/fifo', 0).result).toEqualTypeOf<Fd | Errno | undefined>()
expectTypeOf(begin.waitpid(-1).blocked).toEqualTypeOf<boolean>()
expectTypeOf(begin.pause).parameters.toEqualTypeOf<[]>()

// @ts-expect-error: whether it is over is the kernel's to say
begin.read(0, buf).blocked = false

// ---- surfaces are covariant: more calls will do where fewer are wanted -----------------------------------------

interface More extends CoreSys {
  mac_setlabel(label: string): number
}
expectTypeOf<Libc<More>>().toExtend<Libc>()
expectTypeOf<Begin<More>>().toExtend<Begin>()
expectTypeOf<Libc>().not.toExtend<Libc<More>>()
