/**
 * What changed between 2.6.14 and 6.18, as far as the scripts reach it. See era.ts.
 */

import type { Answer } from './answer.js'
import type { EraDifference, Mismatch } from './era.js'
import {
  always,
  answers,
  isType,
  modeAt,
  nesting,
  O_ACCMODE,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_TRUNC,
  openFlags,
  opensWith,
  orphan,
  outcomes,
  parentMode,
  pathsOf,
  unlessChanged,
} from './era_help.js'

const S_IFSOCK = 0o140000
const S_IFLNK = 0o120000
const S_IFCHR = 0o020000
const S_ISVTX = 0o1000
const S_ISGID = 0o2000
const SET_ID = 0o6000
const UNREACHABLE = '(unreachable)'
const PATH_MAX = 4096

const vs618 = (entry: Omit<EraDifference, 'recordings' | 'profiles'>): EraDifference => ({
  recordings: ['6.18'],
  profiles: ['2.6.14'],
  ...entry,
})

/** The set-id bits that our answer's `st.mo` has and the recorded one lacks, when nothing else differs. */
function clearedBits({ line, ours, keys }: Mismatch): number {
  if (keys.length !== 1 || keys[0] !== 'st.mo' || line.st === undefined || ours.st === undefined) return 0
  const recorded = Number.parseInt(line.st.mo, 8)
  const mode = Number.parseInt(ours.st.mo, 8)
  return (recorded & ~mode) === 0 && (mode & ~recorded & ~SET_ID) === 0 ? mode & ~recorded : 0
}

/** Did the file of this answer go through such an operation earlier? See `watch`. */
const had = ({ ours, world }: Mismatch, event: string): boolean =>
  ours.st !== undefined && world.events.has(`${event} ${ours.st.ino}`)

/** Entries of one list that the other has not. */
const without = (list: readonly string[] | undefined, other: readonly string[] | undefined): string[] =>
  (list ?? []).filter((entry) => other?.includes(entry) !== true)

/**
 * Differs only what orphans do, and is the reason that here their process group counts as orphaned? Then a stop
 * signal of a terminal does not stop them, and a stopped one is hung up and continued.
 */
function isAboutOrphanedGroup(m: Mismatch): boolean {
  const { line, ours, keys, world } = m
  const goesOn = [
    ...without(line.stop, ours.stop).filter((event) => event.startsWith('+')),
    ...without(ours.stop, line.stop).filter((event) => event.startsWith('-')),
    ...without(ours.dead, line.dead).filter((name) => world.actors[Number(name.slice(1))]?.stopped === true),
  ]
  const about = keys.flatMap((key) => {
    if (key === 'r' || key === 'blk') return [`T${line.t}`]
    if (key === 'stop' || key === 'dead') {
      return [...without(line[key], ours[key]), ...without(ours[key], line[key])].map((event) => event.slice(-2))
    }
    if (key === 'sig' || key === 'wake') return Object.keys({ ...line[key], ...ours[key] })
    return [/^(?:sig|wake)\.(T\d)(?:\.|$)/.exec(key)?.[1] ?? '']
  })
  return goesOn.length > 0 && about.every((name) => orphan(m, name) !== undefined)
}

/**
 * Do both sides end the sleep of some task in one of these calls, with the same result, but of another task? True
 * where the kernels differ in who comes first.
 */
