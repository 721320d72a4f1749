/**
 * How the recorder reads the words of a script line and writes what it saw: numbers and flag names, signal
 * sets, data patterns, and the printed form of data, signals and errnos.
 *
 * A script is a sequence of C strings: every word of a recording holds one character per *byte* (latin-1).
 * The recorder: `val`, `one`, `setmask`, `prmask`, `mkdata`, `jstr`, `jdata`, `signame` in sysrun.c.
 */

/** The kernels that made recordings. */
export type Recording = '2.6.20' | '6.18'

export const RECORDINGS: readonly Recording[] = ['2.6.20', '6.18']

/** A number read from a word, and whether every name in it exists. */
export interface Value {
  readonly n: number
  readonly bad: boolean
}

/** File flags, access modes, commands: i386 and x86-64 agree on all of these. */
const NAMES: ReadonlyMap<string, number> = new Map(
  Object.entries({
    O_RDONLY: 0,
    O_WRONLY: 1,
    O_RDWR: 2,
    O_ACC3: 3,
    O_CREAT: 0o100,
    O_EXCL: 0o200,
    O_NOCTTY: 0o400,
    O_TRUNC: 0o1000,
    O_APPEND: 0o2000,
    O_NONBLOCK: 0o4000,
    O_DIRECTORY: 0o200000,
    O_NOFOLLOW: 0o400000,
    O_CLOEXEC: 0o2000000,
    SEEK_SET: 0,
    SEEK_CUR: 1,
    SEEK_END: 2,
    F_OK: 0,
    X_OK: 1,
    W_OK: 2,
    R_OK: 4,
    WNOHANG: 1,
    WUNTRACED: 2,
    WCONTINUED: 8,
    F_DUPFD: 0,
    F_GETFD: 1,
    F_SETFD: 2,
    F_GETFL: 3,
    F_SETFL: 4,
    F_GETLK: 5,
    F_SETLK: 6,
    F_SETLKW: 7,
    F_RDLCK: 0,
    F_WRLCK: 1,
    F_UNLCK: 2,
    FD_CLOEXEC: 1,
    LOCK_SH: 1,
    LOCK_EX: 2,
    LOCK_NB: 4,
    LOCK_UN: 8,
    AF_UNIX: 1,
    AF_INET: 2,
    SOCK_STREAM: 1,
    SOCK_DGRAM: 2,
    SOCK_RAW: 3,
    SOCK_SEQPACKET: 5,
    SOCK_NONBLOCK: 0o4000,
    SOCK_CLOEXEC: 0o2000000,
    SHUT_RD: 0,
    SHUT_WR: 1,
    SHUT_RDWR: 2,
    MSG_PEEK: 2,
    MSG_TRUNC: 0x20,
    MSG_DONTWAIT: 0x40,
    MSG_NOSIGNAL: 0x4000,
    SIG_BLOCK: 0,
    SIG_UNBLOCK: 1,
    SIG_SETMASK: 2,
    RLIMIT_FSIZE: 1,
    RLIMIT_NOFILE: 7,
    S_IFIFO: 0o010000,
    S_IFCHR: 0o020000,
    S_IFBLK: 0o060000,
    S_IFREG: 0o100000,
    S_IFSOCK: 0o140000,
    SO_REUSEADDR: 2,
    SO_TYPE: 3,
    SO_ERROR: 4,
    SO_PASSCRED: 16,
    SO_PEERCRED: 17,
    SO_ACCEPTCONN: 30,
    AT_FDCWD: -100,
    SA_NOCLDSTOP: 0x00000001,
    SA_NOCLDWAIT: 0x00000002,
    SA_RESTART: 0x10000000,
    SA_NODEFER: 0x40000000,
    SA_RESETHAND: 0x80000000,
  }),
)

