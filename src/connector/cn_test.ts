/**
 * cn_test: the sample client of the kernel's documentation, as a part that is loaded and removed. It has two ids, writes
 * what it gets to the kernel's log, and once a second sends a counter. Linux: Documentation/connector/cn_test.c
 * (2.6.14). Reference §2.7.
 *
 * Deviation: the line about the socket has no addresses.
 */

import type { CbId, CnMsg } from '../abi/connector.js'
import type { KernelCore } from '../kernel/kernel.js'
import { type LoadableModule, loadModule, unloadModule } from '../kernel/loadable.js'
import { defineModule } from '../kernel/module.js'
import type { Timer } from '../kernel/timer.js'
import { utf8Decode, utf8Encode } from '../lib/bytes.js'
import { cnAddCallback, cnDelCallback } from './callbacks.js'
import { cnNetlinkSend } from './send.js'
import { cnCallback } from './state.js'

/** The id that it sends from. */
export const CN_TEST_ID: CbId = Object.freeze({ idx: 0x123, val: 0x456 })

const OTHER_ID: CbId = Object.freeze({ idx: 0x123, val: 0x457 })

/** What insmod calls it, its timer and its callback; and its bytes for /proc/modules: a page. */
const NAME = 'cn_test'
const PART_BYTES = 4096
const PERIOD_MS = 1000

/** What `kernel.cnTest` offers to the host. */
export interface CnTestApi {
  /** `insmod ./cn_test.ko`. 0, EEXIST, or why it cannot be: EINVAL its ids are taken. */
  insmod(): number
  /** `rmmod cn_test`. 0 or ENOENT. */
  rmmod(): number
}

/** What it keeps. */
export interface CnTestState {
  /** Messages that it has sent. */
  counter: number
  /** The next one; null while it is not loaded. */
  timer: Timer | null
}

/** What it says of a message. */
function log(k: KernelCore, { id, seq, ack, len, data }: CnMsg): void {
  const end = data.indexOf(0)
  const text = utf8Decode(data, 0, end < 0 ? data.length : end)
  k.printk(
    `cn_test_callback: ${k.now}: idx=${id.idx.toString(16)}, val=${id.val.toString(16)}, seq=${seq}, ack=${ack}, len=${len}: ${text}.`,
  )
}

/** Linux: cn_test_timer_func. */
function sendCounter(k: KernelCore, state: CnTestState): void {
  const data = utf8Encode(`counter = ${state.counter}\0`)
  cnNetlinkSend(k, { id: CN_TEST_ID, seq: state.counter, ack: data.length, data })
  state.counter = (state.counter + 1) >>> 0
  state.timer = k.addTimer(PERIOD_MS, NAME, null)
}

/** Both ids, or none. */
function register(k: KernelCore): number {
  const failed = cnAddCallback(k, CN_TEST_ID, NAME, NAME)
  if (failed !== 0) return failed
  const other = cnAddCallback(k, OTHER_ID, NAME, NAME)
  if (other !== 0) cnDelCallback(k, CN_TEST_ID)
  return other
}

/** The module. It is not loaded until `insmod`. */
export function cnTest() {
  return defineModule({
    name: 'cnTest',
    requires: ['connector'],
    init: (): CnTestState => ({ counter: 0, timer: null }),
    attach(k, state) {
      const part: LoadableModule = {
        name: NAME,
        size: PART_BYTES,
        init() {
          const failed = register(k)
          if (failed !== 0) return failed
          state.counter = 0
          state.timer = k.addTimer(PERIOD_MS, NAME, null)
          k.printk(`initialized with id={${CN_TEST_ID.idx}.${CN_TEST_ID.val}}`)
          return 0
        },
        cleanup() {
          if (state.timer !== null) k.state.timers.remove(state.timer)
          state.timer = null
          cnDelCallback(k, CN_TEST_ID)
          cnDelCallback(k, OTHER_ID)
        },
      }
      const api: CnTestApi = {
        insmod: () => loadModule(k, NAME, ''),
        rmmod: () => unloadModule(k, NAME),
      }
      return {
        api,
        loadable: [part],
        timers: { [NAME]: () => sendCounter(k, state) },
        work: { [NAME]: cnCallback(log) },
      }
    },
  })
}
