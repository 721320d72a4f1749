/**
 * Notes what happened to a file where a later kernel would have changed its mode silently, so that the era table
 * can recognise the difference when a later line shows it. Only for recordings of such a kernel.
 */

import { isErr } from 'paleokernel'
import type { Line } from './answer.js'
import { O_CREAT, O_TRUNC, openFlags } from './era_help.js'
import { pathOf } from './values.js'
import type { World } from './world.js'

const SET_ID = 0o6000

/** Called after every line that agrees. */
export function watch(line: Line, world: World): void {
  if (line.r === undefined) return
  if (line.op === 'ftruncate') note('truncated', Number(line.a[0]), line, world)
  else if (line.op === 'truncate') note('truncated', pathOf(line.a[0] ?? ''), line, world)
  else {
    const flags = openFlags(line, world)
    if (flags < 0) return
    if ((flags & O_TRUNC) !== 0) note('truncated', line.r, line, world)
    if ((flags & O_CREAT) !== 0) note('created', line.r, line, world)
  }
}

function note(event: string, file: number | string, line: Line, world: World): void {
  const sys = world.actors[line.t]?.proc.sys
  const stat = typeof file === 'number' ? sys?.fstat(file) : sys?.stat(file)
  if (stat === undefined || isErr(stat) || (stat.mode & SET_ID) === 0) return
  world.events.add(`${event} ${stat.dev}.${stat.ino}`)
}
