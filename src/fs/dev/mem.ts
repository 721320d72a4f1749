/**
 * The memory devices, major 1: null, zero, full, random, urandom, kmsg. Linux: drivers/char/mem.c,
 * drivers/char/random.c (2.2.12, 2.6.14).
 *
 * Random bytes come from the run's own generator, so they repeat with the seed. The entropy pool is always full:
 * /dev/random never blocks, what is written to it is accepted and forgotten.
 * Deviation: /dev/kmsg (2.5.32) exists in all profiles.
 * Left out: mem, kmem and port, and the ioctl calls of random.
 */

import { ENOSPC } from '../../abi/errno.js'
import type { KernelCore } from '../../kernel/kernel.js'
import type { CharDevice } from '../../kernel/module.js'
import { partOf } from '../../kernel/part.js'
import type { Task } from '../../kernel/task.js'
import { wakeUp } from '../../kernel/wait.js'
import { utf8Decode } from '../../lib/bytes.js'
import { MEM_MAJOR } from '../../vfs/devices.js'
import type { File } from '../../vfs/file.js'
import { touchAtime } from '../../vfs/namei.js'
import { defineFileOps, type FileOperations } from '../../vfs/ops.js'
import { defaultLlseek } from './seek.js'

/** Seeking is allowed, and forgotten. Linux: null_lseek. */
function nullLlseek(_current: Task, file: File): number {
  file.pos = 0
  return 0
}

function readZero(_current: Task, _file: File, buf: Uint8Array): number {
  buf.fill(0)
  return buf.length
}

const writeNull = (_current: Task, _file: File, data: Uint8Array): number => data.length

const nullOps = defineFileOps({
  name: 'mem.null',
  seekable: true,
  llseek: nullLlseek,
  read: () => 0,
  write: writeNull,
})

const zeroOps = defineFileOps({
  name: 'mem.zero',
  seekable: true,
  llseek: nullLlseek,
  read: readZero,
  write: writeNull,
})

const fullOps = defineFileOps({
  name: 'mem.full',
  seekable: true,
  llseek: nullLlseek,
  read: readZero,
  write: () => ENOSPC,
})

/** Linux: random_fops, urandom_fops. */
const randomOps = defineFileOps({
  name: 'mem.random',
  seekable: true,
  llseek: defaultLlseek,
  read(current, file, buf) {
    ;(partOf(current) ?? current.k.state).random.fill(buf)
    touchAtime(current, file.mnt, file.inode)
    return buf.length
  },
  write(current, file, data) {
    if (data.length > 0) file.inode.mtime = current.k.state.now
    return data.length
  },
})

/** The longest message that one write makes; the rest is not taken. Linux: kmsg_write. */
const KMSG_BYTES = 1024

/** Write only: reading is EINVAL. Linux: kmsg_fops, kmsg_write. */
const kmsgOps = defineFileOps({
  name: 'mem.kmsg',
  seekable: true,
  llseek: defaultLlseek,
  write(current, _file, data) {
    const { k } = current
    const count = Math.min(data.length, KMSG_BYTES)
    const lines = utf8Decode(data, 0, count).split('\n')
    if (lines.at(-1) === '') lines.pop()
    for (const line of lines) k.printk(line)
    wakeUp(k.state.logWait)
    return count
  },
})

/** Linux: memory_open. */
const BY_MINOR: ReadonlyMap<number, FileOperations> = new Map([
  [3, nullOps],
  [5, zeroOps],
  [7, fullOps],
  [8, randomOps],
  [9, randomOps],
  [11, kmsgOps],
])

/** The driver of major 1; a minor that it does not know is ENXIO. Linux: memory_fops, chr_dev_init. */
export const memDevice: CharDevice = Object.freeze({
  name: 'mem',
  major: MEM_MAJOR,
  nodes: Object.freeze([
    { name: 'null', minor: 3, mode: 0o666 },
    { name: 'zero', minor: 5, mode: 0o666 },
    { name: 'full', minor: 7, mode: 0o666 },
    { name: 'random', minor: 8, mode: 0o666 },
    { name: 'urandom', minor: 9, mode: 0o666 },
    { name: 'kmsg', minor: 11, mode: 0o644 },
  ]),
  open: (_k: KernelCore, minor: number) => BY_MINOR.get(minor) ?? null,
})
