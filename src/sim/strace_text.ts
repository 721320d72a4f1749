/**
 * How strace writes values: quoted bytes, times, structures, results. The calls themselves are in strace_calls.ts.
 */

import type { FlagTable } from '../abi/decode.js'
import { errnoMessage, errnoName, MAX_ERRNO } from '../abi/errno.js'
import {
  CLD_CONTINUED,
  CLD_EXITED,
  SEGV_ACCERR,
  SEGV_MAPERR,
  SI_KERNEL,
  SI_QUEUE,
  SI_TIMER,
  SI_TKILL,
  SI_USER,
  SIGCHLD,
  SIGIO,
  SIGSEGV,
  type SigInfo,
  signalName,
} from '../abi/signal.js'
import { utf8Encode } from '../lib/bytes.js'

/** How much to print. */
export interface TextStyle {
  /** Bytes of data shown before `...`; strace -s. */
  readonly stringLimit: number
}

/** Printed where strace prints an address: the model has none. */
export const ADDRESS = '0xbffff000'

const ESCAPES: Readonly<Record<number, string>> = {
  34: '\\"',
  92: '\\\\',
  12: '\\f',
  10: '\\n',
  13: '\\r',
  9: '\\t',
  11: '\\v',
}

/** `"abc\n\0"`, with `...` behind when `limit` cuts it. Octal escapes are as short as the next byte allows. */
export const quote = (bytes: Uint8Array, limit = Number.POSITIVE_INFINITY): string => {
  let text = '"'
  const shown = Math.min(bytes.length, limit)
  for (let i = 0; i < shown; i++) {
    const byte = bytes[i] ?? 0
    const isPrintable = byte >= 0x20 && byte < 0x7f
    text +=
      ESCAPES[byte] ?? (isPrintable ? String.fromCharCode(byte) : octalEscape(byte, bytes, i + 1, shown))
  }
  return `${text}"${shown < bytes.length ? '...' : ''}`
}

const octalEscape = (byte: number, bytes: Uint8Array, next: number, end: number): string => {
  const following = next < end ? (bytes[next] ?? 0) : 0
  const isDigit = following >= 0x30 && following <= 0x39
  return `\\${byte.toString(8).padStart(isDigit ? 3 : 1, '0')}`
}

/** What is printed of data that is no data. */
const USUAL: TextStyle = { stringLimit: 32 }
/** Structures in structures that are printed; what is deeper is an address. A caller's may contain itself. */
const MAX_DEPTH = 4

/** A path or another string that is never cut. */
export const quoteText = (value: unknown): string =>
  typeof value === 'string' ? quote(utf8Encode(value)) : generic(value, USUAL)

/** Data of a read or write. */
export const quoteData = (value: unknown, style: TextStyle): string => {
  if (value instanceof Uint8Array) return quote(value, style.stringLimit)
  return typeof value === 'string' ? quote(utf8Encode(value), style.stringLimit) : generic(value, style)
}

/** Any value: what arguments without a decoder look like. */
export const generic = (value: unknown, style: TextStyle, depth = 0): string => {
  if (value instanceof Uint8Array || typeof value === 'string') return quoteData(value, style)
  if (typeof value !== 'object' || value === null) return plain(value)
  if (depth === MAX_DEPTH) return ADDRESS
  if (Array.isArray(value)) return `[${value.map((item) => generic(item, style, depth + 1)).join(', ')}]`
  const fields = Object.entries(value).map(([name, field]) => `${name}=${generic(field, style, depth + 1)}`)
  return `{${fields.join(', ')}}`
}

const plain = (value: unknown): string => {
  if (value === null || value === undefined) return 'NULL'
  if (typeof value === 'object') return ADDRESS
  if (typeof value === 'function')
    return typeof value.name === 'string' && value.name !== '' ? value.name : ADDRESS
  return String(value)
}

/** A field of something that should be an object; undefined if it is none or has none. */
export const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined

/** The number, or 0 where it is none. */
export const number = (value: unknown): number => (typeof value === 'number' ? value : 0)

