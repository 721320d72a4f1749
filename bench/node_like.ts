/**
 * The file-system rows over anything that has the synchronous interface of `node:fs`: memfs, ZenFS and node:fs.
 *
 * Each of them loads a copy of this file of its own (see main.ts), so that no call site here is shared between
 * them. Flags are numbers and buffers are reused: the cheapest form that the interface has.
 */

import { constants } from 'node:fs'
import { BLOCK, bytesOf, DEEP, fileNames, PAGE, SMALL_PAGES } from './fixtures.js'
import { reachableBytes, type Timed } from './measure.js'
import type { Cases } from './ours.js'
import type { Plan } from './plan.js'

/** What the rows use of `node:fs`. */
export interface NodeLikeFs {
  openSync(path: string, flags: number, mode?: number): number
  closeSync(fd: number): void
  readSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number | null): number
  writeSync(fd: number, buffer: Uint8Array, offset: number, length: number, position: number | null): number
  statSync(path: string, options: { readonly throwIfNoEntry: false }): { readonly size: number } | undefined
  mkdirSync(path: string): unknown
  unlinkSync(path: string): void
  renameSync(from: string, to: string): void
  readdirSync(path: string): readonly unknown[]
  ftruncateSync(fd: number, length: number): void
}

/** What is particular about a contestant. */
export interface NodeLikeOptions {
  /** What all paths begin with: '/' or nothing, for the working directory. */
  readonly root: '/' | ''
  /** Makes one with nothing in it, to measure its memory; undefined where that is not in this process. */
  readonly fresh?: () => NodeLikeFs
  /** Files whose memory is measured. */
  readonly memoryFiles: number
  /** Does making a large directory take so long that a quick run leaves it out? */
  readonly isSlowInDirectories: boolean
}

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants
const MAYBE = { throwIfNoEntry: false } as const

const timed = (run: (count: number) => number, more: Partial<Omit<Timed, 'kind' | 'run'>> = {}): Timed => ({
  kind: 'timed',
  run,
  ...more,
})

const touch = (fs: NodeLikeFs, path: string): void =>
  fs.closeSync(fs.openSync(path, O_CREAT | O_EXCL | O_WRONLY, 0o644))

function fill(fs: NodeLikeFs, path: string, size: number): void {
  const block = bytesOf(Math.min(size, BLOCK))
  const fd = fs.openSync(path, O_CREAT | O_TRUNC | O_WRONLY, 0o644)
  for (let at = 0; at < size; at += block.length) fs.writeSync(fd, block, 0, block.length, null)
  fs.closeSync(fd)
}

function bytesPerFile(fresh: () => NodeLikeFs, files: number): number {
  const before = reachableBytes()
  const fs = fresh()
  fs.mkdirSync('/many')
  for (const { directory, paths } of fileNames('/many', files)) {
    fs.mkdirSync(directory)
    for (const path of paths) touch(fs, path)
  }
  const bytes = (reachableBytes() - before) / files
  if (fs.statSync('/many', MAYBE) === undefined) throw new Error('the files are gone')
  return bytes
}

