/**
 * The system call table of a profile: every call that the core has, with its number there, and ENOSYS for the
 * calls of the profile that it does not model. Linux: sys_call_table, arch/i386/kernel/entry.S.
 */

import { ENOSYS } from '../abi/errno.js'
import type { Profile } from '../abi/profile.js'
import { anySyscallNr, SYSCALLS, syscallNr } from '../abi/syscalls.js'
import type { ArgKind, SyscallEntry, SyscallHandler } from '../kernel/syscall.js'
import { attrCalls } from './attr.js'
import { capabilityCalls } from './capability.js'
import { dirCalls } from './dir.js'
import { fcntlCalls } from './fcntl.js'
import { idCalls } from './ids.js'
import { limitCalls } from './limits.js'
import { moduleCalls } from './module.js'
import { mountCalls } from './mount.js'
import { nameiCalls } from './namei.js'
import { openCalls } from './open.js'
import { pgrpCalls } from './pgrp.js'
import { pipeCalls } from './pipe.js'
import { pollCalls } from './poll.js'
import { processCalls } from './process.js'
import { readWriteCalls } from './read_write.js'
import { fixArgs, quickCheck, type SyscallRow } from './row.js'
import { signalCalls } from './signal.js'
import { statCalls } from './stat.js'
import { systemCalls } from './system.js'
import { timeCalls } from './time.js'
import { waitCalls } from './wait.js'

/** Every call of the core, by family. */
export const CORE_CALLS: readonly SyscallRow[] = Object.freeze([
  ...openCalls,
  ...readWriteCalls,
  ...statCalls,
  ...nameiCalls,
  ...attrCalls,
  ...dirCalls,
  ...fcntlCalls,
  ...pipeCalls,
  ...pollCalls,
  ...mountCalls,
  ...moduleCalls,
  ...processCalls,
  ...waitCalls,
  ...signalCalls,
  ...idCalls,
  ...capabilityCalls,
  ...pgrpCalls,
  ...limitCalls,
  ...timeCalls,
  ...systemCalls,
])

/** The kernel's side of a row. */
export function makeEntry(
  name: string,
  nr: number,
  kinds: readonly ArgKind[],
  handler: SyscallHandler,
): SyscallEntry {
  return Object.freeze({
    name,
    nr,
    paths: kinds.flatMap((kind, at) => (kind === 'path' ? [at] : [])),
    quick: quickCheck(kinds),
    fix: (args: readonly unknown[]) => fixArgs(kinds, args),
    handler: handler as SyscallEntry['handler'],
  })
}

/** The handler of the calls that the core does not have. */
export const notModelled = (): number => ENOSYS

/** Calls of the C library that are one call of the kernel, socketcall: a module brings them. */
const SOCKET_CALLS: readonly string[] = [
  'socket',
  'bind',
  'connect',
  'listen',
  'accept',
  'getsockname',
  'getpeername',
  'socketpair',
  'send',
  'recv',
  'sendto',
  'recvfrom',
  'shutdown',
  'setsockopt',
  'getsockopt',
  'sendmsg',
  'recvmsg',
]

/** Is this a call that the core answers ENOSYS, so that a module may take it over? */
export const isNotModelled = (entry: SyscallEntry): boolean => entry.handler === notModelled

/** The calls of a kernel by name. */
export type SyscallTable = ReadonlyMap<string, SyscallEntry>

/** Tables made so far: constants, made when first wanted. */
const TABLES = new Map<string, SyscallTable>()

/**
 * The table of a profile. `backports` are names of later calls that are offered as well. A call that the profile
 * does not have is there all the same and says ENOSYS, so that a program can ask. Kernels share it.
 */
export function syscallTable(profile: Profile, backports: readonly string[]): SyscallTable {
  const key = [profile, ...backports].join(' ')
  const known = TABLES.get(key)
  if (known !== undefined) return known
  const table = buildTable(profile, backports)
  TABLES.set(key, table)
  return table
}

function buildTable(profile: Profile, backports: readonly string[]): SyscallTable {
  const table = new Map<string, SyscallEntry>()
  for (const name of SOCKET_CALLS) table.set(name, makeEntry(name, -1, [], notModelled))
  for (const { name } of SYSCALLS)
    table.set(name, makeEntry(name, syscallNr(name, profile) ?? -1, [], notModelled))
  for (const { name, kinds, handler } of CORE_CALLS) {
    const nr = syscallNr(name, profile)
    if (nr !== undefined) table.set(name, makeEntry(name, nr, kinds, handler))
    else if (backports.includes(name))
      table.set(name, makeEntry(name, anySyscallNr(name, profile) ?? -1, kinds, handler))
    else table.set(name, makeEntry(name, -1, [], notModelled))
  }
  return table
}
