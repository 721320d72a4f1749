/**
 * The watched compartment's history, one line per observation. What a channel of the table excuses stands in it as
 * ⟦channel:what it means|what was seen⟧, so that two histories can be compared as seen, and as meant.
 */
import type { KernelCore, SignalDeliverEvent, Stat, SyscallExitEvent, Task, TaskExitEvent } from 'paleokernel'
import { utf8Decode } from 'paleokernel'
import { type Channel, channelOfText, markOutput, markResult, markText } from './channels.js'

/** What is behind it belongs to no observation. */
export const INPUT = '\u0001'

const MAX_ITEMS = 40
const MAX_FIELDS = 9
const MAX_DEPTH = 5
const SHOWN_BYTES = 48

/** Text of bytes: the beginning, and the sum of all. */
export function bytesText(bytes: Uint8Array): string {
  if (bytes.byteLength === 0) return '<0>'
  let sum = 0x811c9dc5
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193)
  const shown = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('latin1')
  return `<${bytes.length} #${(sum >>> 0).toString(16)} ${JSON.stringify(shown)}>`
}

const isStat = (value: object): value is Stat => 'ino' in value && 'dev' in value && 'mode' in value

interface Timeval {
  readonly sec: number
  readonly usec: number
}

const isTimeval = (value: object): value is Timeval =>
  Object.keys(value).join() === 'sec,usec' && 'sec' in value && typeof value.sec === 'number'

/** Numbers of tasks in what calls take and give. */
const PID_FIELDS: ReadonlySet<string> = new Set(['pid', 'credPid'])

/** A file of /proc, as a call's descriptor leads to it. */
interface ProcFile {
  readonly path: string
  readonly channel: Channel | null
}

export class Recorder {
  readonly k: KernelCore
  readonly observations: string[] = []
  /** 'My task n'; -1 for others. */
  private readonly indexOf: (pid: number) => number
  /** Numbers by channel, in the order in which they were seen. */
  private readonly seen = new Map<Channel, Map<number, number>>()

  /** Nothing is excused. */
  private readonly isSealed: boolean

  constructor(k: KernelCore, indexOf: (pid: number) => number, isSealed: boolean) {
    this.k = k
    this.isSealed = isSealed
    this.indexOf = indexOf
  }

  note(text: string): void {
    this.observations.push(text)
  }

  // ---- marks -------------------------------------------------------------------------------------------------

  /** Something that a channel excuses. */
  mark(channel: Channel, means: string, value: unknown): string {
    return this.isSealed ? String(value) : `⟦${channel}:${means}|${String(value)}⟧`
  }

  /** One of one's own tasks by its age; others by their number. */
  pid(value: number): string {
    const index = value === 0 ? -1 : this.indexOf(Math.abs(value))
    return index < 0 ? String(value) : this.mark('pid', `${value < 0 ? '-' : ''}A${index}`, value)
  }

  /** Whom a program has named as the owner of a file: it may have named somebody else. */
  owner(value: number): string {
    return Math.abs(value) === this.stranger ? this.mark('pid', 'stranger', value) : this.pid(value)
  }

  /** What a program calls somebody else: see Numbers. */
  stranger = -1

  /** A number that is only a name: which of those that were seen so far. */
  name(channel: Channel, value: number): string {
    let numbers = this.seen.get(channel)
    if (numbers === undefined) {
      numbers = new Map()
      this.seen.set(channel, numbers)
    }
    const known = numbers.get(value) ?? numbers.size
    numbers.set(value, known)
    return this.mark(channel, `#${known}`, value)
  }

  /** The number of a file of a process in /proc has the process in it. */
  private procIno(ino: number): string {
    const pid = Math.floor(ino / 65536)
    return this.isSealed || this.indexOf(pid) < 0 ? String(ino) : `${this.pid(pid)}<<16+${ino % 65536}`
  }

  private typeOf(dev: number): string {
    return this.k.state.superBlocks.find((sb) => Number(sb.dev) === dev)?.type ?? ''
  }

  /** The root of /proc, wherever it is mounted. */
  isProcRoot({ dev, ino }: Stat): boolean {
    return Number(ino) === 1 && this.typeOf(Number(dev)) === 'proc'
  }

