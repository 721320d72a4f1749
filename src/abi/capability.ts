/**
 * Capabilities: the numbered pieces that root's power was cut into, and sets of them as 32 bits.
 *
 * 2.0 has none, 2.2.12 has 0..26, 2.6.14 has 0..30: `profileFacts(profile).capabilityCount`. A capability that a
 * kernel does not know is never checked there; the sets still hold its bit.
 *
 * Linux: include/linux/capability.h (2.2.12, 2.6.14).
 */

import { asCapability, asCapSet, type Capability, type CapSet } from './brand.js'

/** Change the owner and group of files at will. */
export const CAP_CHOWN = asCapability(0)
/** Ignore permission bits, except execute on a file nobody may execute. */
export const CAP_DAC_OVERRIDE = asCapability(1)
/** Ignore permission bits for reading files and searching directories. */
export const CAP_DAC_READ_SEARCH = asCapability(2)
/** Act as the owner of any file: chmod, utime, sticky directories. */
export const CAP_FOWNER = asCapability(3)
/** Keep set-id bits where they would be cleared. */
export const CAP_FSETID = asCapability(4)
/** Signal any process. */
export const CAP_KILL = asCapability(5)
/** Set any group ids. */
export const CAP_SETGID = asCapability(6)
/** Set any user ids. */
export const CAP_SETUID = asCapability(7)
/** Hand capabilities to other processes. */
export const CAP_SETPCAP = asCapability(8)
/** Change the immutable and append-only attributes. */
export const CAP_LINUX_IMMUTABLE = asCapability(9)
/** Bind ports below 1024. */
export const CAP_NET_BIND_SERVICE = asCapability(10)
/** Broadcast and listen to multicast. */
export const CAP_NET_BROADCAST = asCapability(11)
/** Configure interfaces, routes, firewalls. */
export const CAP_NET_ADMIN = asCapability(12)
/** Use raw and packet sockets. */
export const CAP_NET_RAW = asCapability(13)
/** Lock memory. */
export const CAP_IPC_LOCK = asCapability(14)
/** Ignore the permissions of System V IPC objects. */
export const CAP_IPC_OWNER = asCapability(15)
/** Load and unload modules. */
export const CAP_SYS_MODULE = asCapability(16)
/** Use ioperm and iopl. */
export const CAP_SYS_RAWIO = asCapability(17)
/** Use chroot. */
export const CAP_SYS_CHROOT = asCapability(18)
/** Trace any process. */
export const CAP_SYS_PTRACE = asCapability(19)
/** Switch process accounting. */
export const CAP_SYS_PACCT = asCapability(20)
/** Mount, set the host name, and what has no capability of its own; in 2.2 also make device nodes. */
export const CAP_SYS_ADMIN = asCapability(21)
/** Reboot. */
export const CAP_SYS_BOOT = asCapability(22)
/** Raise priorities, change those of others. */
export const CAP_SYS_NICE = asCapability(23)
/** Exceed and raise resource limits and quotas. */
export const CAP_SYS_RESOURCE = asCapability(24)
/** Set the clock. */
export const CAP_SYS_TIME = asCapability(25)
/** Configure terminals, vhangup. */
export const CAP_SYS_TTY_CONFIG = asCapability(26)
/** Make device nodes; 2.4 and later. */
export const CAP_MKNOD = asCapability(27)
/** Take leases on files of others; 2.4 and later. */
export const CAP_LEASE = asCapability(28)
/** Write to the audit log; 2.6.11 and later. */
export const CAP_AUDIT_WRITE = asCapability(29)
/** Configure auditing; 2.6.11 and later. */
export const CAP_AUDIT_CONTROL = asCapability(30)

/** No capability. Linux: CAP_EMPTY_SET */
export const CAP_EMPTY_SET = asCapSet(0)
/** All 32 bits. Linux: CAP_FULL_SET */
export const CAP_FULL_SET = asCapSet(0xffffffff)
/** What init starts with: all but CAP_SETPCAP. Linux: CAP_INIT_EFF_SET */
export const CAP_INIT_EFF_SET = asCapSet(~(1 << CAP_SETPCAP))
/** The five that follow fsuid: chown to fsetid. Linux: CAP_FS_MASK */
export const CAP_FS_MASK = asCapSet(0x1f)

/** The version word in the header of capget and capset. */
export const _LINUX_CAPABILITY_VERSION = 0x19980330

/** The set with one member. Linux: CAP_TO_MASK */
export const capToMask = (cap: number): CapSet => asCapSet(1 << cap)
/** Is a capability in a set? Linux: cap_raised */
export const capRaised = (set: number, cap: number): boolean => ((set >>> cap) & 1) === 1
/** The set of these capabilities. */
export const capSetOf = (...caps: readonly number[]): CapSet =>
  asCapSet(caps.reduce((bits, cap) => bits | (1 << cap), 0))
/** Members of either set. Linux: cap_combine */
export const capCombine = (a: number, b: number): CapSet => asCapSet(a | b)
/** Members of both sets. Linux: cap_intersect */
export const capIntersect = (a: number, b: number): CapSet => asCapSet(a & b)
/** Members of the first set that are not in the second. Linux: cap_drop */
export const capDrop = (a: number, b: number): CapSet => asCapSet(a & ~b)
/** Are all members of the first set in the second? Linux: cap_issubset */
export const capIsSubset = (a: number, of: number): boolean => (a & ~of) === 0

/** What capget fills and capset takes: three sets of 32 bits. */
export interface CapData {
  /** What is checked. */
  effective: number
  /** What may be made effective. */
  permitted: number
  /** What exec may pass on. */
  inheritable: number
}

const NAMES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
]

/** 'CAP_CHOWN' for 0; the number as text where there is none. */
export const capabilityName = (cap: number): string => NAMES[cap] ?? String(cap)

/** The number of 'CAP_CHOWN' or 'chown'; undefined for an unknown name. */
export const capabilityByName = (name: string): Capability | undefined => {
  const upper = name.toUpperCase()
  const index = NAMES.indexOf(upper.startsWith('CAP_') ? upper : `CAP_${upper}`)
  return index < 0 ? undefined : asCapability(index)
}
