/**
 * Ancillary data of sendmsg and recvmsg: descriptors and credentials between sockets of AF_UNIX, and what other
 * families have of their own. Linux: scm_send, scm_recv, scm_detach_fds, put_cmsg, net/core/scm.c (2.2.12, 2.6.14).
 */

import { CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN } from '../abi/capability.js'
import { EBADF, EFAULT, EINVAL, EPERM, type Errno, isErr } from '../abi/errno.js'
import {
  AF_NETLINK,
  AF_UNIX,
  type ControlMessage,
  MSG_CTRUNC,
  type MsgHdr,
  SCM_CREDENTIALS,
  SCM_MAX_FD,
  SCM_RIGHTS,
  SOL_SOCKET,
} from '../abi/socket.js'
import { pidFor, pidFrom } from '../kernel/part.js'
import type { Task } from '../kernel/task.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { fput } from '../vfs/close.js'
import { fdInstall, fget, getUnusedFd } from '../vfs/fdtable.js'
import { type Msg, ScmCookie, type Socket } from './sock.js'

/** Bytes of struct cmsghdr on i386. */
const CMSGHDR = 12

// ---- sending -------------------------------------------------------------------------------------------------

/** What a program sends along, into `msg`. 0 or an Errno; then nothing is held. Linux: scm_send. */
export function readControl(current: Task, sock: Socket, control: unknown, msg: Msg): number {
  if (control === undefined || control === null) return 0
  if (!Array.isArray(control)) return EFAULT
  if (control.length === 0) return 0
  const family = sock.sk?.family ?? 0
  if (family !== AF_UNIX && family !== AF_NETLINK) {
    msg.control = control
    return 0
  }
  const scm = ownCreds(current)
  msg.scm = scm
  for (const entry of control) {
    const failed = readEntry(current, entry, scm)
    if (failed === 0) continue
    for (const file of scm.files ?? []) fput(current, file)
    msg.scm = null
    return failed
  }
  return 0
}

/** The sender's own credentials: what the receiver sees unless others are given. */
export function ownCreds(current: Task): ScmCookie {
  const scm = new ScmCookie()
  scm.pid = current.tgid
  scm.uid = current.cred.uid
  scm.gid = current.cred.gid
  return scm
}

function readEntry(current: Task, entry: unknown, scm: ScmCookie): number {
  if (typeof entry !== 'object' || entry === null || !('level' in entry) || !('type' in entry)) return EINVAL
  if (entry.level !== SOL_SOCKET) return 0
  if (entry.type === SCM_RIGHTS) return readRights(current, 'fds' in entry ? entry.fds : undefined, scm)
  if (entry.type === SCM_CREDENTIALS && current.k.facts.release !== '2.0.35')
    return readCreds(current, entry, scm)
  return EINVAL
}

/** One use of each file more. Linux: scm_fp_copy. */
function readRights(current: Task, fds: unknown, scm: ScmCookie): number {
  if (!Array.isArray(fds)) return EINVAL
  if (fds.length === 0) return 0
  const files = scm.files ?? []
  if (files.length + fds.length > SCM_MAX_FD) return EINVAL
  scm.files = files
  for (const fd of fds) {
    const file = typeof fd === 'number' ? fget(current, fd) : EBADF
    if (isErr(file)) return EBADF
    file.count++
    files.push(file)
  }
  return 0
}

