/**
 * i386 system calls: number, name, and the first profile that has each.
 *
 * Names are the kernel's own (`__NR_*`), so 16-bit and 32-bit variants are separate rows: `setuid` is 23 and
 * `setuid32` is 213. A program writes `setuid`; `straceName` says which row the C library of the time uses for it.
 * Rows marked LATER came after 2.6.14; a kernel offers them only as a backport. Slots that changed their meaning
 * have one row for each, bounded by `until`. The network calls are all `socketcall` on i386.
 *
 * Linux: include/asm-i386/unistd.h (2.0.35, 2.2.12, 2.6.14), arch/i386/kernel/entry.S.
 */

import { asSyscallNr, type SyscallNr } from './brand.js'
import { isAtLeast, type Profile } from './profile.js'

const V20 = '2.0.35'
const V22 = '2.2.12'
const V26 = '2.6.14'
/** 2.6.15 to 2.6.19: openat and its kin are 2.6.16. */
const LATER = 'later'

/** One row of the table. */
export interface SyscallRow {
  /** The number; for one name it may differ between profiles. */
  readonly nr: number
  /** The kernel's name, without `__NR_`. */
  readonly name: string
  /** The first profile that has it; 'later' for those that came after 2.6.14. */
  readonly since: Profile | typeof LATER
  /** The last profile where the number has this name. */
  readonly until?: Profile
}

