/**
 * Write-back of dirty buffers, with and without somebody who looks at each, and the memory of a sparse disk:
 *
 *     npx tsx --tsconfig test/tsconfig.json bench/block.ts [--memory]
 *
 * Rounds of all rows take turns, so that a busy machine slows all of them; the figures are those of the best round.
 * With --memory 1 GiB is written to a disk of 2 TiB; it needs about 2.5 GB.
 */
import { createKernel, O_RDWR } from 'paleokernel'
import { block } from 'paleokernel/block'
import { defineModule } from '../src/kernel/module.js'

const BUFFERS = 4000
const ROUNDS = 15

const watcher = defineModule({
  name: 'watcher',
  init: () => ({ seen: 0 }),
  attach: (_k, state) => ({
    api: state,
    block: {
      submit() {
        state.seen++
      },
    },
  }),
})

/** Writes dirty buffers to the disk: 1 KiB each, one behind the other or far apart. Nanoseconds for a request. */
function writer(kind: 'disk' | 'ram', stride: number, isWatched: boolean): () => number {
  const disks = [{ name: 'hda', sectors: 2 ** 22, kind, merges: true }] as const
  const own = block({ disks, memory: 2 ** 26 })
  const k = isWatched ? createKernel({ modules: [own, watcher] }) : createKernel({ modules: [own] })
  const { libc } = k.spawn({ uid: 0 })
  const fd = libc.open('/dev/hda', O_RDWR)
  const data = new Uint8Array(1024)
  return () => {
    for (let n = 0; n < BUFFERS; n++) libc.pwrite(fd, data, n * stride * 1024)
    const before = k.block.stats('hda').writes
    const start = performance.now()
    libc.fsync(fd)
    return ((performance.now() - start) / (k.block.stats('hda').writes - before)) * 1e6
  }
}

function measureTimes(): void {
  const cases = (['disk', 'ram'] as const).flatMap((kind) =>
    [1, 4].flatMap((stride) =>
      [false, true].map((isWatched) => ({
        name: `${kind}, ${stride === 1 ? 'one behind the other' : 'far apart'}${isWatched ? ', watched' : ''}`,
        run: writer(kind, stride, isWatched),
        times: [] as number[],
      })),
    ),
  )
  for (const { run } of cases) run()
  for (let round = 0; round < ROUNDS; round++) for (const { run, times } of cases) times.push(run())
  console.log('write-back of buffers of 1 KiB'.padEnd(38), 'requests/s', 'us a request')
  for (const { name, times } of cases) {
    const ns = Math.min(...times)
    console.log(
      name.padEnd(38),
      String(Math.round(1e9 / ns)).padStart(10),
      (ns / 1000).toFixed(2).padStart(12),
    )
  }
}

function measureMemory(): void {
  const GIB = 2 ** 30
  const CHUNK = 2 ** 20
  const k = createKernel({ modules: [block({ disks: [{ name: 'sda', sectors: 2 ** 32 }] })] })
  const { libc } = k.spawn({ uid: 0 })
  const fd = libc.open('/dev/sda', O_RDWR)
  const data = new Uint8Array(CHUNK).fill(7)
  const before = process.memoryUsage()
  // A piece of 1 MiB every 2 GiB.
  for (let n = 0; n < GIB / CHUNK; n++) libc.pwrite(fd, data, n * 2 ** 31)
  libc.fsync(fd)
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  const used = heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers
  console.log(`1 GiB on a disk of 2 TiB: ${(k.block.allocated('sda') / GIB).toFixed(3)} GiB in slabs,`)
  console.log(`${(used / GIB).toFixed(3)} GiB in all, the cache of 16 MiB included (wanted: 1.1 at most)`)
  if (used > 1.1 * GIB) process.exitCode = 1
}

if (process.argv.includes('--memory')) measureMemory()
else measureTimes()
