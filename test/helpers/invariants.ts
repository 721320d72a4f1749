/**
 * An independent recount of everything a kernel counts: who uses which file, inode, mount and table, which lists
 * hold whom, what waits where. It walks the whole state from its roots and compares with what the kernel keeps.
 *
 * Between two steps all of it must agree, whatever has happened before. `invariantProblems` says what does not.
 */
import { S_IFDIR, S_IFIFO, S_IFMT, S_IFREG } from '../../src/abi/stat.js'
import { PageStore } from '../../src/fs/pages.js'
import { Pipe, PipeEnd } from '../../src/fs/pipe.js'
import { PagePipe } from '../../src/fs/pipe_page.js'
import { RamfsInfo } from '../../src/fs/ramfs.js'
import type { KernelCore } from '../../src/kernel/kernel.js'
import type { RunQueue } from '../../src/kernel/runqueue.js'
import type { PendingSignals } from '../../src/kernel/signal_state.js'
import { inSet } from '../../src/kernel/sigset.js'
import { WAKE_TIMER } from '../../src/kernel/sleep.js'
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
} from '../../src/kernel/task.js'
import type { WaitQueue } from '../../src/kernel/wait.js'
import type { Dentry } from '../../src/vfs/dentry.js'
import { File, FMODE_READ, FMODE_WRITE } from '../../src/vfs/file.js'
import type { Inode } from '../../src/vfs/inode.js'
import type { FileLockContext } from '../../src/vfs/locks.js'
import type { Mount } from '../../src/vfs/mount.js'
import type { SuperBlock } from '../../src/vfs/superblock.js'

/** How often each object has been met. */
class Tally<T> {
  readonly counts = new Map<T, number>()

  add(key: T, by = 1): void {
    this.counts.set(key, this.of(key) + by)
  }

  of(key: T): number {
    return this.counts.get(key) ?? 0
  }
}

/** What an operation that sleeps keeps in `restart`, as far as it owns something. */
const timerOf = (restart: unknown): unknown =>
  typeof restart === 'object' && restart !== null && 'timer' in restart ? restart.timer : null

class Recount {
  readonly problems: string[] = []
  private readonly k: KernelCore
  private readonly live: Task[]
  /** Uses of open files: descriptors, running images, opens that sleep. */
  private readonly files = new Tally<File>()
  private readonly inodes = new Tally<Inode>()
  private readonly mounts = new Tally<Mount>()
  private readonly writers = new Tally<Inode>()
  private readonly names = new Tally<Inode>()
  private readonly subdirs = new Tally<Inode>()
  private readonly mountpoints = new Tally<Dentry>()
  private readonly cursors = new Set<Dentry>()
  private readonly queues = new Set<WaitQueue>()

  constructor(k: KernelCore) {
    this.k = k
    this.live = [...k.state.tasks.values()].filter((task) => task.state < TASK_ZOMBIE)
  }

  run(): readonly string[] {
    this.countTasks()
    this.countTrees()
    this.checkFiles()
    this.checkMounts()
    this.checkInodes()
    this.checkSpace()
    this.checkSharing()
    this.checkGroups()
    this.checkFamilies()
    this.checkUsers()
    this.checkSleep()
    this.checkQueues()
    this.checkTimers()
    this.checkSignals()
    return this.problems
  }

  private same(what: string, kept: unknown, counted: unknown): void {
    if (kept !== counted) this.problems.push(`${what} is ${String(kept)}, counted ${String(counted)}`)
  }

  private must(holds: boolean, what: string): void {
    if (!holds) this.problems.push(what)
  }

  // ---- counting ----------------------------------------------------------------------------------------------