const TABLE = [
  { nr: 0, name: 'setup', since: V20, until: V22 },
  { nr: 0, name: 'restart_syscall', since: V26 },
  { nr: 1, name: 'exit', since: V20 },
  { nr: 2, name: 'fork', since: V20 },
  { nr: 3, name: 'read', since: V20 },
  { nr: 4, name: 'write', since: V20 },
  { nr: 5, name: 'open', since: V20 },
  { nr: 6, name: 'close', since: V20 },
  { nr: 7, name: 'waitpid', since: V20 },
  { nr: 8, name: 'creat', since: V20 },
  { nr: 9, name: 'link', since: V20 },
  { nr: 10, name: 'unlink', since: V20 },
  { nr: 11, name: 'execve', since: V20 },
  { nr: 12, name: 'chdir', since: V20 },
  { nr: 13, name: 'time', since: V20 },
  { nr: 14, name: 'mknod', since: V20 },
  { nr: 15, name: 'chmod', since: V20 },
  { nr: 16, name: 'chown', since: V20, until: V20 },
  { nr: 16, name: 'lchown', since: V22 },
  { nr: 17, name: 'break', since: V20 },
  { nr: 18, name: 'oldstat', since: V20 },
  { nr: 19, name: 'lseek', since: V20 },
  { nr: 20, name: 'getpid', since: V20 },
  { nr: 21, name: 'mount', since: V20 },
  { nr: 22, name: 'umount', since: V20 },
  { nr: 23, name: 'setuid', since: V20 },
  { nr: 24, name: 'getuid', since: V20 },
  { nr: 25, name: 'stime', since: V20 },
  { nr: 26, name: 'ptrace', since: V20 },
  { nr: 27, name: 'alarm', since: V20 },
  { nr: 28, name: 'oldfstat', since: V20 },
  { nr: 29, name: 'pause', since: V20 },
  { nr: 30, name: 'utime', since: V20 },
  { nr: 31, name: 'stty', since: V20 },
  { nr: 32, name: 'gtty', since: V20 },
  { nr: 33, name: 'access', since: V20 },
  { nr: 34, name: 'nice', since: V20 },
  { nr: 35, name: 'ftime', since: V20 },
  { nr: 36, name: 'sync', since: V20 },
  { nr: 37, name: 'kill', since: V20 },
  { nr: 38, name: 'rename', since: V20 },
  { nr: 39, name: 'mkdir', since: V20 },
  { nr: 40, name: 'rmdir', since: V20 },
  { nr: 41, name: 'dup', since: V20 },
  { nr: 42, name: 'pipe', since: V20 },
  { nr: 43, name: 'times', since: V20 },
  { nr: 44, name: 'prof', since: V20 },
  { nr: 45, name: 'brk', since: V20 },
  { nr: 46, name: 'setgid', since: V20 },
  { nr: 47, name: 'getgid', since: V20 },
  { nr: 48, name: 'signal', since: V20 },
  { nr: 49, name: 'geteuid', since: V20 },
  { nr: 50, name: 'getegid', since: V20 },
  { nr: 51, name: 'acct', since: V20 },
  { nr: 52, name: 'phys', since: V20, until: V20 },
  { nr: 52, name: 'umount2', since: V22 },
  { nr: 53, name: 'lock', since: V20 },
  { nr: 54, name: 'ioctl', since: V20 },
  { nr: 55, name: 'fcntl', since: V20 },
  { nr: 56, name: 'mpx', since: V20 },
  { nr: 57, name: 'setpgid', since: V20 },
  { nr: 58, name: 'ulimit', since: V20 },
  { nr: 59, name: 'oldolduname', since: V20 },
  { nr: 60, name: 'umask', since: V20 },
  { nr: 61, name: 'chroot', since: V20 },
  { nr: 62, name: 'ustat', since: V20 },
  { nr: 63, name: 'dup2', since: V20 },
  { nr: 64, name: 'getppid', since: V20 },
  { nr: 65, name: 'getpgrp', since: V20 },
  { nr: 66, name: 'setsid', since: V20 },
  { nr: 67, name: 'sigaction', since: V20 },
  { nr: 68, name: 'sgetmask', since: V20 },
  { nr: 69, name: 'ssetmask', since: V20 },
  { nr: 70, name: 'setreuid', since: V20 },
  { nr: 71, name: 'setregid', since: V20 },
  { nr: 72, name: 'sigsuspend', since: V20 },
  { nr: 73, name: 'sigpending', since: V20 },
  { nr: 74, name: 'sethostname', since: V20 },
  { nr: 75, name: 'setrlimit', since: V20 },
  { nr: 76, name: 'getrlimit', since: V20 },
  { nr: 77, name: 'getrusage', since: V20 },
  { nr: 78, name: 'gettimeofday', since: V20 },
  { nr: 79, name: 'settimeofday', since: V20 },
  { nr: 80, name: 'getgroups', since: V20 },
  { nr: 81, name: 'setgroups', since: V20 },
  { nr: 82, name: 'select', since: V20 },
  { nr: 83, name: 'symlink', since: V20 },
  { nr: 84, name: 'oldlstat', since: V20 },
  { nr: 85, name: 'readlink', since: V20 },
  { nr: 86, name: 'uselib', since: V20 },
  { nr: 87, name: 'swapon', since: V20 },
  { nr: 88, name: 'reboot', since: V20 },
  { nr: 89, name: 'readdir', since: V20 },
  { nr: 90, name: 'mmap', since: V20 },
  { nr: 91, name: 'munmap', since: V20 },
  { nr: 92, name: 'truncate', since: V20 },
  { nr: 93, name: 'ftruncate', since: V20 },
  { nr: 94, name: 'fchmod', since: V20 },
  { nr: 95, name: 'fchown', since: V20 },
  { nr: 96, name: 'getpriority', since: V20 },
  { nr: 97, name: 'setpriority', since: V20 },
  { nr: 98, name: 'profil', since: V20 },
  { nr: 99, name: 'statfs', since: V20 },
  { nr: 100, name: 'fstatfs', since: V20 },
  { nr: 101, name: 'ioperm', since: V20 },
  { nr: 102, name: 'socketcall', since: V20 },
  { nr: 103, name: 'syslog', since: V20 },
  { nr: 104, name: 'setitimer', since: V20 },
  { nr: 105, name: 'getitimer', since: V20 },
  { nr: 106, name: 'stat', since: V20 },
  { nr: 107, name: 'lstat', since: V20 },
  { nr: 108, name: 'fstat', since: V20 },
  { nr: 109, name: 'olduname', since: V20 },
  { nr: 110, name: 'iopl', since: V20 },
  { nr: 111, name: 'vhangup', since: V20 },
  { nr: 112, name: 'idle', since: V20 },
  { nr: 113, name: 'vm86', since: V20, until: V20 },
  { nr: 113, name: 'vm86old', since: V22 },
  { nr: 114, name: 'wait4', since: V20 },
  { nr: 115, name: 'swapoff', since: V20 },
  { nr: 116, name: 'sysinfo', since: V20 },
  { nr: 117, name: 'ipc', since: V20 },
  { nr: 118, name: 'fsync', since: V20 },
  { nr: 119, name: 'sigreturn', since: V20 },
  { nr: 120, name: 'clone', since: V20 },
  { nr: 121, name: 'setdomainname', since: V20 },
  { nr: 122, name: 'uname', since: V20 },
  { nr: 123, name: 'modify_ldt', since: V20 },
  { nr: 124, name: 'adjtimex', since: V20 },
  { nr: 125, name: 'mprotect', since: V20 },
  { nr: 126, name: 'sigprocmask', since: V20 },
  { nr: 127, name: 'create_module', since: V20 },
  { nr: 128, name: 'init_module', since: V20 },
  { nr: 129, name: 'delete_module', since: V20 },
  { nr: 130, name: 'get_kernel_syms', since: V20 },
  { nr: 131, name: 'quotactl', since: V20 },
  { nr: 132, name: 'getpgid', since: V20 },
  { nr: 133, name: 'fchdir', since: V20 },
  { nr: 134, name: 'bdflush', since: V20 },
  { nr: 135, name: 'sysfs', since: V20 },
  { nr: 136, name: 'personality', since: V20 },
  { nr: 137, name: 'afs_syscall', since: V20 },
  { nr: 138, name: 'setfsuid', since: V20 },
  { nr: 139, name: 'setfsgid', since: V20 },
  { nr: 140, name: '_llseek', since: V20 },
  { nr: 141, name: 'getdents', since: V20 },
  { nr: 142, name: '_newselect', since: V20 },
  { nr: 143, name: 'flock', since: V20 },
  { nr: 144, name: 'msync', since: V20 },
  { nr: 145, name: 'readv', since: V20 },
  { nr: 146, name: 'writev', since: V20 },
  { nr: 147, name: 'getsid', since: V20 },
  { nr: 148, name: 'fdatasync', since: V20 },
  { nr: 149, name: '_sysctl', since: V20 },
  { nr: 150, name: 'mlock', since: V20 },
  { nr: 151, name: 'munlock', since: V20 },
  { nr: 152, name: 'mlockall', since: V20 },
  { nr: 153, name: 'munlockall', since: V20 },
  { nr: 154, name: 'sched_setparam', since: V20 },
  { nr: 155, name: 'sched_getparam', since: V20 },
  { nr: 156, name: 'sched_setscheduler', since: V20 },
  { nr: 157, name: 'sched_getscheduler', since: V20 },
  { nr: 158, name: 'sched_yield', since: V20 },
  { nr: 159, name: 'sched_get_priority_max', since: V20 },
  { nr: 160, name: 'sched_get_priority_min', since: V20 },
  { nr: 161, name: 'sched_rr_get_interval', since: V20 },
  { nr: 162, name: 'nanosleep', since: V20 },
  { nr: 163, name: 'mremap', since: V20 },
  { nr: 164, name: 'setresuid', since: V22 },
  { nr: 165, name: 'getresuid', since: V22 },
  { nr: 166, name: 'vm86', since: V22 },
  { nr: 167, name: 'query_module', since: V22 },
  { nr: 168, name: 'poll', since: V22 },
  { nr: 169, name: 'nfsservctl', since: V22 },
  { nr: 170, name: 'setresgid', since: V22 },
  { nr: 171, name: 'getresgid', since: V22 },
  { nr: 172, name: 'prctl', since: V22 },
  { nr: 173, name: 'rt_sigreturn', since: V22 },
  { nr: 174, name: 'rt_sigaction', since: V22 },
  { nr: 175, name: 'rt_sigprocmask', since: V22 },
  { nr: 176, name: 'rt_sigpending', since: V22 },
  { nr: 177, name: 'rt_sigtimedwait', since: V22 },
  { nr: 178, name: 'rt_sigqueueinfo', since: V22 },
  { nr: 179, name: 'rt_sigsuspend', since: V22 },
  { nr: 180, name: 'pread', since: V22, until: V22 },
  { nr: 180, name: 'pread64', since: V26 },
  { nr: 181, name: 'pwrite', since: V22, until: V22 },
  { nr: 181, name: 'pwrite64', since: V26 },
  { nr: 182, name: 'chown', since: V22 },
  { nr: 183, name: 'getcwd', since: V22 },
  { nr: 184, name: 'capget', since: V22 },
  { nr: 185, name: 'capset', since: V22 },
  { nr: 186, name: 'sigaltstack', since: V22 },
  { nr: 187, name: 'sendfile', since: V22 },
  { nr: 188, name: 'getpmsg', since: V22 },
  { nr: 189, name: 'putpmsg', since: V22 },
  { nr: 190, name: 'vfork', since: V22 },
  { nr: 191, name: 'ugetrlimit', since: V26 },
  { nr: 192, name: 'mmap2', since: V26 },
  { nr: 193, name: 'truncate64', since: V26 },
  { nr: 194, name: 'ftruncate64', since: V26 },
  { nr: 195, name: 'stat64', since: V26 },
  { nr: 196, name: 'lstat64', since: V26 },
  { nr: 197, name: 'fstat64', since: V26 },
  { nr: 198, name: 'lchown32', since: V26 },
  { nr: 199, name: 'getuid32', since: V26 },
  { nr: 200, name: 'getgid32', since: V26 },
  { nr: 201, name: 'geteuid32', since: V26 },
  { nr: 202, name: 'getegid32', since: V26 },
  { nr: 203, name: 'setreuid32', since: V26 },
  { nr: 204, name: 'setregid32', since: V26 },
  { nr: 205, name: 'getgroups32', since: V26 },
  { nr: 206, name: 'setgroups32', since: V26 },
  { nr: 207, name: 'fchown32', since: V26 },
  { nr: 208, name: 'setresuid32', since: V26 },
  { nr: 209, name: 'getresuid32', since: V26 },
  { nr: 210, name: 'setresgid32', since: V26 },
  { nr: 211, name: 'getresgid32', since: V26 },
  { nr: 212, name: 'chown32', since: V26 },
  { nr: 213, name: 'setuid32', since: V26 },
  { nr: 214, name: 'setgid32', since: V26 },
  { nr: 215, name: 'setfsuid32', since: V26 },
  { nr: 216, name: 'setfsgid32', since: V26 },
  { nr: 217, name: 'pivot_root', since: V26 },
  { nr: 218, name: 'mincore', since: V26 },
  { nr: 219, name: 'madvise', since: V26 },
  { nr: 220, name: 'getdents64', since: V26 },
  { nr: 221, name: 'fcntl64', since: V26 },
  { nr: 224, name: 'gettid', since: V26 },
  { nr: 225, name: 'readahead', since: V26 },
  { nr: 226, name: 'setxattr', since: V26 },
  { nr: 227, name: 'lsetxattr', since: V26 },
  { nr: 228, name: 'fsetxattr', since: V26 },
  { nr: 229, name: 'getxattr', since: V26 },
  { nr: 230, name: 'lgetxattr', since: V26 },
  { nr: 231, name: 'fgetxattr', since: V26 },
  { nr: 232, name: 'listxattr', since: V26 },
  { nr: 233, name: 'llistxattr', since: V26 },
  { nr: 234, name: 'flistxattr', since: V26 },
  { nr: 235, name: 'removexattr', since: V26 },
  { nr: 236, name: 'lremovexattr', since: V26 },
  { nr: 237, name: 'fremovexattr', since: V26 },
  { nr: 238, name: 'tkill', since: V26 },
  { nr: 239, name: 'sendfile64', since: V26 },
  { nr: 240, name: 'futex', since: V26 },
  { nr: 241, name: 'sched_setaffinity', since: V26 },
  { nr: 242, name: 'sched_getaffinity', since: V26 },
  { nr: 243, name: 'set_thread_area', since: V26 },
  { nr: 244, name: 'get_thread_area', since: V26 },
  { nr: 245, name: 'io_setup', since: V26 },
  { nr: 246, name: 'io_destroy', since: V26 },
  { nr: 247, name: 'io_getevents', since: V26 },
  { nr: 248, name: 'io_submit', since: V26 },
  { nr: 249, name: 'io_cancel', since: V26 },
  { nr: 250, name: 'fadvise64', since: V26 },
  { nr: 252, name: 'exit_group', since: V26 },
  { nr: 253, name: 'lookup_dcookie', since: V26 },
  { nr: 254, name: 'epoll_create', since: V26 },
  { nr: 255, name: 'epoll_ctl', since: V26 },
  { nr: 256, name: 'epoll_wait', since: V26 },
  { nr: 257, name: 'remap_file_pages', since: V26 },
  { nr: 258, name: 'set_tid_address', since: V26 },
  { nr: 259, name: 'timer_create', since: V26 },
  { nr: 260, name: 'timer_settime', since: V26 },
  { nr: 261, name: 'timer_gettime', since: V26 },
  { nr: 262, name: 'timer_getoverrun', since: V26 },
  { nr: 263, name: 'timer_delete', since: V26 },
  { nr: 264, name: 'clock_settime', since: V26 },
  { nr: 265, name: 'clock_gettime', since: V26 },
  { nr: 266, name: 'clock_getres', since: V26 },
  { nr: 267, name: 'clock_nanosleep', since: V26 },
  { nr: 268, name: 'statfs64', since: V26 },
  { nr: 269, name: 'fstatfs64', since: V26 },
  { nr: 270, name: 'tgkill', since: V26 },
  { nr: 271, name: 'utimes', since: V26 },
  { nr: 272, name: 'fadvise64_64', since: V26 },
  { nr: 273, name: 'vserver', since: V26 },
  { nr: 274, name: 'mbind', since: V26 },
  { nr: 275, name: 'get_mempolicy', since: V26 },
  { nr: 276, name: 'set_mempolicy', since: V26 },
  { nr: 277, name: 'mq_open', since: V26 },
  { nr: 278, name: 'mq_unlink', since: V26 },
  { nr: 279, name: 'mq_timedsend', since: V26 },
  { nr: 280, name: 'mq_timedreceive', since: V26 },
  { nr: 281, name: 'mq_notify', since: V26 },
  { nr: 282, name: 'mq_getsetattr', since: V26 },
  { nr: 283, name: 'kexec_load', since: V26 },
  { nr: 284, name: 'waitid', since: V26 },
  { nr: 286, name: 'add_key', since: V26 },
  { nr: 287, name: 'request_key', since: V26 },
  { nr: 288, name: 'keyctl', since: V26 },
  { nr: 289, name: 'ioprio_set', since: V26 },
  { nr: 290, name: 'ioprio_get', since: V26 },
  { nr: 291, name: 'inotify_init', since: V26 },
  { nr: 292, name: 'inotify_add_watch', since: V26 },
  { nr: 293, name: 'inotify_rm_watch', since: V26 },
  { nr: 294, name: 'migrate_pages', since: LATER },
  { nr: 295, name: 'openat', since: LATER },
  { nr: 296, name: 'mkdirat', since: LATER },
  { nr: 297, name: 'mknodat', since: LATER },
  { nr: 298, name: 'fchownat', since: LATER },
  { nr: 299, name: 'futimesat', since: LATER },
  { nr: 300, name: 'fstatat64', since: LATER },
  { nr: 301, name: 'unlinkat', since: LATER },
  { nr: 302, name: 'renameat', since: LATER },
  { nr: 303, name: 'linkat', since: LATER },
  { nr: 304, name: 'symlinkat', since: LATER },
  { nr: 305, name: 'readlinkat', since: LATER },
  { nr: 306, name: 'fchmodat', since: LATER },
  { nr: 307, name: 'faccessat', since: LATER },
  { nr: 308, name: 'pselect6', since: LATER },
  { nr: 309, name: 'ppoll', since: LATER },
  { nr: 310, name: 'unshare', since: LATER },
  { nr: 311, name: 'set_robust_list', since: LATER },
  { nr: 312, name: 'get_robust_list', since: LATER },
  { nr: 313, name: 'splice', since: LATER },
  { nr: 314, name: 'sync_file_range', since: LATER },
  { nr: 315, name: 'tee', since: LATER },
  { nr: 316, name: 'vmsplice', since: LATER },
  { nr: 317, name: 'move_pages', since: LATER },
  { nr: 318, name: 'getcpu', since: LATER },
] as const satisfies readonly SyscallRow[]

