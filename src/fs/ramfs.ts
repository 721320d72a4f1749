/**
 * ramfs: a file system that is its dentry tree and its page stores. Linux: fs/ramfs/inode.c, fs/libfs.c, and
 * mm/shmem.c for the size and inode limits (2.6.14). Also registered as tmpfs where the profile has it.
 *
 * Options: `size=` bytes with k, m, g; `nr_inodes=`; `mode=` octal; `uid=`, `gid=`. Without limits it never
 * returns ENOSPC. Quotas and extended attributes are left out.
 */

import { asIno, type DevT, mkdev } from '../abi/brand.js'
import { EFAULT, EFBIG, EINVAL, ENOMEM, ENOSPC, ENOTEMPTY, type Ret } from '../abi/errno.js'
import { O_APPEND, SEEK_CUR, SEEK_END, SEEK_SET } from '../abi/fcntl.js'
import { isAtLeast } from '../abi/profile.js'
import { RLIM_INFINITY, RLIMIT_FSIZE } from '../abi/resource.js'
import { SIGXFSZ } from '../abi/signal.js'
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_ISGID, type Statfs } from '../abi/stat.js'
import type { KernelCore } from '../kernel/kernel.js'
import { softLimit } from '../kernel/rlimit.js'
import { sendSignalSelf } from '../kernel/signal.js'
import type { Task } from '../kernel/task.js'
import { utf8Length } from '../lib/bytes.js'
import { deny } from '../security/deny.js'
import { shouldFail } from '../sim/faults.js'
import { removeSuid } from '../vfs/attr.js'
import { childCount, Dentry } from '../vfs/dentry.js'
import type { File } from '../vfs/file.js'
import { dropLink, Inode } from '../vfs/inode.js'
import { touchAtime } from '../vfs/namei.js'
import { defineFileOps, defineInodeOps } from '../vfs/ops.js'
import { treeDirOps } from '../vfs/readdir.js'
import { defineSuperOps, type FileSystemType, SuperBlock } from '../vfs/superblock.js'
import { PAGE_SIZE, PageStore } from './pages.js'
import { specialFileOps } from './special.js'

/** What one ramfs may hold and holds. */
export class RamfsInfo {
  readonly k: KernelCore
  maxPages: number
  maxInodes: number
  pages = 0
  inodes = 0

  constructor(k: KernelCore, maxPages: number, maxInodes: number) {
    this.k = k
    this.maxPages = maxPages
    this.maxInodes = maxInodes
  }
}

const infoOf = (sb: SuperBlock): RamfsInfo => sb.data as RamfsInfo

/** The largest file: MAX_LFS_FILESIZE of a 32-bit kernel with 4 KiB pages, or the profile's. */
const MAX_FILE_BYTES = 8796093022207

// ---- regular files -------------------------------------------------------------------------------------------

/** The content of a file that this kernel is about to change. */
function storeOf(inode: Inode, epoch: number): PageStore {
  const { data } = inode
  if (data === null) inode.data = new PageStore(epoch)
  else if ((data as PageStore).epoch !== epoch) inode.data = (data as PageStore).writable(epoch)
  return inode.data as PageStore
}

function read(current: Task, file: File, buf: Uint8Array, pos: number): number {
  const { inode } = file
  touchAtime(current, file.mnt, inode)
  if (pos >= inode.size) return 0
  const count = Math.min(buf.length, inode.size - pos)
  if (shouldFail(current.k, 'copy:read')) return EFAULT
  if (inode.data === null) buf.fill(0, 0, count)
  else (inode.data as PageStore).read(pos, buf, count)
  return count
}

/** How many bytes may be written at `pos`, or an Errno. Linux: generic_write_checks, mm/filemap.c. */
function writeLimit(current: Task, inode: Inode, pos: number, count: number): number {
  const limit = softLimit(current.group.rlimits, RLIMIT_FSIZE)
  let allowed = count
  if (limit !== RLIM_INFINITY) {
    if (pos >= limit) {
      sendSignalSelf(current, SIGXFSZ, 'file-size-limit', inode)
      return deny(current, EFBIG, 'limit', inode, 'RLIMIT_FSIZE', limit)
    }
    allowed = Math.min(allowed, limit - pos)
  }
  if (pos + allowed > inode.sb.maxBytes) {
    if (pos >= inode.sb.maxBytes) return EFBIG
    allowed = inode.sb.maxBytes - pos
  }
  return allowed
}

/** Cuts a write to the pages that are left; 0 means none. */
function fitPages(info: RamfsInfo, store: PageStore, pos: number, count: number): number {
  const free = info.maxPages - info.pages
  let fits = count
  while (fits > 0 && store.pagesNeeded(pos, fits) > free) {
    const lastPage = Math.floor((pos + fits - 1) / PAGE_SIZE) * PAGE_SIZE
    fits = Math.max(0, lastPage - pos)
  }
  return fits
}

