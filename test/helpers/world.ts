/**
 * Builders for tests on a real kernel: processes, children, pipes, files, and the recount of the kernel's books.
 */
import {
  asFd,
  checkInvariants as brokenInvariants,
  createKernel,
  type Errno,
  errnoName,
  type Fd,
  isErr,
  type Kernel,
  type KernelCore,
  type KernelOptions,
  O_CREAT,
  O_WRONLY,
  type Process,
  type Program,
  type Sys,
  type Task,
  utf8Decode,
  utf8Encode,
} from 'paleokernel'
import { assertState } from '../../src/lib/graph.js'

/** The options of a kernel without modules. */
export type PlainOptions = Omit<KernelOptions<readonly []>, 'modules'>

/** A kernel without modules. 2.6.14 unless told otherwise. */
export const boot = (options: PlainOptions = {}): Kernel => createKernel({ profile: '2.6.14', ...options })

/** A generator program, as `k.spawn({ program })` takes it. */
export type Body = (sys: Sys, ...args: string[]) => Program

/** A call's value; an Errno fails the test. */
export function ok<T>(result: T): Exclude<T, Errno> {
  if (isErr(result)) throw new Error(`unexpected ${errnoName(result)}`)
  return result as Exclude<T, Errno>
}

/** A child by fork(2) that the test drives. */
export function forkOf(k: Kernel, parent: Process): Process {
  return handle(k, ok(parent.sys.fork()))
}

/** The handle of a process that exists. */
export function handle(k: Kernel, pid: number): Process {
  const process = k.process(pid)
  if (process === undefined) throw new Error(`there is no pid ${pid}`)
  return process
}

/** A pipe as two descriptors. */
export function pipeOf(p: Process): { readonly r: Fd; readonly w: Fd } {
  const [r, w] = ok(p.sys.pipe())
  return { r, w }
}

/** Makes a file with this text and mode; the umask does not count. */
export function writeFile(p: Process, path: string, text = '', mode = 0o644): void {
  const fd = ok(p.sys.open(path, O_CREAT | O_WRONLY, mode))
  if (text !== '') ok(p.sys.write(fd, utf8Encode(text)))
  ok(p.sys.fchmod(fd, mode))
  ok(p.sys.close(fd))
}

/** The whole text of a file. */
export function readFile(p: Process, path: string): string {
  const fd = ok(p.sys.open(path, 0))
  const text = readText(p, fd)
  ok(p.sys.close(fd))
  return text
}

/** What one read gives, as text. */
export function readText(p: Process, fd: number, size = 4096): string {
  const buf = new Uint8Array(size)
  return utf8Decode(buf, 0, ok(p.sys.read(asFd(fd), buf)))
}

/** Bytes of a text. */
export const bytes = (text: string): Uint8Array => utf8Encode(text)

/** The kernel's inside, for tests of it. */
export const coreOf = (k: Kernel): KernelCore => k as unknown as KernelCore

/** The task behind a handle. */
export const taskOf = (p: Process): Task => p.current()

/** Recounts everything the kernel counts. Throws with all that disagrees. */
export function checkInvariants(k: Kernel): void {
  const problems = brokenInvariants(k)
  if (problems.length > 0) throw new Error(`the books do not balance:\n  ${problems.join('\n  ')}`)
}

/** The whole state is data that can be copied and digested: the slow, strict check. */
export function checkState(k: Kernel): void {
  assertState(coreOf(k).state, { wiring: new Set<object>([k]) })
}