  private countTasks(): void {
    const tables = new Set(this.live.map((task) => task.files))
    for (const table of tables) for (const file of table.files) if (file !== null) this.files.add(file)
    for (const task of this.live) {
      if (task.exe !== null) {
        this.files.add(task.exe)
        this.writers.add(task.exe.inode, -1)
      }
      if (task.restart instanceof File) this.files.add(task.restart)
    }
    for (const fs of new Set(this.live.map((task) => task.fs))) {
      this.mounts.add(fs.rootMnt)
      this.mounts.add(fs.pwdMnt)
      if (fs.root.inode !== null) this.inodes.add(fs.root.inode)
      if (fs.pwd.inode !== null) this.inodes.add(fs.pwd.inode)
    }
    for (const file of this.files.counts.keys()) {
      this.inodes.add(file.inode)
      if (file.mnt !== null) this.mounts.add(file.mnt)
      if ((file.mode & FMODE_WRITE) !== 0) this.writers.add(file.inode)
      const data: unknown = file.data
      if (typeof data === 'object' && data !== null && 'cursor' in data && data.cursor !== null) {
        this.cursors.add(data.cursor as Dentry)
      }
    }
  }

  private countTrees(): void {
    const seen = new Set<Dentry>()
    const roots = this.k.state.superBlocks.flatMap(({ root }) => (root === null ? [] : [root]))
    const held = [...this.files.counts.keys()].flatMap(({ dentry }) => (dentry === null ? [] : [dentry]))
    const dirs = this.live.flatMap(({ fs }) => [fs.root, fs.pwd])
    for (const dentry of [...roots, ...held, ...dirs]) this.countTree(dentry, seen)
  }

  private countTree(root: Dentry, seen: Set<Dentry>): void {
    const open = [root]
    for (let dentry = open.pop(); dentry !== undefined; dentry = open.pop()) {
      if (seen.has(dentry)) continue
      seen.add(dentry)
      if (dentry.inode !== null && this.inodes.of(dentry.inode) === 0) this.inodes.add(dentry.inode, 0)
      this.checkDirectory(dentry)
      for (const child of dentry.children?.values() ?? []) {
        if (child.inode !== null) {
          this.names.add(child.inode)
          if ((child.inode.mode & S_IFMT) === S_IFDIR && dentry.inode !== null)
            this.subdirs.add(dentry.inode)
        }
        open.push(child)
      }
    }
  }

  /** The map of names, the list of nodes and the cursors of a directory are about the same things. */
  private checkDirectory(dir: Dentry): void {
    const where = `directory '${dir.name}' of ${dir.sb.type}`
    const listed = new Set<Dentry>()
    let before: Dentry | null = null
    for (let node = dir.firstChild; node !== null; node = node.next) {
      this.must(node.prev === before, `${where}: the list is broken before '${node.name}'`)
      this.must(!listed.has(node), `${where}: '${node.name}' is listed twice`)
      if (listed.has(node)) return
      listed.add(node)
      if (node.hashed) this.must(dir.children?.get(node.name) === node, `${where}: '${node.name}' has no entry`)
      else this.must(this.cursors.has(node), `${where}: a node without a name is no open directory's cursor`)
      before = node
    }
    for (const [name, child] of dir.children ?? []) {
      this.must(child.hashed && child.name === name, `${where}: entry '${name}' is called '${child.name}'`)
      this.must(child.parent === dir, `${where}: entry '${name}' has another parent`)
      this.must(listed.has(child), `${where}: entry '${name}' is not listed`)
    }
  }

  // ---- files, inodes, mounts ---------------------------------------------------------------------------------

  private checkFiles(): void {
    for (const [file, uses] of this.files.counts) {
      this.same(`the count of an open file of inode ${file.inode.ino} (${file.ops.name})`, file.count, uses)
    }
    for (const table of new Set(this.live.map((task) => task.files))) {
      this.same('the length of the list of flags', table.flags.length, table.files.length)
      for (let fd = 0; fd < table.next; fd++) {
        this.must(table.files[fd] != null, `descriptor ${fd} is free below the hint ${table.next}`)
      }
    }
  }

