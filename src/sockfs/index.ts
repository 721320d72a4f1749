/**
 * sockfs: an owner, a group and permission bits for every reserved port, as files that chown and chmod change.
 *
 * Model of sockfs alpha2 by Malcolm Beattie (1997-1998, Linux 2.0.35); reference §7. While it is mounted, bind(2) of a
 * port from 1 to 1024 asks for write permission on the file of that name instead of for the superuser.
 */

import { ENOMEM } from '../abi/errno.js'
import { type LoadableModule, loadModule, unloadModule } from '../kernel/loadable.js'
import { defineModule } from '../kernel/module.js'
import { shouldFail } from '../sim/faults.js'
import { sockfsAudit } from './audit.js'
import { judgeBind } from './bind.js'
import { sockfsTypeOf } from './fs.js'
import { type SockfsOptions, settingsOf, typeName } from './options.js'
import { gidOf, leaveForce, modeOf, PORTS, type PortEntry, resetTable, SockfsState, uidOf } from './table.js'

/** What `kernel.sockfs` offers to the host. */
export interface SockfsApi {
  /** The name of the type for mount(2): 'sockfs', or 'portfs' where the kernel has that name for itself. */
  readonly type: string
  /** Loads the module. Errors: EEXIST it is there; EBUSY its type's name is taken; EINVAL parameters; ENOMEM. */
  insmod(parameters?: string): number
  /** Removes it. Errors: ENOENT it is not there; EBUSY it is mounted (SF-33). */
  rmmod(): number
  /** Is it loaded? */
  isLoaded(): boolean
  /** Are binds judged by the entries now? */
  isInForce(): boolean
  /** What the table says of a port, 1 to 1024; undefined while there is no table. */
  entry(port: number): PortEntry | undefined
  /** Bytes that the table takes now: 6144 or 0. */
  tableBytes(): number
}

/** A little over 5 KB of code, said its author. */
const CODE_BYTES = 5120

/** The module. Throws a TypeError for options that there are not. */
export function sockfs(options: SockfsOptions = {}) {
  const settings = settingsOf(options)
  return defineModule({
    name: 'sockfs',
    requires: ['net'],
    init: () => new SockfsState(settings.unmountMode),
    attach(k, state) {
      const type = typeName(settings, k.facts.release)
      const part: LoadableModule = {
        name: 'sockfs',
        size: CODE_BYTES,
        parameters: ['alloc_now'],
        filesystems: [sockfsTypeOf(state, type, settings.unmountMode)],
        isLoadedAtBoot: settings.load === 'boot',
        init(_k, parameters) {
          const isNow = (parameters.get('alloc_now') ?? Number(settings.allocNow)) !== 0
          if (isNow && shouldFail(k, 'alloc:sockfs')) return ENOMEM
          if (isNow) resetTable(state)
          state.keepsTable = isNow
          return 0
        },
        /** The test first, then the memory (SF-33). */
        cleanup() {
          leaveForce(state, false)
          state.keepsTable = false
          state.unmountMode = settings.unmountMode
        },
      }
      const api: SockfsApi = {
        type,
        insmod: (parameters = '') => loadModule(k, 'sockfs', parameters),
        rmmod: () => unloadModule(k, 'sockfs'),
        isLoaded: () => k.state.loadedModules.includes('sockfs'),
        isInForce: () => state.isInForce,
        entry(port) {
          const { table } = state
          if (table === null || !Number.isInteger(port) || port < 1 || port > PORTS) return undefined
          return { uid: uidOf(table, port), gid: gidOf(table, port), mode: modeOf(table, port) }
        },
        tableBytes: () => state.table?.byteLength ?? 0,
      }
      return {
        api,
        audit: sockfsAudit,
        loadable: [part],
        hooks: {
          inetBindPrivilege: (current, sk, port, isChosen) =>
            judgeBind(state, settings, current, sk, port, isChosen),
        },
      }
    },
  })
}

export { SOCKFS_ENTRY } from './events.js'
export type { SockfsOptions, UnmountMode } from './options.js'
export type { PortEntry } from './table.js'
