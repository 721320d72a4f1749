/** Whatever goes wrong with the disks, in whatever order: calls end or sleep, the kernel comes to rest, its books balance. */
import fc from 'fast-check'
import {
  BLKFLSBUF,
  BLKROSET,
  BLKRRPART,
  createKernel,
  LOOP_CLR_FD,
  LOOP_SET_FD,
  O_RDWR,
  O_SYNC,
  type Program,
  type Sys,
} from 'paleokernel'
import { block } from 'paleokernel/block'
import { describe, expect, it } from 'vitest'
import { pattern, sound } from './machine.js'

const NODES = ['/dev/hda', '/dev/hda1', '/dev/sda', '/dev/ram0', '/dev/loop0', '/dev/md0'] as const

interface Op {
  readonly kind: string
  readonly node: number
  readonly pos: number
  readonly length: number
}

const op: fc.Arbitrary<Op> = fc.record({
  kind: fc.constantFrom(
    ...[
      'write',
      'write',
      'write',
      'read',
      'read',
      'fsync',
      'sync',
      'close',
      'flush',
      'reread',
      'readonly',
      'loop',
      'unloop',
    ],
  ),
  node: fc.nat(NODES.length - 1),
  pos: fc.nat(200 * 512),
  length: fc.integer({ min: 0, max: 70_000 }),
})

/** Does all that, whatever comes of it. */
const worker = (ops: readonly Op[]) =>
  function* (sys: Sys): Program {
    const fds = new Map<number, number>()
    for (const [i, { kind, node, pos, length }] of ops.entries()) {
      const known = fds.get(node)
      const fd = known ?? (yield* sys.open(NODES[node] ?? '', O_RDWR | (i % 3 === 0 ? O_SYNC : 0)))
      if (fd < 0) continue
      fds.set(node, fd)
      if (kind === 'write') yield* sys.pwrite(fd, pattern(length, i), pos)
      else if (kind === 'read') yield* sys.pread(fd, new Uint8Array(length), pos)
      else if (kind === 'fsync') yield* sys.fsync(fd)
      else if (kind === 'sync') yield* sys.sync()
      else if (kind === 'flush') yield* sys.ioctl(fd, BLKFLSBUF)
      else if (kind === 'reread') yield* sys.ioctl(fd, BLKRRPART)
      else if (kind === 'readonly') yield* sys.ioctl(fd, BLKROSET, { value: pos % 4 === 0 ? 1 : 0 })
      else if (kind === 'loop') yield* sys.ioctl(fd, LOOP_SET_FD, fds.get(pos % NODES.length) ?? 99)
      else if (kind === 'unloop') yield* sys.ioctl(fd, LOOP_CLR_FD)
      else if (kind === 'close') {
        yield* sys.close(fd)
        fds.delete(node)
      }
    }
    return 0
  }

const event = fc.record({
  kind: fc.constantFrom('bad', 'lost', 'torn', 'pull', 'back', 'cut', 'power', 'pass'),
  steps: fc.nat(40),
  disk: fc.constantFrom('hda', 'sda', 'ram0'),
  n: fc.integer({ min: 1, max: 200 }),
})

/** A table with a partition, and bytes behind it. */
function image(): Uint8Array {
  const bytes = pattern(200 * 512, 5)
  bytes.fill(0, 446, 510)
  bytes.set([0x83, 0, 0, 0, 10, 0, 0, 0, 100, 0, 0, 0], 450)
  bytes.set([0x55, 0xaa], 510)
  return bytes
}

describe('faults in random schedules', () => {
  it('leave every kernel at rest, with its books in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(op, { maxLength: 20 }), { minLength: 1, maxLength: 3 }),
        fc.array(event, { maxLength: 8 }),
        fc.nat(1000),
        fc.constantFrom(4, 16, 128),
        (plans, events, seed, requests) => {
          const disks = [
            { name: 'hda', sectors: 200, image: image() },
            { name: 'sda', sectors: 200, starvationBound: 3 },
            { name: 'ram0', sectors: 200 },
          ]
          const md = [{ name: 'md0', parts: ['sda', 'ram0'] }]
          const modules = [block({ disks, md, requests, memory: 65_536 })] as const
          const k = createKernel({ modules, profile: '2.2.12', seed, schedule: 'random', maxSteps: 100_000 })
          const workers = plans.map((ops) => k.spawn({ uid: 0, program: worker(ops) }))
          for (const { kind, steps, disk, n } of events) {
            k.run({ maxSteps: steps })
            sound(k)
            const { served } = k.block.stats(disk)
            if (kind === 'bad') k.block.setFaults(disk, { badSectors: [n - 1, n % 50] })
            else if (kind === 'lost') k.block.setFaults(disk, { lostWrites: [served + 1] })
            else if (kind === 'torn') k.block.setFaults(disk, { tornWrites: [[served + 1, n % 9]] })
            else if (kind === 'pull' || kind === 'back') k.block.pull(disk, kind === 'pull')
            else if (kind === 'cut')
              k.block.setFaults(disk, { cutAt: served + (n % 5) + 1, cutSectors: n % 3 })
            else if (kind === 'power' && n % 4 === 0) k.block.cutPower()
          }
          k.run()
          sound(k)
          const hasPower = !events.some(({ kind }) => kind === 'cut' || kind === 'power')
          for (const { state } of workers) {
            expect(['sleeping', 'dead']).toContain(state)
            if (hasPower) expect(state).toBe('dead')
          }
          if (hasPower) expect(k.block.cache().dirty).toBe(0)
          const copy = k.fork()
          copy.run()
          expect(copy.digest()).toBe(k.digest())
        },
      ),
      { numRuns: 20 },
    )
  })
})