/** A task may name its own ids, and any with the capabilities. Linux: scm_check_creds. */
function readCreds(current: Task, entry: object, scm: ScmCookie): number {
  const pid: unknown = Reflect.get(entry, 'pid')
  const uid: unknown = Reflect.get(entry, 'uid')
  const gid: unknown = Reflect.get(entry, 'gid')
  if (typeof pid !== 'number' || typeof uid !== 'number' || typeof gid !== 'number') return EINVAL
  const { cred } = current
  const named = pidFrom(current, pid)
  if (named !== current.tgid && !capable(current, CAP_SYS_ADMIN)) return lacks(current, CAP_SYS_ADMIN)
  if (uid !== cred.uid && uid !== cred.euid && uid !== cred.suid && !capable(current, CAP_SETUID))
    return lacks(current, CAP_SETUID)
  if (gid !== cred.gid && gid !== cred.egid && gid !== cred.sgid && !capable(current, CAP_SETGID))
    return lacks(current, CAP_SETGID)
  scm.pid = named
  scm.uid = uid
  scm.gid = gid
  scm.hasCreds = true
  return 0
}

const lacks = (current: Task, capability: number): Errno =>
  deny(current, EPERM, 'capability', undefined, capability)

// ---- receiving -----------------------------------------------------------------------------------------------

/** Counts the room that is left for ancillary data, as C does. */
class Room {
  left: number
  readonly out: ControlMessage[]

  constructor(bytes: number, out: ControlMessage[]) {
    this.left = bytes
    this.out = out
  }

  /** Adds an entry of `size` bytes; false where there is no room for all of it. Linux: put_cmsg. */
  put(size: number, entry: ControlMessage): boolean {
    if (this.left < CMSGHDR + size) return false
    this.left -= CMSGHDR + ((size + 3) & ~3)
    this.out.push(entry)
    return true
  }
}

/** Bytes of the entries that other families give. */
const sizeOf = (entry: ControlMessage): number => (entry.level === 0 && entry.type === 8 ? 12 : 4)

/**
 * Hands ancillary data to the program: files get descriptors, those without one are let go. False: not all of it had
 * room. Linux: scm_recv, ip_cmsg_recv.
 */
export function writeControl(current: Task, sock: Socket, header: MsgHdr, msg: Msg): boolean {
  const { control, controllen } = header
  const has = Array.isArray(control) && !Object.isFrozen(control)
  const bytes = has ? (typeof controllen === 'number' ? controllen : 1 << 20) : 0
  const out: ControlMessage[] = []
  const room = new Room(bytes, out)
  let complete = true
  if (msg.scm !== null) complete = writeScm(current, room, msg.scm, sock.sk?.passcred === true)
  for (const entry of (msg.control ?? []) as ControlMessage[])
    complete = room.put(sizeOf(entry), entry) && complete
  if (has) control.splice(0, control.length, ...out)
  return complete
}

function writeScm(current: Task, room: Room, scm: ScmCookie, passcred: boolean): boolean {
  let complete = true
  if (passcred) {
    const { uid, gid } = scm
    const pid = pidFor(current, scm.pid)
    complete = room.put(12, { level: SOL_SOCKET, type: SCM_CREDENTIALS, pid, uid, gid })
  }
  const { files } = scm
  if (files === null || files.length === 0) return complete
  const most = Math.floor((room.left - CMSGHDR) / 4)
  const fds: number[] = []
  for (const file of files) {
    if (fds.length >= most) break
    const fd = getUnusedFd(current)
    if (isErr(fd)) break
    file.count++
    fdInstall(current, fd, file)
    fds.push(fd)
  }
  if (fds.length > 0) room.put(4 * fds.length, { level: SOL_SOCKET, type: SCM_RIGHTS, fds })
  if (fds.length < files.length) complete = false
  dropFiles(current, scm)
  return complete
}

/** Lets go of the files that a message has brought. Linux: scm_destroy. */
export function dropFiles(current: Task | null, scm: ScmCookie): void {
  const { files } = scm
  scm.files = null
  for (const file of files ?? []) fput(current, file)
}

/** Nobody wants what came along. Linux: scm_recv without msg_control. */
export function discardScm(current: Task, sock: Socket, msg: Msg): void {
  const { scm } = msg
  if (scm === null) return
  if (scm.files !== null || sock.sk?.passcred === true) msg.flags |= MSG_CTRUNC
  dropFiles(current, scm)
  msg.scm = null
}
