/** What modules are told of a buffer's way to its disk, and in which order. */
import { describe, expect, it } from 'vitest'
import { mkdev } from '../../src/abi/brand.js'
import { BufferHead } from '../../src/block/buffer.js'
import { type BlockContributions, blockHooks } from '../../src/block/contributions.js'
import {
  BlockUnit,
  finishRequest,
  llRwBlock,
  RequestQueue,
  startRequest,
  unplug,
} from '../../src/block/queue.js'
import { READ, READA, RequestPool, WRITE } from '../../src/block/request.js'
import { createKernel } from '../../src/index.js'
import type { KernelCore } from '../../src/kernel/kernel.js'
import { defineModule } from '../../src/kernel/module.js'
import { coreOf } from '../helpers/world.js'

const DISK = mkdev(3, 0)

const buffer = (block: number, isDirty = true): BufferHead => {
  const bh = new BufferHead(DISK, block * 2, new Uint8Array(1024))
  bh.isUptodate = isDirty
  bh.isDirty = isDirty
  return bh
}

/** A kernel with a module that writes down what it is told. */
function listening(block: (log: string[]) => BlockContributions): { k: KernelCore; log: string[] } {
  const log: string[] = []
  const module = defineModule({
    name: 'spy',
    init: () => ({}),
    attach: () => ({ api: {}, block: block(log) }),
  })
  return { k: coreOf(createKernel({ modules: [module] })), log }
}

const spy = (log: string[]): BlockContributions => ({
  submit: (_k, bh, rw, by) =>
    log.push(`Q ${rw === WRITE ? 'W' : 'R'} ${bh.sector}+${bh.sectors} ${by?.pid ?? '-'}`),
  getRequest: (_k, req) => log.push(`G ${req.sector}+${req.sectors}`),
  plug: (_k, dev) => log.push(`P ${dev === DISK}`),
  insert: (_k, req) => log.push(`I ${req.sector}+${req.sectors}`),
  merged: (_k, req, bh, kind) => log.push(`M ${kind} ${bh.sector} -> ${req.sector}+${req.sectors}`),
  unplug: (_k, _dev, count, why) => log.push(`U ${count} ${why}`),
  dispatch: (_k, req) => log.push(`D ${req.sector}+${req.sectors}`),
  complete: (_k, _req, bh, error) => log.push(`C ${bh.sector} ${error} ${bh.isLocked}`),
})

describe('hooks of the block layer', () => {
  it('are told of every buffer, merged or not, in the order of its way', () => {
    const { k, log } = listening(spy)
    const hooks = blockHooks(k)
    const queue = new RequestQueue(new RequestPool(), { dev: DISK })
    queue.units.set(0, new BlockUnit(100))
    const buffers = [4, 6, 5, 3].map((n) => buffer(n))
    for (const bh of buffers) llRwBlock(queue, WRITE, bh, hooks)
    unplug(queue, 'wait', hooks)
    unplug(queue, 'wait', hooks)
    const req = startRequest(queue, hooks)
    if (req === null) throw new Error('no request')
    finishRequest(queue, req, new Set(buffers.slice(1, 2)), hooks)
    expect(log).toEqual([
      'Q W 8+2 -',
      'G 8+2',
      'P true',
      'I 8+2',
      'Q W 12+2 -',
      'G 12+2',
      'I 12+2',
      'Q W 10+2 -',
      'M back 10 -> 8+4',
      'M requests 12 -> 8+6',
      'Q W 6+2 -',
      'M front 6 -> 6+8',
      'U 1 wait',
      'D 6+8',
      'C 6 0 true',
      'C 8 0 true',
      'C 10 0 true',
      'C 12 -5 true',
    ])
  })

  it('are not told of what make_request returns early for, or drops', () => {
    const { k, log } = listening(spy)
    const hooks = blockHooks(k)
    const queue = new RequestQueue(new RequestPool(0), { dev: DISK })
    queue.units.set(0, new BlockUnit(100))
    queue.units.set(1, new BlockUnit(100, true))
    const locked = buffer(1)
    locked.isLocked = true
    const readOnly = new BufferHead(mkdev(3, 1), 0, new Uint8Array(512))
    readOnly.isDirty = true
    expect(llRwBlock(queue, WRITE, locked, hooks)).toBe('locked')
    expect(llRwBlock(queue, READ, buffer(1), hooks)).toBe('uptodate')
    expect(llRwBlock(queue, WRITE, buffer(1, false), hooks)).toBe('clean')
    expect(llRwBlock(queue, READ, buffer(50, false), hooks)).toBe('beyond-end')
    expect(llRwBlock(queue, READA, buffer(1, false), hooks)).toBe('dropped')
    expect(llRwBlock(queue, READ, buffer(1, false), hooks)).toBe('no-slot')
    expect(llRwBlock(queue, WRITE, readOnly, hooks)).toBe('read-only')
    expect(log).toEqual([])
  })

  it('cost nothing where nobody has one, and are compiled once', () => {
    expect(blockHooks(coreOf(createKernel()))).toBe(null)
    const { k } = listening(() => ({ dispatch: () => {} }))
    const hooks = blockHooks(k)
    expect([hooks?.submit, hooks?.dispatch?.length]).toEqual([null, 1])
    expect(blockHooks(k)).toBe(hooks)
  })
})
