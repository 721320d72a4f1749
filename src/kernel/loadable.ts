/**
 * Parts of modules that are loaded and removed while the kernel runs: insmod and rmmod.
 *
 * A module contributes them as `loadable`; what is loaded is state, in the order of loading, so that wiring puts the
 * same types of file systems into the same places after a fork or a restore. Linux: kernel/module.c.
 *
 * Deviation: no object code is handed over. The name of a part that the kernel was made with stands for the file that
 * insmod reads, and what its command line says behind the name is given along. Left out: autoloading, symbols, and
 * modules that depend on others.
 */

import { EBUSY, EEXIST, EINVAL, ENOENT } from '../abi/errno.js'
import { MS_NOUSER } from '../abi/mount.js'
import { isAtLeast } from '../abi/profile.js'
import type { FileSystemType } from '../vfs/superblock.js'
import type { KernelCore } from './kernel.js'

/** A part that comes and goes. Linux: struct module, with init_module and cleanup_module. */
export interface LoadableModule {
  /** What insmod, rmmod and /proc/modules call it. */
  readonly name: string
  /** Bytes that it takes, for /proc/modules. */
  readonly size: number
  /** The names of its parameters, which are whole numbers. */
  readonly parameters?: readonly string[]
  /** Kinds of file systems that mount(2) knows while it is loaded. Each that is mounted is a use of it. */
  readonly filesystems?: readonly FileSystemType[]
  /** Is it loaded when the kernel starts? */
  readonly isLoadedAtBoot?: boolean
  /** Runs once its file systems are registered: 0, or an Errno with nothing done. Linux: init_module. */
  init(k: KernelCore, parameters: ReadonlyMap<string, number>): number
  /** Undoes it. Nobody uses it any more. Linux: cleanup_module. */
  cleanup(k: KernelCore): void
  /** Uses besides mounts. */
  uses?(k: KernelCore): number
}

/** How often a loaded part is used: it cannot be removed while it is. Linux: MOD_IN_USE, module_refcount. */
export function useCount(k: KernelCore, module: LoadableModule): number {
  const types = module.filesystems ?? []
  // Those that only the kernel mounts are registered by nobody in 2.0 and 2.2, and may have the same name.
  const mounted = k.state.superBlocks.filter(
    (sb) => (sb.flags & MS_NOUSER) === 0 && types.some(({ name }) => name === sb.type),
  )
  return mounted.length + (module.uses?.(k) ?? 0)
}

/** Linux: register_filesystem. Errors: EBUSY the name is taken. */
function register(k: KernelCore, types: readonly FileSystemType[]): number {
  if (types.some(({ name }) => k.filesystems.has(name))) return EBUSY
  for (const type of types) k.filesystems.set(type.name, type)
  return 0
}

/** Puts what is loaded into the registries again, after a fork or a restore. */
export function wireLoaded(k: KernelCore): void {
  for (const name of k.state.loadedModules) register(k, k.loadables.get(name)?.filesystems ?? [])
}

const NUMBER = /^[-+]?(0[xX][0-9a-fA-F]+|[0-9]+)$/

/** 'a=1 b=0x2'. Errors: EINVAL no number, or no such parameter, which 2.6 says by ENOENT. Linux: parse_args. */
function readParameters(k: KernelCore, module: LoadableModule, text: string): Map<string, number> | number {
  const values = new Map<string, number>()
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const [name = '', value = '', ...more] = word.split('=')
    if (module.parameters?.includes(name) !== true) {
      k.printk(`${module.name}: Unknown parameter \`${name}'`)
      return isAtLeast(k.facts.release, '2.6.14') ? ENOENT : EINVAL
    }
    if (more.length > 0 || !NUMBER.test(value)) {
      k.printk(`${module.name}: \`${value}' invalid for parameter \`${name}'`)
      return EINVAL
    }
    const magnitude = Number(value.replace(/^[-+]/, ''))
    values.set(name, (value.startsWith('-') ? -magnitude : magnitude) | 0)
  }
  return values
}

/**
 * Loads a part. Errors: ENOENT there is none of that name; EEXIST it is loaded; EINVAL its parameters; EBUSY a name of
 * a file system is taken; whatever its init says. Linux: sys_create_module and sys_init_module.
 */
export function loadModule(k: KernelCore, name: string, parameters: string): number {
  const module = k.loadables.get(name)
  if (module === undefined) return ENOENT
  const { loadedModules } = k.state
  if (loadedModules.includes(name)) return EEXIST
  const values = readParameters(k, module, parameters)
  if (typeof values === 'number') return values
  const types = module.filesystems ?? []
  const taken = register(k, types)
  if (taken !== 0) return taken
  const failed = module.init(k, values)
  if (failed === 0) loadedModules.push(name)
  else for (const type of types) k.filesystems.delete(type.name)
  return failed
}

/** Removes a part. Errors: ENOENT it is not loaded; EBUSY it is used. Linux: sys_delete_module. */
export function unloadModule(k: KernelCore, name: string): number {
  const module = k.loadables.get(name)
  const { loadedModules } = k.state
  if (module === undefined || !loadedModules.includes(name)) return ENOENT
  if (useCount(k, module) > 0) return EBUSY
  module.cleanup(k)
  for (const type of module.filesystems ?? []) k.filesystems.delete(type.name)
  loadedModules.splice(loadedModules.indexOf(name), 1)
  return 0
}
