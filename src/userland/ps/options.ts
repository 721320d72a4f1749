/**
 * The command line of ps: options of System V (with a dash), of BSD (without) and of GNU (with two), mixed. What cannot be
 * read as System V's is tried as BSD's, so that `ps -aux` does what is meant. procps 2.0: ps/parser.c, ps/sortformat.c.
 *
 * -M, -Z and Z show labels of mandatory access control, for which the original has letters and an excuse.
 *
 * Left out: -c -F -L -P -T -n N -O O -t t T X m e L, repeated headings, formats of AIX ('%p'), and what PS_PERSONALITY sets.
 */

import type { NameTable } from '../fileutils/names.js'
import { idNamed } from '../fileutils/names.js'
import { COLUMNS, FORMATS, UNIX98 } from './columns.js'

/** What a list of numbers or names chooses by. */
export type Selector = 'pid' | 'pgrp' | 'session' | 'ruid' | 'euid' | 'rgid' | 'egid' | 'comm'

/** A column that is to be shown. */
export interface Shown {
  readonly name: string
  readonly heading: string
}

/** A column to sort by. */
export interface SortKey {
  readonly name: string
  readonly isReverse: boolean
}

/** A command line that makes sense. */
export class Options {
  everybody = false
  negate = false
  onlyRunning = false
  /** Letters of simple selection: '-a', '-d', 'a', 'g', 'x'. */
  readonly simple = new Set<string>()
  readonly lists: { readonly by: Selector; readonly values: readonly (number | string)[] }[] = []
  columns: Shown[] = []
  sort: SortKey[] = []
  /** 'b' with branches, 'u' by indentation. */
  forest: '' | 'b' | 'u' = ''
  prefersBsd = false
  showsLabels = false
  hasHeading = true
  isNumeric = false
  withChildren = false
  isShort = false
  isFull = false
  screenColumns: number
  /** Something to print instead: 'help', 'version'. */
  instead: '' | 'help' | 'version' = ''
  /** Does the line only make sense without its dash? */
  hasBogusDash = false

  constructor(screenColumns: number) {
    this.screenColumns = screenColumns
  }
}

/** What the command line is read with. */
export interface Setting {
  readonly users: NameTable
  readonly groups: NameTable
  readonly screenColumns: number
}

/** Ends one reading of the command line. */
class Complaint {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const WIDE = 132
const UNLIMITED = 20_480
const MOST_PID = 0x7fff
const MOST_ID = 0xfffffffe

type Format = '-f' | '-l' | 'j' | 'l' | 's' | 'u' | 'v'

/** One reading of a command line. */
class Reading {
  readonly options: Options
  private readonly setting: Setting
  private readonly args: readonly string[]
  private readonly isBsd: boolean
  private at = 0
  private isPureUnix = true
  private wide = 0
  private readonly formats = new Set<Format>()
  private readonly modifiers = new Set<'j' | 'y'>()
  private readonly specs: string[] = []
  private readonly sorts: string[] = []

  constructor(args: readonly string[], setting: Setting, isBsd: boolean) {
    this.args = args
    this.setting = setting
    this.isBsd = isBsd
    this.options = new Options(setting.screenColumns)
    if (isBsd) this.options.prefersBsd = true
  }

  run(): Options {
    const { args, options } = this
    for (; this.at < args.length; this.at++) {
      const arg = args[this.at] ?? ''
      if (/^--[A-Za-z]/.test(arg)) this.gnu(arg)
      else if (/^-[A-Za-z]/.test(arg) && !this.isBsd) {
        this.letters(arg, 1, (letter, rest) => this.sysv(letter, rest))
        continue
      } else if (/^-?[A-Za-z]/.test(arg)) {
        options.prefersBsd = true
        this.letters(arg, arg.startsWith('-') ? 1 : 0, (letter, rest) => this.bsd(letter, rest))
      } else if (/^[-+]?[0-9]/.test(arg)) this.trailing()
      else throw new Complaint('Garbage option.')
      this.isPureUnix = false
    }
    options.columns = this.chooseColumns()
    options.sort = this.sorts.flatMap((list) => this.sortKeys(list))
    if (this.wide > 0) options.screenColumns = Math.max(options.screenColumns, WIDE)
    if (this.wide > 1) options.screenColumns = UNLIMITED
    return options
  }

