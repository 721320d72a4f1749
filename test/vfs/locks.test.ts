/** File locks: record locks of fcntl(2) and flock(2). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BLOCKED,
  EAGAIN,
  EBUSY,
  EDEADLK,
  EFAULT,
  ERESTARTSYS,
  errnoName,
  isErr,
} from '../../src/abi/errno.js'
import {
  F_GETLK,
  F_GETLK64,
  F_RDLCK,
  F_SETLK,
  F_SETLK64,
  F_SETLKW,
  F_UNLCK,
  F_WRLCK,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '../../src/abi/fcntl.js'
import { PROFILES, type Profile } from '../../src/abi/profile.js'
import { copyFdTable } from '../../src/vfs/fdtable.js'
import { stealLocks } from '../../src/vfs/posix_lock.js'

import { type Call, type Proc, World } from './lock_world.js'

const R = F_RDLCK
const W = F_WRLCK
const U = F_UNLCK

describe('posix_lock_file', () => {
  /**
   * One owner's requests in order, W start+length, and the list afterwards.
   * fs/locks.c, posix_lock_file (2.0.35, 2.2.12), __posix_lock_file (2.6.14).
   */
  const SHAPES: readonly (readonly [rule: string, requests: string, list: string])[] = [
    ['sets a range', 'W10+10', 'W10-19'],
    ['length 0 reaches to the end of any file', 'W10+0', 'W10-EOF'],
    ['sorts by start', 'W20+5 R0+5 W10+5', 'R0-4 W10-14 W20-24'],
    ['merges what overlaps', 'W0+10 W5+10', 'W0-14'],
    ['merges what touches, on the right', 'W0+10 W10+10', 'W0-19'],
    ['merges what touches, on the left', 'W10+10 W0+10', 'W0-19'],
    ['does not merge over a gap of one byte', 'W0+10 W11+9', 'W0-9 W11-19'],
    ['does not merge what touches with another type', 'R0+10 W10+10', 'R0-9 W10-19'],
    ['a bridge makes one of three', 'W0+5 W10+5 W5+5', 'W0-14'],
    ['absorbs all that it covers', 'W2+2 W6+2 W10+2 W0+20', 'W0-19'],
    ['absorbs up to the end', 'W2+2 W6+2 W4+0', 'W2-EOF'],
    ['stays inside a larger one', 'W0+20 W5+5', 'W0-19'],
    ['splits on a change of type', 'R0+20 W5+5', 'R0-4 W5-9 R10-19'],
    ['downgrades a part', 'W0+20 R0+5', 'R0-4 W5-19'],
    ['upgrades the whole in place', 'R5+5 W5+5', 'W5-9'],
    ['covers another type with margin', 'R5+5 W0+20', 'W0-19'],
    ['covers several of another type', 'R0+2 R4+2 R8+2 W0+10', 'W0-9'],
    ['cuts the left neighbour', 'R0+10 W5+10', 'R0-4 W5-14'],
    ['cuts the right neighbour', 'R10+10 W5+10', 'W5-14 R15-19'],
    ['cuts both neighbours', 'R0+10 R15+10 W5+15', 'R0-4 W5-19 R20-24'],
    ['merges on one side, cuts on the other', 'W0+5 R5+10 W5+5', 'W0-9 R10-14'],
    ['cuts on the left, merges on the right', 'R0+10 W10+5 W5+5', 'R0-4 W5-14'],
    ['covers one type and merges with the other', 'W0+5 R6+2 W9+3 W3+7', 'W0-11'],
    ['unlocks a part in the middle', 'W0+20 U5+5', 'W0-4 W10-19'],
    ['unlocks the head', 'W0+20 U0+5', 'W5-19'],
    ['unlocks the tail', 'W0+20 U15+5', 'W0-14'],
    ['unlocks across several', 'R0+5 W5+5 R10+5 U3+9', 'R0-2 R12-14'],
    ['unlocks everything', 'R0+5 W5+5 U0+0', ''],
    ['unlocks what is not locked', 'W0+5 U10+5', 'W0-4'],
    ['splits one that reaches to the end', 'W0+0 U10+10', 'W0-9 W20-EOF'],
    ['merges again to the end', 'W0+0 U10+10 W10+10', 'W0-EOF'],
  ]

  it.each(SHAPES)('%s', (_rule, requests, list) => {
    for (const profile of PROFILES) {
      const world = new World(profile)
      const p = world.process()
      const fd = p.open()
      for (const request of requests.split(' ')) {
        const [start, len] = request.slice(1).split('+').map(Number)
        expect(p.lock(fd, 'RWU'.indexOf(request.charAt(0)), start, len)).toBe(0)
      }
      expect(
        world
          .records()
          .map((lock) => lock.slice(2))
          .join(' '),
      ).toBe(list)
    }
  })

  it('keeps no context without locks', () => {
    const world = new World()
    const p = world.process()
    const fd = p.open()
    expect(p.lock(fd, U)).toBe(0)
    expect(world.inode('/f').locks).toBeNull()
    p.lock(fd, W, 0, 5)
    p.lock(fd, U, 0, 5)
    expect(world.inode('/f').locks).toBeNull()
  })

  it('keeps the locks of one owner together, owners in the order of their first lock', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.lock(x, R, 50, 5)
    b.lock(y, R, 0, 5)
    a.lock(x, R, 10, 5)
    expect(world.records()).toEqual(['1:R10-14', '1:R50-54', '2:R0-4'])
    a.lock(x, U)
    a.lock(x, R, 90, 5)
    expect(world.records()).toEqual(['2:R0-4', '1:R90-94'])
  })

  it('lets readers share and nobody share with a writer', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    expect(a.lock(x, R, 0, 10)).toBe(0)
    expect(b.lock(y, R, 5, 10)).toBe(0)
    expect(a.lock(x, W, 0, 5)).toBe(0)
    expect(a.lock(x, W, 0, 6)).toBe('EAGAIN')
    expect(b.lock(y, R, 4, 1)).toBe('EAGAIN')
    expect(world.records()).toEqual(['1:W0-4', '1:R5-9', '2:R5-14'])
  })

  it('a refused request changes nothing', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.lock(x, R, 0, 10)
    b.lock(y, R, 20, 10)
    expect(b.lock(y, W, 5, 20)).toBe('EAGAIN')
    expect(world.records()).toEqual(['1:R0-9', '2:R20-29'])
  })
})

