/**
 * Process ids, process groups and sessions. Linux: get_pid (kernel/fork.c, 2.2), alloc_pidmap (kernel/pid.c, 2.6),
 * attach_pid, detach_pid.
 */

import { EAGAIN, type Ret } from '../abi/errno.js'
import { shouldFail } from '../sim/faults.js'
import type { KernelCore, KernelState } from './kernel.js'
import { allocPidIn, forgetGuest, isPidInUse, PIDS_OF_PART, partOf } from './part.js'
import { Pgrp, type Task, type ThreadGroup } from './task.js'

/** The next free pid after the last one given, wrapping at pid_max. EAGAIN when there is none. */
export function allocPid(k: KernelCore, parent: Task): Ret<number> {
  const { state } = k
  if (shouldFail(k, 'alloc:pid')) return EAGAIN
  const part = partOf(parent)
  if (part !== null) return allocPidIn(k, part)
  // Behind these are numbers of parts.
  const pidMax = k.partOf === null ? state.pidMax : Math.min(state.pidMax, PIDS_OF_PART)
  for (let tries = 0, pid = state.lastPid + 1; tries < pidMax; tries++, pid++) {
    if (pid >= pidMax) pid = Math.min(k.facts.pidWrapsTo, pidMax - 1)
    if (pid > 0 && !isPidInUse(k, pid)) {
      state.lastPid = pid
      if (k.partOf !== null) forgetGuest(k, pid)
      return pid
    }
  }
  return EAGAIN
}

/** The process group with this id, made where there is none. */
export function getPgrp(state: KernelState, id: number, session: number): Pgrp {
  const known = state.pgrps.get(id)
  if (known !== undefined) return known
  const pgrp = new Pgrp(id, session)
  state.pgrps.set(id, pgrp)
  state.sessions.set(session, (state.sessions.get(session) ?? 0) + 1)
  return pgrp
}

/** Puts a process into a group, as its newest member. Linux: attach_pid(PIDTYPE_PGID). */
export function joinPgrp(group: ThreadGroup, pgrp: Pgrp): void {
  group.pgrp = pgrp
  group.pgrpPrev = null
  group.pgrpNext = pgrp.head
  if (pgrp.head !== null) pgrp.head.pgrpPrev = group
  pgrp.head = group
  pgrp.count++
}

/** Takes a process out of its group; an empty group disappears, and with the last one its session. */
export function leavePgrp(state: KernelState, group: ThreadGroup): void {
  const { pgrp } = group
  if (group.pgrpPrev === null) pgrp.head = group.pgrpNext
  else group.pgrpPrev.pgrpNext = group.pgrpNext
  if (group.pgrpNext !== null) group.pgrpNext.pgrpPrev = group.pgrpPrev
  group.pgrpPrev = null
  group.pgrpNext = null
  pgrp.count--
  if (pgrp.count > 0) return
  state.pgrps.delete(pgrp.id)
  const left = (state.sessions.get(pgrp.session) ?? 1) - 1
  if (left === 0) state.sessions.delete(pgrp.session)
  else state.sessions.set(pgrp.session, left)
}

/** Hangs a task under a parent, as its youngest child. Linux: SET_LINKS, add_parent. */
export function addChild(parent: Task, child: Task): void {
  child.parent = parent
  child.siblingPrev = parent.lastChild
  child.siblingNext = null
  if (parent.lastChild === null) parent.firstChild = child
  else parent.lastChild.siblingNext = child
  parent.lastChild = child
}

/** Linux: REMOVE_LINKS, remove_parent. */
export function removeChild(child: Task): void {
  const { parent } = child
  if (child.siblingPrev === null) parent.firstChild = child.siblingNext
  else child.siblingPrev.siblingNext = child.siblingNext
  if (child.siblingNext === null) parent.lastChild = child.siblingPrev
  else child.siblingNext.siblingPrev = child.siblingPrev
  child.siblingPrev = null
  child.siblingNext = null
}
