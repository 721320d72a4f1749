/**
 * Calls on the machine as a whole: its names, its state, its log; and prctl, personality.
 * Linux: kernel/sys.c, kernel/info.c, kernel/printk.c, kernel/exec_domain.c, fs/open.c (2.0.35, 2.2.12, 2.6.14).
 *
 * Left out: halting and restarting (EINVAL for those who may), terminals for vhangup to hang up, execution domains
 * other than PER_LINUX.
 */

import { CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_SYS_TTY_CONFIG } from '../abi/capability.js'
import { EFAULT, EINVAL, EPERM, type Errno, type Ret } from '../abi/errno.js'
import {
  PR_GET_DUMPABLE,
  PR_GET_KEEPCAPS,
  PR_GET_NAME,
  PR_GET_PDEATHSIG,
  PR_GET_TIMING,
  PR_SET_DUMPABLE,
  PR_SET_KEEPCAPS,
  PR_SET_NAME,
  PR_SET_PDEATHSIG,
  PR_SET_TIMING,
  TASK_COMM_LEN,
} from '../abi/prctl.js'
import type { Sysinfo } from '../abi/sysinfo.js'
import { __NEW_UTS_LEN, type Utsname } from '../abi/utsname.js'
import { klogAll, klogHasUnread, klogRead, klogUnread } from '../fs/dev/klog.js'
import { credWith } from '../kernel/cred.js'
import { countTasksFor, partOf } from '../kernel/part.js'
import { sleepOn } from '../kernel/sleep.js'
import type { Task } from '../kernel/task.js'
import { utf8Decode, utf8Encode } from '../lib/bytes.js'
import { capable } from '../security/capability.js'
import { deny } from '../security/deny.js'
import { row, type SyscallRow } from './row.js'

const lacks = (current: Task, capability: number): Errno =>
  deny(current, EPERM, 'capability', undefined, capability)

// ---- names ---------------------------------------------------------------------------------------------------

/** Linux: sys_newuname. */
export function sysUname(current: Task): Utsname {
  const { facts, state } = current.k
  const { hostname, domainname } = partOf(current) ?? state
  return {
    sysname: 'Linux',
    nodename: hostname,
    release: facts.release,
    version: facts.version,
    machine: 'i686',
    domainname,
  }
}

/** The first `len` bytes of a name up to a NUL; all of it without `len`. */
function readName(current: Task, name: unknown, len: unknown): Ret<string> {
  if (!capable(current, CAP_SYS_ADMIN)) return lacks(current, CAP_SYS_ADMIN)
  const bytes = typeof name === 'string' ? utf8Encode(name) : null
  const size = len ?? bytes?.length ?? 0
  if (typeof size !== 'number' || !(size >= 0 && size <= __NEW_UTS_LEN)) return EINVAL
  if (bytes === null) return EFAULT
  const nul = bytes.indexOf(0)
  return utf8Decode(bytes, 0, Math.min(size, nul < 0 ? bytes.length : nul))
}

/** Errors: EPERM, EINVAL over 64 bytes, EFAULT no string. Linux: sys_sethostname. */
export function sysSethostname(current: Task, name: unknown, len: unknown): number {
  const text = readName(current, name, len)
  if (typeof text !== 'string') return text
  ;(partOf(current) ?? current.k.state).hostname = text
  return 0
}

/** Errors: EPERM, EINVAL over 64 bytes, EFAULT no string. Linux: sys_setdomainname. */
export function sysSetdomainname(current: Task, name: unknown, len: unknown): number {
  const text = readName(current, name, len)
  if (typeof text !== 'string') return text
  ;(partOf(current) ?? current.k.state).domainname = text
  return 0
}

// ---- state ---------------------------------------------------------------------------------------------------

const MIB = 1024 * 1024

/** The fixed machine that /proc/meminfo shows, too: 128 MiB, no swap, no load. Linux: sys_sysinfo. */
export function sysSysinfo(current: Task): Sysinfo {
  const { state } = current.k
  return {
    uptime: Math.floor(state.now / 1000),
    loads: [0, 0, 0],
    totalram: 126 * MIB,
    freeram: 96 * MIB,
    sharedram: 0,
    bufferram: 4 * MIB,
    totalswap: 0,
    freeswap: 0,
    procs: countTasksFor(current),
  }
}

const LINUX_REBOOT_MAGIC1 = 0xfee1dead | 0
const LINUX_REBOOT_CMD_CAD_ON = 0x89abcdef | 0
const LINUX_REBOOT_CMD_CAD_OFF = 0

/**
 * Only ctrl-alt-del can be switched, which nobody presses.
 * Errors: EPERM, EINVAL wrong magic, or a command that would end the machine. Linux: sys_reboot.
 */
export function sysReboot(current: Task, magic1: number, magic2: number, command: number): number {
  if (!capable(current, CAP_SYS_BOOT)) return lacks(current, CAP_SYS_BOOT)
  if (magic1 !== LINUX_REBOOT_MAGIC1) return EINVAL
  if (!current.k.facts.process.rebootMagic2.includes(magic2)) return EINVAL
  return command === LINUX_REBOOT_CMD_CAD_ON || command === LINUX_REBOOT_CMD_CAD_OFF ? 0 : EINVAL
}

