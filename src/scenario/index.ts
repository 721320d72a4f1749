/**
 * A scenario: a kernel with users, files, compartments and ports, described in one place, for experiments with policies.
 *
 *     const s = scenario({
 *       modules: [net(), mac()],
 *       users: { www: 33 },
 *       compartments: { shop: { number: 1, root: '/srv/shop' } },
 *       files: { '/srv/shop/index.html': { owner: 'www', content: 'hello' } },
 *     })
 *     s.as('www', { compartment: 'shop' }).sys.open('/srv/shop/index.html', O_RDONLY)
 *
 * Everything is made by calls of a process of root, `s.root`, as a start script would.
 */

import { createKernel } from '../create.js'
import type { CoreSys } from '../programs/core_sys.js'
import type { Kernel } from '../programs/kernel_type.js'
import type { ModuleList } from '../programs/module_types.js'
import type { Process } from '../programs/process.js'
import type { BoundSyscalls } from '../programs/sys_types.js'
import { type Compartment, Compartments } from './compartments.js'
import { makeFile } from './files.js'
import { type AsOptions, type ScenarioOptions, splitOptions } from './options.js'
import { setPorts } from './ports.js'
import { keepTraceTail } from './tail.js'
import { Users } from './users.js'

/** A kernel and who lives in it. `U` and `C` are the names of its users and compartments. */
export interface Scenario<Ms extends ModuleList, U extends string, C extends string> {
  /** The kernel. */
  readonly k: Kernel<Ms>
  /** The process of root that has made everything; with MAC it is an administrator. */
  readonly root: Process<CoreSys & BoundSyscalls<Ms>>
  /** A new process of a user, or of root. Errors: TypeError for a user or a compartment that there is not. */
  as(
    user: U | 'root',
    options?: AsOptions<CoreSys & BoundSyscalls<Ms>, C>,
  ): Process<CoreSys & BoundSyscalls<Ms>>
  /** The label of a compartment's tasks and files: '10:1'. Errors: TypeError for one that there is not. */
  labelOf(compartment: C): string
}

/**
 * Makes a kernel and what is in it.
 *
 * With compartments the root file system and /dev become `65535:0+shared`: everybody reads them, administrators alone
 * write. Each compartment with a `root` has a writable file system of its own there.
 *
 * Errors: TypeError for options that cannot work, or that want a module which is not in the list; SyscallError where the
 * kernel refuses what is described, such as a file below a file.
 */
export function scenario<
  const Ms extends ModuleList = readonly [],
  const U extends string = never,
  const C extends string = never,
>(options: ScenarioOptions<Ms, U, C>): Scenario<Ms, U, C> {
  const [own, kernelOptions] = splitOptions(options)
  const users = new Users(own.users ?? {})
  const k: Kernel =
    own.world === undefined ? createKernel(kernelOptions) : own.world.createKernel(kernelOptions)
  const root = k.spawn({ comm: 'scenario', umask: 0 })
  users.write(root)
  const compartments = new Compartments(k, own.compartments ?? {})
  compartments.make(root)
  for (const [path, spec] of Object.entries(own.files ?? {})) makeFile(root, users, path, spec)
  setPorts(k, root, users, own.ports ?? {})
  if (own.traceLines !== 0) keepTraceTail(k, own.traceLines)
  const as = (user: string, how: AsOptions<CoreSys> = {}): Process => {
    for (const name of ['uid', 'gid', 'groups'])
      if (Object.hasOwn(how, name))
        throw new TypeError(`scenario: as('${user}', { ${name} }): the user says that`)
    const { compartment, ...spawn } = how
    const label: Compartment | undefined =
      compartment === undefined ? undefined : compartments.named(compartment)
    const process = k.spawn({ comm: user, ...spawn, ...users.named(user) })
    if (label !== undefined) compartments.enter(process, label)
    return process
  }
  return { k, root, as, labelOf: (name: string) => compartments.named(name).label } as unknown as Scenario<
    Ms,
    U,
    C
  >
}

export type {
  AsOptions,
  CompartmentSpec,
  FileBase,
  FileSpec,
  PortSpec,
  ScenarioOptions,
  UserSpec,
} from './options.js'
export { keepTraceTail, type Traced, traceTail } from './tail.js'
