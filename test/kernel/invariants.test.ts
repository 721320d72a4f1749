/** The recount can fail: one row per rule, each breaking the books by hand and reading the complaint. */
import {
  checkInvariants,
  F_SETLK,
  F_WRLCK,
  type Kernel,
  LOCK_EX,
  O_CREAT,
  O_RDWR,
  PROFILES,
  type Process,
  S_IFIFO,
  SIGTERM,
  type Task,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import type { PageStore } from '../../src/fs/pages.js'
import type { RamfsInfo } from '../../src/fs/ramfs.js'
import { boot, coreOf, forkOf, ok, pipeOf, taskOf, writeFile } from '../helpers/world.js'

interface Scene {
  readonly k: Kernel
  readonly p: Process
  readonly task: Task
  readonly child: Process
}

/** A bit of everything: files, a pipe, a FIFO, locks, a sleeper, a timer, a zombie, a pending signal. */
function scene(profile: (typeof PROFILES)[number] = '2.6.14'): Scene {
  const k = boot({ profile })
  const p = k.spawn({ comm: 'p' })
  writeFile(p, '/tmp/file', 'x'.repeat(5000))
  const fd = ok(p.sys.open('/tmp/file', O_CREAT | O_RDWR, 0o600))
  ok(p.sys.flock(fd, LOCK_EX))
  if (profile !== '2.0.35')
    ok(p.sys.fcntl(fd, F_SETLK, { type: F_WRLCK, whence: 0, start: 0, len: 5, pid: 0 }))
  pipeOf(p)
  ok(p.sys.mknod('/tmp/fifo', S_IFIFO | 0o600, 0))
  ok(p.sys.open('/tmp/fifo', O_RDWR))
  const dir = ok(p.sys.open('/tmp', 0))
  if (profile !== '2.0.35') ok(p.sys.getdents(dir))
  ok(p.sys.alarm(10))
  ok(p.sys.sigprocmask(0, [SIGTERM]))
  ok(p.sys.kill(p.pid, SIGTERM))
  const child = forkOf(k, p)
  child.begin.nanosleep(500)
  const reader = forkOf(k, p)
  reader.begin.read(1, new Uint8Array(1))
  forkOf(k, p).sys.exit(0)
  return { k, p, task: taskOf(p), child }
}

const fileOf = ({ task }: Scene, fd = 0) => {
  const file = task.files.files[fd]
  if (file == null) throw new Error(`no descriptor ${fd}`)
  return file
}

describe('checkInvariants', () => {
  it.each(PROFILES)('has nothing to complain about on %s', (profile) => {
    expect(checkInvariants(scene(profile).k)).toEqual([])
  })

  it.each<[string, (scene: Scene) => unknown, RegExp]>([
    ['a file with a use too many', (s) => fileOf(s).count++, /the count of an open file .* is 4, counted 3/],
    ['an inode with a use too many', (s) => fileOf(s).inode.count++, /the count of inode/],
    [
      'an inode with a link too many',
      (s) => fileOf(s).inode.nlink++,
      /the links of inode .* is 2, counted 1/,
    ],
    ['a writer too many', (s) => fileOf(s).inode.writeCount++, /the writers of inode/],
    ['a mount with a use too few', ({ task }) => task.fs.pwdMnt.count--, /the count of a mount of ramfs/],
    [
      'a user of a table too many',
      ({ task }) => task.files.users++,
      /the users of a set of descriptors is 2, counted 1/,
    ],
    [
      'a user of handlers too many',
      ({ task }) => task.sighand.users++,
      /the users of a set of handlers is 2, counted 1/,
    ],
    ['a hint above a free descriptor', (s) => s.task.files.files.splice(1, 1, null), /./],
    ['a name without a list entry', (s) => ((fileOf(s).dentry as { hashed: boolean }).hashed = false), /./],
    ['a page too many', (s) => (fileOf(s).inode.data as PageStore).pages++, /the pages of inode/],
    [
      'a page of the file system too many',
      (s) => (fileOf(s).inode.sb.data as RamfsInfo).pages++,
      /the pages of/,
    ],
    [
      'an inode of the file system too many',
      (s) => (fileOf(s).inode.sb.data as RamfsInfo).inodes++,
      /the inodes of/,
    ],
    [
      'a reader too many',
      (s) => (fileOf(s, 1).inode.data as { readers: number }).readers++,
      /the readers of/,
    ],
    [
      'a writer of a FIFO too many',
      (s) => (fileOf(s, 3).inode.data as { writers: number }).writers++,
      /the writers of/,
    ],
    [
      'a lock of a closed file',
      (s) =>
        ((fileOf(s).inode.locks as unknown as { flocks: { file: unknown }[] }).flocks[0]!.file = fileOf(
          s,
          1,
        )),
      /lock/,
    ],
    ['a member of a group too many', ({ task }) => task.group.pgrp.count++, /the members of process group 2/],
    ['a thread too many', ({ task }) => task.group.live++, /the live threads of pid 2 is 2, counted 1/],
    [
      'a process group too many',
      ({ k }) => coreOf(k).state.sessions.set(2, 5),
      /the process groups of session 2/,
    ],
    [
      'a child without a parent',
      ({ task }) => (task.firstChild = null),
      /pid 3 is in nobody's list of children/,
    ],
    [
      'a task of a user too many',
      ({ k }) => coreOf(k).state.userTasks.set(0, 99),
      /the tasks of uid 0 is 99/,
    ],
    [
      'a sleeper that is on a run queue',
      ({ child }) => (taskOf(child).queued = taskOf(child).k.state.runQueue),
      /pid 3/,
    ],
    [
      'a sleeper outside of a call',
      ({ child }) => (taskOf(child).call = null),
      /pid 3 .* sleeps outside of a call/,
    ],
    [
      'a timer that nobody knows',
      ({ child }) => (taskOf(child).restart = null),
      /a timer wakes pid 3, whose call does not know it/,
    ],
    ['a timer out of place', ({ k }) => coreOf(k).state.timers.heap.reverse(), /timer/],
    [
      'a timer without a handler',
      ({ k }) => (coreOf(k).state.timers.heap[0]!.handler = 'none'),
      /timer 'none' has no handler/,
    ],
    ['a signal that is not queued', ({ task }) => (task.group.shared!.queue = []), /signal 15/],
    [
      'a signal that is not seen',
      ({ task }) => (task.blockedLow = 0),
      /pid 2 .*does not see its signals|pid 2 does not see/,
    ],
    [
      'capabilities that are not permitted',
      ({ task }) => (task.cred = { ...task.cred, capPermitted: 0 as never }),
      /effective capabilities that are not permitted/,
    ],
    ['a pid out of range', ({ k, task }) => coreOf(k).state.tasks.set(99_999, task), /99999|the key of pid/],
  ])('complains about %s', (_what, sabotage, complaint) => {
    const s = scene()
    sabotage(s)
    const problems = checkInvariants(s.k)
    expect(problems.join('\n')).toMatch(complaint)
  })

  it('changes nothing', () => {
    const { k } = scene()
    const before = k.digest()
    checkInvariants(k)
    expect(k.digest()).toBe(before)
  })
})
