/** Kernels with disks, and a module that writes down what happens to buffers. */
import { createKernel, type Kernel, type KernelCore, type Process, type Task } from 'paleokernel'
import { type BlockContributions, type BlockOptions, block, bread, brelse } from 'paleokernel/block'
import { mkdev } from '../../src/abi/brand.js'
import { contextOf } from '../../src/kernel/context.js'
import { defineModule } from '../../src/kernel/module.js'
import { checkInvariants, checkState } from '../helpers/world.js'

export const DISK = mkdev(3, 0)
export const HDA = { name: 'hda', sectors: 20_000 } as const

/** The options of a machine; '2.2.12' unless told otherwise. */
export interface MachineOptions extends BlockOptions {
  readonly profile?: '2.0.35' | '2.2.12' | '2.6.14'
  readonly seed?: number
}

/** Blocks of a device by bread, as a file system would; what is held is given back. */
const fsCalls = defineModule({
  name: 'fsCalls',
  requires: ['block'],
  init: () => ({}),
  attach: () => ({
    api: {},
    syscalls: {
      readBlock(current: Task, dev: number, number: number): number {
        const bh = bread(current, dev as ReturnType<typeof mkdev>, number)
        if (typeof bh === 'number') return bh
        const [first = 0] = bh.data
        brelse(bh)
        return first
      },
    },
  }),
})

/** A kernel with these disks, and root. */
export const machine = ({ profile = '2.2.12', seed = 1, ...options }: MachineOptions = {}) => {
  const k = createKernel({ modules: [block({ disks: [HDA], ...options }), fsCalls], profile, seed })
  return { k, root: k.spawn({ uid: 0 }) }
}

/** As `machine`, and a log of what hooks are told: 'Q W 8+2'. */
export const spying = ({ profile = '2.2.12', seed = 1, ...options }: MachineOptions = {}) => {
  const spy = defineModule({
    name: 'spy',
    init: () => ({ log: [] as string[] }),
    attach: (_k, { log }) => ({ api: { log }, block: hooks(log) }),
  })
  const k = createKernel({ modules: [block({ disks: [HDA], ...options }), fsCalls, spy], profile, seed })
  return { k, root: k.spawn({ uid: 0 }), log: k.spy.log }
}

const hooks = (log: string[]): BlockContributions => {
  const note = (k: KernelCore, line: string): void => {
    log.push(`${line} @${k.now.toFixed(1)} ${contextOf(k)}`)
  }
  return {
    submit: (k, bh, rw) =>
      note(k, `Q ${rw === 1 ? 'W' : 'R'} ${bh.rdev >> 20}:${bh.rdev & 0xfffff} ${bh.sector}+${bh.sectors}`),
    getRequest: (k, req) => note(k, `G ${req.sector}`),
    merged: (k, req, bh, kind) => note(k, `M ${kind} ${bh.sector} ${req.sectors}`),
    dispatch: (k, req) => note(k, `D ${req.sector}+${req.sectors}`),
    complete: (k, _req, bh, error) => note(k, `C ${bh.sector} ${error}`),
  }
}

/** The lines that begin so, without time and context. */
export const linesOf = (log: readonly string[], letter: string): string[] =>
  log.filter((line) => line.startsWith(letter)).map((line) => line.replace(/ @.*/, ''))

/** Bytes that tell where they were written, and when. */
export const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 13 + (i >> 8)) & 0xff)

/** All books balance, and all state is state. */
export function sound(k: unknown): void {
  checkInvariants(k as Kernel)
  checkState(k as Kernel)
}

export type Root = Process<ReturnType<typeof machine>['root'] extends Process<infer S> ? S : never>