  private checkMounts(): void {
    const { mounts, superBlocks, rootMnt } = this.k.state
    const shown = new Tally<SuperBlock>()
    for (const mnt of mounts) {
      shown.add(mnt.sb)
      if (mnt.parent === null || mnt.mountpoint === null) {
        this.must(mnt === rootMnt, `a mount of ${mnt.sb.type} is nowhere`)
        continue
      }
      this.mounts.add(mnt.parent)
      this.mountpoints.add(mnt.mountpoint)
      this.must(mnt.parent.children?.get(mnt.mountpoint) === mnt, `a mount of ${mnt.sb.type} is not on its place`)
    }
    for (const mnt of mounts) this.same(`the count of a mount of ${mnt.sb.type}`, mnt.count, this.mounts.of(mnt))
    for (const mnt of mounts) {
      for (const child of mnt.children?.values() ?? [])
        this.must(mounts.includes(child), `a mount of ${child.sb.type} is not listed`)
    }
    for (const sb of new Set([...superBlocks, ...shown.counts.keys()])) {
      this.same(`the mounts of a superblock of ${sb.type}`, sb.mounts, shown.of(sb))
      this.must(superBlocks.includes(sb), `a superblock of ${sb.type} is not listed`)
    }
    for (const [dentry, count] of this.mountpoints.counts) {
      this.same(`the mounts on '${dentry.name}'`, dentry.mounted, count)
    }
  }

  private checkInodes(): void {
    for (const [inode, uses] of this.inodes.counts) {
      const what = `inode ${inode.ino} of ${inode.sb.type}`
      this.same(`the count of ${what}`, inode.count, uses)
      this.same(`the writers of ${what}`, inode.writeCount, this.writers.of(inode))
      if (inode.sb.data instanceof RamfsInfo) this.checkLinks(inode, what)
      if (inode.locks !== null) this.checkLocks(inode.locks, inode, what)
      this.checkPipe(inode, what)
    }
  }

  /** Names in the tree; a directory has its own two and one of each subdirectory. */
  private checkLinks(inode: Inode, what: string): void {
    const isRoot = inode.sb.root?.inode === inode
    const names = this.names.of(inode)
    if ((inode.mode & S_IFMT) !== S_IFDIR) {
      this.same(`the links of ${what}`, inode.nlink, names)
      return
    }
    const lives = isRoot || names === 1
    this.must(lives || names === 0, `${what}, a directory, has ${names} names`)
    this.same(`the links of ${what}`, inode.nlink, lives ? 2 + this.subdirs.of(inode) : 0)
    if (!lives) this.same(`the entries of the removed ${what}`, this.subdirs.of(inode), 0)
  }

  private checkLocks(locks: FileLockContext, inode: Inode, what: string): void {
    this.must(locks.flocks.length + locks.records.length > 0, `${what} has a context without locks`)
    for (const lock of [...locks.flocks, ...locks.records]) {
      this.queues.add(lock)
      this.same(`the inode of a lock of ${what}`, lock.file.inode, inode)
      this.must(lock.start <= lock.end, `${what} has a lock that ends before it starts`)
      if (lock.kind === 'flock') this.must(this.files.of(lock.file) > 0, `${what} has the flock of a closed file`)
      else {
        const owner = this.live.some((task) => task.files === lock.owner)
        this.must(owner, `${what} has the record lock of a process that is gone`)
      }
    }
  }

  private checkPipe(inode: Inode, what: string): void {
    if ((inode.mode & S_IFMT) !== S_IFIFO) return
    const ends = [...this.files.counts.keys()].filter(
      (file) => file.inode === inode && file.data instanceof PipeEnd,
    )
    const pipe = inode.data
    if (!(pipe instanceof Pipe)) {
      this.same(`the open files of ${what} without a pipe`, ends.length, 0)
      return
    }
    let readers = 0
    let writers = 0
    for (const { mode, data } of ends) {
      const end = data as PipeEnd
      this.same(`the pipe of an end of ${what}`, end.pipe, pipe)
      if ((mode & FMODE_READ) !== 0) readers++
      if ((mode & FMODE_WRITE) !== 0 && end.opening !== 'settle-write') writers++
    }
    this.same(`the readers of ${what}`, pipe.readers, readers)
    this.same(`the writers of ${what}`, pipe.writers, writers)
    this.queues.add(pipe.wait)
    for (const entry of [...pipe.fasyncReaders, ...pipe.fasyncWriters]) {
      this.must(this.files.of(entry.file) > 0, `${what} would signal for a closed file`)
    }
    if (pipe instanceof PagePipe) {
      this.same(`the size of ${what}`, inode.size, pipe.length)
      this.queues.add(pipe.writeTurn)
    }
  }

