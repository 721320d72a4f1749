/**
 * What changed between 2.6.14 and 6.18, as far as the scripts reach it. See era.ts.
 */

import { isErr, type Stat } from 'paleokernel'
import type { Actor } from './actor.js'
import type { Answer } from './answer.js'
import { setMode } from './bring.js'
import type { EraDifference, Mismatch } from './era.js'
import { ERA_6_18_SETGID } from './era_6_18_setgid.js'
import { ERA_6_18_SOCKETS } from './era_6_18_sockets.js'
import {
  actorOf,
  allSleepIn,
  always,
  answers,
  CAP_FSETID,
  CAP_MKNOD,
  callsOf,
  goOn,
  isType,
  linksToRoot,
  mayKeepSetGid,
  modeAt,
  O_ACCMODE,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_TRUNC,
  openFlags,
  opensWith,
  orphan,
  outcomes,
  parentOf,
  pathsOf,
  sleepers,
  statOf,
  undoIfRefused,
  unlessChanged,
  vs618,
} from './era_help.js'

const S_IFSOCK = 0o140000
const S_IFLNK = 0o120000
const S_IFCHR = 0o020000
const S_ISVTX = 0o1000
const S_ISUID = 0o4000
const S_ISGID = 0o2000
const S_IXGRP = 0o010
const S_IFREG = 0o100000
const S_IFDIR = 0o040000
const UNREACHABLE = '(unreachable)'
const PATH_MAX = 4096
const NAME_MAX = 255

/** The mode that a truncation by this task leaves a file since 2.6.19 and later. Linux: setattr_should_drop_suidgid. */
function truncatedMode(m: Mismatch, stat: Stat): number {
  const { mode } = stat
  const sets = callsOf(m)?.capget(0)
  if (sets === undefined || isErr(sets) || ((sets.effective >> CAP_FSETID) & 1) !== 0) return mode
  const dropsGid = (mode & S_IXGRP) !== 0 || !mayKeepSetGid(m, stat.gid)
  return mode & ~S_ISUID & ~(dropsGid ? S_ISGID : 0)
}

/** The file that a line has cut: the one it has open now, or the one of its path. */
function truncated(m: Mismatch): Stat | undefined {
  const { line, world } = m
  if (line.r === undefined) return undefined
  let stat: Stat | undefined
  if (line.op === 'truncate') stat = statOf(m, line.a[0] ?? '')
  else if (line.op === 'ftruncate') stat = statOf(m, Number(line.a[0]))
  else if (world.openedOld && opensWith(m, O_TRUNC)) stat = opened(m, line.r)
  return isType(stat?.mode ?? 0, S_IFREG) ? stat : undefined
}

/** The file that an open has opened. */
const opened = (m: Mismatch, fd: number): Stat | undefined =>
  m.line.op === 'open_close' ? statOf(m, m.line.a[0] ?? '') : statOf(m, fd)

/** The file, not a directory, that a line may have made. */
function made(m: Mismatch): Stat | undefined {
  const { line } = m
  if (line.r === undefined) return undefined
  if (line.op === 'mknod') return statOf(m, line.a[0] ?? '')
  return opensWith(m, O_CREAT) && !m.world.openedOld ? opened(m, line.r) : undefined
}

/** Where the wanted mode is among the arguments. */
const MODE_ARGUMENT: Readonly<Record<string, number>> = { creat: 1, openat: 3 }

/** Does a file made by this line lose S_ISGID? Before the umask. Linux: mode_strip_sgid, fs/inode.c. */
function losesSetGid(m: Mismatch, stat: Stat): boolean {
  const both = S_ISGID | S_IXGRP
  const wanted = Number.parseInt(m.line.a[MODE_ARGUMENT[m.line.op] ?? 2] ?? '0', 8)
  if ((wanted & both) !== both || (stat.mode & S_ISGID) === 0 || isType(stat.mode, S_IFDIR)) return false
  const dir = pathsOf(m.line).map((path) => statOf(m, parentOf(path)))[0]
  return dir !== undefined && (dir.mode & S_ISGID) !== 0 && !mayKeepSetGid(m, dir.gid)
}

