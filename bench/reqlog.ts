/** Write-back of dirty blocks, with and without somebody who notes each. */

import { createKernel, O_RDWR } from 'paleokernel'
import { blktrace, block } from 'paleokernel/block'
import { bufflink } from 'paleokernel/bufflink'
import { reqlog } from 'paleokernel/reqlog'
import { bytesOf } from './fixtures.js'
import type { Timed } from './measure.js'

/** Blocks of a batch, and how many of them are dirty in the cache when they are brought to the disk. */
const BLOCKS = 8000
const DIRTY = 2000
const BLOCK_BYTES = 1024

const disks = () => block({ disks: [{ name: 'hda', sectors: 2 ** 20 }], memory: 2 ** 24 })

const KERNELS = {
  'no log': () => createKernel({ modules: [disks()] }),
  reqlog: () => createKernel({ modules: [disks(), bufflink(), reqlog({ ringSize: BLOCKS * 32 })] }),
  'reqlog, full ring': () => createKernel({ modules: [disks(), bufflink(), reqlog()] }),
  'reqlog, long records': () =>
    createKernel({ modules: [disks(), bufflink(), reqlog({ ringSize: BLOCKS * 32, layout: 'long' })] }),
  blktrace: () => createKernel({ modules: [disks(), blktrace({ limit: 2 ** 20 })] }),
} as const

/** Blocks in runs of four, so that every fourth begins a request: into the cache, and from there to the disk. */
function writeBack(way: keyof typeof KERNELS): Timed {
  const k = KERNELS[way]()
  const { sys, libc } = k.spawn({ uid: 0 })
  const fd = libc.open('/dev/hda', O_RDWR)
  const log = way === 'reqlog' || way === 'reqlog, long records' ? libc.open('/dev/reqlog', O_RDWR) : -1
  const data = bytesOf(BLOCK_BYTES)
  const buf = new Uint8Array(BLOCKS * 32)
  return {
    kind: 'timed',
    exactly: BLOCKS,
    warmth: 8,
    run(count) {
      let right = 0
      for (let done = 0; done < count; done += DIRTY) {
        for (let i = 0; i < DIRTY; i++)
          if (sys.pwrite(fd, data, ((i >> 2) * 16 + (i & 3)) * BLOCK_BYTES) === BLOCK_BYTES) right++
        if (sys.fsync(fd) !== 0) return 0
      }
      return right
    },
    after() {
      if (log >= 0) sys.read(log, buf)
    },
  }
}

/** The ways to do it. */
export const WRITE_BACK: Readonly<Record<string, () => Timed>> = Object.fromEntries(
  (Object.keys(KERNELS) as (keyof typeof KERNELS)[]).map((way) => [way, () => writeBack(way)]),
)
