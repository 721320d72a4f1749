/**
 * The goals, and whether a run's figures reach them.
 */

import { MAC_IDS, MAC_WAYS } from './mac.js'
import { geometricMean } from './measure.js'
import type { Implementation } from './rows.js'

/** One row of the JSON: null where a contestant has no such thing, or was not measured. */
export interface Result {
  readonly row: string
  readonly unit: string
  readonly ours: number | null
  readonly memfs: number | null
  readonly zenfs: number | null
  readonly nodefs: number | null
  readonly host: number | null
}

/** A result and what the goals need to know of its row. */
export interface Measured {
  readonly id: string
  readonly isFs: boolean
  readonly result: Result
}

/** Growth of one operation's cost from the smallest size to the largest. */
export interface Growth {
  readonly id: string
  readonly title: string
  readonly ratio: number
  readonly within: number | undefined
  readonly sizes: readonly number[]
}

export interface Goal {
  readonly goal: string
  readonly wanted: string
  /** What came out; '-' where it was not measured. */
  readonly found: string
  /** Undefined where it was not measured. */
  readonly isMet: boolean | undefined
}

/** How often `ours` fits into what another contestant takes, for every row where both have a figure. */
export function ratios(
  measured: readonly Measured[],
  other: Exclude<Implementation, 'ours'>,
  ids?: readonly string[],
): readonly { readonly row: string; readonly id: string; readonly ratio: number }[] {
  const list: { row: string; id: string; ratio: number }[] = []
  for (const { id, isFs, result } of measured) {
    if (ids === undefined ? !isFs : !ids.includes(id)) continue
    const { ours } = result
    const theirs = result[other]
    if (ours !== null && theirs !== null) list.push({ row: result.row, id, ratio: theirs / ours })
  }
  return list
}

/** The mean over the file-system rows; NaN when there is none. */
export const meanRatio = (measured: readonly Measured[], other: Exclude<Implementation, 'ours'>): number =>
  geometricMean(ratios(measured, other).map(({ ratio }) => ratio))

const times = (ratio: number): string => `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`

function meanGoal(measured: readonly Measured[], other: 'memfs' | 'nodefs', wanted: number): Goal {
  const mean = meanRatio(measured, other)
  return {
    goal: `geometric mean over the file-system rows against ${other === 'nodefs' ? 'node:fs' : other}`,
    wanted: `at least ${wanted}x`,
    found: Number.isNaN(mean) ? '-' : times(mean),
    isMet: Number.isNaN(mean) ? undefined : mean >= wanted,
  }
}

function everyRowGoal(
  goal: string,
  wanted: string,
  found: readonly { readonly row: string; readonly ratio: number; readonly least: number }[],
): Goal {
  const slow = found.filter(({ ratio, least }) => ratio < least)
  return {
    goal,
    wanted,
    found:
      found.length === 0
        ? '-'
        : slow.length === 0
          ? `all of ${found.length}`
          : slow.map(({ row, ratio }) => `${row} ${times(ratio)}`).join('; '),
    isMet: found.length === 0 ? undefined : slow.length === 0,
  }
}

/** What each row costs with something against without, at most. */
function everyLimitGoal(
  goal: string,
  limit: number,
  found: readonly { readonly row: string; readonly ratio: number }[],
): Goal {
  const known = found.filter(({ ratio }) => !Number.isNaN(ratio))
  const slow = known.filter(({ ratio }) => ratio > limit)
  return {
    goal,
    wanted: `at most ${times(limit)}`,
    found:
      known.length === 0
        ? '-'
        : slow.length === 0
          ? `all of ${known.length}`
          : slow.map(({ row, ratio }) => `${row} ${times(ratio)}`).join('; '),
    isMet: known.length === 0 ? undefined : slow.length === 0,
  }
}

function limitGoal(
  goal: string,
  found: number | null | undefined,
  limit: number,
  show: (value: number) => string,
): Goal {
  if (found === null || found === undefined)
    return { goal, wanted: `at most ${show(limit)}`, found: '-', isMet: undefined }
  return { goal, wanted: `at most ${show(limit)}`, found: show(found), isMet: found <= limit }
}

const HOST_IDS = ['null-syscall', 'stat-deep', 'open-close', 'pipe-512', 'pipe-64k', 'spawn-exit-wait']
const FIRST_TOUCH = 'sequential-write-64k'

/** What is measured besides rows. */
export interface Extras {
  readonly growth: readonly Growth[]
  /** What a comparison has found for one of its ways, where it was measured. */
  readonly way?: (id: string, name: string) => number | undefined
  /** The same of its best round: what a busy machine disturbs least. */
  readonly best?: (id: string, name: string) => number | undefined
  /** Share of a null syscall that idle tracing takes. */
  readonly tracing?: number
  /** Bytes of index.js and what it loads, gzipped. */
  readonly bundle?: number
  /** Bytes per task when there are a million. */
  readonly taskBytes?: number
}

