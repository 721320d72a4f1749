/**
 * What changed between 2.2.12 and 2.6.20 about descriptors, pipes, polling and locks. See era.ts.
 */

import { isErr } from 'paleokernel'
import { fget } from '../../src/vfs/fdtable.js'
import type { Actor } from './actor.js'
import type { Line } from './answer.js'
import { inLargePipe, instead, otherWords } from './bring.js'
import type { EraDifference, Mismatch } from './era.js'
import { allSleepIn, always, answers, goOn, isType, O_ACCMODE, sleepers, statOf, vs2620 } from './era_help.js'
import { dataOf, parsePoll } from './values.js'
import type { World } from './world.js'

const S_IFIFO = 0o010000
const F_GETFL = 3

const isPipe = (m: Mismatch, fd: number): boolean => isType(statOf(m, fd)?.mode ?? 0, S_IFIFO)

/** Does a task sleep in a poll of a pipe, among others? */
const pollsPipe = ({ line, proc }: Actor): boolean =>
  parsePoll(line?.a[0] ?? '').some(({ fd }) => {
    const file = fget(proc.current(), fd)
    return !isErr(file) && isType(file.inode.mode, S_IFIFO)
  })

/** The entries of a poll without what an end of a pipe is not for: POLLOUT for reading, POLLIN for writing. */
function onePollEnd(world: World, { t, a }: Line): string {
  const sys = world.actors[t]?.proc.sys
  return (a[0] ?? '')
    .split(',')
    .map((entry) => {
      const [fd = '', events = ''] = entry.split(':')
      const flags = sys?.fcntl(Number(fd), F_GETFL) ?? 0
      const stat = sys?.fstat(Number(fd))
      if (stat === undefined || isErr(stat) || !isType(stat.mode, S_IFIFO)) return entry
      const unfit = (flags & O_ACCMODE) === 0 ? 'OUT' : (flags & O_ACCMODE) === 1 ? 'IN' : ''
      return `${fd}:${events
        .split('|')
        .filter((name) => name !== unfit)
        .join('|')}`
    })
    .join(',')
}

/** Does a write fill a pipe here that takes more there? */
function fillsPipe(m: Mismatch): boolean {
  const { line, ours, keys } = m
  if (line.op !== 'write') return false
  // Asleep in a write: only a pipe does that.
  if (ours.blk === 1) return true
  if (keys.length === 0 || dataOf(line.a[1] ?? '').length === 0 || !isPipe(m, Number(line.a[0]))) return false
  return ours.e === 'EAGAIN' || (ours.r ?? 0) !== (line.r ?? 0)
}