/** A name in the table. @useDeclaredType */
export type SyscallName = (typeof TABLE)[number]['name']

/** Every number from 0 to 318 that means something, in order. */
export const SYSCALLS: readonly SyscallRow[] = TABLE

/** Names that programs use where the kernel's own name differs on every profile. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['exec', 'execve'],
  ['fstatat', 'fstatat64'],
  ['pread', 'pread64'],
  ['pselect', 'pselect6'],
  ['pwrite', 'pwrite64'],
  ['sigqueue', 'rt_sigqueueinfo'],
  ['sigtimedwait', 'rt_sigtimedwait'],
  ['sigwaitinfo', 'rt_sigtimedwait'],
  ['sysctl', '_sysctl'],
  ...[
    'socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom',
    'shutdown setsockopt getsockopt sendmsg recvmsg',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name, 'socketcall'] as const),
])

/** What the C library calls instead since the named profile. */
const VARIANTS: ReadonlyMap<string, readonly [since: Profile, name: string]> = new Map<
  string,
  readonly [since: Profile, name: string]
>([
  ['select', [V20, '_newselect']],
  ...['sigaction', 'sigprocmask', 'sigpending', 'sigsuspend'].map(
    (name) => [name, [V22, `rt_${name}`]] as const,
  ),
  ...[
    'getuid getgid geteuid getegid setuid setgid setreuid setregid setresuid setresgid getresuid getresgid',
    'setfsuid setfsgid getgroups setgroups chown fchown lchown',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name, [V26, `${name}32`]] as const),
  ...[
    'stat',
    'lstat',
    'fstat',
    'truncate',
    'ftruncate',
    'statfs',
    'fstatfs',
    'getdents',
    'fcntl',
    'sendfile',
  ].map((name) => [name, [V26, `${name}64`]] as const),
  ['getrlimit', [V26, 'ugetrlimit']],
  ['mmap', [V26, 'mmap2']],
  ['exit', [V26, 'exit_group']],
])