  /** Pages and inodes of ramfs: those in the tree and those that are open without a name. */
  private checkSpace(): void {
    const pages = new Tally<RamfsInfo>()
    const inodes = new Tally<RamfsInfo>()
    for (const inode of this.inodes.counts.keys()) {
      const info = inode.sb.data
      if (!(info instanceof RamfsInfo)) continue
      inodes.add(info)
      pages.add(info, 0)
      if (!(inode.data instanceof PageStore)) continue
      pages.add(info, inode.data.pages)
      this.checkPages(inode.data, inode)
    }
    for (const [info, count] of pages.counts) {
      this.same('the pages of a ramfs', info.pages, count)
      this.same('the inodes of a ramfs', info.inodes, inodes.of(info))
      this.must(info.pages <= info.maxPages && info.inodes <= info.maxInodes, 'a ramfs is over its limit')
    }
  }

  private checkPages(store: PageStore, inode: Inode): void {
    this.same(`the type of ${inode.ino}, which has pages`, inode.mode & S_IFMT, S_IFREG)
    let pages = 0
    let last = -1
    for (const [chunk, mask] of store.masks.entries()) {
      for (let bit = 0; bit < 16; bit++) {
        if ((mask & (1 << bit)) === 0) continue
        pages++
        last = chunk * 16 + bit
      }
    }
    this.same(`the pages of inode ${inode.ino}`, store.pages, pages)
    this.must(last * 4096 < inode.size || last < 0, `inode ${inode.ino} has page ${last} behind its end ${inode.size}`)
  }

  // ---- tasks -------------------------------------------------------------------------------------------------

  private checkSharing(): void {
    const users = new Tally<{ readonly users: number }>()
    for (const task of this.live) for (const part of [task.fs, task.files, task.sighand]) users.add(part)
    for (const [part, count] of users.counts) this.same(`the users of a ${part.constructor.name}`, part.users, count)
    for (const [pid, task] of this.k.state.tasks) {
      this.same(`the key of pid ${task.pid}`, pid, task.pid)
      this.must(pid > 0 && pid < this.k.state.pidMax, `pid ${pid} is out of range`)
      this.must(task.state <= TASK_ZOMBIE, `pid ${pid} is dead and still in the table`)
      const { capEffective, capPermitted } = task.cred
      this.must((capEffective & ~capPermitted) === 0, `pid ${pid} has effective capabilities that are not permitted`)
    }
  }

  private checkGroups(): void {
    const { tasks, pgrps, sessions } = this.k.state
    const members = new Tally<unknown>()
    const groups = new Set([...tasks.values()].map((task) => task.group))
    for (const group of groups) {
      const { leader, pgrp } = group
      const threads = this.live.filter((task) => task.group === group)
      this.same(`the live threads of pid ${leader.pid}`, group.live, threads.length)
      if (group.threads !== null && group.live > 0)
        this.must(threads.every((task) => group.threads?.includes(task)), `pid ${leader.pid} forgets a thread`)
      this.same(`the leader of pid ${leader.pid}`, tasks.get(leader.pid), leader)
      this.same(`the process group of pid ${leader.pid}`, pgrps.get(pgrp.id), pgrp)
      members.add(pgrp)
      for (const task of threads) this.same(`the tgid of pid ${task.pid}`, task.tgid, leader.pid)
    }
    const counted = new Tally<number>()
    for (const [id, pgrp] of pgrps) {
      this.same(`the id of process group ${id}`, pgrp.id, id)
      this.same(`the members of process group ${id}`, pgrp.count, members.of(pgrp))
      counted.add(pgrp.session)
      let before: ThreadGroup | null = null
      let listed = 0
      for (let group = pgrp.head; group !== null && listed <= pgrp.count; group = group.pgrpNext) {
        this.must(group.pgrpPrev === before && group.pgrp === pgrp, `process group ${id}: the list is broken`)
        before = group
        listed++
      }
      this.same(`the listed members of process group ${id}`, listed, pgrp.count)
    }
    for (const [id, count] of sessions) this.same(`the process groups of session ${id}`, count, counted.of(id))
    this.same('the number of sessions', sessions.size, counted.counts.size)
  }

