/**
 * One of each kind of object that reads, writes and requests make and drop, so that V8 keeps the code that is compiled
 * for them over full collections: see net/shapes.ts and programs/shapes.ts.
 */

import { SyncTransfer } from './flush.js'
import { Request, WRITE } from './request.js'
import { BlockTransfer } from './transfer.js'

/** The objects. Nobody uses them. */
export const SHAPES: readonly object[] = Object.freeze([
  new Request(WRITE, { rdev: 0, sector: 0, sectors: 2 } as never),
  new BlockTransfer(0 as never, 0, 0),
  new SyncTransfer(null, []),
])
