/**
 * The queue of a driver: how a buffer becomes part of a request, and where requests wait for their disk.
 *
 * Linux: make_request, add_request, attempt_merge, get_request, ll_rw_block, drivers/block/ll_rw_blk.c (2.2.12). The
 * elevator is a one-way sweep: by device and sector, upwards, then from the lowest again; the first request, which the
 * driver may be at work on, stays first once the queue is unplugged. Nothing here sleeps: who gets 'no-slot' has changed
 * nothing, waits for `pool.wait` and asks again.
 *
 * Deviation: an ahead write that finds no slot stays dirty; 2.2.12 has cleared the bit by then, and loses the write. It
 * has no bound on how often a request is passed; `starvationBound` is one, as later kernels have it.
 */

import { asDevT, type DevT, minor } from '../abi/brand.js'
import { EIO } from '../abi/errno.js'
import type { Task } from '../kernel/task.js'
import { type BufferHead, endBufferIo, lockBuffer, refuseBuffer } from './buffer.js'
import type { BlockHooks, MergeKind, UnplugReason } from './contributions.js'
import {
  appendBuffer,
  prependBuffer,
  READ,
  READA,
  Request,
  type RequestPool,
  swallowNext,
  WRITE,
  WRITEA,
} from './request.js'

/** The most sectors of a request. Linux: max_sectors, MAX_SECTORS. */
export const MAX_REQUEST_SECTORS = 128

/** What became of a buffer. All but the last four have ended it, or left it alone. */
export type Outcome =
  /** It is on its way already. */
  | 'locked'
  /** A read of what is there already. */
  | 'uptodate'
  /** A write of what the disk has already. */
  | 'clean'
  /** It failed: the device is not that large. */
  | 'beyond-end'
  /** A write to a device that is read-only. */
  | 'read-only'
  /** An ahead that found no slot. */
  | 'dropped'
  /** Nothing has happened: there is no slot. */
  | 'no-slot'
  /** It is the end of a request that waits. */
  | 'merged-back'
  /** It is the beginning of one. */
  | 'merged-front'
  /** It is a request of its own. */
  | 'queued'

/** What a queue is told about its driver. */
export interface QueueOptions {
  /** The whole disk behind it. Default 0: none. */
  readonly dev?: DevT
  /** May it be plugged? Not where a transfer makes others, as with loop devices. Default true. */
  readonly plugs?: boolean
  /** Are neighbouring buffers merged? Default true. */
  readonly merges?: boolean
  /** Does the request being served stay at the head of the queue, as with IDE? Default true. */
  readonly headActive?: boolean
  /** Default 128. */
  readonly maxSectors?: number
  /** How often a request may be passed by later ones; 0, the default: without bound. */
  readonly starvationBound?: number
}

/** A unit: a disk or a partition. */
export class BlockUnit {
  /** Its length in sectors. Linux: blk_size. */
  sectors: number
  /** Linux: ro_bits. */
  isReadOnly: boolean
  /** Where it begins on its disk. Linux: start_sect. */
  start: number
  /** How often it is open, or otherwise in use. */
  openers = 0

  constructor(sectors: number, isReadOnly = false, start = 0) {
    this.sectors = sectors
    this.isReadOnly = isReadOnly
    this.start = start
  }
}

/** The queue of a driver. Linux: struct blk_dev_struct. */
export class RequestQueue {
  readonly pool: RequestPool
  readonly dev: DevT
  readonly plugs: boolean
  readonly merges: boolean
  readonly headActive: boolean
  readonly maxSectors: number
  readonly starvationBound: number
  /** Its units by minor. */
  readonly units = new Map<number, BlockUnit>()
  /** The requests that wait, in the order in which they will be served. */
  head: Request | null = null
  /** How many of them there are. */
  count = 0
  /** Is the first being served? Then it stays the first. */
  isActive = false
  /** May more come before the driver begins? Linux: plug_device. */
  isPlugged = false

