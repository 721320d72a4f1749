/** A machine with disks and their diary. */
import {
  createKernel,
  EAGAIN,
  type Fd,
  isErr,
  type KernelOptions,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_SYNC,
  type Process,
} from 'paleokernel'
import { type BlockOptions, block } from 'paleokernel/block'
import { bufflink, bufflinkTest } from 'paleokernel/bufflink'
import { type ReqlogOptions, ReqlogReader, type ReqlogRecord, reqlog } from 'paleokernel/reqlog'
import { ok } from '../helpers/world.js'

/** Two IDE disks, a RAM disk; hda has two partitions. */
export const DISKS: BlockOptions = {
  disks: [
    { name: 'hda', sectors: 20_000, image: [{ sector: 0, data: table([100, 4000], [5000, 8000]) }] },
    { name: 'hdb', sectors: 20_000 },
    { name: 'ram0', sectors: 2000 },
  ],
}

/** A partition table with these starts and lengths. */
function table(...parts: readonly (readonly [number, number])[]): Uint8Array {
  const sector = new Uint8Array(512)
  const view = new DataView(sector.buffer)
  for (const [i, [start, length]] of parts.entries()) {
    sector[446 + 16 * i + 4] = 0x83
    view.setUint32(446 + 16 * i + 8, start, true)
    view.setUint32(446 + 16 * i + 12, length, true)
  }
  view.setUint16(510, 0xaa55, true)
  return sector
}

export interface Setup extends Omit<KernelOptions, 'modules'> {
  readonly log?: ReqlogOptions
  readonly disks?: BlockOptions
}

export const machine = ({ log = {}, disks = {}, ...options }: Setup = {}) => {
  const k = createKernel({
    ...options,
    modules: [bufflink(), block({ ...DISKS, ...disks }), reqlog(log), bufflinkTest()],
  })
  return { k, root: k.spawn({ uid: 0 }) }
}

export type Machine = ReturnType<typeof machine>['k']

/** Opens a node of a disk. */
export const open = (p: Process, name: string, flags: number = O_RDWR): Fd =>
  ok(p.sys.open(`/dev/${name}`, flags))

/** What is in the log: it is empty then. */
export function drain(p: Process, layout: 'short' | 'long' = 'short'): ReqlogRecord[] {
  const fd = ok(p.sys.open('/dev/reqlog', O_RDONLY | O_NONBLOCK))
  const reader = new ReqlogReader(layout)
  const records: ReqlogRecord[] = []
  const buf = new Uint8Array(4096)
  for (let n = p.sys.read(fd, buf); n !== EAGAIN; n = p.sys.read(fd, buf)) {
    if (isErr(n)) throw new Error(`read of the log: ${n}`)
    records.push(...reader.push(buf.subarray(0, n)))
  }
  p.sys.close(fd)
  return records
}

/** A whole file. */
export function readBytes(p: Process, path: string): Uint8Array {
  const fd = ok(p.sys.open(path, O_RDONLY))
  const bytes = new Uint8Array(ok(p.sys.fstat(fd)).size)
  ok(p.sys.read(fd, bytes))
  p.sys.close(fd)
  return bytes
}

/** Records as text: 'W 3:1 200+2'. */
export const show = (records: readonly ReqlogRecord[]): string[] =>
  records.map(
    ({ isWrite, hasFailed, device, sector, sectors }) =>
      `${isWrite ? 'W' : 'R'} ${device >>> 20}:${device & 0xfffff} ${sector}+${sectors}${hasFailed ? '!' : ''}`,
  )

/** Bytes that say where they belong. */
export const pattern = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff)

/** Writes blocks of 1 KiB at block numbers, and brings them to the disk. */
export function writeBlocks(p: Process, fd: number, ...blocks: readonly number[]): void {
  for (const at of blocks) ok(p.sys.pwrite(fd, pattern(1024, at), at * 1024))
  ok(p.sys.fsync(fd))
}

export { O_SYNC }
