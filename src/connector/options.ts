/** Options of the module. */

import { type CbId, CN_IDX_CONNECTOR, CN_VAL_CONNECTOR, type ProcEventLayout } from '../abi/connector.js'
import type { CnCallback } from './state.js'

/** What `connector()` can be told. The defaults are those of 2.6.14; reference §2.4 to §2.9. */
export interface ConnectorOptions {
  /** The id of the control client. Linux: the parameters cn_idx and cn_val. Default 0xffffffff twice. */
  readonly control?: CbId
  /** Process events, and which struct proc_event: CONFIG_PROC_EVENTS, which came with 2.6.15. Default false: none. */
  readonly processEvents?: ProcEventLayout | false
  /**
   * Callbacks by name, for `kernel.connector.addCallback`: functions of the host's. Modules contribute theirs as `work`,
   * made with `cnCallback`.
   */
  readonly callbacks?: Readonly<Record<string, CnCallback>>
  /**
   * When callbacks run: 'deferred' (default) on the queue `cqueue`, when the sender's call has returned; 'synchronous' in
   * it, with what is known of the sender, as since 2.6.30.
   */
  readonly delivery?: 'deferred' | 'synchronous'
  /** Milliseconds until the worker of the queue comes round. Default 0: when the sender's call has returned. */
  readonly workDelay?: number
  /**
   * Notices that clients have come or gone: 'meant' (default) as they were meant; 'literal' as the source has it, where
   * the ranges of val are looked for from the range of idx that has matched on; 'none' as since 2.6.32.
   */
  readonly notices?: 'meant' | 'literal' | 'none'
  /** nlmsg_len of what the kernel sends: 'padded' (default) counts the bytes behind the data, 'exact' does not, as later. */
  readonly nlmsgLength?: 'padded' | 'exact'
  /** The least nlmsg_len of what programs send: 20 (default), or 36, the two headers, as later. */
  readonly leastLength?: 20 | 36
  /**
   * A message whose header says that it has more data than the datagram: 'clip' (default) gives the callback what is
   * there, 'drop' drops it. Linux reads on behind the buffer.
   */
  readonly overlong?: 'clip' | 'drop'
  /** Does `cnNetlinkSend` say ESRCH when nobody listens, as since 2.6.19? Default false: 0. */
  readonly saysNobodyListens?: boolean
  /** May anybody listen to groups, without CAP_NET_ADMIN? Later kernels let some. Default false. */
  readonly unprivilegedListen?: boolean
}

/** With the defaults filled in. */
export type Settings = Required<Omit<ConnectorOptions, 'callbacks'>>

const CHOICES: Readonly<Record<string, readonly unknown[]>> = {
  processEvents: [false, '2.6.15', '2.6.18'],
  delivery: ['deferred', 'synchronous'],
  notices: ['meant', 'literal', 'none'],
  nlmsgLength: ['padded', 'exact'],
  leastLength: [20, 36],
  overlong: ['clip', 'drop'],
  saysNobodyListens: [false, true],
  unprivilegedListen: [false, true],
}

const KNOWN: readonly string[] = [...Object.keys(CHOICES), 'control', 'callbacks', 'workDelay']

/** Is it an unsigned number of 32 bits? */
export const isU32 = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff

/** Throws a TypeError for what is no id. */
export function checkId(what: string, id: unknown): asserts id is CbId {
  const { idx, val } = (typeof id === 'object' && id !== null ? id : {}) as Partial<CbId>
  if (!isU32(idx) || !isU32(val))
    throw new TypeError(`${what}: an id is { idx, val }, two numbers from 0 to 2^32 - 1`)
}

/** Throws a TypeError for options that there are not. */
export function settingsOf(options: ConnectorOptions): Settings {
  for (const [name, value] of Object.entries(options)) {
    if (!KNOWN.includes(name)) throw new TypeError(`connector: there is no option '${name}'`)
    const choices = CHOICES[name]
    if (value !== undefined && choices !== undefined && !choices.includes(value))
      throw new TypeError(`connector: ${name} must be one of ${choices.join(', ')}, not ${String(value)}`)
  }
  const {
    control = { idx: CN_IDX_CONNECTOR, val: CN_VAL_CONNECTOR },
    processEvents = false,
    delivery = 'deferred',
    workDelay = 0,
    notices = 'meant',
    nlmsgLength = 'padded',
    leastLength = 20,
    overlong = 'clip',
    saysNobodyListens = false,
    unprivilegedListen = false,
  } = options
  checkId('connector: control', control)
  if (!(workDelay >= 0) || workDelay === Number.POSITIVE_INFINITY)
    throw new TypeError(`connector: workDelay must be milliseconds from 0 on, not ${String(workDelay)}`)
  for (const [name, callback] of Object.entries(options.callbacks ?? {}))
    if (typeof callback !== 'function') throw new TypeError(`connector: callback '${name}' is not a function`)
  return {
    control: { idx: control.idx, val: control.val },
    processEvents,
    delivery,
    workDelay,
    notices,
    nlmsgLength,
    leastLength,
    overlong,
    saysNobodyListens,
    unprivilegedListen,
  }
}