/** Entries of one list that the other has not. */
const without = (list: readonly string[] | undefined, other: readonly string[] | undefined): string[] =>
  (list ?? []).filter((entry) => other?.includes(entry) !== true)

/** Is the parent of a task, or of one above it, gone, so that init is there? */
const hasInitAbove = (m: Mismatch, name: string): boolean => {
  for (let actor: Actor | undefined = actorOf(m, name); actor !== undefined; actor = actor.parent) {
    if (orphan(m, `T${actor.index}`) !== undefined) return true
  }
  return false
}

/**
 * Differs only what such tasks do, and is the reason that here their process group counts as orphaned? Then a stop
 * signal of a terminal does not stop them, and a stopped one is hung up and continued.
 */
function isAboutOrphanedGroup(m: Mismatch): boolean {
  const { line, ours, keys } = m
  const goesOn = [
    ...without(line.stop, ours.stop).filter((event) => event.startsWith('+')),
    ...without(ours.stop, line.stop).filter((event) => event.startsWith('-')),
    ...without(ours.dead, line.dead).filter((name) => actorOf(m, name)?.stopped === true),
  ]
  const about = keys.flatMap((key) => {
    if (key === 'stop' || key === 'dead') {
      return [...without(line[key], ours[key]), ...without(ours[key], line[key])].map((event) =>
        event.slice(-2),
      )
    }
    if (key === 'sig' || key === 'wake') return Object.keys({ ...line[key], ...ours[key] })
    return [/^(?:sig|wake)\.(T\d)(?:\.|$)/.exec(key)?.[1] ?? `T${line.t}`]
  })
  return goesOn.length > 0 && about.every((name) => hasInitAbove(m, name))
}

/**
 * Do both sides end sleeps in these calls, of other tasks or in another order? The results add up to the same, as
 * many bytes, or some locks (those of one open file go together); or a read makes room for one writer each, who has written more or less before, or needs
 * more than that and sleeps on.
 */
function wakesOthers(m: Mismatch, calls: readonly string[]): boolean {
  const { line, ours, world } = m
  const results = ({ wake = {} }: Answer): number[] => Object.values(wake).flatMap(({ r }) => r ?? [])
  const [there, here] = [results(line), results(ours)]
  const sum = (list: readonly number[]): number => list.reduce((total, r) => total + r, 0)
  if (!allSleepIn(m, ...calls)) return false
  if (line.op === 'read' && allSleepIn(m, 'write') && sum(there) !== sum(here)) {
    const woken = sleepers(m)
    const sleepsOn = (actor: Actor | undefined): boolean =>
      actor?.step !== undefined && actor.line?.op === 'write' && !woken.includes(actor)
    const isOneEach = there.length === 1 && here.length === 1
    return isOneEach || (there.length + here.length === 1 && world.actors.some(sleepsOn))
  }
  if (there.length === 0 || sum(there) !== sum(here)) return false
  return there.length === here.length || sum(there) > 0 || (calls.includes('flock') && here.length > 0)
}

/** Are there polls that a line ends there and not here, where a read or write that it ends as well came first? */
function pollsSeeMore(m: Mismatch): boolean {
  const { keys, line, ours } = m
  const opOf = (name: string): string => actorOf(m, name)?.line?.op ?? ''
  const names = keys.map((key) => /^wake\.(T\d)$/.exec(key)?.[1] ?? '')
  const polls = names.every((name) => opOf(name) === 'poll' && (line.wake?.[name]?.r ?? 0) > 0)
  const others = Object.keys(ours.wake ?? {}).filter((name) => ['read', 'write'].includes(opOf(name)))
  return (
    names.length > 0 && polls && others.length > 0 && names.every((name) => ours.wake?.[name] === undefined)
  )
}

