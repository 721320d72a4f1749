/**
 * How strace writes the arguments of system calls: flags, modes, sets, structures. See strace_calls.ts.
 */

import { newDecodeDev } from '../abi/brand.js'
import {
  devToString,
  enumToString,
  type FlagTable,
  lockType,
  modeToString,
  sigactionFlags,
  sigSetToString,
  whenceName,
} from '../abi/decode.js'
import { AT_FDCWD } from '../abi/fcntl.js'
import { PR_GET_NAME, PR_SET_KEEPCAPS, PR_SET_NAME, PR_SET_PDEATHSIG } from '../abi/prctl.js'
import { PRIO_PGRP, PRIO_PROCESS, PRIO_USER, RUSAGE_CHILDREN, RUSAGE_SELF } from '../abi/resource.js'
import { SIG_DFL, SIG_IGN, signalName } from '../abi/signal.js'
import { S_IFBLK, S_IFCHR, S_IFMT } from '../abi/stat.js'
import { ITIMER_PROF, ITIMER_REAL, ITIMER_VIRTUAL } from '../abi/time.js'
import {
  field,
  generic,
  hex,
  number,
  numbers,
  quoteText,
  type TextStyle,
  timespec,
  timeval,
} from './strace_text.js'

export type Format = (value: unknown, style: TextStyle) => string

// Formats of single arguments.

export const int: Format = (value, style) =>
  typeof value === 'number' ? String(value) : generic(value, style)
export const ofNumber =
  (decode: (n: number) => string): Format =>
  (value, style) =>
    typeof value === 'number' ? decode(value) : generic(value, style)
export const path: Format = quoteText
export const signal = ofNumber((n) => (n === 0 ? '0' : signalName(n)))
export const sigset: Format = (value) =>
  value === null || value === undefined ? 'NULL' : sigSetToString(numbers(value))
export const mode = ofNumber(modeToString)
export const permissions = ofNumber((n) => modeToString(n & 0o7777))
export const dirfd = ofNumber((n) => (n === AT_FDCWD ? 'AT_FDCWD' : String(n)))
export const msTimeval: Format = (value) =>
  typeof value === 'number' && value >= 0 ? timeval(value) : 'NULL'
export const msTimespec: Format = (value) => (typeof value === 'number' ? timespec(value) : 'NULL')
const oneOf = (table: FlagTable): Format => ofNumber((n) => enumToString(table, n))
export const intList: Format = (value) => `[${numbers(value).join(', ')}]`

export const itimerName = oneOf([
  [ITIMER_REAL, 'ITIMER_REAL'],
  [ITIMER_VIRTUAL, 'ITIMER_VIRTUAL'],
  [ITIMER_PROF, 'ITIMER_PROF'],
])
export const prioName = oneOf([
  [PRIO_PROCESS, 'PRIO_PROCESS'],
  [PRIO_PGRP, 'PRIO_PGRP'],
  [PRIO_USER, 'PRIO_USER'],
])
export const rusageWho = oneOf([
  [RUSAGE_SELF, 'RUSAGE_SELF'],
  [RUSAGE_CHILDREN, 'RUSAGE_CHILDREN'],
])
export const prctlName = oneOf([
  [PR_SET_PDEATHSIG, 'PR_SET_PDEATHSIG'],
  [PR_SET_KEEPCAPS, 'PR_SET_KEEPCAPS'],
  [PR_SET_NAME, 'PR_SET_NAME'],
  [PR_GET_NAME, 'PR_GET_NAME'],
])

// Structures.

export const statOf = (value: unknown): string => {
  const modeBits = number(field(value, 'mode'))
  const type = modeBits & S_IFMT
  const isDevice = type === S_IFCHR || type === S_IFBLK
  const size = isDevice
    ? `st_rdev=${devToString(newDecodeDev(number(field(value, 'rdev'))))}`
    : `st_size=${number(field(value, 'size'))}`
  return `{st_mode=${modeToString(modeBits)}, ${size}, ...}`
}

export const statfs = (value: unknown): string =>
  `{f_type=${hex(number(field(value, 'type')))}, f_bsize=${number(field(value, 'bsize'))}, ` +
  `f_blocks=${number(field(value, 'blocks'))}, f_bfree=${number(field(value, 'bfree'))}, ...}`

export const rlimit = (value: unknown): string =>
  `{rlim_cur=${limit(value, 'cur')}, rlim_max=${limit(value, 'max')}}`

const limit = (value: unknown, name: string): string => {
  const n = number(field(value, name))
  if (n >= 0x7fffffff) return 'RLIM_INFINITY'
  return n > 1024 && n % 1024 === 0 ? `${n / 1024}*1024` : String(n)
}

export const itimerval = (value: unknown): string =>
  value === null || value === undefined
    ? 'NULL'
    : `{it_interval=${timeval(number(field(value, 'interval')))}, it_value=${timeval(number(field(value, 'value')))}}`

export const sigaction = (value: unknown): string => {
  if (value === null || value === undefined) return 'NULL'
  const flags = sigactionFlags(number(field(value, 'flags')))
  return `{sa_handler=${sigHandler(field(value, 'handler'))}, sa_mask=${sigset(field(value, 'mask') ?? [], PLAIN)}, sa_flags=${flags}}`
}

const sigHandler = (value: unknown): string => {
  if (value === SIG_DFL) return 'SIG_DFL'
  if (value === SIG_IGN) return 'SIG_IGN'
  return generic(value, PLAIN)
}

export const flock = (value: unknown): string => {
  const base =
    `l_type=${lockType(number(field(value, 'type')))}, l_whence=${whenceName(number(field(value, 'whence')))}, ` +
    `l_start=${number(field(value, 'start'))}, l_len=${number(field(value, 'len'))}`
  const pid = number(field(value, 'pid'))
  return pid === 0 ? `{${base}}` : `{${base}, l_pid=${pid}}`
}

export const rusage = (value: unknown): string =>
  `{ru_utime=${timeval(number(field(value, 'utime')) / 1000)}, ru_stime=${timeval(number(field(value, 'stime')) / 1000)}, ...}`

export const timevalOf = (value: unknown): string =>
  `{tv_sec=${number(field(value, 'sec'))}, tv_usec=${number(field(value, 'usec'))}}`

export const PLAIN: TextStyle = { stringLimit: 32 }
