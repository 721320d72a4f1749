/**
 * A story of a few processes, told in strace's words as it happens.
 *
 * Alice has a shell. She counts the words of a file with a pipeline, is refused another file, and kills a program
 * that sleeps. The lines between her commands are what the kernel did.
 */
import {
  createKernel,
  F_DUPFD,
  F_SETFD,
  FD_CLOEXEC,
  type Kernel,
  O_CREAT,
  O_RDWR,
  type Process,
  StracePrinter,
  utf8Decode,
  utf8Encode,
} from 'paleokernel'
import { cat, sh, sleep, wc } from './userland.js'

/** Takes one line of output. */
export type Print = (line: string) => void

/** What Alice types, and what to look for in the trace. */
export const SESSION: readonly (readonly [command: string, remark: string])[] = [
  ['cat /etc/motd | wc', 'a pipe, two children with a program each, and a shell that waits for both'],
  ['cat /etc/shadow', 'the mode is 0600 and Alice is not root'],
  ['sleep 60 &', 'a child that nobody waits for'],
  ['kill %1', 'a signal ends it in the middle of its call, and the wait status says so'],
]

const FILES = [
  ['/etc/motd', 0o644, 'Welcome to Linux 2.2.12.\nBe nice to one another.\n'],
  ['/etc/shadow', 0o600, 'root:$1$mF2s1$uLkLmPdIuZ:10822:0:::::\n'],
] as const

/** A kernel on which Alice is logged in. `terminal` types for her, by direct calls. */
export class Session {
  readonly kernel: Kernel
  readonly terminal: Process
  /** Where the terminal writes what is typed; the shell's standard input is the other end. */
  private readonly keys: number

  constructor(seed = 7) {
    this.kernel = createKernel({
      seed,
      programs: { '/bin/sh': sh, '/bin/cat': cat, '/bin/sleep': sleep, '/bin/wc': wc },
      syscallTime: 0.02, // milliseconds: gives the timeline of the trace a width
    })
    this.terminal = this.kernel.spawn({ comm: 'login' })
    const { libc } = this.terminal
    for (const [path, mode, text] of FILES) {
      const fd = libc.creat(path, mode)
      libc.write(fd, utf8Encode(text))
      libc.close(fd)
    }
    // Descriptors 0, 1 and 2 are the shell's; the writing end of the keyboard's pipe goes out of the way.
    const [, writeEnd] = libc.pipe()
    this.keys = libc.fcntl(writeEnd, F_DUPFD, 9)
    libc.fcntl(this.keys, F_SETFD, FD_CLOEXEC)
    libc.close(writeEnd)
    libc.dup(libc.open('/tmp/screen', O_CREAT | O_RDWR, 0o666))
    this.login()
  }

  /** What login(1) does: a child gives up root and turns into the shell. */
  private login(): void {
    const child = this.kernel.process(this.terminal.libc.fork())
    child?.libc.setgid(1000)
    child?.libc.setuid(1000)
    child?.sys.execve('/bin/sh', ['sh'], ['HOME=/home/alice'])
    this.kernel.run()
  }

  /** Types a command and lets everybody run until nobody can. */
  type(command: string): void {
    this.terminal.libc.write(this.keys, utf8Encode(`${command}\n`))
    this.kernel.run({ until: this.kernel.now + 100 })
  }

  /** What the programs have written. */
  screen(): string[] {
    const buf = new Uint8Array(4096)
    const count = this.terminal.libc.pread(1, buf, 0)
    return utf8Decode(buf.subarray(0, count)).trimEnd().split('\n')
  }
}

/** Plays the whole session; every line goes through `print`. Returns it, for a closer look. */
export function story(print: Print, session = new Session()): Session {
  const shell = new StracePrinter(print, { stringLimit: 24, pids: [SHELL] })
  const stop = shell.attach(session.kernel.trace)
  for (const [command, remark] of SESSION) {
    print('')
    print(`alice$ ${command}`.padEnd(28) + `# ${remark}`)
    session.type(command)
  }
  stop()
  return session
}

/** The shell's pid: 1 is init, 2 is login. */
const SHELL = 3
