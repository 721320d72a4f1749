/**
 * Sockets as files: the file system that their inodes live in, and what read, write, poll, ioctl and close do.
 *
 * Linux: sock_fs_type, sock_alloc, sock_map_fd, socket_file_ops, sock_release, sock_fasync, net/socket.c (2.6.14).
 * 2.0 and 2.2 have no such file system; their sockets' inodes are of device 0. Mounted inside the kernel only.
 *
 * read and write sleep by themselves: what a stream has moved so far decides how it goes on.
 */

import { asDevT, asIno } from '../abi/brand.js'
import {
  BLOCKED,
  EFAULT,
  EINVAL,
  ENFILE,
  ENOTSOCK,
  ENXIO,
  type Errno,
  isErr,
  type Ret,
} from '../abi/errno.js'
import { NAME_MAX, O_NONBLOCK, O_RDWR } from '../abi/fcntl.js'
import { FIOGETOWN, FIOSETOWN, SIOCGPGRP, SIOCSPGRP } from '../abi/ioctl.js'
import { MS_NOUSER } from '../abi/mount.js'
import { MSG_DONTWAIT } from '../abi/socket.js'
import { S_IFDIR, S_IFSOCK, S_IRUSR, S_IRWXUGO, S_IWUSR, type Statfs } from '../abi/stat.js'
import { dropFasync, fasyncHelper, setFileOwner } from '../kernel/fasync.js'
import type { KernelCore } from '../kernel/kernel.js'
import { ownDev, partOf, pidFor, pidFrom } from '../kernel/part.js'
import type { Task } from '../kernel/task.js'
import { shouldFail } from '../sim/faults.js'
import { Dentry } from '../vfs/dentry.js'
import { fdInstall, fget, getUnusedFd } from '../vfs/fdtable.js'
import { File, FMODE_READ, FMODE_WRITE } from '../vfs/file.js'
import { getWriteAccess, Inode, igrab } from '../vfs/inode.js'
import { getInt, putInt } from '../vfs/ioctl_arg.js'
import { Mount } from '../vfs/mount.js'
import { defineFileOps, defineInodeOps } from '../vfs/ops.js'
import { defineSuperOps, type FileSystemType, SuperBlock } from '../vfs/superblock.js'
import { runBacklog } from './backlog.js'
import { readControl } from './msghdr.js'
import { Msg, Socket, type SocketOps } from './sock.js'
import { endSockCall } from './sock_wait.js'
import type { NetState } from './state.js'

/** Linux: SOCKFS_MAGIC. */
const SOCKFS_MAGIC = 0x534f434b

const NO_DEVICE = asDevT(0)

const statfs = (sb: SuperBlock): Statfs => ({
  type: SOCKFS_MAGIC,
  bsize: sb.blockSize,
  blocks: 0,
  bfree: 0,
  bavail: 0,
  files: 0,
  ffree: 0,
  fsid: [0, 0],
  namelen: NAME_MAX,
})

const sockfsSuperOps = defineSuperOps({ name: 'sockfs', statfs, evictInode: () => {} })

const sockfsInodeOps = defineInodeOps({ name: 'sockfs', truncate: () => EINVAL })

const sockfsRootOps = defineFileOps({ name: 'sockfs.root' })

/** Linux: sockfs_get_sb, get_sb_pseudo: the root is named 'socket:', and only the kernel may mount it. */
function mountSockfs(k: KernelCore): SuperBlock {
  const dev = k.facts.hasBindMounts ? ownDev(k, 1) : NO_DEVICE
  const sb = new SuperBlock('sockfs', dev, MS_NOUSER, sockfsSuperOps, null, k.facts.maxFileSize)
  const mode = S_IFDIR | S_IRUSR | S_IWUSR
  const root = new Inode(sb, asIno(1), mode, sockfsInodeOps, sockfsRootOps, null, NO_DEVICE, k.state.now)
  sb.root = new Dentry('socket:', null, sb, root)
  return sb
}

/** Linux: sock_fs_type (2.4). */
export const sockfsType: FileSystemType = Object.freeze({ name: 'sockfs', mount: mountSockfs })

/** The kernel's own mount, made when it is first wanted. Linux: sock_mnt. */
function sockMount(net: NetState): Mount {
  if (net.mount !== null) return net.mount
  const sb = mountSockfs(net.k)
  const mnt = new Mount(sb, sb.root ?? new Dentry('socket:', null, sb, null), 'sockfs', 0)
  sb.data = mnt
  net.k.state.superBlocks.push(sb)
  net.mount = mnt
  return mnt
}

// ---- making and finding --------------------------------------------------------------------------------------

/** A socket without a family's half, a file or a descriptor; ENFILE. Linux: sock_alloc. */
export function sockAlloc(current: Task, net: NetState, type: number, ops: SocketOps): Socket | Errno {
  const { k } = net
  if (k.injection !== null && (shouldFail(k, 'alloc:inode') || shouldFail(k, 'alloc:socket'))) return ENFILE
  const sock = new Socket(net, type, ops, `socket:[${(partOf(current) ?? k.state).nextPipeIno++}]`)
  net.inUse++
  return sock
}

/** The number in a socket's name. */
export const sockIno = (sock: Socket): number => Number(sock.wait.name.slice(8, -1))

/** Gives a socket a file and a descriptor. Errors: EMFILE, ENFILE; the socket is released then. Linux: sock_map_fd. */
export function sockMapFd(current: Task, sock: Socket): number {
  const fd = getUnusedFd(current)
  if (isErr(fd)) {
    sockRelease(sock)
    return fd
  }
  if (shouldFail(current.k, 'alloc:file')) {
    sockRelease(sock)
    return ENFILE
  }
  fdInstall(current, fd, sockFile(current, sock))
  return fd
}

