/**
 * CPUShare, what seccomp was made for: a broker rents its cycles to programs of strangers. Each runs in mode 1 under
 * limits, gets its work and hands in its result through capabilities, is billed for what it used, and is killed for
 * what it must not do. Beside it the heavier way to the same end, a policy over the hook list, and what each costs.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/cpushare.ts
 */
import {
  createKernel,
  defineModule,
  EPERM,
  errnoName,
  isErr,
  type Kernel,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  type Process,
  RLIMIT_AS,
  RLIMIT_CORE,
  RLIMIT_CPU,
  RLIMIT_NOFILE,
  RLIMIT_STACK,
  type Sys,
  signalName,
  type Task,
  utf8Decode,
  utf8Encode,
  WEXITSTATUS,
  WIFEXITED,
  WTERMSIG,
} from 'paleokernel'
import { Broker, type Client, FILE, Link, type Steps, seccomp } from 'paleokernel/seccomp'
import { isMain } from './main.js'
import type { Print } from './story.js'

/** Descriptors of a customer's program: replies, calls. */
const REPLIES = 30
const CALLS = 31
/** Handles of its capabilities: the work, read-only, and where the result goes. */
const WORK = 1
const RESULT = 2

type Customer = (link: Link, sys: Sys) => Steps<void>

/** Adds up the numbers that it is given. */
function* honest(link: Link): Steps<void> {
  const work = yield* link.capability(FILE, WORK).call('read', 0, 4000)
  if (typeof work === 'number') return
  const sum = utf8Decode(work)
    .split(' ')
    .reduce((total, word) => total + Number(word), 0)
  yield* link.capability(FILE, RESULT).call('write', 0, utf8Encode(`sum ${sum}\n`))
}

/** Never stops calculating: RLIMIT_CPU does it. */
function* greedy(_link: Link, sys: Sys): Steps<void> {
  for (;;) yield* sys.read(-1, new Uint8Array(0))
}

/** Wants more than it was given. */
function* thief(_link: Link, sys: Sys): Steps<void> {
  yield* sys.open('/etc/passwd', O_RDONLY)
}

/** Tries every handle, and to change the work. */
function* prying(link: Link): Steps<void> {
  yield* link.capability(FILE, WORK).call('write', 0, utf8Encode('0'))
  for (let handle = 3; ; handle++) yield* link.capability(FILE, handle).call('size')
}

/** Writes what is no frame. */
function* babbler(_link: Link, sys: Sys): Steps<void> {
  yield* sys.write(CALLS, utf8Encode('hello, is anybody there?'))
  yield* sys.read(REPLIES, new Uint8Array(1))
}

const CUSTOMERS: Readonly<Record<string, Customer>> = { honest, greedy, thief, prying, babbler }

const must = <T>(result: T): Exclude<T, number> | number => {
  if (typeof result === 'number' && result < 0) throw new Error(`error ${result}`)
  return result as never
}

/** What the loader does before it jumps into foreign code: limits, descriptors, mode 1. */
function* confineSelf(sys: Sys, replies: number, calls: number): Steps<void> {
  const limits = [
    [RLIMIT_AS, 1 << 24],
    [RLIMIT_STACK, 1 << 16],
    [RLIMIT_NOFILE, 64],
    [RLIMIT_CORE, 0],
  ] as const
  for (const [resource, max] of limits) yield* sys.setrlimit(resource, { cur: max, max })
  yield* sys.setrlimit(RLIMIT_CPU, { cur: 1, max: 2 })
  yield* sys.dup2(replies, REPLIES)
  yield* sys.dup2(calls, CALLS)
  for (let fd = 0; fd < REPLIES; fd++) yield* sys.close(fd)
  yield* sys.write(must(yield* sys.open('/proc/self/seccomp', O_WRONLY)), utf8Encode('1'))
}

/** The broker's process: takes everybody in, serves, and returns what it has to bill. */
function* rent(sys: Sys): Steps<readonly (readonly [string, Client])[]> {
  const broker = new Broker(sys)
  const bills: [string, Client][] = []
  for (const [name, program] of Object.entries(CUSTOMERS)) {
    const calls = yield* sys.pipe()
    const replies = yield* sys.pipe()
    if (typeof calls === 'number' || typeof replies === 'number') throw new Error('no pipes')
    const pid = must(yield* sys.fork())
    if (pid === 0) {
      yield* confineSelf(sys, replies[0], calls[1])
      yield* program(new Link(sys, REPLIES, CALLS), sys)
      yield* sys.exit(0)
    }
    yield* sys.close(calls[1])
    yield* sys.close(replies[0])
    const ends = { pid, calls: calls[0], replies: replies[1] }
    const client = yield* broker.adopt(ends, { calls: 100, bytes: 100_000, errors: 5 })
    const work = must(yield* sys.open('/tmp/work', O_RDWR))
    const result = must(yield* sys.open(`/tmp/result-${name}`, O_CREAT | O_RDWR, 0o600))
    broker.grant(client, broker.offer({ kind: 'file', fd: work } as never), {
      readOnly: true,
      expiresIn: 60_000,
    })
    broker.grant(client, broker.offer({ kind: 'file', fd: result } as never), { quota: 64 })
    bills.push([name, client])
  }
  yield* broker.serve()
  return bills
}

