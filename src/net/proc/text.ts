/**
 * How /proc/net writes numbers and addresses.
 */

import type { Task } from '../../kernel/task.js'
import type { NetState } from '../state.js'

export const netOf = (current: Task): NetState => current.k.state.modules.get('net') as NetState

export const hex = (value: number, width: number): string =>
  value.toString(16).toUpperCase().padStart(width, '0')

/** An address as the kernel's memory has it on i386: the last byte first. */
export const swapped = (addr: number): string =>
  [addr & 255, (addr >>> 8) & 255, (addr >>> 16) & 255, addr >>> 24].map((byte) => hex(byte, 2)).join('')
