/**
 * The path walk: from a name to a dentry. Linux: path_lookup, __link_path_walk, do_follow_link, follow_dotdot,
 * lookup_hash (fs/namei.c, 2.6.14).
 *
 * Every component needs search permission on the directory it is looked up in. Symbolic links nest up to the
 * profile's limit. `..` stops at the task's root and steps from a mounted tree to what it covers. The result is
 * left in a Nameidata; nothing is held by it.
 */

import { ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR, type Errno, isErr } from '../abi/errno.js'
import { MS_NOATIME, MS_NODIRATIME, MS_RDONLY } from '../abi/mount.js'
import { S_IFDIR, S_IFLNK, S_IFMT } from '../abi/stat.js'
import type { Task } from '../kernel/task.js'
import { shouldFail } from '../sim/faults.js'
import { Dentry, dAdd } from './dentry.js'
import type { Inode } from './inode.js'
import { lookupMount, type Mount } from './mount.js'
import { LAST_DOT, LAST_DOTDOT, LAST_NORM, LAST_ROOT, type Nameidata } from './nameidata.js'
import { type ParsedPath, parsePath } from './path.js'
import { searchFurther, searchPermission } from './permission.js'
import type { SuperBlock } from './superblock.js'

/** Walk flags. Linux: LOOKUP_FOLLOW …, include/linux/namei.h. */
export const LOOKUP_FOLLOW = 1
export const LOOKUP_DIRECTORY = 2
/** Stop before the last component and leave it in nd.last. */
export const LOOKUP_PARENT = 16
/** A last component that does not exist is no error; with LOOKUP_SLASHOK not even with a slash behind it. */
export const LOOKUP_NEGATIVE = 32
export const LOOKUP_SLASHOK = 64

/** Resolves `path` into `nd`. 0 or an Errno. Linux: path_lookup. */
export function pathLookup(current: Task, path: string, flags: number, nd: Nameidata): number {
  const { fs } = current
  return lookupFrom(current, fs.pwdMnt, fs.pwd, path, flags, nd)
}

/** As `pathLookup`, relative names starting at a given directory. Linux: do_path_lookup. */
export function lookupFrom(
  current: Task,
  mnt: Mount,
  dentry: Dentry,
  path: string,
  flags: number,
  nd: Nameidata,
): number {
  const parsed = parsePath(path)
  if (typeof parsed === 'number') return parsed
  const { fs } = current
  if (parsed.absolute) {
    nd.mnt = fs.rootMnt
    nd.dentry = fs.root
  } else {
    nd.mnt = mnt
    nd.dentry = dentry
  }
  nd.lastType = LAST_ROOT
  nd.trailingSlash = false
  nd.negative = false
  nd.depth = 0
  nd.total = 0
  return walk(current, nd, parsed, flags)
}

/** Walks on from nd.mnt and nd.dentry. Linux: __link_path_walk. */
function walk(current: Task, nd: Nameidata, path: ParsedPath, flags: number): number {
  const { dirs, last } = path
  if (last === '') return 0
  const asksOnce = current.k.searchesBySuperblock
  let allowed: SuperBlock | null = null
  for (let i = 0; i < dirs.length; i++) {
    const dir = nd.dentry.inode
    if (dir === null) return ENOENT
    const denied = dir.sb === allowed ? searchFurther(current, dir) : searchPermission(current, dir)
    if (denied !== 0) return denied
    if (asksOnce) allowed = dir.sb
    const name = dirs[i] as string
    if (name === '..') followDotDot(current, nd)
    else if (name !== '.') {
      const failed = stepInto(current, nd, dir, name, i === path.tooLong)
      if (failed !== 0) return failed
    }
  }
  const dir = nd.dentry.inode
  if (dir === null) return ENOENT
  const denied = dir.sb === allowed ? searchFurther(current, dir) : searchPermission(current, dir)
  return denied !== 0 ? denied : walkLast(current, nd, path, last, dirs.length === path.tooLong, flags)
}

