/**
 * What a compartment's tasks do: calls drawn from the whole table, with numbers of tasks that mean the same in both runs.
 *
 * A run beside others numbers tasks differently (a channel, see channels.ts), so a program must not depend on numbers:
 * it means 'my task 3', or 'somebody else'. Where compartments are sealed numbers are the same, and are taken as they are.
 */

import { hostile, type Place, randomCall } from '../../fuzz/arguments.js'
import type { Dice } from '../../fuzz/dice.js'

/** 'My task n' is FAKE + n. */
export const FAKE = 1_000_000
/** Nobody has this number, ever. */
export const NOBODY = 31_990

/** How a program's numbers become the kernel's. */
export interface Numbers {
  /** The number of 'my task n'; NOBODY where there is none. */
  own(n: number): number
  /** Somebody who is not of the own compartment. */
  readonly stranger: number
}

/** Where calls take numbers of tasks. */
const PID_ARGS: Readonly<Record<string, readonly number[]>> = {
  kill: [0],
  tkill: [0],
  tgkill: [0, 1],
  sigqueue: [0],
  setpgid: [0, 1],
  getpgid: [0],
  getsid: [0],
  wait4: [0],
  waitpid: [0],
  setpriority: [1],
  getpriority: [1],
  sched_setscheduler: [0],
  sched_getscheduler: [0],
  sched_setparam: [0],
  sched_getparam: [0],
  sched_rr_get_interval: [0],
  capget: [0],
  capset: [0],
  mac_getlabel: [0],
  mac_setlabel: [1],
}
const F_SETOWN = 8
const OWNER_IOCTLS: readonly unknown[] = [0x8901, 0x8902]
const PRIO_USER = 2

/** Where a call takes numbers of tasks. */
export function pidPlaces(name: string, args: readonly unknown[]): readonly number[] {
  if (name === 'fcntl') return args[1] === F_SETOWN ? [2] : []
  if (name === 'ioctl') return OWNER_IOCTLS.includes(args[1]) ? [2] : []
  if (name === 'setpriority' || name === 'getpriority')
    return args[0] === PRIO_USER ? [] : (PID_ARGS[name] ?? [])
  return PID_ARGS[name] ?? []
}

/** A number of a task, as the kernel has it. */
function numberOf(value: unknown, numbers: Numbers): unknown {
  if (typeof value === 'string' && /^\d+$/.test(value)) return String(numberOf(Number(value), numbers))
  if (typeof value === 'object' && value !== null && 'value' in value)
    return { value: numberOf(value.value, numbers) }
  if (typeof value !== 'number' || !(Math.abs(value) >= 1) || value === -1) return value
  const size = Math.abs(value)
  if (size >= FAKE && size < FAKE + 1000) return Math.sign(value) * numbers.own(size - FAKE)
  return Math.sign(value) * numbers.stranger
}

/** The same arguments, with numbers of the kernel's in the places where numbers of tasks are. */
export function numbered(name: string, args: readonly unknown[], numbers: Numbers): unknown[] {
  const places = pidPlaces(name, args)
  return args.map((arg, at) => {
    if (places.includes(at)) return numberOf(arg, numbers)
    return within(arg, numbers, 0)
  })
}

/** Credentials and addresses of netlink have numbers inside. */
function within(value: unknown, numbers: Numbers, depth: number): unknown {
  if (typeof value === 'string')
    return value.replace(/\/proc\/(\d+)/g, (_, n) => `/proc/${numbers.own(Number(n) - 1)}`)
  if (depth > 4 || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    for (let at = 0; at < Math.min(value.length, 8); at++)
      if (typeof value[at] === 'object' && value[at] !== value && !Object.isFrozen(value))
        value[at] = within(value[at], numbers, depth + 1)
    return value
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  const own = Object.getOwnPropertyDescriptor(value, 'pid')
  if (own?.writable !== true || typeof own.value !== 'number') {
    for (const [key, part] of Object.entries(Object.getOwnPropertyDescriptors(value)))
      if (part.writable === true && (typeof part.value === 'object' || typeof part.value === 'string'))
        Reflect.set(value, key, within(part.value, numbers, depth + 1))
    return value
  }
  if (Math.abs(own.value) >= FAKE) Reflect.set(value, 'pid', numberOf(own.value, numbers))
  return value
}

/** More than a pipe holds would be no more to the point. */
const MAX_BYTES = 8192

/** Buffers are the caller's own: the fuzzer's are everybody's. */
function ownBuffers(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > 4) return value
  if (value instanceof Uint8Array) {
    if (value.buffer instanceof SharedArrayBuffer || value.byteLength === 0) return value
    return new Uint8Array(Math.min(value.length, MAX_BYTES)).fill(65 + (value.length & 15))
  }
  if (Array.isArray(value)) return value.map((part) => (part === value ? part : ownBuffers(part, depth + 1)))
  if (Object.getPrototypeOf(value) !== Object.prototype || 'iov' in value === false) return value
  Reflect.set(value, 'iov', ownBuffers(Reflect.get(value, 'iov'), depth + 1))
  return value
}

