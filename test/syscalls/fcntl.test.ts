/** fcntl(2) but for the locks, dup(2), dup2(2), ioctl(2) on any file. */
import { describe, expect, it } from 'vitest'
import { EBADF, EFAULT, EINVAL, EMFILE, ENOTTY, EPERM } from '../../src/abi/errno.js'
import {
  F_DUPFD,
  F_GETFD,
  F_GETFL,
  F_GETOWN,
  F_GETSIG,
  F_NOTIFY,
  F_SETFD,
  F_SETFL,
  F_SETLEASE,
  F_SETOWN,
  F_SETSIG,
  FASYNC,
  O_APPEND,
  O_DIRECT,
  O_NOATIME,
  O_NONBLOCK,
  O_RDWR,
  O_SYNC,
  O_WRONLY,
} from '../../src/abi/fcntl.js'
import { FIGETBSZ, FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, TCGETS } from '../../src/abi/ioctl.js'
import { S_APPEND } from '../../src/vfs/inode.js'

import { NOFILE, World } from '../vfs/lock_world.js'

describe('fcntl', () => {
  it('F_DUPFD: the lowest free from arg on, shared, open across exec', () => {
    const p = new World().process()
    const fd = p.open()
    p.fcntl(fd, F_SETFD, 1)
    expect([p.fcntl(fd, F_DUPFD, 5), p.fcntl(fd, F_DUPFD, 5), p.fcntl(fd, F_DUPFD)]).toEqual([5, 6, 1])
    expect([p.fcntl(fd, F_GETFD), p.fcntl(5, F_GETFD)]).toEqual([1, 0])
    expect(p.file(5)).toBe(p.file(fd))
    expect(p.file(fd).count).toBe(4)
  })

  it.each([
    ['2.6.14', -1, EINVAL],
    ['2.6.14', NOFILE, EINVAL],
    ['2.6.14', NOFILE - 1, NOFILE - 1],
    ['2.2.12', -1, EINVAL],
    ['2.2.12', NOFILE, EMFILE],
    ['2.2.12', 1024, EINVAL],
    ['2.0.35', 255, EMFILE],
    ['2.0.35', 256, EINVAL],
  ] as const)('F_DUPFD in %s: %i (locate_fd, dupfd)', (profile, arg, result) => {
    const p = new World(profile).process()
    expect(p.fcntl(p.open(), F_DUPFD, arg)).toBe(result)
  })

  it('F_DUPFD and dup: EMFILE when all are taken', () => {
    const p = new World().process()
    const fd = p.open()
    for (let i = 1; i < NOFILE; i++) p.dup(fd)
    expect([p.dup(fd), p.fcntl(fd, F_DUPFD, 3)]).toEqual([EMFILE, EMFILE])
    expect(p.file(fd).count).toBe(NOFILE)
  })

  it.each([
    ['old is not open', '2.6.14', 9, 9, EBADF],
    ['the same', '2.6.14', 0, 0, 0],
    ['negative', '2.6.14', 0, -1, EBADF],
    ['at RLIMIT_NOFILE', '2.6.14', 0, NOFILE, EBADF],
    ['below RLIMIT_NOFILE', '2.6.14', 0, NOFILE - 1, NOFILE - 1],
    ['at RLIMIT_NOFILE, below NR_OPEN', '2.2.12', 0, NOFILE, EMFILE],
    ['at NR_OPEN', '2.2.12', 0, 1024, EBADF],
    ['at NR_OPEN', '2.0.35', 0, 256, EBADF],
  ] as const)('dup2: %s, %s (sys_dup2)', (_rule, profile, old, fd, result) => {
    const p = new World(profile).process()
    p.open()
    expect(p.dup2(old, fd)).toBe(result)
  })

  it('dup2 closes what was there and clears close-on-exec', () => {
    const p = new World().process()
    const [x, y] = [p.open('/f'), p.open('/g')]
    p.fcntl(y, F_SETFD, 1)
    const old = p.file(y)
    expect(p.dup2(x, y)).toBe(y)
    expect([p.fcntl(y, F_GETFD), old.count, p.file(x).count]).toEqual([0, 0, 2])
  })

  it('F_GETFL and F_SETFL: only the flags of SETFL_MASK change', () => {
    const p = new World().process()
    const fd = p.open('/f', O_WRONLY | O_SYNC)
    expect(p.fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_RDWR)).toBe(0)
    expect(p.fcntl(fd, F_GETFL)).toBe(O_WRONLY | O_SYNC | O_APPEND | O_NONBLOCK)
    p.fcntl(fd, F_SETFL, 0)
    expect(p.fcntl(fd, F_GETFL)).toBe(O_WRONLY | O_SYNC)
  })

  it('F_SETFL: O_APPEND stays on an append-only inode (setfl: IS_APPEND)', () => {
    const world = new World()
    const p = world.process()
    const fd = p.open('/f', O_WRONLY | O_APPEND)
    world.inode('/f').flags = S_APPEND
    expect([p.fcntl(fd, F_SETFL, 0), p.fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK)]).toEqual([EPERM, 0])
  })

  it('F_SETFL: O_NOATIME is for the owner, O_DIRECT needs support; both unknown before 2.6', () => {
    const world = new World()
    const [root, user] = [world.process(0), world.process(1000)]
    const [x, y] = [root.open(), user.open()]
    expect([root.fcntl(x, F_SETFL, O_NOATIME), user.fcntl(y, F_SETFL, O_NOATIME)]).toEqual([0, EPERM])
    expect(root.fcntl(x, F_SETFL, O_DIRECT)).toBe(EINVAL)
    const old = new World('2.2.12').process(1000)
    const z = old.open()
    expect([old.fcntl(z, F_SETFL, O_NOATIME | O_DIRECT), old.fcntl(z, F_GETFL)]).toEqual([0, O_RDWR])
  })

  it('F_SETOWN keeps who set it', () => {
    const p = new World().process(1000)
    const fd = p.open()
    expect([p.fcntl(fd, F_GETOWN), p.fcntl(fd, F_SETOWN, 7), p.fcntl(fd, F_GETOWN)]).toEqual([0, 0, 7])
    expect([p.file(fd).ownerUid, p.file(fd).ownerEuid]).toEqual([1000, 1000])
  })

  it.each([
    ['2.6.14', 64, 0],
    ['2.6.14', 65, EINVAL],
    ['2.6.14', -1, EINVAL],
    ['2.6.14', 0, 0],
    ['2.2.12', 0, EINVAL],
    ['2.2.12', 10, 0],
    ['2.0.35', 10, EINVAL],
  ] as const)('F_SETSIG in %s: %i', (profile, signal, result) => {
    const p = new World(profile).process()
    const fd = p.open()
    expect(p.fcntl(fd, F_SETSIG, signal)).toBe(result)
    expect(p.fcntl(fd, F_GETSIG)).toBe(profile === '2.0.35' ? EINVAL : result === 0 ? signal : 0)
  })

  it('unknown and absent commands are EINVAL, after EBADF', () => {
    const p = new World().process()
    const fd = p.open()
    expect([F_SETLEASE, F_NOTIFY, 99].map((cmd) => p.fcntl(fd, cmd, 0))).toEqual([EINVAL, EINVAL, EINVAL])
    expect(p.fcntl(fd, F_SETFL, 'x')).toBe(EINVAL)
    expect(p.fcntl(7, 99)).toBe(EBADF)
  })
})

