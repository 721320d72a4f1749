/**
 * Signals: numbers, names, default actions, sigaction flags, and the siginfo a handler receives.
 *
 * 1..31 are the classic signals; 32..64 are the real-time ones, which queue. 2.0.35 has no real-time signals:
 * its valid numbers end at 32. A set of signals is an array of numbers at the syscall surface.
 *
 * Left out: sigaltstack, SIGEV_* notification, the fault codes ILL_*, FPE_* and BUS_* beyond their names' use.
 *
 * Linux: include/asm-i386/signal.h, include/asm-i386/siginfo.h (2.2.12), include/asm-generic/siginfo.h (2.6.14).
 */

import { asSignal, type Pid, type Signal, type Uid } from './brand.js'
import type { Profile } from './profile.js'

export const SIGHUP = asSignal(1)
export const SIGINT = asSignal(2)
export const SIGQUIT = asSignal(3)
export const SIGILL = asSignal(4)
export const SIGTRAP = asSignal(5)
export const SIGABRT = asSignal(6)
export const SIGBUS = asSignal(7)
export const SIGFPE = asSignal(8)
export const SIGKILL = asSignal(9)
export const SIGUSR1 = asSignal(10)
export const SIGSEGV = asSignal(11)
export const SIGUSR2 = asSignal(12)
export const SIGPIPE = asSignal(13)
export const SIGALRM = asSignal(14)
export const SIGTERM = asSignal(15)
export const SIGSTKFLT = asSignal(16)
export const SIGCHLD = asSignal(17)
export const SIGCONT = asSignal(18)
export const SIGSTOP = asSignal(19)
export const SIGTSTP = asSignal(20)
export const SIGTTIN = asSignal(21)
export const SIGTTOU = asSignal(22)
export const SIGURG = asSignal(23)
export const SIGXCPU = asSignal(24)
export const SIGXFSZ = asSignal(25)
export const SIGVTALRM = asSignal(26)
export const SIGPROF = asSignal(27)
export const SIGWINCH = asSignal(28)
export const SIGIO = asSignal(29)
export const SIGPWR = asSignal(30)
export const SIGSYS = asSignal(31)
/** Historical names of other numbers. */
export const SIGIOT = SIGABRT
export const SIGCLD = SIGCHLD
export const SIGPOLL = SIGIO
export const SIGUNUSED = SIGSYS

/** How many signals there are; numbers run from 1 to _NSIG. 2.0.35 has 32 (see `profileFacts`). */
export const _NSIG = 64
/** The first real-time signal of the *kernel*. glibc keeps 32 and 33 for its threads, so its SIGRTMIN is 34. */
export const SIGRTMIN = asSignal(32)
/** The last one. The 2.2 header says _NSIG-1, but its kernel takes 64 as well; 2.6 says _NSIG. */
export const SIGRTMAX = asSignal(64)

export const SA_NOCLDSTOP = 0x00000001
export const SA_NOCLDWAIT = 0x00000002
export const SA_SIGINFO = 0x00000004
export const SA_RESTORER = 0x04000000
export const SA_ONSTACK = 0x08000000
export const SA_RESTART = 0x10000000
/** Ignored: the default long ago. */
export const SA_INTERRUPT = 0x20000000
export const SA_NODEFER = 0x40000000
export const SA_NOMASK = SA_NODEFER
export const SA_RESETHAND = 0x80000000
export const SA_ONESHOT = SA_RESETHAND

export const SIG_BLOCK = 0
export const SIG_UNBLOCK = 1
export const SIG_SETMASK = 2

/** Handlers that are not functions. */
export const SIG_DFL = 0
export const SIG_IGN = 1

/** `code` of a siginfo: zero and below when a program sent it, above when the kernel did. */
export const SI_USER = 0
export const SI_KERNEL = 0x80
export const SI_QUEUE = -1
export const SI_TIMER = -2
export const SI_MESGQ = -3
export const SI_ASYNCIO = -4
export const SI_SIGIO = -5
/** Sent by tkill or tgkill; 2.6. */
export const SI_TKILL = -6

/** `code` of a SIGCHLD. */
export const CLD_EXITED = 1
export const CLD_KILLED = 2
export const CLD_DUMPED = 3
export const CLD_TRAPPED = 4
export const CLD_STOPPED = 5
/** 2.6.9 and later. */
export const CLD_CONTINUED = 6

/** `code` of a SIGIO that F_SETSIG asked for. */
export const POLL_IN = 1
export const POLL_OUT = 2
export const POLL_MSG = 3
export const POLL_ERR = 4
export const POLL_PRI = 5
export const POLL_HUP = 6

/** `code` of a SIGSEGV. */
export const SEGV_MAPERR = 1
export const SEGV_ACCERR = 2

