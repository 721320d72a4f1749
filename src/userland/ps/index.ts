/**
 * `ps`: the processes that /proc shows. procps 2.0.6; `readOptions` says which of its options there are.
 *
 * All that it knows it has from /proc, so that it shows what a kernel lets its reader see, and costs as much as that.
 */

import type { Program } from '../../programs/sys_types.js'
import { readGroups, readUsers } from '../fileutils/names.js'
import { complain, type Part, readFile, runTool, Stop, type TreeToolSys } from '../tool.js'
import { COLUMNS, type Column, type Scene } from './columns.js'
import { type Options, readOptions } from './options.js'
import { type Process, readProcess, readProcesses } from './process.js'

const VERSION = 'procps version 2.0.6\n'
const SCREEN_COLUMNS = 80

const HELP = `********* simple selection *********  ********* selection by list *********
-A all processes                      -C by command name
-N negate selection                   -G by real group ID (supports names)
-a all w/ tty except session leaders  -U by real user ID (supports names)
-d all except session leaders         -g by session leader OR by group name
-e all processes                      -p by process ID
a  all w/ tty, including other users  -s processes in the sessions given
g  all, even group leaders!           -u by effective user ID (supports names)
r  only running processes             U  processes for specified users
x  processes w/o controlling ttys
*********** output format **********  *********** long options ***********
-o,o user-defined  -f full            --Group --User --pid --cols
-j,j job control   s  signal          --group --user --sid --version
-l,l long          v  virtual memory  --cumulative --format --deselect
-M   labels        u  user-oriented   --sort --forest --no-heading
                    ********* misc options *********
-V,V show version  f  ASCII art forest  S  children in sum  -y change -l format
-w,w wide output   -H process hierarchy c  true command name  n  numeric UID
`

// ---- selection -----------------------------------------------------------------------------------------------

/** What the processes are chosen by. */
interface Self {
  readonly uid: number
  readonly tty: number
}

/**
 * Does the process belong to what the simple options choose? Without one: the caller's on the caller's terminal; a: all
 * with a terminal; x: those without; -a and -d leave out leaders of sessions. procps: table_accept.
 */
function isChosenSimply({ simple, prefersBsd }: Options, self: Self, process: Process): boolean {
  const isMine = process.uids[1] === self.uid
  const isLeader = process.session === process.pid
  const hasTty = process.tty >= 0
  if (simple.has('-a') || simple.has('-d')) return !isLeader && (hasTty || simple.has('-d'))
  if (simple.size === 0 && !prefersBsd) return isMine && process.tty === self.tty
  if (simple.has('a') && simple.has('x')) return true
  if (simple.has('a')) return hasTty
  if (simple.has('x')) return isMine
  return isMine && (hasTty || process.tty === self.tty)
}

const isListed = ({ lists }: Options, process: Process): boolean =>
  lists.some(({ by, values }) => {
    switch (by) {
      case 'pid':
        return values.includes(process.pid)
      case 'pgrp':
        return values.includes(process.pgrp)
      case 'session':
        return values.includes(process.session)
      case 'comm':
        return values.includes(process.comm.slice(0, 8))
      case 'ruid':
        return values.includes(process.uids[0])
      case 'euid':
        return values.includes(process.uids[1])
      case 'rgid':
        return values.includes(process.gids[0])
      case 'egid':
        return values.includes(process.gids[1])
    }
    return false
  })

/** procps: want_this_proc. */
function isWanted(options: Options, self: Self, process: Process): boolean {
  const isSimple = options.simple.size > 0 || options.lists.length === 0
  const isFound =
    options.everybody || (isSimple && isChosenSimply(options, self, process)) || isListed(options, process)
  const isIdle = options.onlyRunning && process.state !== 'R' && process.state !== 'D'
  return (isFound && !isIdle) !== options.negate
}

// ---- order ---------------------------------------------------------------------------------------------------