const ending = (status: number | null): string =>
  status === null
    ? 'is lost'
    : WIFEXITED(status)
      ? `exited with ${WEXITSTATUS(status)}`
      : `killed by ${signalName(WTERMSIG(status))}`

/** The bills of all customers, and what the honest one has handed in. */
export function cpuShare(print: Print): void {
  const k = createKernel({ profile: '2.6.14', modules: [seccomp()], syscallTime: 1 })
  const root = k.spawn()
  const file = root.libc.open('/tmp/work', O_CREAT | O_WRONLY, 0o600)
  root.libc.write(file, utf8Encode('1 2 3 4 5 6 7 8 9 10'))
  let bills: readonly (readonly [string, Client])[] = []
  const broker = k.spawn({
    comm: 'cpushare',
    program: function* (sys) {
      bills = yield* rent(sys)
    },
  })
  k.run()
  print('customer   calls  bytes  mistakes  cpu ms  how it ended')
  for (const [name, { meter, cpuMs, status, end }] of bills) {
    const numbers = [meter.calls, meter.bytes, meter.errors, cpuMs].map((n, at) =>
      String(n).padStart([5, 5, 8, 6][at] ?? 0),
    )
    print(`${name.padEnd(9)}  ${numbers.join('  ')}  ${ending(status)}; ${end}`)
  }
  const buf = new Uint8Array(64)
  const count = root.libc.read(root.libc.open('/tmp/result-honest', O_RDONLY), buf)
  print(`the honest one's result: ${utf8Decode(buf, 0, count).trim()}`)
  print(`the broker itself ${ending(broker.exitStatus ?? null)}`)
}

// ---- the heavier way -----------------------------------------------------------------------------------------

const ALLOWED: ReadonlySet<string> = new Set(['read', 'write', 'select', 'exit', 'exit_group', 'sigreturn'])

/** Tasks that have called `confine` may read, write and select, and nothing else. Refused calls return EPERM. */
export const ioPolicy = () =>
  defineModule({
    name: 'iopolicy',
    init: () => ({ confined: [] as number[] }),
    attach: (_k, state) => ({
      api: {},
      hooks: {
        syscallEnter: (current: Task, name: string) =>
          state.confined.includes(current.pid) && !ALLOWED.has(name) ? EPERM : 0,
      },
      syscalls: { confine: (current: Task) => state.confined.push(current.pid) * 0 },
    }),
  })

/** Nanoseconds of a read of nothing, the best of some rounds. */
function cost({ read }: { read: () => number }): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 8; round++) {
    const start = performance.now()
    for (let n = 0; n < 20_000; n++) read()
    best = Math.min(best, ((performance.now() - start) / 20_000) * 1e6)
  }
  return best
}

/** Both ways in a table: what a confined task may do, what happens when it does more, and what calls cost. */
export function compare(print: Print): void {
  const plain = createKernel({ profile: '2.6.14' })
  const mode1 = createKernel({ profile: '2.6.14', modules: [seccomp()] })
  const policy = createKernel({ profile: '2.6.14', modules: [ioPolicy()] })
  const ways = [
    { name: 'nothing', k: plain as unknown as Kernel, confine: () => {} },
    {
      name: 'mode 1',
      k: mode1 as unknown as Kernel,
      confine: (pid: number) => {
        const { libc } = mode1.spawn()
        libc.write(libc.open(`/proc/${pid}/seccomp`, O_WRONLY), utf8Encode('1'))
      },
    },
    {
      name: 'policy',
      k: policy as unknown as Kernel,
      confine: (pid: number) => {
        policy.process(pid)?.sys.confine()
      },
    },
  ]
  print('confined by  read   select  getppid  confined read  read of others')
  for (const { name, k, confine } of ways) {
    const buf = new Uint8Array(0)
    const fresh = (): Process => {
      const process = k.spawn()
      process.libc.open('/dev/null', O_RDWR)
      confine(process.pid)
      return process
    }
    const may = (call: (sys: Process['sys']) => unknown): string => {
      const process = fresh()
      const result = call(process.sys)
      if (process.exitStatus !== undefined) return 'dies'
      return typeof result === 'number' && isErr(result) ? errnoName(result) : 'yes'
    }
    const [one, other] = [fresh(), k.spawn()]
    other.libc.open('/dev/null', O_RDWR)
    const row = [
      may((sys) => sys.read(0, buf)).padEnd(5),
      may((sys) => sys.select(0, null, null, null, 0)).padEnd(6),
      may((sys) => sys.getppid()).padEnd(7),
      ...[one, other].map(({ sys }, at) =>
        `${cost({ read: () => sys.read(0, buf) }).toFixed(0)} ns`.padStart(at === 0 ? 13 : 14),
      ),
    ]
    print(`${name.padEnd(11)}  ${row.join('  ')}`)
  }
}

if (isMain(import.meta.url)) {
  cpuShare(console.log)
  console.log('')
  compare(console.log)
}
