/**
 * Starting another image. Linux: do_execve, prepare_binprm, flush_old_exec, compute_creds (fs/exec.c, 2.6.14),
 * load_script (fs/binfmt_script.c).
 *
 * An image is a regular file whose first bytes name a registered program: "\x7fELF", a space, the name, a newline.
 * So a copy of the file runs as well as the original, a truncated one gives ENOEXEC, and `#!` scripts lead to
 * their interpreter. There is no memory image: what exec changes is credentials, signals, descriptors, names.
 */

import { asCapSet } from '../abi/brand.js'
import { CAP_EMPTY_SET, CAP_FULL_SET, CAP_INIT_EFF_SET, CAP_SETPCAP, CAP_SETUID } from '../abi/capability.js'
import {
  E2BIG,
  EACCES,
  ENFILE,
  ENOENT,
  ENOEXEC,
  ENOMEM,
  type Errno,
  ETXTBSY,
  isErr,
  type Ret,
} from '../abi/errno.js'
import { FD_CLOEXEC, O_RDONLY } from '../abi/fcntl.js'
import { MS_NOEXEC, MS_NOSUID } from '../abi/mount.js'
import { TASK_COMM_LEN } from '../abi/prctl.js'
import { SIG_IGN, SIGKILL } from '../abi/signal.js'
import { S_IFMT, S_IFREG, S_ISGID, S_ISUID, S_IXGRP } from '../abi/stat.js'
import { utf8Decode, utf8Length } from '../lib/bytes.js'
import { capable } from '../security/capability.js'
import { deny, NOBODY_MAY } from '../security/deny.js'
import { shouldFail } from '../sim/faults.js'
import { filpClose, fput } from '../vfs/close.js'
import { copyFdTable, fdRemove } from '../vfs/fdtable.js'
import { File, FMODE_READ } from '../vfs/file.js'
import { allowWriteAccess, denyWriteAccess, igrab, MAY_EXEC } from '../vfs/inode.js'
import { LOOKUP_FOLLOW, pathLookup } from '../vfs/namei.js'
import { inodePermission, lacksExecBit } from '../vfs/permission.js'
import { stealLocks } from '../vfs/posix_lock.js'
import { type Cred, credWith } from './cred.js'
import { completeVfork, exitExe, killThread, releaseTask } from './exit.js'
import type { ProgramImage } from './program.js'
import { recalcSigpending, removeFromQueue, sendSignalSelf, threadsOf } from './signal.js'
import { DEFAULT_ACTION, SigHand } from './signal_state.js'
import {
  TASK_ZOMBIE,
  type Task,
  TF_FORKNOEXEC,
  TF_NO_NEW_PRIVS,
  TF_STARTED,
  TF_VFORK,
  TF_ZAPPED,
} from './task.js'

/** Bytes of an image that are looked at. Linux: BINPRM_BUF_SIZE. */
const HEADER_BYTES = 128
const MAGIC = '\x7fELF '
/** Scripts whose interpreter is a script. Linux: BINPRM_MAX_RECURSION 4 (2.6); one level in 2.2 (`sh_bang`). */
const MAX_INTERPRETERS = 4
/** Bytes of arguments and environment together. Linux: MAX_ARG_PAGES 32. */
const MAX_ARG_BYTES = 32 * 4096

/** The content of an image file that runs the program registered under `name`. */
export const imageHeader = (name: string): string => `${MAGIC}${name}\n`

/** A new image, found and permitted. Linux: struct linux_binprm. */
interface Binprm {
  readonly file: File
  readonly program: ProgramImage
  readonly argv: readonly string[]
  readonly interpreterOf: string | null
}

/** Opens an image. Linux: open_exec, prepare_binprm's checks. */
function openExec(current: Task, path: string): Ret<File> {
  const { nd } = current.k
  const failed = pathLookup(current, path, LOOKUP_FOLLOW, nd)
  if (failed !== 0) return failed as Errno
  const inode = nd.dentry.inode
  if (inode === null) return ENOENT
  if ((inode.mode & S_IFMT) !== S_IFREG) return deny(current, EACCES, 'state', inode, 'not-a-regular-file')
  if (((inode.sb.flags | nd.mnt.flags) & MS_NOEXEC) !== 0)
    return deny(current, EACCES, 'mount', inode, 'noexec')
  const denied = inodePermission(current, inode, MAY_EXEC)
  if (denied !== 0) return denied as Errno
  if (lacksExecBit(inode)) return deny(current, EACCES, 'dac', inode, MAY_EXEC, NOBODY_MAY)
  if (shouldFail(current.k, 'alloc:file')) return ENFILE
  const file = new File(inode.fops, null as unknown, inode)
  file.dentry = nd.dentry
  file.mnt = nd.mnt
  file.flags = O_RDONLY
  file.mode = FMODE_READ
  if (!denyWriteAccess(inode)) return deny(current, ETXTBSY, 'state', inode, 'open-for-writing')
  igrab(inode)
  nd.mnt.count++
  return file
}

