/**
 * procfs: /proc, the kernel's view of itself as files. Linux: fs/proc (2.0.35, 2.2.12, 2.6.14).
 *
 * Nothing is stored: every lookup asks the kernel. Entries are rows of tables (root.ts, sys.ts, pid.ts) and what
 * modules contribute (`ProcEntry`); the rules of directories are in dir.ts, of text files in file.ts, of links to
 * places in link.ts. The formats of the era are in format_*.ts.
 *
 * Every mount shows the same superblock. Options: `uid=` and `gid=`, owner of /proc itself.
 */

import type { Ret } from '../../abi/errno.js'
import { NAME_MAX } from '../../abi/fcntl.js'
import type { Statfs } from '../../abi/stat.js'
import type { KernelCore } from '../../kernel/kernel.js'
import { defineSuperOps, type FileSystemType, SuperBlock } from '../../vfs/superblock.js'
import { makeRoot } from './dir.js'
import { isModern } from './entry.js'

/** Linux: PROC_SUPER_MAGIC. */
const PROC_SUPER_MAGIC = 0x9fa0

/** Linux: proc_statfs (2.2: blocks of PAGE_SIZE / sizeof(long)), simple_statfs (2.6). `data` is the block size. */
const statfs = (sb: SuperBlock): Statfs => ({
  type: PROC_SUPER_MAGIC,
  bsize: typeof sb.data === 'number' ? sb.data : sb.blockSize,
  blocks: 0,
  bfree: 0,
  bavail: 0,
  files: 0,
  ffree: 0,
  fsid: [0, 0],
  namelen: NAME_MAX,
})

const procSuperOps = defineSuperOps({ name: 'procfs', statfs, evictInode: () => {} })

/** The number of `uid=` or `gid=`; what cannot be understood is passed over. Linux: parse_options. */
function option(options: string, key: string): number {
  const match = new RegExp(`(?:^|,)${key}=([0-9]+)(?:,|$)`).exec(options)
  return match === null ? 0 : Number(match[1])
}

/** Linux: proc_fs_type. */
export const procType: FileSystemType = Object.freeze({
  name: 'proc',
  single: true,
  mount(k: KernelCore, _source: string, flags: number, options: string): Ret<SuperBlock> {
    const sb = new SuperBlock('proc', k.anonDev(), flags, procSuperOps, isModern(k) ? 4096 : 1024, 0x7fffffff)
    sb.blockSize = 1024
    sb.cachesDentries = false
    sb.root = makeRoot(k, sb)
    if (sb.root.inode !== null) {
      sb.root.inode.uid = option(options, 'uid')
      sb.root.inode.gid = option(options, 'gid')
    }
    return sb
  },
})

export { klogAll, klogHasUnread, klogRead, klogUnread } from '../dev/klog.js'
export { capabilityBound, sysctlNumber } from './sys.js'
export { checkProcEntries } from './tree.js'