export const ERA_2_2_FILES: readonly EraDifference[] = [
  vs2620({
    name: 'NR_OPEN bounds descriptor numbers',
    cite: 'dupfd and sys_dup2, fs/fcntl.c (2.2): EMFILE between RLIMIT_NOFILE and NR_OPEN, after the old one is closed; 2.6: EINVAL and EBADF',
    covers: (m) =>
      (m.line.op === 'dup2' && answers(m, 'EBADF', 'EMFILE')) ||
      (m.line.op === 'fcntl' && m.line.a[1] === 'F_DUPFD' && answers(m, 'EINVAL', 'EMFILE')),
    after: () => 'undo',
  }),
  vs2620({
    name: 'pread and pwrite look at the open mode first',
    cite: 'sys_pread and sys_pwrite, fs/read_write.c (2.2): mode, position, then the file; 2.6: position, seekability, mode',
    covers: (m) =>
      (m.line.op === 'pread' || m.line.op === 'pwrite') &&
      (answers(m, 'EINVAL', 'EBADF') || answers(m, 'ESPIPE', 'EBADF')),
    after: goOn,
  }),
  vs2620({
    name: 'directory entries have no type',
    cite: 'struct dirent and filldir, fs/readdir.c (2.2); getdents64 with d_type came with 2.4',
    covers: ({ line, ours, keys }) =>
      line.op === 'readdir' &&
      keys.join() === 'ls' &&
      line.ls?.map((entry) => entry.replace(/:.$/, ':b')).join('/') === ours.ls?.join('/'),
    after: goOn,
  }),
  vs2620({
    name: 'a record lock has no negative length',
    cite: 'posix_make_lock, fs/locks.c (2.2): EINVAL; flock_to_posix_lock takes the bytes before l_start since 2.4.21',
    covers: ({ line, ours }) => line.op === 'lock' && Number(line.a[5]) < 0 && ours.e === 'EINVAL',
    after: ({ line }) => {
      const [fd = '0', cmd = '0', type = '0', whence = '0', start = '0', len = '0'] = line.a
      return otherWords(
        line,
        fd,
        cmd,
        type,
        whence,
        String(Number(start) + Number(len)),
        String(-Number(len)),
      )
    },
  }),
  vs2620({
    name: 'flock lets all who waited go first when it changes its type',
    cite: 'locks_wake_up_blocks, fs/locks.c (2.2), which calls schedule; 2.6: cond_resched in flock_lock_file',
    covers: ({ line, ours, keys }) =>
      line.op === 'flock' && keys.includes('wake') && line.r === 0 && (ours.blk === 1 || ours.e === 'EAGAIN'),
    after: always,
  }),
  vs2620({
    name: 'a signal ends the wait for flock although the lock is free',
    cite: 'flock_lock_file, fs/locks.c (2.2): signal_pending is asked each time before the locks are looked at',
    covers: (m) =>
      allSleepIn(m, 'flock') &&
      sleepers(m).every(
        ({ index }) => m.line.wake?.[`T${index}`]?.r === 0 && m.ours.wake?.[`T${index}`]?.r !== 0,
      ),
    after: always,
  }),
  vs2620({
    name: 'both ends of a pipe poll alike',
    cite: 'pipe_poll, fs/pipe.c (2.2): POLLOUT when empty, else POLLIN, whichever end; 2.4 asks the open mode',
    covers: (m) => {
      const { line, ours, keys } = m
      if (allSleepIn(m, 'poll')) return sleepers(m).every(pollsPipe)
      if (line.op !== 'poll' || !keys.every((key) => ['r', 'rev', 'blk'].includes(key))) return false
      if (ours.blk === 1) return true
      const isSame = (i: number): boolean => (line.rev?.[i] ?? '') === (ours.rev?.[i] ?? '')
      return parsePoll(line.a[0] ?? '').every(({ fd }, i) => isSame(i) || isPipe(m, fd))
    },
    after: (m) => {
      const { line, keys } = m
      if (sleepers(m).length > 0) return keys.every((key) => /\.(rev|r)$/.test(key)) ? 'go on' : 'stop'
      return line.blk === 1
        ? instead((world) => world.run({ ...line, a: [onePollEnd(world, line), line.a[1] ?? '0'] }))
        : 'undo'
    },
  }),
  vs2620({
    name: 'a pipe holds one page',
    cite: 'pipe_write, fs/pipe.c, and PIPE_SIZE, include/linux/pipe_fs_i.h (2.2); sixteen pages since 2.6.11',
    looksAt: 'all',
    covers: fillsPipe,
    // It is bytes that 2.2 counts, and pages that 2.6 counts: what fills both alike may fill one of them before.
    after: ({ line }) => inLargePipe(line),
  }),
  vs2620({
    name: 'a pipe is full of bytes, not of pages',
    cite: 'pipe_write, fs/pipe.c (2.2): PIPE_FREE counts bytes; since 2.6.11 every write begins a page unless it fits into the last one',
    covers: (m) => allSleepIn(m, 'write') && m.keys.every((key) => /^wake\.T\d\.r$/.test(key)),
    after: always,
  }),
  vs2620({
    name: 'a write of nothing finds a pipe broken',
    cite: 'pipe_write, fs/pipe.c (2.2), looks for readers first; 2.6: pipe_writev returns 0 for 0 bytes',
    covers: ({ line, ours }) =>
      line.op === 'write' && line.r === 0 && dataOf(line.a[1] ?? '').length === 0 && ours.r === undefined,
    after: () => 'undo',
  }),
]