const LAST: Readonly<Record<Profile, SyscallNr>> = {
  '2.0.35': asSyscallNr(163),
  '2.2.12': asSyscallNr(190),
  '2.6.14': asSyscallNr(293),
}

/** The highest number a profile has: mremap, vfork, inotify_rm_watch. Linux: NR_syscalls - 1 */
export const lastSyscall = (profile: Profile): SyscallNr => LAST[profile]

const isNamed = (row: SyscallRow, profile: Profile): boolean =>
  row.since !== LATER &&
  isAtLeast(profile, row.since) &&
  (row.until === undefined || isAtLeast(row.until, profile))

const BY_NAME: ReadonlyMap<string, readonly SyscallRow[]> = SYSCALLS.reduce(
  (map, row) => map.set(row.name, [...(map.get(row.name) ?? []), row]),
  new Map<string, readonly SyscallRow[]>(),
)

const BY_NR: ReadonlyMap<number, readonly SyscallRow[]> = SYSCALLS.reduce(
  (map, row) => map.set(row.nr, [...(map.get(row.nr) ?? []), row]),
  new Map<number, readonly SyscallRow[]>(),
)

const find = (name: string, profile: Profile): SyscallRow | undefined =>
  BY_NAME.get(name)?.find((row) => isNamed(row, profile))

