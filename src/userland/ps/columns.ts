/**
 * The columns of ps, by the names that -o takes, and the formats made of them. procps 2.0: ps/output.c.
 *
 * Left out: columns that the original has a name and no value for.
 */

import { clockOf, ctime, MONTHS } from '../date.js'
import type { NameTable } from '../fileutils/names.js'
import type { Process } from './process.js'

/** Ticks of a second. */
const HZ = 100
const PAGE_KB = 4

/** What the values of columns depend on besides the process. */
export interface Scene {
  /** Seconds since 1970, and since boot. */
  readonly now: number
  readonly uptime: number
  /** KiB. */
  readonly memory: number
  readonly users: NameTable
  readonly groups: NameTable
  /** n: numbers for names. */
  readonly isNumeric: boolean
  /** S: the time of children that have been waited for counts, too. */
  readonly withChildren: boolean
  /** c: commands without arguments. */
  readonly isShort: boolean
  /** -f: arguments even where there would be none. */
  readonly isFull: boolean
}

/**
 * How a column is filled: to the left, to the right, a name (left; a number in its place where it does not fit), or text
 * that is cut at the column's width, or if it is the last at the line's.
 */
export type Fill = 'left' | 'right' | 'name' | 'text'

/** A column. */
export interface Column {
  readonly heading: string
  readonly width: number
  readonly fill: Fill
  readonly show: (process: Process, scene: Scene, room: number) => string
  /** What --sort compares; without it the column orders nothing. */
  readonly key?: (process: Process, scene: Scene) => number | string
}

const two = (n: number): string => String(n).padStart(2, '0')

/** What is not to be printed becomes a question mark. procps: simple_escape_str. */
const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is sought
  text.replace(/[\x00-\x1f\x7f-\x9f]/g, '?')

const command = ({ argv, comm }: Process): string => printable(argv.length > 0 ? argv.join(' ') : `[${comm}]`)

const ticks = (process: Process, { withChildren }: Scene): number =>
  process.utime + process.stime + (withChildren ? process.cutime + process.cstime : 0)

/** Share of the time since the start, in parts of `whole`, less than `whole`. */
function cpu(process: Process, scene: Scene, whole: number): number {
  const seconds = scene.uptime - Math.floor(process.startTime / HZ)
  const share = seconds > 0 ? Math.floor((ticks(process, scene) * whole) / HZ / seconds) : 0
  return Math.min(share, whole - 1)
}

const tenths = (value: number): string => `${String(Math.floor(value / 10)).padStart(2)}.${value % 10}`

/** '[dd-]hh:mm:ss' */
function longTime(seconds: number, hasHours: boolean): string {
  const [hours, days] = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 86400)]
  const minutes = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return `${days > 0 ? `${days}-` : ''}${days > 0 || hours > 0 || hasHours ? `${two(hours)}:` : ''}${minutes}`
}

const startOf = (process: Process, { now, uptime }: Scene): number =>
  now - uptime + Math.floor(process.startTime / HZ)

/** 'Sep16' or '12:34', and the year for another year. */
function shortStart(process: Process, scene: Scene): string {
  const [start, today] = [startOf(process, scene), ctime(scene.now)]
  const date = ctime(start)
  if (date.slice(20) !== today.slice(20)) return date.slice(20)
  if (date.slice(4, 10) === today.slice(4, 10)) return clockOf(start).slice(0, 5)
  return `${MONTHS.find((month) => date.startsWith(month, 4))}${two(Number(date.slice(8, 10)))}`
}

const sinceStart = (process: Process, scene: Scene): number =>
  Math.max(0, scene.now - startOf(process, scene))

const DAY = 86400

const right = (
  heading: string,
  width: number,
  value: (process: Process, scene: Scene) => number | string,
  key?: (process: Process, scene: Scene) => number | string,
): Column => ({
  heading,
  width,
  fill: 'right',
  show: (process, scene) => String(value(process, scene)),
  ...(key !== undefined && { key }),
})

/** A column of numbers, by which can be sorted. */
const count = (heading: string, width: number, value: (process: Process, scene: Scene) => number): Column =>
  right(heading, width, value, value)

const left = (heading: string, width: number, show: Column['show'], key?: Column['key']): Column => ({
  heading,
  width,
  fill: 'left',
  show,
  ...(key !== undefined && { key }),
})

const text = (heading: string, show: Column['show'], key?: Column['key']): Column => ({
  heading,
  width: 16,
  fill: 'text',
  show,
  ...(key !== undefined && { key }),
})

/** The name of a user or group, or the number where there is none, or no room. */
function named(
  heading: string,
  width: number,
  table: 'users' | 'groups',
  id: (process: Process) => number,
): Column {
  const nameOf = (process: Process, scene: Scene): string =>
    scene[table].nameOf.get(id(process)) ?? String(id(process))
  return {
    heading,
    width,
    fill: 'name',
    show(process, scene, room) {
      const name = nameOf(process, scene)
      const isNumber = (scene.isNumeric && table === 'users') || name.length > room
      return isNumber ? String(id(process)) : name
    },
    key: nameOf,
  }
}