  /** Letters of one word. `take` says whether it has taken the rest of the word, or the next. */
  private letters(arg: string, from: number, take: (letter: string, rest: string) => boolean): void {
    for (let i = from; i < arg.length; i++) if (take(arg[i] ?? '', arg.slice(i + 1))) return
  }

  /** What an option takes: the rest of its word, or the next word. */
  private argument(rest: string, complaint: string): string {
    const value = rest === '' ? this.args[this.at + 1] : rest
    if (value === undefined || value === '') throw new Complaint(complaint)
    if (rest === '') this.at++
    else this.isPureUnix = false
    return value
  }

  private list(by: Selector, text: string): true {
    const words = text.split(/[ ,\t]/)
    if (words.includes('')) throw new Complaint('Improper list.')
    this.options.lists.push({ by, values: words.map((word) => this.item(by, word)) })
    return true
  }

  private item(by: Selector, word: string): number | string {
    if (by === 'comm') return word.slice(0, 8)
    if (by === 'pid' || by === 'pgrp' || by === 'session') {
      if (!/^\s*[+-]?[0-9]+$/.test(word)) throw new Complaint('Process ID list syntax error.')
      const pid = Number(word)
      if (pid < 1 || pid > MOST_PID) throw new Complaint('Process ID out of range.')
      return pid
    }
    const isUser = by === 'ruid' || by === 'euid'
    const id = idNamed(isUser ? this.setting.users : this.setting.groups, word)
    if (id < 0) throw new Complaint(`${isUser ? 'User' : 'Group'} name does not exist.`)
    if (id > MOST_ID) throw new Complaint(`${isUser ? 'User' : 'Group'} ID out of range.`)
    return id
  }

  // ---- System V ----------------------------------------------------------------------------------------------

  private sysv(letter: string, rest: string): boolean {
    const { options } = this
    if (!'aAdefgGlnoptuU'.includes(letter)) this.isPureUnix = false
    switch (letter) {
      case 'A':
      case 'e':
        options.everybody = true
        return false
      case 'a':
      case 'd':
        options.simple.add(`-${letter}`)
        return false
      case 'f':
        options.isFull = true
        this.formats.add('-f')
        return false
      case 'l':
        this.formats.add('-l')
        return false
      case 'j':
      case 'y':
        this.modifiers.add(letter)
        return false
      case 'H':
        options.forest = 'u'
        return false
      case 'M':
      case 'Z':
        options.showsLabels = true
        return false
      case 'N':
        options.negate = true
        return false
      case 'w':
        this.wide++
        return false
      case 'm':
        return false
      case 'V':
        return this.alone('version', '-V')
      case 'C':
        return this.list('comm', this.argument(rest, 'List of command names must follow -C.'))
      case 'G':
        return this.list('rgid', this.argument(rest, 'List of real groups must follow -G.'))
      case 'U':
        return this.list('ruid', this.argument(rest, 'List of real groups must follow -U.'))
      case 'u':
        return this.list('euid', this.argument(rest, 'List of users must follow -u.'))
      case 'p':
        return this.list('pid', this.argument(rest, 'List of process IDs must follow -p.'))
      case 's':
        return this.list('session', this.argument(rest, 'List of session IDs must follow -s.'))
      case 'g': {
        const word = this.argument(rest, 'List of session leaders OR effective group names must follow -g.')
        return this.list(/^[0-9, \t]+$/.test(word) ? 'session' : 'egid', word)
      }
      case 'o':
        this.specs.push(this.argument(rest, 'Format specification must follow -o.'))
        if (rest !== '') this.isPureUnix = false
        return true
      default:
        throw new Complaint('Unsupported SysV option.')
    }
  }

  /** Options that nothing may stand beside. */
  private alone(instead: 'help' | 'version', option: string): false {
    if (this.args.length > 1 || this.args[0] !== option)
      throw new Complaint(`The ${option} option is exclusive.`)
    this.options.instead = instead
    return false
  }