function write(current: Task, file: File, data: Uint8Array, at: number): number {
  const { inode } = file
  const pos = (file.flags & O_APPEND) !== 0 ? inode.size : at
  const allowed = data.length === 0 ? 0 : writeLimit(current, inode, pos, data.length)
  if (allowed <= 0) return allowed
  removeSuid(current, inode)
  const info = infoOf(inode.sb)
  const store = storeOf(inode, current.k.epoch)
  const count = info.maxPages === Number.POSITIVE_INFINITY ? allowed : fitPages(info, store, pos, allowed)
  const { state } = current.k
  inode.mtime = state.now
  inode.ctime = state.now
  if (count === 0) return ENOSPC
  if (current.k.injection !== null) return writePages(current, inode, store, pos, data.subarray(0, count))
  const before = store.pages
  store.write(pos, data, count)
  info.pages += store.pages - before
  if (pos + count > inode.size) inode.size = pos + count
  return count
}

/**
 * A write page by page, each of which may lack memory or find the program's memory gone: the bytes before it count,
 * else ENOMEM or EFAULT. In 2.6 a page that could not be filled is part of the file all the same, as zeros.
 * Linux: generic_file_buffered_write (2.6.14), whose commit_write is told of all of the page; generic_file_write (2.2).
 */
function writePages(current: Task, inode: Inode, store: PageStore, pos: number, data: Uint8Array): number {
  const { k } = current
  const before = store.pages
  let done = 0
  let error = 0
  while (done < data.length && error === 0) {
    const at = pos + done
    const part = Math.min(data.length - done, PAGE_SIZE - (at % PAGE_SIZE))
    if (store.pagesNeeded(at, part) > 0 && shouldFail(k, 'alloc:page')) error = ENOMEM
    else if (shouldFail(k, 'copy:write')) error = EFAULT
    if (error === ENOMEM || (error === EFAULT && !isAtLeast(k.facts.release, '2.6.14'))) break
    const bytes = error === 0 ? data.subarray(done, done + part) : new Uint8Array(part)
    store.write(at, bytes, part)
    if (at + part > inode.size) inode.size = at + part
    if (error === 0) done += part
  }
  infoOf(inode.sb).pages += store.pages - before
  return done > 0 ? done : error
}

/** Linux: generic_file_llseek, remote_llseek: the result must be 0 … the largest file. */
function llseek(_current: Task, file: File, offset: number, whence: number): number {
  const base =
    whence === SEEK_SET ? 0 : whence === SEEK_CUR ? file.pos : whence === SEEK_END ? file.inode.size : -1
  if (base < 0) return EINVAL
  const target = base + offset
  if (target < 0 || target > file.inode.sb.maxBytes) return EINVAL
  file.pos = target
  return target
}

/** Linux: ramfs_file_operations. */
export const ramfsFileOps = defineFileOps({
  name: 'ramfs.file',
  seekable: true,
  read,
  write,
  llseek,
  fsync: () => 0,
})

function truncate(current: Task, inode: Inode, size: number): number {
  if (size > inode.size) {
    const limit = softLimit(current.group.rlimits, RLIMIT_FSIZE)
    if (limit !== RLIM_INFINITY && size > limit) {
      sendSignalSelf(current, SIGXFSZ, 'file-size-limit', inode)
      return deny(current, EFBIG, 'limit', inode, 'RLIMIT_FSIZE', limit)
    }
    if (size > inode.sb.maxBytes) return EFBIG
  }
  if (inode.data !== null) {
    const store = storeOf(inode, current.k.epoch)
    const before = store.pages
    if (size === 0) {
      store.release(current.k.epoch)
      inode.data = null
    } else if (size < inode.size) store.truncate(size)
    infoOf(inode.sb).pages -= before - (inode.data === null ? 0 : store.pages)
  }
  inode.size = size
  inode.mtime = current.k.state.now
  inode.ctime = current.k.state.now
  return 0
}

const ramfsFileInodeOps = defineInodeOps({ name: 'ramfs.file', truncate })

// ---- links and other inodes ----------------------------------------------------------------------------------

const ramfsLinkOps = defineInodeOps({
  name: 'ramfs.symlink',
  readlink: (_current, inode) => inode.data as string,
})

const ramfsSpecialOps = defineInodeOps({ name: 'ramfs.special', truncate: () => EINVAL })

const noFileOps = defineFileOps({ name: 'ramfs.none' })

