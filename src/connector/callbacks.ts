/**
 * Clients come and go. Linux: cn_add_callback, cn_del_callback, cn_notify (drivers/connector/connector.c), cn_queue.c
 * (2.6.14). Reference §2.5, §2.6.
 */

import {
  type CbId,
  CN_CBQ_NAMELEN,
  type CnCtlMsg,
  type CnMsg,
  type CnNotifyReq,
  decodeCnCtl,
} from '../abi/connector.js'
import { EINVAL, ENOMEM } from '../abi/errno.js'
import { KernelBug } from '../kernel/bug.js'
import { contextOf } from '../kernel/context.js'
import type { KernelCore } from '../kernel/kernel.js'
import { shouldFail } from '../sim/faults.js'
import { flushCqueue } from './input.js'
import { checkId } from './options.js'
import { cnNetlinkSend } from './send.js'
import { CnEntry, type ConnectorState, connectorState, keyOf } from './state.js'

/** Both may sleep there: only process context may. */
function assertProcess(k: KernelCore, what: string): void {
  const context = contextOf(k)
  if (context !== 'process')
    throw new KernelBug(`${what} in a ${context} handler: it may sleep, and only process context may`)
}

/**
 * A client for an id. `handler` is the name of its callback: what a module contributes as `work`, made with `cnCallback`,
 * or one of the option `callbacks`. Its group is its idx. Who has asked is told, with ack 0.
 *
 * 0. Errors: EINVAL the id is taken; ENOMEM. Throws a TypeError for what is no id, a KernelBug outside process context.
 */
export function cnAddCallback(k: KernelCore, id: CbId, name: string, handler: string): number {
  checkId('cnAddCallback', id)
  assertProcess(k, 'cnAddCallback')
  const state = connectorState(k)
  if (shouldFail(k, 'alloc:connector')) return ENOMEM
  if (state.entries.has(keyOf(id))) return EINVAL
  addEntry(state, id, name, handler)
  notify(k, state, id, 0)
  return 0
}

/** Puts a client in without a word. */
export function addEntry(state: ConnectorState, { idx, val }: CbId, name: string, handler: string): void {
  state.entries.set(
    keyOf({ idx, val }),
    new CnEntry({ idx, val }, name.slice(0, CN_CBQ_NAMELEN - 1), handler),
  )
}

/**
 * The client goes, when all callbacks have run that wait; nothing happens to an id that nobody has. Who has asked is told
 * in either case, with ack 1. Throws as `cnAddCallback` does.
 */
export function cnDelCallback(k: KernelCore, id: CbId): void {
  checkId('cnDelCallback', id)
  assertProcess(k, 'cnDelCallback')
  const state = connectorState(k)
  if (state.entries.delete(keyOf(id))) flushCqueue(k, state)
  notify(k, state, { idx: id.idx, val: id.val }, 1)
}

// ---- notices ---------------------------------------------------------------------------------------------------

/** The sum is of 32 bits. */
const holds = ({ first, range }: CnNotifyReq, x: number): boolean => x >= first && x < (first + range) >>> 0

/** Does a request ask for this id? */
function asksFor({ idx, val }: CnCtlMsg, id: CbId, isLiteral: boolean): boolean {
  const matched = idx.findIndex((req) => holds(req, id.idx))
  if (matched < 0) return false
  const vals = isLiteral ? [...idx, ...val].slice(matched, matched + val.length) : val
  return vals.some((req) => holds(req, id.val))
}

/** Linux: cn_notify. */
function notify(k: KernelCore, { requests, settings }: ConnectorState, id: CbId, ack: 0 | 1): void {
  if (settings.notices === 'none') return
  for (const request of requests)
    if (asksFor(request, id, settings.notices === 'literal')) cnNetlinkSend(k, { id, ack }, request.group)
}

const sameRanges = (a: readonly CnNotifyReq[], b: readonly CnNotifyReq[]): boolean =>
  a.length === b.length && a.every(({ first, range }, n) => first === b[n]?.first && range === b[n]?.range)

/** The control client: asks for notices, or with group 0 takes all equal requests back. Linux: cn_callback. */
export function onControl(k: KernelCore, msg: CnMsg): void {
  const state = connectorState(k)
  const ctl = msg.data.length === msg.len ? decodeCnCtl(msg.data, state.isLittle) : null
  if (ctl === null) return
  if (ctl.group === 0) {
    state.requests = state.requests.filter(
      ({ idx, val }) => !sameRanges(idx, ctl.idx) || !sameRanges(val, ctl.val),
    )
    return
  }
  if (!shouldFail(k, 'alloc:connector')) state.requests.unshift(ctl)
}