  stat(stat: Stat): string {
    const type = this.typeOf(Number(stat.dev))
    const text = Object.entries(stat).map(([key, value]) => {
      if (key === 'dev') return `dev: ${this.dev(Number(value))}`
      if (key.startsWith('atime') && this.shared.has(Number(stat.dev)))
        return `${key}: ${this.mark('atime', '*', value)}`
      if (key !== 'ino') return `${key}: ${String(value)}`
      if (type === 'proc') return `ino: ${this.procIno(Number(value))}`
      return `ino: ${this.isAnonymous(stat) ? this.mark('ino', '*', value) : String(value)}`
    })
    return `{${text.join(', ')}}`
  }

  /** Is it of a pipe or socket? Those file systems are never among the mounted ones. */
  private isAnonymous({ dev, mode }: Stat): boolean {
    const format = mode & 0o170000
    if (format !== 0o010000 && format !== 0o140000) return false
    return this.isAnonymousDev(Number(dev))
  }

  isAnonymousDev(dev: number): boolean {
    const type = this.typeOf(dev)
    return type === '' || type === 'pipefs' || type === 'sockfs'
  }

  /** A time of day; it means what it would be had nobody set the clock. `unit`: milliseconds. */
  time(value: number, unit: number): string {
    return this.mark('clock', String(Math.floor((value * unit - this.k.state.clockOffset) / unit)), value)
  }

  /** The time of day in two parts. */
  private timeval({ sec, usec }: Timeval): string {
    const means = Math.round(sec * 1e6 + usec - this.k.state.clockOffset * 1000)
    return `{sec: ${this.mark('clock', String(means), sec)}, usec: ${this.mark('clock', '*', usec)}}`
  }

  /** Unnamed devices that were there before the run are the same. */
  dev(value: number): string {
    return value < 1 << 20 && value > this.firstDev ? this.name('dev', value) : String(value)
  }

  /** Devices of the file systems that everybody sees. */
  shared: ReadonlySet<number> = new Set()

  /** The last unnamed device of the set-up. */
  firstDev = Number.POSITIVE_INFINITY

  // ---- values ------------------------------------------------------------------------------------------------

  /** A value as text. */
  text(value: unknown, field = '', depth = 0): string {
    switch (typeof value) {
      case 'number':
        if (PID_FIELDS.has(field)) return this.pid(value)
        if (field === 'procs') return this.mark('load', '*', value)
        return Object.is(value, -0) ? '-0' : String(value)
      case 'string':
        return value.length > 300
          ? `${JSON.stringify(value.slice(0, 60))}…${value.length}`
          : field === 'nodename' || field === 'domainname'
            ? this.mark('names', '*', value)
            : JSON.stringify(markText(this, '', value))
      case 'bigint':
        return `${value}n`
      case 'function':
      case 'symbol':
        return typeof value
      case 'object':
        break
      default:
        return String(value)
    }
    if (value === null) return 'null'
    if (value instanceof Uint8Array) return bytesText(value)
    if (isStat(value)) return this.stat(value)
    if (field === 'gettimeofday' && isTimeval(value)) return this.timeval(value)
    if (depth > MAX_DEPTH) return '…'
    if (Array.isArray(value)) {
      const parts = value.slice(0, MAX_ITEMS).map((part) => this.text(part, '', depth + 1))
      return `[${parts.join(', ')}${value.length > MAX_ITEMS ? ` …${value.length}` : ''}]`
    }
    const parts = Object.entries(value).slice(0, MAX_ITEMS)
    // The kernel's structures are small; larger ones are nonsense of the caller's own.
    const isKnown = parts.length <= MAX_FIELDS
    const lines = parts.map(([key, part]) => `${key}: ${this.text(part, isKnown ? key : '', depth + 1)}`)
    return `{${lines.join(', ')}}`
  }

  /** A list of a directory of /proc. */
  dirents(
    path: string,
    entries: readonly { ino: number; off: number; type: number; name: string }[],
  ): string {
    const hasTasks = path === '/proc/' || path.endsWith('/task')
    const lines = entries.map(({ ino, off, type, name }) => {
      const isTask = hasTasks && /^\d+$/.test(name)
      const shown = isTask ? this.pid(Number(name)) : name
      const isOrdered = isTask && this.k.facts.release === '2.6.14' && !path.endsWith('/task')
      return `${shown} ${this.procIno(ino)} ${isOrdered ? this.mark('pid', 'place', off) : off} ${type}`
    })
    return lines.join('; ')
  }