/** Is the first name of a path that is too long one to be looked up in a directory that has been removed? */
function namesTooLongInDeadDirectory(m: Mismatch, path: string): boolean {
  const names = path.split('/')
  const at = names.findIndex((name) => name.length > NAME_MAX)
  if (at < 0) return false
  const dir = names.slice(0, at).join('/')
  return statOf(m, dir === '' && at === 0 ? '.' : `${dir}/`)?.nlink === 0
}

/**
 * Does a line end the read of a pipe with what fits into the pipe, and here with what the writer had left as well?
 * The line is that read, or the write that has woken it.
 */
function readsOn({ keys, line, ours, world }: Mismatch, opOf: (name: string) => string): boolean {
  const writes = (actor: Actor | undefined): boolean =>
    actor?.line?.op === 'write' && actor.step !== undefined
  if (line.op === 'read')
    return (
      keys.join() === 'r,d' &&
      (ours.r ?? 0) > (line.r ?? 0) &&
      (ours.wake !== undefined || world.actors.some(writes))
    )
  const names = new Set(keys.map((key) => /^wake\.(T\d)\.[rd]$/.exec(key)?.[1] ?? ''))
  return (
    line.op === 'write' &&
    names.size === 1 &&
    [...names].every(
      (name) => opOf(name) === 'read' && (ours.wake?.[name]?.r ?? 0) > (line.wake?.[name]?.r ?? Number.NaN),
    )
  )
}

/** Does the library report one SIGCHLD more to a parent, and nothing else? */
function oneMoreSigchld({ line, ours, keys }: Mismatch): boolean {
  return keys.every((key) => {
    const name = /^sig\.(T\d)$/.exec(key)?.[1]
    const recorded = name === undefined ? undefined : line.sig?.[name]
    return recorded !== undefined && [...recorded, 'SIGCHLD'].join() === ours.sig?.[name ?? '']?.join()
  })
}

/** The tasks whose poll a stop has interrupted here and not there, if the line differs in nothing else. */
function polling(m: Mismatch): Actor[] {
  const { keys, line, ours } = m
  const actors = Object.entries(ours.wake ?? {}).flatMap(([name, { e }]) => {
    const actor = actorOf(m, name)
    const isOne = e === 'EINTR' && actor?.line?.op === 'poll' && line.wake?.[name]?.e === undefined
    return isOne ? [actor] : []
  })
  const about = (key: string): boolean => actors.some(({ index }) => key.startsWith(`wake.T${index}`))
  return keys.every((key) => key === 'wake' || about(key)) ? actors : []
}

