/**
 * Capabilities: the pieces of root's power. Linux: capable (kernel/sys.c in 2.2, security/commoncap.c in 2.6).
 *
 * 2.0 has no capabilities; there suser() is "effective uid 0" and fsuser() "fsuid 0". The rules by which sets
 * follow the uids (cap_emulate_setxuid) make the effective set say exactly that, so one test serves all profiles.
 */

import { asCapSet, type CapSet } from '../abi/brand.js'
import { CAP_FS_MASK } from '../abi/capability.js'
import { EPERM, type Errno } from '../abi/errno.js'
import type { CredFields } from '../kernel/cred.js'
import type { Task } from '../kernel/task.js'
import { deny } from './deny.js'

/** Does `current` hold the capability, and does no module object? Linux: capable. */
export function capable(current: Task, capability: number): boolean {
  if ((current.cred.capEffective & (1 << capability)) === 0) return false
  return current.k.security.capable(current, capability) === 0
}

/** 0, or the error for a task that lacks the capability. */
export function requireCapability(current: Task, capability: number, error: Errno = EPERM): number {
  return capable(current, capability) ? 0 : deny(current, error, 'capability', undefined, capability)
}

/**
 * How capability sets follow a change of real, effective and saved uid.
 * Linux: cap_emulate_setxuid, kernel/sys.c (2.2), security/commoncap.c (2.6).
 */
export function capEmulateSetxuid(
  old: CredFields,
  next: CredFields,
): Pick<CredFields, 'capEffective' | 'capPermitted'> {
  let { capEffective, capPermitted } = next
  const hadRoot = old.uid === 0 || old.euid === 0 || old.suid === 0
  const hasRoot = next.uid === 0 || next.euid === 0 || next.suid === 0
  if (hadRoot && !hasRoot && !old.keepCaps) {
    capEffective = asCapSet(0)
    capPermitted = asCapSet(0)
  }
  if (old.euid === 0 && next.euid !== 0) capEffective = asCapSet(0)
  if (old.euid !== 0 && next.euid === 0) capEffective = capPermitted
  return { capEffective, capPermitted }
}

/** How the file-system capabilities follow fsuid. Linux: setfsuid, kernel/sys.c. */
export function capFollowFsuid(old: CredFields, fsuid: number): CapSet {
  if (old.fsuid === 0 && fsuid !== 0) return asCapSet(old.capEffective & ~CAP_FS_MASK)
  if (old.fsuid !== 0 && fsuid === 0) return asCapSet(old.capEffective | (old.capPermitted & CAP_FS_MASK))
  return old.capEffective
}