  // ---- events ------------------------------------------------------------------------------------------------

  private who(pid: number): string {
    return `A${this.indexOf(pid)}`
  }

  /** The file of /proc that a descriptor leads to. */
  private procFile(task: Task | undefined, fd: unknown): ProcFile | null {
    const file = typeof fd === 'number' ? task?.files.files[fd] : null
    if (file == null || file.inode.sb.type !== 'proc') return null
    const { pid, path } = file.inode.data as { readonly pid: number; readonly path: string }
    const full = pid === 0 ? `/proc/${path}` : `/proc/${pid}/${path}`
    return { path: full, channel: channelOfText(full) }
  }

  /** A call has returned. */
  call(event: SyscallExitEvent): void {
    const { name, args, ret, time, pid } = event
    const task = this.k.state.tasks.get(pid)
    const file = this.procFile(task, args[0])
    const isRandom = typeof ret === 'number' && ret > 0 && READS.has(name) && this.isRandom(task, args[0])
    const outputs = args.map((arg, at) => {
      const marked = markOutput(this, event, at)
      if (marked !== undefined) return marked
      if (typeof arg !== 'object' || arg === null) return '·'
      if (file !== null && arg instanceof Uint8Array) return this.procText(file, arg, ret)
      if (isRandom) return this.mark('random', 'bytes', this.text(arg))
      return this.text(arg, name)
    })
    const said = `${time} ${this.who(pid)} ${name}(${outputs.join(', ')}) = ${this.result(event, file)}`
    this.note(`${said}${INPUT}${args.map(inputText).join(', ')}`)
  }

  /** /dev/random and /dev/urandom. */
  private isRandom(task: Task | undefined, fd: unknown): boolean {
    return typeof fd === 'number' && task?.files.files[fd]?.ops.name === 'mem.random'
  }

  /** Is a call's first argument an open descriptor? */
  isOpen({ pid, args }: SyscallExitEvent): boolean {
    const [fd] = args
    return typeof fd === 'number' && this.k.state.tasks.get(pid)?.files.files[fd] != null
  }

  private result(event: SyscallExitEvent, file: ProcFile | null): string {
    const { name, ret } = event
    if (file?.channel != null && typeof ret === 'number' && ret > 0 && MOVES.has(name))
      return this.mark(file.channel, 'length', ret)
    if (file !== null && name === 'getdents' && Array.isArray(ret)) return this.dirents(file.path, ret)
    return markResult(this, event) ?? this.text(ret, name)
  }

  /** What was read of a file of /proc: the whole, line by line; of a piece, whether there is a channel at all. */
  private procText(file: ProcFile, bytes: Uint8Array, ret: unknown): string {
    const count = typeof ret === 'number' ? Math.max(0, ret) : 0
    if (file.channel === null || count === 0) return bytesText(bytes)
    const text = utf8Decode(bytes.subarray(0, count))
    const isWhole = count < bytes.length && text.endsWith('\n')
    return isWhole ? markText(this, file.path, text) : this.mark(file.channel, 'a piece', bytesText(bytes))
  }

  /** A signal has come. */
  signal({ time, pid, signal, action, info }: SignalDeliverEvent): void {
    this.note(`${time} ${this.who(pid)} signal ${signal} ${action} ${this.text(info)}`)
  }

  exit({ time, pid, status }: TaskExitEvent): void {
    this.note(`${time} ${this.who(pid)} exit ${status}`)
  }
}

/** What a call was given, for the reader of a failure: no observation. */
const inputText = (arg: unknown): string =>
  typeof arg === 'string' || typeof arg === 'number' ? String(arg).slice(0, 80) : typeof arg

/** Calls whose results are lengths and places. */
const READS: ReadonlySet<string> = new Set(['read', 'readv', 'pread'])
const MOVES: ReadonlySet<string> = new Set(['read', 'readv', 'pread', 'lseek'])