const signals = (heading: string, at: 0 | 1 | 2 | 3): Column =>
  right(heading, 9, (process) => {
    const set = process.signals[at]
    const isLong = /[1-9a-f]/.test(set.slice(0, -8))
    return (isLong ? '<' : '') + set.slice(-8).padStart(8, '0')
  })

const state = ({ state: letter, resident, nice, locked }: Process): string =>
  letter +
  (resident === 0 && letter !== 'Z' ? 'W' : '') +
  (nice < 0 ? '<' : nice > 0 ? 'N' : '') +
  (locked > 0 ? 'L' : '')

/** Terminals are not modelled. */
const tty = ({ tty: number }: Process): string => (number < 0 ? '?' : `${number >> 8}:${number & 255}`)

const uid = (heading: string, at: 0 | 1 | 2 | 3): Column => count(heading, 5, ({ uids }) => uids[at])
const gid = (heading: string, at: 0 | 1 | 2 | 3): Column => count(heading, 5, ({ gids }) => gids[at])
const user = (heading: string, at: 0 | 1 | 2 | 3): Column =>
  named(heading, 8, 'users', ({ uids }) => uids[at])
const group = (heading: string, width: number, at: 0 | 1 | 2 | 3): Column =>
  named(heading, width, 'groups', ({ gids }) => gids[at])

const percentCpu = right(
  '%CPU',
  4,
  (p, scene) => tenths(cpu(p, scene, 1000)),
  (p, scene) => cpu(p, scene, 1000),
)
const percentMemory = right('%MEM', 4, ({ resident }, { memory }) =>
  tenths(memory === 0 ? 0 : Math.min(999, Math.floor((resident * 1000) / memory))),
)
const args = text('COMMAND', (process, { isShort }) => (isShort ? printable(process.comm) : command(process)))
const comm = text('COMMAND', (process, { isFull }) => (isFull ? command(process) : printable(process.comm)))
const time = right('TIME', 8, ({ utime, stime }) => longTime(Math.floor((utime + stime) / HZ), true))
const pgid = count('PGID', 5, ({ pgrp }) => pgrp)
const session = count('SESS', 5, (process) => process.session)
const size = count('VSZ', 5, (process) => process.size)
const resident = count('RSS', 4, (process) => process.resident)
const nice = count('NI', 3, (process) => process.nice)
const flags = right('F', 3, (process) => (process.flags & 0x777).toString(16).padStart(3, '0'))
const wchan = left('WCHAN', 6, (process) => (process.wchan === 0 ? '-' : process.wchan.toString(16)))
const terminal = (heading: string): Column => left(heading, 8, tty, (process) => process.tty)
const letter = left(
  'S',
  1,
  (process) => process.state,
  (process) => process.state,
)
const start = right('START', 5, shortStart, ({ startTime }) => startTime)