  // ---- BSD ---------------------------------------------------------------------------------------------------

  private bsd(letter: string, rest: string): boolean {
    const { options } = this
    switch (letter) {
      case 'a':
      case 'g':
      case 'x':
        options.simple.add(letter)
        return false
      case 'j':
      case 'l':
      case 's':
      case 'u':
      case 'v':
        this.formats.add(letter)
        return false
      case 'S':
        options.withChildren = true
        return false
      case 'c':
        options.isShort = true
        return false
      case 'f':
        options.forest = 'b'
        return false
      case 'h':
        options.hasHeading = false
        return false
      case 'n':
        options.isNumeric = true
        return false
      case 'r':
        options.onlyRunning = true
        return false
      case 'w':
        this.wide++
        return false
      case 'M':
      case 'Z':
        options.showsLabels = true
        return false
      case 'V':
        return this.alone('version', this.args[0] ?? '')
      case 'U':
        return this.list('euid', this.argument(rest, 'List of users must follow U.'))
      case 'p':
        return this.list('pid', this.argument(rest, 'List of process IDs must follow p.'))
      case 'o':
        this.specs.push(this.argument(rest, 'Format specification must follow o.'))
        return true
      default:
        if (/[0-9]/.test(letter)) return this.list('pid', letter + rest)
        throw new Complaint('Unsupported option (BSD syntax)')
    }
  }

  /** Numbers behind the options: processes, with a minus groups, with a plus sessions. */
  private trailing(): void {
    this.options.prefersBsd = true
    for (; this.at < this.args.length; this.at++) {
      const word = this.args[this.at] ?? ''
      const by = word.startsWith('-') ? 'pgrp' : word.startsWith('+') ? 'session' : 'pid'
      const text = by === 'pid' ? word : word.slice(1)
      this.options.lists.push({ by, values: [this.item(by, text)] })
    }
  }

  // ---- GNU ---------------------------------------------------------------------------------------------------

  private gnu(arg: string): void {
    const [, name = '', sign = '', value = ''] = /^--([^:=]*)([:=]?)(.*)$/s.exec(arg) ?? []
    const { options } = this
    const need = (complaint: string): string => {
      if (sign !== '' && value === '') throw new Complaint(complaint)
      return this.argument(value, complaint)
    }
    const none = (complaint: string): void => {
      if (sign !== '') throw new Complaint(`Option --${complaint} does not take an argument.`)
    }
    switch (name) {
      case 'Group':
        this.list('rgid', need('List of real groups must follow --Group.'))
        return
      case 'User':
        this.list('ruid', need('List of real users must follow --User.'))
        return
      case 'group':
        this.list('egid', need('List of effective groups must follow --group.'))
        return
      case 'user':
        this.list('euid', need('List of effective users must follow --user.'))
        return
      case 'pid':
        this.list('pid', need('List of process IDs must follow --pid.'))
        return
      case 'sid':
        this.list('session', need('Some sid thing(s) must follow --sid.'))
        return
      case 'cols':
      case 'columns':
      case 'width': {
        const complaint = 'Number of columns must follow --cols, --width, or --columns.'
        const columns = need(complaint)
        if (!/^[0-9]+$/.test(columns) || Number(columns) < 1 || Number(columns) >= 2e9)
          throw new Complaint(complaint)
        options.screenColumns = Number(columns)
        return
      }
      case 'cumulative':
        none(name)
        options.withChildren = true
        return
      case 'deselect':
        none(name)
        options.negate = true
        return
      case 'forest':
        none(name)
        options.forest = 'b'
        return
      case 'format':
        this.specs.push(need('Format specification must follow --format.'))
        return
      case 'sort':
        this.sorts.push(need('Long sort specification must follow --sort.'))
        return
      case 'help':
      case 'version':
        this.alone(name, `--${name}`)
        return
    }
    if (!/^no-?head(er|ing)s?$/.test(name)) throw new Complaint('Unknown gnu long option.')
    none('no-heading')
    options.hasHeading = false
  }

  // ---- columns and order -------------------------------------------------------------------------------------

