/** A kernel with netlink protocols of its own: what the tests of AF_NETLINK talk to. */
import { createKernel, defineModule, type Profile } from 'paleokernel'
import {
  type NetlinkFrom,
  type NetlinkOptions,
  type NetState,
  net,
  netlinkBroadcast,
  netlinkDumpStart,
  netlinkHasListeners,
  netlinkUnicast,
} from 'paleokernel/net'
import { le32 } from '../../src/lib/nlmsg.js'

export const AF_NETLINK = 16
export const RAW = 3
export const DONTWAIT = 0x40
export const PEEK = 2
export const SOL_NETLINK = 270
export const ADD = 1
export const DROP = 2
export const PKTINFO = 3

/** With 40 groups; answers by the first byte: see `input`. */
export const RADIO = 18
/** In the kernel, without a function for what programs send. */
export const QUIET = 19
/** Anybody may listen and send. */
export const OPEN = 20
/** The kernel does not have it. */
export const NOBODY = 30

export const at = (pid: number, groups = 0) => ({ family: AF_NETLINK, pid, groups }) as const
export const KERNEL = at(0)

/** What the protocols have seen. */
export class RadioState {
  heard: { readonly bytes: Uint8Array; readonly sent: NetlinkFrom }[] = []
  released: number[] = []
}

export const radio = defineModule({
  name: 'radio',
  requires: ['net'],
  init: () => new RadioState(),
  attach(k, state) {
    const netOf = (): NetState => k.state.modules.get('net') as NetState
    return {
      api: {
        state: () => k.state.modules.get('radio') as RadioState,
        send: (group: number, data: Uint8Array, protocol = RADIO) =>
          netlinkBroadcast(netOf(), protocol, group, data),
        answer: (pid: number, data: Uint8Array) => netlinkUnicast(netOf(), RADIO, pid, data),
        hasListeners: (group: number) => netlinkHasListeners(netOf(), RADIO, group),
      },
      net: {
        netlink: [
          {
            protocol: RADIO,
            groups: 40,
            input(_current, _net, from, data, sent) {
              state.heard.push({ bytes: data, sent })
              // A dump of as many messages, of as many bytes each, as the next two words say.
              if (data[0] === 9 && data.length === 12)
                state.heard.push({
                  bytes: Uint8Array.of(
                    netlinkDumpStart(
                      from,
                      7,
                      Array.from({ length: le32(data, 4) % 1024 }, (_, i) =>
                        new Uint8Array(le32(data, 8) % 4096).fill(i),
                      ),
                    ),
                  ),
                  sent,
                })
            },
            released(_net, pid) {
              state.released.push(pid)
            },
          },
          { protocol: QUIET },
          { protocol: OPEN, nonrootRecv: true, nonrootSend: true },
        ],
      },
    }
  },
})

export function boot(profile: Profile = '2.6.14', netlink: NetlinkOptions = {}) {
  const k = createKernel({ modules: [net({ netlink }), radio], profile })
  return { k, p: k.spawn() }
}

export type Kernel = ReturnType<typeof boot>['k']
export type Caller = ReturnType<Kernel['spawn']>

/** A socket with a port and groups. */
export function bound(p: Caller, pid: number, groups = 0, protocol = RADIO): number {
  const fd = p.libc.socket(AF_NETLINK, RAW, protocol)
  p.libc.bind(fd, at(pid, groups))
  return fd
}

/** The next message that waits: its bytes, or an Errno. */
export function next(p: Caller, fd: number, size = 4096): number[] | number {
  const buf = new Uint8Array(size)
  const n = p.sys.recv(fd, buf, DONTWAIT)
  return n < 0 ? n : [...buf.subarray(0, n)]
}

export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
