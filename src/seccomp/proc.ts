/**
 * /proc/PID/seccomp and /proc/PID/task/TID/seccomp. Owner and permission are procfs's: mode 0600, the owner is the
 * task's effective user while it may be dumped. Who may open the file may write it, for any task.
 * Linux: seccomp_read, seccomp_write, fs/proc/base.c (2.6.12 to 2.6.22). Reference §1.2, §1.3.
 */

import { EINVAL, EPERM } from '../abi/errno.js'
import type { ProcEntry } from '../kernel/module.js'
import type { Task } from '../kernel/task.js'
import { deny } from '../security/deny.js'
import { SECCOMP_MODE_DISABLED, SECCOMP_MODE_STRICT } from './actions.js'
import { confine, modeOf, type Slot } from './state.js'

/** Bytes that are looked at: the kernel's buffer has 20, the last one for the NUL. */
const COPIED = 19

/** A number in C's notation at the front of a text: its value modulo 2^32, and the characters that it takes. */
interface Parsed {
  readonly value: number
  readonly length: number
}

/**
 * Decimal, 0x… hexadecimal or 0… octal; no sign, no blanks. What is too large wraps: the result is cut to an unsigned
 * int, so 4294967297 is 1. Linux: simple_strtoul with base 0, lib/vsprintf.c.
 */
export function simpleStrtoul(text: string): Parsed {
  let at = 0
  let base = 10
  if (text.startsWith('0')) {
    at = 1
    base = 8
    if (/^0[xX][0-9a-fA-F]/.test(text)) {
      at = 2
      base = 16
    }
  }
  let value = 0
  for (; at < text.length; at++) {
    const digit = '0123456789abcdef'.indexOf((text[at] ?? '').toLowerCase())
    if (digit < 0 || digit >= base) break
    value = (value * base + digit) % 0x100000000
  }
  return { value, length: at }
}

/** Errors: EPERM when a mode is set, EINVAL for no mode that there is. Linux: seccomp_write. */
function write(slot: Slot, current: Task, target: Task, text: string): number {
  if (modeOf(slot, target) !== SECCOMP_MODE_DISABLED)
    return deny(current, EPERM, 'state', target, 'the seccomp mode of a task is set once, for good')
  const copied = text.slice(0, COPIED)
  const { value, length } = simpleStrtoul(copied)
  const taken = copied[length] === '\n' ? length + 1 : length
  if (value !== SECCOMP_MODE_STRICT) return EINVAL
  confine(slot, target, SECCOMP_MODE_STRICT)
  return taken
}

/** The one entry; procfs shows it below task/ as well. */
export const seccompEntry = (slot: Slot): ProcEntry => ({
  path: '<pid>/seccomp',
  mode: 0o600,
  read: (_current, { task }) => (task === null ? EINVAL : `${modeOf(slot, task)}\n`),
  write: (current, { task }, text) => (task === null ? EINVAL : write(slot, current, task, text)),
})