describe('posix_test_lock (F_GETLK)', () => {
  it('reports the first conflicting lock in list order, not the lowest', () => {
    const world = new World()
    const [a, b, c] = [world.process(), world.process(), world.process()]
    const [x, y, z] = [a.open(), b.open(), c.open()]
    a.lock(x, R, 50, 5)
    b.lock(y, R, 0, 5)
    expect(c.getlk(z, W)).toBe('1:R50-54')
    expect(c.getlk(z, W, 0, 10)).toBe('2:R0-4')
    expect(c.getlk(z, R)).toBe('free')
    expect(a.getlk(x, W, 50, 5)).toBe('free')
    expect(a.getlk(x, W)).toBe('2:R0-4')
  })

  it('says length 0 for a lock to the end', () => {
    for (const profile of PROFILES) {
      const world = new World(profile)
      const [a, b] = [world.process(), world.process()]
      a.lock(a.open(), W, 7, 0)
      expect(b.getlk(b.open(), R)).toBe('1:W7-EOF')
    }
  })

  it('leaves all but the type alone when nothing is in the way', () => {
    const p = new World().process()
    const flock = { type: W, whence: SEEK_END, start: 3, len: 4, pid: 99 }
    expect(p.fcntl(p.open(), F_GETLK, flock)).toBe(0)
    expect(flock).toEqual({ type: U, whence: SEEK_END, start: 3, len: 4, pid: 99 })
  })

  it('does not ask whether the file is open for that', () => {
    const p = new World().process()
    expect(p.getlk(p.open('/f', O_RDONLY), W)).toBe('free')
  })
})

