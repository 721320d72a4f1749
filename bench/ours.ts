/**
 * The rows as this library plays them: system calls of a process that the host drives, or programs under `k.run()`.
 */

import {
  createKernel,
  isErr,
  type Kernel,
  O_APPEND,
  O_CREAT,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  type Process,
  type Program,
  type Sys,
} from 'paleokernel'
import { BLOCK, bytesOf, DEEP, fileNames, PAGE, SMALL_PAGES } from './fixtures.js'
import { type Case, reachableBytes, type Timed } from './measure.js'
import { netCases } from './net.js'
import type { Plan } from './plan.js'
import type { RowId } from './rows.js'

/** Makes the case of a row. */
export type Cases = Readonly<Partial<Record<RowId, () => Case>>>

type DirectCalls = Process['sys']

/** A kernel, and a process in it. */
export interface Stage {
  readonly k: Kernel
  readonly sys: DirectCalls
  readonly process: Process
}

/** A fresh kernel and a process of root's in it. */
export function boot(): Stage {
  const k = createKernel()
  const process = k.spawn({ comm: 'bench' })
  return { k, sys: process.sys, process }
}

/** A result that must not be an error. */
function fine<T>(result: T): T {
  if (isErr(result)) throw new Error(`unexpected error ${String(result)}`)
  return result
}

/** An empty file. */
export const touch = (sys: DirectCalls, path: string): number =>
  fine(sys.close(fine(sys.open(path, O_CREAT | O_EXCL | O_WRONLY, 0o644))))

/** A file of `size` bytes, all 7. */
export function fill(sys: DirectCalls, path: string, size: number): void {
  const block = bytesOf(Math.min(size, BLOCK))
  const fd = fine(sys.open(path, O_CREAT | O_TRUNC | O_WRONLY, 0o644))
  for (let at = 0; at < size; at += block.length) fine(sys.write(fd, block))
  fine(sys.close(fd))
}

const timed = (run: (count: number) => number, more: Partial<Omit<Timed, 'kind' | 'run'>> = {}): Timed => ({
  kind: 'timed',
  run,
  ...more,
})

/** From one path to the next, so that neighbours in memory do not help. */
export const STRIDE = 7919

/** stat of the given paths in turn. */
export function statCase(sys: DirectCalls, paths: readonly string[], size: number): Timed {
  const { length } = paths
  return timed((count) => {
    let right = 0
    for (let i = 0, at = 0; i < count; i++) {
      const stat = sys.stat(paths[at] as string)
      if (!isErr(stat) && stat.size === size) right++
      at += STRIDE
      if (at >= length) at %= length
    }
    return right
  })
}

/** Creates the files named. */
export function createCase(sys: DirectCalls, paths: readonly string[]): Timed {
  const create = (count: number): number => {
    let right = 0
    for (let i = 0; i < count; i++) {
      const fd = sys.open(paths[i] as string, O_CREAT | O_EXCL | O_WRONLY, 0o644)
      if (!isErr(fd) && sys.close(fd) === 0) right++
    }
    return right
  }
  return timed(create, { most: paths.length, after: (count) => void unlinkAll(sys, paths, count) })
}

function unlinkAll(sys: DirectCalls, paths: readonly string[], count: number): number {
  let right = 0
  for (let i = 0; i < count; i++) if (sys.unlink(paths[i] as string) === 0) right++
  return right
}

/** Removes the files named. */
export const unlinkCase = (sys: DirectCalls, paths: readonly string[]): Timed =>
  timed((count) => unlinkAll(sys, paths, count), {
    most: paths.length,
    before: (count) => {
      for (const path of paths.slice(0, count)) touch(sys, path)
    },
  })

/** Appends to a file that has `size` bytes, and cuts it again after a batch. */
export function appendCase(sys: DirectCalls, path: string, size: number, most: number): Timed {
  const data = bytesOf(256)
  const fd = fine(sys.open(path, O_WRONLY | O_APPEND))
  return timed(
    (count) => {
      let right = 0
      for (let i = 0; i < count; i++) if (sys.write(fd, data) === 256) right++
      return right
    },
    {
      most,
      after: () => void fine(sys.ftruncate(fd, size)),
      close: () => {
        sys.close(fd)
        sys.unlink(path)
      },
    },
  )
}

/** A task makes a child, the child ends, the task waits for it: by its number, or for any. */
export function spawnCase(k: Kernel, parent: Process, waitsForAny = false): Timed {
  const { sys } = parent
  return timed((count) => {
    let right = 0
    for (let i = 0; i < count; i++) {
      const child = k.spawn({ parent })
      child.sys.exit(3)
      const waited = sys.waitpid(waitsForAny ? -1 : child.pid, 0)
      if (!isErr(waited) && waited.status === 3 << 8) right++
    }
    return right
  })
}