  constructor(pool: RequestPool, options: QueueOptions = {}) {
    const {
      dev = asDevT(0),
      plugs = true,
      merges = true,
      headActive = true,
      maxSectors = MAX_REQUEST_SECTORS,
      starvationBound = 0,
    } = options
    this.pool = pool
    this.dev = dev
    this.plugs = plugs
    this.merges = merges
    this.headActive = headActive
    this.maxSectors = maxSectors
    this.starvationBound = starvationBound
  }
}

const unitOf = (queue: RequestQueue, dev: DevT): BlockUnit | undefined => queue.units.get(minor(dev))

/**
 * One buffer of ll_rw_block: a write to a read-only device is refused before anything else. `hooks` is who is told, `by`
 * who asks for it.
 */
export function llRwBlock(
  queue: RequestQueue,
  rw: number,
  bh: BufferHead,
  hooks: BlockHooks | null = null,
  by: Task | null = null,
): Outcome {
  const isWrite = rw === WRITE || rw === WRITEA
  if (isWrite && unitOf(queue, bh.rdev)?.isReadOnly === true) {
    refuseBuffer(bh)
    endBufferIo(bh, false, true)
    return 'read-only'
  }
  return makeRequest(queue, rw, bh, hooks, by)
}

/** Makes a buffer part of a request, or says why not; see Outcome. Linux: make_request. */
export function makeRequest(
  queue: RequestQueue,
  rw: number,
  bh: BufferHead,
  hooks: BlockHooks | null = null,
  by: Task | null = null,
): Outcome {
  if (bh.isLocked) return 'locked'
  const size = unitOf(queue, bh.rdev)?.sectors ?? 0
  if (bh.sectors > size || size - bh.sectors < bh.sector) {
    refuseBuffer(bh)
    endBufferIo(bh, false, rw === WRITE || rw === WRITEA)
    return 'beyond-end'
  }
  const cmd = rw === WRITE || rw === WRITEA ? WRITE : READ
  if (cmd === READ && bh.isUptodate) return 'uptodate'
  if (cmd === WRITE && !bh.isDirty) return 'clean'
  const merged = queue.merges ? findMerge(queue, cmd, bh) : null
  if (merged === null && !queue.pool.has(cmd)) return rw === READA || rw === WRITEA ? 'dropped' : 'no-slot'
  lockBuffer(bh, cmd === WRITE)
  if (hooks?.submit) for (const hook of hooks.submit) hook(hooks.k, bh, cmd, by)
  if (merged === null) {
    newRequest(queue, cmd, bh, hooks, by)
    return 'queued'
  }
  if (merged.sector + merged.sectors === bh.sector) {
    appendBuffer(merged, bh)
    tellMerged(hooks, merged, bh, 'back', by)
    attemptMerge(queue, merged, hooks, by)
    return 'merged-back'
  }
  prependBuffer(merged, bh)
  tellMerged(hooks, merged, bh, 'front', by)
  return 'merged-front'
}

/** A request of its own; the first of a queue plugs it. Linux: get_request, plug_device, add_request. */
function newRequest(
  queue: RequestQueue,
  cmd: typeof READ | typeof WRITE,
  bh: BufferHead,
  hooks: BlockHooks | null,
  by: Task | null,
): void {
  queue.pool.take()
  const req = new Request(cmd, bh)
  if (hooks?.getRequest) for (const hook of hooks.getRequest) hook(hooks.k, req, by)
  if (queue.head === null && queue.plugs && !queue.isPlugged) {
    queue.isPlugged = true
    if (hooks?.plug) for (const hook of hooks.plug) hook(hooks.k, queue.dev, by)
  }
  addRequest(queue, req)
  if (hooks?.insert) for (const hook of hooks.insert) hook(hooks.k, req, by)
}

function tellMerged(
  hooks: BlockHooks | null,
  req: Request,
  bh: BufferHead,
  kind: MergeKind,
  by: Task | null,
): void {
  if (hooks?.merged) for (const hook of hooks.merged) hook(hooks.k, req, bh, kind, by)
}

