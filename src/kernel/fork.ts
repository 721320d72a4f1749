/**
 * Making tasks. Linux: do_fork, copy_process (kernel/fork.c, 2.6.14); do_fork (2.2).
 */

import { CAP_SYS_ADMIN, CAP_SYS_RESOURCE } from '../abi/capability.js'
import {
  CLONE_FILES,
  CLONE_FS,
  CLONE_PARENT,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  CSIGNAL,
} from '../abi/clone.js'
import { EAGAIN, EINVAL, ENOMEM, type Errno, isErr, type Ret } from '../abi/errno.js'
import { RLIMIT_NPROC } from '../abi/resource.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { shouldFail } from '../sim/faults.js'
import { copyFdTable } from '../vfs/fdtable.js'
import { igrab } from '../vfs/inode.js'
import type { KernelCore } from './kernel.js'
import { partOf } from './part.js'
import { addChild, allocPid, joinPgrp } from './pid.js'
import { softLimit } from './rlimit.js'
import { SigHand } from './signal_state.js'
import {
  FsStruct,
  Task,
  TF_DIRECT,
  TF_FORKNOEXEC,
  TF_NO_NEW_PRIVS,
  TF_STARTED,
  TF_SYSCALL_WORK,
  TF_VFORK,
} from './task.js'
import { countUser, userKey } from './user.js'
import { WaitQueue } from './wait.js'

/** The flags that a child has from its parent. */
const INHERITED = TF_DIRECT | TF_STARTED | TF_SYSCALL_WORK | TF_NO_NEW_PRIVS

/** How many processes of its real user a task may see before fork says EAGAIN. */
function tooManyProcesses(current: Task): boolean {
  const limit = softLimit(current.group.rlimits, RLIMIT_NPROC)
  const count = current.k.state.userTasks.get(userKey(current)) ?? 0
  if (count < limit) return false
  return current.cred.uid !== 0 && !capable(current, CAP_SYS_ADMIN) && !capable(current, CAP_SYS_RESOURCE)
}

/** The user has as many processes as RLIMIT_NPROC allows. */
export const denyProcess = (current: Task): Errno =>
  deny(current, EAGAIN, 'limit', null, 'RLIMIT_NPROC', softLimit(current.group.rlimits, RLIMIT_NPROC))

function copyFs(from: FsStruct): FsStruct {
  igrabDentries(from)
  return new FsStruct(from.root, from.rootMnt, from.pwd, from.pwdMnt, from.umask)
}

/** One more use of a root and a working directory. */
function igrabDentries(fs: FsStruct): void {
  if (fs.root.inode !== null) igrab(fs.root.inode)
  if (fs.pwd.inode !== null) igrab(fs.pwd.inode)
  fs.rootMnt.count++
  fs.pwdMnt.count++
}

/**
 * What a new task is made of that cannot be had. Linux gives back, in copy_process, what it has taken by then: all of
 * it is asked for before anything is taken here. The pid is spent, as there.
 */
function lacksMemory(k: KernelCore, flags: number): boolean {
  if (shouldFail(k, 'alloc:task')) return true
  if ((flags & CLONE_FILES) === 0 && shouldFail(k, 'alloc:files')) return true
  if ((flags & CLONE_FS) === 0 && shouldFail(k, 'alloc:fs')) return true
  if ((flags & CLONE_SIGHAND) === 0 && shouldFail(k, 'alloc:sighand')) return true
  if (k.facts.hasThreadGroups && (flags & CLONE_THREAD) === 0 && shouldFail(k, 'alloc:signal')) return true
  return (flags & CLONE_VM) === 0 && shouldFail(k, 'alloc:mm')
}

/**
 * A new task like `current`, runnable, not yet queued. Errors: EAGAIN (RLIMIT_NPROC, no pid), EINVAL (flags that
 * need each other), ENOMEM, or what a module's taskCreate hook says. Linux: copy_process.
 */
export function copyProcess(current: Task, flags: number): Ret<Task> {
  const { k } = current
  const isThread = (flags & CLONE_THREAD) !== 0
  if (isThread && !k.facts.hasThreadGroups) return EINVAL
  if (isThread && (flags & CLONE_SIGHAND) === 0) return EINVAL
  if (k.facts.hasThreadGroups && (flags & CLONE_SIGHAND) !== 0 && (flags & CLONE_VM) === 0) return EINVAL
  const verdict = k.security.taskCreate(current, flags)
  if (verdict !== 0) return verdict as Errno
  if (tooManyProcesses(current)) return denyProcess(current)
  if (k.state.tasks.size >= k.maxTasks) return deny(current, EAGAIN, 'limit', null, 'threads-max', k.maxTasks)
  const pid = allocPid(k, current)
  if (isErr(pid))
    return k.injection === null ? deny(current, pid, 'limit', null, 'pid_max', k.state.pidMax) : pid
  if (k.injection !== null && lacksMemory(k, flags)) return ENOMEM
  const { fs, files, sighand, group } = current
  if ((flags & CLONE_FS) !== 0) fs.users++
  if ((flags & CLONE_FILES) !== 0) files.users++
  if ((flags & CLONE_SIGHAND) !== 0) sighand.users++
  const child = new Task(k, pid, k.state.nextSerial++, current, {
    cred: current.cred,
    fs: (flags & CLONE_FS) !== 0 ? fs : copyFs(fs),
    files: (flags & CLONE_FILES) !== 0 ? files : copyFdTable(files),
    sighand: (flags & CLONE_SIGHAND) !== 0 ? sighand : new SigHand(sighand.actions.slice()),
    group: isThread ? group : null,
    pgrp: group.pgrp,
    rlimits: group.rlimits,
    comm: current.comm,
    argv: current.argv,
    env: current.env,
  })
  child.flags = (current.flags & INHERITED) | TF_FORKNOEXEC
  child.blockedLow = current.blockedLow
  child.blockedHigh = current.blockedHigh
  child.nice = current.nice
  child.dumpable = current.dumpable
  child.security = current.security === null ? null : current.security.slice()
  if (current.exe !== null) {
    child.exe = current.exe
    current.exe.count++
    current.exe.inode.writeCount--
  }
  child.program = current.program
  child.exitSignal = isThread ? -1 : flags & CSIGNAL
  if ((flags & CLONE_VFORK) !== 0) {
    child.flags |= TF_VFORK
    child.vforkDone = new WaitQueue(`vfork child ${pid}`)
  }
  if (isThread) {
    child.tgid = current.tgid
    if (group.threads === null) group.threads = [group.leader]
    group.threads.push(child)
    group.live++
  } else {
    joinPgrp(child.group, group.pgrp)
  }
  const parent = (flags & (CLONE_PARENT | CLONE_THREAD)) !== 0 ? current.parent : current
  addChild(parent, child)
  k.state.tasks.set(pid, child)
  countUser(child, 1)
  k.state.forks++
  const part = partOf(current)
  if (part !== null) part.forks++
  k.notifiers.fork(current, child)
  if (k.trace.taskFork) {
    k.trace.emitEvent({
      kind: 'task:fork',
      seq: k.seq++,
      time: k.state.now,
      pid: current.pid,
      comm: current.comm,
      childPid: pid,
      childComm: child.comm,
      flags,
    })
  }
  return child
}