  private checkFamilies(): void {
    const { tasks, init } = this.k.state
    const listed = new Set<Task>()
    for (const parent of tasks.values()) {
      let before: Task | null = null
      for (let child = parent.firstChild; child !== null; child = child.siblingNext) {
        this.must(!listed.has(child), `pid ${child.pid} has two parents`)
        if (listed.has(child)) break
        listed.add(child)
        this.must(child.parent === parent, `pid ${child.pid} is in the list of pid ${parent.pid}, not its parent`)
        this.must(child.siblingPrev === before, `the children of pid ${parent.pid}: the list is broken`)
        this.must(tasks.get(child.pid) === child, `pid ${parent.pid} has a child that is gone: ${child.pid}`)
        before = child
      }
      this.must(parent.lastChild === before, `the last child of pid ${parent.pid} is another`)
    }
    for (const task of tasks.values()) {
      this.must(task === init || listed.has(task), `pid ${task.pid} is in nobody's list of children`)
    }
  }

  private checkUsers(): void {
    const counted = new Tally<number>()
    for (const task of this.k.state.tasks.values()) counted.add(task.cred.uid)
    for (const [uid, count] of this.k.state.userTasks) this.same(`the tasks of uid ${uid}`, count, counted.of(uid))
    this.same('the number of users', this.k.state.userTasks.size, counted.counts.size)
  }

  // ---- sleeping ----------------------------------------------------------------------------------------------

  private checkSleep(): void {
    for (const task of this.k.state.tasks.values()) {
      const who = `pid ${task.pid} (${task.comm})`
      const sleeps = task.state === TASK_INTERRUPTIBLE || task.state === TASK_UNINTERRUPTIBLE
      if (task.state >= TASK_ZOMBIE) {
        this.must(task.waits === null && task.queued === null, `${who} is dead and still queued`)
        this.must(task.exe === null && task.call === null && task.restart === null, `${who} is dead and keeps something`)
        this.must(task.vforkDone === null, `${who} is dead and keeps its vfork parent waiting`)
        continue
      }
      this.must(!sleeps || task.call !== null, `${who} sleeps outside of a call`)
      this.must(!sleeps || task.queued === null, `${who} sleeps and is runnable`)
      this.must(task.waits === null || sleeps, `${who} is on a wait queue and does not sleep`)
      this.must(task.restart === null || task.call !== null, `${who} remembers a call that is over`)
      this.must(task.savedMask === null || task.call !== null, `${who} has a saved mask outside of a call`)
      const isProgram = (task.flags & TF_DIRECT) === 0
      const runs = task.state === TASK_RUNNING
      if (runs) this.must(isProgram === (task.queued === this.k.state.runQueue), `${who} is in no or the wrong run queue`)
      if (task.vforkDone !== null) this.queues.add(task.vforkDone)
      if (task.group.childWait !== null) this.queues.add(task.group.childWait)
      for (let entry = task.waits; entry !== null; entry = entry.sibling) {
        this.same(`the task of a wait of ${who}`, entry.task, task)
        this.queues.add(entry.queue)
      }
    }
  }

  private checkQueues(): void {
    const { runQueue, directQueue, logWait } = this.k.state
    this.queues.add(logWait)
    for (const queue of this.queues) {
      let before: unknown = null
      for (let entry = queue.head; entry !== null; entry = entry.next) {
        this.must(entry.queue === queue && entry.prev === before, `queue '${queue.name}': the list is broken`)
        if (entry.prev !== before) break
        let held = false
        for (let own = entry.task.waits; own !== null; own = own.sibling) if (own === entry) held = true
        this.must(held, `queue '${queue.name}' has an entry that pid ${entry.task.pid} does not know`)
        this.must(this.live.includes(entry.task), `queue '${queue.name}' has an entry of a dead task`)
        before = entry
      }
      this.must(queue.tail === before, `queue '${queue.name}': the tail is another`)
    }
    this.checkRunQueue('run queue', runQueue)
    this.checkRunQueue('direct queue', directQueue)
    this.same('the length of the direct queue at rest', directQueue.length, 0)
  }

