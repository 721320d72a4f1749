/**
 * `mount` and `umount`. util-linux 2.9.
 *
 * Left out: /etc/fstab and /etc/mtab (the list is that of /proc/mounts), types that are to be guessed, loop devices, -a,
 * -f, users' mounts.
 */

import { EBUSY, EINVAL, EIO, ENODEV, ENOENT, ENOTDIR, EPERM, errnoMessage, isErr } from '../abi/errno.js'
import {
  MS_MANDLOCK,
  MS_MGC_VAL,
  MS_NOATIME,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REMOUNT,
  MS_SYNCHRONOUS,
} from '../abi/mount.js'
import { S_ISDIR } from '../abi/stat.js'
import type { Program } from '../programs/sys_types.js'
import { complain, getopt, type Part, perror, readFile, runTool, Stop, type TreeToolSys } from './tool.js'

/** Exit statuses of mount(8). */
const EX_USAGE = 1
const EX_FAIL = 32

/** Words of -o that are flags of mount(2): what they set, and what they clear. */
const FLAGS: Readonly<Record<string, readonly [number, number]>> = {
  defaults: [0, 0],
  ro: [MS_RDONLY, 0],
  rw: [0, MS_RDONLY],
  exec: [0, MS_NOEXEC],
  noexec: [MS_NOEXEC, 0],
  suid: [0, MS_NOSUID],
  nosuid: [MS_NOSUID, 0],
  dev: [0, MS_NODEV],
  nodev: [MS_NODEV, 0],
  sync: [MS_SYNCHRONOUS, 0],
  async: [0, MS_SYNCHRONOUS],
  remount: [MS_REMOUNT, 0],
  mand: [MS_MANDLOCK, 0],
  nomand: [0, MS_MANDLOCK],
  atime: [0, MS_NOATIME],
  noatime: [MS_NOATIME, 0],
}

/** Words that say something to mount(8) only. */
const IGNORED: readonly string[] = ['auto', 'noauto', 'user', 'nouser']

interface Options {
  readonly flags: number
  /** What is left for the file system. */
  readonly data: string
}

/** util-linux: parse_opts. */
function readOptions(text: string, isReadOnly: boolean): Options {
  let flags = isReadOnly ? MS_RDONLY : 0
  const rest: string[] = []
  for (const word of text.split(',').filter((part) => part !== '')) {
    const known = Object.hasOwn(FLAGS, word) ? FLAGS[word] : undefined
    if (known !== undefined) flags = (flags | known[0]) & ~known[1]
    else if (!IGNORED.includes(word)) rest.push(word)
  }
  return { flags, data: rest.join(',') }
}

/** 'none on /sockfs type sockfs (rw)' */
function* list(sys: TreeToolSys, out: string[], type: string | undefined): Part<number> {
  const text = yield* readFile(sys, '/proc/mounts')
  if (typeof text === 'number') throw new Stop(perror("mount: can't open /proc/mounts", text), EX_FAIL)
  for (const line of text.split('\n')) {
    const [dev, dir, kind, options] = line.split(' ')
    if (options === undefined || (type !== undefined && kind !== type)) continue
    out.push(`${dev} on ${dir} type ${kind} (${options})\n`)
  }
  return 0
}

/** What util-linux says about what mount(2) says. */
function* reason(
  sys: TreeToolSys,
  error: number,
  dev: string,
  dir: string,
  type: string,
  flags: number,
): Part<string> {
  const isRemount = (flags & MS_REMOUNT) !== 0
  switch (error) {
    case EPERM: {
      if ((yield* sys.geteuid()) !== 0) return 'must be superuser to use mount'
      const found = yield* sys.stat(dir)
      return isErr(found) || !S_ISDIR(found.mode)
        ? `mount point ${dir} is not a directory`
        : 'permission denied'
    }
    case EBUSY:
      return isRemount ? `${dir} is busy` : `${dev} already mounted or ${dir} busy`
    case ENOENT: {
      if (isErr(yield* sys.lstat(dir))) return `mount point ${dir} does not exist`
      if (isErr(yield* sys.stat(dir))) return `mount point ${dir} is a symbolic link to nowhere`
      return isErr(yield* sys.stat(dev)) ? `special device ${dev} does not exist` : errnoMessage(error)
    }
    case ENOTDIR:
      return `mount point ${dir} is not a directory`
    case EINVAL:
      return isRemount
        ? `${dir} not mounted already, or bad option\n`
        : `wrong fs type, bad option, bad superblock on ${dev},\n       or too many mounted file systems`
    case ENODEV:
      return `fs type ${type} not supported by kernel`
    case EIO:
      return `${dev}: can't read superblock`
    default:
      return errnoMessage(error)
  }
}

const USAGE = 'usage: mount [-nrvw] [-t vfstype] [-o options] special node\n'

function* mountMain(sys: TreeToolSys, out: string[], args: readonly string[]): Part<number> {
  const { options, operands } = getopt('mount', args, 'rwvnt:o:')
  const type = options.get('t')
  if (operands.length === 0) return yield* list(sys, out, type)
  const { flags, data } = readOptions(options.get('o') ?? '', options.has('r'))
  const isRemount = (flags & MS_REMOUNT) !== 0
  const [first = '', second] = operands
  if (operands.length > 2) throw new Stop(USAGE, EX_USAGE)
  if (second === undefined && !isRemount)
    throw new Stop(`mount: can't find ${first} in /etc/fstab or /etc/mtab\n`, EX_USAGE)
  const [dev, dir] = second === undefined ? ['none', first] : [first, second]
  if (type === undefined && !isRemount)
    throw new Stop('mount: you must specify the filesystem type\n', EX_USAGE)
  const error = yield* sys.mount(dev, dir, type ?? '', MS_MGC_VAL | flags, data)
  if (error !== 0)
    throw new Stop(`mount: ${yield* reason(sys, error, dev, dir, type ?? '', flags)}\n`, EX_FAIL)
  if (options.has('v'))
    out.push(`${dev} on ${dir} type ${type} (${(flags & MS_RDONLY) !== 0 ? 'ro' : 'rw'})\n`)
  return 0
}

/** The program: `kernel.install('/bin/mount', mount)`. */
export function* mount(sys: TreeToolSys, ...args: string[]): Program {
  return yield* runTool(sys, (out) => mountMain(sys, out, args))
}

/** util-linux: complain. */
function umountWords(error: number): string {
  switch (error) {
    case EINVAL:
      return 'not mounted'
    case EBUSY:
      return 'device is busy'
    case ENOENT:
      return 'not found'
    case EPERM:
      return 'must be superuser to umount'
    default:
      return errnoMessage(error)
  }
}

function* umountMain(sys: TreeToolSys, args: readonly string[]): Part<number> {
  const { operands } = getopt('umount', args, 'nv')
  if (operands.length === 0) throw new Stop('usage: umount [-nv] special | node...\n', EX_USAGE)
  let status = 0
  for (const dir of operands) {
    const error = yield* sys.umount(dir)
    if (error === 0) continue
    status = 1
    yield* complain(sys, `umount: ${dir}: ${umountWords(error)}\n`)
  }
  return status
}

/** The program: `kernel.install('/bin/umount', umount)`. */
export function* umount(sys: TreeToolSys, ...args: string[]): Program {
  return yield* runTool(sys, () => umountMain(sys, args))
}
