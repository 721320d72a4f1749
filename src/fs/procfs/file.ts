/**
 * Reading and writing the text files of /proc. Linux: array_read (2.0, 2.2), proc_info_read, proc_file_read, seq_read
 * (2.6.14).
 *
 * A text is made by the first read at position 0 and kept with the open file until the next one there, so that
 * a file read piece by piece is of one moment.
 * Deviation: 2.2 makes it again for every read and gives at most 3 KiB at a time; so does 2.6 for some files.
 */

import { EACCES, EFAULT, EINVAL, EIO, ENOMEM, ESRCH } from '../../abi/errno.js'
import { O_ACCMODE, O_RDWR } from '../../abi/fcntl.js'
import { inEffectiveGroup } from '../../kernel/cred.js'
import type { Task } from '../../kernel/task.js'
import { seesTask } from '../../kernel/visible.js'
import { utf8Decode, utf8Encode } from '../../lib/bytes.js'
import { deny } from '../../security/deny.js'
import { shouldFail } from '../../sim/faults.js'
import type { File } from '../../vfs/file.js'
import type { Inode } from '../../vfs/inode.js'
import { defineFileOps, defineInodeOps } from '../../vfs/ops.js'
import { defaultLlseek } from '../dev/seek.js'
import { isModern, isSysctl, nodeOf, type ProcNode, taskOf } from './entry.js'
import { readAfterDeath } from './pid.js'
import { entryOf } from './tree.js'

/** The text of an open file as bytes; null before the first read. */
type Content = Uint8Array | null

/** Makes the text: 0, or an Errno; the bytes are left in `file.data`. */
function generate(current: Task, file: File<Content>, node: ProcNode): number {
  const { k } = current
  const task = node.pid === 0 ? null : taskOf(k, node)
  file.data = null
  if (shouldFail(k, 'alloc:page')) return ENOMEM
  if (node.pid !== 0 && task === null) return readAfterDeath(k.facts.release)
  if (task !== null && !seesTask(current, task)) return ESRCH
  const entry = entryOf(k, node)
  if (entry?.read === undefined) return EINVAL
  const text = entry.read(current, { task, isForWriting: (file.flags & O_ACCMODE) === O_RDWR })
  if (typeof text === 'number') return text
  file.data = utf8Encode(text)
  return 0
}

function read(current: Task, file: File<Content>, buf: Uint8Array, pos: number): number {
  const node = nodeOf(file.inode)
  if (pos > 0 && isSysctl(node)) return 0
  if (pos === 0 || file.data === null) {
    const failed = generate(current, file, node)
    if (failed !== 0) return failed
  }
  const part = file.data?.subarray(pos, pos + buf.length) ?? null
  if (part === null) return 0
  if (part.length > 0 && shouldFail(current.k, 'copy:read')) return EFAULT
  buf.set(part)
  return part.length
}

/** What is not for writing says EIO where generic code has the file (proc_file_write), else EINVAL. */
function write(current: Task, file: File<Content>, data: Uint8Array): number {
  const { k } = current
  const node = nodeOf(file.inode)
  const task = node.pid === 0 ? null : taskOf(k, node)
  if (node.pid !== 0 && task === null) return readAfterDeath(k.facts.release) || EINVAL
  if (task !== null && !seesTask(current, task)) return ESRCH
  const entry = entryOf(k, node)
  if (entry?.write !== undefined) return entry.write(current, { task, isForWriting: true }, utf8Decode(data))
  return node.pid === 0 && isModern(k) ? EIO : EINVAL
}

const TEXT = {
  seekable: true,
  llseek: defaultLlseek,
  open(_current: Task, _inode: Inode, file: File<Content>): number {
    file.data = null
    return 0
  },
  read,
  write,
}

/** Tunables: what is written moves the position. Linux: proc_sys_file_operations. */
export const sysctlFileOps = defineFileOps<Content>({ name: 'procfs.sysctl', ...TEXT })

/**
 * Linux: proc_array_operations (2.2), proc_info_file_operations, proc_file_operations (2.6). What is written does not
 * move the position: write_proc and seccomp_write are not given it, or leave it alone.
 */
export const textFileOps = defineFileOps<Content>({ name: 'procfs.text', ...TEXT, writesInPlace: true })

/** The owner bits are for effective uid 0, whatever the capabilities. Linux: test_perm, kernel/sysctl.c. */
function sysctlPermission(current: Task, inode: Inode, mask: number): number {
  const { cred } = current
  const isOwner = cred.euid === 0
  const isMember = !isOwner && inEffectiveGroup(cred, 0)
  const bits = isOwner ? inode.mode >> 6 : isMember ? inode.mode >> 3 : inode.mode
  if ((bits & mask & 7) === mask) return 0
  return deny(current, EACCES, 'dac', inode, mask, isOwner ? 'owner' : isMember ? 'group' : 'other')
}

/** Opening with O_TRUNC is fine: there is nothing to cut. */
const truncate = (): number => 0

/** Everything that is no directory, no link and no tunable. Linux: proc_array_inode_operations (2.2). */
export const fileInodeOps = defineInodeOps({ name: 'procfs.file', truncate })

/** Linux: proc_sys_inode_operations. */
export const sysctlInodeOps = defineInodeOps({
  name: 'procfs.sysctl',
  truncate,
  permission: sysctlPermission,
})
