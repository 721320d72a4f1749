/**
 * Time travel: a kernel is copied in the middle of its run, and each copy goes on by itself.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/time-travel.ts
 */
import { createKernel, isErr, type Kernel, O_RDONLY, type Program, type Sys } from 'paleokernel'
import { isMain } from './main.js'
import type { Print } from './story.js'

const SECRET = '/etc/secret'
const ATTEMPTS = 5

/** Tries to open the secret once a second. Exit status: the attempt that succeeded, 0 for none. */
function* knocker(sys: Sys): Program {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const fd = yield* sys.open(SECRET, O_RDONLY)
    if (!isErr(fd)) return attempt
    yield* sys.nanosleep(1000)
  }
  return 0
}

/** A kernel with a secret and a knocker who is not root, two and a half seconds after boot. */
function atHalfTime(): { kernel: Kernel; pid: number } {
  const kernel = createKernel({ seed: 7 })
  const root = kernel.spawn({ uid: 0 })
  root.libc.close(root.libc.creat(SECRET, 0o600))
  const parent = kernel.spawn({ uid: 0, comm: 'parent' })
  const { pid } = kernel.spawn({ uid: 1000, parent, program: knocker })
  kernel.advance(2500)
  return { kernel, pid }
}

/** The one thing that is done differently: root opens the file to everybody. */
function intervene(kernel: Kernel): void {
  kernel.process(2)?.libc.chmod(SECRET, 0o644)
}

/** How a run ended. */
interface Ending {
  readonly text: string
  readonly digest: string
}

/** Runs to the end. Nobody waits for the knocker, so its zombie keeps the exit status. */
function finish(kernel: Kernel, pid: number): Ending {
  kernel.run()
  const attempt = kernel.process(pid)?.exitCode
  const digest = kernel.digest()
  const outcome = attempt === 0 ? 'never gets in' : `gets in at attempt ${attempt}`
  return { digest, text: `${outcome.padEnd(22)} (${kernel.now} ms, digest ${digest})` }
}

/** Prints four ways on from one moment; true when those that did the same ended the same. */
export function timeTravel(print: Print): boolean {
  const { kernel, pid } = atHalfTime()
  const before = kernel.snapshot()
  print(`${kernel.now} ms: the knocker, uid 1000, has been refused ${SECRET} three times`)

  const copy = kernel.fork()
  intervene(copy)
  const open = finish(copy, pid)
  print(`  a copy, where root does chmod 0644 now  ${open.text}`)

  const closed = finish(kernel, pid)
  print(`  the original, which notices nothing     ${closed.text}`)

  const untouched = finish(atHalfTime().kernel, pid)
  print(`  the same run, never copied              ${untouched.text}`)

  kernel.restore(before)
  intervene(kernel)
  const again = finish(kernel, pid)
  print(`  the original, put back, and chmod 0644  ${again.text}`)

  return again.digest === open.digest && untouched.digest === closed.digest && open.digest !== closed.digest
}

if (isMain(import.meta.url)) timeTravel(console.log)
