/**
 * The three kernels that can be modelled, and what a program can notice of their differences.
 *
 * Only facts that the model acts on are here. Each names the kernel file and function that makes it so; where
 * nothing is said, the same file holds for all three. Behaviour that a table cannot hold (which calls exist) is in
 * `syscalls.ts`; limits of setrlimit(2) are in `resource.ts`.
 */

import { FASYNC, O_APPEND, O_DIRECT, O_NOATIME, O_NONBLOCK, O_SYNC } from './fcntl.js'
import {
  PR_GET_DUMPABLE,
  PR_GET_KEEPCAPS,
  PR_GET_NAME,
  PR_GET_PDEATHSIG,
  PR_GET_TIMING,
  PR_SET_DUMPABLE,
  PR_SET_KEEPCAPS,
  PR_SET_NAME,
  PR_SET_PDEATHSIG,
  PR_SET_TIMING,
} from './prctl.js'

/** A kernel release that can be modelled. */
export type Profile = '2.0.35' | '2.2.12' | '2.6.14'

/** The profiles in order of age. */
export const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']

const NEWEST: Profile = '2.6.14'

/** What `createKernel` takes when it is told nothing. */
export const DEFAULT_PROFILE: Profile = '2.2.12'

/** How descriptors are controlled and files locked. Linux: fs/fcntl.c, fs/ioctl.c, fs/locks.c. */
export interface FcntlFacts {
  /** Is NR_OPEN the bound of what F_DUPFD and dup2(2) take as a number (2.0, 2.2), or RLIMIT_NOFILE? */
  readonly dupBound: 'nr-open' | 'rlimit'
  /** What F_SETFL may change. Linux: SETFL_MASK. */
  readonly setflMask: number
  /** F_SETSIG 0 goes back to plain SIGIO; 2.2 refuses it. Linux: sys_fcntl (2.2), do_fcntl (2.6). */
  readonly setsigTakesZero: boolean
  /** The flag that ioctl FIOASYNC sets: O_SYNC by mistake before 2.4. Linux: sys_ioctl. */
  readonly fioasyncFlag: number
  /**
   * Whose a record lock is: the task's (2.0), the task's with this descriptor table (2.2), the table's.
   * Linux: posix_locks_conflict, `fl_owner == current` (2.0); locks_same_owner (2.2); posix_same_owner (2.6).
   */
  readonly lockOwner: 'task' | 'task-and-files' | 'files'
  /** The last byte that a lock to the end of the file covers. Linux: OFFSET_MAX. */
  readonly lockOffsetMax: number
  /** l_len < 0 means the bytes before l_start; EINVAL before 2.4.21. Linux: flock_to_posix_lock. */
  readonly hasNegativeLockLength: boolean
  /** A range past the largest offset is cut there instead of EOVERFLOW. Linux: posix_make_lock (2.0, 2.2). */
  readonly clipsLockRange: boolean
  /** F_GETLK64 and kin. Linux: sys_fcntl64 (2.4). */
  readonly hasFlock64: boolean
  /** A file has either record locks or flocks, the other kind is EBUSY. Linux: posix_lock_file, flock_lock_file (2.0). */
  readonly hasOneLockKindPerFile: boolean
  /** LOCK_MAND, the share modes of SMB servers. Linux: flock_translate_cmd (2.4). */
  readonly hasShareModes: boolean
  /** Who of those that wait for a record lock is woken first: 2.0 has them on a plain wait queue. */
  readonly recordLockWakeOrder: 'oldest-first' | 'newest-first'
  /**
   * Whom flock(2) lets run between dropping the old lock and trying the new one: all who waited (schedule in
   * locks_wake_up_blocks, 2.2; sleep_on, 2.0), or those of higher priority (cond_resched in flock_lock_file, 2.6).
   */
  readonly conversionYieldsTo: 'all' | 'higher-priority'
  /** Which waiters a signal stops even when the lock has become free. Linux: posix_lock_file, flock_lock_file. */
  readonly signalsBeatLocks: 'all' | 'flock' | 'none'
}