/** One component in the middle of a path: it must lead to a directory. */
function stepInto(current: Task, nd: Nameidata, dir: Inode, name: string, tooLong: boolean): number {
  const next = lookupChild(current, nd.dentry, dir, name, tooLong)
  if (next === null) return ENOENT
  if (isErr(next)) return next
  const inode = next.inode
  if (inode === null) return ENOENT
  const type = inode.mode & S_IFMT
  if (type === S_IFDIR) {
    nd.dentry = next
    if (next.mounted !== 0) followMount(current, nd)
    return 0
  }
  if (type !== S_IFLNK) return ENOTDIR
  const failed = followLink(current, nd, next, inode)
  if (failed !== 0) return failed
  const target = nd.dentry.inode
  if (target === null) return ENOENT
  return (target.mode & S_IFMT) === S_IFDIR ? 0 : ENOTDIR
}

/** The last component of a path or of a link's text. */
function walkLast(
  current: Task,
  nd: Nameidata,
  path: ParsedPath,
  name: string,
  tooLong: boolean,
  flags: number,
): number {
  if ((flags & LOOKUP_PARENT) !== 0) {
    nd.last = name
    nd.lastTooLong = tooLong
    nd.trailingSlash = path.trailingSlash
    nd.lastType = name === '.' ? LAST_DOT : name === '..' ? LAST_DOTDOT : LAST_NORM
    return 0
  }
  if (name === '..') {
    followDotDot(current, nd)
    return 0
  }
  if (name === '.') return 0
  const dir = nd.dentry.inode
  if (dir === null) return ENOENT
  const next = lookupChild(current, nd.dentry, dir, name, tooLong)
  if (isErr(next)) return next
  const wanted = path.trailingSlash ? flags | LOOKUP_FOLLOW | LOOKUP_DIRECTORY : flags
  const inode = next?.inode ?? null
  if (next === null || inode === null) return noteMissing(nd, name, tooLong, wanted)
  if ((inode.mode & S_IFMT) === S_IFLNK && (wanted & LOOKUP_FOLLOW) !== 0) {
    const failed = followLink(current, nd, next, inode, wanted)
    if (failed !== 0 || nd.negative) return failed
  } else {
    nd.dentry = next
    if (next.mounted !== 0) followMount(current, nd)
  }
  const found = nd.dentry.inode
  if (found === null) return ENOENT
  if ((wanted & LOOKUP_DIRECTORY) !== 0 && (found.mode & S_IFMT) !== S_IFDIR) return ENOTDIR
  return 0
}

/** There is no such name. Linux: the label no_inode in lookup_dentry (2.2), whose result is a negative dentry. */
function noteMissing(nd: Nameidata, name: string, tooLong: boolean, flags: number): number {
  const isAllowed =
    (flags & LOOKUP_NEGATIVE) !== 0 && (flags & (LOOKUP_DIRECTORY | LOOKUP_SLASHOK)) !== LOOKUP_DIRECTORY
  if (!isAllowed) return ENOENT
  nd.negative = true
  nd.last = name
  nd.lastTooLong = tooLong
  return 0
}

/**
 * Walks to the end of a path, whose last component need not exist; a link there is not followed unless a slash
 * comes after it. 0 with the result in `nd` (see Nameidata.negative), or an Errno. Linux: lookup_dentry (2.2).
 */
export const lookupDentry = (current: Task, path: string, flags: number, nd: Nameidata): number =>
  pathLookup(current, path, flags | LOOKUP_NEGATIVE, nd)

/**
 * A name in a directory: its dentry, null when there is none, or an Errno. No permission is asked.
 * Linux: do_lookup, real_lookup, cached_lookup.
 */
export function lookupChild(
  current: Task,
  parent: Dentry,
  dir: Inode,
  name: string,
  tooLong: boolean,
): Dentry | null | Errno {
  const known = parent.children?.get(name)
  if (known !== undefined) return known
  if (tooLong) return ENAMETOOLONG
  const { lookup } = dir.ops
  if (lookup === null) return null
  if (shouldFail(current.k, 'alloc:dentry')) return ENOMEM
  const inode = lookup(current, dir, name, parent)
  if (inode === null || isErr(inode)) return inode
  const dentry = new Dentry(name, parent, parent.sb, inode)
  if (parent.sb.cachesDentries) dAdd(parent, dentry)
  else dentry.hashed = false
  return dentry
}

