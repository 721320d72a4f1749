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

/** The terminal hung up, or its session leader ended. Terminates. */
export const SIGHUP = asSignal(1)
/** Interrupt from the keyboard. Terminates. */
export const SIGINT = asSignal(2)
/** Quit from the keyboard. Dumps core. */
export const SIGQUIT = asSignal(3)
/** Illegal instruction. Dumps core. */
export const SIGILL = asSignal(4)
/** Trace or breakpoint trap. Dumps core. */
export const SIGTRAP = asSignal(5)
/** abort(3). Dumps core. */
export const SIGABRT = asSignal(6)
/** Bus error. Dumps core since 2.4, terminates before. */
export const SIGBUS = asSignal(7)
/** Arithmetic exception. Dumps core. */
export const SIGFPE = asSignal(8)
/** Terminates; cannot be caught, blocked or ignored. */
export const SIGKILL = asSignal(9)
/** For programs. Terminates. */
export const SIGUSR1 = asSignal(10)
/** Invalid memory reference. Dumps core. */
export const SIGSEGV = asSignal(11)
/** For programs. Terminates. */
export const SIGUSR2 = asSignal(12)
/** Write to a pipe that nobody reads. Terminates. */
export const SIGPIPE = asSignal(13)
/** The timer of alarm(2) or ITIMER_REAL. Terminates. */
export const SIGALRM = asSignal(14)
/** Asks to end. Terminates. */
export const SIGTERM = asSignal(15)
/** Coprocessor stack fault; nothing sends it. Terminates. */
export const SIGSTKFLT = asSignal(16)
/** A child ended, stopped or went on. Ignored. */
export const SIGCHLD = asSignal(17)
/** Go on after a stop. Continues a stopped process, whatever else is done with it. */
export const SIGCONT = asSignal(18)
/** Stops; cannot be caught, blocked or ignored. */
export const SIGSTOP = asSignal(19)
/** Stop from the keyboard. Stops, but not a process of an orphaned group. */
export const SIGTSTP = asSignal(20)
/** Background read from the terminal. Stops, but not a process of an orphaned group. */
export const SIGTTIN = asSignal(21)
/** Background write to the terminal. Stops, but not a process of an orphaned group. */
export const SIGTTOU = asSignal(22)
/** Urgent data on a socket. Ignored. */
export const SIGURG = asSignal(23)
/** RLIMIT_CPU is used up. Dumps core since 2.4, terminates before. */
export const SIGXCPU = asSignal(24)
/** A write would exceed RLIMIT_FSIZE. Dumps core since 2.4, terminates before. */
export const SIGXFSZ = asSignal(25)
/** The timer of ITIMER_VIRTUAL. Terminates. */
export const SIGVTALRM = asSignal(26)
/** The timer of ITIMER_PROF. Terminates. */
export const SIGPROF = asSignal(27)
/** The terminal changed its size. Ignored. */
export const SIGWINCH = asSignal(28)
/** A descriptor with FASYNC is ready. Terminates. */
export const SIGIO = asSignal(29)
/** Power failure. Terminates. */
export const SIGPWR = asSignal(30)
/** Bad system call. Dumps core since 2.4, terminates before. */
export const SIGSYS = asSignal(31)
/** The historical name of SIGABRT. */
export const SIGIOT = SIGABRT
/** The System V name of SIGCHLD. */
export const SIGCLD = SIGCHLD
/** The System V name of SIGIO. */
export const SIGPOLL = SIGIO
/** The historical name of SIGSYS. */
export const SIGUNUSED = SIGSYS

/** How many signals there are; numbers run from 1 to _NSIG. 2.0.35 has 32 (see `profileFacts`). */
export const _NSIG = 64
/** The first real-time signal of the *kernel*. glibc keeps 32 and 33 for its threads, so its SIGRTMIN is 34. */
export const SIGRTMIN = asSignal(32)
/** The last one. The 2.2 header says _NSIG-1, but its kernel takes 64 as well; 2.6 says _NSIG. */
export const SIGRTMAX = asSignal(64)