/** Ids, limits, timers and the calls on the machine as a whole. Linux: kernel/sys.c and its neighbours. */
export interface ProcessFacts {
  /** Does taking on another real uid fail with EAGAIN over RLIMIT_NPROC? Linux: set_user, kernel/sys.c (2.6). */
  readonly setuidChecksNproc: boolean
  /** Do setresuid and setresgid reset fsuid and fsgid even where they leave the effective id? Linux: kernel/sys.c (2.6). */
  readonly setresResetsFsIds: boolean
  /** Does setgroups(2) sort? Linux: groups_sort, kernel/sys.c (2.6.4). */
  readonly sortsGroups: boolean
  /** PR_SET_KEEPCAPS and kin: the operations that prctl(2) knows, as numbers. Linux: sys_prctl, kernel/sys.c. */
  readonly prctlOptions: readonly number[]
  /**
   * Does capset(2) with a negative pid ask about each target by itself, and pass over the first thread of each
   * process of a group? Linux: cap_set_all, cap_set_pg, kernel/capability.c (2.6.11).
   */
  readonly capsetChecksEachTarget: boolean
  /** Must a soft limit not exceed the hard one that is set with it? Linux: sys_setrlimit, kernel/sys.c (2.4). */
  readonly rlimitsAreOrdered: boolean
  /** Do limits come into effect at that many CPU seconds (2.6) or only past them? Linux: do_process_times, kernel/sched.c (2.2). */
  readonly cpuLimitStartsAtOnce: boolean
  /** May RLIMIT_NICE lower nice values? Linux: can_nice, kernel/sched.c (2.6.12). */
  readonly hasRlimitNice: boolean
  /**
   * Whose priority a task may set: of those with one of its two uids as real uid, or of those with its effective uid
   * as real or effective one? Linux: sys_setpriority (2.0, 2.2), set_one_prio (2.6), kernel/sys.c.
   */
  readonly setpriorityBy: 'real-uid' | 'effective-uid'
  /** What sched_rr_get_interval(2) tells. Linux: kernel/sched.c: ENOSYS (2.0), 150 microseconds (2.2), task_timeslice (2.6). */
  readonly rrInterval: 'none' | 'fixed' | 'timeslice'
  /** How alarm(2) rounds the seconds that were left. Linux: sys_alarm, kernel/sched.c (2.0, 2.2), kernel/timer.c (2.6). */
  readonly alarmRounds: 'up' | 'nearest'
  /** Does nanosleep(2) go on after a stop, or is that EINTR? Linux: nanosleep_restart, kernel/timer.c (2.6). */
  readonly nanosleepRestarts: boolean
  /** The highest type that syslog(2) knows. Linux: do_syslog, kernel/printk.c. */
  readonly lastSyslogType: number
  /** What reboot(2) takes as its second magic number. Linux: LINUX_REBOOT_MAGIC2*, include/linux/reboot.h. */
  readonly rebootMagic2: readonly number[]
}

