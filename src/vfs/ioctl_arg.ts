/**
 * The argument of ioctl(2): a number, a place for one (an object whose `value` is read or filled), or raw bytes, least
 * significant first. Linux: get_user, put_user.
 */

import { EFAULT } from '../abi/errno.js'
import { writeU32LE } from '../lib/bytes.js'
import type { IoctlArg } from './ops.js'

/** An object whose `value` is a number that can be overwritten. */
function isBox(arg: unknown): arg is { value: number } {
  if (typeof arg !== 'object' || arg === null || !('value' in arg)) return false
  if (typeof arg.value !== 'number') return false
  const own = Object.getOwnPropertyDescriptor(arg, 'value')
  return own === undefined ? Object.isExtensible(arg) : own.writable === true || own.set !== undefined
}

/** What a driver may count on: it can read and fill what it is given. */
export function asIoctlArg(arg: unknown): IoctlArg {
  if (typeof arg === 'number' || arg instanceof Uint8Array) return arg
  return isBox(arg) ? arg : undefined
}

/** An int; null: EFAULT. */
export function getInt(arg: IoctlArg): number | null {
  if (typeof arg === 'number') return arg | 0
  if (arg instanceof Uint8Array) {
    if (arg.length < 4) return null
    return (arg[0] ?? 0) | ((arg[1] ?? 0) << 8) | ((arg[2] ?? 0) << 16) | ((arg[3] ?? 0) << 24)
  }
  return arg === undefined ? null : arg.value | 0
}

/** Stores 32 bits: in an object, the number as it is. Errors: EFAULT. */
export function putWord(arg: IoctlArg, value: number): number {
  if (arg instanceof Uint8Array) {
    if (arg.length < 4) return EFAULT
    writeU32LE(arg, 0, value)
    return 0
  }
  if (typeof arg !== 'object') return EFAULT
  return Reflect.set(arg, 'value', value) ? 0 : EFAULT
}

/** Stores an int. Errors: EFAULT. */
export const putInt = (arg: IoctlArg, value: number): number => putWord(arg, value | 0)
