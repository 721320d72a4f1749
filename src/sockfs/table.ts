/**
 * The permissions of the ports, and what they have to do with mounts. Reference §7.4.
 *
 * One table of 1024 x (uid, gid, mode), 16 bits each: 6 KiB, made when the module is loaded (alloc_now) or when the
 * file system is first mounted. All mounts show it; inodes repeat what it says while they are looked up.
 *
 * Decision: the table of 2.6, where ids have 32 bits, is the same one. An id that does not fit is refused (EINVAL) and
 * never cut, and a process with such an id is nobody's owner and in nobody's group.
 */

import type { SuperBlock } from '../vfs/superblock.js'
import type { UnmountMode } from './options.js'

/** Entries are 1 to 1024. */
export const PORTS = 1024

/** Numbers per entry: uid, gid, mode. */
const FIELDS = 3

/** What an entry is before anybody changes it: root's, and only his (SF-11). */
const FIRST_MODE = 0o700

/** The directory: root's, for all to look at (SF-11). */
const FIRST_ROOT_MODE = 0o755

/** The largest id that an entry can name. */
export const MAX_ID = 0xffff

/** The owner, the group and the permission bits of a port. */
export interface PortEntry {
  /** Its owner. */
  readonly uid: number
  /** Its group. */
  readonly gid: number
  /** The low 12 bits of its mode. */
  readonly mode: number
}

/** The module's state. */
export class SockfsState {
  /** The entries; null while there is no memory for them. */
  table: Uint16Array | null = null
  /** Are binds judged by the table? */
  isInForce = false
  /** Is the table kept while nothing needs it (alloc_now)? */
  keepsTable = false
  /** What the last umount will do. */
  unmountMode: UnmountMode
  /** Mounted superblocks; all show the same. */
  mounted: SuperBlock[] = []
  /** The owner of the directory. */
  rootUid = 0
  /** Its group. */
  rootGid = 0
  /** Its permission bits. */
  rootMode = FIRST_ROOT_MODE

  constructor(unmountMode: UnmountMode) {
    this.unmountMode = unmountMode
  }
}

/** All entries and the directory as they are at first; makes the table if it is not there. */
export function resetTable(state: SockfsState): void {
  const table = state.table ?? new Uint16Array(PORTS * FIELDS)
  for (let at = 0; at < table.length; at += FIELDS) {
    table[at] = 0
    table[at + 1] = 0
    table[at + 2] = FIRST_MODE
  }
  state.table = table
  state.rootUid = 0
  state.rootGid = 0
  state.rootMode = FIRST_ROOT_MODE
}

const fieldOf = (table: Uint16Array, port: number, field: number): number =>
  table[(port - 1) * FIELDS + field] ?? 0

export const uidOf = (table: Uint16Array, port: number): number => fieldOf(table, port, 0)
export const gidOf = (table: Uint16Array, port: number): number => fieldOf(table, port, 1)
export const modeOf = (table: Uint16Array, port: number): number => fieldOf(table, port, 2)

/** Sets what is given. The ids fit. */
export function setEntry(table: Uint16Array, port: number, change: Partial<PortEntry>): void {
  const at = (port - 1) * FIELDS
  if (change.uid !== undefined) table[at] = change.uid
  if (change.gid !== undefined) table[at + 1] = change.gid
  if (change.mode !== undefined) table[at + 2] = change.mode
}

/** Binds are judged by the kernel alone again; the memory is given back unless it is to be kept. */
export function leaveForce(state: SockfsState, keepsTable: boolean): void {
  state.isInForce = false
  if (!keepsTable) state.table = null
}
