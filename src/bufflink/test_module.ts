/**
 * bufflink_test: the package's own kernel module, which makes a ring of the default size and appends to it when told,
 * from each of the three contexts. Its partner is the program devtest (src/userland).
 *
 * The original is lost; its README says that it says its minor in the kernel's log. Reference §4.1.
 */

import { isErr } from '../abi/errno.js'
import { markBh, raiseIrq } from '../kernel/context.js'
import { type LoadableModule, loadModule, unloadModule } from '../kernel/loadable.js'
import { defineModule } from '../kernel/module.js'
import { type Bufflink, bufflinkAppend, bufflinkCreate, bufflinkDestroy } from './ring.js'

/** What `kernel.bufflinkTest` offers to the host. */
export interface BufflinkTestApi {
  /** `insmod ./bufflink_test.o`: makes the ring and says its minor in the log. 0, EEXIST, or why there is no ring. */
  insmod(): number
  /** `rmmod bufflink_test`: takes the ring away (BL-22). 0 or ENOENT. */
  rmmod(): number
  /** The ring, while the module is loaded. */
  ring(): Bufflink | null
  /** Appends from process context. */
  append(data: Uint8Array): void
  /** Appends from a bottom half. */
  appendFromBh(data: Uint8Array): void
  /** Appends from an interrupt handler: now, if interrupts are not masked. */
  appendFromIrq(data: Uint8Array): void
}

/** What the module keeps. */
export interface BufflinkTestState {
  /** Its ring, while it is loaded. */
  bl: Bufflink | null
}

/** What insmod calls it, and its bytes for /proc/modules: a page. */
const PART = 'bufflink_test'
const PART_BYTES = 4096

/** The names of its handlers: for raiseIrqAfter. */
const IRQ = 'bufflink_test.irq'
const BH = 'bufflink_test.bh'

/** The module. It is not loaded until `insmod`. */
export function bufflinkTest() {
  return defineModule({
    name: 'bufflinkTest',
    requires: ['bufflink'],
    init: (): BufflinkTestState => ({ bl: null }),
    attach(k, state) {
      /** What arrives after rmmod is nobody's. */
      const append = (data: unknown): void => {
        if (state.bl !== null && data instanceof Uint8Array) bufflinkAppend(state.bl, data)
      }
      const api: BufflinkTestApi = {
        insmod: () => loadModule(k, PART, ''),
        rmmod: () => unloadModule(k, PART),
        ring: () => state.bl,
        append,
        appendFromBh: (data) => markBh(k, BH, data.slice()),
        appendFromIrq: (data) => raiseIrq(k, IRQ, data.slice()),
      }
      const part: LoadableModule = {
        name: PART,
        size: PART_BYTES,
        init() {
          const bl = bufflinkCreate(k, { size: 0, minor: -1 })
          if (isErr(bl)) return bl
          state.bl = bl
          k.printk(`bufflink_test: minor is ${bl.minor}`)
          return 0
        },
        cleanup() {
          if (state.bl !== null) bufflinkDestroy(k, state.bl)
          state.bl = null
        },
      }
      return {
        api,
        loadable: [part],
        interrupts: { [IRQ]: (_k, data) => append(data) },
        bottomHalves: { [BH]: (_k, data) => append(data) },
      }
    },
  })
}
