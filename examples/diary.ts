/**
 * The diary of a disk: a database that writes here and there, an archive that is written from end to end, and programs that
 * read in /dev/reqlog what goes to the disk meanwhile. Then the same as numbers and, where a folder is given, as a picture
 * and as a trace for blkparse and btt.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/diary.ts
 *     blkparse -i demo-out/hda | tail -n 20
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import {
  createKernel,
  isErr,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  type Program,
  type Sys,
  utf8Decode,
} from 'paleokernel'
import { blktrace, block, parseBlkTrace } from 'paleokernel/block'
import { bufflink } from 'paleokernel/bufflink'
import { monitor, monitorSvg, ReqlogReader, reqlog } from 'paleokernel/reqlog'
import { reqdump, reqtop } from 'paleokernel/userland'
import { isMain } from './main.js'
import type { Print } from './story.js'

const BLOCK = 1024
const HDA = 3 * 2 ** 20

/** Writes blocks all over the first half of the disk, and waits for a dozen at a time. */
function* database(sys: Sys): Program {
  const fd = yield* sys.open('/dev/hda', O_RDWR)
  if (isErr(fd)) return 1
  const data = new Uint8Array(BLOCK)
  for (let i = 0; i < 600; i++) {
    yield* sys.pwrite(fd, data, ((i * 4099) % 10_000) * BLOCK)
    if (i % 12 !== 11) continue
    yield* sys.fsync(fd)
    yield* sys.nanosleep(100)
  }
  return 0
}

/** Writes the second half from end to end, as fast as the cache takes it, and lets the kernel bring it to the disk. */
function* archive(sys: Sys): Program {
  const fd = yield* sys.open('/dev/hda', O_RDWR)
  if (isErr(fd)) return 1
  const data = new Uint8Array(8 * BLOCK)
  for (let i = 0; i < 1000; i++) {
    yield* sys.pwrite(fd, data, (12_000 + i * 8) * BLOCK)
    if (i % 100 === 99) {
      yield* sys.fsync(fd)
      yield* sys.nanosleep(200)
    }
  }
  return 0
}

/** Takes everything out of the log, into a file that is on no disk: who writes it to one has more to read. */
function* collector(sys: Sys): Program {
  const log = yield* sys.open('/dev/reqlog', O_RDONLY)
  const out = yield* sys.open('/tmp/diary', O_CREAT | O_RDWR, 0o600)
  if (isErr(log) || isErr(out)) return 1
  const buf = new Uint8Array(4096)
  for (;;) {
    const count = yield* sys.read(log, buf)
    if (isErr(count) || count === 0) return 0
    yield* sys.write(out, buf.subarray(0, count))
  }
}

/** A machine with one disk and all that watches it. */
const machine = () => {
  const k = createKernel({
    modules: [bufflink(), block({ disks: [{ name: 'hda', sectors: 50_000 }] }), reqlog(), blktrace()],
    programs: { '/bin/reqdump': reqdump, '/bin/reqtop': reqtop },
  })
  const root = k.spawn()
  /** Runs a tool while the disk is at work: what it has said. */
  const tool = (...argv: string[]): string[] => {
    const child = k.spawn()
    for (let fd = 0; fd < 3; fd++) child.libc.open(`/tmp/said.${child.pid}`, O_CREAT | O_RDWR, 0o600)
    child.sys.execve(`/bin/${argv[0]}`, argv)
    while (child.exitStatus === undefined && k.step()) {}
    return readAll(`/tmp/said.${child.pid}`, (bytes) => utf8Decode(bytes))
      .trimEnd()
      .split('\n')
  }
  function readAll<T>(path: string, as: (bytes: Uint8Array) => T): T {
    const fd = root.libc.open(path, O_RDONLY)
    const bytes = new Uint8Array(root.libc.fstat(fd).size)
    root.libc.read(fd, bytes)
    root.libc.close(fd)
    return as(bytes)
  }
  return { k, tool, readAll }
}

/** Prints what the diary says; writes a picture and a trace into the folder, if there is one. */
export function diary(print: Print, folder?: URL): void {
  const { k, tool, readAll } = machine()
  k.spawn({ program: database, comm: 'database' })
  k.spawn({ program: archive, comm: 'archive' })

  print('the first lines of the diary, as reqdump shows them:')
  for (const line of tool('reqdump', '-f', '-n', '6')) print(line)
  print('')
  print('the next second, as reqtop sums it up:')
  for (const line of tool('reqtop', '-d', '1', '-n', '1')) print(line)
  print('')

  k.spawn({ program: collector, comm: 'collector' })
  k.run()
  const records = readAll('/tmp/diary', (bytes) => new ReqlogReader().push(bytes))
  const files = k.blktrace.files()
  const trace = files.flatMap(({ bytes }) => parseBlkTrace(bytes))
  const report = monitor(records, { trace, fromMs: records[0]?.timeMs ?? 0 })
  const [hda] = report.devices
  if (hda === undefined) throw new Error('nothing has happened')
  const { writes, requests, submitted, served } = hda
  const most = Math.max(...hda.columns.map(({ maxDepth }) => maxDepth ?? 0))
  print('the rest, as the monitor sees it:')
  print(
    `${writes.transfers} buffers of ${writes.sectors / 2} KiB were written; the disk served ${requests} requests`,
  )
  print(`in the order of submission the head would have passed ${submitted.total} sectors`)
  print(`in the order of the elevator it has passed ${served?.total} sectors`)
  print(`at most ${most} requests in the queue; ${k.reqlog.counts().lost} records lost`)
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL('hda.svg', folder), monitorSvg(report, HDA, { name: '/dev/hda' }))
  for (const { name, bytes } of files) writeFileSync(new URL(`${name}.blktrace.0`, folder), bytes)
  print('written: hda.svg, hda.blktrace.0')
}

if (isMain(import.meta.url)) diary(console.log, new URL('../demo-out/', import.meta.url))
