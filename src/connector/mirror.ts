/**
 * A copy of the process table in a program, kept by process events: live tasks with their process, parent, real user and
 * real group. Events do not say everything: the ids of a new task may be those of anybody where CLONE_PARENT is used, and
 * an exec by a thread does not say whose ids remain. Of such tasks it is not sure, and asks /proc.
 *
 * Resync. After ENOBUFS it takes what waits, until there is nothing, so that the socket takes messages again; then reads
 * all of /proc; then takes what has come meanwhile. Some of that is older than what was read, and does no harm: whatever
 * has changed since the socket was empty is in it in order, so that the last word on each field is the newest. When
 * nothing waits, nothing has been lost and nobody is unsure, the copy is what the kernel has.
 *
 * Real ids, since an exec of a set-id file changes the others without a word.
 */

import type { ProcExecEvent, ProcExitEvent, ProcForkEvent } from '../abi/connector.js'
import { type Errno, isErr } from '../abi/errno.js'
import { O_DIRECTORY, O_RDONLY } from '../abi/fcntl.js'
import { MSG_DONTWAIT } from '../abi/socket.js'
import { utf8Decode } from '../lib/bytes.js'
import type { ByteOrder } from '../lib/nlmsg.js'
import type { MirrorCalls, Steps } from './calls.js'
import { askForProcesses, type ConnectorEvent, ConnectorReader, openConnector } from './client.js'
import { type Genealogy, isReply } from './genealogy.js'
import { PROC_ID } from './proc_events.js'

/** A live task, as far as events tell. */
export interface MirroredTask {
  /** Its number. */
  readonly pid: number
  /** Its process. */
  readonly tgid: number
  /** Its parent process. */
  readonly ppid: number
  /** Its real user. */
  readonly uid: number
  /** Its real group. */
  readonly gid: number
}

/** Sets of numbers by a number; none is empty. */
class Index {
  private readonly sets = new Map<number, Set<number>>()

  add(key: number, value: number): void {
    const set = this.sets.get(key)
    if (set === undefined) this.sets.set(key, new Set([value]))
    else set.add(value)
  }

  delete(key: number, value: number): void {
    const set = this.sets.get(key)
    set?.delete(value)
    if (set?.size === 0) this.sets.delete(key)
  }

  of(key: number): readonly number[] {
    return [...(this.sets.get(key) ?? [])]
  }

  has(key: number): boolean {
    return this.sets.has(key)
  }
}

const FIELD = /^(State|Tgid|Pid|PPid|Uid|Gid):\t(\S+)/gm

/** /proc/<pid>/status of a live task; null for a zombie. */
function parseStatus(text: string): MirroredTask | null {
  const fields = new Map<string, string>()
  for (const [, name = '', value = ''] of text.matchAll(FIELD)) fields.set(name, value)
  const number = (name: string): number => Number(fields.get(name) ?? Number.NaN)
  if ('ZX'.includes(fields.get('State') ?? 'X')) return null
  const pid = number('Pid')
  return { pid, tgid: number('Tgid'), ppid: number('PPid'), uid: number('Uid'), gid: number('Gid') }
}

/** Reads a whole file; null where it cannot be read: the task has gone. */
function* readText(sys: MirrorCalls, path: string): Steps<string | null> {
  const fd = yield* sys.open(path, O_RDONLY)
  if (isErr(fd)) return null
  const buf = new Uint8Array(4096)
  let text = ''
  for (;;) {
    const count = yield* sys.read(fd, buf)
    if (count <= 0) {
      yield* sys.close(fd)
      return isErr(count) ? null : text
    }
    text += utf8Decode(buf, 0, count)
  }
}

/** Bytes for a listing: one that is read in pieces passes over threads while others end. */
const LISTING = 1 << 20

/** The numbers in a directory; an Errno where it cannot be read. */
function* listNumbers(sys: MirrorCalls, path: string): Steps<number[] | Errno> {
  const fd = yield* sys.open(path, O_RDONLY | O_DIRECTORY)
  if (isErr(fd)) return fd
  const found: number[] = []
  for (;;) {
    const entries = yield* sys.getdents(fd, LISTING)
    if (isErr(entries) || entries.length === 0) {
      yield* sys.close(fd)
      return found
    }
    for (const { name } of entries) if (/^\d+$/.test(name)) found.push(Number(name))
  }
}

/** The copy. `start` it, and `follow` whenever the socket can be read. */
export class ProcessMirror {
  /** Live tasks by their number. */
  readonly tasks = new Map<number, MirroredTask>()
  /** How often everything had to be read, the first time included. */
  resyncs = 0
  /** How often ENOBUFS has been heard. */
  overruns = 0
  private readonly reader: ConnectorReader
  private readonly order: ByteOrder
  private readonly threads = new Index()
  private readonly children = new Index()
  /** Tasks that /proc must be asked about. */
  private readonly unsure = new Set<number>()
  private mustRead = true
  private failure = 0

  /** `order`: the kernel's byte order. */
  constructor(order: ByteOrder = 'little') {
    this.order = order
    this.reader = new ConnectorReader([], undefined, order)
  }