describe('owners', () => {
  it('closing any descriptor of the file drops all record locks', () => {
    const world = new World()
    const p = world.process()
    const [x, y] = [p.open(), p.open()]
    const other = p.open('/g')
    p.lock(x, W, 0, 5)
    p.lock(other, W, 0, 5)
    p.close(y)
    expect(world.records()).toEqual([])
    expect(world.records('/g')).toEqual(['1:W0-4'])
  })

  it('dup2 over a descriptor closes it, too', () => {
    const world = new World()
    const p = world.process()
    const [x, y, z] = [p.open(), p.open(), p.open('/g')]
    p.lock(x, W, 0, 5)
    expect(p.dup2(z, y)).toBe(y)
    expect(world.records()).toEqual([])
  })

  it('a child inherits the descriptors and not the locks, and its close does not matter', () => {
    for (const profile of PROFILES) {
      const world = new World(profile)
      const p = world.process()
      const fd = p.open()
      p.lock(fd, W, 0, 5)
      const child = p.fork()
      expect(child.lock(fd, W, 0, 5)).toBe('EAGAIN')
      expect(child.getlk(fd, W)).toBe('1:W0-4')
      child.exit()
      expect(world.records()).toEqual(['1:W0-4'])
      p.exit()
      expect(world.inode('/f').locks).toBeNull()
    }
  })

  it.each([
    ['2.0.35', 'EAGAIN', ['1:W0-4']],
    ['2.2.12', 'EAGAIN', []],
    ['2.6.14', 0, []],
  ] as const)('tasks that share a table: %s', (profile, second, left) => {
    // 2.6: posix_same_owner asks for the table; 2.2: locks_same_owner for the pid as well; 2.0: for the task.
    const world = new World(profile)
    const p = world.process()
    const [x, y] = [p.open(), p.open()]
    const clone = p.cloneFiles()
    p.lock(x, W, 0, 5)
    expect(clone.lock(x, W, 0, 5)).toBe(second)
    // locks_remove_posix asks for the table; posix_remove_locks (2.0) for the task.
    clone.close(y)
    expect(world.records()).toEqual(left)
  })

  it('exec of a task that shared its table takes the locks along (steal_locks)', () => {
    const world = new World()
    const p = world.process()
    const fd = p.open()
    p.lock(fd, W, 0, 5)
    const old = p.task.files
    p.task.files = copyFdTable(old)
    expect(p.lock(fd, W, 0, 5)).toBe('EAGAIN')
    stealLocks(p.task, old)
    expect(p.lock(fd, W, 0, 5)).toBe(0)
  })
})

