/** bind(2) to reserved ports: with sockfs mounted, and by the stock test for the superuser. */

import { createKernel, EACCES } from 'paleokernel'
import { AF_INET, net, SOCK_DGRAM } from 'paleokernel/net'
import { sockfs } from 'paleokernel/sockfs'
import type { Timed } from './measure.js'

/** Sockets of a batch, each for a port of its own; they are made and closed outside the clock. */
const SOCKETS = 500
const OWNER = 1000

interface Setting {
  readonly sockfs: 'none' | 'loaded' | 'mounted'
  readonly uid: number
  readonly isRefused?: boolean
}

const SETTINGS = {
  stock: { sockfs: 'none', uid: 0 },
  'sockfs, not mounted': { sockfs: 'loaded', uid: 0 },
  'sockfs, root': { sockfs: 'mounted', uid: 0 },
  'sockfs, owner': { sockfs: 'mounted', uid: OWNER },
  'stock, refused': { sockfs: 'none', uid: OWNER, isRefused: true },
  'sockfs, refused': { sockfs: 'mounted', uid: OWNER + 1, isRefused: true },
} as const satisfies Readonly<Record<string, Setting>>

function boot({ sockfs: state }: Setting) {
  if (state === 'none') return createKernel({ modules: [net()] })
  const k = createKernel({ modules: [net(), sockfs()] })
  if (state === 'loaded') return k
  const { libc } = k.spawn()
  libc.mkdir('/ports', 0o755)
  libc.mount('none', '/ports', k.sockfs.type, 0)
  for (let port = 1; port <= SOCKETS; port++) libc.chown(`/ports/${port}`, OWNER, OWNER)
  return k
}

function binds(setting: Setting): Timed {
  const { sys } = boot(setting).spawn({ uid: setting.uid })
  const expected: number = setting.isRefused === true ? EACCES : 0
  const addresses = Array.from(
    { length: SOCKETS },
    (_, at) => ({ family: AF_INET, addr: 0, port: at + 1 }) as const,
  )
  let fds: number[] = []
  return {
    kind: 'timed',
    most: SOCKETS,
    warmth: 4,
    before(count) {
      fds = Array.from({ length: count }, () => sys.socket(AF_INET, SOCK_DGRAM, 0))
    },
    run(count) {
      let right = 0
      for (let at = 0; at < count; at++) {
        const address = addresses[at]
        if (address !== undefined && sys.bind(fds[at] ?? -1, address) === expected) right++
      }
      return right
    },
    after() {
      for (const fd of fds) sys.close(fd)
      fds = []
    },
  }
}

/** The ways to do it. */
export const BIND: Readonly<Record<string, () => Timed>> = Object.fromEntries(
  Object.entries(SETTINGS).map(([way, setting]) => [way, () => binds(setting)]),
)
