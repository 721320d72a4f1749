/**
 * The first task. Linux: init_task, start_kernel, init (init/main.c).
 *
 * Pid 1 never runs: it adopts orphans and, ignoring SIGCHLD, has them reaped as they end.
 */

import { CAP_EMPTY_SET, CAP_FULL_SET, CAP_INIT_EFF_SET } from '../abi/capability.js'
import { initialRlimits } from '../abi/resource.js'
import { SIG_IGN, SIGCHLD } from '../abi/signal.js'
import { FdTable } from '../vfs/fdtable.js'
import { igrab } from '../vfs/inode.js'
import type { Mount } from '../vfs/mount.js'
import { Cred } from './cred.js'
import type { KernelCore } from './kernel.js'
import { getPgrp, joinPgrp } from './pid.js'
import { DEFAULT_ACTION, SigHand } from './signal_state.js'
import { FsStruct, Task, TF_DIRECT } from './task.js'
import { countUser } from './user.js'

/** Root's credentials with everything but CAP_SETPCAP. Linux: INIT_TASK. */
export const rootCred = (): Cred =>
  new Cred({
    uid: 0,
    euid: 0,
    suid: 0,
    fsuid: 0,
    gid: 0,
    egid: 0,
    sgid: 0,
    fsgid: 0,
    groups: [],
    capEffective: CAP_INIT_EFF_SET,
    capPermitted: CAP_FULL_SET,
    capInheritable: CAP_EMPTY_SET,
    keepCaps: false,
  })

/** Makes pid 1 with `/` of the root mount as its root and working directory. */
export function bootInit(k: KernelCore, rootMnt: Mount): Task {
  const { state } = k
  const { root } = rootMnt
  for (let uses = 0; uses < 2; uses++) {
    if (root.inode !== null) igrab(root.inode)
    rootMnt.count++
  }
  const pgrp = getPgrp(state, 1, 1)
  const sighand = new SigHand([])
  sighand.actions[SIGCHLD] = { ...DEFAULT_ACTION, handler: SIG_IGN }
  const rlimits = Object.freeze(initialRlimits(k.facts.release).map((limit) => Object.freeze(limit)))
  const init = new Task(k, 1, state.nextSerial++, null, {
    cred: rootCred(),
    fs: new FsStruct(root, rootMnt, root, rootMnt, 0o022),
    files: new FdTable(),
    sighand,
    group: null,
    pgrp,
    rlimits,
    comm: 'init',
    argv: ['init'],
    env: [],
  })
  init.flags |= TF_DIRECT
  init.group.isSessionLeader = true
  joinPgrp(init.group, pgrp)
  state.tasks.set(1, init)
  state.init = init
  state.lastPid = 1
  countUser(init, 1)
  return init
}