/** What a program can notice of one kernel release. */
export interface ProfileFacts {
  /** `uname -r`. Linux: UTS_RELEASE. */
  readonly release: Profile
  /** `uname -v`. Linux: UTS_VERSION, init/version.c. The build dates are the days of release. */
  readonly version: string
  /** `/proc/version` without the newline. Linux: linux_banner, init/version.c. */
  readonly procVersion: string
  /** The moment of boot, in seconds since 1970 UTC: noon of the day of release, fixed so that runs repeat. */
  readonly epoch: number
  /** Timer ticks per second inside the kernel. Linux: HZ, include/asm-i386/param.h; CONFIG_HZ since 2.6.13. */
  readonly hz: number
  /**
   * Pids are below this. Linux: PID_MAX 0x8000, include/linux/tasks.h (2.2: get_pid, kernel/fork.c);
   * PID_MAX_DEFAULT, include/linux/threads.h (2.6).
   */
  readonly pidMax: number
  /** Where pids start again after wrapping. Linux: get_pid, kernel/fork.c (2.0: 1, 2.2: 300); RESERVED_PIDS, kernel/pid.c. */
  readonly pidWrapsTo: number
  /** The most tasks at once. Linux: NR_TASKS, include/linux/tasks.h; 2.6: max_threads for 128 MiB, fork_init. */
  readonly maxThreads: number
  /** Supplementary groups. Linux: NGROUPS, include/asm-i386/param.h; NGROUPS_MAX, include/linux/limits.h (2.6.4). */
  readonly ngroupsMax: number
  /** Descriptors are below this whatever the limit. Linux: NR_OPEN, include/linux/limits.h (2.0), include/linux/fs.h. */
  readonly nrOpen: number
  /** Open files in the whole system; root has ten more. Linux: NR_FILE, include/linux/fs.h; 2.6: files_init, for 128 MiB. */
  readonly fileMax: number
  /**
   * How many symbolic links may be being followed inside one another; one more is ELOOP.
   * Linux: `link_count > 5` in each file system's follow_link, such as ext2_follow_link, fs/ext2/symlink.c (2.0);
   * `link_count < 5`, do_follow_link, fs/namei.c (2.2); MAX_NESTED_LINKS 5, include/linux/namei.h (2.6 until 2.6.17, then 8).
   */
  readonly maxSymlinkNesting: number
  /** How many links one lookup may follow in all. Linux: `total_link_count >= 40`, do_follow_link, fs/namei.c (2.4, 2.6). */
  readonly maxSymlinkTotal: number
  /**
   * Pipe buffer: one page that must empty before a large write goes on, or sixteen pages of which a small write
   * takes a whole one. Linux: fs/pipe.c; PIPE_BUFFERS, include/linux/pipe_fs_i.h (2.6.11).
   */
  readonly pipeBuffer: 'page' | 'slots'
  /** Bytes that fit into a pipe when written in one go. */
  readonly pipeCapacity: number
  /** Width of a uid as programs pass it. Linux: __kernel_uid_t, include/asm-i386/posix_types.h; *32 calls since 2.3.39. */
  readonly uidBits: 16 | 32
  /** Width of a device number in mknod and stat. Linux: include/linux/kdev_t.h; 2.6: new_encode_dev. */
  readonly devBits: 16 | 32
  /** Largest file, in bytes. Linux: 32-bit loff_t users (2.0, 2.2); generic_file_write, LFS since 2.4. */
  readonly maxFileSize: number
  /** Does stat carry nanoseconds? Linux: struct stat64, include/asm-i386/stat.h, CURRENT_TIME a timespec since 2.5.48. */
  readonly hasNanosecondTimes: boolean
  /** MS_BIND. Linux: do_loopback, fs/namespace.c (2.4). */
  readonly hasBindMounts: boolean
  /** May two file systems be mounted on the same directory? Linux: 2.0 answers EBUSY (do_mount, fs/super.c). */
  readonly hasStackedMounts: boolean
  /**
   * Does CAP_DAC_OVERRIDE leave a file that nobody may execute unexecutable? In 2.2 only exec itself looks.
   * Linux: permission, fs/namei.c (2.2); generic_permission, fs/namei.c (2.6).
   */
  readonly dacOverrideNeedsExecBit: boolean
  /**
   * Is mknod of anything but a FIFO for administrators only? Linux: sys_mknod, fs/namei.c: suser (2.0),
   * CAP_SYS_ADMIN (2.2); since 2.4 only device nodes are, by CAP_MKNOD.
   */
  readonly mknodNeedsAdmin: boolean
  /**
   * Does chown(2) with -1 set the old id again, so that only the owner may? Linux: sys_chown, fs/open.c (2.0);
   * chown_common (2.2); 2.6 leaves the id out.
   */
  readonly chownSetsBothIds: boolean
  /**
   * What chown(2) takes the set-id bits from: everything, files unless fsuid is 0, or files.
   * Linux: sys_chown, fs/open.c (2.0); chown_common (2.2 before 2.2.13; 2.6).
   */
  readonly chownDropsSetIds: 'of-all' | 'of-files-unless-root' | 'of-files'
  /**
   * Do the calls that make, remove or open names walk to the end of a path and then take that name's directory?
   * Otherwise they walk to the directory and look at the last component by itself, which `.`, `..` and a link with
   * a slash behind it show. Linux: lookup_dentry, fs/namei.c (2.2); LOOKUP_PARENT (2.4, 2.6). The 2.0 profile
   * follows 2.6.
   */
  readonly walksToTheEnd: boolean
  /** Does mkdir(2) take S_ISVTX? Linux: do_mkdir, fs/namei.c: `mode & 0777` (2.0, 2.2); vfs_mkdir (2.4). */
  readonly mkdirTakesSticky: boolean
  /**
   * Do truncate(2) and ftruncate(2) refuse only directories and descriptors not open for writing, with EACCES, and
   * look at the length last? Linux: sys_truncate, sys_ftruncate, do_truncate, fs/open.c (2.2). The 2.0 profile
   * follows 2.6.
   */
  readonly truncatesAnyFile: boolean
  /**
   * Are all pending signals set up before the first handler runs, so that the last one runs first? Otherwise each
   * waits for the handler before it. Linux: work_notifysig, arch/i386/kernel/entry.S: 2.2 goes straight to
   * restore_all, 2.6.20 looks again. Deviation: 2.6.14 may not do so yet; the profile follows the recordings.
   */
  readonly stacksSignals: boolean
  /**
   * Does a sigsuspend that a stop interrupts put the caller's mask back before it starts again? Otherwise it sleeps
   * on with its own. Linux: TIF_RESTORE_SIGMASK, do_signal, arch/i386/kernel/signal.c (2.6.16); the loop of
   * sys_sigsuspend (2.2). Deviation: the 2.6.14 profile follows the recordings of 2.6.20.
   */
  readonly restoresSigmask: boolean
  /**
   * Do pread and pwrite look at the open mode before anything else? Linux: sys_pread, fs/read_write.c (2.2, 2.4);
   * sys_pread64 (2.6) looks at the position and the seekability first.
   */
  readonly preadChecksModeFirst: boolean
  /** CLONE_NEWNS. Linux: copy_namespace, fs/namespace.c (2.4.19). */
  readonly hasMountNamespaces: boolean
  /**
   * Does a parent that ignores SIGCHLD reap its children when it takes the signal? Otherwise they never become
   * zombies, nor do those of a parent with SA_NOCLDWAIT, which does nothing before. Linux: do_signal,
   * arch/i386/kernel/signal.c (2.0, 2.2); do_notify_parent, kernel/signal.c (2.6).
   */
  readonly reapsBySignal: boolean
  /** Does wait4(2) look at the youngest child first? Linux: p_cptr, p_osptr, sys_wait4, kernel/exit.c (2.0, 2.2). */
  readonly waitsYoungestFirst: boolean
  /** WCONTINUED and CLD_CONTINUED. Linux: do_wait, kernel/exit.c (2.6.9). */
  readonly hasWContinued: boolean
  /** Signals 32 to 64 that queue, sigqueue and siginfo. Linux: kernel/signal.c (2.1.68). */
  readonly hasRtSignals: boolean
  /** The highest signal number that kill(2) takes. Linux: sys_kill, `sig > 32` (2.0); _NSIG (2.2, 2.6). */
  readonly nsig: number
  /** Signals queued in the whole system. Linux: max_queued_signals, kernel/signal.c (2.2). 2.6.8: RLIMIT_SIGPENDING. */
  readonly rtsigMax: number
  /** CLONE_THREAD with shared pid, tgkill and exit_group. Linux: kernel/fork.c (2.4; complete in 2.6). */
  readonly hasThreadGroups: boolean
  /**
   * How many capabilities there are; 0: root may, others may not. Linux: suser, include/linux/kernel.h (2.0);
   * include/linux/capability.h: up to CAP_SYS_TTY_CONFIG (2.2), up to CAP_AUDIT_CONTROL (2.6.11).
   */
  readonly capabilityCount: number
  /** RLIM_INFINITY. Linux: LONG_MAX, include/asm-i386/resource.h (2.0, 2.2); ~0UL (2.4). */
  readonly rlimInfinity: number
  /** poll(2). Linux: sys_poll, fs/select.c (2.1.23). */
  readonly hasPoll: boolean
  /** May a directory be opened only as one (O_DIRECTORY), a link refused (O_NOFOLLOW)? Linux: fs/namei.c (2.1.126). */
  readonly hasOpenDirectoryFlags: boolean
  /** getdents fills the entry type. Linux: filldir64, fs/readdir.c (2.4). Others say DT_UNKNOWN. */
  readonly hasDirentTypes: boolean
  /** Leases and directory notification. Linux: fs/locks.c, fs/dnotify.c (2.4). */
  readonly hasLeases: boolean
  /** fcntl(2), flock(2), dup2(2), ioctl(2) on descriptors. */
  readonly fcntl: FcntlFacts
  /** Ids, limits, timers and the calls on the machine as a whole. */
  readonly process: ProcessFacts
  /** Extended attributes and ACL. Linux: fs/xattr.c (2.5.46). */
  readonly hasXattrs: boolean
}

