/**
 * The network: sockets and what is behind them. A kernel without this module has no sockets and pays nothing.
 *
 *     import { createKernel } from 'paleokernel'
 *     import { net } from 'paleokernel/net'
 *
 *     const k = createKernel({ modules: [net()] })
 */

import { type Contributions, defineModule, type KernelModule } from '../kernel/module.js'
import { makeApi, type NetApi } from './api.js'
import { netAudit } from './audit.js'
import { socketCallShapes, socketCalls } from './calls.js'
import { addLoopback } from './device.js'
import { ARP_TIMER, onArpTimer } from './inet/arp.js'
import { FRAG_TIMER, onFragTimer } from './inet/defrag.js'
import { devOpen } from './inet/devinet.js'
import { loopbackOps } from './loopback.js'
import { sockfsType } from './sockfs.js'
import { NetState } from './state.js'
import { unixProc } from './unix/proc.js'

/** What the network is like when the kernel has booted. */
export interface NetOptions {
  /** Is the loopback device up? Default true, as after a start script's `ifconfig lo 127.0.0.1`. */
  readonly loopback?: boolean
}

/** The module's type: `kernel.net` is a NetApi, and processes have the socket calls. */
export type NetModule = KernelModule<'net', NetState, NetApi, typeof socketCalls>

/** The network as a module: pass it to `createKernel({ modules: [net()] })`. */
export const net = (options: NetOptions = {}): NetModule =>
  defineModule({
    name: 'net',

    init(k) {
      const state = new NetState(k)
      const lo = addLoopback(state, loopbackOps)
      if (options.loopback !== false) devOpen(state, lo)
      return state
    },

    attach(k, state): Contributions<NetApi, typeof socketCalls> {
      return {
        api: makeApi(state),
        syscalls: socketCalls,
        callShapes: socketCallShapes,
        filesystems: k.facts.hasBindMounts ? [sockfsType] : [],
        timers: { [ARP_TIMER]: onArpTimer, [FRAG_TIMER]: onFragTimer },
        proc: [unixProc],
        audit: netAudit,
      }
    },
  })

export type { NetApi } from './api.js'
export type { NetContributions } from './contributions.js'
export {
  type NetfilterHook,
  NF_ACCEPT,
  NF_DROP,
  NF_IP_FORWARD,
  NF_IP_LOCAL_IN,
  NF_IP_LOCAL_OUT,
  NF_IP_POST_ROUTING,
  NF_IP_PRE_ROUTING,
  NF_STOLEN,
  type NfVerdict,
} from './netfilter.js'
