/**
 * Directories of /proc: looking names up, listing them, and making the inodes. Linux: proc_root_lookup,
 * proc_root_readdir, proc_get_inode (2.2); proc_pid_lookup, proc_pid_readdir, proc_pid_make_inode, proc_lookupfd,
 * proc_readfd, proc_task_lookup (2.6.14).
 *
 * An inode is made by every lookup and forgotten with its last use: what is changed on it (mode, owner, times) is
 * gone at the next lookup. It names its task by number, so nothing here keeps a dead task. Directories that have
 * nothing to do with processes are made with the superblock and stay, so that something can be mounted on them.
 * Left out: mounting on the directory of a process.
 */

import { asIno } from '../../abi/brand.js'
import { EACCES, EINVAL, EISDIR, ENOENT, type Ret } from '../../abi/errno.js'
import {
  type Dirent,
  DT_DIR,
  DT_LNK,
  modeToDirentType,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../../abi/stat.js'
import type { KernelCore } from '../../kernel/kernel.js'
import { partOf, pidFor } from '../../kernel/part.js'
import { isGroupLeader, type Task } from '../../kernel/task.js'
import { findTask, tasksSeenBy } from '../../kernel/visible.js'
import { Dentry, dAdd } from '../../vfs/dentry.js'
import { type File, FMODE_READ, FMODE_WRITE } from '../../vfs/file.js'
import { Inode, S_IMMUTABLE } from '../../vfs/inode.js'
import { defineFileOps, defineInodeOps, type InodeOperations, noOperation } from '../../vfs/ops.js'
import { DirFiller } from '../../vfs/readdir.js'
import type { SuperBlock } from '../../vfs/superblock.js'
import { defaultLlseek } from '../dev/seek.js'
import { type Entry, hasExited, isModern, isSysctl, nodeOf, ProcNode, seenTaskOf, taskOf } from './entry.js'
import { fileInodeOps, sysctlFileOps, sysctlInodeOps, textFileOps } from './file.js'
import { countProcesses } from './format_system.js'
import { modernLinkOps, oldLinkOps, procPermission } from './link.js'
import { pidIno } from './pid.js'
import { globalIno, ROOT_INO } from './root.js'
import { childOf, childrenOf, globalDirs, indexOf } from './tree.js'

/** Positions in /proc from here on are processes. Linux: FIRST_PROCESS_ENTRY. */
const FIRST_PROCESS = 256

/** `self` of 2.6. Linux: fake_ino(0, PROC_TGID_INO). */
const SELF_INO = 2

/** Bytes that lstat shows for a link to a place, and for `self`. */
const LINK_SIZE = 64

// ---- inodes --------------------------------------------------------------------------------------------------

/** The inode number of a node. */
function inoOf(k: KernelCore, node: ProcNode, current: Task | null): number {
  const { release } = k.facts
  const pid = current === null ? node.pid : pidFor(current, node.pid)
  if (node.pid > 0) return pidIno(release, pid, node.isThread, node.path, indexOf(k, node))
  if (node.path === 'self' && isModern(k)) return SELF_INO
  return node.path === '' ? ROOT_INO : globalIno(release, node.path, indexOf(k, node))
}

/**
 * Whose files in /proc/<pid> are. The directory itself is always the process's; the rest while it may be dumped, and
 * in 2.6 while it has memory. Linux: proc_pid_fill_inode (2.2), task_dumpable (2.6).
 */
function setOwner(inode: Inode, task: Task, path: string): void {
  const isOwn = path === '' || (task.dumpable === 1 && !(isModern(task.k) && hasExited(task)))
  inode.uid = isOwn ? task.cred.euid : 0
  inode.gid = isOwn ? task.cred.egid : 0
}

/** The operations of what is not a directory. */
function opsOf(k: KernelCore, node: ProcNode, mode: number, entry: Entry | null): InodeOperations {
  if ((mode & S_IFMT) !== S_IFLNK) return isSysctl(node) ? sysctlInodeOps : fileInodeOps
  if (entry?.text !== undefined) return textLinkOps
  return isModern(k) ? modernLinkOps : oldLinkOps
}

/** A fresh inode. `mode` holds the type. */
function makeInode(current: Task, sb: SuperBlock, node: ProcNode, mode: number, entry: Entry | null): Inode {
  const { k } = current
  const isDir = (mode & S_IFMT) === S_IFDIR
  const isGuarded = node.pid > 0 && (node.path === 'fd' || node.path === 'task')
  const ops = isDir ? (isGuarded ? guardedDirOps : procDirOps) : opsOf(k, node, mode, entry)
  const fops = isDir ? procDirFileOps : (entry?.fops ?? (isSysctl(node) ? sysctlFileOps : textFileOps))
  const inode = new Inode(
    sb,
    asIno(inoOf(k, node, current)),
    mode,
    ops,
    fops,
    node,
    k.devices.anonymous(0),
    k.state.now,
  )
  const task = node.pid === 0 ? null : taskOf(k, node)
  if (task !== null) {
    setOwner(inode, task, node.path)
    k.security.taskToInode(task, inode)
  }
  if (isDir) inode.nlink = linkCount(current, node, task)
  else if ((mode & S_IFMT) === S_IFLNK) inode.size = linkSize(current, entry)
  return inode
}

/** What one link shows as its length: 64, but the text's for `mounts` (proc_symlink). */
const linkSize = (current: Task, entry: Entry | null): number =>
  entry?.text === undefined || entry.path === 'self' ? LINK_SIZE : entry.text(current).length

/** 2 and the directories in it; /proc counts its processes, `task` its threads. */
function linkCount(current: Task, node: ProcNode, task: Task | null): number {
  const { k } = current
  if (node.path === 'task' && task !== null) return 2 + threadsOf(task).length
  const dirs = childrenOf(k, node).filter(({ entry }) => entry === null || entry.type === S_IFDIR).length
  return 2 + dirs + (node.pid === 0 && node.path === '' ? countProcesses(current) : 0)
}

/** Threads that are alive, the leader first. */
function threadsOf(task: Task): readonly Task[] {
  const { leader, threads } = task.group
  return threads ?? [leader]
}

/** The inode of a directory outside the processes. There need be no task yet. */
function makeGlobalDir(k: KernelCore, sb: SuperBlock, path: string): Inode {
  const node = new ProcNode(path)
  const mode = S_IFDIR | 0o555
  const ino = asIno(inoOf(k, node, null))
  return new Inode(sb, ino, mode, procDirOps, procDirFileOps, node, k.devices.anonymous(0), k.state.now)
}

/** The root of /proc and the directories in it that stay. Link counts are looked up when they are asked for. */
export function makeRoot(k: KernelCore, sb: SuperBlock): Dentry {
  const root = new Dentry('/', null, sb, makeGlobalDir(k, sb, ''))
  const dirs = new Map([['', root]])
  for (const path of globalDirs(k)) {
    const slash = path.lastIndexOf('/')
    const parent = dirs.get(path.slice(0, Math.max(0, slash))) ?? root
    const dentry = new Dentry(path.slice(slash + 1), parent, sb, makeGlobalDir(k, sb, path))
    dAdd(parent, dentry)
    dirs.set(path, dentry)
  }
  return root
}

// ---- lookup --------------------------------------------------------------------------------------------------

/** A number as a name: digits without a leading zero, below `limit`; -1 otherwise. Linux: name_to_int. */
function parseNumber(name: string, limit: number): number {
  if (!/^(0|[1-9][0-9]*)$/.test(name)) return -1
  const value = Number(name)
  return value < limit ? value : -1
}

/** 2.0 and 2.2 stop at 16 bits of pid and 15 of descriptor. */
const pidLimit = (k: KernelCore): number => (isModern(k) || k.partOf !== null ? 0xffffffff : 0x10000)
const fdLimit = (k: KernelCore): number => (isModern(k) ? 0xffffffff : 0x8000)

function lookup(current: Task, dir: Inode, name: string): Ret<Inode | null> {
  const node = nodeOf(dir)
  if (node.pid === 0) {
    if (node.path === '') return lookupInRoot(current, dir, name)
    return lookupChildOf(current, dir, node, null, name)
  }
  const task = seenTaskOf(current, node)
  if (task === null) return ENOENT
  if (node.path === 'fd') return lookupFd(current, dir, task, name)
  if (node.path === 'task') return lookupThread(current, dir, task, name)
  return lookupChildOf(current, dir, node, task, name)
}

/** An entry below an ordinary directory. Linux: proc_lookup, proc_pident_lookup. */
function lookupChildOf(
  current: Task,
  dir: Inode,
  node: ProcNode,
  task: Task | null,
  name: string,
): Ret<Inode> {
  const child = childOf(current.k, node, name)
  if (child === undefined) return ENOENT
  const { entry, path } = child
  const mode = entry === null ? S_IFDIR | 0o555 : (entry.type ?? S_IFREG) | entry.mode
  return makeInode(current, dir.sb, new ProcNode(path, task, node.isThread), mode, entry)
}

/** Linux: proc_root_lookup (2.2): an unknown name is a negative dentry, not an error; proc_pid_lookup (2.6). */
function lookupInRoot(current: Task, dir: Inode, name: string): Ret<Inode | null> {
  const { k } = current
  const found = lookupChildOf(current, dir, nodeOf(dir), null, name)
  if (found !== ENOENT) return found
  if (name === 'self' && isModern(k)) {
    return makeInode(current, dir.sb, new ProcNode('self'), S_IFLNK | 0o777, SELF_ENTRY)
  }
  const pid = parseNumber(name, pidLimit(k))
  const task = pid > 0 ? findTask(current, pid) : undefined
  if (task === undefined) return isModern(k) ? ENOENT : null
  return makePidDir(current, dir.sb, task, false)
}

/** `self` of 2.6 lies outside the tree of entries. Linux: proc_self_inode_operations. */
const SELF_ENTRY: Entry = Object.freeze({
  path: 'self',
  mode: 0o777,
  type: S_IFLNK,
  text: (current: Task) => String(pidFor(current, current.tgid)),
})

/** Nobody may write to the directory of a process. */
function makePidDir(current: Task, sb: SuperBlock, task: Task, isThread: boolean): Inode {
  const inode = makeInode(current, sb, new ProcNode('', task, isThread), S_IFDIR | 0o555, null)
  inode.flags |= S_IMMUTABLE
  return inode
}

/** The link's mode shows how the file is open. Linux: proc_lookupfd. */
function lookupFd(current: Task, dir: Inode, task: Task, name: string): Ret<Inode> {
  const fd = parseNumber(name, fdLimit(current.k))
  const file = fd < 0 || hasExited(task) ? undefined : task.files.files[fd]
  if (file == null) return ENOENT
  const mode =
    S_IFLNK | ((file.mode & FMODE_READ) !== 0 ? 0o500 : 0) | ((file.mode & FMODE_WRITE) !== 0 ? 0o300 : 0)
  return makeInode(current, dir.sb, new ProcNode(`fd/${fd}`, task, nodeOf(dir).isThread), mode, null)
}

/** Linux: proc_task_lookup. */
function lookupThread(current: Task, dir: Inode, leader: Task, name: string): Ret<Inode> {
  const task = findTask(current, parseNumber(name, pidLimit(current.k)))
  if (task === undefined || task.tgid !== leader.tgid) return ENOENT
  return makePidDir(current, dir.sb, task, true)
}

// ---- listing -------------------------------------------------------------------------------------------------

/** Something to list. `at` is its position. */
interface Item {
  readonly at: number
  readonly name: string
  readonly ino: number
  readonly type: number
}

/** Entries of an ordinary directory, from position 2 on. */
function* childItems(current: Task, node: ProcNode): Generator<Item> {
  const { k } = current
  let at = 2
  for (const { name, path, entry } of childrenOf(k, node)) {
    const below = new ProcNode(path, taskOf(k, node), node.isThread)
    const type = modeToDirentType(entry === null ? S_IFDIR : (entry.type ?? S_IFREG))
    yield { at, name, ino: inoOf(k, below, current), type }
    at++
  }
}

/** Processes by the age of the task that leads them: an exec by another thread makes that one the leader. */
function leadersSeenBy(current: Task): Task[] {
  const leaders = tasksSeenBy(current).filter(isGroupLeader)
  const isSorted = leaders.every(({ serial }, n) => serial >= (leaders[n - 1]?.serial ?? 0))
  return isSorted ? leaders : leaders.sort((a, b) => a.serial - b.serial)
}

/** /proc: entries, then (2.6) self, then processes, oldest first. */
function* rootItems(current: Task, node: ProcNode, pos: number): Generator<Item> {
  const { k } = current
  yield* childItems(current, node)
  let at = Math.max(FIRST_PROCESS, 2 + childrenOf(k, node).length)
  const isNew = isModern(k)
  // Serial numbers count everybody's tasks: a part does without.
  const remembers = isNew && partOf(current) === null
  const first = at
  if (isNew) yield { at: at++, name: 'self', ino: SELF_INO, type: DT_LNK }
  for (const task of leadersSeenBy(current)) {
    // 2.2 counts, so one that dies between two reads makes the next be skipped; 2.6 remembers where it was.
    const place = remembers ? first + task.serial : at++
    if (place >= pos)
      yield {
        at: place,
        name: String(pidFor(current, task.pid)),
        ino: inoOf(k, new ProcNode('', task), current),
        type: DT_DIR,
      }
  }
}

function* fdItems(current: Task, node: ProcNode, task: Task): Generator<Item> {
  if (hasExited(task)) return
  for (const [fd, file] of task.files.files.entries()) {
    if (file !== null) {
      yield {
        at: fd + 2,
        name: String(fd),
        ino: inoOf(current.k, new ProcNode(`fd/${fd}`, task, node.isThread), current),
        type: DT_LNK,
      }
    }
  }
}

function* threadItems(current: Task, leader: Task): Generator<Item> {
  let at = 2
  for (const task of threadsOf(leader)) {
    yield {
      at: at++,
      name: String(pidFor(current, task.pid)),
      ino: inoOf(current.k, new ProcNode('', task, true), current),
      type: DT_DIR,
    }
  }
}

/** What is in a directory; an Errno when the process it is about has gone. */
function itemsOf(current: Task, node: ProcNode, pos: number): Ret<Iterable<Item>> {
  const { k } = current
  if (node.pid === 0) return node.path === '' ? rootItems(current, node, pos) : childItems(current, node)
  const task = seenTaskOf(current, node)
  if (task === null) return isModern(k) ? ENOENT : []
  if (node.path === 'fd') return fdItems(current, node, task)
  if (node.path === 'task') return threadItems(current, task)
  return childItems(current, node)
}

function readdir(current: Task, file: File, count: number): Ret<Dirent[]> {
  const { k } = current
  const { inode } = file
  const items = itemsOf(current, nodeOf(inode), file.pos)
  if (typeof items === 'number') return items
  const filler = new DirFiller(count, k.facts.hasDirentTypes)
  const parentIno = file.dentry?.parent?.inode?.ino ?? inode.ino
  const dots = [
    { at: 0, name: '.', ino: inode.ino, type: DT_DIR },
    { at: 1, name: '..', ino: parentIno, type: DT_DIR },
  ]
  for (const list of [dots, items]) {
    for (const { at, name, ino, type } of list) {
      if (at < file.pos) continue
      if (!filler.add(name, at + 1, ino, type)) return filler.result(true)
      file.pos = at + 1
    }
  }
  return filler.result(false)
}

/** Reading a directory as a file: EISDIR (generic_read_dir), in 2.0 and 2.2 EINVAL: there is no read method. */
const procDirFileOps = defineFileOps({
  name: 'procfs.dir',
  seekable: true,
  llseek: defaultLlseek,
  read: (current) => (isModern(current.k) ? EISDIR : EINVAL),
  readdir,
})

// ---- operations ----------------------------------------------------------------------------------------------

/** Owner and link count as they are now. Linux: pid_revalidate, proc_root_getattr. */
function refresh(current: Task, inode: Inode): void {
  const { k } = current
  const node = nodeOf(inode)
  const task = node.pid === 0 ? null : taskOf(k, node)
  if (task !== null) setOwner(inode, task, node.path)
  if (node.pid === 0 || task !== null) inode.nlink = linkCount(current, node, task)
}

/** Nothing can be made here: vfs_create says EACCES where there is no method, the others EPERM. */
const procDirOps = defineInodeOps({
  name: 'procfs.dir',
  lookup,
  create: noOperation(EACCES),
  refresh,
})

/** Directories of descriptors and threads. Linux: proc_fd_inode_operations, proc_task_inode_operations. */
const guardedDirOps = defineInodeOps({
  name: 'procfs.guardeddir',
  lookup,
  create: noOperation(EACCES),
  refresh,
  permission: procPermission,
})

/** `self`, and `mounts` of 2.6. */
const textLinkOps = defineInodeOps({
  name: 'procfs.textlink',
  readlink(current, inode) {
    const node = nodeOf(inode)
    const entry = childOf(current.k, new ProcNode(''), node.path)?.entry ?? SELF_ENTRY
    return entry.text?.(current) ?? ENOENT
  },
})
