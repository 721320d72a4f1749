/**
 * The points of a buffer's way to its disk at which modules may look: the member `block` of their contributions.
 *
 * They observe, they decide nothing, and cannot sleep: they run in whatever context the block layer runs in; the
 * completion in an interrupt handler. Every buffer that passes `submit` comes to `complete` once, unless its disk loses
 * its power first. Between them a buffer is either given a request of its own (`getRequest`, `insert`) or put into one
 * that waits (`merged`).
 *
 * What they are told is compiled once per wiring: one list per point, null where nobody listens, so that a kernel
 * without such a module pays one test per point.
 */

import type { DevT } from '../abi/brand.js'
import type { Errno } from '../abi/errno.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Task } from '../kernel/task.js'
import type { BufferHead } from './buffer.js'
import type { READ, Request, WRITE } from './request.js'

/** How a request grew: by a buffer at its end, one at its beginning, or all buffers of the request behind it. */
export type MergeKind = 'back' | 'front' | 'requests'

/** Why a queue was unplugged: somebody waits for a buffer or a slot of it; the timer of the queue ran out. */
export type UnplugReason = 'wait' | 'timer'

/** What a module is told about the block layer. `by` is who asks for the transfer; null: the kernel itself. */
export interface BlockContributions {
  /**
   * A buffer is on its way: it has passed all early returns of make_request, and is not in a request yet. Once per
   * buffer, those included that are merged. `bh.rdev` and `bh.sector` are the device that was addressed, a partition's
   * node say, and the sector on it (after remapping by md). blktrace: Q.
   */
  submit?(k: KernelCore, bh: BufferHead, rw: typeof READ | typeof WRITE, by: Task | null): void
  /** A slot was taken for a new request, which is not in the queue yet and has one buffer. blktrace: G. */
  getRequest?(k: KernelCore, req: Request, by: Task | null): void
  /** The queue of a disk was empty and holds back what comes; `dev` is the whole disk. blktrace: P. */
  plug?(k: KernelCore, dev: DevT, by: Task | null): void
  /** A new request was put into the queue. blktrace: I. */
  insert?(k: KernelCore, req: Request, by: Task | null): void
  /**
   * A request that waits has grown. `bh` is the buffer that came; for 'requests' the first of the request that was
   * swallowed, whose slot is free again. blktrace: M back, F front; for 'requests' it has no letter.
   */
  merged?(k: KernelCore, req: Request, bh: BufferHead, kind: MergeKind, by: Task | null): void
  /** The queue of the disk `dev` is let go, with `count` requests in it. blktrace: U for 'wait', UT for 'timer'. */
  unplug?(k: KernelCore, dev: DevT, count: number, why: UnplugReason, by: Task | null): void
  /** The driver takes a request off the queue and begins with it. blktrace: D. */
  dispatch?(k: KernelCore, req: Request): void
  /**
   * A buffer of a request has arrived, or failed; it is still locked, and the next one of the request is `bh.next`. Once
   * per buffer, in the order of sectors, in an interrupt handler. `error`: 0 or EIO. blktrace: C at the request's last.
   */
  complete?(k: KernelCore, req: Request, bh: BufferHead, error: 0 | Errno): void
}

/** The lists of one kernel. */
export interface BlockHooks {
  readonly k: KernelCore
  readonly submit: HookList<'submit'>
  readonly getRequest: HookList<'getRequest'>
  readonly plug: HookList<'plug'>
  readonly insert: HookList<'insert'>
  readonly merged: HookList<'merged'>
  readonly unplug: HookList<'unplug'>
  readonly dispatch: HookList<'dispatch'>
  readonly complete: HookList<'complete'>
}

type Point = keyof BlockContributions
type HookList<P extends Point> = readonly NonNullable<BlockContributions[P]>[] | null

const CACHE = 'block.hooks'

function listOf<P extends Point>(all: readonly BlockContributions[], point: P): HookList<P> {
  const list: NonNullable<BlockContributions[P]>[] = []
  for (const one of all) {
    const hook = one[point]
    if (hook !== undefined) list.push(hook)
  }
  return list.length === 0 ? null : list
}

/** The hooks of a kernel, in the order of modules; null: nobody has one. Compiled when first wanted after wiring. */
export function blockHooks(k: KernelCore): BlockHooks | null {
  const known = k.caches.get(CACHE)
  if (known !== undefined) return known as BlockHooks | null
  const all: BlockContributions[] = []
  for (const { block } of k.contributions.values()) if (block !== undefined) all.push(block)
  const hooks: BlockHooks | null =
    all.length === 0
      ? null
      : {
          k,
          submit: listOf(all, 'submit'),
          getRequest: listOf(all, 'getRequest'),
          plug: listOf(all, 'plug'),
          insert: listOf(all, 'insert'),
          merged: listOf(all, 'merged'),
          unplug: listOf(all, 'unplug'),
          dispatch: listOf(all, 'dispatch'),
          complete: listOf(all, 'complete'),
        }
  k.caches.set(CACHE, hooks)
  return hooks
}