function wakesAnother({ line, ours, keys, world }: Mismatch, calls: readonly string[]): boolean {
  const tasks = keys.map((key) => /^wake\.(T\d)$/.exec(key)?.[1] ?? '')
  const answersOf = (answer: Answer): string[] =>
    tasks.flatMap((name) => (answer.wake?.[name] === undefined ? [] : [JSON.stringify(answer.wake[name])]))
  const recorded = answersOf(line)
  return (
    recorded.length > 0 &&
    new Set([...recorded, ...answersOf(ours)]).size === 1 &&
    answersOf(ours).length > 0 &&
    tasks.every((name) => calls.includes(world.actors[Number(name.slice(1))]?.line?.op ?? ''))
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

export const ERA_6_18: readonly EraDifference[] = [
  vs618({
    name: 'open(dir, O_RDONLY|O_TRUNC) is refused',
    cite: 'may_open, fs/namei.c: EISDIR when MAY_WRITE is asked for, which O_TRUNC implies; 2.6.20 looks at FMODE_WRITE',
    covers: (m) =>
      opensWith(m, O_TRUNC) &&
      (openFlags(m.line, m.world) & (O_ACCMODE | O_CREAT)) === 0 &&
      answers(m, 'EISDIR', 'ok', 'EACCES'),
    after: unlessChanged,
  }),
  vs618({
    name: 'setuid and setgid refuse -1',
    cite: 'sys_setuid and sys_setgid, kernel/sys.c: EINVAL unless uid_valid, since 3.5',
    covers: (m) =>
      (m.line.op === 'setuid' || m.line.op === 'setgid') &&
      m.line.a[0] === '-1' &&
      answers(m, 'EINVAL', 'ok', 'EPERM'),
    after: unlessChanged,
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
    after: unlessChanged,
  }),
  vs618({
    name: 'O_CREAT of an existing special file or link in a sticky directory is refused',
    cite: 'may_create_in_sticky, fs/namei.c, since 4.19: EACCES for a file of another owner that is neither regular nor a fifo',
    covers: (m) =>
      opensWith(m, O_CREAT) &&
      outcomes(m)?.recorded === 'EACCES' &&
      pathsOf(m.line).some(
        (path) =>
          (parentMode(m, path) & S_ISVTX) !== 0 && isType(modeAt(m, path), S_IFLNK, S_IFSOCK, S_IFCHR),
      ),
    after: unlessChanged,
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
    name: 'O_CREAT through a link that ends in ".", ".." or "/"',
    cite: 'open_namei, fs/namei.c (2.6.20), do_link: ELOOP unless LAST_NORM; path_openat follows the link like any other',
    covers: (m) =>
      opensWith(m, O_CREAT) &&
      outcomes(m)?.ours === 'ELOOP' &&
      pathsOf(m.line).some((path) => isType(modeAt(m, path), S_IFLNK)),
    after: unlessChanged,
  }),
  vs618({
    name: 'symbolic links nest up to 40',
    cite: 'MAXSYMLINKS counts all links of a walk since 4.2; MAX_NESTED_LINKS, include/linux/namei.h, is 5 in 2.6.14',
    covers: (m) => outcomes(m)?.ours === 'ELOOP' && pathsOf(m.line).some((path) => nesting(m, path) > 5),
    after: unlessChanged,
  }),
  vs618({
    name: 'poll goes on sleeping over SIGSTOP and SIGCONT',
    cite: 'sys_poll, fs/select.c: restarted (restart_syscall) since 2.6.24; EINTR before',
    covers: ({ keys, ours, world }) =>
      keys.length > 0 &&
      keys.every((key) => key === 'wake' || /^wake\.T\d$/.test(key)) &&
      Object.entries(ours.wake ?? {}).every(
        ([name, woken]) => woken.e === 'EINTR' && world.actors[Number(name.slice(1))]?.line?.op === 'poll',
      ),
    after: always,
  }),
  vs618({
    name: 'the task that has waited longest gets what is in a pipe',
    cite: 'pipe_read and pipe_write, fs/pipe.c: exclusive waits, at the end of the queue, since 5.6; 2.6.20: pipe_wait, at its head',
    covers: (m) => wakesAnother(m, ['read', 'write']),
    after: always,
  }),
  vs618({
    name: 'requests for a lock wait for other requests',
    cite: 'locks_insert_block, fs/locks.c, since 5.0: a tree, in which a request that is withdrawn moves those behind it; before, one queue',
    covers: (m) => wakesAnother(m, ['lock', 'flock']),
    after: always,
  }),
  vs618({
    name: 'truncation clears the set-id bits',
    cite: 'do_truncate, fs/open.c: should_remove_suid, later dentry_needs_remove_privs; 2.6.20 leaves the mode alone',
    covers: (m) => clearedBits(m) !== 0 && had(m, 'truncated'),
    after: always,
  }),
  vs618({
    name: 'a set-gid file made in a set-gid directory of a foreign group loses the bit',
    cite: 'inode_init_owner (4.18), later mode_strip_sgid, fs/inode.c',
    covers: (m) => clearedBits(m) === S_ISGID && had(m, 'created'),
    after: always,
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
]