/** What a handler, sigwaitinfo or the sender of a queued signal sees. Only the fields of its `code` are set. */
export interface SigInfo {
  /** The signal number. */
  readonly signo: number
  /** SI_*, CLD_*, POLL_*, … */
  readonly code: number
  /** An errno, nearly always 0. */
  readonly errno: number
  /** The sender, or the child of a SIGCHLD. */
  readonly pid?: Pid
  /** The sender's real uid. */
  readonly uid?: Uid
  /** SIGCHLD: an exit code, or the signal that ended or stopped the child. */
  readonly status?: number
  /** SIGCHLD: the child's times in clock ticks. */
  readonly utime?: number
  readonly stime?: number
  /** The word that sigqueue sent. */
  readonly value?: number
  /** Faults: the address. */
  readonly addr?: number
  /** SIGIO: the poll events. */
  readonly band?: number
  /** SIGIO: the descriptor. */
  readonly fd?: number
}

/** A handler written in the model: called in the task with the signal and its siginfo. */
export type SigHandlerFn = (sig: number, info: SigInfo) => unknown

/** SIG_DFL, SIG_IGN or a function. */
export type SigHandler = typeof SIG_DFL | typeof SIG_IGN | SigHandlerFn

/** What sigaction(2) sets and returns. */
export interface Sigaction {
  readonly handler: SigHandler
  /** SA_* bits. */
  readonly flags: number
  /** Signals blocked while the handler runs. */
  readonly mask: readonly number[]
}

/** What a signal does to a task that did not say otherwise. */
export type DefaultAction = 'terminate' | 'core' | 'ignore' | 'stop' | 'continue'

const ACTIONS: ReadonlyMap<number, DefaultAction> = new Map<number, DefaultAction>([
  [SIGQUIT, 'core'],
  [SIGILL, 'core'],
  [SIGTRAP, 'core'],
  [SIGABRT, 'core'],
  [SIGFPE, 'core'],
  [SIGSEGV, 'core'],
  [SIGBUS, 'core'],
  [SIGSYS, 'core'],
  [SIGXCPU, 'core'],
  [SIGXFSZ, 'core'],
  [SIGCHLD, 'ignore'],
  [SIGWINCH, 'ignore'],
  [SIGURG, 'ignore'],
  [SIGCONT, 'continue'],
  [SIGSTOP, 'stop'],
  [SIGTSTP, 'stop'],
  [SIGTTIN, 'stop'],
  [SIGTTOU, 'stop'],
])

/** These four dump core only since 2.4. */
const LATE_CORE: ReadonlySet<number> = new Set<number>([SIGBUS, SIGSYS, SIGXCPU, SIGXFSZ])

/**
 * The default action of a signal. SIGSTKFLT, SIGPWR and the real-time signals terminate, as all others do.
 * SIGBUS, SIGSYS, SIGXCPU and SIGXFSZ terminate without a core in 2.0 and 2.2.
 *
 * Linux: do_signal, arch/i386/kernel/signal.c (2.0.35, 2.2.12); sig_kernel_coredump & co., kernel/signal.c (2.6.14).
 */
export const defaultAction = (sig: number, profile: Profile = '2.6.14'): DefaultAction => {
  if (profile !== '2.6.14' && LATE_CORE.has(sig)) return 'terminate'
  return ACTIONS.get(sig) ?? 'terminate'
}

const NAMES: readonly string[] = [
  'SIG_0',
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGUSR1',
  'SIGSEGV',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
  'SIGSTKFLT',
  'SIGCHLD',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGURG',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGVTALRM',
  'SIGPROF',
  'SIGWINCH',
  'SIGIO',
  'SIGPWR',
  'SIGSYS',
]

/** The name as strace prints it: 'SIGTERM', 'SIGRT_0' for 32, '100' for what is no signal. */
export const signalName = (sig: number): string => {
  if (sig >= SIGRTMIN && sig <= SIGRTMAX) return `SIGRT_${sig - SIGRTMIN}`
  return NAMES[sig] ?? String(sig)
}

const NUMBERS: ReadonlyMap<string, Signal> = new Map<string, Signal>([
  ...NAMES.slice(1).map((name, i) => [name, asSignal(i + 1)] as const),
  ['SIGIOT', SIGIOT],
  ['SIGCLD', SIGCLD],
  ['SIGPOLL', SIGPOLL],
  ['SIGUNUSED', SIGUNUSED],
])

/** The number of 'SIGTERM', 'TERM' or 'SIGRT_0'; undefined for an unknown name. */
export const signalByName = (name: string): Signal | undefined => {
  const full = name.startsWith('SIG') ? name : `SIG${name}`
  const found = NUMBERS.get(full)
  if (found !== undefined || !full.startsWith('SIGRT_')) return found
  const offset = Number(full.slice('SIGRT_'.length))
  return Number.isInteger(offset) && offset >= 0 && offset <= SIGRTMAX - SIGRTMIN
    ? asSignal(SIGRTMIN + offset)
    : undefined
}