export const ERA_6_18: readonly EraDifference[] = [
  ...ERA_6_18_SETGID,
  vs618({
    name: 'open(dir, O_RDONLY|O_TRUNC) is refused',
    cite: 'may_open, fs/namei.c: EISDIR when MAY_WRITE is asked for, which O_TRUNC implies; 2.6.20 looks at FMODE_WRITE',
    covers: (m) =>
      opensWith(m, O_TRUNC) &&
      (openFlags(m.line, m.world) & (O_ACCMODE | O_CREAT)) === 0 &&
      answers(m, 'EISDIR', 'ok', 'EACCES'),
    after: undoIfRefused,
  }),
  vs618({
    name: 'setuid and setgid refuse -1',
    cite: 'sys_setuid and sys_setgid, kernel/sys.c: EINVAL unless uid_valid, since 3.5',
    covers: (m) =>
      (m.line.op === 'setuid' || m.line.op === 'setgid') &&
      m.line.a[0] === '-1' &&
      answers(m, 'EINVAL', 'ok', 'EPERM'),
    after: undoIfRefused,
  }),
  vs618({
    name: 'setresuid and setresgid that change nothing leave fsuid and fsgid alone',
    cite: '__sys_setresuid and __sys_setresgid, kernel/sys.c: "check for no-op" since 6.4; before, fsuid = euid in any case',
    looksAt: 'agreement',
    covers: ({ line, world }) => line.r === 0 && world.askedForSameIds,
    after: () => 'undo',
  }),
  vs618({
    name: 'flock looks at the operation before the descriptor',
    cite: 'sys_flock, fs/locks.c: flock_translate_cmd comes before fdget since 6.0; before, fget comes first',
    covers: (m) => m.line.op === 'flock' && answers(m, 'EINVAL', 'EBADF'),
    after: unlessChanged,
  }),
  vs618({
    name: 'open(".", O_CREAT|O_EXCL) says EEXIST',
    cite: 'do_open, fs/namei.c: O_EXCL is judged before the type; 2.6.20: open_namei, EISDIR unless LAST_NORM',
    covers: (m) =>
      opensWith(m, O_CREAT | O_EXCL) &&
      pathsOf(m.line).some((path) => /(^|\/)\.{0,2}\/*$/.test(path)) &&
      answers(m, 'EEXIST', 'EISDIR'),
    after: unlessChanged,
  }),
  vs618({
    name: 'open with O_CREAT|O_DIRECTORY is refused',
    cite: 'build_open_flags, fs/open.c: EINVAL since 6.4',
    covers: (m) => opensWith(m, O_CREAT | O_DIRECTORY) && outcomes(m)?.recorded === 'EINVAL',
    after: undoIfRefused,
  }),
  vs618({
    name: 'O_CREAT of an existing special file or link in a sticky directory is refused',
    cite: 'may_create_in_sticky, fs/namei.c, since 4.19: EACCES for a file of another owner that is neither regular nor a fifo',
    covers: (m) =>
      opensWith(m, O_CREAT) &&
      outcomes(m)?.recorded === 'EACCES' &&
      pathsOf(m.line).some(
        (path) =>
          ((statOf(m, parentOf(path))?.mode ?? 0) & S_ISVTX) !== 0 &&
          isType(modeAt(m, path), S_IFLNK, S_IFSOCK, S_IFCHR),
      ),
    after: undoIfRefused,
  }),
  vs618({
    name: 'a new name that is empty or too long is noticed in its turn',
    cite: 'do_renameat2 and do_linkat, fs/namei.c: the old path is walked first; 2.6.20: getname of the new path comes first',
    covers: (m) => {
      if (m.line.op !== 'rename' && m.line.op !== 'link') return false
      const name = m.line.a[1] ?? ''
      const ours = outcomes(m)?.ours
      return (ours === 'ENAMETOOLONG' && name.length >= PATH_MAX) || (ours === 'ENOENT' && name === '')
    },
    after: unlessChanged,
  }),
  vs618({
    name: 'a new name too long is noticed before that it is below the old one',
    cite: 'do_renameat2, fs/namei.c: the new name is looked up before the ancestor is tested, since 3.15; 2.6.20: do_rename, after it',
    covers: (m) =>
      m.line.op === 'rename' &&
      answers(m, 'ENAMETOOLONG', 'EINVAL') &&
      (m.line.a[1]?.split('/').at(-1)?.length ?? 0) > NAME_MAX,
    after: unlessChanged,
  }),
  vs618({
    name: 'O_CREAT through a link that ends in ".", ".." or "/"',
    cite: 'open_namei, fs/namei.c (2.6.20), do_link: ELOOP unless LAST_NORM, and the old last component again after "/"; path_openat follows the link like any other',
    covers: (m) =>
      opensWith(m, O_CREAT) &&
      outcomes(m) !== undefined &&
      (linksToRoot(m) ||
        (outcomes(m)?.ours === 'ELOOP' && pathsOf(m.line).some((path) => isType(modeAt(m, path), S_IFLNK)))),
    after: undoIfRefused,
  }),
  vs618({
    name: 'nothing is looked up in a directory that has been removed',
    cite: '__lookup_hash, fs/namei.c: ENOENT for a dead directory since 2.6.26; before, may_create finds it out after all other checks',
    covers: (m) =>
      outcomes(m)?.recorded === 'ENOENT' &&
      (outcomes(m)?.ours === 'ENAMETOOLONG'
        ? pathsOf(m.line).some((path) => namesTooLongInDeadDirectory(m, path))
        : (m.line.op === 'rename' || m.line.op === 'link') &&
          outcomes(m)?.ours !== 'ok' &&
          statOf(m, parentOf(pathsOf(m.line)[1] ?? ''))?.nlink === 0),
    after: unlessChanged,
  }),
  vs618({
    name: 'poll goes on sleeping over SIGSTOP and SIGCONT',
    cite: 'sys_poll, fs/select.c: restarted (restart_syscall) since 2.6.24; EINTR before',
    covers: (m) => polling(m).length > 0,
    // The task calls poll again; it sleeps again, unless something has come meanwhile.
    after: (m) => {
      const polls = polling(m).flatMap(({ index, line }) => (line === undefined ? [] : [{ index, line }]))
      return (world) => {
        const { wake: ours, ...rest } = m.ours
        const wake = { ...ours }
        for (const { index, line } of polls) {
          const { blk, ...answer } = world.run(line)
          delete wake[`T${index}`]
          if (blk !== 1) wake[`T${index}`] = answer
        }
        return Object.keys(wake).length > 0 ? { ...rest, wake } : rest
      }
    },
  }),
  vs618({
    name: 'the task that has waited longest gets what is in a pipe',
    cite: 'pipe_read and pipe_write, fs/pipe.c: exclusive waits, at the end of the queue, since 5.6; 2.6.20: pipe_wait, at its head',
    covers: (m) => wakesOthers(m, ['read', 'write']),
    after: always,
  }),
  vs618({
    name: 'a poll looks at a pipe before those that sleep in a read or write',
    cite: 'pipe_read and pipe_write, fs/pipe.c: exclusive waits, at the end of the queue, since 5.6; 2.6.20: pipe_wait, at its head, before a poll that has waited longer',
    covers: pollsSeeMore,
    after: always,
  }),
  vs618({
    name: 'a read does not wait for what a sleeping writer still has',
    cite: 'pipe_read, fs/pipe.c: waiting_writers gone since 5.5; 2.6.20: pipe_readv lets PIPE_WAITING_WRITERS go on first',
    covers: (m) => readsOn(m, (name) => actorOf(m, name)?.line?.op ?? ''),
    after: always,
  }),
  vs618({
    name: 'who has another fsuid than 0 makes no devices',
    cite: 'CAP_FS_SET, include/linux/capability.h: setfsuid takes CAP_MKNOD away and gives it back since 2.6.30; before, CAP_FS_MASK, the first five',
    covers(m) {
      const sets = callsOf(m)?.capget(0)
      if (sets === undefined || isErr(sets)) return false
      const has = (capability: number): boolean => ((sets.effective >>> capability) & 1) !== 0
      const isDevice = /S_IF(CHR|BLK)/.test(m.line.a[1] ?? '')
      return (
        m.line.op === 'mknod' && isDevice && answers(m, 'EPERM', 'ok') && has(CAP_MKNOD) && !has(CAP_FSETID)
      )
    },
    after: undoIfRefused,
  }),
  vs618({
    name: 'not Linux: directories of the file system that was recorded on have a size',
    cite: 'shmem_mknod, mm/shmem.c: BOGO_DIRENT_SIZE for each entry; ramfs, which the runner mounts, has none',
    covers: (m) =>
      m.line.op === 'lock' &&
      m.line.a[3] === 'SEEK_END' &&
      answers(m, 'ok', 'EINVAL') &&
      isType(statOf(m, Number(m.line.a[0]))?.mode ?? 0, S_IFDIR),
    after: always,
  }),
  vs618({
    name: 'requests for a lock wait for other requests',
    cite: 'locks_insert_block, fs/locks.c, since 5.0: a tree, in which a request that is withdrawn moves those behind it; before, one queue',
    covers: (m) => wakesOthers(m, ['lock', 'flock']),
    after: always,
  }),
  vs618({
    name: 'truncation clears the set-id bits',
    cite: 'do_truncate, fs/open.c: should_remove_suid, later dentry_needs_remove_privs; 2.6.20 leaves the mode alone',
    looksAt: 'agreement',
    covers: (m) => {
      const stat = truncated(m)
      return stat !== undefined && truncatedMode(m, stat) !== stat.mode
    },
    after: (m) => {
      const stat = truncated(m)
      return stat === undefined ? 'stop' : setMode(m, stat, truncatedMode(m, stat))
    },
  }),
  vs618({
    name: 'a set-gid file made in a set-gid directory of a foreign group loses the bit',
    cite: 'inode_init_owner (4.18), later mode_strip_sgid, fs/inode.c',
    looksAt: 'agreement',
    covers: (m) => {
      const stat = made(m)
      return stat !== undefined && losesSetGid(m, stat)
    },
    after: (m) => {
      const stat = made(m)
      return stat === undefined ? 'stop' : setMode(m, stat, stat.mode & ~S_ISGID)
    },
  }),
  vs618({
    name: 'a continued task that dies at once sends one SIGCHLD',
    cite: 'get_signal, kernel/signal.c: the task itself reports CLD_CONTINUED when it runs; 2.6.20: handle_stop_signal, the sender of SIGCONT reports it',
    covers: (m) => m.line.dead !== undefined && m.line.a.includes('SIGCONT') && oneMoreSigchld(m),
    after: always,
  }),
  vs618({
    name: 'getcwd says that the directory is outside the root',
    cite: 'prepend_unreachable, fs/d_path.c, since 2.6.36; before, __d_path goes on to the root of the mount tree',
    covers: ({ line, ours, keys }) =>
      line.op === 'getcwd' && keys.join() === 'r,d' && line.d === `${UNREACHABLE}${ours.d}`,
    after: unlessChanged,
  }),
  vs618({
    name: 'a signal ends the read or write of a pipe that O_NONBLOCK has been set for meanwhile',
    cite: 'pipe_read and pipe_write, fs/pipe.c: ERESTARTSYS from the wait itself since 5.5; 2.6.20: pipe_readv, woken, looks at O_NONBLOCK first',
    covers: ({ line, ours, keys }) =>
      keys.length > 0 &&
      keys.every((key) => {
        const name = /^wake\.(T\d)\.e$/.exec(key)?.[1] ?? ''
        return line.wake?.[name]?.e === 'EINTR' && ours.wake?.[name]?.e === 'EAGAIN'
      }),
    after: goOn,
  }),
  vs618({
    name: 'not Linux: process group 1 is that of the recorder',
    cite: 'sys_setpgid, kernel/sys.c: pid 1 of the namespace is the recorder, in whose session the tasks begin',
    covers: (m) => m.line.op === 'setpgid' && m.line.a[1] === '1' && answers(m, 'ok', 'EPERM'),
    after: ({ line }) => {
      return (world) => {
        const sys = world.actors[line.t]?.proc.sys
        return sys?.setpgid(world.pidOf(line.a[0] ?? '0'), world.recorder.pid) === 0 ? { r: 0 } : {}
      }
    },
  }),
  vs618({
    name: 'not Linux: nobody but the sender is left in the pid namespace of the recorder',
    cite: 'kill_something_info, kernel/signal.c: passes over pid 1 of the namespace, which there is the recorder itself',
    covers: (m) => m.line.op === 'kill' && m.line.a[0] === '-1' && answers(m, 'ESRCH', 'ok'),
    after: always,
  }),
  vs618({
    name: 'the init of a pid namespace keeps its orphans from being an orphaned process group',
    cite: 'will_become_orphaned_pgrp, kernel/exit.c: only the global init does not count; the recorder was pid 1 of a namespace',
    covers: isAboutOrphanedGroup,
    after: always,
  }),
  ...ERA_6_18_SOCKETS,
]
