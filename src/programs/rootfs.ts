/**
 * The first file system: an empty root, or the directories and files that programs expect.
 */

import { isErr } from '../abi/errno.js'
import { bootInit } from '../kernel/boot.js'
import { KernelBug } from '../kernel/bug.js'
import type { Task } from '../kernel/task.js'
import { sysChmod } from '../syscalls/attr.js'
import { sysMount } from '../syscalls/mount.js'
import { sysMkdir } from '../syscalls/namei.js'
import { kernMount } from '../vfs/namespace.js'
import type { HostKernel } from './host.js'
import { writeFileAs } from './spawn.js'

/** Directory, permission bits. */
const DIRECTORIES: readonly (readonly [string, number])[] = [
  ['/bin', 0o755],
  ['/dev', 0o755],
  ['/etc', 0o755],
  ['/home', 0o755],
  ['/mnt', 0o755],
  ['/proc', 0o555],
  ['/root', 0o700],
  ['/tmp', 0o1777],
  ['/usr', 0o755],
  ['/var', 0o755],
]

const FILES: readonly (readonly [string, string])[] = [
  ['/etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n'],
  ['/etc/group', 'root:x:0:\nnogroup:x:65534:\n'],
]

/** Mounts the root and starts pid 1; with 'default' also makes what a system needs. */
export function bootRootfs(k: HostKernel, rootfs: 'default' | 'empty'): void {
  const mnt = kernMount(k, 'ramfs', 'rootfs', 0, '')
  if (isErr(mnt)) throw new KernelBug('the root file system cannot be mounted')
  k.state.rootMnt = mnt
  k.state.mounts.push(mnt)
  const init = bootInit(k, mnt)
  if (rootfs === 'default') populate(init)
}

function populate(init: Task): void {
  const { umask } = init.fs
  init.fs.umask = 0
  for (const [path, mode] of DIRECTORIES) {
    sysMkdir(init, path, mode)
    // mkdir(2) of 2.0 and 2.2 drops the sticky bit.
    sysChmod(init, path, mode)
  }
  for (const [path, text] of FILES) writeFileAs(init, path, text, 0o644)
  sysMount(init, 'none', '/dev', 'devfs', 0, '')
  sysMount(init, 'proc', '/proc', 'proc', 0, '')
  init.fs.umask = umask
}