/** A new inode without a name, or ENOSPC. Linux: ramfs_get_inode, shmem_get_inode. */
function newInode(current: Task, dir: Inode, mode: number, dev: DevT): Ret<Inode> {
  const { sb } = dir
  const info = infoOf(sb)
  if (info.inodes >= info.maxInodes || shouldFail(current.k, 'alloc:inode')) return ENOSPC
  const inode = makeInode(current.k, sb, mode, dev)
  inode.uid = current.cred.fsuid
  inode.gid = current.cred.fsgid
  if ((dir.mode & S_ISGID) !== 0) {
    inode.gid = dir.gid
    if ((mode & S_IFMT) === S_IFDIR) inode.mode |= S_ISGID
  }
  return inode
}

function makeInode(k: KernelCore, sb: SuperBlock, mode: number, dev: DevT): Inode {
  infoOf(sb).inodes++
  const ino = asIno(sb.nextIno++)
  const now = k.state.now
  switch (mode & S_IFMT) {
    case S_IFREG:
      return new Inode(sb, ino, mode, ramfsFileInodeOps, ramfsFileOps, null, dev, now)
    case S_IFDIR: {
      const inode = new Inode(sb, ino, mode, ramfsDirOps, treeDirOps, null, dev, now)
      inode.nlink = 2
      return inode
    }
    case S_IFLNK:
      return new Inode(sb, ino, mode, ramfsLinkOps, noFileOps, '', dev, now)
    default:
      return new Inode(sb, ino, mode, ramfsSpecialOps, specialFileOps(mode), null, dev, now)
  }
}

/** A directory's content changed. */
function touchDir(current: Task, dir: Inode): void {
  dir.mtime = current.k.state.now
  dir.ctime = current.k.state.now
}

function mknod(current: Task, dir: Inode, dentry: Dentry, mode: number, dev: DevT): number {
  const inode = newInode(current, dir, mode, dev)
  if (typeof inode === 'number') return inode
  dentry.inode = inode
  touchDir(current, dir)
  return 0
}

// ---- directories ---------------------------------------------------------------------------------------------

const NO_DEVICE = mkdev(0, 0)

/** Linux: simple_unlink. */
function unlink(current: Task, dir: Inode, dentry: Dentry): number {
  const inode = dentry.inode as Inode
  inode.ctime = current.k.state.now
  touchDir(current, dir)
  dropLink(inode)
  return 0
}

/** Linux: simple_rmdir. */
function rmdir(current: Task, dir: Inode, dentry: Dentry): number {
  if (childCount(dentry) > 0) return ENOTEMPTY
  const inode = dentry.inode as Inode
  inode.nlink--
  unlink(current, dir, dentry)
  dir.nlink--
  return 0
}

/** Linux: simple_rename. */
function rename(current: Task, oldDir: Inode, old: Dentry, newDir: Inode, target: Dentry | null): number {
  const inode = old.inode as Inode
  const movesDir = (inode.mode & S_IFMT) === S_IFDIR
  if (target !== null) {
    if (childCount(target) > 0) return ENOTEMPTY
    if (movesDir) {
      ;(target.inode as Inode).nlink--
      oldDir.nlink--
    }
    unlink(current, newDir, target)
  } else if (movesDir) {
    oldDir.nlink--
    newDir.nlink++
  }
  touchDir(current, oldDir)
  touchDir(current, newDir)
  inode.ctime = current.k.state.now
  return 0
}

/** Linux: ramfs_dir_inode_operations. The tree is the directory, so there is nothing to look up. */
export const ramfsDirOps = defineInodeOps({
  name: 'ramfs.dir',
  create: (current, dir, dentry, mode) => mknod(current, dir, dentry, mode, NO_DEVICE),
  mknod,
  mkdir(current, dir, dentry, mode) {
    const failed = mknod(current, dir, dentry, mode | S_IFDIR, NO_DEVICE)
    if (failed === 0) dir.nlink++
    return failed
  },
  symlink(current, dir, dentry, target) {
    const inode = newInode(current, dir, S_IFLNK | 0o777, NO_DEVICE)
    if (typeof inode === 'number') return inode
    if (shouldFail(current.k, 'alloc:page')) {
      dropLink(inode)
      return ENOMEM
    }
    inode.data = target
    inode.size = utf8Length(target)
    dentry.inode = inode
    touchDir(current, dir)
    return 0
  },
  link(current, old, dir, dentry) {
    const inode = old.inode as Inode
    inode.nlink++
    inode.ctime = current.k.state.now
    touchDir(current, dir)
    dentry.inode = inode
    return 0
  },
  unlink,
  rmdir,
  rename,
  truncate: () => 0,
})

// ---- the superblock ------------------------------------------------------------------------------------------

const RAMFS_MAGIC = 0x858458f6

