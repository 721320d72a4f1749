/**
 * What it costs to keep a diary of the disks: write-back with and without the request log.
 *
 *     npx tsx --tsconfig test/tsconfig.json bench/reqlog.ts
 *
 * A round makes blocks of a RAM disk, or of a disk with an elevator, dirty in the cache; what is measured is how long fsync
 * takes to bring them to the disk. Rounds of all rows take turns, so that a busy machine slows all of them; the figures are those of the best
 * round.
 */
import { createKernel, O_RDWR } from 'paleokernel'
import { type BlockOptions, blktrace, block } from 'paleokernel/block'
import { bufflink } from 'paleokernel/bufflink'
import { reqlog } from 'paleokernel/reqlog'

const BLOCKS = 2000
const ROUNDS = 150
/** Of the write-back throughput. */
const GOAL = 0.1

const DISKS: BlockOptions = {
  disks: [
    { name: 'hda', sectors: 100_000 },
    { name: 'ram0', sectors: 100_000 },
  ],
}

const KERNELS = {
  'no log': () => createKernel({ modules: [block(DISKS)] }),
  'reqlog, full ring': () => createKernel({ modules: [block(DISKS), bufflink(), reqlog()] }),
  'reqlog, read': () => createKernel({ modules: [block(DISKS), bufflink(), reqlog({ ringSize: 2 ** 18 })] }),
  'reqlog, long records': () =>
    createKernel({ modules: [block(DISKS), bufflink(), reqlog({ ringSize: 2 ** 18, layout: 'long' })] }),
  blktrace: () => createKernel({ modules: [block(DISKS), blktrace({ limit: 2 ** 20 })] }),
} as const

/** One round of write-back: nanoseconds per block. */
function writeBack(kernel: keyof typeof KERNELS, disk: string): () => number {
  const k = KERNELS[kernel]()
  const p = k.spawn()
  const fd = p.libc.open(`/dev/${disk}`, O_RDWR)
  const log = kernel.startsWith('reqlog') ? p.libc.open('/dev/reqlog', O_RDWR) : -1
  const data = new Uint8Array(1024)
  const buf = new Uint8Array(2 ** 18)
  let round = 0
  return () => {
    data[0] = ++round
    // Runs of four: every fourth begins a request.
    for (let i = 0; i < BLOCKS; i++) p.sys.pwrite(fd, data, ((i >> 2) * 16 + (i & 3)) * 1024)
    const start = performance.now()
    p.sys.fsync(fd)
    const ns = ((performance.now() - start) / BLOCKS) * 1e6
    if (log >= 0 && kernel !== 'reqlog, full ring') p.sys.read(log, buf)
    return ns
  }
}

let isMet = true
for (const disk of ['hda', 'ram0']) {
  const names = Object.keys(KERNELS) as (keyof typeof KERNELS)[]
  const cases = names.map((name) => ({ name, run: writeBack(name, disk), times: [] as number[] }))
  for (let warm = 0; warm < 10; warm++) for (const { run } of cases) run()
  for (let round = 0; round < ROUNDS; round++) for (const { run, times } of cases) times.push(run())
  const base = Math.min(...(cases[0]?.times ?? []))
  console.log(`write-back of ${BLOCKS} blocks to ${disk}: nanoseconds per block, blocks per second, share`)
  for (const { name, times } of cases) {
    const ns = Math.min(...times)
    const share = ns / base - 1
    const rate = Math.round(1e9 / ns)
    console.log(
      `${name.padEnd(22)} ${ns.toFixed(0).padStart(7)} ${String(rate).padStart(9)} ${(share * 100).toFixed(1).padStart(6)} %`,
    )
    if (name.startsWith('reqlog') && name !== 'reqlog, long records' && share > GOAL) isMet = false
  }
}
console.log(`goal: the request log takes at most ${GOAL * 100} % of write-back: ${isMet ? 'met' : 'MISSED'}`)
