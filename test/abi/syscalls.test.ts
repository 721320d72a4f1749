import { describe, expect, it } from 'vitest'
import { PROFILES } from '../../src/abi/profile.js'
import {
  anySyscallNr,
  lastSyscall,
  SYSCALLS,
  straceName,
  syscallName,
  syscallNr,
} from '../../src/abi/syscalls.js'

/** Name and number on 2.0.35, 2.2.12, 2.6.14. Linux: include/asm-i386/unistd.h */
const ROWS = [
  ['exit', 1, 1, 1],
  ['fork', 2, 2, 2],
  ['read', 3, 3, 3],
  ['write', 4, 4, 4],
  ['open', 5, 5, 5],
  ['close', 6, 6, 6],
  ['waitpid', 7, 7, 7],
  ['execve', 11, 11, 11],
  ['exec', 11, 11, 11],
  ['chown', 16, 182, 182],
  ['lchown', undefined, 16, 16],
  ['mount', 21, 21, 21],
  ['umount', 22, 22, 22],
  ['umount2', undefined, 52, 52],
  ['kill', 37, 37, 37],
  ['ioctl', 54, 54, 54],
  ['fcntl', 55, 55, 55],
  ['socketcall', 102, 102, 102],
  ['socket', 102, 102, 102],
  ['wait4', 114, 114, 114],
  ['clone', 120, 120, 120],
  ['getdents', 141, 141, 141],
  ['nanosleep', 162, 162, 162],
  ['setresuid', undefined, 164, 164],
  ['poll', undefined, 168, 168],
  ['prctl', undefined, 172, 172],
  ['rt_sigaction', undefined, 174, 174],
  ['sigqueue', undefined, 178, 178],
  ['pread', undefined, 180, 180],
  ['pread64', undefined, undefined, 180],
  ['getcwd', undefined, 183, 183],
  ['capget', undefined, 184, 184],
  ['vfork', undefined, 190, 190],
  ['setuid32', undefined, undefined, 213],
  ['gettid', undefined, undefined, 224],
  ['tkill', undefined, undefined, 238],
  ['exit_group', undefined, undefined, 252],
  ['tgkill', undefined, undefined, 270],
  ['inotify_rm_watch', undefined, undefined, 293],
  ['openat', undefined, undefined, undefined],
  ['nonsense', undefined, undefined, undefined],
] as const

describe('system call numbers', () => {
  it.each(ROWS)('of %s: %s, %s, %s', (name, ...expected) => {
    expect(PROFILES.map((profile) => syscallNr(name, profile))).toEqual(expected)
  })

  it('go up to mremap, vfork and inotify_rm_watch', () => {
    expect(PROFILES.map((profile) => syscallName(lastSyscall(profile), profile))).toEqual([
      'mremap',
      'vfork',
      'inotify_rm_watch',
    ])
    for (const profile of PROFILES) {
      const numbers = SYSCALLS.map((row) => syscallNr(row.name, profile) ?? 0)
      expect(Math.max(...numbers)).toBe(lastSyscall(profile))
    }
  })

  it('mean one thing each in one kernel, and leave the known holes', () => {
    for (const profile of PROFILES) {
      const names = [...new Set(SYSCALLS.map((row) => row.name))]
      const numbers = names.map((name) => syscallNr(name, profile)).filter((nr) => nr !== undefined)
      const own = new Set<number>(numbers)
      for (let nr = 0; nr <= lastSyscall(profile); nr++) {
        expect(own.has(nr), `${profile} ${nr}`).toBe(![222, 223, 251, 285].includes(nr))
      }
    }
  })

  it('name the slots that changed their meaning', () => {
    expect(PROFILES.map((profile) => syscallName(0, profile))).toEqual(['setup', 'setup', 'restart_syscall'])
    expect(PROFILES.map((profile) => syscallName(52, profile))).toEqual(['phys', 'umount2', 'umount2'])
    expect(PROFILES.map((profile) => syscallName(180, profile))).toEqual(['pread64', 'pread', 'pread64'])
    expect(syscallName(4000)).toBe('syscall_4000')
  })

  it('exist for later calls where they are asked for as backports', () => {
    expect(anySyscallNr('openat', '2.6.14')).toBe(295)
    expect(anySyscallNr('fstatat', '2.2.12')).toBe(300)
    expect(anySyscallNr('read', '2.2.12')).toBe(3)
    expect(anySyscallNr('nonsense', '2.6.14')).toBeUndefined()
  })
})

describe('straceName', () => {
  it.each([
    ['setuid', 'setuid', 'setuid', 'setuid32'],
    ['chown', 'chown', 'chown', 'chown32'],
    ['stat', 'stat', 'stat', 'stat64'],
    ['fcntl', 'fcntl', 'fcntl', 'fcntl64'],
    ['getdents', 'getdents', 'getdents', 'getdents64'],
    ['sigaction', 'sigaction', 'rt_sigaction', 'rt_sigaction'],
    ['select', '_newselect', '_newselect', '_newselect'],
    ['pread', 'pread', 'pread', 'pread64'],
    ['exec', 'execve', 'execve', 'execve'],
    ['read', 'read', 'read', 'read'],
    ['mac_label', 'mac_label', 'mac_label', 'mac_label'],
  ])('of %s is %s, %s, %s', (name, ...expected) => {
    expect(PROFILES.map((profile) => straceName(name, profile))).toEqual(expected)
  })

  it('names calls that exist in that kernel', () => {
    for (const profile of PROFILES) {
      for (const { name } of SYSCALLS) {
        if (syscallNr(name, profile) === undefined) continue
        expect(syscallNr(straceName(name, profile), profile), `${profile} ${name}`).toBeDefined()
      }
    }
  })
})
