/**
 * Path names, taken apart. Linux: getname (fs/namei.c) and the splitting part of link_path_walk.
 *
 * Splitting depends on the text alone, so paths that are used again and again are kept in a small table: such a path
 * costs one comparison. The others, of which there may be any number, are split each time and leave nothing behind.
 * NAME_MAX and PATH_MAX count UTF-8 bytes.
 */

import { ENAMETOOLONG, ENOENT, type Errno } from '../abi/errno.js'
import { NAME_MAX, PATH_MAX } from '../abi/fcntl.js'
import { utf8Length } from '../lib/bytes.js'

/** A path's parts. */
export interface ParsedPath {
  readonly absolute: boolean
  /** The components, `.` and `..` included; none for '/'. */
  readonly names: readonly string[]
  /** Do slashes follow the last component? */
  readonly trailingSlash: boolean
  /** Index of the first component longer than NAME_MAX, or -1. */
  readonly tooLong: number
}

/** Places in the table; a power of two. */
const PLACES = 1024

/** Can the bytes of a path be told from PATH_MAX only by counting? A UTF-16 unit takes at most three. */
const mayBeTooLong = (path: string): boolean => path.length * 3 >= PATH_MAX

/**
 * 0 for a path that can be walked: ENOENT when it is empty, ENAMETOOLONG from PATH_MAX bytes on. What follows a NUL
 * does not count. Linux: getname.
 */
export function checkPath(path: string): 0 | Errno {
  if (path.length === 0) return ENOENT
  if (mayBeTooLong(path) && utf8Length(path) >= PATH_MAX) return ENAMETOOLONG
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
  return {
    absolute: text.charCodeAt(0) === 47,
    names,
    trailingSlash: names.length > 0 && text.charCodeAt(length - 1) === 47,
    tooLong,
  }
}

/** A place for a path, by its length and last characters: what follows a common beginning differs there. */
function placeOf(path: string): number {
  const { length } = path
  let hash = length
  for (let at = length > 4 ? length - 4 : 0; at < length; at++) hash = (hash * 31 + path.charCodeAt(at)) | 0
  return (hash ^ (hash >>> 10)) & (PLACES - 1)
}

/** The table: a constant, as no run depends on what it holds. `candidates` came by last without being kept. */
const TABLE: { readonly paths: string[]; readonly parts: ParsedPath[]; readonly candidates: string[] } = {
  paths: new Array<string>(PLACES).fill(''),
  parts: new Array<ParsedPath>(PLACES),
  candidates: new Array<string>(PLACES).fill(''),
}

/** The parts of `path`, or the error of `checkPath`. */
export function parsePath(path: string): ParsedPath | Errno {
  const place = placeOf(path)
  if (TABLE.paths[place] === path && path !== '') return TABLE.parts[place] as ParsedPath
  const failed = checkPath(path)
  return failed === 0 ? splitAgain(path, place) : failed
}

/** A path that comes twice in a row to its place is kept. */
function splitAgain(path: string, place: number): ParsedPath {
  const parts = split(path)
  if (TABLE.candidates[place] === path) {
    TABLE.paths[place] = path
    TABLE.parts[place] = parts
  } else TABLE.candidates[place] = path
  return parts
}
