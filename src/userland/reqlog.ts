/** What the readers of the request log have in common: its records, the names of devices, their arguments. */

import { EAGAIN, EINTR, isErr } from '../abi/errno.js'
import { O_NONBLOCK, O_RDONLY } from '../abi/fcntl.js'
import { _IO } from '../abi/ioctl.js'
import { REQLOG_FAILED, REQLOG_LONG, REQLOG_SHORT, REQLOG_WRITE } from '../abi/reqlog.js'
import { S_IFBLK, S_IFMT } from '../abi/stat.js'
import { USER_HZ } from '../abi/time.js'
import type { Sys } from '../programs/sys_types.js'
import { type Part, perror, readFile, Stop } from './tool.js'

/** From bufflink.h: has something been lost? */
const BUFFLINK_GETOVERFLOW = _IO('b', 1)
const NODE = '/dev/reqlog'
/** Records of one read at most. */
const BATCH = 64

/** A record, as a tool wants it. */
export interface Transfer {
  /** major << 8 | minor. */
  readonly device: number
  readonly isWrite: boolean
  readonly hasFailed: boolean
  readonly sector: number
  readonly sectors: number
  /** Ticks since boot. */
  readonly time: number
}

function transferAt(view: DataView, at: number): Transfer {
  const direction = view.getUint16(at + 2, true)
  return {
    device: view.getUint16(at, true),
    isWrite: (direction & REQLOG_WRITE) !== 0,
    hasFailed: (direction & REQLOG_FAILED) !== 0,
    sector: view.getUint32(at + 4, true),
    sectors: view.getUint32(at + 8, true),
    time: view.getUint32(at + 12, true),
  }
}

/** An open log. */
export interface LogFile {
  readonly fd: number
  readonly path: string
  readonly recordSize: number
}

/** Opens the log. */
export function* openLog(sys: Sys, tool: string, args: LogArguments, wait: boolean): Part<LogFile> {
  const { path, isLong } = args
  const fd = yield* sys.open(path, wait ? O_RDONLY : O_RDONLY | O_NONBLOCK)
  if (isErr(fd)) throw new Stop(perror(`${tool}: ${path}`, fd), 1)
  return { fd, path, recordSize: isLong ? REQLOG_LONG : REQLOG_SHORT }
}

/** What is in the log, up to `most` records; none where it is empty and nobody waits. Null: it has come to its end. */
export function* readLog(sys: Sys, tool: string, log: LogFile, most = BATCH): Part<Transfer[] | null> {
  const buf = new Uint8Array(Math.min(most, BATCH) * log.recordSize)
  const count = yield* sys.read(log.fd, buf)
  if (count === EAGAIN || count === EINTR) return []
  if (isErr(count)) throw new Stop(perror(`${tool}: ${log.path}`, count), 1)
  if (count === 0) return null
  if (count % log.recordSize !== 0)
    throw new Stop(
      `${tool}: ${log.path}: ${count} bytes are not whole records: is it read by others too?\n`,
      1,
    )
  const view = new DataView(buf.buffer)
  const list: Transfer[] = []
  for (let at = 0; at < count; at += log.recordSize) list.push(transferAt(view, at))
  return list
}

/** Have records been lost since the last time? */
export function* hasLost(sys: Sys, log: LogFile): Part<boolean> {
  return (yield* sys.ioctl(log.fd, BUFFLINK_GETOVERFLOW)) === 1
}

/** Seconds since boot. */
export const seconds = (ticks: number): string => (ticks / USER_HZ).toFixed(2)

/** Names of devices as /proc/partitions has them. */
export function* deviceNames(sys: Sys): Part<ReadonlyMap<number, string>> {
  const names = new Map<number, string>()
  const text = yield* readFile(sys, '/proc/partitions')
  if (typeof text === 'number') return names
  for (const line of text.split('\n')) {
    const [, major = '', minor = '', name = ''] = /^\s*(\d+)\s+(\d+)\s+\d+\s+(\S+)/.exec(line) ?? []
    if (name !== '') names.set((Number(major) << 8) | Number(minor), name)
  }
  return names
}

/** 'hda1', or '3:1' where it has no name. */
export const deviceName = (names: ReadonlyMap<number, string>, device: number): string =>
  names.get(device) ?? `${device >>> 8}:${device & 255}`

/** '/dev/hda1', 'hda1' or '3:1' as major << 8 | minor. */
export function* findDevice(
  sys: Sys,
  tool: string,
  names: ReadonlyMap<number, string>,
  wanted: string,
): Part<number> {
  const [, major = '', minor = ''] = /^(\d{1,3})[:,](\d{1,3})$/.exec(wanted) ?? []
  if (major !== '' && Number(major) < 256 && Number(minor) < 256) return (Number(major) << 8) | Number(minor)
  for (const [device, name] of names) if (name === wanted) return device
  const path = wanted.startsWith('/') ? wanted : `/dev/${wanted}`
  const stat = yield* sys.stat(path)
  if (isErr(stat)) throw new Stop(perror(`${tool}: ${path}`, stat), 1)
  if ((stat.mode & S_IFMT) !== S_IFBLK) throw new Stop(`${tool}: ${path}: not a block device\n`, 1)
  return stat.rdev & 0xffff
}

/** What both tools are told. */
export interface LogArguments {
  /** The letters that were given, without values. */
  readonly flags: ReadonlySet<string>
  /** Letters with values. */
  readonly values: ReadonlyMap<string, string>
  readonly path: string
  readonly isLong: boolean
}

/** Reads arguments as getopt(3) does: `flags` are letters alone, `valued` want a value. */
export function readArguments(
  args: readonly string[],
  flags: string,
  valued: string,
  usage: string,
): LogArguments {
  const seen = new Set<string>()
  const values = new Map<string, string>()
  let path: string | undefined
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    if (!word.startsWith('-') || word === '-') {
      if (path !== undefined) throw new Stop(usage, 2)
      path = word
      continue
    }
    for (let i = 1; i < word.length; i++) {
      const letter = word.charAt(i)
      if (flags.includes(letter)) seen.add(letter)
      else if (valued.includes(letter)) {
        const value = word.slice(i + 1) || args[++at]
        if (value === undefined) throw new Stop(usage, 2)
        values.set(letter, value)
        break
      } else throw new Stop(usage, 2)
    }
  }
  return { flags: seen, values, path: path ?? NODE, isLong: seen.has('l') }
}

/** A whole number from 1 on, or the fallback where it was not given. */
export function positive(args: LogArguments, letter: string, fallback: number, usage: string): number {
  const text = args.values.get(letter)
  if (text === undefined) return fallback
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Stop(usage, 2)
  return Number(text)
}
