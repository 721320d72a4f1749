/**
 * pipefs: where the inodes of pipe(2) live. Mounted inside the kernel only; no path leads there.
 *
 * Linux: do_pipe, get_pipe_inode, pipe_fs_type, fs/pipe.c (2.6.14). 2.0 and 2.2 have no such file system: their pipes
 * are inodes of device 0, which is how stat(2) tells them apart here.
 */

import { asDevT, asIno } from '../abi/brand.js'
import { EINVAL, ENFILE, ENOMEM, isErr, type Ret } from '../abi/errno.js'
import { NAME_MAX, O_RDONLY, O_WRONLY } from '../abi/fcntl.js'
import { MS_NOUSER } from '../abi/mount.js'
import { S_IFDIR, S_IFIFO, S_IRUSR, S_IWUSR, type Statfs } from '../abi/stat.js'
import type { KernelCore } from '../kernel/kernel.js'
import { ownDev, partOf } from '../kernel/part.js'
import type { Task } from '../kernel/task.js'
import { shouldFail } from '../sim/faults.js'
import { Dentry } from '../vfs/dentry.js'
import { File, FMODE_READ, FMODE_WRITE } from '../vfs/file.js'
import { getWriteAccess, Inode, igrab } from '../vfs/inode.js'
import { Mount } from '../vfs/mount.js'
import { defineFileOps, defineInodeOps } from '../vfs/ops.js'
import { defineSuperOps, type FileSystemType, SuperBlock } from '../vfs/superblock.js'
import { type Pipe, PipeEnd } from './pipe.js'
import { PagePipe, pagePipeOps } from './pipe_page.js'
import { SlotPipe, slotPipeOps } from './pipe_slots.js'

const PIPEFS_MAGIC = 0x50495045

/** Linux: simple_statfs. */
const statfs = (sb: SuperBlock): Statfs => ({
  type: PIPEFS_MAGIC,
  bsize: sb.blockSize,
  blocks: 0,
  bfree: 0,
  bavail: 0,
  files: 0,
  ffree: 0,
  fsid: [0, 0],
  namelen: NAME_MAX,
})

const pipefsSuperOps = defineSuperOps({ name: 'pipefs', statfs, evictInode: () => {} })

const pipefsInodeOps = defineInodeOps({ name: 'pipefs', truncate: () => EINVAL })

const pipefsRootOps = defineFileOps({ name: 'pipefs.root' })

const NO_DEVICE = asDevT(0)

/** Linux: get_sb_pseudo. The root is named 'pipe:', and nobody but the kernel may mount it (MS_NOUSER). */
function mountPipefs(k: KernelCore): SuperBlock {
  const dev = k.facts.pipeBuffer === 'slots' ? ownDev(k, 0) : NO_DEVICE
  const sb = new SuperBlock('pipefs', dev, MS_NOUSER, pipefsSuperOps, null, k.facts.maxFileSize)
  const mode = S_IFDIR | S_IRUSR | S_IWUSR
  const root = new Inode(sb, asIno(1), mode, pipefsInodeOps, pipefsRootOps, null, NO_DEVICE, k.state.now)
  sb.root = new Dentry('pipe:', null, sb, root)
  return sb
}

/** Linux: pipe_fs_type (2.6). */
export const pipefsType: FileSystemType = Object.freeze({ name: 'pipefs', mount: mountPipefs })

/** The kernel's own mount of pipefs, made when it is first wanted. Linux: pipe_mnt. */
function pipeMount(k: KernelCore): Mount {
  const { superBlocks } = k.state
  for (const sb of superBlocks) {
    if (sb.type === 'pipefs' && sb.data instanceof Mount) return sb.data
  }
  const sb = mountPipefs(k)
  const mnt = new Mount(sb, sb.root ?? new Dentry('pipe:', null, sb, null), 'pipefs', 0)
  sb.data = mnt
  superBlocks.push(sb)
  return mnt
}

/** The two ends of a pipe. */
export interface PipeFiles {
  readonly read: File
  readonly write: File
}

/** What a pipe is made of and cannot be had: two open files, inode, page, dentry. */
function pipeFault(k: KernelCore): number {
  if (shouldFail(k, 'alloc:file') || shouldFail(k, 'alloc:file')) return ENFILE
  if (shouldFail(k, 'alloc:inode') || shouldFail(k, 'alloc:pipe')) return ENFILE
  return shouldFail(k, 'alloc:dentry') ? ENOMEM : 0
}

/** Makes a pipe: two open files without descriptors. Errors: ENFILE, ENOMEM. Linux: do_pipe, get_pipe_inode. */
export function createPipe(current: Task): Ret<PipeFiles> {
  const { k } = current
  if (k.injection !== null) {
    const failed = pipeFault(k)
    if (isErr(failed)) return failed
  }
  const mnt = pipeMount(k)
  const ino = asIno((partOf(current) ?? k.state).nextPipeIno++)
  const name = `pipe:[${ino}]`
  const mode = S_IFIFO | S_IRUSR | S_IWUSR
  const hasSlots = k.facts.pipeBuffer === 'slots'
  const pipe: Pipe = hasSlots ? new SlotPipe(name) : new PagePipe(name)
  const ops = hasSlots ? slotPipeOps : pagePipeOps
  const inode = new Inode(mnt.sb, ino, mode, pipefsInodeOps, ops, pipe, NO_DEVICE, k.state.now)
  inode.uid = current.cred.fsuid
  inode.gid = current.cred.fsgid
  pipe.readers = 1
  pipe.writers = 1
  const dentry = new Dentry(name, null, mnt.sb, inode)
  const open = (fmode: number, flags: number): File => {
    const file = new File<unknown>(ops, new PipeEnd(pipe), igrab(inode))
    file.dentry = dentry
    file.mnt = mnt
    file.mode = fmode
    file.flags = flags
    mnt.count++
    return file
  }
  const read = open(FMODE_READ, O_RDONLY)
  const write = open(FMODE_WRITE, O_WRONLY)
  getWriteAccess(inode)
  return { read, write }
}
