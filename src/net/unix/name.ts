/**
 * Names of AF_UNIX: paths and abstract ones, made by bind(2) and found by connect(2) and sendto(2).
 *
 * Linux: unix_mkname, unix_autobind, unix_bind, unix_find_other, net/unix/af_unix.c (2.2.12, 2.6.14).
 */

import { mkdev } from '../../abi/brand.js'
import {
  EADDRINUSE,
  ECONNREFUSED,
  EEXIST,
  EINVAL,
  EISDIR,
  EPROTOTYPE,
  type Errno,
  isErr,
} from '../../abi/errno.js'
import { isAtLeast } from '../../abi/profile.js'
import { AF_UNIX } from '../../abi/socket.js'
import { S_IFSOCK, S_IRWXUGO, S_ISDIR, S_ISSOCK } from '../../abi/stat.js'
import type { Task } from '../../kernel/task.js'
import { latin1Encode, utf8Decode } from '../../lib/bytes.js'
import { lookupNew, vfsMknod } from '../../vfs/dirops.js'
import { igrab, MAY_WRITE } from '../../vfs/inode.js'
import { LOOKUP_FOLLOW, pathLookup, touchAtime } from '../../vfs/namei.js'
import { checkPath } from '../../vfs/path.js'
import { inodePermission } from '../../vfs/permission.js'
import type { Sock, Socket } from '../sock.js'
import type { Sockaddr } from '../sockaddr.js'
import type { UnixAddress, UnixSock } from './sock.js'

/** Bytes of struct sockaddr_un. */
const SOCKADDR_UN = 110

const isAbstract = (name: string): boolean => name.charCodeAt(0) === 0

const modern = (sk: Sock): boolean => isAtLeast(sk.net.k.facts.release, '2.6.14')

/** The name in an address. EINVAL: of another family, empty, or too long. Linux: unix_mkname. */
export function unixMkname({ family, length, path }: Sockaddr): UnixAddress | Errno {
  if (length <= 2 || length > SOCKADDR_UN || family !== AF_UNIX) return EINVAL
  return isAbstract(path) ? { name: path, length } : { name: path, length: path.length + 3 }
}

/** What the table of abstract names is by. */
export const abstractKey = (type: number, { name }: UnixAddress): string => `${type}${name}`

/** The path in a name, as text. */
const pathOf = (name: string): string => utf8Decode(latin1Encode(name))

// ---- bind ----------------------------------------------------------------------------------------------------

function takeAbstract(sk: UnixSock, address: UnixAddress): void {
  sk.address = address
  sk.net.unix.abstract.set(abstractKey(sk.type, address), sk)
}

/** Makes up a name: a NUL and five (2.2: eight) hexadecimal digits. Linux: unix_autobind. */
export function unixAutobind(sk: UnixSock): number {
  if (sk.address !== null) return modern(sk) ? 0 : EINVAL
  const { unix } = sk.net
  const digits = modern(sk) ? 5 : 8
  for (;;) {
    const name = `\0${unix.nextName.toString(16).padStart(digits, '0')}`
    unix.nextName = (unix.nextName + 1) & 0xfffff
    const address = { name, length: 2 + name.length }
    if (unix.abstract.has(abstractKey(sk.type, address))) continue
    takeAbstract(sk, address)
    return 0
  }
}

/**
 * Errors: EINVAL another family, a bad name, already bound; EADDRINUSE; those of making a node. The umask counts.
 * Linux: unix_bind.
 */
export function unixBind(current: Task, sock: Socket, address: Sockaddr): number {
  const sk = sock.sk as UnixSock
  const isModern = modern(sk)
  if (!isModern && sk.address !== null) return EINVAL
  if (address.family !== AF_UNIX || address.length < 2) return EINVAL
  if (address.length === 2) return unixAutobind(sk)
  const name = unixMkname(address)
  if (isErr(name)) return name
  if (sk.address !== null) return EINVAL
  const hasAbstract = current.k.facts.release !== '2.0.35'
  if (hasAbstract && isAbstract(name.name)) {
    if (sk.net.unix.abstract.has(abstractKey(sk.type, name))) return EADDRINUSE
    takeAbstract(sk, name)
    return 0
  }
  return bindPath(current, sk, name)
}

function bindPath(current: Task, sk: UnixSock, address: UnixAddress): number {
  const path = isAbstract(address.name) ? '' : pathOf(address.name)
  const failed = checkPath(path)
  if (failed !== 0) return failed
  const { nd } = current.k
  const dentry = lookupNew(current, path, nd, false)
  if (isErr(dentry)) return dentry === EEXIST ? EADDRINUSE : dentry
  const { mnt } = nd
  const mode = S_IFSOCK | (S_IRWXUGO & ~current.fs.umask)
  const made = vfsMknod(current, nd.dentry, dentry, mode, mkdev(0, 0))
  if (made !== 0) return made === EEXIST ? EADDRINUSE : made
  if (dentry.inode === null) return EINVAL
  sk.address = address
  sk.inode = igrab(dentry.inode)
  sk.mnt = mnt
  mnt.count++
  sk.net.unix.byInode.set(dentry.inode, sk)
  return 0
}

/** The name is free again. Linux: unix_remove_socket. */
export function unixForget(sk: UnixSock): void {
  const { unix } = sk.net
  unix.sockets.delete(sk)
  if (sk.inode !== null && unix.byInode.get(sk.inode) === sk) unix.byInode.delete(sk.inode)
  if (sk.address === null || !isAbstract(sk.address.name)) return
  const key = abstractKey(sk.type, sk.address)
  if (unix.abstract.get(key) === sk) unix.abstract.delete(key)
}

// ---- find ----------------------------------------------------------------------------------------------------

/**
 * The socket with a name. Errors: those of the path walk, and of writing to what it leads to; ECONNREFUSED nobody
 * has it; EPROTOTYPE of another type. Linux: unix_find_other.
 */
export function unixFindOther(current: Task, sk: UnixSock, address: UnixAddress): UnixSock | Errno {
  if (!isAbstract(address.name) || current.k.facts.release === '2.0.35')
    return findByPath(current, sk, address)
  return sk.net.unix.abstract.get(abstractKey(sk.type, address)) ?? ECONNREFUSED
}

function findByPath(current: Task, sk: UnixSock, { name }: UnixAddress): UnixSock | Errno {
  const path = isAbstract(name) ? '' : pathOf(name)
  const failed = checkPath(path)
  if (failed !== 0) return failed
  const { nd } = current.k
  const walked = pathLookup(current, path, LOOKUP_FOLLOW, nd)
  if (walked !== 0) return walked as Errno
  const { inode } = nd.dentry
  if (inode === null) return ECONNREFUSED
  // open_namei does not open a directory for writing.
  if (!modern(sk) && S_ISDIR(inode.mode)) return EISDIR
  const denied = inodePermission(current, inode, MAY_WRITE)
  if (denied !== 0) return denied as Errno
  if (modern(sk) && !S_ISSOCK(inode.mode)) return ECONNREFUSED
  const other = sk.net.unix.byInode.get(inode)
  if (other === undefined) return ECONNREFUSED
  if (other.type !== sk.type) return EPROTOTYPE
  if (modern(sk)) touchAtime(current, nd.mnt, inode)
  return other
}