describe('fcntl(F_SETLK, F_GETLK) arguments', () => {
  type Row = readonly [
    rule: string,
    profiles: readonly Profile[],
    args: readonly [cmd: number, type: number, whence: number, start: number, len: number],
    result: string | number,
  ]
  const NEW: readonly Profile[] = ['2.6.14']
  const OLD: readonly Profile[] = ['2.0.35', '2.2.12']
  const MAX = 0x7fffffff
  /** The file has 100 bytes, the position is 50. */
  const ROWS: readonly Row[] = [
    ['whence 7 (flock_to_posix_lock: default)', PROFILES, [F_SETLK, W, 7, 0, 1], 'EINVAL'],
    ['type 5 (assign_type)', PROFILES, [F_SETLK, 5, SEEK_SET, 0, 1], 'EINVAL'],
    ['F_GETLK of F_UNLCK (fcntl_getlk)', PROFILES, [F_GETLK, U, SEEK_SET, 0, 1], 'EINVAL'],
    ['start below 0 (flock_to_posix_lock: start < 0)', PROFILES, [F_SETLK, W, SEEK_SET, -5, 10], 'EINVAL'],
    ['start below 0 from the position', PROFILES, [F_SETLK, W, SEEK_CUR, -51, 1], 'EINVAL'],
    ['start below 0 from the end', PROFILES, [F_SETLK, W, SEEK_END, -101, 1], 'EINVAL'],
    ['from the position', PROFILES, [F_SETLK, W, SEEK_CUR, -50, 10], 'W0-9'],
    ['from the end', PROFILES, [F_SETLK, W, SEEK_END, 5, 0], 'W105-EOF'],
    ['l_len < 0: the bytes before (POSIX-2001)', NEW, [F_SETLK, W, SEEK_SET, 10, -3], 'W7-9'],
    ['l_len < 0: refused (posix_make_lock)', OLD, [F_SETLK, W, SEEK_SET, 10, -3], 'EINVAL'],
    ['l_len < 0 from 0', PROFILES, [F_SETLK, W, SEEK_SET, 0, -3], 'EINVAL'],
    ['l_len < 0 down to 0', NEW, [F_SETLK, W, SEEK_SET, 3, -3], 'W0-2'],
    ['the last byte of a 32-bit off_t', PROFILES, [F_SETLK, W, SEEK_SET, MAX - 4, 5], `W${MAX - 4}-EOF`],
    ['one byte more (EOVERFLOW)', NEW, [F_SETLK, W, SEEK_SET, MAX - 4, 6], 'EOVERFLOW'],
    [
      'one byte more: cut (posix_make_lock: fl_end < 0)',
      OLD,
      [F_SETLK, W, SEEK_SET, MAX - 4, 6],
      `W${MAX - 4}-EOF`,
    ],
    ['start wraps past 2 GiB', PROFILES, [F_SETLK, W, SEEK_CUR, MAX, 1], 'EINVAL'],
    ['offset that no struct flock holds', NEW, [F_SETLK, W, SEEK_SET, 2 ** 31, 1], 'EOVERFLOW'],
    ['offset that no struct flock holds', OLD, [F_SETLK, W, SEEK_SET, 2 ** 31, 1], 'EINVAL'],
    [
      'F_SETLK64 past 4 GiB (flock64_to_posix_lock)',
      NEW,
      [F_SETLK64, W, SEEK_SET, 2 ** 33, 10],
      `W${2 ** 33}-EOF`,
    ],
    ['F_SETLK64: no such command', OLD, [F_SETLK64, W, SEEK_SET, 0, 1], 'EINVAL'],
    ['F_GETLK64: no such command', OLD, [F_GETLK64, W, SEEK_SET, 0, 1], 'EINVAL'],
    [
      'F_SETLK64 past the largest offset',
      NEW,
      [F_SETLK64, W, SEEK_SET, 2, Number.MAX_SAFE_INTEGER],
      'EOVERFLOW',
    ],
    ['a number that is none', PROFILES, [F_SETLK, W, SEEK_SET, Number.NaN, 1], 'EINVAL'],
  ]

  it.each(ROWS)('%s', (_rule, profiles, [cmd, type, whence, start, len], expected) => {
    for (const profile of profiles) {
      const world = new World(profile)
      world.inode('/f').size = 100
      const p = world.process()
      const fd = p.open()
      p.file(fd).pos = 50
      const result = p.fcntl(fd, cmd, { type, whence, start, len, pid: 0 })
      const outcome = isErr(result) ? errnoName(result) : (world.records()[0]?.slice(2) ?? result)
      expect(outcome).toBe(expected)
    }
  })

  it.each([
    ['missing', undefined, 'EFAULT'],
    ['null', null, 'EFAULT'],
    ['a number', 0x1000, 'EFAULT'],
    ['an empty object', {}, 'EFAULT'],
    ['a string for a number', { type: 'x', whence: 0, start: 0, len: 0 }, 'EFAULT'],
    ['half a byte', { type: W, whence: 0, start: 0.5, len: 0 }, 'EINVAL'],
    ['a type that wraps as a short does', { type: W + 65536, whence: 0, start: 0, len: 0 }, '0'],
  ])('the struct: %s', (_name, arg, expected) => {
    const p = new World().process()
    const result = p.fcntl(p.open(), F_SETLK, arg)
    expect(isErr(result) ? errnoName(result) : String(result)).toBe(expected)
  })

  it('F_GETLK into a struct that cannot be written is EFAULT', () => {
    const p = new World().process()
    const flock = Object.freeze({ type: W, whence: 0, start: 0, len: 0, pid: 0 })
    expect(p.fcntl(p.open(), F_GETLK, flock)).toBe(EFAULT)
  })

  it('F_GETLK of a lock beyond 2 GiB is EOVERFLOW, F_GETLK64 shows it (fcntl_getlk: OFFT_OFFSET_MAX)', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.fcntl(x, F_SETLK64, { type: W, whence: 0, start: 10, len: 2 ** 33, pid: 0 })
    expect(b.getlk(y, R)).toBe('EOVERFLOW')
    expect(b.getlk(y, R, 0, 0, F_GETLK64)).toBe(`1:W10-${2 ** 33 + 9}`)
  })

  it('needs the file open for reading to share, for writing to exclude', () => {
    const p = new World().process()
    const [r, w, neither] = [p.open('/f', O_RDONLY), p.open('/f', O_WRONLY), p.open('/f', 3)]
    expect([p.lock(r, R), p.lock(r, W), p.lock(r, U)]).toEqual([0, 'EBADF', 0])
    expect([p.lock(w, R), p.lock(w, W), p.lock(w, U)]).toEqual(['EBADF', 0, 0])
    expect([p.lock(neither, R), p.lock(neither, W), p.lock(neither, U)]).toEqual(['EBADF', 'EBADF', 0])
    expect(p.lock(r, W, -1)).toBe('EINVAL')
    expect(p.lock(9, W)).toBe('EBADF')
  })

  it('asks security_file_fcntl, then security_file_lock, once', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.lock(x, W)
    const call = b.lockWait(y, R)
    a.lock(x, U)
    expect(call.result).toBe(0)
    expect(world.asked).toEqual(['fcntl:6', 'lock:1', 'fcntl:7', 'lock:0', 'fcntl:6', 'lock:2'])
  })
})

