/**
 * An independent recount of everything a kernel counts: who uses which file, inode, mount and table, which lists hold
 * whom, what waits where. It walks the whole state from its roots and compares with what the kernel keeps.
 *
 * Between two steps all of it must agree, whatever has happened before: programs killed at any point, allocations
 * that failed, copies of the kernel. It costs time proportional to the state and changes nothing.
 */

import { SIGCHLD, SIGKILL, SIGSTOP } from '../abi/signal.js'
import { checkFiles, checkInodes, checkLockWaits, checkMounts, countFiles, countTrees } from '../vfs/audit.js'
import { File } from '../vfs/file.js'
import { Books, Tally } from './books.js'
import { IRQ_TIMER } from './context.js'
import type { KernelCore } from './kernel.js'
import type { RunQueue } from './runqueue.js'
import type { PendingSignals } from './signal_state.js'
import { inSet, sigBit } from './sigset.js'
import { WAKE_TIMER } from './sleep.js'
import {
  isGroupLeader,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_STOPPED,
  TASK_UNINTERRUPTIBLE,
  TASK_ZOMBIE,
  type Task,
  TF_DIRECT,
  ThreadGroup,
} from './task.js'
import type { Timer } from './timer.js'
import { userKey } from './user.js'

/** What of the kernel's bookkeeping is wrong, as sentences. Empty when all of it agrees. */
export function brokenInvariants(k: KernelCore): string[] {
  const books = new Books(k)
  countTasks(books)
  for (const audit of k.audits) audit.holds?.(books)
  countFiles(books)
  countTrees(books)
  checkFiles(books)
  checkMounts(books)
  checkInodes(books)
  checkLockWaits(books)
  checkSharing(books)
  checkGroups(books)
  checkPgrps(books)
  checkFamilies(books)
  checkUsers(books)
  for (const task of k.state.tasks.values()) checkState(books, task)
  for (const audit of k.audits) audit.check?.(books)
  checkQueues(books)
  checkTimers(books)
  for (const task of books.live) checkSignals(books, task)
  return books.problems
}

// ---- counting ------------------------------------------------------------------------------------------------

/** What tasks hold. */
function countTasks({ live, files, writers, mounts, inodes }: Books): void {
  for (const table of new Set([...live].map((task) => task.files)))
    for (const file of table.files) if (file !== null) files.add(file)
  for (const task of live) {
    if (task.exe !== null) {
      files.add(task.exe)
      writers.add(task.exe.inode, -1)
    }
    if (task.restart instanceof File) files.add(task.restart)
  }
  for (const fs of new Set([...live].map((task) => task.fs))) {
    mounts.add(fs.rootMnt)
    mounts.add(fs.pwdMnt)
    if (fs.root.inode !== null) inodes.add(fs.root.inode)
    if (fs.pwd.inode !== null) inodes.add(fs.pwd.inode)
  }
}

// ---- tasks ---------------------------------------------------------------------------------------------------

const UNBLOCKABLE = sigBit(SIGKILL) | sigBit(SIGSTOP)

function checkSharing(books: Books): void {
  const { state } = books.k
  const parts = [
    ['directories', 'fs'],
    ['descriptors', 'files'],
    ['handlers', 'sighand'],
  ] as const
  for (const [what, key] of parts) {
    const users = new Tally<{ readonly users: number }>()
    for (const task of books.live) users.add(task[key])
    for (const [part, count] of users.counts) books.same(`the users of a set of ${what}`, part.users, count)
  }
  books.must(state.init !== null && state.tasks.get(1) === state.init, 'pid 1 is not init')
  for (const [pid, task] of state.tasks) {
    const who = `pid ${pid}`
    books.same(`the key of pid ${task.pid}`, pid, task.pid)
    books.must(pid > 0, `${who} is out of range`)
    books.must(task.state <= TASK_ZOMBIE, `${who} is dead and still in the table`)
    const { capEffective, capPermitted } = task.cred
    books.must(
      (capEffective & ~capPermitted) === 0,
      `${who} has effective capabilities that are not permitted`,
    )
    books.must((task.blockedLow & UNBLOCKABLE) === 0, `${who} blocks SIGKILL or SIGSTOP`)
  }
}

