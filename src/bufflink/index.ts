/**
 * bufflink: fast rings from the kernel to user space, appended to from any context, read through a character device.
 *
 * Model of bufflink 0.3 by Malcolm Beattie (1999, Linux 2.2.12); reference §4. Kernel code makes a ring with
 * `bufflinkCreate`, appends with `bufflinkAppend` and takes it away with `bufflinkDestroy`; a module that does names
 * 'bufflink' in its `requires`. Programs open the node `c 120 <minor>`.
 */

import { EBUSY, EEXIST, type Ret } from '../abi/errno.js'
import { type LoadableModule, loadModule, unloadModule } from '../kernel/loadable.js'
import { defineModule } from '../kernel/module.js'
import { bufflinkAudit } from './audit.js'
import { bufflinkOps } from './device.js'
import { type BufflinkOptions, settingsOf } from './options.js'
import {
  type Bufflink,
  type BufflinkCreate,
  BufflinkState,
  bufflinkAppend,
  bufflinkCreate,
  bufflinkDestroy,
  setLoaded,
} from './ring.js'

/** What `kernel.bufflink` offers to the host. */
export interface BufflinkApi {
  /** See bufflinkCreate. */
  create(options?: BufflinkCreate): Ret<Bufflink>
  /** See bufflinkAppend. */
  append(bl: Bufflink, data: Uint8Array, size?: number): boolean
  /** See bufflinkDestroy. */
  destroy(bl: Bufflink): void
  /** The ring of a minor: look it up again after a restore, and in a copy of the kernel. */
  ring(minor: number): Bufflink | undefined
  /** Loads the device's driver. Errors: EEXIST it is there; EBUSY another driver has its major (BL-21). */
  insmod(): number
  /** Removes it. Errors: EBUSY a node is open (BL-22), or it is compiled in; ENOENT it is not there. */
  rmmod(): number
}

/** Bytes of the driver, for /proc/modules: a page. */
const DRIVER_BYTES = 4096

/** The driver as a part that insmod loads: init_module with register_chrdev. */
const driverOf = (state: BufflinkState): LoadableModule => ({
  name: 'bufflink',
  size: DRIVER_BYTES,
  init(k) {
    if (k.devices.isTaken(state.settings.major)) return EBUSY
    setLoaded(state, true)
    return 0
  },
  cleanup: () => setLoaded(state, false),
  uses: () => state.uses,
})

/** The module. Throws a TypeError for options that there are not. */
export function bufflink(options: BufflinkOptions = {}) {
  const settings = settingsOf(options)
  const isModule = settings.driver !== 'builtin'
  return defineModule({
    name: 'bufflink',
    init: () => new BufflinkState(settings),
    attach(k, state) {
      const api: BufflinkApi = {
        create: (how) => bufflinkCreate(k, how),
        append: bufflinkAppend,
        destroy: (bl) => bufflinkDestroy(k, bl),
        ring: (minor) => state.rings.get(minor),
        insmod: () => (isModule ? loadModule(k, 'bufflink', '') : EEXIST),
        rmmod: () => (isModule ? unloadModule(k, 'bufflink') : EBUSY),
      }
      return {
        api,
        audit: bufflinkAudit,
        loadable: isModule ? [driverOf(state)] : [],
        devices: [
          {
            name: 'bufflink',
            major: settings.major,
            nodes: [],
            open: () => bufflinkOps,
            ...(isModule && { isLoaded: () => state.isLoaded }),
            ...(settings.driver === 'autoload' && { load: () => loadModule(k, 'bufflink', '') === 0 }),
          },
        ],
      }
    },
  })
}

export { BUFFLINK_GETOVERFLOW } from './device.js'
export { BUFFLINK_MAJOR, type BufflinkOptions } from './options.js'
export {
  appendRecord,
  type Fields,
  type FieldType,
  RecordLayout,
  type RecordOf,
  RecordReader,
  recordLayout,
} from './record.js'
export { Bufflink, type BufflinkCreate, bufflinkAppend, bufflinkCreate, bufflinkDestroy } from './ring.js'
export { type BufflinkTestApi, type BufflinkTestState, bufflinkTest } from './test_module.js'
