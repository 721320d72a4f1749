/**
 * Parts: a module can divide a kernel's tasks into parts that number and count by themselves, each as if it were the
 * whole (Contributions.partOf). Part 0 is the whole: its tasks see all numbers as they are.
 *
 * A number of a task, group or session of part n is n * PIDS_OF_PART + m, and m is what the tasks of that part see: no
 * table is needed, and a number stays what it is after its task has gone. A task that comes from another part keeps its
 * number, and gets one more in the part. Linux: nothing of the time; struct pid_namespace, struct uts_namespace later.
 */

import type { DevT } from '../abi/brand.js'
import { EAGAIN, type Ret } from '../abi/errno.js'
import type { SigInfo } from '../abi/signal.js'
import { Random } from '../sim/random.js'
import type { KernelCore } from './kernel.js'
import type { Task } from './task.js'
import { countUser } from './user.js'

/** Numbers of a part: 0 to this, so that those of 65 536 parts are positive ints. */
export const PIDS_OF_PART = 32768
/** What is no task's number, for who has named one that cannot be. */
const NOBODY = 2 ** 40
/** Minor numbers of a part's unnamed devices; two parts may have the same. */
const FIRST_DEVICE = 128
/** Init has this number in all parts. */
const INIT = 1

/** What one part numbers and counts. */
export class Part {
  /** Its number, from 1 on. */
  readonly id: number
  /** The number given out last, as the part sees it. */
  lastPid = INIT
  /** Tasks made. */
  forks = 0
  /** Steps of the scheduler. */
  switches = 0
  /** Milliseconds that its tasks have run: in user mode, in user mode with a nice value above 0, in the kernel. */
  cpuUser = 0
  /** See cpuUser. */
  cpuNice = 0
  /** See cpuUser. */
  cpuSystem = 0
  /** Inode numbers of pipes and sockets. */
  nextPipeIno = 1
  /** Minor numbers of devices that are none. */
  nextAnonDev: number
  /** Its random numbers. */
  random: Random
  /** The name of the host. */
  hostname: string
  /** The NIS domain. */
  domainname: string
  /** Tasks that have come from elsewhere: the kernel's numbers by those of the part, and the other way round. */
  readonly guests = new Map<number, number>()
  /** See `guests`. */
  readonly guestNumbers = new Map<number, number>()

  constructor(k: KernelCore, id: number) {
    const { state } = k
    this.id = id
    this.nextAnonDev = Math.max(state.nextAnonDev, FIRST_DEVICE)
    this.hostname = state.hostname
    this.domainname = state.domainname
    this.random = new Random((state.random.s0 >>> 0) + id * 2 ** 20)
  }
}

/** The part of a task; null for the whole. Costs one test where no module divides the kernel. */
export function partOf(task: Task): Part | null {
  const { k } = task
  if (k.partOf === null) return null
  const id = k.partOf(task)
  if (id === 0) return null
  let part = k.state.parts.get(id)
  if (part === undefined) {
    part = new Part(k, id)
    k.state.parts.set(id, part)
  }
  return part
}

/** Are two tasks counted together? All are, for who is in the whole. */
export function countsWith(viewer: Task, task: Task): boolean {
  const { k } = viewer
  if (k.partOf === null) return true
  const id = k.partOf(viewer)
  return id === 0 || k.partOf(task) === id
}

/** The tasks that a task's totals count, oldest first. */
export function tasksCountedFor(viewer: Task): Iterable<Task> {
  const { k } = viewer
  let among: Iterable<Task> = k.state.tasks.values()
  if (k.partOf === null || k.partOf(viewer) === 0) return among
  for (const { tasksAmong } of k.contributions.values()) among = tasksAmong?.(viewer) ?? among
  return [...among].filter((task) => countsWith(viewer, task))
}

/** How many they are. */
export function countTasksFor(viewer: Task): number {
  const tasks = tasksCountedFor(viewer)
  return Array.isArray(tasks) ? tasks.length : viewer.k.state.tasks.size
}

/**
 * The device of one of the kernel's own file systems, which is made when it is first wanted. In a divided kernel its
 * number does not tell whether that was before another's. `nth`: which of them.
 */
export const ownDev = (k: KernelCore, nth: number): DevT =>
  k.partOf === null ? k.anonDev() : k.devices.anonymous(FIRST_DEVICE - 1 - nth)

