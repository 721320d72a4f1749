import { describe, expect, it } from 'vitest'
import * as errno from '../../src/abi/errno.js'

/** Number, symbol and strerror text. Linux: include/asm-i386/errno.h (2.2.12); glibc sysdeps/gnu/errlist. */
const ROWS = [
  [1, 'EPERM', 'Operation not permitted'],
  [2, 'ENOENT', 'No such file or directory'],
  [3, 'ESRCH', 'No such process'],
  [4, 'EINTR', 'Interrupted system call'],
  [5, 'EIO', 'Input/output error'],
  [7, 'E2BIG', 'Argument list too long'],
  [8, 'ENOEXEC', 'Exec format error'],
  [9, 'EBADF', 'Bad file descriptor'],
  [10, 'ECHILD', 'No child processes'],
  [11, 'EAGAIN', 'Resource temporarily unavailable'],
  [12, 'ENOMEM', 'Cannot allocate memory'],
  [13, 'EACCES', 'Permission denied'],
  [14, 'EFAULT', 'Bad address'],
  [16, 'EBUSY', 'Device or resource busy'],
  [17, 'EEXIST', 'File exists'],
  [18, 'EXDEV', 'Invalid cross-device link'],
  [19, 'ENODEV', 'No such device'],
  [20, 'ENOTDIR', 'Not a directory'],
  [21, 'EISDIR', 'Is a directory'],
  [22, 'EINVAL', 'Invalid argument'],
  [23, 'ENFILE', 'Too many open files in system'],
  [24, 'EMFILE', 'Too many open files'],
  [25, 'ENOTTY', 'Inappropriate ioctl for device'],
  [26, 'ETXTBSY', 'Text file busy'],
  [27, 'EFBIG', 'File too large'],
  [28, 'ENOSPC', 'No space left on device'],
  [29, 'ESPIPE', 'Illegal seek'],
  [30, 'EROFS', 'Read-only file system'],
  [31, 'EMLINK', 'Too many links'],
  [32, 'EPIPE', 'Broken pipe'],
  [35, 'EDEADLK', 'Resource deadlock avoided'],
  [36, 'ENAMETOOLONG', 'File name too long'],
  [38, 'ENOSYS', 'Function not implemented'],
  [39, 'ENOTEMPTY', 'Directory not empty'],
  [40, 'ELOOP', 'Too many levels of symbolic links'],
  [62, 'ETIME', 'Timer expired'],
  [75, 'EOVERFLOW', 'Value too large for defined data type'],
  [88, 'ENOTSOCK', 'Socket operation on non-socket'],
  [95, 'EOPNOTSUPP', 'Operation not supported'],
  [104, 'ECONNRESET', 'Connection reset by peer'],
  [110, 'ETIMEDOUT', 'Connection timed out'],
  [111, 'ECONNREFUSED', 'Connection refused'],
  [124, 'EMEDIUMTYPE', 'Wrong medium type'],
  [125, 'ECANCELED', 'Operation canceled'],
  [131, 'ENOTRECOVERABLE', 'State not recoverable'],
] as const

const exported: ReadonlyMap<string, unknown> = new Map(Object.entries(errno))

describe('errno', () => {
  it.each(ROWS)('-%i is %s: %s', (n, name, message) => {
    expect(exported.get(name)).toBe(-n)
    expect(errno.errnoName(-n)).toBe(name)
    expect(errno.errnoMessage(-n)).toBe(message)
    expect(errno.errnoByName(name)).toBe(-n)
  })

  it('names every number from 1 to 124 except the holes 41 and 58, and 125 to 131 of 2.6', () => {
    const numbers = errno.errnoNames().map((name) => -(errno.errnoByName(name) ?? 0))
    const expected = Array.from({ length: 131 }, (_, i) => i + 1).filter((n) => n !== 41 && n !== 58)
    expect(numbers).toEqual(expected)
  })

  it('has unique names and unique messages, and a constant of each name', () => {
    const names = errno.errnoNames()
    expect(new Set(names).size).toBe(names.length)
    const messages = names.map((name) => errno.errnoMessage(errno.errnoByName(name) ?? 0))
    expect(new Set(messages).size).toBe(messages.length)
    for (const name of names) expect(exported.get(name), name).toBe(errno.errnoByName(name))
  })

  it('knows the aliases of i386 (include/asm-i386/errno.h)', () => {
    expect(errno.EWOULDBLOCK).toBe(errno.EAGAIN)
    expect(errno.EDEADLOCK).toBe(errno.EDEADLK)
    expect(errno.ENOTSUP).toBe(errno.EOPNOTSUPP)
    expect(errno.errnoByName('EWOULDBLOCK')).toBe(-11)
    expect(errno.errnoName(errno.EWOULDBLOCK)).toBe('EAGAIN')
  })

  it.each([
    ['ERESTARTSYS', -512],
    ['ERESTARTNOINTR', -513],
    ['ERESTARTNOHAND', -514],
    ['ENOIOCTLCMD', -515],
    ['ERESTART_RESTARTBLOCK', -516],
    ['BLOCKED', -600],
  ])('keeps %s at %i, out of the reach of programs (include/linux/errno.h)', (name, value) => {
    expect(exported.get(name)).toBe(value)
    expect(errno.errnoName(value)).toBe(name)
    expect(errno.errnoNames()).not.toContain(name)
  })

  it('answers for numbers that are no errors', () => {
    expect(errno.errnoMessage(0)).toBe('Success')
    expect(errno.errnoMessage(-41)).toBe('Unknown error 41')
    expect(errno.errnoName(-58)).toBe('ERRNO_58')
    expect(errno.errnoByName('ENONSENSE')).toBeUndefined()
  })

  it('takes a number of either sign', () => {
    expect(errno.errnoName(13)).toBe('EACCES')
    expect(errno.errnoMessage(13)).toBe('Permission denied')
  })
})

describe('isErr', () => {
  it.each([
    [errno.EPERM, true],
    [errno.BLOCKED, true],
    [0, false],
    [3, false],
    ['-1', false],
    [null, false],
    [undefined, false],
    [{}, false],
  ])('of %s is %s', (value, expected) => {
    expect(errno.isErr(value)).toBe(expected)
  })
})
