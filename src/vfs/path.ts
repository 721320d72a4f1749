/**
 * Path names, taken apart once. Linux: getname (fs/namei.c) and the splitting part of link_path_walk.
 *
 * Splitting depends on the text alone, so results are kept in a bounded cache: a path that is used again costs
 * one hash look-up. NAME_MAX and PATH_MAX count UTF-8 bytes.
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

/** Cached paths before the cache starts afresh. */
const CACHE_SIZE = 4096

function parse(path: string): ParsedPath | Errno {
  if (path.length === 0) return ENOENT
  // A UTF-16 unit takes at most three bytes: count only where it can matter.
  if (path.length * 3 >= PATH_MAX && utf8Length(path) >= PATH_MAX) return ENAMETOOLONG
  const end = path.indexOf('\0')
  if (end === 0) return ENOENT
  const text = end < 0 ? path : path.slice(0, end)
  const names = text.split('/').filter((name) => name.length > 0)
  return Object.freeze({
    absolute: text.charCodeAt(0) === 47,
    names: Object.freeze(names),
    trailingSlash: names.length > 0 && text.charCodeAt(text.length - 1) === 47,
    tooLong: names.findIndex((name) => name.length * 3 > NAME_MAX && utf8Length(name) > NAME_MAX),
  })
}

/** Remembers how paths fall apart. Wiring: it holds nothing that a run depends on. */
export class PathCache {
  private cache = new Map<string, ParsedPath | Errno>()

  /** The parts of `path`; ENOENT when it is empty, ENAMETOOLONG from PATH_MAX bytes on. */
  get(path: string): ParsedPath | Errno {
    const known = this.cache.get(path)
    if (known !== undefined) return known
    const parsed = parse(path)
    if (this.cache.size >= CACHE_SIZE) this.cache.clear()
    this.cache.set(path, parsed)
    return parsed
  }
}