describe('F_SETLKW', () => {
  it('sleeps until the range is free', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.lock(x, W, 0, 10)
    const call = b.lockWait(y, W, 5, 10)
    expect(call.blocked).toBe(true)
    a.lock(x, U, 0, 5)
    expect(call.blocked).toBe(true)
    a.lock(x, U, 5, 5)
    expect(call.result).toBe(0)
    expect(world.records()).toEqual(['2:W5-14'])
  })

  it.each([
    ['unlock', (p: Proc, fd: number) => p.lock(fd, U)],
    ['downgrade', (p: Proc, fd: number) => p.lock(fd, R)],
    ['close', (p: Proc, fd: number) => p.close(fd)],
    ['exit', (p: Proc) => p.exit()],
  ])('is woken by %s', (_name, release) => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.lock(x, W)
    const call = b.lockWait(y, R)
    release(a, x)
    expect(call.result).toBe(0)
  })

  it.each([
    ['2.0.35', 'third'],
    ['2.2.12', 'first'],
    ['2.6.14', 'first'],
  ] as const)('wakes in the order of waiting; 2.0 the latest first: %s', (profile, winner) => {
    const world = new World(profile)
    const a = world.process()
    const x = a.open()
    a.lock(x, W)
    const calls = ['first', 'second', 'third'].map((name) => {
      const p = world.process()
      return { name, call: p.lockWait(p.open(), W) }
    })
    a.lock(x, U)
    expect(calls.filter(({ call }) => !call.blocked).map(({ name }) => name)).toEqual([winner])
  })

  it('wakes all who can go on', () => {
    const world = new World()
    const a = world.process()
    const x = a.open()
    a.lock(x, W)
    const readers = [0, 1, 2].map(() => {
      const p = world.process()
      return p.lockWait(p.open(), R)
    })
    const p = world.process()
    const writer = p.lockWait(p.open(), W)
    a.lock(x, U)
    expect(readers.map((call) => call.result)).toEqual([0, 0, 0])
    expect(writer.blocked).toBe(true)
  })

  it('waits for one lock after the other', () => {
    const world = new World()
    const [a, b, c] = [world.process(), world.process(), world.process()]
    const [x, y, z] = [a.open(), b.open(), c.open()]
    a.lock(x, R, 0, 5)
    b.lock(y, R, 5, 5)
    const call = c.lockWait(z, W, 0, 10)
    b.lock(y, U)
    a.lock(x, U)
    expect(call.result).toBe(0)
  })

  it('keeps the range that it asked for, whatever becomes of size and position', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.lock(x, W)
    world.inode('/f').size = 10
    const call = b.lockCall(y, F_SETLKW, W, 0, 5, SEEK_END)
    world.inode('/f').size = 1000
    a.lock(x, U)
    expect(call.result).toBe(0)
    expect(world.records()).toEqual(['2:W10-14'])
  })

  it('keeps a waiter where it is when the blocker only grows', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.lock(x, W, 0, 5)
    const call = b.lockWait(y, W, 0, 5)
    a.lock(x, W, 5, 5)
    expect(call.blocked).toBe(true)
    expect(world.inode('/f').locks?.records[0]?.head?.task).toBe(b.task)
    a.lock(x, U)
    expect(call.result).toBe(0)
  })

  it('is stopped by a signal', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.lock(x, W)
    const call = b.lockWait(y, W)
    b.signal()
    expect(call.result).toBe(ERESTARTSYS)
    expect(b.task.restart).toBeNull()
    expect(world.inode('/f').locks?.records[0]?.head).toBeNull()
  })

  it('drops the lock again when a thread has closed the descriptor meanwhile', () => {
    // fcntl_setlk looks the descriptor up again once it has the lock (2.6).
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const thread = b.cloneFiles()
    const [x, y] = [a.open(), b.open()]
    a.lock(x, W)
    const call = b.lockWait(y, W)
    thread.close(y)
    a.lock(x, U)
    expect(call.result).toBe(0)
    expect(world.records()).toEqual([])
  })
})

