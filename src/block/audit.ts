/**
 * What the block layer adds to a recount: the lists of the cache, requests and their slots, who holds which buffer, who
 * has what open.
 */

import { minor } from '../abi/brand.js'
import { type Audit, type Books, Tally } from '../kernel/books.js'
import type { BufferHead, BufferList } from './buffer.js'
import { OpenDevice } from './device.js'
import { SyncTransfer } from './flush.js'
import type { BlockUnit } from './queue.js'
import { buffersOf, type Request, type RequestPool } from './request.js'
import { type BlockState, blockState, unitAt } from './state.js'
import { BlockTransfer } from './transfer.js'

const nameOf = (bh: BufferHead): string => `the buffer of block ${bh.block} of device ${bh.dev}`

/** All requests, those that are being served too; and the slots that they take. */
function allRequests(books: Books, state: BlockState): Request[] {
  const all: Request[] = []
  const slots = new Tally<RequestPool>()
  for (const { queue, serving } of state.drives) {
    const own = new Set<Request>()
    for (let req = queue.head; req !== null; req = req.next) own.add(req)
    if (serving !== null) own.add(serving)
    all.push(...own)
    slots.add(queue.pool, own.size)
  }
  for (const [pool, used] of slots.counts) {
    books.queues.add(pool.wait)
    books.same('the request slots in use', pool.used, used)
  }
  return all
}

/** The cache: what is found by number is what is on the lists, each on the one that it belongs to. */
function checkCache(books: Books, state: BlockState, held: Tally<BufferHead>): void {
  const { cache } = state
  let bytes = 0
  let count = 0
  for (const { blocks, dev, busy } of cache.devices.values()) {
    const isBusy = [...blocks.values()].filter((bh) => bh.isDirty || bh.isLocked)
    books.same(`the busy buffers of device ${dev}`, busy, isBusy.length)
    for (const [block, bh] of blocks) {
      bytes += bh.data.length
      count++
      books.must(bh.dev === dev && bh.block === block, `${nameOf(bh)} is under another number`)
      const wanted = bh.isDirty ? 'dirty' : bh.isLocked ? 'locked' : 'clean'
      books.must(bh.list === cache.lists[wanted], `${nameOf(bh)} is not on the ${wanted} list`)
      books.same(`the holders of ${nameOf(bh)}`, bh.count, held.of(bh))
      if (bh.wait !== null) books.queues.add(bh.wait)
    }
  }
  books.same('the bytes of the buffer cache', cache.bytes, bytes)
  let listed = 0
  for (const [name, list] of Object.entries(cache.lists))
    if (name === 'clean' || name === 'locked' || name === 'dirty') listed += checkList(books, name, list)
  books.same('the buffers on lists', listed, count)
}

function checkList(books: Books, name: string, list: BufferList): number {
  let count = 0
  let before: BufferHead | null = null
  for (let bh = list.first; bh !== null && count <= list.count; bh = bh.behind) {
    books.must(bh.before === before && bh.list === list, `the ${name} list is broken at ${nameOf(bh)}`)
    before = bh
    count++
  }
  books.must(list.last === before, `the ${name} list has another end`)
  books.same(`the length of the ${name} list`, list.count, count)
  return count
}

/** Requests: as many as slots are taken; every locked buffer is in one, and every buffer of one is locked. */
function checkRequests(books: Books, state: BlockState): void {
  const requests = allRequests(books, state)
  const inRequest = new Set<BufferHead>()
  for (const req of requests) {
    let sector = req.sector
    for (const bh of buffersOf(req)) {
      books.must(!inRequest.has(bh), `${nameOf(bh)} is in two requests`)
      books.must(bh.isLocked, `${nameOf(bh)} is in a request and not locked`)
      books.same(`the sector of ${nameOf(bh)}`, bh.sector, sector)
      inRequest.add(bh)
      sector += bh.sectors
    }
    books.same(`the sectors of the request at ${req.sector}`, req.sectors, sector - req.sector)
  }
  for (const { blocks } of state.cache.devices.values())
    for (const bh of blocks.values())
      books.must(!bh.isLocked || inRequest.has(bh), `${nameOf(bh)} is locked and in no request`)
  for (const { name, queue, serving } of state.drives) {
    let count = 0
    for (let req = queue.head; req !== null; req = req.next) count++
    books.same(`the length of the queue of ${name}`, queue.count, count)
    books.must(!queue.isActive || serving === queue.head, `${name} is at work on another request`)
    const isAwaited = state.plugged.length === 0 || state.unplugTimer !== null
    books.must(!queue.isPlugged || isAwaited, `the queue of ${name} is plugged for ever`)
  }
}

/** Who holds buffers: calls that sleep in a transfer, loop devices at work. */
function holders(books: Books, state: BlockState): Tally<BufferHead> {
  const held = new Tally<BufferHead>()
  for (const { restart } of books.live) {
    if (restart instanceof BlockTransfer) for (const bh of restart.held) held.add(bh)
    if (restart instanceof SyncTransfer) for (const bh of restart.buffers) held.add(bh)
  }
  for (const { job } of state.drives) if (job !== null && job.below !== null) held.add(job.below)
  return held
}

/** Uses of units: open files, loop devices, md devices. */
function checkUnits(books: Books, state: BlockState): void {
  const uses = new Tally<BlockUnit>()
  for (const { data } of books.files.counts.keys()) if (data instanceof OpenDevice) uses.add(data.unit)
  for (const { loop, md } of state.drives) {
    for (const dev of [...(loop === null ? [] : [loop]), ...(md ?? []).map((part) => part.dev)]) {
      const at = unitAt(state, dev)
      if (at !== null) uses.add(at.unit)
    }
  }
  let jobs = 0
  for (const drive of state.drives) {
    if (drive.job !== null) jobs++
    for (const [unit, of] of drive.queue.units) {
      books.same(`the uses of unit ${unit} of ${drive.name}`, of.openers, uses.of(of))
      const dev = drive.dev + (unit - minor(drive.dev))
      books.must(state.byDev.get(dev as typeof drive.dev) === drive, `unit ${unit} of ${drive.name} is lost`)
    }
  }
  books.same('the loop devices at work', state.loopJobs, jobs)
}

/** The audit of the module. */
export const blockAudit: Audit = Object.freeze({
  name: 'block',

  holds(books) {
    const state = blockState(books.k)
    books.queues.add(state.cache.lists.wait)
  },

  check(books) {
    const state = blockState(books.k)
    checkCache(books, state, holders(books, state))
    checkRequests(books, state)
    checkUnits(books, state)
    const { dirty } = state.cache.lists
    const isAwaited = state.flushTimer !== null || state.hasOldLeft || state.flushLeft > 0
    books.must(dirty.count === 0 || isAwaited, 'there are dirty buffers that nobody will write')
  },
} satisfies Audit)
