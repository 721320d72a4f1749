/**
 * The same cases on the host's kernel and in the model: wait statuses of confined children, and what random filters do.
 * Needs x86-64 Linux and a C compiler; skipped elsewhere, with a message.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EBADF, EINTR, EPIPE, isErr, SIG_IGN, SIGPIPE, SIGUSR1, type Sys } from 'paleokernel'
import { encodeBpf, type SockFilter } from 'paleokernel/seccomp'
import { afterAll, describe, expect, it } from 'vitest'
import { CLONE_FILES, CLONE_FS, CLONE_SIGHAND, CLONE_THREAD, CLONE_VM } from '../../src/abi/clone.js'
import { Dice } from '../fuzz/dice.js'
import { bytes, handle, ok, pipeOf } from '../helpers/world.js'
import { randomFilter } from './random_filter.js'
import { type Proc, type World, world } from './world.js'

const folder = mkdtempSync(join(tmpdir(), 'paleokernel-seccomp-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The compiled program; undefined, with the reason printed, where it cannot be made or the host has no seccomp. */
function compile(): string | undefined {
  const skip = (why: string): undefined => {
    console.warn(`test/seccomp/host.test.ts is skipped: ${why}`)
    return undefined
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') return skip('the host is not x86-64 Linux')
  const program = join(folder, 'host')
  const source = fileURLToPath(new URL('host.c', import.meta.url))
  const done = spawnSync('cc', ['-O1', '-w', '-o', program, source, '-lpthread'], { encoding: 'utf8' })
  if (done.error !== undefined) return skip('there is no C compiler')
  if (done.status !== 0) return skip(`the C compiler says ${done.stderr}`)
  const probe = spawnSync(program, ['strict', 'exit7'], { encoding: 'utf8' })
  return probe.stdout === 'exit7 1792\n' ? program : skip('the host refuses strict mode')
}

const program = compile()

/** A child in mode 1 with a pipe to it and one from it. */
interface Cell {
  readonly k: World
  readonly root: Proc
  readonly child: Proc
  readonly to: { readonly r: number; readonly w: number }
  readonly from: { readonly r: number; readonly w: number }
}

/** Makes the child, lets `before` prepare it, and confines it as the host does. */
function cell(before: (cell: Cell) => void = () => {}): Cell {
  const k = world({ interface: 'prctl', arch: 'x86_64' })
  const root = k.spawn()
  const to = pipeOf(root)
  const from = pipeOf(root)
  const child = handle(k as never, ok(root.sys.fork())) as unknown as Proc
  const made = { k, root, child, to, from }
  ok(child.sys.close(to.w))
  before(made)
  ok(child.sys.prctl(22, 1))
  return made
}

const status = ({ root, child }: Cell): number => ok(root.sys.waitpid(child.pid)).status

const buf = new Uint8Array(8)

/** Each case as the model plays it: the child's wait status. */
const STRICT: Readonly<Record<string, () => number>> = {
  read: () => {
    const it = cell()
    ok(it.root.sys.write(it.to.w, bytes('x')))
    it.child.sys.exit(it.child.sys.read(it.to.r, buf) === 1 ? 11 : 12)
    return status(it)
  },
  write: () => {
    const it = cell()
    it.child.sys.exit(it.child.sys.write(it.from.w, bytes('ab')))
    return status(it)
  },
  badread: () => {
    const it = cell()
    it.child.sys.exit(it.child.sys.read(77, buf) === EBADF ? 13 : 12)
    return status(it)
  },
  exit7: () => {
    const it = cell()
    it.child.sys.exit(7)
    return status(it)
  },
  exit_group: () => {
    const it = cell()
    it.child.sys.exit_group(3)
    return status(it)
  },
  prctl: () => {
    const it = cell()
    it.child.sys.prctl(21)
    return status(it)
  },
  return: () => {
    const k = world({ interface: 'prctl', arch: 'x86_64' })
    const child = k.spawn({
      program: function* (sys) {
        yield* sys.prctl(22, 1)
        return 0
      },
    })
    k.run()
    return child.exitStatus ?? -1
  },
  thread: () => {
    const k = world({ interface: 'prctl', arch: 'x86_64' })
    const child = k.spawn({
      program: function* (sys) {
        yield* sys.clone(
          CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
          function* (own: Sys) {
            yield* own.prctl(22, 1)
            yield* own.getpid()
          },
        )
        yield* sys.nanosleep(100)
        yield* sys.exit_group(4)
      },
    })
    k.run()
    return child.exitStatus ?? -1
  },
  handler: () => {
    const it = cell(({ child }) => {
      ok(child.sys.sigaction(SIGUSR1, { handler: () => {}, flags: 0, mask: [] }))
    })
    const first = it.child.begin.read(it.to.r, buf)
    ok(it.root.sys.kill(it.child.pid, SIGUSR1))
    if (first.result === EINTR) it.child.begin.read(it.to.r, buf)
    ok(it.root.sys.write(it.to.w, bytes('x')))
    it.child.sys.exit(15)
    return status(it)
  },
  sigpipe: () => broken(false),
  epipe: () => broken(true),
  alarm: () => {
    const it = cell(({ child }) => {
      child.sys.alarm(1)
    })
    it.child.begin.read(it.to.r, buf)
    it.k.advance(1000)
    return status(it)
  },
  ...Object.fromEntries(
    [9, 10, 11, 15, 24].map((signal) => [
      `kill${signal}`,
      () => {
        const it = cell(({ child }) => {
          ok(child.sys.setrlimit(4, { cur: 0, max: 0 }))
        })
        ok(it.root.sys.kill(it.child.pid, signal))
        return status(it)
      },
    ]),
  ),
  // getpid gettimeofday brk mmap close fork execve ptrace rt_sigaction sigaltstack open exit_group seccomp, no calls
  ...Object.fromEntries(
    [39, 96, 12, 9, 3, 57, 59, 101, 13, 131, 2, 231, 317, 400, 999, -1, 119, 173, 252].map((nr) => [
      `nr${nr}`,
      () => {
        const it = cell()
        it.child.sys.syscall(nr, 0, 0, 0, 0, 0, 0)
        return status(it)
      },
    ]),
  ),
}

/** Writing into a pipe whose reader is gone. */
function broken(ignored: boolean): number {
  const it = cell(({ child, root, from }) => {
    ok(child.sys.close(from.r))
    if (ignored) ok(child.sys.sigaction(SIGPIPE, { handler: SIG_IGN, flags: 0, mask: [] }))
    ok(root.sys.close(from.r))
  })
  const result = it.child.sys.write(it.from.w, bytes('x'))
  if (it.child.state !== 'zombie') it.child.sys.exit(result === EPIPE ? 14 : 12)
  return status(it)
}

describe.skipIf(program === undefined)('mode 1 on the host', () => {
  it('gives every child the wait status that the model gives it', () => {
    const names = Object.keys(STRICT)
    const done = spawnSync(program ?? '', ['strict', ...names], { encoding: 'utf8' })
    const host = Object.fromEntries(
      done.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')),
    )
    const model = Object.fromEntries(names.map((name) => [name, String(STRICT[name]?.())]))
    expect(model).toEqual(host)
    expect(names.length).toBeGreaterThan(35)
  })
})

/** What the host prints for a filter, from the model. */
function modelFilter(filter: readonly SockFilter[], args: readonly number[]): string {
  const k = world({ filters: true, arch: 'x86_64' })
  const root = k.spawn()
  const child = handle(k as never, ok(root.sys.fork())) as unknown as Proc
  ok(child.sys.setrlimit(4, { cur: 0, max: 0 }))
  ok(child.sys.prctl(38, 1))
  const install = child.sys.prctl(22, 2, filter)
  let result = 8888888
  if (isErr(install)) child.sys.exit(1)
  else {
    const answer = child.sys.syscall(110, ...args)
    if (child.state !== 'zombie') {
      result = answer === root.pid ? 7777777 : Number(answer)
      child.sys.exit_group(0)
    }
  }
  return `${Math.abs(Number(install))} ${isErr(install) ? 8888888 : result} ${ok(root.sys.waitpid(child.pid)).status}`
}

/** A program and its arguments as the host reads them. */
function packed(filter: readonly SockFilter[], args: readonly number[]): Uint8Array {
  const head = new DataView(new ArrayBuffer(50))
  head.setUint16(0, filter.length, true)
  for (const [at, arg] of args.entries()) head.setBigInt64(2 + at * 8, BigInt(arg), true)
  return Buffer.concat([new Uint8Array(head.buffer), encodeBpf(filter)])
}

describe.skipIf(program === undefined)('mode 2 on the host', () => {
  it('takes and refuses the same random filters, and they do the same with a call', {
    timeout: 120_000,
  }, () => {
    const random = new Dice(20050714)
    const cases = Array.from({ length: 1500 }, () => randomFilter(random))
    const input = Buffer.concat(cases.map(({ filter, args }) => packed(filter, args)))
    const done = spawnSync(program ?? '', ['filters'], { input, maxBuffer: 1 << 26 })
    const host = done.stdout.toString().trim().split('\n')
    expect(host).toHaveLength(cases.length)
    const wrong = cases.flatMap(({ filter, args }, at) => {
      const model = modelFilter(filter, args)
      return model === host[at] ? [] : [{ filter, args, model, host: host[at] }]
    })
    expect(wrong.length, JSON.stringify(wrong[0])).toBe(0)
    expect(new Set(host).size).toBeGreaterThan(100)
  })
})
