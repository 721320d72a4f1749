/**
 * npm run differential -- [--per-theme N] [--seed S] [--calls C] [--theme T …] [--keep FOLDER]
 *
 * Asks the kernel of this machine: makes fresh random scripts of system calls with the recorder in ../shared/oracle,
 * each with this kernel's answers, and replays them against the 2.6.14 profile, with the named differences of a
 * recording by 6.18. The last line is that of `npm run conformance`. The seed is printed; the same one makes the same
 * scripts, as far as the kernel answers the same.
 *
 * Skipped with a message and exit status 0 where that cannot be done: no recorder, no C compiler, no python3, not
 * Linux 6.16 or later, not root, no namespaces or real-time scheduling of one's own, or settings that cannot be
 * changed. Exit status 1 when something diverges.
 *
 * fs.protected_hardlinks is 0 meanwhile: the kernels modelled here had no such rule. However this process ends, it is put
 * back; a script during which somebody else has changed it is made again.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { main as conformance } from '../test/conformance/cli.js'
import { guard, release as letGo } from './guard.js'

/** All themes of the recorder. */
const THEMES = ['vfs', 'perm', 'sym', 'rename', 'fd', 'fifo', 'sig', 'sock', 'inet', 'lock', 'exec', 'mixed']
const ORACLE = fileURLToPath(new URL('../../shared/oracle/', import.meta.url))
const HARDLINKS = '/proc/sys/fs/protected_hardlinks'
/** The differences that have a name are those of this kernel or later. */
const OLDEST = [6, 16] as const

const { values } = parseArgs({
  options: {
    'per-theme': { type: 'string', default: '10' },
    seed: { type: 'string' },
    calls: { type: 'string', default: '400' },
    theme: { type: 'string', multiple: true },
    keep: { type: 'string' },
  },
})

const print = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

/** Does a command run at all? */
const runs = (command: string): boolean => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0

/** Builds the recorder in `folder`; a sentence where something is missing. */
function prepare(folder: string): string | null {
  if (!existsSync(join(ORACLE, 'sysrun.c'))) return 'the recorder is not here (../shared/oracle/sysrun.c)'
  if (process.platform !== 'linux') return `this is ${process.platform}, not Linux`
  const [major = 0, minor = 0] = release().split('.').map(Number)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    return `Linux ${release()} is older than the differences that are named`
  if (process.getuid?.() !== 0) return 'only root can make file systems and users of its own'
  const compiler = ['cc', 'gcc', 'clang'].find(runs)
  if (compiler === undefined) return 'there is no C compiler'
  if (!runs('python3')) return 'there is no python3'
  const program = join(folder, 'sysrun')
  const built = spawnSync(compiler, ['-O1', '-w', '-static', '-o', program, join(ORACLE, 'sysrun.c')], {
    encoding: 'utf8',
  })
  if (built.status !== 0) return `the recorder does not compile: ${built.stderr.split('\n', 1)[0]}`
  const tried = spawnSync(program, [], { input: '0 getpid\n', encoding: 'utf8' })
  // Without real-time scheduling tasks run in any order.
  if (tried.status !== 0 || /SCHED_FIFO/.test(tried.stderr))
    return `the recorder does not run: ${tried.stderr.trim() || `status ${tried.status}`}`
  try {
    writeFileSync(HARDLINKS, hardlinkRule())
    return null
  } catch {
    return `${HARDLINKS} cannot be written`
  }
}

/** '0': anybody may link to any file. */
const hardlinkRule = (): string => readFileSync(HARDLINKS, 'utf8').trim()

/** Processes under way, which an interrupt ends. */
const children = new Set<ChildProcess>()

/** One script with this kernel's answers, in a file. */
async function record(folder: string, into: string, theme: string, seed: number, cpu: number): Promise<void> {
  for (let tries = 0; tries < 5; tries++) {
    if (hardlinkRule() !== '0') writeFileSync(HARDLINKS, '0')
    await recordOnce(folder, into, theme, seed, cpu)
    if (hardlinkRule() === '0') return
  }
  throw new Error(`somebody else keeps changing ${HARDLINKS}`)
}

function recordOnce(folder: string, into: string, theme: string, seed: number, cpu: number): Promise<void> {
  const file = join(into, `${theme}-${seed}.jsonl`)
  const args = [join(ORACLE, 'gen.py'), String(seed), theme, values.calls, file, join(folder, 'sysrun')]
  const env = { ...process.env, CPU: String(cpu) }
  return new Promise((resolve, reject) => {
    const child = spawn('python3', args, { stdio: ['ignore', 'ignore', 'inherit'], env })
    children.add(child)
    child.once('error', reject)
    child.once('exit', (status) => {
      children.delete(child)
      if (existsSync(file) && statSync(file).size > 0) resolve()
      else reject(new Error(`gen.py ${theme} ${seed} has made nothing (status ${status})`))
    })
  })
}

/** All scripts, as many at once as there are processors: a recorder keeps to one. */
async function recordAll(
  folder: string,
  into: string,
  jobs: readonly (readonly [string, number])[],
): Promise<void> {
  const waiting = jobs.slice()
  const worker = async (cpu: number): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift())
      await record(folder, into, job[0], job[1], cpu)
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 8) }, (_, cpu) => worker(cpu)))
}

/** Ends what is under way; what is left is put in order behind it. */
function interrupt(): never {
  for (const child of children) child.kill('SIGKILL')
  process.exit(130)
}

async function differential(folder: string): Promise<number> {
  const missing = prepare(folder)
  if (missing !== null) {
    print(`differential: skipped, ${missing}`)
    return 0
  }
  const seed = values.seed === undefined ? Math.floor(Date.now() / 1000) : Number(values.seed)
  const into = join(values.keep ?? folder, 'linux-6.18')
  mkdirSync(into, { recursive: true })
  const jobs = (values.theme ?? THEMES).flatMap((theme) =>
    Array.from({ length: Number(values['per-theme']) }, (_, at) => [theme, seed + at] as const),
  )
  print(`seed ${seed}, ${jobs.length} scripts, Linux ${release()}`)
  await recordAll(folder, into, jobs)
  return conformance(['--profile', '2.6.14', '--recorded', '6.18', '--verbose', into], print)
}

const folder = mkdtempSync(join(tmpdir(), 'differential-'))
const before = existsSync(HARDLINKS) ? hardlinkRule() : ''
const guarding = guard(HARDLINKS, before, folder)
process.once('SIGINT', interrupt)
process.once('SIGTERM', interrupt)
try {
  process.exitCode = await differential(folder)
} finally {
  await letGo(guarding)
}
