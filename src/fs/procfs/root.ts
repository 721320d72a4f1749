/**
 * The files of /proc that are about the whole system. Linux: proc_root_init, fs/proc/root.c (2.0, 2.2);
 * proc_misc_init, fs/proc/proc_misc.c (2.6.14).
 *
 * In the order of registration; a directory is read newest first. Left out: what shows hardware (pci, ioports, dma,
 * interrupts, kcore, …), symbols, profiling, slabs, consoles.
 */

import type { Profile } from '../../abi/profile.js'
import { S_IFLNK } from '../../abi/stat.js'
import type { KernelCore } from '../../kernel/kernel.js'
import { pidFor } from '../../kernel/part.js'
import type { Task } from '../../kernel/task.js'
import type { Entry } from './entry.js'
import { formatLocks } from './format_locks.js'
import { formatModules } from './format_modules.js'
import {
  formatCpuinfo,
  formatFilesystems,
  formatKernelStat,
  formatLoadavg,
  formatMeminfo,
  formatMounts,
  formatSwaps,
  formatUptime,
} from './format_system.js'
import { kmsgFileOps } from './kmsg.js'
import { SYS_ENTRIES } from './sys.js'

/** A file that everybody may read. */
function text(path: string, read: (k: KernelCore) => string, extra: Partial<Entry> = {}): Entry {
  return Object.freeze({ path, mode: 0o444, read: (current: Task) => read(current.k), ...extra })
}

/** The same, where it tells different readers different things. */
const about = (path: string, read: (current: Task) => string): Entry =>
  Object.freeze({ path, mode: 0o444, read })

/** What the boot loader handed over. */
const BOOT_COMMAND = 'BOOT_IMAGE=linux ro root=/dev/ram0\n'

const OLD = { until: '2.6.14' } as const
const MODERN = { since: '2.6.14' } as const

/** Everything outside /proc/<pid>. `self` of 2.6 is not here: it comes right before the processes. */
export const GLOBAL_ENTRIES: readonly Entry[] = Object.freeze([
  about('loadavg', formatLoadavg),
  about('uptime', formatUptime),
  text('meminfo', formatMeminfo),
  Object.freeze({ path: 'kmsg', mode: 0o400, fops: kmsgFileOps }),
  text('version', (k) => `${k.facts.procVersion}\n`),
  text('cpuinfo', formatCpuinfo),
  Object.freeze({
    path: 'self',
    mode: 0o777,
    type: S_IFLNK,
    text: (current: Task) => String(pidFor(current, current.tgid)),
    ...OLD,
  }),
  ...SYS_ENTRIES,
  about('stat', formatKernelStat),
  text('devices', (k) => k.devices.describe()),
  text('filesystems', formatFilesystems),
  text('cmdline', () => BOOT_COMMAND),
  Object.freeze({ path: 'locks', mode: 0o444, read: formatLocks }),
  Object.freeze({ path: 'mounts', mode: 0o444, read: (current: Task) => formatMounts(current), ...OLD }),
  Object.freeze({ path: 'mounts', mode: 0o777, type: S_IFLNK, text: () => 'self/mounts', ...MODERN }),
  text('swaps', formatSwaps, { since: '2.2.12' }),
  text('misc', (k) => k.devices.describeMisc()),
  about('modules', formatModules),
])

/** Linux: enum root_directory_inos, include/linux/proc_fs.h; the first is the root, 1. */
const OLD_NUMBERS: Readonly<Record<Exclude<Profile, '2.6.14'>, readonly string[]>> = Object.freeze({
  '2.0.35':
    '. loadavg uptime meminfo kmsg version cpuinfo pci self net scsi malloc kcore modules stat devices interrupts filesystems ksyms dma ioports apm profile cmdline sys mounts md rtc locks'.split(
      ' ',
    ),
  '2.2.12':
    '. loadavg uptime meminfo kmsg version cpuinfo pci mca nubus self net scsi malloc kcore modules stat devices partitions interrupts filesystems ksyms dma ioports profile cmdline sys mounts swaps md rtc locks hardware slabinfo parport ppc_htab stram sound mtrr fs'.split(
      ' ',
    ),
})

/** Inode numbers of the rest begin here. Linux: PROC_DYNAMIC_FIRST. */
const OLD_DYNAMIC_FIRST = 4096
const MODERN_DYNAMIC_FIRST = 0xf0000000

/** The number of the root of /proc. Linux: PROC_ROOT_INO. */
export const ROOT_INO = 1

/** The inode number of a path outside the processes; `index` is its place among all such paths. */
export function globalIno(release: Profile, path: string, index: number): number {
  if (release === '2.6.14') return MODERN_DYNAMIC_FIRST + index
  const known = OLD_NUMBERS[release].indexOf(path)
  return known > 0 ? known + 1 : OLD_DYNAMIC_FIRST + index
}
