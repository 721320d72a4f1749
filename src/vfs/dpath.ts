/**
 * From a dentry back to a path. Linux: __d_path, fs/dcache.c (2.6.14).
 */

import type { FsStruct } from '../kernel/task.js'
import type { Dentry } from './dentry.js'
import type { Mount } from './mount.js'

/** Is the name gone although something still uses it? */
export const isDeleted = (dentry: Dentry): boolean =>
  !dentry.hashed && dentry !== dentry.sb.root && dentry.sb.cachesDentries

/** The absolute path as `fs` sees it, with ' (deleted)' behind a removed name. */
export function dPath(fs: FsStruct, mnt: Mount, dentry: Dentry): string {
  const suffix = isDeleted(dentry) ? ' (deleted)' : ''
  const names: string[] = []
  let at = dentry
  let on: Mount = mnt
  for (;;) {
    if (at === fs.root && on === fs.rootMnt) break
    if (at === on.root || at.parent === null) {
      if (on.parent === null || on.mountpoint === null) break
      at = on.mountpoint
      on = on.parent
      continue
    }
    names.push(at.name)
    at = at.parent
  }
  return `/${names.reverse().join('/')}${suffix}`
}