/** The numbers of an array or a set. */
export const numbers = (value: unknown): number[] =>
  Array.isArray(value) || value instanceof Set ? [...value].map(number) : []

export const hex = (n: number): string => (n === 0 ? '0' : `0x${(n >>> 0).toString(16)}`)

/** Milliseconds as a struct timeval. */
export const timeval = (ms: number): string => {
  const usec = Math.round(ms * 1000)
  return `{tv_sec=${Math.floor(usec / 1e6)}, tv_usec=${usec % 1e6}}`
}

/** Milliseconds as a struct timespec. */
export const timespec = (ms: number): string => {
  const nsec = Math.round(ms * 1e6)
  return `{tv_sec=${Math.floor(nsec / 1e9)}, tv_nsec=${nsec % 1e9}}`
}

/** 0 and up, `-1 EACCES (Permission denied)`, or `? ERESTARTSYS (…)` for a code that the caller never sees. */
export const result = (ret: unknown): string => {
  if (ret === undefined || (typeof ret === 'object' && ret !== null)) return '0'
  if (typeof ret !== 'number' || !isError(ret)) return plain(ret)
  const isInternal = -ret >= 512 && -ret < MAX_ERRNO && errnoName(ret).startsWith('ERESTART')
  return `${isInternal ? '?' : '-1'} ${errnoName(ret)} (${errnoMessage(ret)})`
}

/** Is this what a failed call returns? */
export const isError = (ret: unknown): boolean => typeof ret === 'number' && ret < 0 && ret >= -MAX_ERRNO

const SI_CODES: FlagTable = [
  [SI_USER, 'SI_USER'],
  [SI_KERNEL, 'SI_KERNEL'],
  [SI_QUEUE, 'SI_QUEUE'],
  [SI_TIMER, 'SI_TIMER'],
  [SI_TKILL, 'SI_TKILL'],
]
const CLD_CODES = ['CLD_EXITED', 'CLD_KILLED', 'CLD_DUMPED', 'CLD_TRAPPED', 'CLD_STOPPED', 'CLD_CONTINUED']
const POLL_CODES = ['POLL_IN', 'POLL_OUT', 'POLL_MSG', 'POLL_ERR', 'POLL_PRI', 'POLL_HUP']

const siCode = (info: SigInfo): string => {
  const { signo, code } = info
  if (signo === SIGCHLD && code >= CLD_EXITED && code <= CLD_CONTINUED) return CLD_CODES[code - 1] ?? ''
  if (signo === SIGSEGV && code === SEGV_MAPERR) return 'SEGV_MAPERR'
  if (signo === SIGSEGV && code === SEGV_ACCERR) return 'SEGV_ACCERR'
  const pollCode = signo === SIGIO ? POLL_CODES[code - 1] : undefined
  return pollCode ?? SI_CODES.find(([known]) => known === code)?.[1] ?? String(code)
}

/** `{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=7, si_uid=0, si_status=0}`. Times are left out. */
export const siginfo = (info: SigInfo): string => {
  const { signo, code, pid, uid, status, value, addr, band, fd } = info
  const isChild = signo === SIGCHLD && code >= CLD_EXITED
  const parts = [`si_signo=${signalName(signo)}`, `si_code=${siCode(info)}`]
  if (info.errno !== 0) parts.push(`si_errno=${errnoName(-Math.abs(info.errno))}`)
  if (code !== SI_KERNEL && pid !== undefined) parts.push(`si_pid=${pid}`)
  if (code !== SI_KERNEL && uid !== undefined) parts.push(`si_uid=${uid}`)
  if (isChild && status !== undefined) {
    parts.push(`si_status=${code === CLD_EXITED ? status : signalName(status)}`)
  }
  if (value !== undefined) parts.push(`si_value={int=${value}, ptr=${hex(value)}}`)
  if (addr !== undefined) parts.push(`si_addr=${addr === 0 ? 'NULL' : hex(addr)}`)
  if (band !== undefined) parts.push(`si_band=${band}`)
  if (fd !== undefined) parts.push(`si_fd=${fd}`)
  return `{${parts.join(', ')}}`
}