/** All goals, in the order in which they were set. */
export function judge(measured: readonly Measured[], extras: Extras): readonly Goal[] {
  const ours = (id: string): number | null | undefined =>
    measured.find((entry) => entry.id === id)?.result.ours
  const withLeast = (list: ReturnType<typeof ratios>) =>
    list.map(({ row, id, ratio }) => ({ row, ratio, least: id === FIRST_TOUCH ? 0.5 : 1 }))
  const way = (id: string, name: string): number => extras.way?.(id, name) ?? Number.NaN
  const best = (id: string, name: string): number => extras.best?.(id, name) ?? Number.NaN
  const known = (value: number): number | undefined => (Number.isNaN(value) ? undefined : value)
  const quotient = (id: string, name: string) => known(way(id, 'bufflink') / way(id, name))
  const beyond = (id: string, name: string, base: string) => known(way(id, name) - way(id, base))
  const against = (id: string, least: number) =>
    ratios(measured, 'host', [id]).map(({ row, ratio }) => ({ row, ratio, least }))
  const growthGoals = extras.growth
    .filter(({ within }) => within !== undefined)
    .map(({ title, ratio, within, sizes }) => ({
      goal: `${title} ${sizes.at(-1)} against ${sizes[0]}`,
      wanted: `at most ${times(within ?? 0)}`,
      found: times(ratio),
      isMet: ratio <= (within ?? 0),
    }))
  return [
    meanGoal(measured, 'memfs', 10),
    meanGoal(measured, 'nodefs', 5),
    everyRowGoal(
      'every file-system row against memfs',
      'at least 1x',
      ratios(measured, 'memfs').map(({ row, ratio }) => ({ row, ratio, least: 1 })),
    ),
    everyRowGoal(
      'every file-system row against node:fs',
      'at least 1x, first-touch write 0.5x',
      withLeast(ratios(measured, 'nodefs')),
    ),
    everyRowGoal(
      'null syscall, stat, open+close, pipe, spawn+exit+wait against the host kernel in C',
      'at least 1x',
      ratios(measured, 'host', HOST_IDS).map(({ row, ratio }) => ({ row, ratio, least: 1 })),
    ),
    everyRowGoal('UDP on loopback against the host kernel in C', 'at least 1x', against('udp-512', 1)),
    everyRowGoal('TCP on loopback against the host kernel in C', 'at least 0.5x', against('tcp-64k', 0.5)),
    limitGoal(
      'append of 16 B to a ring against a bare set',
      quotient('bufflink-append-16', 'bare set'),
      3,
      times,
    ),
    limitGoal(
      'append of 256 B to a ring against a bare set',
      quotient('bufflink-append-256', 'bare set'),
      3,
      times,
    ),
    limitGoal(
      'read of 64 KiB from a ring against the copy',
      quotient('bufflink-read-64k', 'bare copy'),
      2,
      times,
    ),
    limitGoal(
      'write-back with the request log, beyond write-back without',
      known(best('write-back', 'reqlog') / best('write-back', 'no log') - 1),
      0.1,
      percent,
    ),
    limitGoal(
      'bind to a reserved port that sockfs allows its owner, against the stock test',
      known(best('bind-reserved', 'sockfs, owner') / best('bind-reserved', 'stock')),
      1.5,
      times,
    ),
    ...[MAC_WAYS.loaded, MAC_WAYS.divided].map((name) =>
      everyLimitGoal(
        `every core row with ${name} against a kernel without MAC`,
        1.3,
        MAC_IDS.map((id) => ({
          row: id.replace('mac-', ''),
          ratio: best(id, name) / best(id, MAC_WAYS.without),
        })),
      ),
    ),
    limitGoal(
      'null call in mode 1 of seccomp, beyond mode 0',
      beyond('seccomp-null', 'mode 1', 'mode 0'),
      10,
      nanoseconds,
    ),
    limitGoal(
      'spawn+exit+wait with process events that nobody asks for, beyond without a connector',
      known(best('proc-events-life', 'events, nobody asks') / best('proc-events-life', 'no connector') - 1),
      0.05,
      percent,
    ),
    limitGoal(
      'a million process events to one listener, made and read',
      known(
        (best('proc-event', 'one listener, 100 waiting') - best('proc-event', 'no connector')) * 1_000_000,
      ),
      2_000_000_000,
      microseconds,
    ),
    limitGoal(
      'a refusal with a connector to which nobody listens, beyond without one',
      known(best('refusal', 'nobody listens') / best('refusal', 'no connector') - 1),
      0.1,
      percent,
    ),
    ...growthGoals,
    limitGoal('createKernel()', ours('create-kernel'), 100_000, microseconds),
    limitGoal('fork of a kernel with 1 000 files', ours('fork-kernel'), 2_000_000, microseconds),
    limitGoal('bytes per task, a million of them', extras.taskBytes, 1024, wholeBytes),
    limitGoal('bytes per empty file', ours('bytes-file'), 500, wholeBytes),
    limitGoal('idle tracing, share of a null syscall', extras.tracing, 0.03, percent),
    limitGoal('index.js with what it loads, gzipped', extras.bundle, 50_000, wholeBytes),
  ]
}

const nanoseconds = (value: number): string => `${value.toFixed(1)} ns`
const microseconds = (value: number): string => `${(value / 1000).toFixed(1)} us`
const wholeBytes = (value: number): string => `${Math.round(value)} B`
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`