function statfs(sb: SuperBlock): Statfs {
  const info = infoOf(sb)
  const limited = info.maxPages !== Number.POSITIVE_INFINITY
  const blocks = limited ? info.maxPages : 0
  const files = info.maxInodes !== Number.POSITIVE_INFINITY ? info.maxInodes : 0
  return {
    type: RAMFS_MAGIC,
    bsize: PAGE_SIZE,
    blocks,
    bfree: limited ? blocks - info.pages : 0,
    bavail: limited ? blocks - info.pages : 0,
    files,
    ffree: files === 0 ? 0 : files - info.inodes,
    fsid: [0, 0],
    namelen: 255,
  }
}

function evictInode(inode: Inode): void {
  const info = infoOf(inode.sb)
  info.inodes--
  if (inode.data instanceof PageStore) {
    info.pages -= inode.data.pages
    inode.data.release(info.k.epoch)
  }
  if ((inode.mode & S_IFMT) === S_IFREG) inode.data = null
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

interface RamfsOptions {
  size: number
  inodes: number
  mode: number
  uid: number
  gid: number
}

/** Parses mount options; null where one is unknown or malformed. */
function parseOptions(text: string): RamfsOptions | null {
  const options: RamfsOptions = {
    size: Number.POSITIVE_INFINITY,
    inodes: Number.POSITIVE_INFINITY,
    mode: 0o755,
    uid: 0,
    gid: 0,
  }
  for (const part of text.split(',').filter(Boolean)) {
    const match = /^(size|nr_inodes|mode|uid|gid)=([0-9]+)([kmgKMG]?)$/.exec(part)
    if (match === null) return null
    const [, key, digits = '', unit = ''] = match
    const value = Number(digits) * (UNITS[unit.toLowerCase()] ?? 1)
    if (key === 'size') options.size = value === 0 ? Number.POSITIVE_INFINITY : value
    else if (key === 'nr_inodes') options.inodes = value === 0 ? Number.POSITIVE_INFINITY : value
    else if (key === 'mode') options.mode = Number.parseInt(digits, 8) & 0o7777
    else if (key === 'uid') options.uid = value
    else options.gid = value
  }
  return options
}

const maxPagesOf = (size: number): number =>
  size === Number.POSITIVE_INFINITY ? size : Math.max(1, Math.ceil(size / PAGE_SIZE))

const ramfsSuperOps = defineSuperOps({
  name: 'ramfs',
  statfs,
  evictInode,
  remount(_k, sb, _flags, text) {
    const options = parseOptions(text)
    if (options === null) return EINVAL
    const info = infoOf(sb)
    const maxPages = text.includes('size=') ? maxPagesOf(options.size) : info.maxPages
    const maxInodes = text.includes('nr_inodes=') ? options.inodes : info.maxInodes
    if (maxPages < info.pages || maxInodes < info.inodes) return EINVAL
    info.maxPages = maxPages
    info.maxInodes = maxInodes
    return 0
  },
  showOptions(sb) {
    const info = infoOf(sb)
    const size = info.maxPages === Number.POSITIVE_INFINITY ? '' : `,size=${info.maxPages * 4}k`
    return info.maxInodes === Number.POSITIVE_INFINITY ? size : `${size},nr_inodes=${info.maxInodes}`
  },
})

/** A fresh ramfs. Errors: EINVAL (options), ENOMEM. Linux: ramfs_fill_super. */
export function mountRamfs(k: KernelCore, type: string, flags: number, text: string): Ret<SuperBlock> {
  const options = parseOptions(text)
  if (options === null) return EINVAL
  if (shouldFail(k, 'alloc:inode') || shouldFail(k, 'alloc:dentry')) return ENOMEM
  const info = new RamfsInfo(k, maxPagesOf(options.size), options.inodes)
  const maxBytes = Math.min(MAX_FILE_BYTES, k.facts.maxFileSize)
  const sb = new SuperBlock(type, k.anonDev(), flags, ramfsSuperOps, info, maxBytes)
  const root = makeInode(k, sb, S_IFDIR | options.mode, NO_DEVICE)
  root.uid = options.uid
  root.gid = options.gid
  sb.root = new Dentry('/', null, sb, root)
  return sb
}

/** ramfs, and tmpfs for those who ask for that name. */
export const ramfsType: FileSystemType = Object.freeze({
  name: 'ramfs',
  mount: (k: KernelCore, _source: string, flags: number, options: string) =>
    mountRamfs(k, 'ramfs', flags, options),
})

export const tmpfsType: FileSystemType = Object.freeze({
  name: 'tmpfs',
  mount: (k: KernelCore, _source: string, flags: number, options: string) =>
    mountRamfs(k, 'tmpfs', flags, options),
})
