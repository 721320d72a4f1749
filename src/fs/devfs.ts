/**
 * devfs: a /dev that the kernel fills with the nodes of all registered drivers when it is mounted.
 *
 * From then on it is a ramfs: nodes can be made, removed, renamed and changed like any other (2.2 systems have
 * such a /dev on disk). Linux: fs/devfs/base.c, which came in 2.3.46.
 * Left out: nodes that appear when a driver does, the old names and links of devfsd.
 */

import { asIno } from '../abi/brand.js'
import { EINVAL, isErr, type Ret } from '../abi/errno.js'
import { S_IFBLK, S_IFCHR, S_IFDIR } from '../abi/stat.js'
import type { KernelCore } from '../kernel/kernel.js'
import { Dentry, dAdd } from '../vfs/dentry.js'
import { blockDeviceOps, charDeviceOps, type DeviceNode } from '../vfs/devices.js'
import { Inode } from '../vfs/inode.js'
import { defineInodeOps } from '../vfs/ops.js'
import { treeDirOps } from '../vfs/readdir.js'
import type { FileSystemType, SuperBlock } from '../vfs/superblock.js'
import { mountRamfs, RamfsInfo, ramfsDirOps } from './ramfs.js'

const deviceInodeOps = defineInodeOps({ name: 'devfs.device', truncate: () => EINVAL })

function makeDir(k: KernelCore, sb: SuperBlock): Inode {
  const ino = asIno(sb.nextIno++)
  const inode = new Inode(
    sb,
    ino,
    S_IFDIR | 0o755,
    ramfsDirOps,
    treeDirOps,
    null,
    k.devices.anonymous(0),
    k.now,
  )
  inode.nlink = 2
  return inode
}

function makeDevice(k: KernelCore, sb: SuperBlock, node: DeviceNode): Inode {
  const isChar = node.kind === 'char'
  const mode = (isChar ? S_IFCHR : S_IFBLK) | node.mode
  const fops = isChar ? charDeviceOps : blockDeviceOps
  return new Inode(sb, asIno(sb.nextIno++), mode, deviceInodeOps, fops, null, node.dev, k.now)
}

/** Enters an inode under a name. */
function enter(parent: Dentry, name: string, inode: Inode): Dentry {
  const { sb } = parent
  if (sb.data instanceof RamfsInfo) sb.data.inodes++
  const dentry = new Dentry(name, parent, sb, inode)
  dAdd(parent, dentry)
  return dentry
}

/** Makes a node and the directories on the way to it. */
function addNode(k: KernelCore, root: Dentry, node: DeviceNode): void {
  const names = node.path.split('/')
  const last = names.pop() ?? ''
  let dir = root
  for (const name of names) {
    const known = dir.children?.get(name)
    if (known === undefined && dir.inode !== null) dir.inode.nlink++
    dir = known ?? enter(dir, name, makeDir(k, root.sb))
  }
  enter(dir, last, makeDevice(k, root.sb, node))
}

/** Options are those of ramfs. */
export const devfsType: FileSystemType = Object.freeze({
  name: 'devfs',
  mount(k: KernelCore, _source: string, flags: number, options: string): Ret<SuperBlock> {
    const sb = mountRamfs(k, 'devfs', flags, options)
    if (isErr(sb) || sb.root === null) return sb
    for (const node of k.devices.nodes()) addNode(k, sb.root, node)
    return sb
  },
})