/** All columns by name. */
export const COLUMNS: ReadonlyMap<string, Column> = new Map<string, Column>(
  Object.entries({
    '%cpu': percentCpu,
    '%mem': percentMemory,
    addr: right('ADDR', 4, () => '-'),
    addr_1: left('ADDR', 1, () => '-'),
    args,
    blocked: signals('BLOCKED', 1),
    bsdstart: right('START', 6, (process, scene) => {
      const date = ctime(startOf(process, scene))
      return sinceStart(process, scene) > DAY ? date.slice(4, 10) : date.slice(10, 16)
    }),
    bsdtime: right('TIME', 6, (process, scene) => {
      const seconds = Math.floor(ticks(process, scene) / HZ)
      return `${String(Math.floor(seconds / 60)).padStart(3)}:${two(seconds % 60)}`
    }),
    c: right(
      'C',
      2,
      (p, scene) => String(cpu(p, scene, 100)).padStart(2),
      (p, scene) => cpu(p, scene, 1000),
    ),
    caught: signals('CAUGHT', 3),
    cmd: { ...args, heading: 'CMD', key: (process: Process) => process.comm },
    comm,
    command: args,
    cp: count('CP', 3, (process, scene) => cpu(process, scene, 1000)),
    cputime: time,
    egid: gid('EGID', 1),
    egroup: group('EGROUP', 8, 1),
    etime: right('ELAPSED', 11, (process, scene) => longTime(sinceStart(process, scene), false)),
    euid: uid('EUID', 1),
    euser: user('EUSER', 1),
    f: flags,
    fgid: gid('FGID', 3),
    fgroup: group('FGROUP', 8, 3),
    flag: flags,
    flags,
    fname: left('COMMAND', 8, (process) => printable(process.comm).slice(0, 8)),
    fsgid: gid('FSGID', 3),
    fsgroup: group('FSGROUP', 8, 3),
    fsuid: uid('FSUID', 3),
    fsuser: user('FSUSER', 3),
    fuid: uid('FUID', 3),
    fuser: user('FUSER', 3),
    gid: gid('GID', 1),
    group: group('GROUP', 5, 1),
    ignored: signals('IGNORED', 2),
    label: left(
      'LABEL',
      25,
      ({ label }) => label ?? '-',
      ({ label }) => label ?? '',
    ),
    longtname: terminal('TTY'),
    lstart: right('STARTED', 24, (process, scene) => ctime(startOf(process, scene))),
    maj_flt: count('MAJFL', 6, ({ majflt }) => majflt),
    majflt: count('MAJFLT', 6, ({ majflt }) => majflt),
    min_flt: count('MINFL', 6, ({ minflt }) => minflt),
    minflt: count('MINFLT', 6, ({ minflt }) => minflt),
    ni: nice,
    nice,
    nwchan: right('WCHAN', 6, (process) => (process.wchan === 0 ? '-' : process.wchan.toString(16))),
    opri: right(
      'PRI',
      3,
      ({ priority }) => 60 + priority,
      ({ priority }) => priority,
    ),
    pcpu: percentCpu,
    pending: signals('PENDING', 0),
    pgid,
    pgrp: { ...pgid, heading: 'PGRP' },
    pid: count('PID', 5, (process) => process.pid),
    pmem: percentMemory,
    ppid: count('PPID', 5, (process) => process.ppid),
    pri: right('PRI', 3, ({ priority }) => 39 - priority),
    priority: count('PRI', 3, (process) => process.priority),
    rgid: gid('RGID', 0),
    rgroup: group('RGROUP', 6, 0),
    rss: resident,
    rssize: resident,
    rsz: { ...resident, heading: 'RSZ' },
    ruid: uid('RUID', 0),
    ruser: user('RUSER', 0),
    s: letter,
    sess: session,
    session,
    sgid: gid('SGID', 2),
    sgroup: group('SGROUP', 8, 2),
    sid: { ...session, heading: 'SID' },
    start: right('STARTED', 8, (process, scene) => {
      const moment = startOf(process, scene)
      return sinceStart(process, scene) < DAY ? clockOf(moment) : `  ${ctime(moment).slice(4, 10)}`
    }),
    start_time: start,
    stat: left('STAT', 4, state, (process) => process.state),
    state: letter,
    stime: { ...start, heading: 'STIME', key: (process: Process) => process.stime },
    suid: uid('SUID', 2),
    suser: user('SUSER', 2),
    svgid: gid('SVGID', 2),
    svgroup: group('SVGROUP', 8, 2),
    svuid: uid('SVUID', 2),
    svuser: user('SVUSER', 2),
    sz: right('SZ', 5, (process) => process.size / PAGE_KB),
    time,
    tname: terminal('TTY'),
    tpgid: count('TPGID', 5, (process) => process.tpgid),
    tt: terminal('TT'),
    tty: terminal('TT'),
    tty8: terminal('TTY'),
    ucmd: { ...comm, heading: 'CMD', key: (process: Process) => process.comm },
    ucomm: comm,
    uid: uid('UID', 1),
    uid_hack: user('UID', 1),
    uname: user('USER', 1),
    user: user('USER', 1),
    vsize: size,
    vsz: size,
    wchan,
    wname: wchan,
  }),
)

/** Names that Unix98 knows: an `=` behind one of them takes the rest of the line for its heading. */
export const UNIX98: readonly string[] =
  'args comm etime group nice pcpu pgid pid ppid rgroup ruser time tty user vsz'.split(' ')

/** Formats that options stand for. */
export const FORMATS = {
  bsd: 'pid,tname,stat,bsdtime,args',
  sysv: 'pid,tname,time,ucmd',
  '-f': 'uid_hack,pid,ppid,c,stime,tname,time,cmd',
  '-l': 'f,s,uid,pid,ppid,c,opri,ni,addr_1,sz,wchan,tname,time,ucmd',
  '-fl': 'f,s,uid_hack,pid,ppid,c,opri,ni,addr_1,sz,wchan,stime,tname,time,cmd',
  j: 'ppid,pid,pgid,sid,tname,tpgid,stat,uid,bsdtime,args',
  l: 'flags,uid,pid,ppid,priority,nice,vsz,rss,wchan,stat,tname,bsdtime,args',
  s: 'uid,pid,pending,blocked,ignored,caught,stat,tname,bsdtime,args',
  u: 'user,pid,pcpu,pmem,vsz,rss,tname,stat,start_time,bsdtime,args',
  v: 'pid,tname,stat,bsdtime,maj_flt,vsz,rss,pmem,args',
} as const
