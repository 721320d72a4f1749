/** The recount of the block layer finds what is wrong with it. */
import { checkInvariants as brokenInvariants, type KernelCore, O_RDWR } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { minor } from '../../src/abi/brand.js'
import { type BlockState, blockState } from '../../src/block/state.js'
import { ok } from '../helpers/world.js'
import { DISK, machine, pattern } from './machine.js'

/** A kernel with two clean buffers, two dirty ones, and two on their way to the disk. */
function busy() {
  const { k, root } = machine()
  const fd = ok(root.sys.open('/dev/hda', O_RDWR))
  ok(root.sys.write(fd, pattern(2048, 1)))
  ok(root.sys.fsync(fd))
  ok(root.sys.pwrite(fd, pattern(2048, 1), 50_000))
  const syncer = k.spawn({ uid: 0 })
  syncer.begin.sync()
  ok(root.sys.pwrite(fd, pattern(2048, 1), 100_352))
  const state = blockState(k as unknown as KernelCore)
  expect(brokenInvariants(k as never)).toEqual([])
  return { k, state }
}

const PLANTED: readonly (readonly [string, (state: BlockState) => void, RegExp])[] = [
  [
    'a dirty buffer that is on no dirty list',
    ({ cache }) => {
      first(cache.lists.clean).isDirty = true
    },
    /not on the dirty list/,
  ],
  [
    'a clean buffer on the dirty list',
    ({ cache }) => {
      first(cache.lists.dirty).isDirty = false
    },
    /not on the clean list/,
  ],
  [
    'a locked buffer that is in no request',
    ({ cache }) => {
      first(cache.lists.clean).isLocked = true
    },
    /locked and in no request/,
  ],
  [
    'a buffer of a request that is not locked',
    ({ cache }) => {
      first(cache.lists.locked).isLocked = false
    },
    /in a request and not locked/,
  ],
  [
    'a slot that was not given back',
    ({ pool }) => {
      pool.used++
    },
    /request slots in use is 2, counted 1/,
  ],
  [
    'a hold that was not given back',
    ({ cache }) => {
      first(cache.lists.clean).count++
    },
    /the holders of the buffer of block 0/,
  ],
  [
    'a device that forgets a busy buffer',
    ({ cache }) => {
      const device = cache.devices.get(DISK)
      if (device !== undefined) device.busy--
    },
    /the busy buffers of device/,
  ],
  [
    'bytes that were lost',
    ({ cache }) => {
      cache.bytes -= 1024
    },
    /the bytes of the buffer cache/,
  ],
  [
    'a broken list',
    ({ cache }) => {
      cache.lists.clean.last = first(cache.lists.clean)
    },
    /clean list has another end/,
  ],
  [
    'a wrong length of a list',
    ({ cache }) => {
      cache.lists.dirty.count++
    },
    /the length of the dirty list/,
  ],
  [
    'a buffer under another number',
    ({ cache }) => void cache.devices.get(DISK)?.blocks.set(77, first(cache.lists.clean)),
    /under another number/,
  ],
  [
    'a request that skips a sector',
    ({ cache }) => {
      first(cache.lists.locked).sector += 2
    },
    /the sector of the buffer/,
  ],
  [
    'dirty buffers that nobody will write',
    (state) => {
      state.flushTimer = null
    },
    /nobody will write/,
  ],
  [
    'an opener that is gone',
    ({ drives }) => {
      units(drives).openers++
    },
    /the uses of unit 0 of hda is 2, counted 1/,
  ],
  ['a plugged queue without a timer', (state) => void plug(state), /plugged for ever/],
  [
    'a loop device that is not counted',
    (state) => {
      state.loopJobs++
    },
    /loop devices at work/,
  ],
]

const first = <T>({ first: bh }: { first: T | null }): T => {
  if (bh === null) throw new Error('the list is empty')
  return bh
}

const units = (drives: BlockState['drives']) => {
  const unit = drives[0]?.queue.units.get(minor(DISK))
  if (unit === undefined) throw new Error('no unit')
  return unit
}

function plug(state: BlockState): void {
  state.plugged.push(0)
  for (const { queue } of state.drives) queue.isPlugged = true
}

describe('checkInvariants', () => {
  it.each(PLANTED)('finds %s', (_what, plant, complaint) => {
    const { k, state } = busy()
    plant(state)
    expect(brokenInvariants(k as never).join('\n')).toMatch(complaint)
  })
})
