/**
 * Labels of file systems: the option `mac=` of mount(2), and who may give it. Reference MAC-33.
 */

import { EINVAL, EPERM, type Errno } from '../abi/errno.js'
import type { Task } from '../kernel/task.js'
import { denyInHook } from '../security/deny.js'
import type { SuperBlock } from '../vfs/superblock.js'
import { isAdmin, type Label, MAC_ADMIN, parseLabel } from './label.js'
import type { Labels } from './state.js'

/** The name of the option. */
export const MAC_OPTION = 'mac'

const onlyAdmins = (): string => 'only an administrator labels file systems (MAC-33)'
const notSeen = (): string => 'a file system of another compartment (MAC-32)'

/** The label that mount options ask for; null for none. Errors: EINVAL, also for one that only tasks can have. */
function wanted(data: string): Label | null | Errno {
  let label: Label | null = null
  for (const option of data.split(',')) {
    const equals = option.indexOf('=')
    if ((equals < 0 ? option : option.slice(0, equals)) !== MAC_OPTION) continue
    label = equals < 0 ? null : parseLabel(option.slice(equals + 1))
    if (label === null || (label.flags & MAC_ADMIN) !== 0) return EINVAL
  }
  return label
}

/** May the task ask for that? The label or null, or EPERM, EINVAL. */
function asked(labels: Labels, current: Task, data: string): Label | null | Errno {
  const label = wanted(data)
  if (label === null || isAdmin(labels.ofTask(current))) return label
  return denyInHook(current, EPERM, onlyAdmins, 0, 0, 0, 0)
}

/**
 * A new mount: the label that an administrator gives, or that of boot; anybody else's own. A file system that is there
 * already keeps what it has. Errors: EPERM, EINVAL.
 */
export function labelMount(labels: Labels, current: Task, sb: SuperBlock, data: string): number {
  const label = asked(labels, current, data)
  if (typeof label === 'number') return label
  if (sb.mounts > 1 || labels.isLabelled(sb)) return label === null ? 0 : EINVAL
  const own = labels.ofTask(current)
  if (label !== null) labels.labelFiles(sb, label)
  else if (!isAdmin(own)) labels.labelFiles(sb, own)
  return 0
}

/** May the file system be mounted anew with these options? */
export function checkRemount(labels: Labels, current: Task, data: string): number {
  const label = asked(labels, current, data)
  return typeof label === 'number' ? label : 0
}

/** It has been. */
export function relabelMount(labels: Labels, sb: SuperBlock, data: string): void {
  const label = wanted(data)
  if (label !== null && typeof label !== 'number') labels.labelFiles(sb, label)
}

/** umount(2) by somebody else's root. Errors: EPERM (MAC-32). */
export function checkUmount(labels: Labels, current: Task, sb: SuperBlock): number {
  const subject = labels.ofTask(current)
  if (isAdmin(subject) || labels.ofFiles(sb).compartment === subject.compartment) return 0
  return denyInHook(current, EPERM, notSeen, 0, 0, 0, 0)
}
