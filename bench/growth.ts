/**
 * The goals about growth: one operation of this library, at several sizes of what is around it. The contestants
 * of a round are the sizes.
 */

import {
  createKernel,
  isErr,
  type Kernel,
  type Process,
  type Program,
  SIG_IGN,
  SIGUSR1,
  type Sys,
} from 'paleokernel'
import { psCase } from './mac.js'
import type { Case, Timed } from './measure.js'
import { routeCase } from './net.js'
import {
  appendCase,
  boot,
  bytesPerTask,
  createCase,
  fill,
  forkCase,
  kernelWithFiles,
  pingPongCase,
  STRIDE,
  spawnCase,
  statCase,
  touch,
  unlinkCase,
} from './ours.js'
import type { Plan } from './plan.js'

/** One operation at growing sizes. */
export interface Family {
  readonly id: string
  readonly title: string
  readonly unit: 'ns' | 'B'
  readonly sizes: readonly number[]
  readonly make: (size: number) => Case
  /** The largest size may cost this many times what the smallest does; undefined: to be told, no goal. */
  readonly within?: number
}

const timed = (run: (count: number) => number): Timed => ({ kind: 'timed', run })

/** A process in a kernel with a directory of `size` files; the paths of files that are there and that are not. */
function directoryOf(size: number): { sys: Process['sys']; there: string[]; missing: string[] } {
  const { sys } = boot()
  sys.mkdir('/dir', 0o755)
  const there = Array.from({ length: size }, (_, i) => `/dir/f${i}`)
  for (const path of there) touch(sys, path)
  return { sys, there, missing: Array.from({ length: 100 }, (_, i) => `/dir/g${i}`) }
}

const sleeper = function* (sys: Sys): Program {
  yield* sys.pause()
}

/** A process in a kernel with `count` other tasks, asleep, none of them its child. */
function crowdOf(count: number): { k: Kernel; process: Process } {
  const k = createKernel({ pidMax: Math.max(32_768, count * 2 + 1000) })
  for (let i = 0; i < count; i++) k.spawn({ program: sleeper, journal: false })
  k.run()
  return { k, process: k.spawn({ comm: 'bench' }) }
}

/** One step of one of `count` runnable tasks. */
function yieldCase(count: number): Timed {
  const k = createKernel({ pidMax: Math.max(32_768, count * 2 + 1000) })
  const program = function* (sys: Sys): Program {
    for (;;) yield* sys.sched_yield()
  }
  for (let i = 0; i < count; i++) k.spawn({ program, journal: false })
  k.run({ maxSteps: count })
  return timed((operations) => k.run({ maxSteps: operations }))
}

function killCase(count: number): Timed {
  const { k, process } = crowdOf(count)
  const target = k.spawn({ comm: 'target' })
  target.sys.sigaction(SIGUSR1, { handler: SIG_IGN, flags: 0, mask: [] })
  return timed((operations) => {
    let right = 0
    for (let i = 0; i < operations; i++) if (process.sys.kill(target.pid, SIGUSR1) === 0) right++
    return right
  })
}

/** A child comes, ends and is waited for, by its number or as any, while its parent has `count` other children. */
function waitAmongChildrenCase(count: number, waitsForAny: boolean): Timed {
  const k = createKernel({ pidMax: Math.max(32_768, count * 2 + 1000) })
  const parent = k.spawn({ comm: 'parent' })
  for (let i = 0; i < count; i++) parent.sys.fork()
  return spawnCase(k, parent, waitsForAny)
}

/** Wait alone: the children have ended before. */
function waitCase(count: number): Timed {
  const { k, process } = crowdOf(count)
  const { sys } = process
  const pids: number[] = []
  return {
    kind: 'timed',
    most: 500,
    before: (operations) => {
      for (let i = 0; i < operations; i++) {
        const child = k.spawn({ parent: process })
        child.sys.exit(0)
        pids.push(child.pid)
      }
    },
    run: () => {
      let right = 0
      for (const pid of pids) if (!isErr(sys.waitpid(pid, 0))) right++
      return right
    },
    after: () => {
      pids.length = 0
    },
  }
}

/** A forked kernel in which one file is then written: the fork and what it makes necessary later. */
function forkAndTouchCase(files: number): Timed {
  const { k } = kernelWithFiles(files)
  return timed((count) => {
    let right = 0
    for (let i = 0; i < count; i++) {
      const copy = k.fork()
      const init = copy.process(1)
      const task = copy.spawn()
      fill(task.sys, '/many/d0/file0', 1024)
      if (init !== undefined) right++
    }
    return right
  })
}