/** The first request that has the buffer for a neighbour. The one being served is left alone. */
function findMerge(queue: RequestQueue, cmd: number, bh: BufferHead): Request | null {
  let req = queue.isActive || (queue.headActive && !queue.isPlugged) ? (queue.head?.next ?? null) : queue.head
  for (; req !== null; req = req.next) {
    if (req.cmd !== cmd || req.rdev !== bh.rdev || req.sectors + bh.sectors > queue.maxSectors) continue
    if (req.sector + req.sectors === bh.sector || req.sector - bh.sectors === bh.sector) return req
  }
  return null
}

/** Joins a request with the one behind it where they are neighbours now. Linux: attempt_merge. */
function attemptMerge(queue: RequestQueue, req: Request, hooks: BlockHooks | null, by: Task | null): void {
  const { next } = req
  if (next === null || next.cmd !== req.cmd || next.rdev !== req.rdev) return
  if (req.sector + req.sectors !== next.sector || req.sectors + next.sectors > queue.maxSectors) return
  swallowNext(req, next)
  queue.count--
  queue.pool.give()
  tellMerged(hooks, req, next.first, 'requests', by)
}

/** Linux: IN_ORDER. */
const inOrder = (a: Request, b: Request): boolean =>
  a.rdev < b.rdev || (a.rdev === b.rdev && a.sector < b.sector)

/** Puts a request where the sweep will come to it; before the first while the queue is plugged. Linux: add_request. */
export function addRequest(queue: RequestQueue, req: Request): void {
  req.next = null
  queue.count++
  if (queue.head === null) {
    queue.head = req
    return
  }
  const impassable = lastImpassable(queue)
  if (queue.isPlugged && impassable === null && inOrder(req, queue.head)) {
    req.next = queue.head
    queue.head = req
    notePassed(req)
    return
  }
  let at = impassable ?? queue.head
  for (; at.next !== null; at = at.next) {
    const afterThis = inOrder(at, req)
    const beforeNext = inOrder(req, at.next)
    if (inOrder(at, at.next) ? afterThis && beforeNext : afterThis || beforeNext) break
  }
  req.next = at.next
  at.next = req
  notePassed(req)
}

/** All behind a request that has just come have been passed. */
function notePassed(req: Request): void {
  for (let passed = req.next; passed !== null; passed = passed.next) passed.passed++
}

/** The last request that has been passed often enough. */
function lastImpassable({ head, starvationBound }: RequestQueue): Request | null {
  if (starvationBound === 0) return null
  let last: Request | null = null
  for (let req = head; req !== null; req = req.next) if (req.passed >= starvationBound) last = req
  return last
}

/** The driver may begin with what has come. Linux: unplug_device. */
export function unplug(
  queue: RequestQueue,
  why: UnplugReason = 'wait',
  hooks: BlockHooks | null = null,
  by: Task | null = null,
): void {
  if (!queue.isPlugged) return
  queue.isPlugged = false
  if (hooks?.unplug) for (const hook of hooks.unplug) hook(hooks.k, queue.dev, queue.count, why, by)
}

/** The request that the driver serves next; null while the queue is plugged, or it is at work, or there is none. */
export function startRequest(queue: RequestQueue, hooks: BlockHooks | null = null): Request | null {
  const { head } = queue
  if (queue.isPlugged || queue.isActive || head === null) return null
  if (queue.headActive) queue.isActive = true
  else {
    queue.head = head.next
    queue.count--
  }
  if (hooks?.dispatch) for (const hook of hooks.dispatch) hook(hooks.k, head)
  return head
}

/**
 * A request has been served: its buffers have arrived, but for those that failed, and its slot is free. Linux:
 * end_that_request_first, end_that_request_last.
 */
export function finishRequest(
  queue: RequestQueue,
  req: Request,
  failed: ReadonlySet<BufferHead>,
  hooks: BlockHooks | null = null,
): void {
  if (queue.isActive) {
    queue.head = req.next
    queue.count--
    queue.isActive = false
  }
  for (let bh: BufferHead | null = req.first; bh !== null; ) {
    const next: BufferHead | null = bh.next
    const hasFailed = failed.has(bh)
    if (hooks?.complete) for (const hook of hooks.complete) hook(hooks.k, req, bh, hasFailed ? EIO : 0)
    endBufferIo(bh, !hasFailed, req.cmd === WRITE)
    bh = next
  }
  queue.pool.give()
}
