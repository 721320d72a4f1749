/**
 * `ls`: names, one per line, and -l. fileutils 4.0, in the C locale and in UTC.
 *
 * Left out: columns, colours, sorting by anything but the name, -F, -s, -t, -u, -c, -h and the long options.
 */

import { major, minor, newDecodeDev } from '../../abi/brand.js'
import { modeToLetters } from '../../abi/decode.js'
import { errnoMessage, isErr } from '../../abi/errno.js'
import { S_IFBLK, S_IFCHR, S_IFMT, S_ISDIR, S_ISLNK, type Stat } from '../../abi/stat.js'
import type { Program } from '../../programs/sys_types.js'
import { civilOf, MONTHS } from '../date.js'
import { complain, getopt, type Part, runTool, type TreeToolSys, type Words } from '../tool.js'
import { type NameTable, readGroups, readUsers } from './names.js'
import { join, readDirectory } from './walk.js'

/** A file to list. */
interface Item {
  readonly name: string
  readonly found: Stat
  /** Where a link leads. */
  readonly target: string | null
}

/** One run of the tool. */
interface Listing {
  readonly sys: TreeToolSys
  readonly out: string[]
  readonly has: (letter: string) => boolean
  readonly users: NameTable
  readonly groups: NameTable
  /** Seconds since 1970. */
  readonly now: number
  status: number
}

const HALF_A_YEAR = 6 * 30 * 24 * 60 * 60
const HOUR = 60 * 60

/** 'Sep 16 12:30', or 'Sep 16  1997' for what is half a year old, or to come. */
function showTime(seconds: number, now: number): string {
  const { year, month, day } = civilOf(Math.floor(seconds / 86400))
  const date = `${MONTHS[month]} ${String(day).padStart(2)}`
  if (now > seconds + HALF_A_YEAR || now < seconds - HOUR) return `${date} ${String(year).padStart(5)}`
  const minutes = Math.floor((((seconds % 86400) + 86400) % 86400) / 60)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${date} ${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}

/** A name in eight columns, or the number. */
const owner = (table: NameTable, id: number, isNumeric: boolean): string => {
  const name = isNumeric ? undefined : table.nameOf.get(id)
  return (name?.slice(0, 8) ?? String(id)).padEnd(8)
}

/** fileutils: print_long_format. */
function longLine({ has, users, groups, now }: Listing, { name, found, target }: Item): string {
  const { mode, nlink, uid, gid, size, mtime, rdev } = found
  const type = mode & S_IFMT
  const dev = newDecodeDev(rdev)
  const isDevice = type === S_IFCHR || type === S_IFBLK
  const amount = isDevice
    ? `${String(major(dev)).padStart(3)}, ${String(minor(dev)).padStart(3)}`
    : String(size).padStart(8)
  const who = `${owner(users, uid, has('n'))} ${owner(groups, gid, has('n'))}`
  const arrow = target === null ? '' : ` -> ${target}`
  return `${modeToLetters(mode)} ${String(nlink).padStart(3)} ${who} ${amount} ${showTime(mtime, now)} ${name}${arrow}`
}

const isLong = ({ has }: Listing): boolean => has('l') || has('n')

function print(listing: Listing, items: readonly Item[]): void {
  const sorted = listing.has('U')
    ? items
    : [...items].sort(({ name: a }, { name: b }) => (a < b ? -1 : a > b ? 1 : 0))
  for (const item of sorted) {
    const inode = listing.has('i') ? `${String(item.found.ino).padStart(7)} ` : ''
    listing.out.push(`${inode}${isLong(listing) ? longLine(listing, item) : item.name}\n`)
  }
}

function* grumble(listing: Listing, path: string, error: number): Part<void> {
  listing.status = 1
  yield* complain(listing.sys, `ls: ${path}: ${errnoMessage(error)}\n`)
}

/** A file as it will be shown; null for one that cannot be looked at. A link that is named is followed, but for -l and -d. */
function* look(listing: Listing, path: string, name: string, isNamed: boolean): Part<Item | null> {
  const { sys, has } = listing
  const follows = isNamed && !isLong(listing) && !has('d')
  let found = follows ? yield* sys.stat(path) : yield* sys.lstat(path)
  if (isErr(found) && follows) found = yield* sys.lstat(path)
  if (isErr(found)) {
    yield* grumble(listing, path, found)
    return null
  }
  const target = isLong(listing) && S_ISLNK(found.mode) ? yield* sys.readlink(path) : null
  return { name, found, target: typeof target === 'string' ? target : null }
}

function* listDirectory(listing: Listing, path: string): Part<void> {
  const names = yield* readDirectory(listing.sys, path)
  if (isErr(names)) return yield* grumble(listing, path, names)
  const { has, out } = listing
  const shown = names.filter((name) => has('a') || has('A') || !name.startsWith('.'))
  const items: Item[] = []
  for (const name of has('a') ? ['.', '..', ...shown] : shown) {
    const item = yield* look(listing, join(path, name), name, false)
    if (item !== null) items.push(item)
  }
  if (isLong(listing))
    out.push(`total ${Math.ceil(items.reduce((sum, { found }) => sum + found.blocks, 0) / 2)}\n`)
  print(listing, items)
  if (!has('R')) return
  for (const { name, found } of items) {
    if (!S_ISDIR(found.mode) || name === '.' || name === '..') continue
    out.push(`\n${join(path, name)}:\n`)
    yield* listDirectory(listing, join(path, name))
  }
}

function* main(sys: TreeToolSys, out: string[], { options, operands }: Words): Part<number> {
  const listing: Listing = {
    sys,
    out,
    has: (letter) => options.has(letter),
    users: yield* readUsers(sys),
    groups: yield* readGroups(sys),
    now: yield* sys.time(),
    status: 0,
  }
  const items: Item[] = []
  for (const path of operands.length === 0 ? ['.'] : operands) {
    const item = yield* look(listing, path, path, true)
    if (item !== null) items.push(item)
  }
  const isDirectory = ({ found }: Item): boolean => !options.has('d') && S_ISDIR(found.mode)
  const files = items.filter((item) => !isDirectory(item))
  print(listing, files)
  const directories = items.filter(isDirectory)
  const hasHeadings = operands.length > 1 || options.has('R')
  for (const [at, { name }] of directories.entries()) {
    if (at > 0 || files.length > 0) out.push('\n')
    if (hasHeadings) out.push(`${name}:\n`)
    yield* listDirectory(listing, name)
  }
  return listing.status
}

/** The program: `kernel.install('/bin/ls', ls)`. */
export function* ls(sys: TreeToolSys, ...args: string[]): Program {
  return yield* runTool(sys, (out) => main(sys, out, getopt('ls', args, 'lanAdiRU1')))
}