/** A process to show, and what is drawn before its command. */
interface Item {
  readonly process: Process
  readonly branch: string
}

function compare(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function sorted(options: Options, scene: Scene, found: readonly Process[]): readonly Process[] {
  const keys = options.sort.flatMap(({ name, isReverse }) => {
    const key = COLUMNS.get(name)?.key
    return key === undefined ? [] : [{ key, sign: isReverse ? -1 : 1 }]
  })
  if (options.forest !== '' && keys.length === 0)
    keys.push({ key: ({ startTime }: Process) => startTime, sign: 1 })
  if (keys.length === 0) return found
  return [...found].sort((a, b) => {
    for (const { key, sign } of keys) {
      const order = compare(key(a, scene), key(b, scene)) * sign
      if (order !== 0) return order
    }
    return 0
  })
}

const BRANCHES = { b: { ' ': '    ', L: ' \\_ ', '+': ' \\_ ', '|': ' |  ' }, u: '  ' } as const

/** Children behind their parents. What init has adopted is drawn without a branch, but for -H. procps: show_tree. */
function arranged(options: Options, found: readonly Process[]): readonly Item[] {
  const { forest } = options
  if (forest === '') return found.map((process) => ({ process, branch: '' }))
  const pids = new Set(found.map(({ pid }) => pid))
  const children = new Map<number, Process[]>()
  const roots: Process[] = []
  for (const process of found) {
    if (!pids.has(process.ppid)) {
      roots.push(process)
      continue
    }
    const list = children.get(process.ppid)
    if (list === undefined) children.set(process.ppid, [process])
    else list.push(process)
  }
  const draw = (marks: string): string =>
    forest === 'u'
      ? BRANCHES.u.repeat(marks.length)
      : [...marks].map((mark) => BRANCHES.b[mark as keyof typeof BRANCHES.b]).join('')
  const items: Item[] = []
  // Each with the marks of the levels above it, and with its own.
  const open = roots.reverse().map((process) => ({ process, above: '', marks: '' }))
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { process, above, marks } = next
    items.push({ process, branch: draw(marks) })
    const list = children.get(process.pid) ?? []
    const isFlat = process.pid === 1 && forest !== 'u'
    for (let i = list.length - 1; i >= 0; i--) {
      const child = list[i]
      if (child === undefined) continue
      const isLast = i === list.length - 1
      open.push({
        process: child,
        above: isFlat ? '' : `${above}${isLast ? ' ' : '|'}`,
        marks: isFlat ? '' : `${above}${isLast ? 'L' : '+'}`,
      })
    }
  }
  return items
}

// ---- lines ---------------------------------------------------------------------------------------------------

interface Placed {
  readonly column: Column
  readonly heading: string
  readonly width: number
}

/** The screen's width, or as many times that as the columns take. procps: check_header_width. */
function lineWidth(placed: readonly Placed[], screenColumns: number): number {
  const total = placed.reduce((sum, { column, width }, i) => {
    const isOpen = column.fill === 'text' && i === placed.length - 1
    return sum + (isOpen ? 3 : width) + (i > 0 ? 1 : 0)
  }, 0)
  return screenColumns * Math.max(1, Math.ceil(total / screenColumns))
}

/** One line. A column that is too wide takes from the space of the next. procps: show_one_proc. */
function line(
  placed: readonly Placed[],
  width: number,
  isNumeric: boolean,
  cell: (at: Placed, room: number) => string,
): string {
  let out = ''
  let correct = 0
  for (const [i, at] of placed.entries()) {
    const { column, width: own } = at
    const isLast = i === placed.length - 1
    const room = isLast ? width - Math.max(correct, out.length) : own
    let words = cell(at, room)
    const gap = (amount: number): number => {
      const isRight = column.fill === 'right' || (column.fill === 'name' && isNumeric)
      const space = correct - out.length + (isRight ? Math.max(0, own - amount) : 0)
      return space < 1 ? (i > 0 ? 1 : 0) : space
    }
    if (column.fill === 'text')
      words = words.slice(0, isLast ? Math.max(1, width - out.length - gap(own)) : own)
    out += ' '.repeat(gap(words.length)) + words
    correct += own + 1
  }
  return `${out}\n`
}

