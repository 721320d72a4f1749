/** Several programs on one disk, in random schedules, with little memory: what is read is what was written last. */
import fc from 'fast-check'
import { createKernel, EIO, O_RDWR, O_SYNC, type Program, type Sys } from 'paleokernel'
import { block } from 'paleokernel/block'
import { describe, expect, it } from 'vitest'
import { LOOP_SET_FD } from '../../src/abi/ioctl.js'
import { bytesEqual, concatBytes } from '../../src/lib/bytes.js'
import { ok } from '../helpers/world.js'
import { pattern, sound } from './machine.js'

const SIZE = 300 * 1024
/** The second is for md; the first alone is as large as all that is written. */
const HDA = { name: 'hda', sectors: SIZE / 512 }
const HDB = { name: 'hdb', sectors: 304 }
/** Each program has bytes of its own; the borders lie within blocks. */
const REGION = 70_001
const PROGRAMS = 3

interface Op {
  readonly kind: 'write' | 'read' | 'fsync' | 'sync' | 'pause'
  readonly pos: number
  readonly length: number
}

const op: fc.Arbitrary<Op> = fc.record({
  kind: fc.constantFrom('write', 'write', 'write', 'read', 'read', 'fsync', 'sync', 'pause'),
  pos: fc.nat(REGION - 1),
  length: fc.integer({ min: 1, max: 9000 }),
})

/** What one program does, against its own bytes; what it finds wrong goes to `wrong`. */
const worker = (
  id: number,
  ops: readonly Op[],
  model: Uint8Array,
  isSync: boolean,
  wrong: string[],
  node = '/dev/hda',
) =>
  function* (sys: Sys): Program {
    const fd = yield* sys.open(node, O_RDWR | (isSync ? O_SYNC : 0))
    for (const [i, { kind, pos, length }] of ops.entries()) {
      const from = id * REGION + pos
      const count = Math.min(length, REGION - pos)
      if (kind === 'write') {
        const data = pattern(count, i * 7 + id)
        const result = yield* sys.pwrite(fd, data, from)
        if (result !== count) wrong.push(`${id}: write of ${count} at ${from} gave ${result}`)
        model.set(data, from)
      } else if (kind === 'read') {
        const buf = new Uint8Array(count)
        const result = yield* sys.pread(fd, buf, from)
        if (result !== count) wrong.push(`${id}: read of ${count} at ${from} gave ${result}`)
        if (!bytesEqual(buf, model.subarray(from, from + count))) wrong.push(`${id}: read at ${from} is old`)
      } else if (kind === 'fsync') {
        if ((yield* sys.fsync(fd)) !== 0) wrong.push(`${id}: fsync failed`)
      } else if (kind === 'sync') yield* sys.sync()
      else yield* sys.nanosleep(pos % 50)
    }
    return 0
  }

describe('readers, writers and syncs in random schedules', () => {
  it.each(['disk', 'ram', 'loop', 'md'] as const)(
    'of a %s: what is read is what was written last; after sync the platter is it',
    (kind) => {
      fc.assert(
        fc.property(
          fc.array(fc.array(op, { maxLength: 25 }), { minLength: PROGRAMS, maxLength: PROGRAMS }),
          fc.nat(1000),
          fc.boolean(),
          fc.constantFrom(4, 8, 128),
          (plans, seed, isSync, requests) => {
            const disks = [HDA, HDB].map(
              (disk) => ({ ...disk, kind: kind === 'ram' ? 'ram' : 'disk' }) as const,
            )
            const md = [{ name: 'md0', parts: ['hdb', 'hda'] }]
            const options = { disks, md: kind === 'md' ? md : [], memory: 65_536, requests }
            const k = createKernel({ modules: [block(options)], profile: '2.2.12', seed, schedule: 'random' })
            const root = k.spawn({ uid: 0 })
            if (kind === 'loop') {
              const loop = ok(root.sys.open('/dev/loop0', O_RDWR))
              ok(root.sys.ioctl(loop, LOOP_SET_FD, ok(root.sys.open('/dev/hda', O_RDWR))))
            }
            const node = kind === 'loop' ? '/dev/loop0' : kind === 'md' ? '/dev/md0' : '/dev/hda'
            const model = new Uint8Array(SIZE)
            const wrong: string[] = []
            for (const [id, ops] of plans.entries())
              k.spawn({ uid: 0, program: worker(id, ops, model, isSync && id === 1, wrong, node) })
            for (let steps = 0; k.step(); steps++) if (steps % 40 === 39) sound(k)
            expect(wrong).toEqual([])
            expect(root.sys.sync()).toBe(0)
            expect(k.block.cache().dirty).toBe(0)
            const parts = kind === 'md' ? ['hdb', 'hda'] : ['hda']
            const platter = concatBytes(parts.map((name) => k.block.image(name)))
            expect(bytesEqual(platter.subarray(0, SIZE), model)).toBe(true)
            sound(k)
          },
        ),
        { numRuns: 15 },
      )
    },
  )

  it('a bad sector fails who touches it, and nobody else', () => {
    fc.assert(
      fc.property(
        fc.array(op, { minLength: 5, maxLength: 25 }),
        fc.array(op, { maxLength: 25 }),
        fc.uniqueArray(
          fc.integer({ min: Math.ceil(REGION / 512) + 3, max: Math.floor((2 * REGION) / 512) - 3 }),
          {
            maxLength: 5,
            minLength: 1,
          },
        ),
        fc.nat(1000),
        (sound1, victims, bad, seed) => {
          const k = createKernel({
            modules: [block({ disks: [{ name: 'hda', sectors: SIZE / 512 }], memory: 65_536 })],
            profile: '2.2.12',
            seed,
            schedule: 'random',
          })
          k.block.setFaults('hda', { badSectors: bad })
          const model = new Uint8Array(SIZE)
          const wrong: string[] = []
          const ignored: string[] = []
          // fsync is of the whole device: who shares it may be told of others' failures.
          const own = sound1.map((one) => (one.kind === 'fsync' ? { ...one, kind: 'sync' as const } : one))
          k.spawn({ uid: 0, program: worker(0, own, model, false, wrong) })
          k.spawn({ uid: 0, program: worker(1, victims, new Uint8Array(SIZE), true, ignored) })
          k.run()
          expect(wrong).toEqual([])
          for (const line of ignored)
            expect(line).toMatch(new RegExp(`gave (${EIO}|[0-9]+)$|is old|fsync failed`))
          k.spawn({ uid: 0 }).sys.sync()
          const mine = k.block.image('hda', 0, Math.floor(REGION / 512))
          expect(bytesEqual(mine, model.subarray(0, mine.length))).toBe(true)
          sound(k)
        },
      ),
      { numRuns: 15 },
    )
  })
})
