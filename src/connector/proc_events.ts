/**
 * Process events: fork, exec, uid, gid, exit, to whoever listens to group 1. Linux: drivers/connector/cn_proc.c (2.6.15,
 * 2.6.18). Reference §2.8.
 *
 * One counter says how many have asked; while it is below 1, nothing is made. A message of PROC_CN_MCAST_* moves it by one
 * and is all that does: whoever sends one counts, privileged or not, and whoever is gone without IGNORE counts on. The
 * answer to it goes to the group too, if anybody is left who has asked.
 *
 * Deviation: an exit is reported before the task's descriptors are closed; Linux reports it behind that.
 */

import {
  type CbId,
  CN_IDX_PROC,
  CN_VAL_PROC,
  type CnMsg,
  PROC_CN_MCAST_IGNORE,
  PROC_CN_MCAST_LISTEN,
  PROC_EVENT_EXEC,
  PROC_EVENT_EXIT,
  PROC_EVENT_FORK,
  PROC_EVENT_GID,
  PROC_EVENT_NONE,
  PROC_EVENT_UID,
  type ProcEventLayout,
  procEventSize,
  putCnMsg,
  putProcEvent,
} from '../abi/connector.js'
import { EINVAL } from '../abi/errno.js'
import { NLMSG_HDRLEN } from '../abi/netlink.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Task, TaskNotifiers } from '../kernel/module.js'
import { read32 } from '../lib/nlmsg.js'
import { broadcast, DATA, isHeard, putHeader } from './send.js'
import { type ConnectorState, connectorState } from './state.js'

/** The client's name, and that of its callback. */
export const CN_PROC = 'cn_proc'

/** Who sends process events. */
export const PROC_ID: CbId = Object.freeze({ idx: CN_IDX_PROC, val: CN_VAL_PROC })

/** In place of a processor, in answers. */
const NO_CPU = 0xffffffff

/** Makes messages with one event each. What it writes in is no state: every message is a copy. */
class Sender {
  private readonly layout: ProcEventLayout
  private readonly bytes: Uint8Array
  private readonly view: DataView

  constructor(layout: ProcEventLayout) {
    this.layout = layout
    this.bytes = new Uint8Array(DATA + procEventSize(layout))
    this.view = new DataView(this.bytes.buffer)
  }

  send(
    state: ConnectorState,
    about: Task | null,
    seq: number,
    ack: number,
    cpu: number,
    what: number,
    a: number,
    b: number,
    c: number,
    d: number,
  ): void {
    if (!isHeard(state, CN_IDX_PROC)) return
    const { bytes, view, layout } = this
    const { isLittle } = state
    putHeader(view, bytes.length, seq, isLittle)
    putCnMsg(view, NLMSG_HDRLEN, { id: PROC_ID, seq, ack, len: bytes.length - DATA, flags: 0 }, isLittle)
    const timestampNs = Math.round(state.net.k.state.now * 1e6)
    const at = putProcEvent(view, DATA, layout, what, cpu, timestampNs, isLittle)
    view.setUint32(at, a, isLittle)
    view.setUint32(at + 4, b, isLittle)
    view.setUint32(at + 8, c, isLittle)
    view.setUint32(at + 12, d, isLittle)
    broadcast(state, CN_IDX_PROC, bytes.slice(), about)
  }
}

/** What the module is told about tasks, as events. */
export function procNotifiers(state: ConnectorState, layout: ProcEventLayout): Partial<TaskNotifiers> {
  const sender = new Sender(layout)
  const emit = (about: Task, what: number, a: number, b: number, c: number, d: number): void => {
    const seq = state.procEvents
    state.procEvents = (seq + 1) >>> 0
    sender.send(state, about, seq, 0, 0, what, a, b, c, d)
  }
  return {
    fork(_current, child) {
      if (state.listeners < 1) return
      const { parent } = child
      emit(child, PROC_EVENT_FORK, parent.pid, parent.tgid, child.pid, child.tgid)
    },
    exec(task) {
      if (state.listeners >= 1) emit(task, PROC_EVENT_EXEC, task.pid, task.tgid, 0, 0)
    },
    setid(task, which) {
      if (state.listeners < 1) return
      const { pid, tgid, cred } = task
      if (which === 'uid') emit(task, PROC_EVENT_UID, pid, tgid, cred.uid, cred.euid)
      else emit(task, PROC_EVENT_GID, pid, tgid, cred.gid, cred.egid)
    },
    exit(task, code) {
      if (state.listeners >= 1) emit(task, PROC_EVENT_EXIT, task.pid, task.tgid, code, task.exitSignal)
    },
  }
}

/** The callback: somebody listens, or does so no longer. Data that are no 4 bytes are ignored. Linux: cn_proc_mcast_ctl. */
export function onProcControl(k: KernelCore, { seq, ack, len, data }: CnMsg): void {
  const state = connectorState(k)
  const { processEvents } = state.settings
  if (len !== 4 || data.length !== 4 || processEvents === false) return
  const op = read32(data, 0, state.net.netlink.byteOrder)
  if (op === PROC_CN_MCAST_LISTEN) state.listeners++
  else if (op === PROC_CN_MCAST_IGNORE) state.listeners--
  if (state.listeners < 1) return
  const err = op === PROC_CN_MCAST_LISTEN || op === PROC_CN_MCAST_IGNORE ? 0 : -EINVAL
  new Sender(processEvents).send(state, null, seq, (ack + 1) >>> 0, NO_CPU, PROC_EVENT_NONE, err, 0, 0, 0)
}