// ---- the program ---------------------------------------------------------------------------------------------

/** The first number of a file's line that begins so; 0 where there is none. */
function* numberIn(sys: TreeToolSys, path: string, pattern: RegExp): Part<number> {
  const text = yield* readFile(sys, path)
  return typeof text === 'string' ? Number(pattern.exec(text)?.[1] ?? 0) : 0
}

function* main(sys: TreeToolSys, out: string[], args: readonly string[]): Part<number> {
  const users = yield* readUsers(sys)
  const groups = yield* readGroups(sys)
  const wished = Number(/^COLUMNS=([0-9]{1,9})$/m.exec(sys.env.join('\n'))?.[1] ?? 0)
  const options = readOptions(args, {
    users,
    groups,
    screenColumns: wished > 0 ? wished : SCREEN_COLUMNS,
  })
  if (typeof options === 'string') throw new Stop(`ERROR: ${options}\n${HELP}`, 1)
  if (options.instead === 'version') {
    out.push(VERSION)
    return 0
  }
  if (options.instead === 'help') throw new Stop(HELP, 0)
  if (options.hasBogusDash) yield* complain(sys, "Bad syntax, perhaps a bogus '-'?\n")
  const names = [...options.columns, ...options.sort].map(({ name }) => name)
  const label = names.includes('label')
  const argv = names.some((name) => ['args', 'command', 'cmd'].includes(name)) || options.isFull
  const own = yield* readProcess(sys, 'self', { argv: false, label })
  if (own === null) throw new Stop('Error: can not access /proc.\n', 1)
  if (options.showsLabels && own.label === null)
    throw new Stop(`ERROR: Sorry, no Mandatory Access Control support.\n${HELP}`, 1)
  const scene: Scene = {
    now: yield* sys.time(),
    uptime: Math.floor(yield* numberIn(sys, '/proc/uptime', /^([0-9.]+)/)),
    memory: names.some((name) => name === 'pmem' || name === '%mem')
      ? yield* numberIn(sys, '/proc/meminfo', /^MemTotal:\s+([0-9]+)/m)
      : 0,
    users,
    groups,
    isNumeric: options.isNumeric,
    withChildren: options.withChildren,
    isShort: options.isShort,
    isFull: options.isFull,
  }
  const placed = options.columns.flatMap(({ name, heading }) => {
    const column = COLUMNS.get(name)
    return column === undefined ? [] : [{ column, heading, width: Math.max(column.width, heading.length) }]
  })
  const width = lineWidth(placed, options.screenColumns)
  // Unix98: no heading where all are empty.
  if (options.hasHeading && placed.some(({ heading }) => heading !== ''))
    out.push(line(placed, width, options.isNumeric, ({ heading }) => heading))
  const all = yield* readProcesses(sys, { argv, label })
  if (all === null) throw new Stop('Error: can not access /proc.\n', 1)
  const self: Self = { uid: yield* sys.geteuid(), tty: own.tty }
  const found = sorted(
    options,
    scene,
    all.filter((process) => isWanted(options, self, process)),
  )
  for (const { process, branch } of arranged(options, found))
    out.push(
      line(
        placed,
        width,
        options.isNumeric,
        ({ column }, room) => (column.fill === 'text' ? branch : '') + column.show(process, scene, room),
      ),
    )
  return found.length > 0 ? 0 : 1
}

/** The program: `kernel.install('/bin/ps', ps)`. Exit status: 1 for nothing to show, and for a wrong use. */
export function* ps(sys: TreeToolSys, ...args: string[]): Program {
  return yield* runTool(sys, (out) => main(sys, out, args))
}
