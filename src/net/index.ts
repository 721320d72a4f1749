/**
 * The network: sockets and what is behind them. A kernel without this module has no sockets and pays nothing.
 *
 *     import { createKernel } from 'paleokernel'
 *     import { net } from 'paleokernel/net'
 *
 *     const k = createKernel({ modules: [net()] })
 */

import { type Contributions, defineModule } from '../kernel/module.js'
import { netAudit } from './audit.js'
import { socketCallShapes, socketCalls } from './calls.js'
import { addLoopback } from './device.js'
import { loopbackOps } from './loopback.js'
import { sockfsType } from './sockfs.js'
import { NetState } from './state.js'
import { unixProc } from './unix/proc.js'

/** What `kernel.net` offers. */
export interface NetApi {
  /** Sockets that are open. */
  readonly socketsInUse: number
}

/** The module. */
export const net = () =>
  defineModule({
    name: 'net',

    init(k) {
      const state = new NetState(k)
      addLoopback(state, loopbackOps)
      return state
    },

    attach(k, state): Contributions<NetApi, typeof socketCalls> {
      return {
        api: {
          get socketsInUse() {
            return state.inUse
          },
        },
        syscalls: socketCalls,
        callShapes: socketCallShapes,
        filesystems: k.facts.hasBindMounts ? [sockfsType] : [],
        proc: [unixProc],
        audit: netAudit,
      }
    },
  })