/**
 * The number of a call in a profile: by the kernel's name, else by the name a program uses ('exec', 'pread',
 * 'socket'). undefined where the kernel has no such call.
 */
export const syscallNr = (name: string, profile: Profile): SyscallNr | undefined => {
  const row = find(name, profile) ?? find(ALIASES.get(name) ?? '', profile)
  return row === undefined ? undefined : asSyscallNr(row.nr)
}

/** Like `syscallNr`, and for calls of later kernels the number they got there: for backports and traces. */
export const anySyscallNr = (name: string, profile: Profile): SyscallNr | undefined => {
  const known = syscallNr(name, profile)
  if (known !== undefined) return known
  const later = (BY_NAME.get(name) ?? BY_NAME.get(ALIASES.get(name) ?? ''))?.at(-1)
  return later === undefined ? undefined : asSyscallNr(later.nr)
}

/** The kernel's name of a number: 'setuid32' for 213. Falls back to later names, then to 'syscall_400'. */
export const syscallName = (nr: number, profile: Profile = V26): string => {
  const rows = BY_NR.get(nr)
  const row = rows?.find((each) => isNamed(each, profile)) ?? rows?.at(-1)
  return row?.name ?? `syscall_${nr}`
}

/**
 * The row that the C library of the time used for a call, which is what strace showed: 'setuid' is 'setuid32'
 * and 'stat' is 'stat64' on 2.6.14, 'sigaction' is 'rt_sigaction' since 2.2. Unknown names come back unchanged.
 */
export const straceName = (name: string, profile: Profile): string => {
  const variant = VARIANTS.get(name)
  if (variant !== undefined && isAtLeast(profile, variant[0])) return variant[1]
  const alias = ALIASES.get(name)
  return find(name, profile) === undefined && alias !== undefined && find(alias, profile) !== undefined
    ? alias
    : name
}
