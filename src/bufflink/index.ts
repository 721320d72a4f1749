/**
 * bufflink: fast rings from the kernel to user space, appended to from any context, read through a character device.
 *
 * Model of bufflink 0.3 by Malcolm Beattie (1999, Linux 2.2.12); reference §4. Kernel code makes a ring with
 * `bufflinkCreate`, appends with `bufflinkAppend` and takes it away with `bufflinkDestroy`; a module that does names
 * 'bufflink' in its `requires`. Programs open the node `c 120 <minor>`.
 */

import { EBUSY, EEXIST, ENOENT, type Ret } from '../abi/errno.js'
import type { KernelCore } from '../kernel/kernel.js'
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

/** Linux: init_module and register_chrdev, for the driver. */
function insmod(k: KernelCore, state: BufflinkState): number {
  if (state.isLoaded) return EEXIST
  if (k.devices.isTaken(state.settings.major)) return EBUSY
  setLoaded(state, true)
  return 0
}

/** Linux: delete_module. */
function rmmod(state: BufflinkState): number {
  if (!state.isLoaded) return ENOENT
  if (state.settings.driver === 'builtin' || state.uses > 0) return EBUSY
  setLoaded(state, false)
  return 0
}

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
        insmod: () => insmod(k, state),
        rmmod: () => rmmod(state),
      }
      return {
        api,
        audit: bufflinkAudit,
        devices: [
          {
            name: 'bufflink',
            major: settings.major,
            nodes: [],
            open: () => bufflinkOps,
            ...(isModule && { isLoaded: () => state.isLoaded }),
            ...(settings.driver === 'autoload' && { load: () => insmod(k, state) === 0 }),
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