/** Two programs that send a byte to and fro. An operation is one message. */
export function pingPongCase(k: Kernel, parent: Process): Timed {
  const { sys } = parent
  const [readA, writeA] = fine(sys.pipe()) as readonly [number, number]
  const [readB, writeB] = fine(sys.pipe()) as readonly [number, number]
  let trips = 0
  let met = 0
  const ping = function* (calls: Sys): Program {
    const byte = bytesOf(1)
    for (let i = 0; i < trips; i++) {
      if ((yield* calls.write(writeA, byte)) === 1 && (yield* calls.read(readB, byte)) === 1) met++
    }
  }
  const pong = function* (calls: Sys): Program {
    const byte = bytesOf(1)
    for (let i = 0; i < trips; i++) {
      if ((yield* calls.read(readA, byte)) === 1 && (yield* calls.write(writeB, byte)) === 1) met++
    }
  }
  return timed(
    () => {
      k.run({ maxSteps: Number.MAX_SAFE_INTEGER })
      return met
    },
    {
      before: (count) => {
        trips = count / 2
        met = 0
        k.spawn({ parent, program: ping })
        k.spawn({ parent, program: pong })
      },
      after: () => {
        fine(sys.waitpid(-1, 0))
        fine(sys.waitpid(-1, 0))
      },
    },
  )
}

/** A byte string to and fro through one pipe. */
function pipeCase(sys: DirectCalls, size: number): Timed {
  const [read, write] = fine(sys.pipe()) as readonly [number, number]
  const data = bytesOf(size)
  const buffer = new Uint8Array(size)
  return timed((count) => {
    let right = 0
    for (let i = 0; i < count; i++) {
      buffer[17] = 0
      if (sys.write(write, data) === size && sys.read(read, buffer) === size && buffer[17] === 7) right++
    }
    return right
  })
}

/** A kernel with files of 1 KiB, a hundred in a directory. */
export function kernelWithFiles(files: number): { readonly k: Kernel; readonly sys: DirectCalls } {
  const { k, sys } = boot()
  fine(sys.mkdir('/many', 0o755))
  for (const { directory, paths } of fileNames('/many', files)) {
    fine(sys.mkdir(directory, 0o755))
    for (const path of paths) fill(sys, path, 1024)
  }
  return { k, sys }
}

/** Copies a kernel, once per operation. */
export const forkCase = (k: Kernel): Timed =>
  timed((count) => {
    let right = 0
    for (let i = 0; i < count; i++) if (k.fork().process(1) !== undefined) right++
    return right
  })

/** Bytes of each of `tasks` children that a process forks. */
export function bytesPerTask(tasks: number): number {
  const k = createKernel({ pidMax: Math.min(tasks * 2 + 1000, 4 << 20) })
  const { sys } = k.spawn({ comm: 'bench' })
  fine(sys.fork())
  const before = reachableBytes()
  for (let i = 0; i < tasks; i++) fine(sys.fork())
  const bytes = (reachableBytes() - before) / tasks
  if (k.process(tasks) === undefined) throw new Error('the tasks are gone')
  return bytes
}

function bytesPerFile(files: number): number {
  const { sys } = boot()
  const before = reachableBytes()
  fine(sys.mkdir('/many', 0o755))
  for (const { directory, paths } of fileNames('/many', files)) {
    fine(sys.mkdir(directory, 0o755))
    for (const path of paths) touch(sys, path)
  }
  const bytes = (reachableBytes() - before) / files
  if (isErr(sys.stat('/many'))) throw new Error('the files are gone')
  return bytes
}

