/** The power goes after every single request of a run: what is on the platter is what had been written by then. */
import { createKernel, O_RDWR, type Program, type Sys } from 'paleokernel'
import { block, type Request } from 'paleokernel/block'
import { describe, expect, it } from 'vitest'
import { defineModule } from '../../src/kernel/module.js'
import { bytesEqual } from '../../src/lib/bytes.js'
import { pattern, sound } from './machine.js'

const SECTORS = 400

/** A request that has ended: what it wrote, sector by sector. */
interface Done {
  readonly isWrite: boolean
  readonly sectors: { readonly sector: number; readonly data: Uint8Array }[]
}

/** Writes down all requests as they end. */
const recorder = () =>
  defineModule({
    name: 'recorder',
    init: () => ({ done: [] as Done[] }),
    attach: (_k, { done }) => ({
      api: { done },
      block: {
        complete(_kernel, req: Request, bh) {
          if (bh === req.first) done.push({ isWrite: req.cmd === 1, sectors: [] })
          for (let i = 0; i < bh.sectors; i++)
            done.at(-1)?.sectors.push({ sector: bh.sector + i, data: bh.data.slice(i * 512, i * 512 + 512) })
        },
      },
    }),
  })

/** Writes here and there, in pieces of any length; now and then waits until it is on the disk. */
function* writer(sys: Sys, id: number): Program {
  const fd = yield* sys.open('/dev/hda', O_RDWR)
  for (let i = 0; i < 12; i++) {
    const at = (i * 37 + id * 101) % 190
    yield* sys.pwrite(fd, pattern(300 + ((i * 450) % 3000), i + id * 50), at * 1024 + ((i * 77) % 700))
    if (i % 4 === id) yield* sys.fsync(fd)
  }
  if (id === 0) yield* sys.sync()
  return 0
}

/** A kernel in which nobody has done anything yet. */
function begin() {
  const k = createKernel({
    modules: [
      block({ disks: [{ name: 'hda', sectors: SECTORS, image: pattern(SECTORS * 512, 99) }] }),
      recorder(),
    ],
    profile: '2.2.12',
  })
  for (const id of [0, 1, 2])
    k.spawn({
      uid: 0,
      program: function* (sys) {
        return yield* writer(sys, id)
      },
    })
  return k
}

describe('a power cut after every single request of a write-heavy run', () => {
  it.each([0, 1, 3])('leaves exactly the completed writes, and %i sectors of the one under way', (torn) => {
    const base = begin()
    const whole = base.fork()
    whole.run()
    const { done } = whole.recorder
    const writes = done.filter(({ isWrite }) => isWrite).length
    expect([done.length > 30, writes > 25, writes < done.length]).toEqual([true, true, true])
    const model = pattern(SECTORS * 512, 99)
    for (let cut = 1; cut <= done.length; cut++) {
      const k = base.fork()
      k.block.setFaults('hda', { cutAt: cut, cutSectors: torn })
      k.run()
      expect(k.recorder.done.length).toBe(cut - 1)
      expect(k.block.stats('hda').served).toBe(cut)
      const request = done[cut - 1]
      const expected = model.slice()
      if (request?.isWrite === true)
        for (const { sector, data } of request.sectors.slice(0, torn)) expected.set(data, sector * 512)
      expect(bytesEqual(k.block.image('hda'), expected)).toBe(true)
      if (cut % 8 === 0) sound(k)
      if (request?.isWrite === true)
        for (const { sector, data } of request.sectors) model.set(data, sector * 512)
    }
    expect(bytesEqual(whole.block.image('hda'), model)).toBe(true)
    expect(base.recorder.done.length).toBe(0)
    sound(whole)
  })

  it('of one disk of two stops both: it is the machine that has lost it', () => {
    const k = begin()
    k.block.cutPower()
    k.run()
    expect(k.recorder.done).toEqual([])
    expect(bytesEqual(k.block.image('hda'), pattern(SECTORS * 512, 99))).toBe(true)
    sound(k)
  })
})