/** Thread groups: what their threads share, and who is alive. */
function checkGroups(books: Books): void {
  const { tasks, pgrps } = books.k.state
  const alive = new Map<ThreadGroup, Task[]>()
  for (const task of tasks.values()) alive.set(task.group, [])
  for (const task of books.live) alive.get(task.group)?.push(task)
  for (const [group, threads] of alive) {
    const { leader, pgrp } = group
    const who = `pid ${leader.pid}`
    books.same(`the live threads of ${who}`, group.live, threads.length)
    const kept = group.threads
    if (kept !== null && group.live > 0) {
      books.must(
        threads.every((task) => kept.includes(task)),
        `${who} forgets a thread`,
      )
      books.must(
        kept.every((task) => books.live.has(task)),
        `${who} keeps a thread that has ended`,
      )
    }
    books.must(kept !== null || threads.every((task) => task === leader), `${who} has threads and no list`)
    books.same(`the leader of ${who}`, tasks.get(leader.pid), leader)
    books.same(`the process group of ${who}`, pgrps.get(pgrp.id), pgrp)
    books.must(group.stopCount >= 0 && group.stopCount <= group.live, `${who} has too many threads to stop`)
    for (const task of threads) books.same(`the tgid of pid ${task.pid}`, task.tgid, leader.pid)
  }
}

/** Process groups and sessions. */
function checkPgrps(books: Books): void {
  const { tasks, pgrps, sessions } = books.k.state
  const members = new Tally<unknown>()
  for (const group of new Set([...tasks.values()].map((task) => task.group))) members.add(group.pgrp)
  const counted = new Tally<number>()
  for (const [id, pgrp] of pgrps) {
    const what = `process group ${id}`
    books.same(`the id of ${what}`, pgrp.id, id)
    books.same(`the members of ${what}`, pgrp.count, members.of(pgrp))
    books.must(pgrp.count > 0, `${what} is empty`)
    counted.add(pgrp.session)
    let before: ThreadGroup | null = null
    let listed = 0
    for (let group = pgrp.head; group !== null && listed <= pgrp.count; group = group.pgrpNext) {
      books.must(group.pgrpPrev === before && group.pgrp === pgrp, `${what}: the list is broken`)
      before = group
      listed++
    }
    books.same(`the listed members of ${what}`, listed, pgrp.count)
  }
  for (const [id, count] of sessions) books.same(`the process groups of session ${id}`, count, counted.of(id))
  books.same('the number of sessions', sessions.size, counted.counts.size)
}

/** Parents and children know each other. */
function checkFamilies(books: Books): void {
  const { tasks, init } = books.k.state
  const listed = new Set<Task>()
  for (const parent of tasks.values()) {
    let before: Task | null = null
    for (let child = parent.firstChild; child !== null; child = child.siblingNext) {
      books.must(!listed.has(child), `pid ${child.pid} has two parents`)
      if (listed.has(child)) break
      listed.add(child)
      books.must(child.parent === parent, `pid ${child.pid} is a child of pid ${parent.pid}, not its parent`)
      books.must(child.siblingPrev === before, `the children of pid ${parent.pid}: the list is broken`)
      books.must(tasks.get(child.pid) === child, `pid ${parent.pid} has a child that is gone: ${child.pid}`)
      before = child
    }
    books.must(parent.lastChild === before, `the last child of pid ${parent.pid} is another`)
    books.must(before === null || parent.state < TASK_ZOMBIE, `pid ${parent.pid} has ended and has children`)
  }
  for (const task of tasks.values()) {
    books.must(task === init || listed.has(task), `pid ${task.pid} is in nobody's list of children`)
  }
}

function checkUsers(books: Books): void {
  const { tasks, userTasks } = books.k.state
  const counted = new Tally<number>()
  for (const task of tasks.values()) counted.add(userKey(task))
  for (const [uid, count] of userTasks) books.same(`the tasks of uid ${uid}`, count, counted.of(uid))
  books.same('the number of users', userTasks.size, counted.counts.size)
}

// ---- sleeping ------------------------------------------------------------------------------------------------

/** The timer that a call keeps in `restart`. */
const timerOf = (restart: unknown): unknown =>
  typeof restart === 'object' && restart !== null && 'timer' in restart ? restart.timer : null

