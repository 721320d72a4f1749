/**
 * What the contestants agree on: names, sizes, contents.
 */

/** Files at the end of the deep path, asked for in turn. */
export const DEEP = 16
/** Bytes. */
export const PAGE = 4096
/** Pages of the file for pread and pwrite. */
export const SMALL_PAGES = 256
/** Bytes. */
export const BLOCK = 64 << 10

/** Bytes that are all 7, so that a reader can tell them from new memory. */
export const bytesOf = (size: number): Uint8Array => new Uint8Array(size).fill(7)

/** Names of many files, a hundred in a directory; made one directory at a time, so that nobody keeps them. */
export function* fileNames(
  root: string,
  files: number,
): Generator<{ readonly directory: string; readonly paths: readonly string[] }> {
  for (let first = 0, d = 0; first < files; first += 100, d++) {
    const directory = `${root}/d${d}`
    const length = Math.min(100, files - first)
    yield { directory, paths: Array.from({ length }, (_, i) => `${directory}/file${i}`) }
  }
}
