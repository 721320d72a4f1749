/**
 * Calls by number: what syscall(2) of the C library makes.
 *
 * A number is looked up as the kernel names it ('stat64' for 195), and that is led back to the call that programs
 * know ('stat'). So whoever looks at calls sees the same name however a call was made, with the number that was given.
 */

import type { Profile } from '../abi/profile.js'
import { straceName, syscallName, syscallNr } from '../abi/syscalls.js'
import type { SyscallEntry } from '../kernel/syscall.js'
import type { Task } from '../kernel/task.js'
import { isNotModelled, makeEntry, notModelled, type SyscallTable } from '../syscalls/table.js'

/** The name of the call that makes others. */
export const BY_NUMBER = 'syscall'

/** The modelled calls of a table by the kernel's names for them: constants, made when first wanted. */
const BY_KERNEL_NAME = new Map<SyscallTable, ReadonlyMap<string, SyscallEntry>>()

function byKernelName(table: SyscallTable, release: Profile): ReadonlyMap<string, SyscallEntry> {
  const known = BY_KERNEL_NAME.get(table)
  if (known !== undefined) return known
  const modelled = [...table].filter(([, entry]) => !isNotModelled(entry))
  const map = new Map<string, SyscallEntry>()
  for (const [name, entry] of modelled) map.set(straceName(name, release), entry)
  for (const [name, entry] of modelled) {
    const nr = syscallNr(name, release)
    if (nr !== undefined && syscallName(nr, release) !== name) map.set(syscallName(nr, release), entry)
  }
  for (const [name, entry] of modelled) map.set(name, entry)
  BY_KERNEL_NAME.set(table, map)
  return map
}

/** The call that a number stands for; one that says ENOSYS where it stands for none. `core`: the core's own table. */
export function callOfNumber(task: Task, core: SyscallTable, number: unknown): SyscallEntry {
  const { k } = task
  const nr = typeof number === 'number' ? number | 0 : -1
  const { release } = k.facts
  const name = (k.callName === null ? syscallName(nr, release) : k.callName(task, nr)) ?? `syscall_${nr}`
  const entry = byKernelName(core, release).get(name) ?? k.syscalls.get(name)
  if (entry === undefined) return makeEntry(name, nr, [], notModelled)
  return entry.nr === nr ? entry : Object.freeze({ ...entry, nr })
}