/** The last component after a walk with LOOKUP_PARENT. Asks for search permission. Linux: lookup_hash. */
export function lookupHash(current: Task, nd: Nameidata): Dentry | null | Errno {
  const dir = nd.dentry.inode
  if (dir === null) return ENOENT
  const denied = searchPermission(current, dir)
  if (denied !== 0) return denied as Errno
  return lookupChild(current, nd.dentry, dir, nd.last, nd.lastTooLong)
}

/** Follows a link in the middle of a path or, where asked, at its end. Linux: do_follow_link. */
function followLink(
  current: Task,
  nd: Nameidata,
  link: Dentry,
  inode: Inode,
  flags: number = LOOKUP_FOLLOW,
): number {
  const { facts } = current.k
  if (nd.depth >= facts.maxSymlinkNesting || nd.total >= facts.maxSymlinkTotal) return ELOOP
  nd.depth++
  nd.total++
  const result = followLinkOnce(current, nd, link, inode, flags)
  nd.depth--
  return result
}

/** The walk ends at a link, in the directory of nd: the record of a refusal says so. */
function refusedAt(nd: Nameidata, link: Dentry, error: number): number {
  nd.last = link.name
  return error
}

/**
 * Walks the text of one link, from the directory that holds it. Does not count nesting: open(2) with O_CREAT
 * follows the last link this way. Linux: __do_follow_link, __vfs_follow_link.
 */
export function followLinkOnce(
  current: Task,
  nd: Nameidata,
  link: Dentry,
  inode: Inode,
  flags: number,
): number {
  const verdict = current.k.security.inodeFollowLink(current, inode)
  if (verdict !== 0) return refusedAt(nd, link, verdict)
  touchAtime(current, nd.mnt, inode)
  if (inode.ops.jump !== undefined) {
    const failed = inode.ops.jump(current, inode, nd)
    return failed === 0 ? 0 : refusedAt(nd, link, failed)
  }
  if (inode.ops.readlink === null) return ENOENT
  const text = inode.ops.readlink(current, inode)
  if (typeof text === 'number') return text
  const path = parsePath(text)
  if (typeof path === 'number') return path
  if (path.absolute) {
    nd.mnt = current.fs.rootMnt
    nd.dentry = current.fs.root
  }
  void link
  return walk(current, nd, path, flags)
}

/** Steps up one level, out of mounted trees, never above the task's root. Linux: follow_dotdot. */
function followDotDot(current: Task, nd: Nameidata): void {
  const { fs } = current
  for (;;) {
    if (nd.dentry === fs.root && nd.mnt === fs.rootMnt) break
    if (nd.dentry !== nd.mnt.root) {
      nd.dentry = nd.dentry.parent ?? nd.dentry
      break
    }
    const { parent, mountpoint } = nd.mnt
    if (parent === null || mountpoint === null) break
    nd.mnt = parent
    nd.dentry = mountpoint
  }
  if (nd.dentry.mounted !== 0) followMount(current, nd)
}

/** From a mount point to the root of what is mounted there last. Linux: follow_mount. Tells whether it moved. */
export function followMount(current: Task, nd: Nameidata): boolean {
  let moved = false
  for (;;) {
    const mounted = lookupMount(nd.mnt, nd.dentry)
    if (mounted === null) return moved
    nd.mnt = mounted.sb.ops.view?.(current, mounted) ?? mounted
    nd.dentry = nd.mnt.root
    moved = true
  }
}

/** Notes an access unless the mount or file system does not want it. Linux: touch_atime, update_atime. */
export function touchAtime(current: Task, mnt: Mount | null, inode: Inode): void {
  const flags = inode.sb.flags | (mnt === null ? 0 : mnt.flags)
  if ((flags & (MS_RDONLY | MS_NOATIME)) !== 0) return
  if (current.k.hidesAccesses && current.k.security.inodeTouch(current, inode) !== 0) return
  if ((flags & MS_NODIRATIME) !== 0 && (inode.mode & S_IFMT) === S_IFDIR) return
  inode.atime = current.k.state.now
}
