import { createKernel } from 'paleokernel'
/**
 * A small world for the tests of file locks and descriptors. The tasks are real, the kernel around them is only what
 * the handlers touch: tables, run queues, facts, hooks that allow.
 */
import { expect } from 'vitest'
import { asCapSet, asDevT, asIno } from '../../src/abi/brand.js'
import { BLOCKED, errnoName, isErr } from '../../src/abi/errno.js'
import {
  F_GETLK,
  F_RDLCK,
  F_SETLK,
  F_SETLKW,
  F_UNLCK,
  type Flock,
  O_RDWR,
  SEEK_SET,
} from '../../src/abi/fcntl.js'
import type { Profile } from '../../src/abi/profile.js'
import { initialRlimits, RLIMIT_NOFILE } from '../../src/abi/resource.js'
import { S_IFREG } from '../../src/abi/stat.js'
import { Cred } from '../../src/kernel/cred.js'
import type { KernelCore } from '../../src/kernel/kernel.js'
import { withRlimit } from '../../src/kernel/rlimit.js'
import { dequeueTask } from '../../src/kernel/runqueue.js'
import { SigHand } from '../../src/kernel/signal_state.js'
import { type FsStruct, Pgrp, Task } from '../../src/kernel/task.js'
import { wakeTask } from '../../src/kernel/wait.js'
import { sysDup, sysDup2 } from '../../src/syscalls/dup.js'
import { sysFcntl } from '../../src/syscalls/fcntl.js'
import { sysFlock } from '../../src/syscalls/file_lock.js'
import { sysIoctl } from '../../src/syscalls/ioctl.js'
import { filpClose } from '../../src/vfs/close.js'
import { copyFdTable, FdTable, fdInstall, fdRemove, fget, getUnusedFd } from '../../src/vfs/fdtable.js'
import { File, FMODE_WRITE } from '../../src/vfs/file.js'
import { getWriteAccess, Inode } from '../../src/vfs/inode.js'
import { defineFileOps, defineInodeOps } from '../../src/vfs/ops.js'
import type { SuperBlock } from '../../src/vfs/superblock.js'

/** RLIMIT_NOFILE of every process. */
export const NOFILE = 64

export class World {
  readonly k: KernelCore
  readonly files = new Map<string, Inode>()
  readonly pgrp = new Pgrp(1, 1)
  /** Hook calls, as 'name:argument'. */
  readonly asked: string[] = []
  private nextPid = 1

  constructor(profile: Profile = '2.6.14') {
    const hook = (name: string) => (_task: Task, _file: File, what: number) => {
      this.asked.push(`${name}:${what}`)
      return 0
    }
    // A real kernel without its own processes: those of a test are made by hand, with the tables they are to share.
    this.k = createKernel({ profile, rootfs: 'empty' }) as unknown as KernelCore
    this.k.state.tasks.clear()
    this.k.security = {
      ...this.k.security,
      fileLock: hook('lock'),
      fileFcntl: hook('fcntl'),
      fileIoctl: hook('ioctl'),
    }
  }

  inode(path: string): Inode {
    const known = this.files.get(path)
    if (known !== undefined) return known
    const sb = { ops: { evictInode: () => {} }, blockSize: 1024 } as unknown as SuperBlock
    const ino = asIno(this.files.size + 1)
    const inode = new Inode(sb, ino, S_IFREG | 0o644, inodeOps, fileOps, null, asDevT(0), 0)
    this.files.set(path, inode)
    return inode
  }

  process(uid = 0, files = new FdTable()): Proc {
    const pid = this.nextPid++
    const capabilities = asCapSet(uid === 0 ? 0x1fffffff : 0)
    const cred = new Cred({
      uid,
      euid: uid,
      suid: uid,
      fsuid: uid,
      gid: 0,
      egid: 0,
      sgid: 0,
      fsgid: 0,
      groups: [],
      capEffective: capabilities,
      capPermitted: capabilities,
      capInheritable: asCapSet(0),
      keepCaps: false,
    })
    const task = new Task(this.k, pid, pid, null, {
      cred,
      fs: {} as FsStruct,
      files,
      sighand: new SigHand([]),
      group: null,
      pgrp: this.pgrp,
      rlimits: withRlimit(initialRlimits('2.6.14'), RLIMIT_NOFILE, NOFILE, 1024),
      comm: 'sh',
      argv: [],
      env: [],
    })
    this.k.state.tasks.set(pid, task)
    return new Proc(this, task)
  }

  /** Runs everybody who has been woken, in that order. */
  settle(): void {
    const { runQueue } = this.k.state
    while (runQueue.head !== null) {
      const task = runQueue.head
      dequeueTask(task)
      pending.get(task)?.run()
    }
  }

  /** The record locks of a file in list order, 'pid:R0-9'. */
  records(path = '/f'): string[] {
    return (this.inode(path).locks?.records ?? []).map(
      (lock) => `${lock.pid}:${lock.type === F_RDLCK ? 'R' : 'W'}${lock.start}-${edge(lock.end)}`,
    )
  }

