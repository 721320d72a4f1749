/** Rings under random schedules: readers, writers, appends from all contexts. */
import fc from 'fast-check'
import { isErr, localIrqRestore, localIrqSave, O_RDONLY, O_WRONLY, type Program, type Sys } from 'paleokernel'
import { BUFFLINK_GETOVERFLOW } from 'paleokernel/bufflink'
import { describe, expect, it } from 'vitest'
import { bytes, checkInvariants, coreOf } from '../helpers/world.js'
import { node, ring, type World, world } from './world.js'

/** Reads to the end; what it has read goes to /tmp/<name>, for nothing but files leaves a program. */
function* reader(sys: Sys, name = '', chunk = '7'): Program {
  const fd = yield* sys.open('/dev/bufflink0', O_RDONLY)
  const out = yield* sys.open(`/tmp/${name}`, 0o101, 0o600)
  if (isErr(fd) || isErr(out)) return 1
  const buf = new Uint8Array(Number(chunk))
  for (;;) {
    const count = yield* sys.read(fd, buf)
    if (isErr(count)) return 2
    if (count === 0) return 0
    yield* sys.write(out, buf.subarray(0, count))
  }
}

/** Writes words of one letter, each in one write. */
function* writer(sys: Sys, letter = 'A', words = '3', length = '4'): Program {
  const fd = yield* sys.open('/dev/bufflink0', O_WRONLY)
  if (isErr(fd)) return 1
  for (let i = 0; i < Number(words); i++) {
    const count = yield* sys.write(fd, new Uint8Array(Number(length)).fill(letter.charCodeAt(0)))
    if (count !== Number(length)) return 2
  }
  return 0
}

interface Plan {
  readonly seed: number
  readonly size: number
  readonly readers: readonly number[]
  readonly writers: readonly { readonly words: number; readonly length: number }[]
  readonly appends: readonly { readonly how: number; readonly length: number; readonly steps: number }[]
}

const plans: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(),
  size: fc.integer({ min: 8, max: 40 }),
  readers: fc.array(fc.integer({ min: 1, max: 11 }), { minLength: 1, maxLength: 3 }),
  writers: fc.array(
    fc.record({ words: fc.integer({ min: 1, max: 6 }), length: fc.integer({ min: 1, max: 8 }) }),
    { maxLength: 3 },
  ),
  appends: fc.array(
    fc.record({
      how: fc.integer({ min: 0, max: 4 }),
      length: fc.integer({ min: 0, max: 12 }),
      steps: fc.integer({ min: 0, max: 5 }),
    }),
    { maxLength: 30 },
  ),
})

/** One append in the context of choice; 4: an interrupt that comes while interrupts are masked. */
function appendBy(k: World, how: number, text: string): void {
  const bl = k.bufflink.ring(0)
  if (bl === undefined) throw new Error('no ring')
  if (how === 0) k.appender.append(bl, text)
  else if (how === 1) k.appender.appendFromBh(bl, text)
  else if (how === 2) k.appender.appendFromIrq(bl, text)
  else if (how === 3) k.appender.appendAfter(3, bl, text)
  else {
    const flags = localIrqSave(coreOf(k as never), 'test')
    k.appender.appendFromIrq(bl, text)
    localIrqRestore(coreOf(k as never), flags)
  }
}