/** LINUX_REBOOT_MAGIC2, 2A (2.1.42), 2B (2.1.84) and 2C (2.5.71), in the order in which they came. */
const REBOOT_MAGIC2: readonly number[] = Object.freeze([672274793, 85072278, 369367448, 537993216])

const LINUX_2_0_35: ProfileFacts = {
  release: '2.0.35',
  version: '#1 Mon Jul 13 12:00:00 UTC 1998',
  procVersion: 'Linux version 2.0.35 (root@localhost) (gcc version 2.7.2.3) #1 Mon Jul 13 12:00:00 UTC 1998',
  epoch: 900_331_200,
  hz: 100,
  pidMax: 32768,
  pidWrapsTo: 1,
  maxThreads: 512,
  ngroupsMax: 32,
  nrOpen: 256,
  fileMax: 1024,
  maxSymlinkNesting: 6,
  maxSymlinkTotal: Number.POSITIVE_INFINITY,
  pipeBuffer: 'page',
  pipeCapacity: 4096,
  uidBits: 16,
  devBits: 16,
  maxFileSize: 0x7fffffff,
  hasNanosecondTimes: false,
  hasBindMounts: false,
  hasStackedMounts: false,
  dacOverrideNeedsExecBit: false,
  mknodNeedsAdmin: true,
  chownSetsBothIds: true,
  chownDropsSetIds: 'of-all',
  walksToTheEnd: false,
  mkdirTakesSticky: false,
  truncatesAnyFile: false,
  stacksSignals: false,
  restoresSigmask: false,
  preadChecksModeFirst: true,
  hasMountNamespaces: false,
  reapsBySignal: true,
  waitsYoungestFirst: true,
  hasWContinued: false,
  hasRtSignals: false,
  nsig: 32,
  rtsigMax: 0,
  hasThreadGroups: false,
  capabilityCount: 0,
  rlimInfinity: 0x7fffffff,
  hasPoll: false,
  hasOpenDirectoryFlags: false,
  hasDirentTypes: false,
  hasLeases: false,
  hasXattrs: false,
  fcntl: Object.freeze({
    dupBound: 'nr-open',
    setflMask: O_APPEND | O_NONBLOCK | FASYNC,
    setsigTakesZero: false,
    fioasyncFlag: O_SYNC,
    lockOwner: 'task',
    lockOffsetMax: 0x7fffffff,
    hasNegativeLockLength: false,
    clipsLockRange: true,
    hasFlock64: false,
    hasOneLockKindPerFile: true,
    hasShareModes: false,
    recordLockWakeOrder: 'newest-first',
    conversionYieldsTo: 'all',
    signalsBeatLocks: 'all',
  }),
  process: Object.freeze({
    setuidChecksNproc: false,
    setresResetsFsIds: false,
    sortsGroups: false,
    prctlOptions: [],
    capsetChecksEachTarget: false,
    rlimitsAreOrdered: false,
    cpuLimitStartsAtOnce: false,
    hasRlimitNice: false,
    setpriorityBy: 'real-uid',
    rrInterval: 'none',
    alarmRounds: 'up',
    nanosleepRestarts: false,
    lastSyslogType: 8,
    rebootMagic2: REBOOT_MAGIC2.slice(0, 1),
  }),
}