/** Makes something whose unnamed device gets a number of the task's part. */
export function numberingDevices<T>(task: Task, make: () => T): T {
  const part = partOf(task)
  if (part === null) return make()
  const { state } = task.k
  const next = state.nextAnonDev
  state.nextAnonDev = part.nextAnonDev
  const made = make()
  part.nextAnonDev = state.nextAnonDev
  state.nextAnonDev = next
  return made
}

// ---- numbers of tasks ----------------------------------------------------------------------------------------

/**
 * A number of a task, group or session as `viewer` sees it: 0 where it belongs to another part. A negative one means a
 * group, and stays negative.
 */
export function pidFor(viewer: Task, pid: number): number {
  const part = partOf(viewer)
  if (part === null || pid === 0) return pid
  if (pid < 0) return -pidFor(viewer, -pid)
  if (pid === INIT) return INIT
  const base = part.id * PIDS_OF_PART
  if (pid >= base && pid < base + PIDS_OF_PART) return pid - base
  return part.guestNumbers.get(pid) ?? 0
}

/** What `viewer` means by a number of a task, group or session; a negative one means a group. */
export function pidFrom(viewer: Task, number: number): number {
  const part = partOf(viewer)
  if (part === null || number === 0) return number
  if (number < 0) return -pidFrom(viewer, -number)
  if (number === INIT) return INIT
  return pidInPart(viewer.k, part.id, number)
}

/** The kernel's number of what a part knows by this one; nobody's where it cannot be one. */
export function pidInPart({ state }: KernelCore, id: number, number: number): number {
  if (!(number > INIT && number < PIDS_OF_PART)) return NOBODY
  return state.parts.get(id)?.guests.get(number) ?? id * PIDS_OF_PART + number
}

/** A signal's information as its receiver sees it. */
export function infoFor(receiver: Task, info: SigInfo): SigInfo {
  if (receiver.k.partOf === null || info.pid === undefined) return info
  const pid = pidFor(receiver, info.pid)
  return pid === info.pid ? info : { ...info, pid: pid as typeof info.pid }
}

/** Is the number taken by a task, a process group or a session? */
export const isPidInUse = ({ state }: KernelCore, pid: number): boolean =>
  state.tasks.has(pid) || state.pgrps.has(pid) || state.sessions.has(pid)

/** Is a part's number free? Guests that have gone leave theirs. */
function isFree(k: KernelCore, part: Part, number: number): boolean {
  const guest = part.guests.get(number)
  if (guest === undefined) return !isPidInUse(k, part.id * PIDS_OF_PART + number)
  if (isPidInUse(k, guest)) return false
  part.guests.delete(number)
  part.guestNumbers.delete(guest)
  return true
}

/** The next free number of a part, as the part sees it: EAGAIN where there is none. */
function nextNumber(k: KernelCore, part: Part): Ret<number> {
  const end = Math.min(k.state.pidMax, PIDS_OF_PART)
  for (let tries = 0, number = part.lastPid + 1; tries < end; tries++, number++) {
    if (number >= end) number = Math.min(Math.max(k.facts.pidWrapsTo, INIT + 1), end - 1)
    if (number <= INIT || !isFree(k, part, number)) continue
    part.lastPid = number
    return number
  }
  return EAGAIN
}

/** The number of a new task in a part. EAGAIN where there is none. */
export function allocPidIn(k: KernelCore, part: Part): Ret<number> {
  const number = nextNumber(k, part)
  return number < 0 ? number : part.id * PIDS_OF_PART + number
}

/** A number of the whole has a new owner: whoever had it as a guest has gone. */
export function forgetGuest(k: KernelCore, pid: number): void {
  for (const { guests, guestNumbers } of k.state.parts.values()) {
    const number = guestNumbers.get(pid)
    if (number === undefined) continue
    guestNumbers.delete(pid)
    guests.delete(number)
  }
}

/** Does something by which a task comes into another part, and gives it a number there. */
export function movingParts(task: Task, change: () => void): void {
  const { k } = task
  if (k.partOf === null) {
    change()
    return
  }
  countUser(task, -1)
  change()
  countUser(task, 1)
  const part = partOf(task)
  if (part === null || pidFor(task, task.pid) !== 0) return
  const number = nextNumber(k, part)
  if (number < 0) return
  part.guests.set(number, task.pid)
  part.guestNumbers.set(task.pid, number)
}
