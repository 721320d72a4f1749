/**
 * The contestants besides this library, with what each of them cannot help:
 *
 * memfs and ZenFS are file systems in this process, as we are. They have no users worth the name (no permission is
 * checked the way Linux does), no processes and no descriptors per process; they throw an Error where we return a
 * number, which is why no row makes them fail on purpose. node:fs crosses into the kernel below, as does the C
 * program: that is what a program pays that uses a real file instead of a model.
 */

import { spawnSync } from 'node:child_process'
import * as nodeFs from 'node:fs'
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configureSingleSync, InMemory, fs as zenFs } from '@zenfs/core'
import { Volume } from 'memfs'
import type { Remote } from './measure.js'
import type { NodeLikeFs, NodeLikeOptions } from './node_like.js'
import type { Plan } from './plan.js'

/** A contestant that looks like `node:fs`. */
export interface Peer {
  readonly fs: NodeLikeFs
  readonly options: NodeLikeOptions
}

export const memfs = (plan: Plan): Peer => ({
  fs: new Volume() as unknown as NodeLikeFs,
  options: {
    root: '/',
    fresh: () => new Volume() as unknown as NodeLikeFs,
    memoryFiles: plan.memoryFiles,
    isSlowInDirectories: false,
  },
})

/** ZenFS has one tree in a process: a fresh one replaces the old, so its memory is measured last. */
export const zenfs = (plan: Plan): Peer => {
  const fresh = (): NodeLikeFs => {
    configureSingleSync({ backend: InMemory })
    return zenFs as unknown as NodeLikeFs
  }
  return {
    fs: fresh(),
    options: { root: '/', fresh, memoryFiles: plan.fewMemoryFiles, isSlowInDirectories: true },
  }
}

/** Linux: TMPFS_MAGIC, include/uapi/linux/magic.h. */
const TMPFS_MAGIC = 0x01021994

/** A folder in memory, if the machine has one; else one among the temporary files. The caller removes it. */
export function scratchFolder(): { readonly path: string; readonly isTmpfs: boolean } {
  const isTmpfs = existsSync('/dev/shm') && statfsSync('/dev/shm').type === TMPFS_MAGIC
  return { path: mkdtempSync(join(isTmpfs ? '/dev/shm' : tmpdir(), 'bench-')), isTmpfs }
}

/** Works in the current directory, so that paths have no more components than those of the others. */
export const nodefs = (): Peer => ({
  fs: nodeFs,
  options: { root: '', memoryFiles: 0, isSlowInDirectories: false },
})

/** The host kernel through host.c; null where there is no C compiler. `source` is the path of host.c. */
export function hostKernel(
  source: string,
  folder: string,
  plan: Plan,
): ((row: string) => Remote | null) | null {
  const program = join(folder, 'host')
  const compiler = ['cc', 'gcc', 'clang'].find(
    (name) => spawnSync(name, ['-O2', '-o', program, source]).status === 0,
  )
  if (compiler === undefined) return null
  const work = mkdtempSync(join(folder, 'work-'))
  const args = [String(Math.max(1, plan.batchMs)), work, String(plan.entries), String(plan.bigBytes)]
  const play = (row: string): { cpu: number; wall: number } => {
    const { status, stdout, stderr } = spawnSync(program, [row, ...args], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`host ${row}: ${stderr}`)
    return JSON.parse(stdout)
  }
  const known = new Set(spawnSync(program, ['rows'], { encoding: 'utf8' }).stdout.split('\n'))
  return (row) => (known.has(row) ? () => play(row) : null)
}

/** Removes the scratch folder and everything in it. */
export const removeFolder = (path: string): void => rmSync(path, { recursive: true, force: true })
