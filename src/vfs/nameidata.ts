/**
 * The result of a path walk, reused from call to call so that a walk allocates nothing.
 * Linux: struct nameidata, include/linux/namei.h.
 */

import type { Dentry } from './dentry.js'
import type { Mount } from './mount.js'

/** Kinds of last component. Linux: LAST_NORM …. */
export const LAST_NORM = 0
export const LAST_ROOT = 1
export const LAST_DOT = 2
export const LAST_DOTDOT = 3
/** Reached through a link that is not a text (/proc/<pid>/fd/N). Linux: LAST_BIND. */
export const LAST_BIND = 4

/** Valid after a walk that returned 0; a walk sets `mnt` and `dentry` first of all. */
export class Nameidata {
  declare mnt: Mount
  declare dentry: Dentry
  /** With LOOKUP_PARENT, and with LOOKUP_NEGATIVE where there is nothing: the last component, not yet looked up. */
  last = ''
  lastType = LAST_ROOT
  /** With LOOKUP_PARENT: did slashes follow the last component, and is it longer than NAME_MAX? */
  trailingSlash = false
  lastTooLong = false
  /** With LOOKUP_NEGATIVE: nothing has the name `last` in the directory `dentry`. */
  negative = false
  /** Nesting of symbolic links now, and links followed in all. */
  depth = 0
  total = 0
}