function closeExec(file: File): void {
  allowWriteAccess(file.inode)
  file.mode = 0
  fput(null, file)
}

function readHeader(current: Task, file: File): string {
  const buf = new Uint8Array(HEADER_BYTES)
  const { atime } = file.inode
  const count = file.ops.read(current, file, buf, 0)
  file.inode.atime = atime
  return count <= 0 ? '' : utf8Decode(buf, 0, count)
}

/** Finds the program that runs a file, through `#!` lines. Linux: search_binary_handler. */
function findImage(current: Task, path: string, argv: readonly string[]): Ret<Binprm> {
  let at = path
  let args = argv
  for (let depth = 0; ; depth++) {
    const file = openExec(current, at)
    if (isErr(file)) return file
    const verdict = current.k.security.bprmCheck(current, file.inode)
    if (verdict !== 0) {
      closeExec(file)
      return verdict as Errno
    }
    const header = readHeader(current, file)
    if (header.startsWith(MAGIC)) {
      const end = header.indexOf('\n')
      const program = current.k.programs.get(header.slice(MAGIC.length, end < 0 ? undefined : end))
      if (program !== undefined)
        return { file, program, argv: args, interpreterOf: depth === 0 ? null : path }
    }
    const script = /^#![ \t]*([^ \t\n]+)(?:[ \t]+([^\n]*?))?[ \t]*(?:\n|$)/.exec(header)
    closeExec(file)
    if (script === null || depth === MAX_INTERPRETERS) return ENOEXEC
    const [, interpreter = '', option] = script
    args = [interpreter, ...(option === undefined || option === '' ? [] : [option]), at, ...args.slice(1)]
    at = interpreter
  }
}

/** The new ids by the set-id bits of the image. Linux: prepare_binprm. */
function setIds(current: Task, file: File): { euid: number; egid: number } {
  const { inode } = file
  let { euid, egid } = current.cred
  const isBound = (current.flags & TF_NO_NEW_PRIVS) !== 0
  if (((file.mnt?.flags ?? 0) & MS_NOSUID) === 0 && !isBound) {
    if ((inode.mode & S_ISUID) !== 0) euid = inode.uid
    if ((inode.mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP)) egid = inode.gid
  }
  return { euid, egid }
}

/**
 * The credentials of the new image. A task that shares its descriptors, directories or handlers gets no more than
 * it has. Linux: cap_bprm_set_security, cap_bprm_apply_creds (security/commoncap.c, 2.6.14); compute_creds (2.2).
 */
function credAfterExec(current: Task, file: File): { readonly cred: Cred; readonly gains: boolean } {
  const old = current.cred
  const wanted = setIds(current, file)
  const rootful = wanted.euid === 0 || old.uid === 0
  const filePermitted = rootful ? CAP_FULL_SET : CAP_EMPTY_SET
  const bounding = Number(current.k.state.sysctl.get('kernel/cap-bound') ?? CAP_INIT_EFF_SET)
  let permitted = asCapSet((filePermitted & bounding) | (filePermitted & old.capInheritable))
  let { euid, egid } = wanted
  const gains = euid !== old.uid || egid !== old.gid || (permitted & ~old.capPermitted) !== 0
  if ((current.flags & TF_NO_NEW_PRIVS) !== 0) permitted = asCapSet(permitted & old.capPermitted)
  if (gains && (current.fs.users > 1 || current.files.users > 1 || current.sighand.users > 1)) {
    if (!capable(current, CAP_SETUID)) {
      euid = old.uid
      egid = old.gid
    }
    if (!capable(current, CAP_SETPCAP)) permitted = asCapSet(permitted & old.capPermitted)
  }
  const effective = wanted.euid === 0 ? permitted : CAP_EMPTY_SET
  const ids = { euid, suid: euid, fsuid: euid, egid, sgid: egid, fsgid: egid }
  return {
    cred: credWith(old, { ...ids, capPermitted: permitted, capEffective: effective, keepCaps: false }),
    gains,
  }
}

/** Handlers go back to the default, ignored signals stay ignored. Linux: flush_signal_handlers. */
export function flushSignalHandlers(current: Task): void {
  const actions = current.sighand.actions.map((action) =>
    action !== undefined && action.handler === SIG_IGN ? { ...DEFAULT_ACTION, handler: SIG_IGN } : undefined,
  )
  current.sighand.users--
  current.sighand = new SigHand(actions)
}