/** The same look-ups in a Map and nothing else: what the processor's caches make of so many objects. */
function bareLookupCase(size: number): Timed {
  const paths = Array.from({ length: size }, (_, i) => `/dir/f${i}`)
  const map = new Map(paths.map((path, i) => [path, { size: i }]))
  return timed((count) => {
    let right = 0
    for (let i = 0, at = 0; i < count; i++) {
      if (map.get(paths[at] as string)?.size === at) right++
      at += STRIDE
      if (at >= size) at %= size
    }
    return right
  })
}

/** Everything that must not grow, or not much. */
export function families(plan: Plan): readonly Family[] {
  const { growthEntries, growthBytes, growthTasks, growthFork } = plan
  const told = (id: string, title: string, make: (size: number) => Case): Family => ({
    id,
    title,
    unit: 'ns',
    sizes: growthEntries,
    make,
  })
  const entries = (id: string, title: string, make: (size: number) => Case): Family => ({
    ...told(id, `${title} in a directory of`, make),
    within: 2,
  })
  const tasks = (id: string, title: string, make: (size: number) => Case): Family => ({
    id,
    title: `${title}, other tasks:`,
    unit: 'ns',
    sizes: growthTasks,
    make,
    within: 2,
  })
  return [
    entries('grow-create', 'create', (size) => {
      const { sys, missing } = directoryOf(size)
      return createCase(sys, missing)
    }),
    entries('grow-stat', 'stat of 100 files', (size) => {
      const { sys, there } = directoryOf(size)
      return statCase(sys, there.slice(0, 100), 0)
    }),
    told('grow-stat-all', 'stat of all files, in leaps, in a directory of', (size) => {
      const { sys, there } = directoryOf(size)
      return statCase(sys, there, 0)
    }),
    told('grow-lookup-all', 'look-up of the same names in a bare Map of', bareLookupCase),
    entries('grow-unlink', 'unlink', (size) => {
      const { sys, missing } = directoryOf(size)
      return unlinkCase(sys, missing)
    }),
    {
      id: 'grow-append',
      title: 'append 256 B, bytes in the file:',
      unit: 'ns',
      sizes: growthBytes,
      within: 2,
      make: (size) => {
        const { sys } = boot()
        fill(sys, '/log', size)
        return appendCase(sys, '/log', size, 100)
      },
    },
    tasks('grow-spawn', 'spawn+exit+wait', (size) => {
      const { k, process } = crowdOf(size)
      return spawnCase(k, process)
    }),
    tasks('grow-siblings', 'the same among as many siblings', (size) => waitAmongChildrenCase(size, false)),
    tasks('grow-siblings-any', 'the same, waiting for any child', (size) =>
      waitAmongChildrenCase(size, true),
    ),
    tasks('grow-wait', 'wait', waitCase),
    tasks('grow-kill', 'kill', killCase),
    tasks('grow-switch', 'ping-pong per switch', (size) => {
      const { k, process } = crowdOf(size)
      return pingPongCase(k, process)
    }),
    {
      id: 'grow-ps',
      title: 'ps in a compartment, tasks outside:',
      unit: 'ns',
      sizes: [0, ...growthTasks.slice(1)],
      within: 1.5,
      make: psCase,
    },
    {
      id: 'grow-routes',
      title: 'connect of UDP to an address that is not in the cache, routes:',
      unit: 'ns',
      sizes: plan.growthRoutes,
      within: 2,
      make: routeCase,
    },
    {
      id: 'grow-yield',
      title: 'sched_yield, each of all runnable tasks in turn:',
      unit: 'ns',
      sizes: growthTasks,
      make: yieldCase,
    },
    {
      id: 'grow-fork',
      title: 'kernel fork, files:',
      unit: 'ns',
      sizes: growthFork,
      make: (size) => forkCase(kernelWithFiles(size).k),
    },
    {
      id: 'grow-fork-touch',
      title: 'kernel fork and one file written, files:',
      unit: 'ns',
      sizes: growthFork,
      make: forkAndTouchCase,
    },
    {
      id: 'tasks-memory',
      title: 'bytes per live task, tasks:',
      unit: 'B',
      sizes: [plan.millionTasks],
      make: (size) => ({ kind: 'sized', measure: () => bytesPerTask(size) }),
    },
  ]
}
