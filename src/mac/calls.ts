/** Labels of tasks from user space: two system calls, and /proc/<pid>/mac_label. Reference MAC-7, MAC-60. */

import { EFAULT, EINVAL, EPERM, type Errno, ESRCH } from '../abi/errno.js'
import { publish } from '../kernel/events.js'
import type { ProcEntry } from '../kernel/module.js'
import type { Task } from '../kernel/task.js'
import { findTask } from '../kernel/visible.js'
import { deny } from '../security/deny.js'
import { MAC_LABEL } from './events.js'
import { isAdmin, MAC_SHARED, parseLabel, showLabel } from './label.js'
import type { Labels } from './state.js'

/**
 * Gives a task a label. Errors: EPERM not by an administrator, ESRCH no such task, EFAULT no text, EINVAL no label of a
 * task.
 */
function relabel(labels: Labels, current: Task, target: Task | undefined, text: unknown): 0 | Errno {
  if (!isAdmin(labels.ofTask(current)))
    return deny(current, EPERM, 'state', target ?? null, 'only an administrator changes labels (MAC-7)')
  if (target === undefined) return ESRCH
  if (typeof text !== 'string') return EFAULT
  const label = parseLabel(text)
  if (label === null || (label.flags & MAC_SHARED) !== 0) return EINVAL
  labels.labelTask(target, label)
  const { grade, compartment, flags } = label
  publish(current.k, MAC_LABEL, { by: current.pid, pid: target.pid, grade, compartment, flags }, current)
  return 0
}

/** The module's system calls. */
export const macCalls = (labels: Labels) => ({
  /** The label of a task that the caller sees; pid 0 is the caller. Errors: ESRCH. */
  mac_getlabel(current: Task, pid = 0): string | Errno {
    const target = pid === 0 ? current : findTask(current, pid)
    return target === undefined ? ESRCH : showLabel(labels.ofTask(target))
  },
  /**
   * Gives a process, all its threads, a label such as '10:3' or '100:0+admin'; pid 0 is the caller's. Files and sockets
   * that are open stay what they are. Errors: EPERM for all but administrators, ESRCH, EFAULT, EINVAL.
   */
  mac_setlabel(current: Task, label: string, pid = 0): number {
    return relabel(labels, current, pid === 0 ? current : findTask(current, pid), label)
  },
})

/** /proc/<pid>/mac_label: one line. What is written is a label, with or without its newline. */
export const labelFile = (labels: Labels): ProcEntry => ({
  path: '<pid>/mac_label',
  mode: 0o666,
  read: (_current, { task }) => (task === null ? ESRCH : `${showLabel(labels.ofTask(task))}\n`),
  write(current, { task }, text) {
    const failed = relabel(labels, current, task ?? undefined, text.replace(/\n$/, ''))
    return failed === 0 ? text.length : failed
  },
})
