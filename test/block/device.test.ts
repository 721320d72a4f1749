/** Block devices as programs see them: nodes, reads and writes at any place, ends, ioctls. */
import { createKernel, type Kernel, O_RDWR } from 'paleokernel'
import { type BlockOptions, block } from 'paleokernel/block'
import { describe, expect, it } from 'vitest'
import { checkInvariants, checkState, ok } from '../helpers/world.js'

const machine = (options: BlockOptions = {}) => {
  const k = createKernel({
    modules: [
      block({
        disks: [
          { name: 'hda', sectors: 20_000 },
          { name: 'ram0', sectors: 200 },
        ],
        ...options,
      }),
    ],
    profile: '2.2.12',
  })
  return { k, root: k.spawn({ uid: 0 }) }
}

const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff)

function sound(k: unknown): void {
  checkInvariants(k as Kernel)
  checkState(k as Kernel)
}

describe.each(['hda', 'ram0'])('reads and writes of /dev/%s', (name) => {
  it('bring back what was written, at any place and of any length', () => {
    const { k, root } = machine()
    const fd = ok(root.sys.open(`/dev/${name}`, O_RDWR))
    for (const [pos, length] of [
      [0, 1024],
      [1, 1],
      [1023, 2],
      [513, 5000],
      [30_000, 1024],
      [30_001, 3000],
    ] as const) {
      const data = pattern(length, pos)
      expect(root.sys.pwrite(fd, data, pos)).toBe(length)
      const back = new Uint8Array(length)
      expect(root.sys.pread(fd, back, pos)).toBe(length)
      expect(back).toEqual(data)
    }
    sound(k)
    expect(k.block.cache().dirty).toBeGreaterThan(0)
    expect(k.block.allocated(name)).toBe(0)
    expect(root.sys.fsync(fd)).toBe(0)
    expect(k.block.cache().dirty).toBe(0)
    expect(k.block.image(name, 1, 1)).toEqual(
      (() => {
        const buf = new Uint8Array(512)
        ok(root.sys.pread(fd, buf, 512))
        return buf
      })(),
    )
    sound(k)
  })
})
