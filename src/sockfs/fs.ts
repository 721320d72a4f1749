/**
 * The file system whose files are the ports: superblocks, the directory, the entries. Reference SF-4, SF-5, SF-10 to
 * SF-17, SF-31, SF-32.
 *
 * An entry gets an inode when its name is looked up, and keeps it until the file system is unmounted; the table says what
 * is in it. What changes an entry changes the table and the inodes that show it in all mounts.
 */

import { asIno, mkdev } from '../abi/brand.js'
import { CAP_DAC_OVERRIDE } from '../abi/capability.js'
import { EINVAL, EISDIR, ENOMEM, EPERM, type Ret } from '../abi/errno.js'
import { type Dirent, DT_DIR, DT_REG, S_IALLUGO, S_IFDIR, S_IFREG, type Statfs } from '../abi/stat.js'
import { defaultLlseek } from '../fs/dev/seek.js'
import { KernelBug } from '../kernel/bug.js'
import { publish } from '../kernel/events.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Task } from '../kernel/task.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { shouldFail } from '../sim/faults.js'
import { inodeChangeOk, inodeSetattr } from '../vfs/attr.js'
import { Dentry } from '../vfs/dentry.js'
import type { File } from '../vfs/file.js'
import { Inode, MAY_WRITE } from '../vfs/inode.js'
import { touchAtime } from '../vfs/namei.js'
import { defineFileOps, defineInodeOps, type Iattr } from '../vfs/ops.js'
import { modeBitsFor } from '../vfs/permission.js'
import { DirFiller } from '../vfs/readdir.js'
import { defineSuperOps, type FileSystemType, SuperBlock } from '../vfs/superblock.js'
import { SOCKFS_ENTRY } from './events.js'
import type { UnmountMode } from './options.js'
import {
  gidOf,
  leaveForce,
  MAX_ID,
  modeOf,
  PORTS,
  resetTable,
  type SockfsState,
  setEntry,
  uidOf,
} from './table.js'

/** Inode numbers: the directory, then the entries. */
const ROOT_INO = 1

/** What the original said is not known. */
const SOCKFS_MAGIC = 0x736f636b

/** What a superblock knows. */
class SockfsInfo {
  /** The module's state. */
  state: SockfsState
  /** When it was mounted, milliseconds since boot: the times of all entries. */
  mountedAt: number

  constructor(state: SockfsState, mountedAt: number) {
    this.state = state
    this.mountedAt = mountedAt
  }
}

const infoOf = (sb: SuperBlock): SockfsInfo => sb.data as SockfsInfo
const stateOf = ({ sb }: Inode): SockfsState => infoOf(sb).state

/** The table is there as long as somebody can get at a file. */
function tableOf(inode: Inode): Uint16Array {
  const { table } = stateOf(inode)
  if (table === null) throw new KernelBug('sockfs is mounted and has no table')
  return table
}

const portOf = ({ data }: Inode): number => data as number

// ---- looking ---------------------------------------------------------------------------------------------------

/** The decimal form without leading zeros, 1 to 1024; 0 for other names (SF-10). */
function portNamed(name: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(name)) return 0
  const port = Number(name)
  return port <= PORTS ? port : 0
}

function makeInode(sb: SuperBlock, table: Uint16Array, port: number): Inode {
  const inode = new Inode(
    sb,
    asIno(ROOT_INO + port),
    S_IFREG | modeOf(table, port),
    entryOps,
    entryFileOps,
    port,
    mkdev(0, 0),
    infoOf(sb).mountedAt,
  )
  inode.uid = uidOf(table, port)
  inode.gid = gidOf(table, port)
  return inode
}

/** Null for what is no port. Errors: ENOMEM. */
function lookup(current: Task, dir: Inode, name: string): Ret<Inode | null> {
  const port = portNamed(name)
  if (port === 0) return null
  return shouldFail(current.k, 'alloc:inode') ? ENOMEM : makeInode(dir.sb, tableOf(dir), port)
}

