/**
 * Figures of this library beside one another: a module's calls with and without it, and beside the bare copy of the
 * same bytes.
 */

import { createKernel, isErr, O_RDONLY, O_RDWR, O_WRONLY, type Sys, utf8Encode } from 'paleokernel'
import { bufflink, bufflinkAppend } from 'paleokernel/bufflink'
import { assembleBpf, Broker, Link, seccomp } from 'paleokernel/seccomp'
import { EVENTS, LIVES, REFUSALS } from './connector.js'
import { BLOCK, bytesOf } from './fixtures.js'
import { MAC_ROWS } from './mac.js'
import type { Case, Timed } from './measure.js'
import { WRITE_BACK } from './reqlog.js'
import { BIND } from './sockfs.js'

/** One operation, played in several ways that take turns. */
export interface Comparison {
  readonly id: string
  readonly title: string
  readonly ways: Readonly<Record<string, () => Case>>
}

/** Bytes of a ring that is filled before it is emptied. */
const RING = 16 << 20

const timed = (run: (count: number) => number, more: Partial<Omit<Timed, 'kind' | 'run'>> = {}): Timed => ({
  kind: 'timed',
  run,
  ...more,
})

// ---- bufflink ------------------------------------------------------------------------------------------------

/** A ring, and a process that has it open. */
function ringOf(size: number) {
  const k = createKernel({ profile: '2.2.12', modules: [bufflink()] })
  const { libc, sys } = k.spawn({ uid: 0 })
  const ring = k.bufflink.create({ buffer: new Uint8Array(size) })
  if (isErr(ring)) throw new Error(`no ring: ${ring}`)
  libc.mknod('/dev/bufflink0', 0o020600, 120 << 8)
  return { ring, sys, fd: libc.open('/dev/bufflink0', O_RDONLY) }
}

/** Appends to a ring, which is emptied after the batch. */
function appendToRing(size: number): Timed {
  const { ring, sys, fd } = ringOf(RING / 16)
  const data = bytesOf(size)
  const buffer = new Uint8Array(RING / 16)
  return timed(
    (count) => {
      let right = 0
      for (let i = 0; i < count; i++) if (bufflinkAppend(ring, data)) right++
      return right
    },
    { most: RING / 16 / size, after: () => void sys.read(fd, buffer) },
  )
}

/** The same bytes to the same places, and nothing else. */
function bareAppend(size: number): Timed {
  const memory = new Uint8Array(RING / 16)
  const data = bytesOf(size)
  return timed(
    (count) => {
      let at = 0
      for (let i = 0; i < count; i++) {
        memory.set(data, at)
        at += size
      }
      return memory[at - 1] === 7 ? count : 0
    },
    { most: RING / 16 / size },
  )
}

/** read(2) of a block, from a ring that was filled before. */
function readFromRing(): Timed {
  const { ring, sys, fd } = ringOf(RING)
  const block = bytesOf(BLOCK)
  const buffer = new Uint8Array(BLOCK)
  return timed(
    (count) => {
      let right = 0
      for (let i = 0; i < count; i++) if (sys.read(fd, buffer) === BLOCK && buffer[17] === 7) right++
      return right
    },
    {
      most: RING / BLOCK,
      before: (count) => {
        for (let i = 0; i < count; i++) bufflinkAppend(ring, block)
      },
    },
  )
}

/** The copy alone: from memory that was written as the ring's. */
function bareRead(): Timed {
  const memory = new Uint8Array(RING)
  const block = bytesOf(BLOCK)
  const buffer = new Uint8Array(BLOCK)
  return timed(
    (count) => {
      let right = 0
      for (let i = 0; i < count; i++) {
        buffer.set(memory.subarray(i * BLOCK, (i + 1) * BLOCK))
        if (buffer[17] === 7) right++
      }
      return right
    },
    {
      most: RING / BLOCK,
      before: (count) => {
        for (let i = 0; i < count; i++) memory.set(block, i * BLOCK)
      },
    },
  )
}

// ---- seccomp -------------------------------------------------------------------------------------------------

/** A filter of 30 rules: 28 numbers that are allowed, one that is not, and what is left. */
function thirtyRules(): ReturnType<typeof assembleBpf> {
  const numbers = Array.from({ length: 28 }, (_, at) => (at === 27 ? 3 : 100 + at))
  const rules = [...numbers.map((nr) => `jeq #${nr}, ok`), 'jeq #39, no']
  return assembleBpf(
    `ld [4]\njne #0x40000003, no\nld [0]\n${rules.join('\n')}\nno: ret ERRNO(1)\nok: ret ALLOW`,
  )
}

