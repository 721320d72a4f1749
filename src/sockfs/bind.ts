/**
 * The question that bind asks: may this process have the port? Reference SF-20 to SF-27.
 *
 * Asked at the place of the kernel's own test, which it replaces: on 2.0.35 before the address is looked at and a clash
 * is found, on 2.2.12 and 2.6.14 after the address.
 */

import { CAP_NET_BIND_SERVICE } from '../abi/capability.js'
import { EACCES } from '../abi/errno.js'
import { AF_INET } from '../abi/socket.js'
import { type Cred, inGroup } from '../kernel/cred.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Sock, Task } from '../kernel/module.js'
import { capable } from '../security/capability.js'
import { denyInHook, type HookNoted } from '../security/deny.js'
import { dPath } from '../vfs/dpath.js'
import type { Settings } from './options.js'
import { gidOf, modeOf, type SockfsState, uidOf } from './table.js'

const WRITE = 2

type PermissionClass = 'owner' | 'group' | 'others'

const SHIFT: Readonly<Record<PermissionClass, number>> = { owner: 6, group: 3, others: 0 }

/** One class decides, and no other (SF-21). Linux: permission, fs/namei.c. */
function classOf(cred: Cred, uid: number, gid: number): PermissionClass {
  if (cred.fsuid === uid) return 'owner'
  return inGroup(cred, gid) ? 'group' : 'others'
}

/** 0, EACCES, or undefined: not a matter of this module's. */
export function judgeBind(
  state: SockfsState,
  settings: Settings,
  current: Task,
  sk: Sock,
  port: number,
  isChosen: boolean,
): number | undefined {
  const { table } = state
  if (!state.isInForce || table === null) return undefined
  if (sk.family !== AF_INET || port > settings.protectedMax) return undefined
  if (isChosen && !settings.literalAutoBind) return undefined
  const { cred, k } = current
  if (cred.fsuid === 0) return 0
  const uid = uidOf(table, port)
  const gid = gidOf(table, port)
  const mode = modeOf(table, port)
  if (((mode >> SHIFT[classOf(cred, uid, gid)]) & WRITE) !== 0) return 0
  const counts = settings.capabilityStillCounts && k.facts.release !== '2.0.35'
  if (counts && capable(current, CAP_NET_BIND_SERVICE)) return 0
  return denyInHook(current, EACCES, whyNot, port, mode, uid, gid)
}

/** Where the entry can be seen, as the task sees it. */
function pathOf(k: KernelCore, { fs }: Task, port: number): string {
  const state = k.state.modules.get('sockfs') as SockfsState
  const mnt = k.state.mounts.find(({ sb }) => state.mounted.includes(sb))
  return mnt === undefined ? '' : ` (${dPath(fs, mnt, mnt.root)}/${port})`
}

/** 'entry 80 of sockfs (/sockfs/80) has mode 0700, owner 0:0: no w for others, of whom uid 1000 is one' */
function whyNot(task: Task, { cred, number: port, mode, uid, gid }: HookNoted): string {
  const decides = cred === null ? 'others' : classOf(cred, uid, gid)
  const octal = mode.toString(8).padStart(4, '0')
  const who = { owner: 'who is', group: 'in which is', others: 'of whom one is' }[decides]
  return `entry ${port} of sockfs${pathOf(task.k, task, port)} has mode ${octal}, owner ${uid}:${gid}: no w for the ${decides}, ${who} uid ${cred?.fsuid ?? 0}`
}
