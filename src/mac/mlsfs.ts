/**
 * mlsfs: a directory that is another one for every compartment. Reference MAC-36 to MAC-40.
 *
 *     mount -t mlsfs -o base=/mls/etc none /etc
 *
 * Who walks into it finds the subdirectory of the base that is called like the own compartment, or else `default`, or
 * else nothing. Administrators find `default`, and all of them in the base. The paths stay those of the mount.
 */

import { asIno, mkdev } from '../abi/brand.js'
import { EINVAL, EISDIR, ENOMEM, isErr, type Ret } from '../abi/errno.js'
import { type Dirent, DT_DIR, S_IFDIR, S_IFMT, type Statfs } from '../abi/stat.js'
import { defaultLlseek } from '../fs/dev/seek.js'
import type { Books } from '../kernel/books.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { LoadableModule } from '../kernel/loadable.js'
import type { Task } from '../kernel/task.js'
import { shouldFail } from '../sim/faults.js'
import { Dentry } from '../vfs/dentry.js'
import type { File } from '../vfs/file.js'
import { Inode, igrab, iput } from '../vfs/inode.js'
import { lookupMount, Mount } from '../vfs/mount.js'
import { LOOKUP_DIRECTORY, LOOKUP_FOLLOW, lookupChild, pathLookup } from '../vfs/namei.js'
import { mntput } from '../vfs/namespace.js'
import { defineFileOps, defineInodeOps } from '../vfs/ops.js'
import { DirFiller } from '../vfs/readdir.js'
import { defineSuperOps, type FileSystemType, SuperBlock } from '../vfs/superblock.js'
import { isAdmin } from './label.js'
import { Labels, type MacState } from './state.js'

/** The name of the type, and of the module. */
export const MLSFS = 'mlsfs'
/** The subdirectory of who has none of his own. */
const DEFAULT = 'default'
const ROOT_INO = 1
/** Ours: no number of it is known. */
const MLSFS_MAGIC = 0x6d6c7366
const CODE_BYTES = 3072

/** What a mount knows. */
class MlsfsInfo {
  /** As it was given. */
  readonly path: string
  /** The directory that the subdirectories are in. */
  readonly base: Dentry
  readonly baseMnt: Mount
  /** What has been seen so far, by the directory that is seen; and the mounts that these directories are in. */
  readonly views = new Map<Dentry, { readonly view: Mount; readonly under: Mount }>()

  constructor(path: string, base: Dentry, baseMnt: Mount) {
    this.path = path
    this.base = base
    this.baseMnt = baseMnt
  }
}

const infoOf = (sb: SuperBlock): MlsfsInfo => sb.data as MlsfsInfo

// ---- what is seen --------------------------------------------------------------------------------------------

/** A subdirectory of the base, and the mount that it is in: what is mounted on it counts. */
function subdirectory(current: Task, info: MlsfsInfo, name: string): [Dentry, Mount] | null {
  const { base, baseMnt } = info
  if (base.inode === null) return null
  const found = lookupChild(current, base, base.inode, name, false)
  if (found === null || isErr(found)) return null
  let dentry = found
  let under = baseMnt
  for (let on = lookupMount(under, dentry); on !== null; on = lookupMount(under, dentry)) {
    under = on
    dentry = on.root
  }
  const mode = dentry.inode?.mode ?? 0
  return (mode & S_IFMT) === S_IFDIR ? [dentry, under] : null
}

/** What a task sees of a mount. It is asked at every walk into it (MAC-37). */
function view(current: Task, mnt: Mount): Mount | null {
  const { k } = current
  const info = infoOf(mnt.sb)
  const labels = new Labels(k.state.modules.get('mac') as MacState, k.securitySlots.get('mac') ?? 0)
  const label = labels.ofTask(current)
  const own = isAdmin(label) ? null : subdirectory(current, info, String(label.compartment))
  const found = own ?? subdirectory(current, info, DEFAULT)
  if (found === null) return null
  const [dentry, under] = found
  const known = info.views.get(dentry)
  if (known !== undefined && known.view.parent === mnt) return known.view
  const made = new Mount(under.sb, dentry, mnt.source, mnt.flags | under.flags)
  made.isView = true
  made.parent = mnt
  made.mountpoint = mnt.root
  under.count++
  info.views.set(dentry, { view: made, under })
  return made
}