type Confinement = 'none' | 'mode 0' | 'mode 1' | '30 rules' | '30 rules, an argument'

/** A read at the end of /dev/null: the cheapest call that a task in mode 1 may make. */
function confinedRead(confinement: Confinement): Timed {
  const k =
    confinement === 'none'
      ? createKernel({ profile: '2.6.14' })
      : createKernel({ profile: '2.6.14', modules: [seccomp({ filters: true })] })
  const p = k.spawn()
  const fd = p.libc.open('/dev/null', O_RDWR)
  if (confinement === '30 rules') p.libc.prctl(22, 2, thirtyRules())
  if (confinement === '30 rules, an argument')
    p.libc.prctl(22, 2, [...assembleBpf('ld [16]'), ...thirtyRules()])
  if (confinement === 'mode 1') p.libc.write(p.libc.open('/proc/self/seccomp', O_WRONLY), utf8Encode('1'))
  const buf = new Uint8Array(1)
  const { sys } = p as { readonly sys: { read(file: number, into: Uint8Array): number } }
  return timed((count) => {
    let right = 0
    for (let i = 0; i < count; i++) if (sys.read(fd, buf) === 0) right++
    return right
  })
}

function* pipe(sys: Sys) {
  const ends = yield* sys.pipe()
  if (isErr(ends)) throw new Error('no pipe')
  return ends
}

/** A confined program asks its broker, which answers: two programs, two pipes. */
function brokerTrip(): Timed {
  let trips = 0
  let right = 0
  let k = createKernel()
  const start = (): void => {
    k = createKernel({ profile: '2.6.14', modules: [seccomp()] })
    k.spawn({
      program: function* (sys: Sys) {
        const [callsR, callsW] = yield* pipe(sys)
        const [repliesR, repliesW] = yield* pipe(sys)
        const pid = yield* sys.fork()
        if (pid === 0) {
          const own = yield* sys.open('/proc/self/seccomp', O_WRONLY)
          yield* sys.write(Number(own), utf8Encode('1'))
          const link = new Link(sys, repliesR, callsW)
          const data = new Uint8Array(16)
          for (let n = 0; n < trips; n++) {
            yield* link.self.call('ping', data)
            right++
          }
          yield* sys.exit(0)
        }
        yield* sys.close(callsW)
        yield* sys.close(repliesR)
        const broker = new Broker(sys)
        yield* broker.adopt({ pid: Number(pid), calls: callsR, replies: repliesW })
        yield* broker.serve()
      },
    })
  }
  return timed(
    () => {
      k.run({ maxSteps: Number.MAX_SAFE_INTEGER })
      return right
    },
    {
      before: (count) => {
        trips = count
        right = 0
        start()
      },
    },
  )
}

/** All of them. */
export const COMPARISONS: readonly Comparison[] = [
  {
    id: 'bufflink-append-16',
    title: 'append of 16 B to a ring',
    ways: { bufflink: () => appendToRing(16), 'bare set': () => bareAppend(16) },
  },
  {
    id: 'bufflink-append-256',
    title: 'append of 256 B to a ring',
    ways: { bufflink: () => appendToRing(256), 'bare set': () => bareAppend(256) },
  },
  {
    id: 'bufflink-read-64k',
    title: 'read of 64 KiB from a ring of 16 MiB',
    ways: { bufflink: readFromRing, 'bare copy': bareRead },
  },
  {
    id: 'seccomp-null',
    title: 'null call of a task that seccomp confines',
    ways: Object.fromEntries(
      (['none', 'mode 0', 'mode 1', '30 rules', '30 rules, an argument'] as const).map((way) => [
        way,
        () => confinedRead(way),
      ]),
    ),
  },
  { id: 'bind-reserved', title: 'bind to a reserved port', ways: BIND },
  { id: 'write-back', title: 'write-back of a dirty block of 1 KiB', ways: WRITE_BACK },
  { id: 'proc-events-life', title: 'spawn+exit+wait, with process events', ways: LIVES },
  { id: 'proc-event', title: 'setgid, which is a process event', ways: EVENTS },
  { id: 'refusal', title: 'open that the mode refuses', ways: REFUSALS },
  ...MAC_ROWS,
  { id: 'seccomp-broker', title: 'round trip to a broker', ways: { 'seccomp, two pipes': brokerTrip } },
]