/** Runs a plan to its end. Returns what each reader read. */
function play(plan: Plan): { k: World; texts: string[]; offered: string[] } {
  const k = world(
    {},
    { seed: plan.seed, schedule: 'random', programs: { '/bin/r': reader, '/bin/w': writer } },
  )
  const root = k.spawn()
  const bl = ring(k, plan.size)
  node(root)
  for (const [i, chunk] of plan.readers.entries())
    k.spawn({ program: reader, argv: ['r', `out${i}`, String(chunk)] })
  for (const [i, { words, length }] of plan.writers.entries())
    k.spawn({
      program: writer,
      argv: ['w', String.fromCharCode(65 + i), String(words), String(Math.min(length, plan.size))],
    })
  const offered: string[] = []
  for (const [i, { how, length, steps }] of plan.appends.entries()) {
    const text = String.fromCharCode(97 + (i % 26)).repeat(length)
    offered.push(text)
    appendBy(k, how, text)
    for (let at = 0; at < steps; at++) k.step()
  }
  k.run()
  checkInvariants(k as never)
  // Nobody sleeps in a read while there are data: no wake-up is lost.
  expect(bl.length).toBe(0)
  k.bufflink.destroy(bl)
  k.run()
  checkInvariants(k as never)
  const texts = plan.readers.map((_, i) => {
    const fd = root.sys.open(`/tmp/out${i}`, O_RDONLY)
    if (isErr(fd)) return ''
    const buf = new Uint8Array(8192)
    const count = root.sys.read(fd, buf)
    root.sys.close(fd)
    return new TextDecoder().decode(buf.subarray(0, Math.max(0, count)))
  })
  return { k, texts, offered }
}

describe('random schedules', () => {
  it('BL-4, BL-5, BL-6, BL-17: bytes read + bytes lost = bytes offered; no wake-up is lost', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const { k, texts, offered } = play(plan)
        const read = texts.join('').length
        const { stored, lost } = k.appender.counts()
        const written = plan.writers.reduce(
          (sum, { words, length }) => sum + words * Math.min(length, plan.size),
          0,
        )
        expect(stored + lost).toBe(offered.join('').length)
        expect(read).toBe(stored + written)
        // pid 1 and the one that looks: all readers and writers have come to their end.
        expect(k.describe().tasks).toHaveLength(2)
      }),
      { numRuns: 150 },
    )
  })

  it('BL-5: with one reader, appends and writes come in whole: none is torn', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const one = { ...plan, readers: plan.readers.slice(0, 1) }
        const { texts } = play(one)
        // Letters of neighbouring appends differ, so that a run of one letter is a multiple of whole appends.
        const lengths = new Map<string, Set<number>>()
        for (const [i, { length }] of one.appends.entries()) {
          const letter = String.fromCharCode(97 + (i % 26))
          lengths.set(letter, (lengths.get(letter) ?? new Set()).add(length))
        }
        for (const [i, { length }] of one.writers.entries())
          lengths.set(String.fromCharCode(65 + i), new Set([Math.min(length, one.size)]))
        for (const [run] of (texts[0] ?? '').matchAll(/(.)\1*/g)) {
          const known = [...(lengths.get(run.charAt(0)) ?? [])]
          const sums = new Set([0])
          for (let sum = 0; sum <= run.length; sum++)
            if (sums.has(sum)) for (const length of known) sums.add(sum + length)
          expect(sums.has(run.length), `${run} of ${known.join()}`).toBe(true)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('BL-6, BL-8: a lost append is always known to user space', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant('read'), fc.constant('ask')), {
          maxLength: 60,
        }),
        (ops) => {
          const k = world()
          const p = k.spawn()
          const bl = ring(k, 16)
          const fd = p.libc.open(node(p), 0o4000)
          let lost = false
          for (const op of ops) {
            if (op === 'read') p.sys.read(fd, new Uint8Array(5))
            else if (op === 'ask') {
              expect(p.sys.ioctl(fd, BUFFLINK_GETOVERFLOW)).toBe(lost ? 1 : 0)
              lost = false
            } else if (typeof op === 'number' && !k.bufflink.append(bl, bytes('x'.repeat(op)))) lost = true
          }
          expect(p.sys.ioctl(fd, BUFFLINK_GETOVERFLOW)).toBe(lost ? 1 : 0)
        },
      ),
      { numRuns: 100 },
    )
  })

  it('runs repeat', () => {
    const plan = fc.sample(plans, { numRuns: 3, seed: 5 })
    for (const one of plan) expect(play(one).k.digest()).toBe(play(one).k.digest())
  })
})
