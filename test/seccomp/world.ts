/** Builders for tests of seccomp. */
import { createKernel, type Fd, isErr, type KernelOptions, O_RDWR, O_WRONLY } from 'paleokernel'
import { type SeccompOptions, seccomp } from 'paleokernel/seccomp'
import { bytes, ok } from '../helpers/world.js'

/** 2.6.14 with the module, unless told otherwise. */
export const world = (options: SeccompOptions = {}, more: Omit<KernelOptions, 'modules'> = {}) =>
  createKernel({ profile: '2.6.14', ...more, modules: [seccomp(options)] })

/** A kernel with the module. */
export type World = ReturnType<typeof world>
/** A process of it. */
export type Proc = ReturnType<World['spawn']>

export const modeFile = (pid: number): string => `/proc/${pid}/seccomp`

/** Writes into a task's file, as `writer`. What write(2) returned, or open(2) if that failed. */
export function writeMode(writer: Proc, pid: number, text = '1', path = modeFile(pid)): number {
  const fd = writer.sys.open(path, O_WRONLY)
  if (isErr(fd)) return fd
  const result = writer.sys.write(fd, bytes(text))
  writer.sys.close(fd)
  return result
}

/** A fork of `parent` that the parent has put into mode 1. */
export function confined(k: World, parent: Proc): Proc {
  const child = fork(k, parent)
  ok(writeMode(parent, child.pid))
  return child
}

export function fork(k: World, parent: Proc): Proc {
  const child = k.process(ok(parent.sys.fork()))
  if (child === undefined) throw new Error('the child is gone')
  return child
}

/** What read(2) gives of a task's file. */
export function readMode(reader: Proc, pid: number): string {
  const fd: Fd = ok(reader.sys.open(modeFile(pid), O_RDWR))
  const buf = new Uint8Array(8)
  const count = ok(reader.sys.read(fd, buf))
  ok(reader.sys.close(fd))
  return new TextDecoder().decode(buf.subarray(0, count))
}