  flocks(path = '/f'): string[] {
    return (this.inode(path).locks?.flocks ?? []).map(
      (lock) => `${lock.pid}:${lock.type === F_RDLCK ? 'SH' : 'EX'}`,
    )
  }
}

const edge = (end: number): string => (end >= 0x7fffffff ? 'EOF' : String(end))
const inodeOps = defineInodeOps({ name: 'test' })
const fileOps = defineFileOps({ name: 'test' })
const pending = new Map<Task, Call>()

/** A call that may sleep: what the dispatcher does with one. */
export class Call {
  result: number = BLOCKED
  private readonly task: Task
  private readonly handler: () => number

  constructor(task: Task, handler: () => number) {
    this.task = task
    this.handler = handler
    task.restart = null
    this.run()
  }

  get blocked(): boolean {
    return this.result === BLOCKED
  }

  run(): void {
    pending.delete(this.task)
    this.result = this.handler()
    if (this.blocked) pending.set(this.task, this)
    else this.task.restart = null
  }
}

export class Proc {
  readonly task: Task
  private readonly world: World

  constructor(world: World, task: Task) {
    this.world = world
    this.task = task
  }

  get pid(): number {
    return this.task.pid
  }

  private begin(handler: () => number): Call {
    const call = new Call(this.task, handler)
    this.world.settle()
    return call
  }

  private result(call: Call): string | number {
    if (call.blocked) return 'BLOCKED'
    return isErr(call.result) ? errnoName(call.result) : call.result
  }

  open(path = '/f', flags = O_RDWR): number {
    const inode = this.world.inode(path)
    const file = new File(fileOps, null, inode)
    file.flags = flags
    file.mode = (flags + 1) & 3
    inode.count++
    if ((file.mode & FMODE_WRITE) !== 0) getWriteAccess(inode)
    const fd = getUnusedFd(this.task)
    fdInstall(this.task, fd, file)
    return fd
  }

  file(fd: number): File {
    return fget(this.task, fd) as File
  }

  close(fd: number): void {
    const file = fdRemove(this.task.files, fd)
    if (file !== null) filpClose(this.task, this.task.files, file)
    this.world.settle()
  }

  exit(): void {
    this.task.files.files.forEach((file, fd) => {
      if (file !== null) this.close(fd)
    })
    this.world.k.state.tasks.delete(this.pid)
  }

  fork(): Proc {
    return this.world.process(this.task.cred.uid, copyFdTable(this.task.files))
  }

  /** clone(CLONE_FILES): in 2.6 a thread would also share the pid; here the table is what matters. */
  cloneFiles(): Proc {
    return this.world.process(this.task.cred.uid, this.task.files)
  }

  fcntl(fd: number, cmd: number, arg?: unknown): number {
    return this.begin(() => sysFcntl(this.task, fd, cmd, arg)).result
  }

  ioctl(fd: number, cmd: number, arg?: unknown): number {
    return sysIoctl(this.task, fd, cmd, arg)
  }

  dup(fd: number): number {
    return sysDup(this.task, fd)
  }

  dup2(old: number, fd: number): number {
    const result = sysDup2(this.task, old, fd)
    this.world.settle()
    return result
  }

  lockCall(fd: number, cmd: number, type: number, start = 0, len = 0, whence: number = SEEK_SET): Call {
    const flock: Flock = { type, whence, start, len, pid: 0 }
    return this.begin(() => sysFcntl(this.task, fd, cmd, flock))
  }

  /** F_SETLK: 0, or the errno's name. */
  lock(fd: number, type: number, start = 0, len = 0, whence: number = SEEK_SET): string | number {
    return this.result(this.lockCall(fd, F_SETLK, type, start, len, whence))
  }

  /** F_SETLKW. */
  lockWait(fd: number, type: number, start = 0, len = 0): Call {
    return this.lockCall(fd, F_SETLKW, type, start, len)
  }

  /** F_GETLK: 'free', 'pid:R0-9', or the errno's name. */
  getlk(fd: number, type: number, start = 0, len = 0, cmd: number = F_GETLK): string {
    const flock: Flock = { type, whence: SEEK_SET, start, len, pid: 0 }
    const result = sysFcntl(this.task, fd, cmd, flock)
    if (result !== 0) return errnoName(result)
    if (flock.type === F_UNLCK) return 'free'
    expect(flock.whence).toBe(SEEK_SET)
    const end = flock.len === 0 ? 'EOF' : flock.start + flock.len - 1
    return `${flock.pid}:${flock.type === F_RDLCK ? 'R' : 'W'}${flock.start}-${end}`
  }

  flockCall(fd: number, op: number): Call {
    return this.begin(() => sysFlock(this.task, fd, op))
  }

  flock(fd: number, op: number): string | number {
    return this.result(this.flockCall(fd, op))
  }

  /** A signal arrives. */
  signal(): void {
    this.task.sigPending = true
    wakeTask(this.task)
    this.world.settle()
    this.task.sigPending = false
  }
}