  private sortKeys(text: string): SortKey[] {
    const words = text.replace(/[ ,\t\n]$/, '').split(/[ ,\t\n]/)
    if (words.includes('')) throw new Complaint('Improper sort list')
    return words.map((word) => {
      const isReverse = word.startsWith('-')
      const name = isReverse ? word.slice(1) : word
      if (!COLUMNS.has(name)) throw new Complaint('Unknown sort specifier.')
      return { name, isReverse }
    })
  }

  /** 'pid,nice=NICE,comm': in pure Unix98 the heading is all of 'NICE,comm', else the list goes on behind it. */
  private splitSpec(text: string): string[] {
    const equals = text.indexOf('=')
    const before = text.slice(0, Math.max(0, equals)).split(/[ ,]/)
    const takesRest = this.isPureUnix && equals >= 0 && before.every((name) => UNIX98.includes(name))
    if (takesRest) return [...before.slice(0, -1), `${before.at(-1)}${text.slice(equals)}`]
    return text.replace(/[ ,\t\n]$/, '').split(/[ ,\t\n]/)
  }

  private userColumns(text: string): Shown[] {
    const words = this.splitSpec(text)
    if (words.includes('')) throw new Complaint('Improper format list.')
    return words.map((word) => {
      const equals = word.indexOf('=')
      const name = equals < 0 ? word : word.slice(0, equals)
      const column = COLUMNS.get(name)
      if (column === undefined) throw new Complaint(`Unknown user-defined format specifier "${name}".`)
      return { name, heading: equals < 0 ? column.heading : word.slice(equals + 1) }
    })
  }

  private chooseColumns(): Shown[] {
    const { formats, modifiers, specs, options } = this
    if (specs.length > 0) {
      if (formats.size > 0) throw new Complaint('Conflicting format options.')
      if (modifiers.size > 0) throw new Complaint("Can't use output modifiers with user-defined output")
      const columns = specs.flatMap((text) => this.userColumns(text))
      return options.showsLabels ? [...this.userColumns('label'), ...columns] : columns
    }
    const names = this.standardFormat().split(',')
    if (options.showsLabels) names.unshift('label')
    return names.map((name) => ({ name, heading: COLUMNS.get(name)?.heading ?? '' }))
  }

  private standardFormat(): string {
    const { formats, modifiers, options } = this
    const chosen = [...formats]
    const isSysv = chosen.every((format) => format.startsWith('-'))
    if (!isSysv && chosen.length > 1) throw new Complaint('Conflicting format options.')
    const [only] = chosen
    const isLong = formats.has('-l')
    if (!isSysv && only !== undefined) return FORMATS[only]
    let list: string = isLong
      ? FORMATS[formats.has('-f') ? '-fl' : '-l']
      : formats.has('-f')
        ? FORMATS['-f']
        : FORMATS[options.prefersBsd ? 'bsd' : 'sysv']
    if (chosen.length > 0 && options.prefersBsd)
      list = list.replace(/time,(u?cmd)$/, isLong ? 'bsdtime,cmd' : 'stat,bsdtime,cmd')
    if (modifiers.has('j')) list = list.replace(/(^|,)(ppid|pid)(?=,(?!ppid))/, '$1$2,pgid,sid')
    if (!modifiers.has('y')) return list
    if (!isLong) throw new Complaint('Modifier -y without format -l makes no sense.')
    return list.replace('f,', '').replace('addr_1', 'rss')
  }
}

/** Reads a command line; a text says what is wrong with it. */
export function readOptions(args: readonly string[], setting: Setting): Options | string {
  let first = ''
  for (const isBsd of [false, true]) {
    try {
      const options = new Reading(args, setting, isBsd).run()
      if (options.simple.size > 1 && !isSelectable(options))
        throw new Complaint('Process selection options conflict.')
      options.hasBogusDash = isBsd
      return options
    } catch (error) {
      if (!(error instanceof Complaint)) throw error
      if (!isBsd) first = error.text
    }
  }
  return first
}

/** Options of System V do not go with those of BSD. */
function isSelectable({ simple }: Options): boolean {
  const hasSysv = simple.has('-a') || simple.has('-d')
  return !hasSysv || (!simple.has('a') && !simple.has('g') && !simple.has('x'))
}