/** A socket's open file. */
export function sockFile(current: Task, sock: Socket): File<Socket> {
  const { net } = sock
  const mnt = sockMount(net)
  const { k } = net
  const ino = asIno(sockIno(sock))
  const mode = k.facts.hasBindMounts ? S_IFSOCK | S_IRWXUGO : S_IFSOCK
  const inode = new Inode(mnt.sb, ino, mode, sockfsInodeOps, socketFileOps, sock, NO_DEVICE, k.state.now)
  const { cred } = current
  inode.uid = k.facts.hasBindMounts ? cred.fsuid : cred.uid
  inode.gid = k.facts.hasBindMounts ? cred.fsgid : cred.gid
  const file = new File<Socket>(socketFileOps, sock, igrab(inode))
  file.dentry = new Dentry(sock.wait.name, null, mnt.sb, inode)
  file.mnt = mnt
  mnt.count++
  file.mode = FMODE_READ | FMODE_WRITE
  getWriteAccess(inode)
  file.flags = O_RDWR
  sock.file = file
  return file
}

/** The socket of an open file, or null. */
export const socketOf = (file: File): Socket | null => (file.data instanceof Socket ? file.data : null)

/** The socket of a descriptor. Errors: EBADF; ENOTSOCK. Linux: sockfd_lookup. */
export function sockfdLookup(current: Task, fd: number): Ret<Socket> {
  const file = fget(current, fd)
  if (isErr(file)) return file
  return file.data instanceof Socket ? file.data : ENOTSOCK
}

/** Nobody has the socket open any more. Linux: sock_release. */
export function sockRelease(sock: Socket): void {
  sock.net.inUse--
  sock.ops.release(sock)
  sock.file = null
  runBacklog(sock.net)
}

// ---- calls on files ------------------------------------------------------------------------------------------

/** The end of a run of a call on a socket: packets that it has sent arrive, what it remembered goes. */
export function settled(current: Task, sock: Socket, result: number): number {
  runBacklog(sock.net)
  if (result !== BLOCKED && current.restart !== null) endSockCall(current)
  return result
}

/** The flags that O_NONBLOCK of the file adds. */
export const fileFlags = (sock: Socket): number =>
  sock.file !== null && (sock.file.flags & O_NONBLOCK) !== 0 ? MSG_DONTWAIT : 0

/** Linux: sock_sendmsg. */
export function sockSendmsg(current: Task, sock: Socket, msg: Msg, flags: number, control?: unknown): number {
  const { security } = current.k
  const verdict = security.socketSendmsg(current, sock, msg.data.length)
  if (verdict !== 0) return verdict
  if (control !== undefined) {
    const failed = sock.ops.beforeControl?.(sock) || readControl(current, sock, control, msg)
    if (failed !== 0) return failed
  }
  return settled(current, sock, sock.ops.sendmsg(current, sock, msg, flags | fileFlags(sock)))
}

/** Linux: sock_recvmsg. */
export function sockRecvmsg(current: Task, sock: Socket, msg: Msg, flags: number): number {
  const { security } = current.k
  const verdict = security.socketRecvmsg(current, sock, msg.data.length, flags)
  if (verdict !== 0) return verdict
  return settled(current, sock, sock.ops.recvmsg(current, sock, msg, flags | fileFlags(sock)))
}

function setOwner(current: Task, file: File, owner: number): number {
  setFileOwner(current, file, pidFrom(current, owner))
  return 0
}

/** Linux: socket_file_ops. */
export const socketFileOps = defineFileOps<Socket>({
  name: 'socket',
  sleeps: true,

  /** Through /proc/<pid>/fd. Linux: sock_no_open. */
  open: () => ENXIO,

  /** SO_LINGER: close(2) waits, the end of a process does not. Linux: the timeout of inet_release. */
  beforeClose(current, { data: sock }) {
    return sock.ops.linger === undefined ? 0 : settled(current, sock, sock.ops.linger(current, sock))
  },

  release(_current, file) {
    dropFasync(file.data.fasync, file)
    sockRelease(file.data)
  },

  /** Linux: sock_read (2.2), sock_aio_read (2.6): nothing to read is nothing read. */
  read(current, file, buf) {
    return buf.length === 0 ? 0 : sockRecvmsg(current, file.data, new Msg(buf, null), 0)
  },

  /** Linux: sock_write (2.2), sock_aio_write (2.6). */
  write(current, file, data) {
    return data.length === 0 ? 0 : sockSendmsg(current, file.data, new Msg(data, null), 0)
  },

  poll: (current, file) => file.data.ops.poll(current, file.data),

  waitQueue: (file, events) => file.data.ops.waitQueue(file.data, events),

  /** Linux: sock_ioctl. */
  ioctl(current, file, cmd, arg) {
    switch (cmd) {
      case FIOSETOWN:
      case SIOCSPGRP: {
        const owner = getInt(arg)
        return owner === null ? EFAULT : setOwner(current, file, owner)
      }
      case FIOGETOWN:
      case SIOCGPGRP:
        return putInt(arg, pidFor(current, file.owner))
      default: {
        const result = file.data.ops.ioctl(current, file.data, cmd, arg)
        runBacklog(file.data.net)
        return result
      }
    }
  },

  /** Linux: sock_fasync. */
  fasync: (current, file, on, fd) => fasyncHelper(current, file.data.fasync, file, fd, on),
})
