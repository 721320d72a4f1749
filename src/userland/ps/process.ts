/** What ps knows of a process: /proc/<pid>/stat, status, cmdline and mac_label. procps 2.0: proc/readproc.c. */

import { isErr } from '../../abi/errno.js'
import { readDirectory } from '../fileutils/walk.js'
import { type Part, readFile, type TreeToolSys } from '../tool.js'

/** Real, effective, saved, of the file system. */
export type FourIds = readonly [real: number, effective: number, saved: number, fs: number]

/** A process as ps sees it. Times are ticks, a hundred a second; memory is KiB. */
export interface Process {
  readonly pid: number
  readonly comm: string
  readonly state: string
  readonly ppid: number
  readonly pgrp: number
  readonly session: number
  /** -1: none. */
  readonly tty: number
  readonly tpgid: number
  readonly flags: number
  readonly minflt: number
  readonly majflt: number
  readonly utime: number
  readonly stime: number
  readonly cutime: number
  readonly cstime: number
  readonly priority: number
  readonly nice: number
  /** Since boot. */
  readonly startTime: number
  readonly wchan: number
  readonly uids: FourIds
  readonly gids: FourIds
  readonly size: number
  readonly locked: number
  readonly resident: number
  /** As status shows them: pending, blocked, ignored, caught. */
  readonly signals: readonly [string, string, string, string]
  /** Empty for a zombie, and for what runs no program. */
  readonly argv: readonly string[]
  /** Null where the kernel has no such thing. */
  readonly label: string | null
}

/** Which files are worth the reading. */
export interface Wanted {
  readonly argv: boolean
  readonly label: boolean
}

const FOUR = [0, 1, 2, 3] as const

/** Reads one; null when it has gone, or cannot be seen. */
export function* readProcess(sys: TreeToolSys, pid: string, wanted: Wanted): Part<Process | null> {
  const stat = yield* readFile(sys, `/proc/${pid}/stat`)
  if (typeof stat !== 'string' || stat === '') return null
  const status = yield* readFile(sys, `/proc/${pid}/status`)
  if (typeof status !== 'string') return null
  const words = wanted.argv ? yield* readFile(sys, `/proc/${pid}/cmdline`) : ''
  const label = wanted.label ? yield* readFile(sys, `/proc/${pid}/mac_label`) : 0
  // A name may hold anything, parentheses and blanks included.
  const end = stat.lastIndexOf(')')
  const fields = stat.slice(end + 2).split(' ')
  const number = (at: number): number => Number(fields[at] ?? 0)
  const lines = new Map(status.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line]))
  const values = (name: string): string[] => (lines.get(name) ?? '').split(/\s+/).slice(1)
  const kb = (name: string): number => Number(values(name)[0] ?? 0)
  const ids = (name: string): FourIds => {
    const [real, effective, saved, fs] = FOUR.map((at) => Number(values(name)[at] ?? 0))
    return [real ?? 0, effective ?? 0, saved ?? 0, fs ?? 0]
  }
  const set = (name: string): string => values(name)[0] ?? '0'
  return {
    pid: Number(stat.slice(0, stat.indexOf(' '))),
    comm: stat.slice(stat.indexOf('(') + 1, end),
    state: fields[0] ?? '?',
    ppid: number(1),
    pgrp: number(2),
    session: number(3),
    tty: number(4) === 0 ? -1 : number(4),
    tpgid: number(5),
    flags: number(6),
    minflt: number(7),
    majflt: number(9),
    utime: number(11),
    stime: number(12),
    cutime: number(13),
    cstime: number(14),
    priority: number(15),
    nice: number(16),
    startTime: number(19),
    wchan: number(32),
    uids: ids('Uid'),
    gids: ids('Gid'),
    size: kb('VmSize'),
    locked: kb('VmLck'),
    resident: kb('VmRSS'),
    signals: [set('SigPnd'), set('SigBlk'), set('SigIgn'), set('SigCgt')],
    argv: typeof words === 'string' && words !== '' ? words.replace(/\0$/, '').split('\0') : [],
    label: typeof label === 'string' ? label.trim() : null,
  }
}

/** All that are seen, in the order of /proc; null when that cannot be read. */
export function* readProcesses(sys: TreeToolSys, wanted: Wanted): Part<Process[] | null> {
  const names = yield* readDirectory(sys, '/proc')
  if (isErr(names)) return null
  const found: Process[] = []
  for (const name of names) {
    if (!/^[0-9]+$/.test(name)) continue
    const process = yield* readProcess(sys, name, wanted)
    if (process !== null) found.push(process)
  }
  return found
}
