/**
 * /proc/kmsg: the kernel's messages, each read once. Linux: fs/proc/kmsg.c; the rules are syslog(2)'s.
 *
 * Opening needs CAP_SYS_ADMIN; a read waits for data.
 * Deviation: O_NONBLOCK is honoured in all profiles (2.2 waits all the same).
 */

import { CAP_SYS_ADMIN } from '../../abi/capability.js'
import { EAGAIN } from '../../abi/errno.js'
import { POLLIN, POLLRDNORM } from '../../abi/poll.js'
import type { WaitQueue } from '../../kernel/wait.js'
import { requireCapability } from '../../security/capability.js'
import { defineFileOps } from '../../vfs/ops.js'
import { klogHasUnread, klogRead } from '../dev/klog.js'
import { defaultLlseek } from '../dev/seek.js'

/** Linux: proc_kmsg_operations. */
export const kmsgFileOps = defineFileOps<WaitQueue>({
  name: 'procfs.kmsg',
  seekable: true,
  llseek: defaultLlseek,
  open(current, _inode, file) {
    file.data = current.k.state.logWait
    return requireCapability(current, CAP_SYS_ADMIN)
  },
  read(current, _file, buf) {
    if (buf.length === 0) return 0
    return klogRead(current.k, buf) || EAGAIN
  },
  poll: (current) => (klogHasUnread(current.k) ? POLLIN | POLLRDNORM : 0),
  waitQueue: (file) => file.data,
})
