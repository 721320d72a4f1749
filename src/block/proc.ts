/** /proc/partitions, /proc/sys/vm/bdflush. Linux: get_partition_list (drivers/block/genhd.c), bdf_prm (fs/buffer.c), 2.2.12. */

import { major, minor } from '../abi/brand.js'
import { EINVAL } from '../abi/errno.js'
import { isAtLeast } from '../abi/profile.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { ProcEntry } from '../kernel/module.js'
import { type BlockState, blockState, nameOfDev } from './state.js'

/** One line for each disk and partition that has a length: numbers, blocks of 1 KiB, name. */
function formatPartitions(state: BlockState): string {
  let text = 'major minor  #blocks  name\n\n'
  for (const drive of state.drives) {
    for (const [unit, { sectors }] of [...drive.queue.units].sort(([a], [b]) => a - b)) {
      if (sectors === 0) continue
      const dev = drive.dev + (unit - minor(drive.dev))
      const numbers = `${String(major(drive.dev)).padStart(4)}  ${String(unit).padStart(4)}`
      text += `${numbers} ${String(Math.floor(sectors / 2)).padStart(10)} ${nameOfDev(drive, dev as typeof drive.dev)}\n`
    }
  }
  return text
}

/** Where the tunables are in bdf_prm, which of them are times, and what they may be. */
const TUNABLES = [
  { key: 'nfract', least: 0, most: 100 },
  { key: 'ndirty', least: 10, most: 50_000 },
  { fixed: 64 },
  { fixed: 256 },
  { key: 'interval', least: 0, most: 60_000, isTime: true },
  { key: 'ageBuffer', least: 100, most: 600_000, isTime: true },
  { key: 'ageSuper', least: 100, most: 600_000, isTime: true },
  { fixed: 1884 },
  { fixed: 2 },
] as const

function formatBdflush(k: KernelCore): string {
  const { tunables } = blockState(k).cache
  const jiffy = 1000 / k.facts.hz
  const words = TUNABLES.map((one) => {
    if (!('key' in one)) return one.fixed
    return 'isTime' in one ? Math.round(tunables[one.key] / jiffy) : tunables[one.key]
  })
  return `${words.join('\t')}\n`
}

/** Up to nine numbers; those that are left out stay. Errors: EINVAL one is none, or out of its bounds: none is set. */
function writeBdflush(k: KernelCore, text: string): number {
  const { tunables } = blockState(k).cache
  const jiffy = 1000 / k.facts.hz
  const words = text.split(/[\s\0]+/).filter((word) => word !== '')
  const wanted = { ...tunables }
  for (const [at, word] of words.slice(0, TUNABLES.length).entries()) {
    const one = TUNABLES[at]
    if (one === undefined || !/^[0-9]{1,9}$/.test(word)) return EINVAL
    if (!('key' in one)) continue
    const value = 'isTime' in one ? Number(word) * jiffy : Number(word)
    if (value < one.least || value > one.most) return EINVAL
    // No look at all would be one all the time.
    wanted[one.key] = one.key === 'interval' ? Math.max(value, jiffy) : value
  }
  Object.assign(tunables, wanted)
  return text.length
}

/** The entries. 2.0 has no /proc/partitions; bdflush is not there in 2.6. */
export function blockProcEntries(k: KernelCore): ProcEntry[] {
  const entries: ProcEntry[] = []
  if (isAtLeast(k.facts.release, '2.2.12'))
    entries.push({
      path: 'partitions',
      mode: 0o444,
      read: (current) => formatPartitions(blockState(current.k)),
    })
  if (!isAtLeast(k.facts.release, '2.6.14'))
    entries.push({
      path: 'sys/vm/bdflush',
      mode: 0o644,
      read: (current) => formatBdflush(current.k),
      write: (current, _subject, text) => writeBdflush(current.k, text),
    })
  return entries
}