/** All entries in numeric order, without their inodes (SF-10). `..` of the root of a file system is itself. */
function readdir(current: Task, file: File, count: number): Ret<Dirent[]> {
  touchAtime(current, file.mnt, file.inode)
  const filler = new DirFiller(count, current.k.facts.hasDirentTypes)
  const dots = ['.', '..']
  for (let at = file.pos; at < PORTS + dots.length; at++) {
    const dot = dots[at]
    const port = at - 1
    const hasRoom =
      dot !== undefined
        ? filler.add(dot, at + 1, file.inode.ino, DT_DIR)
        : filler.add(String(port), at + 1, ROOT_INO + port, DT_REG)
    if (!hasRoom) return filler.result(true)
    file.pos = at + 1
  }
  return filler.result(false)
}

// ---- changing --------------------------------------------------------------------------------------------------

/**
 * May `current` change entries? Whoever has write access to the directory may, and fsuid 0 always; to own the entry is
 * neither needed nor enough (SF-14).
 */
function mayAdminister(current: Task, root: Inode): boolean {
  const { cred } = current
  if (cred.fsuid === 0 || (modeBitsFor(cred, root) & MAY_WRITE) !== 0) return true
  return capable(current, CAP_DAC_OVERRIDE)
}

/** The inode that shows a port in a mount, if it has been looked up there. */
const shownIn = (sb: SuperBlock, port: number): Inode | null =>
  sb.root?.children?.get(String(port))?.inode ?? null

/** The rule of an entry (SF-14). Errors: EPERM; EINVAL an id of more than 16 bits. */
function changeEntry(current: Task, inode: Inode, attr: Iattr): number {
  if (attr.size !== undefined) return deny(current, EPERM, 'state', inode, 'no-operation')
  // That the times may be set to now, the VFS has found.
  const touches = attr.mtime !== undefined && attr.mode === undefined && attr.timesSet !== true
  const root = inode.sb.root?.inode ?? inode
  if (!touches && !mayAdminister(current, root)) return deny(current, EPERM, 'dac', root, MAY_WRITE)
  if ((attr.uid ?? 0) > MAX_ID || (attr.gid ?? 0) > MAX_ID) return EINVAL
  const table = tableOf(inode)
  const port = portOf(inode)
  const mode = attr.mode === undefined ? modeOf(table, port) : attr.mode & S_IALLUGO
  setEntry(table, port, { uid: attr.uid ?? inode.uid, gid: attr.gid ?? inode.gid, mode })
  if (attr.atime !== undefined) inode.atime = attr.atime
  if (attr.mtime !== undefined) inode.mtime = attr.mtime
  for (const sb of stateOf(inode).mounted) {
    const shown = shownIn(sb, port)
    if (shown !== null) showEntry(shown, table, port, attr.ctime ?? current.k.state.now)
  }
  if (attr.mode !== undefined || attr.uid !== undefined || attr.gid !== undefined) {
    const [uid, gid] = [uidOf(table, port), gidOf(table, port)]
    publish(current.k, SOCKFS_ENTRY, { by: current.pid, port, mode, uid, gid }, current)
  }
  return 0
}

function showEntry(inode: Inode, table: Uint16Array, port: number, ctime: number): void {
  inode.uid = uidOf(table, port)
  inode.gid = gidOf(table, port)
  inode.mode = S_IFREG | modeOf(table, port)
  inode.ctime = ctime
}

/** The stock rule (SF-16); the change is seen in all mounts and kept with the table. */
function changeRoot(current: Task, inode: Inode, attr: Iattr): number {
  const state = stateOf(inode)
  const failed = inodeChangeOk(current, inode, attr) || inodeSetattr(current, inode, attr)
  if (failed !== 0) return failed
  state.rootUid = inode.uid
  state.rootGid = inode.gid
  state.rootMode = inode.mode & S_IALLUGO
  for (const { root } of state.mounted) if (root?.inode != null) showRoot(root.inode, state, inode.ctime)
  return 0
}