// ---- the empty directory of who sees nothing -----------------------------------------------------------------

function readdir(current: Task, file: File, count: number): Ret<Dirent[]> {
  const filler = new DirFiller(count, current.k.facts.hasDirentTypes)
  for (const [at, name] of ['.', '..'].entries()) {
    if (at < file.pos) continue
    if (!filler.add(name, at + 1, file.inode.ino, DT_DIR)) return filler.result(true)
    file.pos = at + 1
  }
  return filler.result(false)
}

const rootOps = defineInodeOps({ name: 'mlsfs.empty', lookup: () => null })

const rootFileOps = defineFileOps({
  name: 'mlsfs.empty',
  seekable: true,
  llseek: defaultLlseek,
  read: () => EISDIR,
  readdir,
})

// ---- mounting ------------------------------------------------------------------------------------------------

const superOps = defineSuperOps({
  name: 'mlsfs.super',

  statfs: (): Statfs => ({
    type: MLSFS_MAGIC,
    bsize: 1024,
    blocks: 0,
    bfree: 0,
    bavail: 0,
    files: 0,
    ffree: 0,
    fsid: [0, 0],
    namelen: 255,
  }),

  evictInode: () => {},

  view,

  isViewed: (sb) => [...infoOf(sb).views.values()].some(({ view: seen }) => seen.count > 0),

  putSuper(_k, sb) {
    const { base, baseMnt, views } = infoOf(sb)
    for (const { under } of views.values()) mntput(under)
    mntput(baseMnt)
    if (base.inode !== null) iput(base.inode)
  },

  showOptions: (sb) => `,base=${infoOf(sb).path}`,
})

/** The value of `base=`; null where there is none, or something else besides. */
function readBase(text: string): string | null {
  let base: string | null = null
  for (const option of text.split(',')) {
    if (option === '') continue
    if (!option.startsWith('base=/')) return null
    base = option.slice('base='.length)
  }
  return base
}

/** `base` is an absolute path, as init sees it. Errors: EINVAL options, ENOMEM, those of the walk to the base. */
function mount(k: KernelCore, flags: number, text: string): Ret<SuperBlock> {
  const path = readBase(text)
  const { nd2 } = k
  const { init, now } = k.state
  if (path === null || init === null) return EINVAL
  const failed = pathLookup(init, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, nd2)
  if (isErr(failed)) return failed
  const { dentry: base, mnt: baseMnt } = nd2
  // A view of a view would be another one for everybody who mounts it.
  if (baseMnt.isView || base.inode === null) return EINVAL
  if (shouldFail(k, 'alloc:inode') || shouldFail(k, 'alloc:dentry')) return ENOMEM
  const sb = new SuperBlock(MLSFS, k.anonDev(), flags, superOps, new MlsfsInfo(path, base, baseMnt), 0)
  const root = new Inode(sb, asIno(ROOT_INO), S_IFDIR | 0o755, rootOps, rootFileOps, 0, mkdev(0, 0), now)
  root.nlink = 2
  sb.root = new Dentry('/', null, sb, root)
  baseMnt.count++
  igrab(base.inode)
  return sb
}

const mlsfsType: FileSystemType = Object.freeze({
  name: MLSFS,
  mount: (k: KernelCore, _source: string, flags: number, text: string) => mount(k, flags, text),
})

/** The module that insmod loads (MAC-36). */
export const mlsfsModule = (isLoadedAtBoot: boolean): LoadableModule => ({
  name: MLSFS,
  size: CODE_BYTES,
  filesystems: [mlsfsType],
  isLoadedAtBoot,
  init: () => 0,
  cleanup: () => {},
})

/** What mounts of it hold. */
export function mlsfsHolds(books: Books): void {
  for (const sb of books.k.state.superBlocks) {
    if (sb.type !== MLSFS) continue
    const { base, baseMnt, views } = infoOf(sb)
    books.mounts.add(baseMnt)
    if (base.inode !== null) books.inodes.add(base.inode)
    for (const { under } of views.values()) books.mounts.add(under)
  }
}