  private checkRunQueue(what: string, queue: RunQueue): void {
    let length = 0
    let before: Task | null = null
    for (let task = queue.head; task !== null && length <= queue.length; task = task.runNext) {
      this.must(task.queued === queue && task.runPrev === before, `the ${what} is broken at pid ${task.pid}`)
      this.must(task.state === TASK_RUNNING, `pid ${task.pid} is in the ${what} and not runnable`)
      before = task
      length++
    }
    this.same(`the length of the ${what}`, queue.length, length)
    this.must(queue.tail === before, `the tail of the ${what} is another`)
  }

  private checkTimers(): void {
    const { heap } = this.k.state.timers
    for (const [index, timer] of heap.entries()) {
      this.same(`the index of timer '${timer.handler}'`, timer.index, index)
      this.must(this.k.timerHandlers.has(timer.handler), `timer '${timer.handler}' has no handler`)
      const parent = heap[(index - 1) >> 1]
      const ordered = index === 0 || parent === undefined || parent.at < timer.at || parent.seq < timer.seq
      this.must(ordered && (parent === undefined || parent.at <= timer.at), `timer ${index} comes before its parent`)
      if (timer.handler === WAKE_TIMER) {
        const task = timer.data as Task
        this.must(timerOf(task.restart) === timer, `a timer wakes pid ${task.pid}, whose call does not know it`)
      }
      if (timer.data instanceof ThreadGroup) {
        const own = timer.data.itimers?.some((itimer) => itimer?.timer === timer) === true
        this.must(own && timer.data.live > 0, `an interval timer of pid ${timer.data.leader.pid} is nobody's`)
      }
    }
    for (const task of this.live) {
      const timer = timerOf(task.restart)
      const pending = heap.some((other) => other === timer)
      this.must(timer == null || pending, `pid ${task.pid} waits for a timer that is not set`)
      for (const itimer of task.group.itimers ?? []) {
        const set = itimer?.timer == null || heap.some((other) => other === itimer.timer)
        this.must(set, `pid ${task.pid} has an interval timer that is not set`)
      }
    }
  }

  private checkSignals(): void {
    for (const task of this.live) {
      if (task.group.groupExit) continue
      const who = `pid ${task.pid}`
      this.checkPending(task.pending, who)
      if (isGroupLeader(task)) this.checkPending(task.group.shared, `${who} and its threads`)
      const low = (task.pending?.low ?? 0) | (task.group.shared?.low ?? 0)
      const high = (task.pending?.high ?? 0) | (task.group.shared?.high ?? 0)
      const due = (low & ~task.blockedLow) !== 0 || (high & ~task.blockedHigh) !== 0
      this.must(!due || task.sigPending || task.state === TASK_STOPPED, `${who} does not see its signals`)
      const idle = (task.flags & TF_DIRECT) !== 0 && task.state === TASK_RUNNING && task.call === null
      this.must(!idle || !task.sigPending, `${who} is idle and has not taken its signals`)
    }
  }

  private checkPending(pending: PendingSignals | null, who: string): void {
    if (pending === null) return
    for (let sig = 1; sig <= 64; sig++) {
      const queued = pending.queue.filter((info) => info.signo === sig).length
      this.same(`signal ${sig} of ${who}`, inSet(pending.low, pending.high, sig), queued > 0)
      if (sig < 32) this.must(queued <= 1, `signal ${sig} of ${who} is queued ${queued} times`)
    }
  }
}

/** What of the kernel's bookkeeping is wrong, as sentences. Empty when all of it agrees. */
export const invariantProblems = (k: KernelCore): readonly string[] => new Recount(k).run()
