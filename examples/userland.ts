/**
 * Four small programs: a shell that reads command lines, `cat`, `wc` and `sleep`.
 *
 * They are generator functions. Each `yield*` is one system call: the kernel answers it, now or later, and the
 * program goes on with the answer. Everything a program knows it knows from such answers.
 */
import {
  errnoMessage,
  isErr,
  O_RDONLY,
  type Program,
  SIGTERM,
  type Sys,
  type SyscallRequest,
  utf8Decode,
  utf8Encode,
} from 'paleokernel'

/** A piece of a program: it makes system calls and returns a value. */
type Part<T> = Generator<SyscallRequest, T, unknown>

const STDIN = 0
const STDOUT = 1
const STDERR = 2

/** Copies a file, or its standard input, to its standard output. */
export function* cat(sys: Sys, path?: string): Program {
  const fd = path === undefined ? STDIN : yield* sys.open(path, O_RDONLY)
  if (isErr(fd)) {
    yield* sys.write(STDERR, utf8Encode(`cat: ${path}: ${errnoMessage(fd)}\n`))
    return 1
  }
  const buf = new Uint8Array(4096)
  for (;;) {
    const count = yield* sys.read(fd, buf)
    if (count <= 0) return 0
    yield* sys.write(STDOUT, buf.subarray(0, count))
  }
}

/** Counts the lines, words and bytes of its standard input. */
export function* wc(sys: Sys): Program {
  const buf = new Uint8Array(4096)
  let text = ''
  for (;;) {
    const count = yield* sys.read(STDIN, buf)
    if (count <= 0) break
    text += utf8Decode(buf.subarray(0, count))
  }
  const words = text.split(/\s+/).filter((word) => word !== '')
  yield* sys.write(STDOUT, utf8Encode(`${text.split('\n').length - 1} ${words.length} ${text.length}\n`))
}

/** Sleeps for so many seconds of virtual time. */
export function* sleep(sys: Sys, seconds = '1'): Program {
  yield* sys.nanosleep(Number(seconds) * 1000)
}

/** A shell: pipelines, `&` for the background, and `kill %1` for what was put there last. */
export function* sh(sys: Sys): Program {
  const buf = new Uint8Array(256)
  const jobs: number[] = []
  for (;;) {
    const count = yield* sys.read(STDIN, buf)
    if (count <= 0) return 0
    const line = utf8Decode(buf.subarray(0, count)).trim()
    if (line.startsWith('kill')) yield* killJob(sys, jobs.pop() ?? 0)
    else if (line.endsWith('&')) jobs.push(...(yield* startPipeline(sys, line.slice(0, -1))))
    else for (const pid of yield* startPipeline(sys, line)) yield* sys.waitpid(pid)
  }
}

function* killJob(sys: Sys, pid: number): Part<void> {
  yield* sys.kill(pid, SIGTERM)
  yield* sys.waitpid(pid)
}

/** Starts `a | b | c`; the result is their pids. */
function* startPipeline(sys: Sys, line: string): Part<number[]> {
  const commands = line.split('|').map((command) => command.trim().split(' '))
  const pids: number[] = []
  let input = STDIN
  for (const [at, argv] of commands.entries()) {
    const isLast = at === commands.length - 1
    const ends = isLast ? [STDIN, STDOUT] : yield* sys.pipe()
    if (isErr(ends)) break
    const [readEnd = STDIN, output = STDOUT] = ends
    const pid = yield* sys.fork()
    if (pid === 0) {
      if (!isLast) yield* sys.close(readEnd)
      yield* become(sys, argv, input, output)
    }
    if (pid > 0) pids.push(pid)
    if (input !== STDIN) yield* sys.close(input)
    if (output !== STDOUT) yield* sys.close(output)
    input = readEnd
  }
  return pids
}

/** In the child: puts the pipe's ends where the program expects them, and turns into the program. */
function* become(sys: Sys, argv: readonly string[], input: number, output: number): Part<never> {
  yield* move(sys, input, STDIN)
  yield* move(sys, output, STDOUT)
  yield* sys.execve(`/bin/${argv[0]}`, argv, sys.env)
  return yield* sys.exit(127)
}

function* move(sys: Sys, fd: number, to: number): Part<void> {
  if (fd === to) return
  yield* sys.dup2(fd, to)
  yield* sys.close(fd)
}