/** The rows of this library. Directories and files that rows share are made when the first of them needs them. */
export function ourCases(plan: Plan, { k, sys, process }: Stage = boot()): Cases {
  const once = new Map<string, unknown>()
  const made = <T>(name: string, make: () => T): T => {
    if (!once.has(name)) once.set(name, make())
    return once.get(name) as T
  }
  const deep = (stem: string): string[] => {
    made('deep', () => {
      for (const path of ['/a', '/a/b', '/a/b/c', '/a/b/c/d']) fine(sys.mkdir(path, 0o755))
      for (let i = 0; i < DEEP; i++) fill(sys, `/a/b/c/d/e${i}`, 5)
    })
    return Array.from({ length: DEEP }, (_, i) => `/a/b/c/d/${stem}${i}`)
  }
  const directory = (): string[] =>
    made('dir', () => {
      fine(sys.mkdir('/dir', 0o755))
      const paths = Array.from({ length: plan.entries }, (_, i) => `/dir/f${i}`)
      for (const path of paths) touch(sys, path)
      return paths
    })
  const others = (most = plan.entries): string[] => {
    directory()
    return Array.from({ length: Math.min(most, plan.entries) }, (_, i) => `/dir/g${i}`)
  }
  const small = (): number =>
    made('small', () => {
      fill(sys, '/small', SMALL_PAGES * PAGE)
      return fine(sys.open('/small', O_RDWR))
    })
  const big = (path: string): void => made(path, () => fill(sys, path, plan.bigBytes))
  const blocks = plan.bigBytes / BLOCK
  const page = bytesOf(PAGE)
  const block = bytesOf(BLOCK)
  const buffer = new Uint8Array(BLOCK)

  return {
    'null-syscall': () => {
      const parent = sys.getppid()
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) if (sys.getppid() === parent) right++
        return right
      })
    },
    'stat-deep': () => statCase(sys, deep('e'), 5),
    'stat-missing': () => {
      const paths = deep('none')
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) if (isErr(sys.stat(paths[i % DEEP] as string))) right++
        return right
      })
    },
    'open-close': () => {
      const paths = deep('e')
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) {
          const fd = sys.open(paths[i % DEEP] as string, O_RDONLY)
          if (!isErr(fd) && sys.close(fd) === 0) right++
        }
        return right
      })
    },
    'write-new-4k': () => {
      made('new', () => fine(sys.mkdir('/new', 0o755)))
      const paths = Array.from({ length: Math.min(1000, plan.entries) }, (_, i) => `/new/n${i}`)
      const run = (count: number): number => {
        let right = 0
        for (let i = 0; i < count; i++) {
          const fd = sys.open(paths[i] as string, O_CREAT | O_WRONLY, 0o644)
          if (!isErr(fd) && sys.write(fd, page) === PAGE && sys.close(fd) === 0) right++
        }
        return right
      }
      return timed(run, { most: paths.length, after: (count) => void unlinkAll(sys, paths, count) })
    },
    'pread-4k': () => {
      const fd = small()
      const into = new Uint8Array(PAGE)
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) {
          if (sys.pread(fd, into, (i % SMALL_PAGES) * PAGE) === PAGE && into[17] === 7) right++
        }
        return right
      })
    },
    'pwrite-4k': () => {
      const fd = small()
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) {
          if (sys.pwrite(fd, page, (i % SMALL_PAGES) * PAGE) === PAGE) right++
        }
        return right
      })
    },
    'dir-create': () => createCase(sys, others(1000)),
    'dir-stat': () => statCase(sys, directory(), 0),
    'dir-unlink': () => unlinkCase(sys, others(1000)),
    'dir-rename': () => {
      const from = directory()
      const to = others()
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i += 2) {
          const a = from[(i / 2) % from.length] as string
          const b = to[(i / 2) % from.length] as string
          if (sys.rename(a, b) === 0 && sys.rename(b, a) === 0) right += 2
        }
        return right
      })
    },
    'dir-readdir': () => {
      directory()
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) {
          const fd = fine(sys.open('/dir', O_RDONLY))
          let seen = 0
          for (;;) {
            const entries = fine(sys.getdents(fd)) as readonly { readonly name: string }[]
            if (entries.length === 0) break
            for (const { name } of entries) if (name.length > 0) seen++
          }
          sys.close(fd)
          if (seen === plan.entries + 2) right++
        }
        return right
      })
    },
    'sequential-write-64k': () =>
      timed(
        (count) => {
          let right = 0
          const fd = fine(sys.open('/sequential', O_CREAT | O_WRONLY | O_TRUNC, 0o644))
          for (let i = 0; i < count; i++) if (sys.write(fd, block) === BLOCK) right++
          sys.close(fd)
          return right
        },
        {
          exactly: blocks,
          before: () => void sys.unlink('/sequential'),
          close: () => void sys.unlink('/sequential'),
        },
      ),
    'sequential-read-64k': () => {
      big('/big')
      return timed(
        (count) => {
          let right = 0
          const fd = fine(sys.open('/big', O_RDONLY))
          for (let i = 0; i < count; i++) if (sys.read(fd, buffer) === BLOCK && buffer[17] === 7) right++
          sys.close(fd)
          return right
        },
        { exactly: blocks, close: () => void sys.unlink('/big') },
      )
    },
    'append-256': () => {
      fill(sys, '/appended', plan.bigBytes)
      return appendCase(sys, '/appended', plan.bigBytes, Math.min(1000, plan.entries))
    },
    'pipe-512': () => pipeCase(sys, 512),
    'pipe-64k': () => pipeCase(createKernel({ profile: '2.6.14' }).spawn().sys, BLOCK),
    'ping-pong': () => pingPongCase(k, process),
    'spawn-exit-wait': () => spawnCase(k, process),
    ...netCases(plan),
    'create-kernel': () =>
      timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) if (createKernel().now === 0) right++
        return right
      }),
    'fork-kernel': () => forkCase(kernelWithFiles(plan.forkFiles).k),
    'bytes-file': () => ({ kind: 'sized', measure: () => bytesPerFile(plan.memoryFiles) }),
    'bytes-task': () => ({ kind: 'sized', measure: () => bytesPerTask(plan.memoryTasks) }),
  }
}