function showRoot(inode: Inode, state: SockfsState, ctime: number): void {
  inode.uid = state.rootUid
  inode.gid = state.rootGid
  inode.mode = S_IFDIR | state.rootMode
  inode.ctime = ctime
}

// ---- tables of operations --------------------------------------------------------------------------------------

/** Everything else that could be done in the directory is EPERM (SF-12). */
const rootOps = defineInodeOps({ name: 'sockfs.ports', lookup, setattr: changeRoot })

const rootFileOps = defineFileOps({
  name: 'sockfs.ports',
  seekable: true,
  llseek: defaultLlseek,
  read: () => EISDIR,
  readdir,
})

const entryOps = defineInodeOps({ name: 'sockfs.port', setattr: changeEntry })

/** Reading gives nothing, writing EINVAL (SF-13). */
const entryFileOps = defineFileOps({
  name: 'sockfs.port',
  seekable: true,
  llseek: defaultLlseek,
  read: () => 0,
})

// ---- mounting --------------------------------------------------------------------------------------------------

/** 'restore' and 'preserve', the last one counting; undefined: nothing is said; null: an option that there is not. */
function readOptions(text: string): UnmountMode | null | undefined {
  let mode: UnmountMode | undefined
  for (const word of text.split(',')) {
    if (word === 'restore' || word === 'preserve') mode = word
    else if (word !== '') return null
  }
  return mode
}

const superOps = defineSuperOps({
  name: 'sockfs.super',

  statfs: (): Statfs => ({
    type: SOCKFS_MAGIC,
    bsize: 1024,
    blocks: 0,
    bfree: 0,
    bavail: 0,
    files: PORTS + 1,
    ffree: 0,
    fsid: [0, 0],
    namelen: 4,
  }),

  evictInode: () => {},

  remount(_k, sb, _flags, text) {
    const mode = readOptions(text)
    if (mode === null) return EINVAL
    if (mode !== undefined) infoOf(sb).state.unmountMode = mode
    return 0
  },

  /** The last one takes the permissions out of force, or leaves them there (SF-31, SF-32). */
  putSuper(_k, sb) {
    const { state } = infoOf(sb)
    state.mounted = state.mounted.filter((other) => other !== sb)
    if (state.mounted.length === 0 && state.unmountMode === 'restore') leaveForce(state, state.keepsTable)
  },

  showOptions: (sb) => (infoOf(sb).state.unmountMode === 'preserve' ? ',preserve' : ''),
})

/**
 * A further look at the table. The first mount makes it as it is at first and puts it in force, unless it is in force still
 * (SF-3, SF-31, SF-32). Errors: EINVAL (options), ENOMEM.
 */
function mount(
  k: KernelCore,
  state: SockfsState,
  type: string,
  first: UnmountMode,
  flags: number,
  text: string,
): Ret<SuperBlock> {
  const mode = readOptions(text)
  if (mode === null) return EINVAL
  if (state.table === null && shouldFail(k, 'alloc:sockfs')) return ENOMEM
  if (shouldFail(k, 'alloc:inode') || shouldFail(k, 'alloc:dentry')) return ENOMEM
  if (!state.isInForce) {
    resetTable(state)
    state.unmountMode = first
    state.isInForce = true
  }
  if (mode !== undefined) state.unmountMode = mode
  const { now } = k.state
  const sb = new SuperBlock(type, k.anonDev(), flags, superOps, new SockfsInfo(state, now), 0)
  const root = new Inode(sb, asIno(ROOT_INO), S_IFDIR, rootOps, rootFileOps, 0, mkdev(0, 0), now)
  root.nlink = 2
  showRoot(root, state, now)
  sb.root = new Dentry('/', null, sb, root)
  state.mounted.push(sb)
  return sb
}

/** The type of file system over a state. */
export const sockfsTypeOf = (state: SockfsState, name: string, first: UnmountMode): FileSystemType =>
  Object.freeze({
    name,
    sharesFiles: true,
    mount: (k: KernelCore, _source: string, flags: number, text: string) =>
      mount(k, state, name, first, flags, text),
  })