const LINUX_2_2_12: ProfileFacts = {
  release: '2.2.12',
  version: '#1 Thu Aug 26 12:00:00 UTC 1999',
  procVersion:
    'Linux version 2.2.12 (root@localhost) (gcc version egcs-2.91.66 19990314/Linux (egcs-1.1.2 release)) ' +
    '#1 Thu Aug 26 12:00:00 UTC 1999',
  epoch: 935_668_800,
  hz: 100,
  pidMax: 32768,
  pidWrapsTo: 300,
  maxThreads: 512,
  ngroupsMax: 32,
  nrOpen: 1024,
  fileMax: 4096,
  maxSymlinkNesting: 5,
  maxSymlinkTotal: Number.POSITIVE_INFINITY,
  pipeBuffer: 'page',
  pipeCapacity: 4096,
  uidBits: 16,
  devBits: 16,
  maxFileSize: 0x7fffffff,
  hasNanosecondTimes: false,
  hasBindMounts: false,
  hasStackedMounts: true,
  dacOverrideNeedsExecBit: false,
  mknodNeedsAdmin: true,
  chownSetsBothIds: true,
  chownDropsSetIds: 'of-files-unless-root',
  walksToTheEnd: true,
  mkdirTakesSticky: false,
  truncatesAnyFile: true,
  stacksSignals: false,
  restoresSigmask: false,
  preadChecksModeFirst: true,
  hasMountNamespaces: false,
  reapsBySignal: true,
  waitsYoungestFirst: true,
  hasWContinued: false,
  hasRtSignals: true,
  nsig: 64,
  rtsigMax: 1024,
  hasThreadGroups: false,
  capabilityCount: 27,
  rlimInfinity: 0x7fffffff,
  hasPoll: true,
  hasOpenDirectoryFlags: true,
  hasDirentTypes: false,
  hasLeases: false,
  hasXattrs: false,
  fcntl: Object.freeze({
    dupBound: 'nr-open',
    setflMask: O_APPEND | O_NONBLOCK | FASYNC,
    setsigTakesZero: false,
    fioasyncFlag: O_SYNC,
    lockOwner: 'task-and-files',
    lockOffsetMax: 0x7fffffff,
    hasNegativeLockLength: false,
    clipsLockRange: true,
    hasFlock64: false,
    hasOneLockKindPerFile: false,
    hasShareModes: false,
    recordLockWakeOrder: 'oldest-first',
    conversionYieldsTo: 'all',
    signalsBeatLocks: 'flock',
  }),
  process: Object.freeze({
    setuidChecksNproc: false,
    setresResetsFsIds: false,
    sortsGroups: false,
    prctlOptions: [PR_SET_PDEATHSIG],
    capsetChecksEachTarget: false,
    rlimitsAreOrdered: false,
    cpuLimitStartsAtOnce: false,
    hasRlimitNice: false,
    setpriorityBy: 'real-uid',
    rrInterval: 'fixed',
    alarmRounds: 'up',
    nanosleepRestarts: false,
    lastSyslogType: 8,
    rebootMagic2: REBOOT_MAGIC2.slice(0, 3),
  }),
}

