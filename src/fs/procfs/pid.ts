/**
 * The entries of /proc/<pid>. Linux: proc_base_init, fs/proc/base.c (2.0, 2.2); tgid_base_stuff, tid_base_stuff,
 * fs/proc/base.c (2.6.14).
 *
 * Left out: mem, auxv, smaps, wchan, oom_score, oom_adj. Modules add theirs ('<pid>/seccomp', '<pid>/attr/current').
 */

import { CAP_DAC_OVERRIDE, CAP_SYS_PTRACE } from '../../abi/capability.js'
import { EIO, ENOENT, ESRCH, type Ret } from '../../abi/errno.js'
import type { Profile } from '../../abi/profile.js'
import { S_IFDIR, S_IFIFO, S_IFLNK } from '../../abi/stat.js'
import type { ProcSubject } from '../../kernel/module.js'
import type { Task } from '../../kernel/task.js'
import { capable } from '../../security/capability.js'
import { deny } from '../../security/deny.js'
import type { File } from '../../vfs/file.js'
import { type Entry, hasExited, isModern, type Place } from './entry.js'
import { formatMounts } from './format_system.js'
import { formatCmdline, formatEnviron, formatStat, formatStatm, formatStatus } from './format_task.js'

/** A file about a task. The subject's task is there: a read about a task that has gone ends before. */
function about(name: string, mode: number, read: (task: Task, current: Task) => string | number): Entry {
  return Object.freeze({
    path: `<pid>/${name}`,
    mode,
    read: (current: Task, { task }: ProcSubject) => (task === null ? ESRCH : read(task, current)),
  })
}

/** A link that leads to a place in the tree. 2.0 and 2.2: lrwx------; 2.6: lrwxrwxrwx. */
const link = (name: string, place: (task: Task) => Ret<Place>): readonly Entry[] => [
  Object.freeze({ path: `<pid>/${name}`, mode: 0o700, type: S_IFLNK, place, until: '2.6.14' }),
  Object.freeze({ path: `<pid>/${name}`, mode: 0o777, type: S_IFLNK, place, since: '2.6.14' }),
]

/** Is the target's environment shown? Linux: process_unauthorized (2.2), ptrace_may_attach (2.6). */
function readEnviron(task: Task, current: Task): string | number {
  if (isModern(current.k)) {
    if (hasExited(task)) return ''
    return mayPtrace(current, task)
      ? formatEnviron(task)
      : deny(current, ESRCH, 'capability', task, CAP_SYS_PTRACE)
  }
  const isAllowed = current.cred.fsuid === task.cred.euid || capable(current, CAP_DAC_OVERRIDE)
  if (!isAllowed && current.k.facts.capabilityCount > 0)
    return deny(current, EIO, 'capability', task, CAP_DAC_OVERRIDE)
  return formatEnviron(task)
}

/** Would ptrace(2) be allowed? Linux: ptrace_may_attach, kernel/ptrace.c (2.6.14). */
function mayPtrace(current: Task, target: Task): boolean {
  const { uid, gid } = current.cred
  const { cred } = target
  const isSame =
    uid === cred.uid &&
    uid === cred.euid &&
    uid === cred.suid &&
    gid === cred.gid &&
    gid === cred.egid &&
    gid === cred.sgid
  return (isSame && target.dumpable !== 0) || capable(current, CAP_SYS_PTRACE)
}

/** The place of an open file. */
export function placeOfFile(file: File | null): Ret<Place> {
  return file === null ? ENOENT : { dentry: file.dentry, mnt: file.mnt, inode: file.inode }
}

/** A place that a task that has exited no longer has. */
function placeIn(task: Task, which: 'root' | 'pwd'): Ret<Place> {
  if (hasExited(task)) return ENOENT
  const { fs } = task
  const dentry = which === 'root' ? fs.root : fs.pwd
  const mnt = which === 'root' ? fs.rootMnt : fs.pwdMnt
  return dentry.inode === null ? ENOENT : { dentry, mnt, inode: dentry.inode }
}

/** What modules add to a task's status. */
function moduleLines(current: Task, task: Task): string {
  let text = ''
  for (const { taskStatus } of current.k.contributions.values()) text += taskStatus?.(current, task) ?? ''
  return text
}

