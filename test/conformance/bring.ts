/**
 * Bringing a world of the model to the state that a recording shows, where the two kernels differ: what the entries
 * of the era table do after a line that they cover, so that the comparison can go on. It is done with system calls, by
 * the task itself or by the recorder, which is root; where the profile's kernel has no call that would do it, by hand
 * (`changeSocket`, `inLargePipe`).
 */

import { isErr, type Process, type Stat } from 'paleokernel'
import type { Socket } from 'paleokernel/net'
import { PagePipe } from '../../src/fs/pipe_page.js'
import { ByteRing } from '../../src/lib/ring.js'
import { fget } from '../../src/vfs/fdtable.js'
import type { Actor } from './actor.js'
import type { Answer, Line } from './answer.js'
import type { Bring, Mismatch } from './era.js'
import type { NetProcess, World } from './world.js'

const WNOHANG = 1
const S_IFMT = 0o170000
const S_IFDIR = 0o040000

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

/** Lets root act in the root of the script's tasks, by a process that is gone afterwards. */
function asRoot(world: World, deed: (sys: Process['sys']) => void): void {
  const helper = world.helper()
  const { sys } = helper
  sys.chroot('.')
  sys.chdir('/')
  deed(sys)
  helper.begin.exit(0)
  world.recorder.begin.waitpid(helper.pid, WNOHANG)
}

/** The socket behind a descriptor of a task, if it is one. */
export function socketOf({ proc }: Actor, fd: number): Socket | undefined {
  const file = fget(proc.current(), fd)
  return isErr(file) || !isSocket(file.data) ? undefined : file.data
}

const isSocket = (data: unknown): data is Socket =>
  typeof data === 'object' && data !== null && 'sk' in data && 'ops' in data

/** Changes what no call changes: a socket of the task that acts in this line, by its descriptor. */
export const changeSocket = (
  line: Line,
  fd: number,
  change: (socket: Socket, proc: NetProcess) => void,
): Bring => {
  return (world) => {
    const actor = world.actors[line.t]
    const socket = actor === undefined ? undefined : socketOf(actor, fd)
    if (actor === undefined || socket === undefined) return {}
    const deed = (): void => {
      change(socket, actor.proc as NetProcess)
      // A call, so that those who have been woken run.
      world.recorder.sys.getpid()
    }
    return joined(outcomeOf(line), world.also(deed))
  }
}

/** Bytes of a pipe since 2.6.11: PIPE_BUFFERS pages. */
const PIPE_BYTES = 16 * 4096

/**
 * In a world in which the line has not been run: gives the pipe that it writes to as much room as 2.6 has, then runs the
 * line. PIPE_SIZE is a constant of 2.2's build.
 */
export const inLargePipe = (line: Line): Instead =>
  instead((world) => {
    const actor = world.actors[line.t]
    const file = actor === undefined ? undefined : fget(actor.proc.current(), Number(line.a[0]))
    const pipe =
      file === undefined || isErr(file) ? undefined : (file.data as { readonly pipe?: unknown }).pipe
    if (pipe instanceof PagePipe && pipe.ring.capacity < PIPE_BYTES) {
      const ring = new ByteRing(PIPE_BYTES)
      const held = new Uint8Array(pipe.length)
      pipe.ring.read(held)
      ring.write(held)
      Object.assign(pipe, { ring })
    }
    return world.run(line)
  })

/** What the line itself has answered, without what it has done to others. */
const outcomeOf = ({ r, e }: Line): Answer => (e !== undefined ? { e } : r !== undefined ? { r } : {})

/** Which file: `stat` of it is enough. */
export type FileId = Pick<Stat, 'dev' | 'ino'>

/** Gives a file that a line has touched other mode bits. The line's answer stays; none if the file has no name. */
export function setMode({ ours }: Mismatch, file: FileId, mode: number): Bring {
  return (world) => (changeFile(world, file, (sys, path) => sys.chmod(path, mode & 0o7777)) ? ours : {})
}

/** Clears mode bits of a file that a line has touched. The line's answer stays; none if the file has no name. */
export function clearMode({ ours }: Mismatch, file: FileId, bits: number): Bring {
  const clear = (sys: Process['sys'], path: string): void => {
    const stat = sys.lstat(path)
    if (!isErr(stat)) sys.chmod(path, stat.mode & 0o7777 & ~bits)
  }
  return (world) => (changeFile(world, file, clear) ? ours : {})
}

/** Lets root do something to a file. False if the file has no name. */
export function changeFile(
  world: World,
  { dev, ino }: FileId,
  deed: (sys: Process['sys'], path: string) => void,
): boolean {
  let path: string | undefined
  asRoot(world, (sys) => {
    path = find(sys, '/', dev, ino)
    if (path !== undefined) deed(sys, path)
  })
  return path !== undefined
}

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
