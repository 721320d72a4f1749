/** What the tools that change files share: reading directories, and doing something to everything in a tree. */

import { isErr, type Ret } from '../../abi/errno.js'
import { O_RDONLY } from '../../abi/fcntl.js'
import { S_ISDIR, S_ISLNK, type Stat } from '../../abi/stat.js'
import { complain, type Part, perror, type TreeToolSys } from '../tool.js'

/** Names in a directory in its own order, without `.` and `..`; an Errno where it cannot be read. */
export function* readDirectory(sys: TreeToolSys, path: string): Part<Ret<string[]>> {
  const fd = yield* sys.open(path, O_RDONLY)
  if (isErr(fd)) return fd
  const names: string[] = []
  for (;;) {
    const some = yield* sys.getdents(fd, 4096)
    if (isErr(some)) {
      yield* sys.close(fd)
      return some
    }
    if (some.length === 0) break
    names.push(...some.map(({ name }) => name).filter((name) => name !== '.' && name !== '..'))
  }
  yield* sys.close(fd)
  return names
}

/** A file's place below a directory. */
export const join = (dir: string, name: string): string => (dir.endsWith('/') ? dir : `${dir}/`) + name

/** Slashes behind a path do not count. */
export const stripSlashes = (path: string): string => path.replace(/(?!^)\/+$/, '')

/** Changes one file; what stat(2) says of it is given. 0 or an Errno. */
export type Change = (path: string, found: Stat) => Part<number>

/** What a tool is called, and how it goes about. */
export interface Manner {
  readonly tool: string
  /** -R: what is in directories, too. */
  readonly isDeep: boolean
  /** -f: says nothing of what goes wrong with files. */
  readonly isSilent: boolean
}

/**
 * Changes a file and, deep, what is below it; links are followed where they are named and passed over where they are met.
 * True: all went well. fileutils: change_file_mode, change_file_owner.
 */
export function* changeTree(
  sys: TreeToolSys,
  manner: Manner,
  path: string,
  change: Change,
  isNamed = true,
): Part<boolean> {
  const failed = function* (error: number, at = path): Part<boolean> {
    if (!manner.isSilent) yield* complain(sys, perror(`${manner.tool}: ${at}`, error))
    return false
  }
  let found = yield* sys.lstat(path)
  if (!isErr(found) && S_ISLNK(found.mode)) {
    if (!isNamed) return true
    found = yield* sys.stat(path)
  }
  if (isErr(found)) return yield* failed(found)
  const error = yield* change(path, found)
  let isGood = error === 0 || (yield* failed(error))
  if (!manner.isDeep || !S_ISDIR(found.mode)) return isGood
  const names = yield* readDirectory(sys, path)
  if (isErr(names)) return yield* failed(names)
  for (const name of names)
    isGood = (yield* changeTree(sys, manner, join(path, name), change, false)) && isGood
  return isGood
}

/** The end of a tool that was given too little. */
export const tooFew = (tool: string): string =>
  `${tool}: too few arguments\nTry \`${tool} --help' for more information.\n`