  /**
   * Opens a socket, asks for events, waits for the answer and reads the table: the descriptor, or an Errno: those of
   * openConnector, and what keeps it from /proc. `seq` tells the answer from those to others who ask.
   */
  *start(sys: MirrorCalls, seq = 1): Steps<number> {
    const fd = yield* openConnector(sys, [PROC_ID.idx])
    if (isErr(fd)) return fd
    const request = { id: PROC_ID, seq, ack: seq }
    const sent = yield* askForProcesses(sys, fd, true, request, this.order)
    if (isErr(sent)) return sent
    for (let isAnswered = false; !isAnswered; )
      for (const event of yield* this.reader.events(sys, fd)) {
        if (event.kind === 'failed') return event.errno
        // An answer for which there was no room was given all the same.
        if (event.kind === 'overrun' || isAnswerTo(request, event)) isAnswered = true
      }
    return (yield* this.follow(sys, fd)) ? fd : this.failure
  }

  /** Takes all events that wait, and reads what it has to. False: the socket or /proc can be read no more. */
  *follow(sys: MirrorCalls, fd: number): Steps<boolean> {
    for (;;) {
      if (!(yield* this.take(sys, fd))) return false
      if (this.mustRead) {
        this.failure = yield* this.readAll(sys)
        if (this.failure !== 0) return false
      } else if (this.unsure.size > 0) yield* this.readUnsure(sys)
      else return true
    }
  }

  private *take(sys: MirrorCalls, fd: number): Steps<boolean> {
    for (;;) {
      const events = yield* this.reader.events(sys, fd, MSG_DONTWAIT)
      if (events.length === 0) return true
      for (const event of events) {
        if (event.kind === 'failed') {
          this.failure = event.errno
          return false
        }
        this.apply(event)
      }
    }
  }

  private *readAll(sys: MirrorCalls): Steps<number> {
    this.mustRead = false
    this.resyncs++
    for (const pid of [...this.tasks.keys()]) this.remove(pid)
    this.unsure.clear()
    const tgids = yield* listNumbers(sys, '/proc')
    if (isErr(tgids)) return tgids
    for (const tgid of tgids) {
      // It may have gone.
      const pids = yield* listNumbers(sys, `/proc/${tgid}/task`)
      if (isErr(pids)) continue
      for (const pid of pids) yield* this.readTask(sys, pid, `/proc/${tgid}/task/${pid}/status`)
    }
    return 0
  }

  private *readUnsure(sys: MirrorCalls): Steps<void> {
    const pids = [...this.unsure]
    this.unsure.clear()
    for (const pid of pids) yield* this.readTask(sys, pid, `/proc/${pid}/status`)
  }

  private *readTask(sys: MirrorCalls, pid: number, path: string): Steps<void> {
    const text = yield* readText(sys, path)
    const task = text === null ? null : parseStatus(text)
    this.remove(pid)
    if (task !== null && task.pid === pid) this.put(task)
  }

  private apply(event: ConnectorEvent): void {
    switch (event.kind) {
      case 'overrun':
        this.overruns++
        this.mustRead = true
        break
      case 'fork':
        this.forked(event)
        break
      case 'exec':
        this.executed(event)
        break
      case 'uid':
        this.change(event.pid, { uid: event.ruid })
        break
      case 'gid':
        this.change(event.pid, { gid: event.rgid })
        break
      case 'exit':
        this.exited(event)
        break
      default:
    }
  }

  /** Its ids are its maker's, who is not always the parent. */
  private forked({ parentTgid, childPid, childTgid }: ProcForkEvent): void {
    this.remove(childPid)
    this.put({ pid: childPid, tgid: childTgid, ppid: parentTgid, uid: 0, gid: 0 })
    this.unsure.add(childPid)
  }

  /** The thread that has called takes its process's number; the others die. */
  private executed({ tgid }: ProcExecEvent): void {
    const threads = this.threads.of(tgid)
    for (const pid of threads) if (pid !== tgid) this.remove(pid)
    if (threads.length !== 1 || threads[0] !== tgid) this.unsure.add(tgid)
  }

  /** With a process's last thread its children become init's. */
  private exited({ pid, tgid }: ProcExitEvent): void {
    this.remove(pid)
    this.unsure.delete(pid)
    if (!this.threads.has(tgid))
      for (const child of this.children.of(tgid)) this.change(child, { ppid: INIT })
  }

  private put(task: MirroredTask): void {
    this.tasks.set(task.pid, task)
    this.threads.add(task.tgid, task.pid)
    this.children.add(task.ppid, task.pid)
  }

  private remove(pid: number): void {
    const task = this.tasks.get(pid)
    if (task === undefined) return
    this.tasks.delete(pid)
    this.threads.delete(task.tgid, pid)
    this.children.delete(task.ppid, pid)
  }

  private change(pid: number, change: Partial<MirroredTask>): void {
    const task = this.tasks.get(pid)
    if (task === undefined) return
    this.remove(pid)
    this.put({ ...task, ...change })
  }
}

const INIT = 1

const isAnswerTo = (request: Genealogy, event: ConnectorEvent): boolean =>
  event.kind === 'none' && isReply(request, { ...event, id: PROC_ID })
