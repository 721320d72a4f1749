/** init_module, delete_module. Reference §1.3. Linux: kernel/module.c (2.2.12, 2.6.14). */

import { CAP_SYS_MODULE } from '../abi/capability.js'
import { EBUSY, EFAULT } from '../abi/errno.js'
import { isAtLeast } from '../abi/profile.js'
import { loadModule, unloadModule } from '../kernel/loadable.js'
import type { Task } from '../kernel/task.js'
import { requireCapability } from '../security/capability.js'
import { row, type SyscallRow } from './row.js'

/** What init_module has found wrong, and not the module's own init. */
const isOwn = (k: Task['k'], name: string): boolean =>
  !k.loadables.has(name) || k.state.loadedModules.includes(name)

/**
 * Errors: EPERM, EFAULT, ENOENT, EEXIST; what else goes wrong is EBUSY before 2.6, whatever the module says, and in 2.6
 * what it says. Linux: sys_create_module, sys_init_module.
 */
export function sysInitModule(current: Task, name: string, parameters: unknown): number {
  const { k } = current
  const refused = requireCapability(current, CAP_SYS_MODULE)
  if (refused !== 0) return refused
  if (parameters !== undefined && parameters !== null && typeof parameters !== 'string') return EFAULT
  const wasOwn = isOwn(k, name)
  const failed = loadModule(k, name, parameters ?? '')
  return failed === 0 || wasOwn || isAtLeast(k.facts.release, '2.6.14') ? failed : EBUSY
}

/** Errors: EPERM, ENOENT, EBUSY. Linux: sys_delete_module. Left out: waiting and force of 2.6, and (2.2) no name. */
export function sysDeleteModule(current: Task, name: string): number {
  return requireCapability(current, CAP_SYS_MODULE) || unloadModule(current.k, name)
}

const NO_CODE = 'the name of a loadable part of a module stands for its code; its parameters follow'

export const moduleCalls: readonly SyscallRow[] = [
  row('init_module', ['path', 'any'], sysInitModule, 'partial', NO_CODE),
  row('delete_module', ['path', 'int'], sysDeleteModule, 'partial', 'nobody is waited for, nothing forced'),
]
