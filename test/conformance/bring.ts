/**
 * Bringing a world of the model to the state that a recording shows, where the two kernels differ: what the entries
 * of the era table do after a line that they cover, so that the comparison can go on. All of it is done with system
 * calls, by the task itself or by the recorder, which is root.
 */

import { isErr, type Process } from 'paleokernel'
import type { Answer, Line } from './answer.js'
import type { Bring, Mismatch } from './era.js'
import type { World } from './world.js'

const WNOHANG = 1

/** In a world in which the line has not been run. */
export interface Instead {
  readonly instead: Bring
}

export const instead = (bring: Bring): Instead => ({ instead: bring })

/** Runs the line in other words: what the later kernel takes as one wish, the earlier one takes as this. */
export const otherWords =
  (line: Line, ...a: readonly string[]): Bring =>
  (world) =>
    world.run({ ...line, a })

/** What the line has answered, and what this does besides. */
export const besides =
  ({ ours }: Mismatch, deed: (world: World) => void): Bring =>
  (world) =>
    joined(
      ours,
      world.also(() => deed(world)),
    )

const both = (a: readonly string[] = [], b: readonly string[] = []): string[] => [...a, ...b]

/** Two answers of one line, one after the other, as one. */
export function joined(first: Answer, second: Answer): Answer {
  const sig = { ...first.sig }
  for (const [name, signals] of Object.entries(second.sig ?? {})) sig[name] = both(sig[name], signals)
  return {
    ...first,
    ...(Object.keys(sig).length > 0 && { sig }),
    ...((first.wake ?? second.wake) && { wake: { ...first.wake, ...second.wake } }),
    ...((first.dead ?? second.dead) && { dead: both(first.dead, second.dead) }),
    ...((first.stop ?? second.stop) && { stop: both(first.stop, second.stop) }),
  }
}

/**
 * The answer as it is where signals are stacked: each task's signals in the recorded order, if they are the same
 * signals, and nothing of what a task did before the signal that killed it.
 */
export function asStacked(line: Line, answer: Answer): Answer {
  const { sig: ours, e, ...rest } = answer
  const sig: Record<string, readonly string[]> = {}
  for (const [name, signals] of Object.entries(ours ?? {})) {
    const recorded = line.sig?.[name] ?? []
    if (answer.dead?.includes(name)) continue
    sig[name] = [...signals].sort().join() === [...recorded].sort().join() ? recorded : signals
  }
  return {
    ...rest,
    ...(e !== undefined && answer.dead?.includes(`T${line.t}`) !== true && { e }),
    ...(Object.keys(sig).length > 0 && { sig }),
  }
}

/**
 * Lets root act on the files of a task: a process of its own, with the task's root and working directory, that is gone
 * afterwards. False if the task has changed its root or its working directory has no name.
 */
export function asRoot(world: World, task: number, deed: (sys: Process['sys']) => void): boolean {
  const calls = world.actors[task]?.proc.sys
  const cwd = calls?.getcwd()
  const root = calls?.stat('/')
  const top = world.recorder.sys.stat('.')
  if (cwd === undefined || root === undefined || isErr(cwd) || isErr(root) || isErr(top)) return false
  if (root.ino !== top.ino || root.dev !== top.dev || !cwd.startsWith('/')) return false
  const { proc } = world.helper()
  const { sys } = proc
  const isThere = !isErr(sys.chroot('.')) && !isErr(sys.chdir(cwd))
  if (isThere) deed(sys)
  proc.begin.exit(0)
  world.recorder.begin.waitpid(proc.pid, WNOHANG)
  return isThere
}

/** Gives a file that the line has touched other mode bits, and says that it did what it did. */
export function setMode(m: Mismatch, { dev, ino }: Stat, mode: number): Bring {
  const { line, ours } = m
  const bits = mode & 0o7777
  return (world) => {
    const isDone = asRoot(world, line.t, (root) => {
      const path = find(root, '/', dev, ino)
      if (path !== undefined) root.chmod(path, bits)
    })
    const sys = world.actors[line.t]?.proc.sys
    void sys
    return isDone ? ours : {}
  }
}

const S_IFMT = 0o170000
const S_IFDIR = 0o040000

/** A path to an inode, below a directory. */
function find(sys: Process['sys'], dir: string, dev: number, ino: number): string | undefined {
  const fd = sys.open(dir, 0, 0)
  if (isErr(fd)) return undefined
  const names: string[] = []
  for (let entries = sys.getdents(fd); !isErr(entries) && entries.length > 0; entries = sys.getdents(fd)) {
    for (const { name } of entries) if (name !== '.' && name !== '..') names.push(name)
  }
  sys.close(fd)
  for (const name of names) {
    const path = `${dir === '/' ? '' : dir}/${name}`
    const stat = sys.lstat(path)
    if (isErr(stat)) continue
    if (stat.dev === dev && stat.ino === ino) return path
    const below = (stat.mode & S_IFMT) === S_IFDIR ? find(sys, path, dev, ino) : undefined
    if (below !== undefined) return below
  }
  return undefined
}