/** Calls of the core that sleep on a queue whatever their arguments. */
const QUEUES: ReadonlySet<string> = new Set(
  'read write readv writev pread pwrite open creat openat wait4 waitpid flock fcntl fork vfork clone syslog'.split(
    ' ',
  ),
)

/** A task is in user mode, asleep, stopped or dead, and has what belongs to that. */
function checkState(books: Books, task: Task): void {
  const who = `pid ${task.pid} (${task.comm})`
  const sleeps = task.state === TASK_INTERRUPTIBLE || task.state === TASK_UNINTERRUPTIBLE
  if (task.state >= TASK_ZOMBIE) {
    books.must(task.waits === null && task.queued === null, `${who} is dead and still queued`)
    books.must(
      task.exe === null && task.call === null && task.restart === null,
      `${who} is dead and keeps something`,
    )
    books.must(task.vforkDone === null, `${who} is dead and keeps its vfork parent waiting`)
    return
  }
  books.must(!sleeps || task.call !== null, `${who} sleeps outside of a call`)
  books.must(!sleeps || task.queued === null, `${who} sleeps and is runnable`)
  books.must(task.waits === null || sleeps, `${who} is on a wait queue and does not sleep`)
  books.must(task.restart === null || task.call !== null, `${who} remembers a call that is over`)
  books.must(task.savedMask === null || task.call !== null, `${who} has a saved mask outside of a call`)
  books.must(task.realBlocked === null || task.call !== null, `${who} waits for signals outside of a call`)
  const { runQueue } = books.k.state
  const isProgram = (task.flags & TF_DIRECT) === 0
  if (task.state === TASK_RUNNING)
    books.must(isProgram === (task.queued === runQueue), `${who} is in no or the wrong run queue`)
  if (task.vforkDone !== null) books.queues.add(task.vforkDone)
  if (task.group.childWait !== null) books.queues.add(task.group.childWait)
  for (let entry = task.waits; entry !== null; entry = entry.sibling) {
    books.same(`the task of a wait of ${who}`, entry.task, task)
    books.queues.add(entry.queue)
  }
  if (sleeps) checkWakeUp(books, task, who)
}

/** Will anybody wake it, and has nobody forgotten to? */
function checkWakeUp(books: Books, task: Task, who: string): void {
  const call = task.call?.name ?? ''
  const waits = task.waits !== null
  books.must(
    waits || task.state === TASK_INTERRUPTIBLE,
    `${who} sleeps deaf to signals and waits for nothing`,
  )
  books.must(waits || !QUEUES.has(call), `${who} sleeps in ${call} and waits for nothing`)
  books.must(
    !(task.sigPending && task.state === TASK_INTERRUPTIBLE),
    `${who} sleeps and has a signal to take`,
  )
  if (call !== 'wait4' && call !== 'waitpid') return
  const [pid, options] = task.call?.args ?? []
  if (pid !== -1 || (options !== undefined && options !== 0)) return
  for (let child = task.firstChild; child !== null; child = child.siblingNext) {
    const isDue = child.state === TASK_ZOMBIE && child.exitSignal === SIGCHLD && child.group.live === 0
    books.must(!isDue, `${who} sleeps in ${call} and has not seen that pid ${child.pid} has ended`)
  }
}

/** Every queue that is known: its entries are those of sleeping tasks, both ways. */
function checkQueues(books: Books): void {
  const { runQueue, directQueue, logWait } = books.k.state
  books.queues.add(logWait)
  for (const queue of books.queues) {
    let before: unknown = null
    for (let entry = queue.head; entry !== null; entry = entry.next) {
      books.must(entry.queue === queue && entry.prev === before, `queue '${queue.name}': the list is broken`)
      if (entry.prev !== before) break
      let held = false
      for (let own = entry.task.waits; own !== null; own = own.sibling) if (own === entry) held = true
      books.must(held, `queue '${queue.name}' has an entry that pid ${entry.task.pid} does not know`)
      books.must(books.live.has(entry.task), `queue '${queue.name}' has an entry of a dead task`)
      before = entry
    }
    books.must(queue.tail === before, `queue '${queue.name}': the tail is another`)
  }
  checkRunQueue(books, 'run queue', runQueue)
  checkRunQueue(books, 'direct queue', directQueue)
  books.same('the length of the direct queue at rest', directQueue.length, 0)
}