/** All files of /proc/<pid> but the directories `fd` and `task`; also those below task/<tid>. */
export const PID_ENTRIES: readonly Entry[] = Object.freeze([
  about('status', 0o444, (task, current) => formatStatus(current, task) + moduleLines(current, task)),
  ...link('cwd', (task) => placeIn(task, 'pwd')),
  ...link('root', (task) => placeIn(task, 'root')),
  ...link('exe', (task) => (hasExited(task) ? ENOENT : placeOfFile(task.exe))),
  Object.freeze({ path: '<pid>/fd', mode: 0o500, type: S_IFDIR }),
  about('environ', 0o400, readEnviron),
  about('cmdline', 0o444, formatCmdline),
  about('stat', 0o444, (task, current) => formatStat(current, task)),
  about('statm', 0o444, formatStatm),
  Object.freeze({ ...about('maps', 0o444, () => ''), type: S_IFIFO, until: '2.6.14' as const }),
  Object.freeze({ ...about('maps', 0o444, () => ''), since: '2.6.14' as const }),
  Object.freeze({
    ...about('mounts', 0o444, (_task, current) => formatMounts(current)),
    since: '2.6.14' as const,
  }),
  Object.freeze({ path: '<pid>/task', mode: 0o555, type: S_IFDIR, since: '2.6.14' }),
])

/** What /proc/<pid>/task/<tid>/stat shows instead: the thread's own times. Linux: proc_tid_stat. */
export const THREAD_STAT: Entry = about('stat', 0o444, (task, current) => formatStat(current, task, true))

/** The order in which 2.6 lists them; modules' entries come behind. Linux: tgid_base_stuff. */
export const MODERN_ORDER: readonly string[] = Object.freeze(
  'task fd environ status cmdline stat statm maps seccomp cwd root exe mounts attr'.split(' '),
)

/** Linux: enum pid_directory_inos, include/linux/proc_fs.h (2.0, 2.2); from 2 on. */
const OLD_NUMBERS: readonly string[] = Object.freeze(
  '. status mem cwd root exe fd environ cmdline stat statm maps cpu'.split(' '),
)

/** Linux: enum pid_directory_inos, fs/proc/base.c (2.6.14): a process from 2 on, a thread behind it. */
const MODERN_NUMBERS: readonly string[] = Object.freeze(
  (
    '. task status mem seccomp cwd root exe fd environ auxv cmdline stat statm maps numa_maps mounts wchan smaps ' +
    'attr attr/current attr/prev attr/exec attr/fscreate oom_score oom_adj'
  ).split(' '),
)

const FIRST_NUMBER = 2
/** Numbers of entries that Linux does not have; below those of descriptors. */
const OTHER_NUMBERS = 0x4000
/** Descriptor 0. Linux: PROC_PID_FD_DIR, PROC_TID_FD_DIR; in 2.0 PROC_PID_FD_DIR << 8. */
const FD_NUMBERS = 0x8000
const OLD_FD_NUMBERS = 0x100

/** (pid << 16) + n, as an unsigned number. Linux: fake_ino. */
const fakeIno = (pid: number, n: number): number => pid * 65536 + n

/** The inode number of a path in /proc/<pid>; '' is the directory. `index` is its place among all paths there. */
export function pidIno(
  release: Profile,
  pid: number,
  isThread: boolean,
  path: string,
  index: number,
): number {
  const isFd = path.startsWith('fd/')
  if (isFd) {
    const fd = Number(path.slice(3))
    return fakeIno(pid, (release === '2.0.35' ? OLD_FD_NUMBERS : FD_NUMBERS) + fd)
  }
  const numbers = release === '2.6.14' ? MODERN_NUMBERS : OLD_NUMBERS
  const known = numbers.indexOf(path === '' ? '.' : path)
  if (known < 0) return fakeIno(pid, OTHER_NUMBERS + index)
  // Threads have no `task` in their directory.
  const thread = isThread ? numbers.length - (known > 0 ? 1 : 0) : 0
  return fakeIno(pid, FIRST_NUMBER + known + thread)
}

/** The error of a read about a task that has gone. 2.0: the end of the file; 2.2: EIO; since 2.6.17: ESRCH. */
export function readAfterDeath(release: Profile): number {
  return release === '2.0.35' ? 0 : release === '2.2.12' ? EIO : ESRCH
}