/** SIGCHLD only when a child ends, not when it stops or goes on. */
export const SA_NOCLDSTOP = 0x00000001
/** Children leave no zombies. */
export const SA_NOCLDWAIT = 0x00000002
/** The handler wants a siginfo; here it always gets one. */
export const SA_SIGINFO = 0x00000004
/** For the C library; no effect. */
export const SA_RESTORER = 0x04000000
/** Run the handler on the alternate stack; no effect, there are no stacks. */
export const SA_ONSTACK = 0x08000000
/** A call that the handler interrupts starts again, where it can. */
export const SA_RESTART = 0x10000000
/** Ignored: the default long ago. */
export const SA_INTERRUPT = 0x20000000
/** Do not block the signal while its handler runs. */
export const SA_NODEFER = 0x40000000
/** The historical name of SA_NODEFER. */
export const SA_NOMASK = SA_NODEFER
/** Back to SIG_DFL when the handler starts. */
export const SA_RESETHAND = 0x80000000
/** The historical name of SA_RESETHAND. */
export const SA_ONESHOT = SA_RESETHAND

/** sigprocmask: add to the mask. */
export const SIG_BLOCK = 0
/** sigprocmask: take from the mask. */
export const SIG_UNBLOCK = 1
/** sigprocmask: replace the mask. */
export const SIG_SETMASK = 2

/** The default action: see `defaultAction`. */
export const SIG_DFL = 0
/** Ignore the signal. */
export const SIG_IGN = 1

/**
 * Sent by kill. The `code` of a siginfo is zero or below when a program sent it, above when the kernel did.
 */
export const SI_USER = 0
/** Sent by the kernel. */
export const SI_KERNEL = 0x80
/** Sent by sigqueue. */
export const SI_QUEUE = -1
/** A POSIX timer expired; nothing here sends it. */
export const SI_TIMER = -2
/** A POSIX message queue changed; nothing here sends it. */
export const SI_MESGQ = -3
/** Asynchronous I/O completed; nothing here sends it. */
export const SI_ASYNCIO = -4
/** A queued SIGIO, where no POLL_* says why. */
export const SI_SIGIO = -5
/** Sent by tkill or tgkill; 2.6. */
export const SI_TKILL = -6

/** `code` of a SIGCHLD: the child called exit. */
export const CLD_EXITED = 1
/** `code` of a SIGCHLD: a signal ended the child. */
export const CLD_KILLED = 2
/** `code` of a SIGCHLD: a signal ended the child with a core dump. */
export const CLD_DUMPED = 3
/** `code` of a SIGCHLD: a traced child has trapped; nothing here sends it. */
export const CLD_TRAPPED = 4
/** `code` of a SIGCHLD: the child stopped. */
export const CLD_STOPPED = 5
/** `code` of a SIGCHLD: the child went on. 2.6.9 and later. */
export const CLD_CONTINUED = 6

/** `code` of a SIGIO that F_SETSIG asked for: data can be read. */
export const POLL_IN = 1
/** `code` of such a SIGIO: data can be written. */
export const POLL_OUT = 2
/** `code` of such a SIGIO: a message is there. */
export const POLL_MSG = 3
/** `code` of such a SIGIO: an error. */
export const POLL_ERR = 4
/** `code` of such a SIGIO: urgent data. */
export const POLL_PRI = 5
/** `code` of such a SIGIO: the other end is gone. */
export const POLL_HUP = 6

/** `code` of a SIGSEGV: nothing is mapped there. */
export const SEGV_MAPERR = 1
/** `code` of a SIGSEGV: the mapping does not allow it. */
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
  /** SIGCHLD: the child's time in user mode, in clock ticks. */
  readonly utime?: number
  /** SIGCHLD: the child's time in the kernel, in clock ticks. */
  readonly stime?: number
  /** The word that sigqueue sent. */
  readonly value?: number
  /** Faults: the address. */
  readonly addr?: number
  /** SIGIO: the poll events. */
  readonly band?: number
  /** SIGIO: the descriptor. */
  readonly fd?: number
  /** SIGSYS: the number of the call. 3.5. */
  readonly syscall?: number
  /** SIGSYS: the architecture that the number belongs to. 3.5. */
  readonly arch?: number
}

/** A handler written in the model: called in the task with the signal and its siginfo. */
export type SigHandlerFn = (sig: number, info: SigInfo) => unknown

/** SIG_DFL, SIG_IGN or a function. */
export type SigHandler = typeof SIG_DFL | typeof SIG_IGN | SigHandlerFn

/** What sigaction(2) sets and returns. */
export interface Sigaction {
  /** What is done with the signal. */
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