describe('posix_locks_deadlock', () => {
  it.each(PROFILES)('two owners: %s', (profile) => {
    const world = new World(profile)
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.lock(x, W, 0, 1)
    b.lock(y, W, 1, 1)
    const first = a.lockWait(x, W, 1, 1)
    expect(first.blocked).toBe(true)
    expect(b.lockWait(y, W, 0, 1).result).toBe(EDEADLK)
    expect(b.lock(y, W, 0, 1)).toBe('EAGAIN')
    b.lock(y, U)
    expect(first.result).toBe(0)
  })

  it('three owners, over three files', () => {
    const world = new World()
    const procs = [world.process(), world.process(), world.process()] as const
    const paths = ['/a', '/b', '/c'] as const
    const fds = procs.map((p) => paths.map((path) => p.open(path)))
    procs.forEach((p, i) => {
      expect(p.lock(fds[i]?.[i] ?? -1, W)).toBe(0)
    })
    const first = procs[0].lockWait(fds[0]?.[1] ?? -1, W)
    const second = procs[1].lockWait(fds[1]?.[2] ?? -1, W)
    expect([first.blocked, second.blocked]).toEqual([true, true])
    expect(procs[2].lockWait(fds[2]?.[0] ?? -1, W).result).toBe(EDEADLK)
    procs[2].exit()
    expect(second.result).toBe(0)
  })

  it('two who upgrade what they share', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.lock(x, R)
    b.lock(y, R)
    expect(a.lockWait(x, W).blocked).toBe(true)
    expect(b.lockWait(y, W).result).toBe(EDEADLK)
  })

  it('a chain that ends is none', () => {
    const world = new World()
    const [a, b, c] = [world.process(), world.process(), world.process()]
    const [x, y, z] = [a.open(), b.open(), c.open()]
    a.lock(x, W, 0, 1)
    b.lock(y, W, 1, 1)
    expect(b.lockWait(y, W, 0, 1).blocked).toBe(true)
    expect(c.lockWait(z, W, 1, 1).blocked).toBe(true)
  })

  it('flocks are not part of it', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    a.flock(x, LOCK_EX)
    b.lock(y, W)
    expect(b.flockCall(y, LOCK_EX).blocked).toBe(true)
    expect(a.lockWait(x, W).blocked).toBe(true)
  })
})

