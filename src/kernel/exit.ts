/**
 * Ending a task. Linux: do_exit, do_group_exit, exit_notify, forget_original_parent, do_notify_parent,
 * release_task, is_orphaned_pgrp (kernel/exit.c, kernel/signal.c, 2.6.14).
 */

import { asPid, asUid } from '../abi/brand.js'
import {
  CLD_DUMPED,
  CLD_EXITED,
  CLD_KILLED,
  SA_NOCLDWAIT,
  SIG_IGN,
  SIGCHLD,
  SIGCONT,
  SIGHUP,
  SIGKILL,
} from '../abi/signal.js'
import { filpClose, fput } from '../vfs/close.js'
import { type FdTable, fdRemove } from '../vfs/fdtable.js'
import { allowWriteAccess, iput } from '../vfs/inode.js'
import { mntput } from '../vfs/namespace.js'
import { ATTEND } from './attention.js'
import { KernelBug } from './bug.js'
import { addChild, leavePgrp, removeChild } from './pid.js'
import { dequeueTask } from './runqueue.js'
import {
  actionOf,
  groupSendSignal,
  kernelInfo,
  sendGroupSignal,
  signalWakeUp,
  threadsOf,
  userInfo,
  wakeParent,
} from './signal.js'
import { PendingSignals } from './signal_state.js'
import { sigBit } from './sigset.js'
import {
  type FsStruct,
  isGroupLeader,
  type Pgrp,
  TASK_DEAD,
  TASK_STOPPED,
  TASK_ZOMBIE,
  type Task,
  TF_EXITING,
} from './task.js'
import { countUser } from './user.js'
import { removeWaits, wakeUp } from './wait.js'

/** Ends the whole process: the siblings are killed, the caller ends now. Linux: do_group_exit. */
export function doGroupExit(current: Task, code: number): void {
  const { group } = current
  if (group.groupExit) {
    doExit(current, group.groupExitCode)
    return
  }
  group.groupExit = true
  group.groupExitCode = code
  for (const thread of [...threadsOf(group)]) {
    if (thread === current || thread.state >= TASK_ZOMBIE) continue
    killThread(thread)
  }
  doExit(current, code)
}

/** SIGKILL for one thread, past all checks. Linux: zap_other_threads. */
export function killThread(thread: Task): void {
  if (thread.pending === null) thread.pending = new PendingSignals()
  if ((thread.pending.low & sigBit(SIGKILL)) === 0) thread.pending.queue.push(kernelInfo(SIGKILL))
  thread.pending.low |= sigBit(SIGKILL)
  signalWakeUp(thread, true)
}

/** Ends one task with a wait status. Linux: do_exit. */
export function doExit(current: Task, code: number): void {
  const { k } = current
  if (current === k.state.init) throw new KernelBug('attempted to kill init: pid 1 exited')
  if (current.state >= TASK_ZOMBIE) return
  current.flags |= TF_EXITING
  k.notifiers.exit(current, code)
  if (k.trace.taskExit) {
    k.trace.emitEvent({
      kind: 'task:exit',
      seq: k.seq++,
      time: k.state.now,
      pid: current.pid,
      comm: current.comm,
      status: code,
    })
  }
  removeWaits(current)
  dequeueTask(current)
  cancelTimers(current)
  exitFiles(current, current.files)
  exitFs(current.fs)
  exitExe(current)
  current.sighand.users--
  completeVfork(current)
  current.call = null
  current.restart = null
  current.frames = null
  exitNotify(current, current.group.groupExit ? current.group.groupExitCode : code)
  k.attention |= ATTEND
}

function cancelTimers(current: Task): void {
  const { group } = current
  if (group.live > 1 || group.itimers === null) return
  for (const itimer of group.itimers) {
    if (itimer?.timer != null) current.k.state.timers.remove(itimer.timer)
  }
  group.itimers = null
}

/** Closes every descriptor of a table that nobody else uses. Linux: exit_files. */
export function exitFiles(current: Task, table: FdTable): void {
  table.users--
  if (table.users > 0) return
  for (let fd = 0; fd < table.files.length; fd++) {
    const file = fdRemove(table, fd)
    if (file !== null) filpClose(current, table, file)
  }
}

/** Linux: exit_fs. */
export function exitFs(fs: FsStruct): void {
  fs.users--
  if (fs.users > 0) return
  if (fs.root.inode !== null) iput(fs.root.inode)
  if (fs.pwd.inode !== null) iput(fs.pwd.inode)
  mntput(fs.rootMnt)
  mntput(fs.pwdMnt)
}

/** Lets go of the running image. */
export function exitExe(current: Task): void {
  const { exe } = current
  current.exe = null
  if (exe === null) return
  allowWriteAccess(exe.inode)
  fput(null, exe)
}

/** A vfork parent may go on. Linux: mm_release. */
export function completeVfork(current: Task): void {
  const queue = current.vforkDone
  current.vforkDone = null
  if (queue !== null) wakeUp(queue)
}

/** Children go to a new parent, parents are told. Linux: exit_notify. */
function exitNotify(current: Task, code: number): void {
  const { group } = current
  reparentChildren(current)
  leaveThread(current)
  current.exitCode = code
  current.state = TASK_ZOMBIE
  const isLeader = isGroupLeader(current)
  if (isLeader && group.live === 0) hangUpOrphans(current)
  if (!isLeader) {
    const leader = group.leader
    releaseTask(current)
    if (group.live === 0 && leader.state === TASK_ZOMBIE) notifyParent(leader)
    return
  }
  if (group.live === 0) notifyParent(current)
}