/** There is no terminal to hang up. Errors: EPERM. Linux: sys_vhangup. */
export const sysVhangup = (current: Task): number =>
  capable(current, CAP_SYS_TTY_CONFIG) ? 0 : lacks(current, CAP_SYS_TTY_CONFIG)

const PER_LINUX = 0
/** Only asks. Linux: 0xffffffff. */
const PER_QUERY = -1

/** Sets the execution domain and returns the one before: always PER_LINUX. Errors: EINVAL. Linux: sys_personality. */
export const sysPersonality = (_current: Task, persona: number): number =>
  persona === PER_QUERY || persona === PER_LINUX ? PER_LINUX : EINVAL

// ---- the log -------------------------------------------------------------------------------------------------

/** Commands of syslog(2). Linux: do_syslog, kernel/printk.c. */
const SYSLOG_CLOSE = 0
const SYSLOG_OPEN = 1
const SYSLOG_READ = 2
const SYSLOG_READ_ALL = 3
const SYSLOG_READ_CLEAR = 4
const SYSLOG_CLEAR = 5
const SYSLOG_CONSOLE_OFF = 6
const SYSLOG_CONSOLE_ON = 7
const SYSLOG_CONSOLE_LEVEL = 8
const SYSLOG_SIZE_UNREAD = 9
const SYSLOG_SIZE_BUFFER = 10

const LOG_BUF_LEN = 16384
const MINIMUM_CONSOLE_LOGLEVEL = 1
const DEFAULT_CONSOLE_LOGLEVEL = 7

/** Keys among the tunables: how many messages there had been when the log was last cleared, and the console's level. */
const CLEARED = 'klog/cleared'
const CONSOLE_LEVEL = 'klog/console'

/** Messages since the last clearing, as text: the last `maxBytes`. Linux: logged_chars. */
function lastMessages(current: Task, maxBytes: number): Uint8Array {
  const { k } = current
  const { log, logStart, sysctl } = k.state
  const cleared = Number(sysctl.get(CLEARED) ?? 0)
  const lines = Math.min(logStart + log.length - cleared, log.length)
  const text = klogAll(k, LOG_BUF_LEN)
  return lastLines(text, lines).slice(-Math.min(maxBytes, LOG_BUF_LEN))
}

/** The last `count` lines of a text whose every line ends with a newline. */
function lastLines(text: Uint8Array, count: number): Uint8Array {
  let from = text.length
  for (let left = count; left > 0 && from > 0; left--) {
    from--
    while (from > 0 && text[from - 1] !== 10) from--
  }
  return text.subarray(from)
}

function clearLog(current: Task): void {
  const { log, logStart, sysctl } = current.k.state
  sysctl.set(CLEARED, logStart + log.length)
}

/** The buffer of a read, cut to `len`; or what the read returns at once: 0, EINVAL, EFAULT. */
function logBuffer(buf: unknown, len: number): Uint8Array | number {
  if (buf === null || buf === undefined || len < 0) return EINVAL
  if (len === 0) return 0
  if (!(buf instanceof Uint8Array)) return EFAULT
  return buf.length === 0 ? new Uint8Array(0) : buf.subarray(0, len)
}

/** Waits for unread messages and takes them. */
function readLog(current: Task, buf: Uint8Array): number {
  const { k } = current
  return klogHasUnread(k) ? klogRead(k, buf) : sleepOn(current, k.state.logWait)
}

function readLastLog(current: Task, buf: Uint8Array, clears: boolean): number {
  if (buf.length === 0) return 0
  const text = lastMessages(current, buf.length)
  buf.set(text)
  if (clears) clearLog(current)
  return text.length
}

function setConsoleLevel(current: Task, level: number): number {
  if (level < 1 || level > 8) return EINVAL
  current.k.state.sysctl.set(CONSOLE_LEVEL, level)
  return 0
}

/** Everybody may read the last messages (3) and, in 2.6, ask for the buffer's size (10). Linux: cap_syslog. */
function maySyslog(current: Task, type: number): boolean {
  const { lastSyslogType } = current.k.facts.process
  const isPublic = type === SYSLOG_READ_ALL || (type === SYSLOG_SIZE_BUFFER && lastSyslogType >= type)
  return isPublic || capable(current, CAP_SYS_ADMIN)
}

/**
 * Reads and controls the kernel's log by `type`, see the constants above. `len` is the level for type 8, and the size
 * of `buf` when it is left out. Returns bytes for 2, 3, 4, 9 and 10.
 * Errors: EPERM, EINVAL, EFAULT, EINTR. Linux: do_syslog.
 */
