/**
 * One of each kind of object that calls make and drop.
 *
 * While none of a kind is alive, V8 forgets the kind's shape in the next full collection, and with it all compiled code
 * that knows the shape: opening a file is then ten times as slow until that code has been compiled again.
 */

import { PipeTransfer } from '../fs/pipe.js'
import { CONTEXT_SHAPES } from '../kernel/context.js'
import { PendingCall } from '../kernel/task.js'
import { Timer } from '../kernel/timer.js'
import { WaitEntry } from '../kernel/wait.js'
import { WORK_SHAPES } from '../kernel/work.js'
import { Cloner } from '../lib/graph.js'
import { POLL_SHAPES } from '../syscalls/poll.js'
import { File } from '../vfs/file.js'
import { DirFiller } from '../vfs/readdir.js'
import { Begun } from './begun.js'
import { JOURNAL_SHAPES } from './journal.js'
import { Request } from './request.js'

/** What would be in such an object. */
const NOTHING = null as never

/** The objects. Nobody uses them. */
export const SHAPES: readonly object[] = Object.freeze([
  new File(NOTHING, NOTHING, NOTHING),
  new WaitEntry({ waits: null } as never, NOTHING, false),
  new PendingCall('', [], 0),
  new PipeTransfer(NOTHING, NOTHING),
  new Begun(NOTHING, '', 0),
  new Request('', []),
  new Timer(0.5, 0, '', null),
  new DirFiller(0, false),
  new Cloner(null, { replace: new Map() }),
  ...CONTEXT_SHAPES,
  ...JOURNAL_SHAPES,
  ...POLL_SHAPES,
  ...WORK_SHAPES,
])