const LABELS = ['10:1', '10:2', '5:1', '65535:0+admin', 'x', '10:1+shared']

/** Paths that lead somewhere in this world, and those of others. */
const PATHS: readonly string[] = [
  '/etc/passwd',
  '/shared/text',
  '/shared/text',
  '/shared/fifo',
  '/shared',
  '/shared/dir',
  '/own/1/a',
  '/own/2/a',
  '/own/1',
  '/own/2',
  '/mls/w/1/a',
  '/mls/w/2/a',
  '/dev/urandom',
  '/dev/random',
  '/dev/kmsg',
  '/tmp/a',
  '/',
]

/** What everybody may read. */
const SHARED: readonly string[] = ['/shared/text', '/dev/urandom', '/dev/random', '/shared', '/shared/fifo']

/** Addresses of the machine, and one beyond it. */
const ADDRESSES: readonly string[] = ['10.0.0.1', '10.0.0.2', '10.0.0.9', '10.0.0.9', '127.0.0.1']

/** Calls of the module's own. */
const MODULE_CALLS: readonly string[] = ['mac_getlabel', 'mac_setlabel']

/** A call with its arguments. */
export interface Call {
  readonly name: string
  readonly args: unknown[]
}

/** Calls that matter here and come too rarely: what is everybody's is looked at, and root does as it likes. */
function special(dice: Dice, place: Place): Call {
  const fd = (): number => dice.pick(place.open.length > 0 ? place.open : [0, 1, 2])
  switch (dice.below(15)) {
    case 0:
      return { name: dice.pick(['sethostname', 'setdomainname']), args: [dice.pick(['one', 'two', 'three'])] }
    case 1:
      return { name: 'settimeofday', args: [{ sec: 1_000_000_000 + dice.below(1000), usec: 0 }] }
    case 2:
      return { name: 'syslog', args: [dice.pick([3, 4, 5, 6, 7, 8]), new Uint8Array(4096), dice.below(9)] }
    case 3:
    case 4:
      return {
        name: 'mount',
        args: ['none', dice.pick(PLACES), ...dice.pick(KINDS)],
      }
    case 5:
      return { name: 'umount', args: [dice.pick(PLACES)] }
    case 6:
      return { name: 'flock', args: [fd(), dice.pick([1, 2, 4, 5, 6, 8])] }
    case 7:
      return { name: dice.pick(['stat', 'lstat']), args: [dice.pick(PATHS)] }
    case 8:
    case 9:
    case 10:
      return { name: 'read', args: [fd(), new Uint8Array(dice.pick([8, 64]))] }
    case 11:
      return { name: 'open', args: [dice.pick(PATHS), 0] }
    default:
      return { name: 'open', args: [dice.pick(SHARED), 0] }
  }
}

/** What is mounted there. */
const KINDS: readonly (readonly [type: string, flags: number, options: string])[] = [
  ['ramfs', 0, ''],
  ['ramfs', 0, ''],
  ['proc', 0, ''],
  ['mlsfs', 0, 'base=/mls/w'],
]

/** Where something may be mounted. */
const PLACES: readonly string[] = [
  '/shared/dir',
  '/own/1/sub',
  '/own/1',
  '/own/2',
  '/own/1/sub',
  '/own/2/sub',
  '/w',
  '/w/sub',
  '/w/sub',
  '/own/2/sub',
  '/mnt/x',
  '/tmp/sub',
]

/** A call drawn from the whole table. `numbers` null: numbers are taken as they are. */
export function drawCall(dice: Dice, place: Place, numbers: Numbers | null): Call {
  if (dice.below(100) === 0) {
    const name = dice.pick(MODULE_CALLS)
    const pid = dice.chance(50) ? 0 : dice.pick(place.pids)
    const args = name === 'mac_getlabel' ? [pid] : [dice.chance(90) ? dice.pick(LABELS) : hostile(dice), pid]
    return { name, args: numbers === null ? args : numbered(name, args, numbers) }
  }
  const drawn = dice.below(100) < 12 ? special(dice, place) : randomCall(dice, place)
  const args = ownBuffers(drawn.args) as unknown[]
  for (const [at, arg] of args.entries()) {
    if (typeof arg === 'string' && dice.chance(20) && !arg.startsWith('\0') && drawn.name !== 'sethostname')
      args[at] = dice.pick(PATHS)
    if (typeof arg === 'object' && arg !== null && Reflect.get(arg, 'family') === 2 && dice.chance(40))
      if (Object.getOwnPropertyDescriptor(arg, 'addr')?.writable === true)
        Reflect.set(arg, 'addr', dice.pick(ADDRESSES))
  }
  return { name: drawn.name, args: numbers === null ? args : numbered(drawn.name, args, numbers) }
}