describe('ioctl', () => {
  it('FIOCLEX, FIONCLEX and FIONBIO are for every file', () => {
    const p = new World().process()
    const fd = p.open()
    expect([p.ioctl(fd, FIOCLEX), p.fcntl(fd, F_GETFD)]).toEqual([0, 1])
    expect([p.ioctl(fd, FIONCLEX), p.fcntl(fd, F_GETFD)]).toEqual([0, 0])
    expect([p.ioctl(fd, FIONBIO, { value: 1 }), p.fcntl(fd, F_GETFL)]).toEqual([0, O_RDWR | O_NONBLOCK])
    expect([p.ioctl(fd, FIONBIO, new Uint8Array(4)), p.fcntl(fd, F_GETFL)]).toEqual([0, O_RDWR])
    expect([p.ioctl(fd, FIONBIO), p.ioctl(fd, FIONBIO, new Uint8Array(3))]).toEqual([EFAULT, EFAULT])
    expect(p.ioctl(-1, FIOCLEX)).toBe(EBADF)
  })

  it('FIONREAD of a regular file is what is left, and may be negative', () => {
    const world = new World()
    const p = world.process()
    const fd = p.open()
    world.inode('/f').size = 10
    const n = { value: 0 }
    expect([p.ioctl(fd, FIONREAD, n), n.value]).toEqual([0, 10])
    p.file(fd).pos = 15
    const bytes = new Uint8Array(4)
    expect([p.ioctl(fd, FIONREAD, bytes), new DataView(bytes.buffer).getInt32(0, true)]).toEqual([0, -5])
    expect(p.ioctl(fd, FIONREAD, Object.freeze({ value: 0 }))).toBe(EFAULT)
    expect([p.ioctl(fd, FIGETBSZ, n), n.value]).toEqual([0, 1024])
    expect(p.ioctl(fd, TCGETS, n)).toBe(ENOTTY)
  })

  it('FIOASYNC: ENOTTY where nothing signals (2.6), O_SYNC by mistake before', () => {
    const p = new World().process()
    expect(p.ioctl(p.open(), FIOASYNC, 1)).toBe(ENOTTY)
    const old = new World('2.2.12').process()
    const fd = old.open()
    expect([old.ioctl(fd, FIOASYNC, 1), old.fcntl(fd, F_GETFL)]).toEqual([0, O_RDWR | O_SYNC])
    expect([old.fcntl(fd, F_SETFL, FASYNC), old.fcntl(fd, F_GETFL)]).toEqual([0, O_RDWR | O_SYNC | FASYNC])
  })
})