/** The rows of one contestant. */
export function nodeLikeCases(fs: NodeLikeFs, options: NodeLikeOptions, plan: Plan): Cases {
  const { root, fresh } = options
  const once = new Map<string, unknown>()
  const made = <T>(name: string, make: () => T): T => {
    if (!once.has(name)) once.set(name, make())
    return once.get(name) as T
  }
  const deep = (stem: string): string[] => {
    made('deep', () => {
      for (const path of ['a', 'a/b', 'a/b/c', 'a/b/c/d']) fs.mkdirSync(root + path)
      for (let i = 0; i < DEEP; i++) fill(fs, `${root}a/b/c/d/e${i}`, 5)
    })
    return Array.from({ length: DEEP }, (_, i) => `${root}a/b/c/d/${stem}${i}`)
  }
  const directory = (): string[] =>
    made('dir', () => {
      fs.mkdirSync(`${root}dir`)
      const paths = Array.from({ length: plan.entries }, (_, i) => `${root}dir/f${i}`)
      for (const path of paths) touch(fs, path)
      return paths
    })
  const others = (most = plan.entries): string[] => {
    directory()
    return Array.from({ length: Math.min(most, plan.entries) }, (_, i) => `${root}dir/g${i}`)
  }
  const small = (): number =>
    made('small', () => {
      fill(fs, `${root}small`, SMALL_PAGES * PAGE)
      return fs.openSync(`${root}small`, O_RDWR)
    })
  const unlinkAll = (paths: readonly string[], count: number): number => {
    for (let i = 0; i < count; i++) fs.unlinkSync(paths[i] as string)
    return count
  }
  const statCase = (paths: readonly string[], size: number): Timed => {
    const { length } = paths
    return timed((count) => {
      let right = 0
      for (let i = 0, at = 0; i < count; i++) {
        const stat = fs.statSync(paths[at] as string, MAYBE)
        if (stat !== undefined && stat.size === size) right++
        at += 7919
        if (at >= length) at %= length
      }
      return right
    })
  }
  const blocks = plan.bigBytes / BLOCK
  const page = bytesOf(PAGE)
  const block = bytesOf(BLOCK)
  const buffer = new Uint8Array(BLOCK)

  const cases: Cases = {
    'stat-deep': () => statCase(deep('e'), 5),
    'stat-missing': () => {
      const paths = deep('none')
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) {
          if (fs.statSync(paths[i % DEEP] as string, MAYBE) === undefined) right++
        }
        return right
      })
    },
    'open-close': () => {
      const paths = deep('e')
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) {
          const fd = fs.openSync(paths[i % DEEP] as string, O_RDONLY)
          fs.closeSync(fd)
          if (fd >= 0) right++
        }
        return right
      })
    },
    'write-new-4k': () => {
      made('new', () => fs.mkdirSync(`${root}new`))
      const paths = Array.from({ length: Math.min(1000, plan.entries) }, (_, i) => `${root}new/n${i}`)
      const run = (count: number): number => {
        let right = 0
        for (let i = 0; i < count; i++) {
          const fd = fs.openSync(paths[i] as string, O_CREAT | O_WRONLY, 0o644)
          if (fs.writeSync(fd, page, 0, PAGE, null) === PAGE) right++
          fs.closeSync(fd)
        }
        return right
      }
      return timed(run, { most: paths.length, after: (count) => void unlinkAll(paths, count) })
    },
    'pread-4k': () => {
      const fd = small()
      const into = new Uint8Array(PAGE)
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) {
          if (fs.readSync(fd, into, 0, PAGE, (i % SMALL_PAGES) * PAGE) === PAGE && into[17] === 7) right++
        }
        return right
      })
    },
    'pwrite-4k': () => {
      const fd = small()
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) {
          if (fs.writeSync(fd, page, 0, PAGE, (i % SMALL_PAGES) * PAGE) === PAGE) right++
        }
        return right
      })
    },
    'dir-create': () => {
      const paths = others(1000)
      const run = (count: number): number => {
        for (let i = 0; i < count; i++) touch(fs, paths[i] as string)
        return count
      }
      return timed(run, { most: paths.length, after: (count) => void unlinkAll(paths, count) })
    },
    'dir-stat': () => statCase(directory(), 0),
    'dir-unlink': () => {
      const paths = others(1000)
      return timed((count) => unlinkAll(paths, count), {
        most: paths.length,
        before: (count) => {
          for (const path of paths.slice(0, count)) touch(fs, path)
        },
      })
    },
    'dir-rename': () => {
      const from = directory()
      const to = others()
      return timed((count) => {
        for (let i = 0; i < count; i += 2) {
          const a = from[(i / 2) % from.length] as string
          const b = to[(i / 2) % from.length] as string
          fs.renameSync(a, b)
          fs.renameSync(b, a)
        }
        return count
      })
    },
    'dir-readdir': () => {
      directory()
      return timed((count) => {
        let right = 0
        for (let i = 0; i < count; i++) {
          let seen = 0
          for (const name of fs.readdirSync(`${root}dir`)) if (String(name).length > 0) seen++
          if (seen === plan.entries) right++
        }
        return right
      })
    },
    'sequential-write-64k': () => {
      const path = `${root}sequential`
      return timed(
        (count) => {
          let right = 0
          const fd = fs.openSync(path, O_CREAT | O_WRONLY | O_TRUNC, 0o644)
          for (let i = 0; i < count; i++) if (fs.writeSync(fd, block, 0, BLOCK, null) === BLOCK) right++
          fs.closeSync(fd)
          return right
        },
        {
          exactly: blocks,
          before: () => {
            if (fs.statSync(path, MAYBE) !== undefined) fs.unlinkSync(path)
          },
          close: () => fs.unlinkSync(path),
        },
      )
    },
    'sequential-read-64k': () => {
      const path = `${root}big`
      fill(fs, path, plan.bigBytes)
      return timed(
        (count) => {
          let right = 0
          const fd = fs.openSync(path, O_RDONLY)
          for (let i = 0; i < count; i++) {
            if (fs.readSync(fd, buffer, 0, BLOCK, null) === BLOCK && buffer[17] === 7) right++
          }
          fs.closeSync(fd)
          return right
        },
        { exactly: blocks, close: () => fs.unlinkSync(path) },
      )
    },
    'append-256': () => {
      const path = `${root}appended`
      fill(fs, path, plan.bigBytes)
      const data = bytesOf(256)
      const fd = fs.openSync(path, O_WRONLY | O_APPEND)
      return timed(
        (count) => {
          let right = 0
          for (let i = 0; i < count; i++) if (fs.writeSync(fd, data, 0, 256, null) === 256) right++
          return right
        },
        {
          most: Math.min(1000, plan.entries),
          after: () => fs.ftruncateSync(fd, plan.bigBytes),
          close: () => {
            fs.closeSync(fd)
            fs.unlinkSync(path)
          },
        },
      )
    },
  }
  const shown: Record<string, unknown> = { ...cases }
  if (plan.skipsSlowSetup && options.isSlowInDirectories) {
    for (const id of Object.keys(shown)) if (id.startsWith('dir-')) delete shown[id]
  }
  if (fresh !== undefined)
    shown['bytes-file'] = () => ({
      kind: 'sized',
      measure: () => bytesPerFile(fresh, options.memoryFiles),
    })
  return shown as Cases
}
