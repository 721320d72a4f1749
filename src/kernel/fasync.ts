/**
 * SIGIO: telling the owner of a file (F_SETOWN) that it has become ready.
 *
 * A driver keeps a list per kind of readiness, changes it from its `fasync` operation through `fasyncHelper`, and
 * calls `killFasync` where it wakes sleepers. Lists are plain data.
 *
 * Linux: fasync_helper, kill_fasync, send_sigio, send_sigio_to_task, sigio_perm, fs/fcntl.c (2.6.14; the same rules
 * in 2.2, where the owner's uids and F_SETSIG came with 2.2.0).
 */

import { ENOMEM, type Errno } from '../abi/errno.js'
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLMSG,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
} from '../abi/poll.js'
import {
  POLL_ERR,
  POLL_HUP,
  POLL_IN,
  POLL_MSG,
  POLL_OUT,
  POLL_PRI,
  SIGIO,
  SIGURG,
  type SigInfo,
} from '../abi/signal.js'
import { shouldFail } from '../sim/faults.js'
import type { File } from '../vfs/file.js'
import type { KernelCore } from './kernel.js'
import { kernelInfo, sendGroupSignal } from './signal.js'
import { TASK_ZOMBIE, type Task } from './task.js'

/** One open file that wants SIGIO. Linux: struct fasync_struct. */
export class FasyncEntry {
  k: KernelCore
  file: File
  /** The descriptor by which it was asked for; what a handler finds in `fd` of its siginfo. */
  fd: number

  constructor(k: KernelCore, file: File, fd: number) {
    this.k = k
    this.file = file
    this.fd = fd
  }
}

/**
 * Puts a file on a list or takes it off; a file already there gets the new descriptor. 0 or ENOMEM.
 * Linux: fasync_helper.
 */
export function fasyncHelper(
  current: Task,
  list: FasyncEntry[],
  file: File,
  fd: number,
  on: boolean,
): 0 | Errno {
  if (on && shouldFail(current.k, 'alloc:fasync')) return ENOMEM
  const at = list.findIndex((entry) => entry.file === file)
  const known = list[at]
  if (!on) {
    if (at >= 0) list.splice(at, 1)
  } else if (known === undefined) list.unshift(new FasyncEntry(current.k, file, fd))
  else known.fd = fd
  return 0
}

/** Takes a file off a list when it is released: no task need be acting. Linux: fasync(-1, filp, 0). */
export function dropFasync(list: FasyncEntry[], file: File): void {
  const at = list.findIndex((entry) => entry.file === file)
  if (at >= 0) list.splice(at, 1)
}

/**
 * Signals the owners of all files on a list, newest first. `reason` is one of POLL_IN, POLL_OUT, …
 * SIGURG goes only to owners who chose a signal. Linux: kill_fasync.
 */
export function killFasync(list: readonly FasyncEntry[], sig: number, reason: number): void {
  for (const entry of list) {
    if (sig === SIGURG && entry.file.ownerSignal === 0) continue
    sendSigio(entry.k, entry.file, entry.fd, reason)
  }
}

/** Signals the owner of one file: a process, or a process group when negative. Linux: send_sigio. */
export function sendSigio(k: KernelCore, file: File, fd: number, reason: number): void {
  const { owner } = file
  if (owner > 0) {
    const task = k.state.tasks.get(owner)
    if (task !== undefined) sendSigioToTask(task, file, fd, reason)
    return
  }
  let group = owner === 0 ? null : (k.state.pgrps.get(-owner)?.head ?? null)
  while (group !== null) {
    const next = group.pgrpNext
    sendSigioToTask(group.leader, file, fd, reason)
    group = next
  }
}

/** Who is to get SIGIO: a pid, or a process group when negative. Nobody looks whether it is there. Linux: f_setown. */
export function setFileOwner(current: Task, file: File, owner: number): void {
  file.owner = owner
  file.ownerUid = current.cred.uid
  file.ownerEuid = current.cred.euid
  current.k.security.fileSetFowner(current, file)
}

/** May the owner's setter signal this task? Linux: sigio_perm. */
function mayTell(task: Task, file: File): boolean {
  const { ownerUid, ownerEuid } = file
  const { uid, suid } = task.cred
  return ownerEuid === 0 || ownerEuid === suid || ownerEuid === uid || ownerUid === suid || ownerUid === uid
}

/** The chosen signal with its reason; plain SIGIO when none is chosen or it cannot be queued. */
function sendSigioToTask(task: Task, file: File, fd: number, reason: number): void {
  if (task.state >= TASK_ZOMBIE || !mayTell(task, file)) return
  if (task.k.security.fileSendSigiotask(task, file) !== 0) return
  if (file.ownerSignal !== 0) {
    const info: SigInfo = { signo: file.ownerSignal, code: reason, errno: 0, band: BANDS[reason] ?? -1, fd }
    if (sendGroupSignal(task.group.leader, Object.freeze(info)) === 0) return
  }
  sendGroupSignal(task.group.leader, kernelInfo(SIGIO))
}

/** The poll events behind each reason. Linux: band_table, fs/fcntl.c. */
const BANDS: Readonly<Record<number, number>> = {
  [POLL_IN]: POLLIN | POLLRDNORM,
  [POLL_OUT]: POLLOUT | POLLWRNORM | POLLWRBAND,
  [POLL_MSG]: POLLIN | POLLRDNORM | POLLMSG,
  [POLL_ERR]: POLLERR,
  [POLL_PRI]: POLLPRI | POLLRDBAND,
  [POLL_HUP]: POLLHUP | POLLERR,
}
