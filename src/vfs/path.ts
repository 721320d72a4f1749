/**
 * Path names, taken apart. Linux: getname (fs/namei.c) and the splitting part of link_path_walk.
 *
 * Splitting depends on the text alone, so paths that are used again and again are kept in a small table: such a path
 * costs one comparison. Of the others, of which there may be any number, the part before the last slash is mostly the
 * same as before and is kept in another table; only the last name is cut out each time, and left behind.
 * NAME_MAX and PATH_MAX count UTF-8 bytes.
 */

import { ENAMETOOLONG, ENOENT, type Errno } from '../abi/errno.js'
import { NAME_MAX, PATH_MAX } from '../abi/fcntl.js'
import { utf8Length } from '../lib/bytes.js'

/** A path's parts. */
export interface ParsedPath {
  readonly absolute: boolean
  /** The components before the last one, `.` and `..` included. */
  readonly dirs: readonly string[]
  /** The last component; empty for '/'. */
  readonly last: string
  /** Do slashes follow the last component? */
  readonly trailingSlash: boolean
  /** Index of the first component longer than NAME_MAX, or -1; that of the last one is `dirs.length`. */
  readonly tooLong: number
}

/** Places in a table; a power of two. */
const PLACES = 1024

/**
 * 0 for a path that can be walked: ENOENT when it is empty, ENAMETOOLONG from PATH_MAX bytes on. What follows a NUL
 * does not count. Linux: getname.
 */
export function checkPath(path: string): 0 | Errno {
  if (path.length === 0) return ENOENT
  // A UTF-16 unit takes at most three bytes: count only where it can matter.
  if (path.length * 3 >= PATH_MAX && utf8Length(path) >= PATH_MAX) return ENAMETOOLONG
  return path.charCodeAt(0) === 0 ? ENOENT : 0
}

const isLong = (name: string): boolean => name.length * 3 > NAME_MAX && utf8Length(name) > NAME_MAX

/** Preconditions: `checkPath(path)` is 0. */
function split(path: string): ParsedPath {
  const nul = path.indexOf('\0')
  const text = nul < 0 ? path : path.slice(0, nul)
  const { length } = text
  const names: string[] = []
  let tooLong = -1
  let start = 0
  for (let at = text.indexOf('/'); start < length; at = text.indexOf('/', start)) {
    const end = at < 0 ? length : at
    if (end > start) {
      const name = text.slice(start, end)
      if (tooLong < 0 && isLong(name)) tooLong = names.length
      names.push(name)
    }
    start = end + 1
  }
  const last = names.pop() ?? ''
  return {
    absolute: text.charCodeAt(0) === 47,
    dirs: names,
    last,
    trailingSlash: last !== '' && text.charCodeAt(length - 1) === 47,
    tooLong,
  }
}

/** A place for the first `length` characters of a path, by that and by the last of them. */
function placeOf(path: string, length: number): number {
  let hash = length
  for (let at = length > 4 ? length - 4 : 0; at < length; at++) hash = (hash * 31 + path.charCodeAt(at)) | 0
  return (hash ^ (hash >>> 10)) & (PLACES - 1)
}

/** Paths by place. `candidates` came by last without being kept: they are when they come again. */
interface Table {
  readonly paths: string[]
  readonly parts: ParsedPath[]
  readonly candidates: string[]
}

const newTable = (): Table => ({
  paths: new Array<string>(PLACES).fill(''),
  parts: new Array<ParsedPath>(PLACES),
  candidates: new Array<string>(PLACES).fill(''),
})

/** Constants, as no run depends on what they hold: whole paths, and what comes before the last slash. */
const WHOLE = newTable()
const DIRECTORIES = newTable()

/** The parts of `path`, or the error of `checkPath`. */
export function parsePath(path: string): ParsedPath | Errno {
  const place = placeOf(path, path.length)
  if (WHOLE.paths[place] === path && path !== '') return WHOLE.parts[place] as ParsedPath
  const failed = checkPath(path)
  if (failed !== 0) return failed
  const parts = splitLast(path) ?? split(path)
  keep(WHOLE, place, path, parts)
  return parts
}

/** A path that comes twice in a row to its place is kept. */
function keep(table: Table, place: number, path: string, parts: ParsedPath): void {
  if (table.candidates[place] === path) {
    table.paths[place] = path
    table.parts[place] = parts
  } else table.candidates[place] = path
}

/** Only the last name is cut out, where what comes before is known; null where it has to be looked at all. */
function splitLast(path: string): ParsedPath | null {
  const slash = path.lastIndexOf('/')
  if (slash <= 0 || slash === path.length - 1 || path.indexOf('\0') >= 0) return null
  const place = placeOf(path, slash)
  const known = DIRECTORIES.paths[place] as string
  if (known.length !== slash || !path.startsWith(known)) {
    const directory = path.slice(0, slash)
    const parts = split(directory)
    // Its last component is one of the directories on the way.
    const dirs = parts.last === '' ? parts.dirs : [...parts.dirs, parts.last]
    keep(DIRECTORIES, place, directory, { ...parts, dirs, last: '' })
    return null
  }
  const { absolute, dirs, tooLong } = DIRECTORIES.parts[place] as ParsedPath
  const last = path.slice(slash + 1)
  return {
    absolute,
    dirs,
    last,
    trailingSlash: false,
    tooLong: tooLong < 0 && isLong(last) ? dirs.length : tooLong,
  }
}
