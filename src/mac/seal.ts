/**
 * The seal: what keeps a compartment from counting what others do, where the option `sealed` asks for it. Numbers and
 * counts are those of a part of the kernel (kernel/part.ts); here is what a compartment may no longer do to all.
 */

import {
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  CAP_SYS_BOOT,
  CAP_SYS_MODULE,
  CAP_SYS_RAWIO,
  CAP_SYS_TIME,
} from '../abi/capability.js'
import { EACCES } from '../abi/errno.js'
import type { Contributions } from '../kernel/module.js'
import type { Task } from '../kernel/task.js'
import { denyInHook } from '../security/deny.js'
import { MAY_WRITE } from '../vfs/inode.js'
import { isAdmin, isShared } from './label.js'
import type { Labels } from './state.js'

/** Powers over what is everybody's: the clock, the machine, modules, devices, packets as they are on the wire. */
const OF_THE_SYSTEM: ReadonlySet<number> = new Set([
  CAP_NET_ADMIN,
  CAP_NET_RAW,
  CAP_SYS_BOOT,
  CAP_SYS_MODULE,
  CAP_SYS_RAWIO,
  CAP_SYS_TIME,
])

const ofTheSystem = (): string => 'a sealed compartment does not tune the whole system (MAC-25)'

/** The part of the kernel that a task is in: its compartment; administrators see the whole. */
export const partOfLabel =
  (labels: Labels) =>
  (task: Task): number => {
    const label = labels.ofTask(task)
    return isAdmin(label) ? 0 : label.compartment
  }

/** What the module contributes besides. */
export function seal(labels: Labels): Pick<Contributions, 'partOf' | 'hooks'> {
  const partOf = partOfLabel(labels)
  return {
    partOf,
    hooks: {
      capable: (current, capability) => (partOf(current) !== 0 && OF_THE_SYSTEM.has(capability) ? -1 : 0),
      // Tunables are the whole system's, whatever the grade.
      inodePermission: (current, inode, mask) =>
        (mask & MAY_WRITE) !== 0 && inode.sb.type === 'proc' && partOf(current) !== 0
          ? labels.shownTask(inode) === undefined
            ? denyInHook(current, EACCES, ofTheSystem, 0, 0, 0, 0)
            : 0
          : 0,
      // When a file of everybody's was read tells of the others.
      inodeTouch: (current, inode) => (partOf(current) !== 0 && isShared(labels.ofFiles(inode.sb)) ? -1 : 0),
    },
  }
}