describe('flock', () => {
  it('shares, excludes, and goes by the open file', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y, again] = [a.open(), b.open(), a.open()]
    expect(a.flock(x, LOCK_SH)).toBe(0)
    expect(b.flock(y, LOCK_SH)).toBe(0)
    expect(world.flocks()).toEqual(['2:SH', '1:SH'])
    expect(b.flock(y, LOCK_EX | LOCK_NB)).toBe('EAGAIN')
    expect(b.flock(y, LOCK_UN)).toBe(0)
    expect(a.flock(x, LOCK_EX)).toBe(0)
    expect(a.flock(again, LOCK_SH | LOCK_NB)).toBe('EAGAIN')
    expect(a.flock(a.dup(x), LOCK_EX | LOCK_NB)).toBe(0)
  })

  it('is inherited, and any holder may unlock it', () => {
    const world = new World()
    const p = world.process()
    const fd = p.open()
    p.flock(fd, LOCK_EX)
    const child = p.fork()
    expect(child.flock(fd, LOCK_EX | LOCK_NB)).toBe(0)
    p.close(fd)
    expect(world.flocks()).toEqual(['1:EX'])
    child.flock(fd, LOCK_UN)
    expect(world.inode('/f').locks).toBeNull()
  })

  it('goes with the last descriptor of the open file', () => {
    const world = new World()
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    const copy = a.dup(x)
    a.flock(x, LOCK_EX)
    const call = b.flockCall(y, LOCK_SH)
    a.close(x)
    expect(call.blocked).toBe(true)
    a.close(copy)
    expect(call.result).toBe(0)
  })

  it('works without write permission on the descriptor', () => {
    const p = new World().process()
    expect(p.flock(p.open('/f', O_RDONLY), LOCK_EX)).toBe(0)
  })

  it('loses its lock by a conversion that fails (2.0, 2.2, 2.6)', () => {
    for (const profile of PROFILES) {
      const world = new World(profile)
      const [a, b] = [world.process(), world.process()]
      const [x, y] = [a.open(), b.open()]
      a.flock(x, LOCK_SH)
      b.flock(y, LOCK_SH)
      expect(a.flock(x, LOCK_EX | LOCK_NB)).toBe('EAGAIN')
      expect(world.flocks()).toEqual(['2:SH'])
    }
  })

  it.each([
    ['2.0.35', 0, 'waiter'],
    ['2.2.12', 0, 'waiter'],
    ['2.6.14', 0, 'converter'],
    ['2.6.14', -5, 'waiter'],
  ] as const)('in a conversion of %s with a waiter of nice %i: the %s wins', (profile, nice, winner) => {
    // 2.2: schedule in locks_wake_up_blocks; 2.6: cond_resched in flock_lock_file, and recorded on 2.6.20.
    const world = new World(profile)
    const [a, b] = [world.process(), world.process()]
    const [x, y] = [a.open(), b.open()]
    b.task.nice = nice
    a.flock(x, LOCK_SH)
    const waiter = b.flockCall(y, LOCK_EX)
    const conversion = a.flockCall(x, LOCK_EX)
    const [first, second] = winner === 'waiter' ? [waiter, conversion] : [conversion, waiter]
    expect([first.result, second.blocked]).toEqual([0, true])
    const [p, fd] = winner === 'waiter' ? [b, y] : [a, x]
    p.flock(fd, LOCK_UN)
    expect(second.result).toBe(0)
  })

  it('downgrades before waiters who need more', () => {
    const world = new World()
    const [a, b, c] = [world.process(), world.process(), world.process()]
    const [x, y, z] = [a.open(), b.open(), c.open()]
    a.flock(x, LOCK_EX)
    const shared = b.flockCall(y, LOCK_SH)
    const exclusive = c.flockCall(z, LOCK_EX)
    expect(a.flock(x, LOCK_SH)).toBe(0)
    expect([shared.blocked, exclusive.blocked]).toEqual([false, true])
  })

  it.each(PROFILES)('wakes in the order of waiting: %s', (profile) => {
    const world = new World(profile)
    const a = world.process()
    const x = a.open()
    a.flock(x, LOCK_EX)
    const calls = [0, 1, 2].map(() => {
      const p = world.process()
      return p.flockCall(p.open(), LOCK_EX)
    })
    a.flock(x, LOCK_UN)
    expect(calls.map((call) => call.blocked)).toEqual([false, true, true])
  })

  it('is stopped by a signal; in 2.0 and 2.2 even when the lock has become free', () => {
    for (const profile of PROFILES) {
      const world = new World(profile)
      const [a, b] = [world.process(), world.process()]
      const [x, y] = [a.open(), b.open()]
      a.flock(x, LOCK_EX)
      const call = b.flockCall(y, LOCK_EX)
      b.signal()
      expect(call.result).toBe(ERESTARTSYS)
      const again = b.flockCall(y, LOCK_EX)
      b.task.sigPending = true
      a.flock(x, LOCK_UN)
      expect(again.result).toBe(profile === '2.6.14' ? 0 : ERESTARTSYS)
    }
  })

  it('is stopped by a signal without a look at what its open file has been given meanwhile', () => {
    for (const profile of PROFILES) {
      const world = new World(profile)
      const [a, b] = [world.process(), world.process()]
      const [x, y] = [a.open(), b.open()]
      const child = a.fork()
      b.flock(y, LOCK_SH)
      const call = child.flockCall(x, LOCK_EX)
      expect(call.blocked).toBe(true)
      a.flock(x, LOCK_SH)
      child.signal()
      expect(call.result).toBe(ERESTARTSYS)
      expect(world.flocks()).toEqual(['1:SH', '2:SH'])
    }
  })

  type Row = readonly [
    rule: string,
    profiles: readonly Profile[],
    fd: 'open' | 'bad' | 'mode 3',
    op: number,
    result: string | number,
  ]
  const OLD: readonly Profile[] = ['2.0.35', '2.2.12']
  const ROWS: readonly Row[] = [
    ['fget first (sys_flock)', PROFILES, 'bad', 0, 'EBADF'],
    ['no operation (flock_translate_cmd, flock_make_lock)', PROFILES, 'open', 0, 'EINVAL'],
    ['two operations', PROFILES, 'open', LOCK_SH | LOCK_EX, 'EINVAL'],
    ['LOCK_NB alone', PROFILES, 'open', LOCK_NB, 'EINVAL'],
    ['LOCK_UN | LOCK_NB', PROFILES, 'open', LOCK_UN | LOCK_NB, 0],
    ['f_mode & 3 before the operation', ['2.6.14'], 'mode 3', 0, 'EBADF'],
    ['the operation before f_mode & 3', OLD, 'mode 3', 0, 'EINVAL'],
    ['f_mode & 3', PROFILES, 'mode 3', LOCK_SH, 'EBADF'],
    ['f_mode does not matter for LOCK_UN', PROFILES, 'mode 3', LOCK_UN, 0],
    ['LOCK_MAND', ['2.6.14'], 'mode 3', 32 | 64, 0],
    ['LOCK_MAND: no such operation', OLD, 'open', 32 | 64, 'EINVAL'],
  ]

  it.each(ROWS)('%s', (_rule, profiles, kind, op, result) => {
    for (const profile of profiles) {
      const p = new World(profile).process()
      const fd = p.open('/f', kind === 'mode 3' ? 3 : O_RDWR)
      expect(p.flock(kind === 'bad' ? -1 : fd, op)).toBe(result)
    }
  })

  it('and record locks do not see each other (2.2, 2.6)', () => {
    for (const profile of ['2.2.12', '2.6.14'] as const) {
      const world = new World(profile)
      const [a, b] = [world.process(), world.process()]
      const [x, y] = [a.open(), b.open()]
      expect([a.flock(x, LOCK_EX), b.lock(y, W), b.getlk(y, W)]).toEqual([0, 0, 'free'])
      a.close(x)
      expect([world.flocks(), world.records()]).toEqual([[], ['2:W0-EOF']])
    }
  })

  it('and record locks exclude each other on one file in 2.0 (EBUSY)', () => {
    const world = new World('2.0.35')
    const p = world.process()
    const fd = p.open()
    p.flock(fd, LOCK_SH)
    expect([p.lock(fd, R), p.lock(fd, U), p.getlk(fd, R)]).toEqual(['EBUSY', 'EBUSY', 'free'])
    p.flock(fd, LOCK_UN)
    p.lock(fd, R)
    expect([p.flock(fd, LOCK_SH), p.flock(fd, LOCK_UN)]).toEqual(['EBUSY', 'EBUSY'])
    expect(p.fcntl(fd, F_SETLK, { type: R, whence: 0, start: 0, len: 0 })).not.toBe(EBUSY)
  })
})