/** The thread leaves its group's list of live threads. */
function leaveThread(current: Task): void {
  const { group } = current
  group.live--
  group.utime += current.utime
  group.stime += current.stime
  if (group.threads === null) return
  group.threads = group.threads.filter((thread) => thread !== current)
  if (group.stopCount > group.live) group.stopCount = group.live
}

/** Linux: forget_original_parent, reparent_thread. */
function reparentChildren(current: Task): void {
  const { init } = current.k.state
  const heir = current.group.threads?.find((thread) => thread !== current) ?? init
  if (heir === null) return
  for (let child = current.firstChild; child !== null; ) {
    const next = child.siblingNext
    removeChild(child)
    addChild(heir, child)
    if (child.exitSignal !== -1) child.exitSignal = SIGCHLD
    if (child.pdeathSignal !== 0) sendDeathSignal(current, child)
    if (heir.group !== current.group) {
      if (child.state === TASK_ZOMBIE && child.exitSignal !== -1 && child.group.live === 0)
        notifyParent(child)
      hangUpIfOrphaned(child.group.pgrp, current)
    }
    child = next
  }
}

/** What a child asked for by prctl(PR_SET_PDEATHSIG), if its parent may signal it. Linux: reparent_thread. */
function sendDeathSignal(current: Task, child: Task): void {
  const { pdeathSignal } = child
  const info = userInfo(current, pdeathSignal)
  groupSendSignal(current, child.group.leader, pdeathSignal, info, 'parent-death')
}

/** A group that this exit leaves without a link to its session, with a stopped member, gets SIGHUP and SIGCONT. */
function hangUpOrphans(current: Task): void {
  hangUpIfOrphaned(current.group.pgrp, current.parent, current)
}

function hangUpIfOrphaned(pgrp: Pgrp, formerParent: Task, leaving: Task | null = null): void {
  const former = formerParent.group.pgrp
  const linked = former !== pgrp && former.session === pgrp.session
  if (!linked || !orphanedPgrp(pgrp, leaving) || !hasStoppedMember(pgrp)) return
  for (let group = pgrp.head; group !== null; group = group.pgrpNext) {
    sendGroupSignal(group.leader, kernelInfo(SIGHUP))
  }
  for (let group = pgrp.head; group !== null; group = group.pgrpNext) {
    sendGroupSignal(group.leader, kernelInfo(SIGCONT))
  }
}

const hasStoppedMember = (pgrp: Pgrp): boolean => {
  for (let group = pgrp.head; group !== null; group = group.pgrpNext) {
    if (group.leader.state === TASK_STOPPED) return true
  }
  return false
}

/**
 * Has no member of the group a parent outside it in the same session? `ignored` is a member that does not count.
 * Linux: will_become_orphaned_pgrp, is_orphaned_pgrp.
 */
export function orphanedPgrp(pgrp: Pgrp, ignored: Task | null): boolean {
  for (let group = pgrp.head; group !== null; group = group.pgrpNext) {
    const { leader } = group
    if (leader === ignored || leader.state >= TASK_ZOMBIE || leader.parent === leader.k.state.init) continue
    const parentPgrp = leader.parent.group.pgrp
    if (parentPgrp !== pgrp && parentPgrp.session === pgrp.session) return false
  }
  return true
}

/** Tells the parent of a process that ended; one that does not care loses it at once. Linux: do_notify_parent. */
export function notifyParent(task: Task): void {
  const { parent } = task
  const action = actionOf(parent, SIGCHLD)
  let signal = task.exitSignal
  let reap = signal === -1
  const isWatched = signal === SIGCHLD && !task.k.facts.reapsBySignal
  if (isWatched && (action.handler === SIG_IGN || (action.flags & SA_NOCLDWAIT) !== 0)) {
    reap = true
    if (action.handler === SIG_IGN) signal = -1
  }
  if (signal > 0) sendGroupSignal(parent.group.leader, exitInfo(task, signal))
  wakeParent(parent)
  if (reap) releaseTask(task)
}

function exitInfo(task: Task, signal: number): Parameters<typeof sendGroupSignal>[1] {
  const status = task.exitCode
  const killed = (status & 0x7f) !== 0
  return {
    signo: signal,
    code: killed ? ((status & 0x80) !== 0 ? CLD_DUMPED : CLD_KILLED) : CLD_EXITED,
    errno: 0,
    pid: asPid(task.pid),
    uid: asUid(task.cred.uid),
    status: killed ? status & 0x7f : (status >> 8) & 0xff,
    utime: task.group.utime,
    stime: task.group.stime,
  }
}

/**
 * The parent ignores SIGCHLD and has been sent it: its dead children go. Before 2.6 only.
 * Linux: the loop over sys_wait4 in do_signal, arch/i386/kernel/signal.c (2.2).
 */
export function reapZombies(parent: Task): void {
  for (let child = parent.firstChild; child !== null; ) {
    const next = child.siblingNext
    if (child.state === TASK_ZOMBIE && child.exitSignal === SIGCHLD) {
      const { group } = child
      parent.group.childUtime += group.utime + group.childUtime
      parent.group.childStime += group.stime + group.childStime
      releaseTask(child)
    }
    child = next
  }
}

/** The task is gone for good: its pid is free. Linux: release_task. */
export function releaseTask(task: Task): void {
  const { state } = task.k
  task.state = TASK_DEAD
  removeChild(task)
  countUser(task, -1)
  state.tasks.delete(task.pid)
  task.k.notifiers.release(task)
  if (isGroupLeader(task)) leavePgrp(state, task.group)
}
