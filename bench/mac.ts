/** What MAC costs: calls of the core with and without it, and among 1 000 compartments; ps beside tasks that it does not see. */

import {
  createKernel,
  isErr,
  type Kernel,
  MS_REMOUNT,
  O_RDONLY,
  O_WRONLY,
  type Program,
  type Sys,
} from 'paleokernel'
import { mac } from 'paleokernel/mac'
import { net } from 'paleokernel/net'
import { ps } from 'paleokernel/userland'
import type { Timed } from './measure.js'
import { udpCase } from './net.js'
import { ourCases, type Stage } from './ours.js'
import { FULL } from './plan.js'
import type { RowId } from './rows.js'

/** The kernels that are compared. */
export const MAC_WAYS = { without: 'no MAC', loaded: 'MAC', divided: 'MAC, 1 000 compartments' } as const
type Way = (typeof MAC_WAYS)[keyof typeof MAC_WAYS]

const COMPARTMENTS = 1000
const MINE = '10:1'

/** A kernel in which a process is alone, or one of a thousand compartments, whose files are its own. */
function stage(way: Way): Stage {
  if (way === MAC_WAYS.without) return staged(createKernel())
  const k = createKernel({ modules: [mac()], maxTasks: 4 * COMPARTMENTS })
  if (way === MAC_WAYS.loaded) return staged(k as unknown as Kernel)
  const admin = k.spawn()
  for (let n = 2; n <= COMPARTMENTS; n++) k.mac.setLabel(k.spawn().pid, `10:${n}`)
  const made = staged(k as unknown as Kernel)
  admin.libc.mount('none', '/', '', MS_REMOUNT, `mac=${MINE}`)
  k.mac.setLabel(made.process.pid, MINE)
  return made
}

function staged(k: Kernel): Stage {
  const process = k.spawn({ comm: 'bench' })
  return { k, sys: process.sys, process }
}

/** Rows of the core: what calls, paths, files, pipes and processes cost. */
const CORE = [
  'null-syscall',
  'stat-deep',
  'stat-missing',
  'open-close',
  'write-new-4k',
  'pread-4k',
  'pwrite-4k',
  'dir-create',
  'dir-stat',
  'dir-unlink',
  'dir-rename',
  'dir-readdir',
  'append-256',
  'pipe-512',
  'ping-pong',
  'spawn-exit-wait',
] as const satisfies readonly RowId[]

const PLAN = { ...FULL, entries: 1000, bigBytes: 1 << 20 }

function coreCase(id: (typeof CORE)[number], way: Way): Timed {
  const made = ourCases(PLAN, stage(way))[id]?.()
  if (made === undefined || made.kind !== 'timed') throw new Error(`${id} is no row that is timed`)
  return made
}

/** Datagrams over loopback, by a socket of a compartment. */
function datagrams(way: Way): Timed {
  if (way === MAC_WAYS.without) return udpCase(512)
  const k = createKernel({ profile: '2.6.14', modules: [net(), mac()], maxTasks: 4 * COMPARTMENTS })
  if (way === MAC_WAYS.divided)
    for (let n = 2; n <= COMPARTMENTS; n++) k.mac.setLabel(k.spawn().pid, `10:${n}`)
  const p = k.spawn({ comm: 'bench' })
  if (way === MAC_WAYS.divided) k.mac.setLabel(p.pid, MINE)
  return udpCase(512, p.sys)
}

const ways = (make: (way: Way) => Timed): Readonly<Record<string, () => Timed>> =>
  Object.fromEntries(Object.values(MAC_WAYS).map((way) => [way, () => make(way)]))

/** The comparisons. */
export const MAC_ROWS = [
  ...CORE.map((id) => ({
    id: `mac-${id}`,
    title: `beside MAC, ${id}`,
    ways: ways((way) => coreCase(id, way)),
  })),
  { id: 'mac-udp-512', title: 'beside MAC, udp-512', ways: ways(datagrams) },
]

/** Their names. */
export const MAC_IDS: readonly string[] = MAC_ROWS.map(({ id }) => id)

// ---- ps ------------------------------------------------------------------------------------------------------

const sleeper = function* (sys: Sys): Program {
  yield* sys.pause()
}

/** Processes of the compartment that ps is run in. */
const INSIDE = 20

/** `ps aux` in a compartment, with `outside` tasks elsewhere. */
export function psCase(outside: number): Timed {
  // In /proc of 2.2 pids have 16 bits.
  const pidMax = Math.max(32_768, outside * 2 + 1000)
  const k = createKernel({ profile: '2.6.14', modules: [mac()], pidMax })
  const admin = k.spawn()
  k.install('/bin/ps', ps)
  admin.libc.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0+shared')
  // Of the same grade: to be written, too.
  admin.libc.mount('none', '/dev', '', MS_REMOUNT, 'mac=10:0+shared')
  for (let i = 0; i < outside; i++) k.mac.setLabel(k.spawn({ program: sleeper, journal: false }).pid, '10:2')
  const parent = k.spawn()
  k.mac.setLabel(parent.pid, MINE)
  for (let i = 1; i < INSIDE; i++) k.spawn({ program: sleeper, parent, journal: false })
  k.run()
  return {
    kind: 'timed',
    exactly: 20,
    run(count) {
      let right = 0
      for (let i = 0; i < count; i++) {
        const child = k.spawn({ parent })
        child.libc.open('/dev/null', O_RDONLY)
        for (const fd of [1, 2]) if (child.libc.open('/dev/null', O_WRONLY) !== fd) return 0
        child.sys.execve('/bin/ps', ['ps', 'aux'], [])
        k.run()
        const waited = parent.sys.waitpid(child.pid, 0)
        if (!isErr(waited) && waited.status === 0) right++
      }
      return right
    },
  }
}
