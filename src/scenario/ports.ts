/** The reserved ports of a scenario: entries of sockfs. */

import { checkOptions } from '../lib/check_options.js'
import type { Process } from '../programs/process.js'
import type { PortSpec } from './options.js'
import type { Users } from './users.js'

/** What this needs of the module sockfs. */
interface SockfsLike {
  readonly type: string
}

const MOUNT_POINT = '/ports'

/** Mounts sockfs and sets owners and bits. Errors: TypeError without the module, or for ports that it does not have. */
export function setPorts(
  k: object,
  { libc }: Process,
  users: Users,
  ports: Readonly<Record<number, PortSpec>>,
): void {
  const entries = Object.entries(ports)
  if (entries.length === 0) return
  const { sockfs } = k as { sockfs?: SockfsLike }
  if (sockfs === undefined)
    throw new TypeError('scenario: ports want the module sockfs: add sockfs() to modules')
  libc.mkdir(MOUNT_POINT, 0o755)
  libc.mount('none', MOUNT_POINT, sockfs.type, 0)
  for (const [port, spec] of entries) {
    if (!(Number.isInteger(Number(port)) && Number(port) >= 1 && Number(port) <= 1024))
      throw new TypeError(`scenario: port ${port}: 1 to 1024 is wanted`)
    if (typeof spec === 'object' && spec !== null)
      checkOptions(`scenario: port ${port}`, spec, ['owner', 'group', 'mode'])
    const { owner, group, mode = 0o700 } = typeof spec === 'object' && spec !== null ? spec : { owner: spec }
    const [uid, gid] = users.ids(owner, group)
    libc.chown(`${MOUNT_POINT}/${Number(port)}`, uid, gid)
    libc.chmod(`${MOUNT_POINT}/${Number(port)}`, mode)
  }
}