const LINUX_2_6_14: ProfileFacts = {
  release: '2.6.14',
  version: '#1 Fri Oct 28 12:00:00 UTC 2005',
  procVersion: 'Linux version 2.6.14 (root@localhost) (gcc version 4.0.2) #1 Fri Oct 28 12:00:00 UTC 2005',
  epoch: 1_130_500_800,
  hz: 250,
  pidMax: 32768,
  pidWrapsTo: 300,
  maxThreads: 2048,
  ngroupsMax: 65536,
  nrOpen: 1048576,
  fileMax: 13107,
  maxSymlinkNesting: 5,
  maxSymlinkTotal: 40,
  pipeBuffer: 'slots',
  pipeCapacity: 65536,
  uidBits: 32,
  devBits: 32,
  maxFileSize: Number.MAX_SAFE_INTEGER,
  hasNanosecondTimes: true,
  hasBindMounts: true,
  hasStackedMounts: true,
  dacOverrideNeedsExecBit: true,
  mknodNeedsAdmin: false,
  chownSetsBothIds: false,
  chownDropsSetIds: 'of-files',
  walksToTheEnd: false,
  mkdirTakesSticky: true,
  truncatesAnyFile: false,
  stacksSignals: true,
  restoresSigmask: true,
  preadChecksModeFirst: false,
  hasMountNamespaces: true,
  reapsBySignal: false,
  waitsYoungestFirst: false,
  hasWContinued: true,
  hasRtSignals: true,
  nsig: 64,
  rtsigMax: Number.POSITIVE_INFINITY,
  hasThreadGroups: true,
  capabilityCount: 31,
  rlimInfinity: 0xffffffff,
  hasPoll: true,
  hasOpenDirectoryFlags: true,
  hasDirentTypes: true,
  hasLeases: true,
  hasXattrs: true,
  fcntl: Object.freeze({
    dupBound: 'rlimit',
    setflMask: O_APPEND | O_NONBLOCK | FASYNC | O_DIRECT | O_NOATIME,
    setsigTakesZero: true,
    fioasyncFlag: FASYNC,
    lockOwner: 'files',
    lockOffsetMax: Number.MAX_SAFE_INTEGER,
    hasNegativeLockLength: true,
    clipsLockRange: false,
    hasFlock64: true,
    hasOneLockKindPerFile: false,
    hasShareModes: true,
    recordLockWakeOrder: 'oldest-first',
    conversionYieldsTo: 'higher-priority',
    signalsBeatLocks: 'none',
  }),
  process: Object.freeze({
    setuidChecksNproc: true,
    setresResetsFsIds: true,
    sortsGroups: true,
    prctlOptions: [
      PR_SET_PDEATHSIG,
      PR_GET_PDEATHSIG,
      PR_GET_DUMPABLE,
      PR_SET_DUMPABLE,
      PR_GET_KEEPCAPS,
      PR_SET_KEEPCAPS,
      PR_GET_TIMING,
      PR_SET_TIMING,
      PR_SET_NAME,
      PR_GET_NAME,
    ],
    capsetChecksEachTarget: true,
    rlimitsAreOrdered: true,
    cpuLimitStartsAtOnce: true,
    hasRlimitNice: true,
    setpriorityBy: 'effective-uid',
    rrInterval: 'timeslice',
    alarmRounds: 'nearest',
    nanosleepRestarts: true,
    lastSyslogType: 10,
    rebootMagic2: REBOOT_MAGIC2,
  }),
}

const FACTS: Readonly<Record<Profile, ProfileFacts>> = {
  '2.0.35': Object.freeze(LINUX_2_0_35),
  '2.2.12': Object.freeze(LINUX_2_2_12),
  '2.6.14': Object.freeze(LINUX_2_6_14),
}

/** The frozen facts of a profile. */
export const profileFacts = (profile: Profile): ProfileFacts => FACTS[profile]

/** Is the kernel at least as new as `since`? */
export const isAtLeast = (profile: Profile, since: Profile): boolean =>
  profile === since || (since !== NEWEST && PROFILES.indexOf(profile) > PROFILES.indexOf(since))

/** Narrows a string from outside, for example an option. */
export const isProfile = (value: unknown): value is Profile =>
  value === '2.0.35' || value === '2.2.12' || value === '2.6.14'
