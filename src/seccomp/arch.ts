/**
 * Architectures: which numbers calls have, and which four of them mode 1 allows.
 *
 * The kernel underneath is an i386. Another architecture changes the numbers by which this module and syscall(2) know
 * calls, and nothing else: no structure, no limit. A call by name has the number of that name on the architecture.
 * Linux: include/asm-ARCH/seccomp.h, include/asm-ARCH/unistd.h (2.6.14). Reference §1.4.
 */

import type { Profile } from '../abi/profile.js'
import { syscallName } from '../abi/syscalls.js'
import { AUDIT_ARCH_I386, AUDIT_ARCH_X86_64 } from './actions.js'
import { X86_64_NAMES } from './x86_64.js'

/** An architecture by the name of its folder in the kernel's sources; x86-64 was asm-x86_64. */
export type Arch = 'i386' | 'x86_64' | 'ppc64' | 'sparc64'

/** One way into the kernel: an architecture's own, or that of its 32-bit programs. */
export interface Abi {
  /** What mode 1 allows, read first, with the 0 at the end that the scan stops at. Linux: mode1_syscalls. */
  readonly mode1: readonly number[]
  /** seccomp_data.arch; 0 where there are no filters. */
  readonly audit: number
  /** Are its numbers those of the kernel underneath? */
  readonly isOwn: boolean
  /** Are registers 64 bits wide? */
  readonly is64: boolean
  /** The number of a call that a program makes by name; -1 for one that the architecture does not have. */
  number(name: string, nr: number): number
  /** The kernel's name of a number; undefined for one that stands for nothing. */
  name(nr: number, release: Profile): string | undefined
}

/** Both ways into one kernel. */
export interface ArchAbis {
  readonly native: Abi
  /** Of a thread that is flagged 32-bit. */
  readonly compat: Abi
  /** Does the time-stamp counter fault in mode 1? Linux: CR4.TSD in __switch_to, i386 only. */
  readonly disablesTsc: boolean
}

/** seccomp(2), 3.17. */
const I386_SECCOMP = 354

const i386: Abi = Object.freeze({
  mode1: Object.freeze([3, 4, 1, 119, 0]),
  audit: AUDIT_ARCH_I386,
  isOwn: true,
  is64: false,
  number: (name: string, nr: number) => (name === 'seccomp' ? I386_SECCOMP : nr),
  name: (nr: number, release: Profile) => (nr === I386_SECCOMP ? 'seccomp' : syscallName(nr, release)),
})

const X86_64_NUMBERS: ReadonlyMap<string, number> = new Map(X86_64_NAMES.map((name, nr) => [name, nr]))

/** What the C library of x86-64 makes of names that the kernel does not have there. */
const X86_64_LIBRARY: ReadonlyMap<string, string> = new Map([
  ['exec', 'execve'],
  ['pread', 'pread64'],
  ['pwrite', 'pwrite64'],
  ['pselect', 'pselect6'],
  ['waitpid', 'wait4'],
  ['umount', 'umount2'],
  ['sigaction', 'rt_sigaction'],
  ['sigprocmask', 'rt_sigprocmask'],
  ['sigpending', 'rt_sigpending'],
  ['sigsuspend', 'rt_sigsuspend'],
  ['sigtimedwait', 'rt_sigtimedwait'],
  ['sigwaitinfo', 'rt_sigtimedwait'],
  ['sigqueue', 'rt_sigqueueinfo'],
  ['sigreturn', 'rt_sigreturn'],
  ['send', 'sendto'],
  ['recv', 'recvfrom'],
  ['stime', 'settimeofday'],
  ['fstatat', 'newfstatat'],
])

const x86_64: Abi = Object.freeze({
  mode1: Object.freeze([0, 1, 60, 15, 0]),
  audit: AUDIT_ARCH_X86_64,
  isOwn: false,
  is64: true,
  number: (name: string, nr: number) =>
    X86_64_NUMBERS.get(name) ?? X86_64_NUMBERS.get(X86_64_LIBRARY.get(name) ?? '') ?? unnamed(name, nr),
  name: (nr: number) => X86_64_NAMES[nr],
})

/** A number that stands for nothing keeps its value under the name that it was given: 'syscall_400'. */
const unnamed = (name: string, nr: number): number => (name === `syscall_${nr}` ? nr : -1)

/** An architecture of which only the four calls are known. */
function fourCalls(read: number, write: number, exit: number, sigreturn: number, is64: boolean): Abi {
  const names = new Map([
    [read, 'read'],
    [write, 'write'],
    [exit, 'exit'],
    [sigreturn, is64 ? 'rt_sigreturn' : 'sigreturn'],
  ])
  const numbers = new Map([...names].map(([nr, name]) => [name, nr]))
  if (is64) numbers.set('sigreturn', sigreturn)
  return Object.freeze({
    mode1: Object.freeze([read, write, exit, sigreturn, 0]),
    audit: 0,
    isOwn: false,
    is64,
    number: (name: string, nr: number) => numbers.get(name) ?? unnamed(name, nr),
    name: (nr: number) => names.get(nr),
  })
}

/** By architecture. */
export const ARCHS: Readonly<Record<Arch, ArchAbis>> = Object.freeze({
  i386: { native: i386, compat: i386, disablesTsc: true },
  x86_64: { native: x86_64, compat: i386, disablesTsc: false },
  ppc64: {
    native: fourCalls(3, 4, 1, 172, true),
    compat: fourCalls(3, 4, 1, 119, false),
    disablesTsc: false,
  },
  sparc64: {
    native: fourCalls(3, 4, 1, 101, true),
    compat: fourCalls(3, 4, 1, 216, false),
    disablesTsc: false,
  },
})

/**
 * Does mode 1 allow the number? The list ends with 0, but the end is looked for behind the comparison, so that read,
 * which is 0 on x86-64, is found at the front. Linux: __secure_computing, kernel/seccomp.c (2.6.14). Reference §1.10.7.
 */
export function isMode1Call(list: readonly number[], nr: number): boolean {
  let at = 0
  do {
    if (list[at] === nr) return true
  } while (list[++at] !== 0)
  return false
}
