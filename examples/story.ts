/**
 * A story of a few processes, told in strace's words as it happens.
 *
 * Alice has a shell. She counts the words of a file with a pipeline, is refused another file, and kills a program
 * that sleeps. The lines between her commands are what the kernel did.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/story.ts
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
import { isMain } from './main.js'
import { cat, sh, sleep, wc } from './userland.js'

/** Takes one line of output. */
export type Print = (line: string) => void

/** What Alice types, and what to look for in the trace. */
const COMMANDS: readonly (readonly [command: string, remark: string])[] = [
  ['cat /etc/motd | wc', 'a pipe and two children with a program each; the shell waits for both'],
  ['cat /etc/shadow', 'its mode is 0600, and Alice is not root'],
  ['sleep 60 &', 'a child that nobody waits for yet'],
  ['kill %1', 'the signal ends it inside its call, and the wait status says so'],
]

const FILES = [
  ['/etc/motd', 0o644, 'Welcome to Linux 2.2.12.\nBe nice to one another.\n'],
  ['/etc/shadow', 0o600, 'root:$1$mF2s1$uLkLmPdIuZ:10822:0:::::\n'],
] as const

/** Between two commands this much virtual time passes: enough to tell them apart on a timeline. */
const PAUSE_MS = 0.0001

/** A kernel with a login process, which logs Alice in and then types for her. */
export class Session {
  readonly kernel: Kernel
  /** Has no program: direct calls drive it. */
  readonly login: Process
  /** Its end of the pipe that is the shell's standard input. */
  private readonly keyboard: number

  constructor(seed = 7) {
    this.kernel = createKernel({
      seed,
      programs: { '/bin/sh': sh, '/bin/cat': cat, '/bin/sleep': sleep, '/bin/wc': wc },
    })
    this.login = this.kernel.spawn({ comm: 'login' })
    const { libc } = this.login
    for (const [path, mode, text] of FILES) {
      const fd = libc.creat(path, mode)
      libc.write(fd, utf8Encode(text))
      libc.close(fd)
    }
    // The shell gets 0, 1 and 2. The keyboard's other end is moved out of its way and closed by exec.
    const [, writeEnd] = libc.pipe()
    this.keyboard = libc.fcntl(writeEnd, F_DUPFD, 9)
    libc.fcntl(this.keyboard, F_SETFD, FD_CLOEXEC)
    libc.close(writeEnd)
    libc.dup(libc.open('/tmp/screen', O_CREAT | O_RDWR, 0o666))
  }

  /** A child gives up root and turns into the shell. */
  start(): void {
    const child = this.kernel.process(this.login.libc.fork())
    child?.libc.setgid(1000)
    child?.libc.setuid(1000)
    child?.sys.execve('/bin/sh', ['sh'], ['HOME=/home/alice'])
    this.kernel.advance(PAUSE_MS)
  }

  /** Types a command and lets everybody run until nobody can. */
  type(command: string): void {
    this.login.libc.write(this.keyboard, utf8Encode(`${command}\n`))
    this.kernel.advance(PAUSE_MS)
  }

  /** What the programs have written, line by line. */
  screen(): string[] {
    const buf = new Uint8Array(4096)
    const count = this.login.libc.pread(1, buf, 0)
    return utf8Decode(buf.subarray(0, count)).trimEnd().split('\n')
  }
}

/** Plays the whole session; every line goes through `print` at the moment when it happens. */
export function story(print: Print, session = new Session()): Session {
  const strace = new StracePrinter(print, { stringLimit: 24 })
  const stop = strace.attach(session.kernel.trace)
  const reasons: string[] = []
  session.kernel.trace.on('security:deny', (event) => reasons.push(event.reason))

  let isFirst = true
  const heading = (command: string, remark: string): void => {
    strace.end() // calls that sleep now are printed as unfinished
    for (const reason of reasons.splice(0)) print(`# ${reason}`)
    if (!isFirst) print('')
    isFirst = false
    print(`${command.padEnd(26)} # ${remark}`)
  }
  heading('login: alice', 'a child of login gives up root and becomes her shell')
  session.start()
  for (const [command, remark] of COMMANDS) {
    heading(`alice$ ${command}`, remark)
    session.type(command)
  }
  stop()
  return session
}

if (isMain(import.meta.url)) story(console.log)