describe('record locks against a byte per byte model', () => {
  /** The last one stands for all bytes that only a lock to the end covers. */
  const BYTES = 24
  const OWNERS = [0, 1, 2]
  const step = fc.record({
    owner: fc.nat(2),
    fd: fc.nat(1),
    action: fc.constantFrom('set', 'set', 'set', 'set', 'wait', 'wait', 'close'),
    type: fc.constantFrom(R, W, U),
    start: fc.nat(15),
    len: fc.nat(8),
  })

  const bytesOf = (start: number, len: number): number[] =>
    Array.from({ length: len === 0 ? BYTES - start : len }, (_, i) => start + i)

  /** Who holds what: a row of types for each owner. */
  class Model {
    readonly held = OWNERS.map(() => new Array<number>(BYTES).fill(U))

    conflicts(owner: number, type: number, bytes: readonly number[]): boolean {
      const inTheWay = (other: number | undefined): boolean => other === W || (type === W && other === R)
      const others = this.held.filter((_row, other) => other !== owner)
      return type !== U && others.some((row) => bytes.some((byte) => inTheWay(row[byte])))
    }

    set(owner: number, type: number, bytes: readonly number[]): void {
      for (const byte of bytes) this.held[owner]![byte] = type
    }
  }

  /** One owner's locks are next to each other, ascending, merged, and cover what the model says. */
  function compare(world: World, model: Model): void {
    const records = world.inode('/f').locks?.records ?? []
    const seen = OWNERS.map(() => new Array<number>(BYTES).fill(U))
    records.forEach((lock, i) => {
      for (const byte of bytesOf(lock.start, lock.end >= BYTES ? 0 : lock.end - lock.start + 1)) {
        seen[lock.pid - 1]![byte] = lock.type
      }
      const before = records[i - 1]
      if (before?.pid === lock.pid) {
        expect(before.end).toBeLessThan(before.type === lock.type ? lock.start - 1 : lock.start)
      } else {
        expect(records.slice(0, i).map((other) => other.pid)).not.toContain(lock.pid)
      }
    })
    expect(seen).toEqual(model.held)
  }

  it.each(PROFILES)('agrees with %s', (profile) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new World(profile)
        const model = new Model()
        const procs = OWNERS.map(() => world.process())
        const fds = procs.map((p) => [p.open(), p.open()])
        const sleeping = new Map<number, { call: Call; type: number; bytes: readonly number[] }>()
        for (const { owner, fd, action, type, start, len } of steps) {
          if (sleeping.has(owner)) continue
          const p = procs[owner]!
          if (action === 'close') {
            p.close(fds[owner]![fd]!)
            fds[owner]![fd] = p.open()
            model.set(owner, U, bytesOf(0, 0))
          } else {
            const bytes = bytesOf(start, len)
            const isFree = !model.conflicts(owner, type, bytes)
            const call = p.lockCall(fds[owner]![fd]!, action === 'set' ? F_SETLK : F_SETLKW, type, start, len)
            expect(isFree ? [0] : action === 'set' ? [EAGAIN] : [BLOCKED, EDEADLK]).toContain(call.result)
            if (isFree) model.set(owner, type, bytes)
            if (call.blocked) sleeping.set(owner, { call, type, bytes })
          }
          for (const [sleeper, { call, type: wanted, bytes }] of [...sleeping]) {
            if (call.blocked) continue
            expect(call.result).toBe(0)
            model.set(sleeper, wanted, bytes)
            sleeping.delete(sleeper)
          }
          for (const [sleeper, { type: wanted, bytes }] of sleeping) {
            expect(model.conflicts(sleeper, wanted, bytes)).toBe(true)
          }
          expect(sleeping.size).toBeLessThan(OWNERS.length)
          compare(world, model)
        }
      }),
      { numRuns: 300 },
    )
  })
})