/** Linux: flush_old_files. */
function closeOnExec(current: Task): void {
  if (current.files.users > 1) {
    const shared = current.files
    shared.users--
    current.files = copyFdTable(shared)
    stealLocks(current, shared)
  }
  const { files } = current
  for (let fd = 0; fd < files.files.length; fd++) {
    if (((files.flags[fd] ?? 0) & FD_CLOEXEC) === 0) continue
    const file = fdRemove(files, fd)
    if (file !== null) filpClose(current, files, file)
  }
}

/** Only the caller survives, under the process's pid. Linux: de_thread. */
function becomeOnlyThread(current: Task): void {
  const { group } = current
  for (const thread of [...threadsOf(group)]) {
    if (thread === current) continue
    thread.flags |= TF_ZAPPED
    killThread(thread)
  }
  const { leader } = group
  if (leader === current) return
  const { tasks } = current.k.state
  leader.pid = current.pid
  current.pid = current.tgid
  tasks.set(leader.pid, leader)
  tasks.set(current.pid, current)
  current.exitSignal = leader.exitSignal
  leader.exitSignal = -1
  group.leader = current
  // A leader that ended before waited only for the others.
  if (leader.state === TASK_ZOMBIE) releaseTask(leader)
}

const bytesOf = (words: readonly string[]): number =>
  words.reduce((sum, word) => sum + utf8Length(word) + 1, 0)

/**
 * What exec allocates when it begins to let go of the old image. Handlers of its own: nothing has happened yet. A
 * descriptor table of its own: the other threads are dead. A stack: the old image is gone, so the task dies of SIGKILL.
 * Linux: de_thread, unshare_files in flush_old_exec; setup_arg_pages in load_elf_binary.
 */
function flushFault(current: Task, file: File): number {
  const { k } = current
  const lacksHandlers = current.sighand.users > 1 && shouldFail(k, 'alloc:sighand')
  if (!lacksHandlers) {
    const lacksFiles = current.files.users > 1 && shouldFail(k, 'alloc:files')
    const lacksStack = !lacksFiles && shouldFail(k, 'alloc:stack')
    if (!lacksFiles && !lacksStack) return 0
    becomeOnlyThread(current)
    if (lacksStack) sendSignalSelf(current, SIGKILL, 'kernel', file.inode)
  }
  closeExec(file)
  return ENOMEM
}

/**
 * Replaces the image of `current`. 0, or an Errno with everything as before: ENOENT, EACCES, ENOEXEC, ETXTBSY,
 * E2BIG, ELOOP, ENOMEM … The dispatcher then starts `current.program` afresh. Linux: do_execve.
 */
export function doExecve(
  current: Task,
  path: string,
  argv: readonly string[],
  env: readonly string[],
): number {
  const { k } = current
  if (shouldFail(k, 'alloc:mm')) return ENOMEM
  const found = findImage(current, path, argv)
  if (isErr(found)) return found
  const tooLong = bytesOf(found.argv) + bytesOf(env) > MAX_ARG_BYTES
  if (tooLong || shouldFail(k, 'alloc:page')) {
    closeExec(found.file)
    return tooLong ? E2BIG : ENOMEM
  }
  if (k.injection !== null) {
    const failed = flushFault(current, found.file)
    if (failed !== 0) return failed
  }
  becomeOnlyThread(current)
  const { cred, gains } = credAfterExec(current, found.file)
  current.cred = cred
  current.dumpable = gains ? 0 : 1
  exitExe(current)
  found.file.mode = 0
  current.exe = found.file
  flushSignalHandlers(current)
  closeOnExec(current)
  removeFromQueue(current.pending, 0, 0)
  recalcSigpending(current)
  const oldComm = current.comm
  current.comm = commOf(found.interpreterOf ?? path)
  current.argv = found.argv.slice()
  current.env = env.slice()
  current.program = found.program
  current.flags &= ~(TF_FORKNOEXEC | TF_VFORK | TF_STARTED)
  completeVfork(current)
  k.notifiers.exec(current)
  if (k.trace.taskExec) {
    k.trace.emitEvent({
      kind: 'task:exec',
      seq: k.seq++,
      time: k.state.now,
      pid: current.pid,
      comm: current.comm,
      path,
      oldComm,
    })
  }
  return 0
}

/** The last component of a path, cut to 15 bytes. Linux: flush_old_exec. */
export function commOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return utf8Length(name) < TASK_COMM_LEN ? name : name.slice(0, TASK_COMM_LEN - 1)
}