function checkRunQueue(books: Books, what: string, queue: RunQueue): void {
  let length = 0
  let before: Task | null = null
  for (let task = queue.head; task !== null && length <= queue.length; task = task.runNext) {
    books.must(task.queued === queue && task.runPrev === before, `the ${what} is broken at pid ${task.pid}`)
    books.must(task.state === TASK_RUNNING, `pid ${task.pid} is in the ${what} and not runnable`)
    books.must(books.live.has(task), `pid ${task.pid} is in the ${what} and in no table`)
    before = task
    length++
  }
  books.same(`the length of the ${what}`, queue.length, length)
  books.must(queue.tail === before, `the tail of the ${what} is another`)
}

// ---- timers --------------------------------------------------------------------------------------------------

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.seq < b.seq)

/** The heap is one, and every timer in it belongs to a call or a process that knows it. */
function checkTimers(books: Books): void {
  const { heap } = books.k.state.timers
  const set = new Set<unknown>(heap)
  books.same('the number of timers', set.size, heap.length)
  for (const [index, timer] of heap.entries()) {
    books.same(`the index of timer '${timer.handler}'`, timer.index, index)
    const isKind = timer.handler === IRQ_TIMER || books.k.timerHandlers.has(timer.handler)
    books.must(isKind, `timer '${timer.handler}' has no handler`)
    const parent = heap[(index - 1) >> 1]
    const inOrder = index === 0 || parent === undefined || isBefore(parent, timer)
    books.must(inOrder, `timer ${index} comes before its parent`)
    if (timer.handler === WAKE_TIMER) {
      const task = timer.data as Task
      const isKnown = timerOf(task.restart) === timer
      books.must(isKnown, `a timer wakes pid ${task.pid}, whose call does not know it`)
    }
    if (timer.data instanceof ThreadGroup) {
      const own = timer.data.itimers?.some((itimer) => itimer?.timer === timer) === true
      const isAlive = timer.data.live > 0
      books.must(own && isAlive, `an interval timer of pid ${timer.data.leader.pid} is nobody's`)
    }
  }
  for (const task of books.live) {
    const timer = timerOf(task.restart)
    const sleeps = task.state === TASK_INTERRUPTIBLE
    books.must(
      !sleeps || timer == null || set.has(timer),
      `pid ${task.pid} waits for a timer that is not set`,
    )
    for (const itimer of task.group.itimers ?? []) {
      const isSet = itimer?.timer == null || set.has(itimer.timer)
      books.must(isSet, `pid ${task.pid} has an interval timer that is not set`)
    }
  }
}

// ---- signals -------------------------------------------------------------------------------------------------

function checkSignals(books: Books, task: Task): void {
  const { group } = task
  if (group.groupExit) return
  const who = `pid ${task.pid}`
  checkPending(books, task.pending, who)
  if (isGroupLeader(task)) checkPending(books, group.shared, `${who} and its threads`)
  const low = (task.pending?.low ?? 0) | (group.shared?.low ?? 0)
  const high = (task.pending?.high ?? 0) | (group.shared?.high ?? 0)
  const due = (low & ~task.blockedLow) !== 0 || (high & ~task.blockedHigh) !== 0
  books.must(!due || task.sigPending || task.state === TASK_STOPPED, `${who} does not see its signals`)
  const idle = (task.flags & TF_DIRECT) !== 0 && task.state === TASK_RUNNING && task.call === null
  books.must(!idle || !task.sigPending, `${who} is idle and has not taken its signals`)
}

/** The set and the queue are about the same signals, but for information that was lost to a fault. */
function checkPending(books: Books, pending: PendingSignals | null, who: string): void {
  if (pending === null) return
  const queued = new Tally<number>()
  for (const { signo } of pending.queue) queued.add(signo)

  for (let sig = 1; sig <= 64; sig++) {
    const count = queued.of(sig)
    const isSet = inSet(pending.low, pending.high, sig)
    const agrees = isSet === count > 0 || (isSet && pending.lostInfo)
    books.must(agrees, `signal ${sig} of ${who}: set ${isSet}, queued ${count}`)
    if (sig < 32) books.must(count <= 1, `signal ${sig} of ${who} is queued ${count} times`)
  }
}