/** The classic signals in order: SIGNALS[1] is SIGHUP. */
export const SIGNALS: readonly string[] = [
  '',
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

const SIGNAL_NUMBERS: ReadonlyMap<string, number> = new Map(SIGNALS.map((name, n) => [name, n]))

/** poll's bits, in the order in which the recorder prints them. */
const POLL_NAMES: readonly (readonly [string, number])[] = [
  ['IN', 0x1],
  ['PRI', 0x2],
  ['OUT', 0x4],
  ['ERR', 0x8],
  ['HUP', 0x10],
  ['NVAL', 0x20],
  ['RDHUP', 0x2000],
]

/** C's strtol: what it can read from the front of the word, else 0. Base 0 knows 0x and a leading 0. */
export function strtol(word: string, base: 0 | 8 | 10): number {
  const match = (
    base === 8 ? /^\s*([+-]?)()([0-7]+)/ : /^\s*([+-]?)(0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)/
  ).exec(word)
  if (match === null) return 0
  const [, sign, hex, run = ''] = match
  const radix = base !== 0 ? base : hex !== undefined ? 16 : run.startsWith('0') ? 8 : 10
  const digits = (radix === 16 ? /^[0-9a-fA-F]*/ : radix === 8 ? /^[0-7]*/ : /^[0-9]*/).exec(run)?.[0] ?? ''
  const n = digits === '' ? 0 : Number.parseInt(digits, radix)
  return sign === '-' ? -n : n
}

/**
 * The recorder's own libc counts: musl (2.6.20) keeps three real-time signals for itself, glibc (6.18) two,
 * so RT0 and "all signals" are not the same numbers in both recordings.
 */
export class Dialect {
  /** The number that RT0 stands for. */
  readonly rtMin: number
  /** What sigfillset gives: 1..64 without those that the libc keeps. */
  readonly allSignals: readonly number[]
  /**
   * Does an exec start a program in secure mode (AT_SECURE) that changes the effective ids to the real ones? Linux:
   * cap_bprm_creds_from_file, security/commoncap.c: id_changed, since 6.16; before, effective and real ids are compared.
   */
  readonly isSecureWithOtherIds: boolean
  private readonly values = new Map<string, Value>()
  private readonly masks = new Map<string, readonly number[]>()

  constructor(recording: Recording) {
    this.isSecureWithOtherIds = recording === '6.18'
    this.rtMin = recording === '2.6.20' ? 35 : 34
    this.allSignals = Array.from({ length: 64 }, (_, i) => i + 1).filter((n) => n < 32 || n >= this.rtMin)
  }

  /** Reads `O_CREAT|O_RDWR`, `0755`, `SIGUSR1`, `-1`. */
  value(word: string): Value {
    let value = this.values.get(word)
    if (value === undefined) {
      value = this.read(word)
      this.values.set(word, value)
    }
    return value
  }

  private read(word: string): Value {
    let n = 0
    let bad = false
    for (const part of word.split('|')) {
      if (part === '') continue
      const one = this.one(part)
      if (one === undefined) bad = true
      // 32 bits unsigned hold every flag; a lone number may be larger or negative.
      else n = n === 0 ? one : one === 0 ? n : (n | one) >>> 0
    }
    return { n, bad }
  }

  private one(part: string): number | undefined {
    if (/^[-0-9]/.test(part)) return strtol(part, 0)
    const named = NAMES.get(part) ?? SIGNAL_NUMBERS.get(part)
    if (named !== undefined) return named
    return part.startsWith('RT') ? this.rtMin + strtol(part.slice(2), 10) : undefined
  }

  /** Reads `none`, `all` or `SIGUSR1,RT0` as signal numbers; `bad` if a name does not exist. */
  mask(word: string): { readonly signals: readonly number[]; readonly bad: boolean } {
    if (word === 'none') return { signals: [], bad: false }
    if (word === 'all') return { signals: this.allSignals, bad: false }
    const cached = this.masks.get(word)
    if (cached !== undefined) return { signals: cached, bad: false }
    const numbers = word
      .split(',')
      .filter((name) => name !== '')
      .map((name) => this.one(name))
    const signals = numbers.filter((n) => n !== undefined).filter((n) => this.isSignal(n))
    const bad = numbers.includes(undefined)
    if (!bad) this.masks.set(word, signals)
    return { signals, bad }
  }

  /** What sigaddset takes: not what the libc keeps for itself. */
  private isSignal(n: number): boolean {
    return n >= 1 && n <= 64 && (n < 32 || n >= this.rtMin)
  }

  /** A signal as the recorder prints it: SIGTERM, RT3, or the number. */
  signalName(n: number): string {
    const classic = n > 0 ? SIGNALS[n] : undefined
    if (classic !== undefined) return classic
    return n >= this.rtMin ? `RT${n - this.rtMin}` : String(n)
  }

  /** A set as the recorder prints it: in order, up to RT8, without 32 and 33. */
  printMask(signals: readonly number[]): string[] {
    return signals
      .filter((n) => n <= this.rtMin + 8 && n !== 32 && n !== 33)
      .sort((a, b) => a - b)
      .map((n) => this.signalName(n))
  }
}

const dialects = new Map<Recording, Dialect>()

/** The dialect of a recording; one object per recording, with its caches. */
export function dialectOf(recording: Recording): Dialect {
  let dialect = dialects.get(recording)
  if (dialect === undefined) {
    dialect = new Dialect(recording)
    dialects.set(recording, dialect)
  }
  return dialect
}

/** `3:IN|OUT,4:PRI` as poll entries. Unknown event names count for nothing, as in the recorder. */
export function parsePoll(word: string): { fd: number; events: number; revents: number }[] {
  return word
    .split(',')
    .filter((entry) => entry !== '')
    .slice(0, 16)
    .map((entry) => {
      const colon = entry.indexOf(':')
      const names = colon < 0 ? [] : entry.slice(colon + 1).split('|')
      let events = 0
      for (const [name, bit] of POLL_NAMES) if (names.includes(name)) events |= bit
      return { fd: strtol(entry, 10), events, revents: 0 }
    })
}

/** poll's answer of one entry: `IN|HUP`. */
export function printPoll(revents: number): string {
  let text = ''
  for (const [name, bit] of POLL_NAMES) if ((revents & bit) !== 0) text += text === '' ? name : `|${name}`
  return text
}

const patterns = new Map<string, Uint8Array>()
const PATTERN_MAX = 1 << 18

/** The bytes that a data word means: `@N:c` is N bytes of the recorder's pattern, anything else is literal. */
export function dataOf(word: string): Uint8Array {
  if (!word.startsWith('@')) return Buffer.from(word, 'latin1')
  let bytes = patterns.get(word)
  if (bytes === undefined) {
    const colon = word.indexOf(':')
    const start = colon < 0 ? 0x78 : word.charCodeAt(colon + 1) || 0
    const length = Math.max(0, Math.min(strtol(word.slice(1), 0), PATTERN_MAX))
    bytes = Uint8Array.from({ length }, (_, i) => start + (Math.floor(i / 7) % 5))
    patterns.set(word, bytes)
  }
  return bytes
}

/** A path of the script as the library takes it: text whose UTF-8 bytes are the script's bytes. */
export function pathOf(word: string): string {
  return /[\x80-\xff]/.test(word) ? Buffer.from(word, 'latin1').toString('utf8') : word
}

/** The way back: one character per byte. */
export function printText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the question is "is it ASCII"
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}

/** Data as the recorder prints it: literal up to 64 bytes, else `#LENGTH:HASH` with 32-bit FNV-1a. */
export function printData(bytes: Uint8Array): string {
  if (bytes.length <= 64) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  let hash = 2166136261
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16777619)
  return `#${bytes.length}:${(hash >>> 0).toString(16).padStart(8, '0')}`
}

/** Four octal digits, as in `0755`. */
export function printMode(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