export function sysSyslog(current: Task, type: number, buf: unknown, size: unknown): number {
  if (!maySyslog(current, type)) return lacks(current, CAP_SYS_ADMIN)
  if (type < 0 || type > current.k.facts.process.lastSyslogType) return EINVAL
  const len = size ?? (buf instanceof Uint8Array ? buf.length : 0)
  if (typeof len !== 'number' || !Number.isInteger(len)) return EINVAL
  switch (type) {
    case SYSLOG_CLOSE:
    case SYSLOG_OPEN:
      return 0
    case SYSLOG_READ: {
      const into = logBuffer(buf, len)
      return typeof into === 'number' ? into : readLog(current, into)
    }
    case SYSLOG_READ_ALL:
    case SYSLOG_READ_CLEAR: {
      const into = logBuffer(buf, len)
      return typeof into === 'number' ? into : readLastLog(current, into, type === SYSLOG_READ_CLEAR)
    }
    case SYSLOG_CLEAR:
      clearLog(current)
      return 0
    case SYSLOG_CONSOLE_OFF:
      return setConsoleLevel(current, MINIMUM_CONSOLE_LOGLEVEL)
    case SYSLOG_CONSOLE_ON:
      return setConsoleLevel(current, DEFAULT_CONSOLE_LOGLEVEL)
    case SYSLOG_CONSOLE_LEVEL:
      return setConsoleLevel(current, len)
    case SYSLOG_SIZE_UNREAD:
      return klogUnread(current.k)
    case SYSLOG_SIZE_BUFFER:
      return LOG_BUF_LEN
    default:
      return EINVAL
  }
}

// ---- prctl ---------------------------------------------------------------------------------------------------

/** A command name: what comes before a NUL, whole characters, at most 15 bytes. */
function commFrom(name: string): string {
  let comm = ''
  let bytes = 0
  for (const char of name.split('\0', 1)[0] ?? '') {
    bytes += utf8Encode(char).length
    if (bytes >= TASK_COMM_LEN) break
    comm += char
  }
  return comm
}

function setName(current: Task, name: unknown): number {
  if (typeof name !== 'string') return EFAULT
  current.comm = commFrom(name)
  return 0
}

/** Linux: PR_SET_PDEATHSIG. 2.2 compares a signed number, so a negative one is taken; it is never sent. */
function setDeathSignal(current: Task, sig: number): number {
  const { nsig, process } = current.k.facts
  const readsBack = process.prctlOptions.includes(PR_GET_PDEATHSIG)
  if (sig > nsig || (sig < 0 && readsBack)) return EINVAL
  current.pdeathSignal = sig
  return 0
}

function setKeepCaps(current: Task, keep: number): number {
  if (keep !== 0 && keep !== 1) return EINVAL
  current.cred = credWith(current.cred, { keepCaps: keep === 1 })
  return 0
}

/** 2 is allowed from 2.6.13 to 2.6.17. Linux: PR_SET_DUMPABLE. */
function setDumpable(current: Task, value: number): number {
  if (value < 0 || value > 2) return EINVAL
  current.dumpable = value
  return 0
}

/**
 * Properties of the caller. What C writes through a pointer is the result here: PR_GET_PDEATHSIG, PR_GET_NAME.
 * Modules may add operations. Errors: EINVAL, EFAULT. Linux: sys_prctl.
 */
export function sysPrctl(
  current: Task,
  option: number,
  arg: unknown,
  b: unknown,
  c: unknown,
  d: unknown,
): Ret<number | string> {
  const own = current.k.prctls.get(option)
  if (own !== undefined) return own(current, arg, b, c, d)
  if (!current.k.facts.process.prctlOptions.includes(option)) return EINVAL
  if (option === PR_SET_NAME) return setName(current, arg)
  const value = arg === undefined ? 0 : typeof arg === 'number' && Number.isInteger(arg) ? arg | 0 : null
  if (value === null) return EINVAL
  switch (option) {
    case PR_SET_PDEATHSIG:
      return setDeathSignal(current, value)
    case PR_GET_PDEATHSIG:
      return current.pdeathSignal
    case PR_GET_DUMPABLE:
      return current.dumpable
    case PR_SET_DUMPABLE:
      return setDumpable(current, value)
    case PR_GET_KEEPCAPS:
      return current.cred.keepCaps ? 1 : 0
    case PR_SET_KEEPCAPS:
      return setKeepCaps(current, value)
    case PR_GET_TIMING:
      return 0
    case PR_SET_TIMING:
      return value === 0 ? 0 : EINVAL
    case PR_GET_NAME:
      return current.comm
    default:
      return EINVAL
  }
}

export const systemCalls: readonly SyscallRow[] = [
  row('uname', [], sysUname),
  row('sethostname', ['any', 'any'], sysSethostname),
  row('setdomainname', ['any', 'any'], sysSetdomainname),
  row('sysinfo', [], sysSysinfo, 'partial', 'a fixed machine: no load, no memory pressure'),
  row('syslog', ['int', 'any', 'any'], sysSyslog, 'partial', 'there is no console'),
  row('personality', ['int'], sysPersonality, 'partial', 'PER_LINUX only'),
  row('prctl', ['int', 'any', 'any', 'any', 'any'], sysPrctl, 'partial', 'PR_SET_DUMPABLE has no effect'),
  row('reboot', ['int', 'int', 'int'], sysReboot, 'partial', 'cannot end the machine'),
  row('vhangup', [], sysVhangup, 'partial', 'there are no terminals'),
]
