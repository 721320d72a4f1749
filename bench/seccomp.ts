/**
 * What confinement costs, beside the same calls without it:
 *
 *     npx tsx --tsconfig test/tsconfig.json bench/seccomp.ts
 *
 * Rounds of all rows take turns, so that a busy machine slows all of them; the figures are those of the best round.
 */
import { createKernel, isErr, O_RDWR, O_WRONLY, type Sys, utf8Encode } from 'paleokernel'
import { assembleBpf, Broker, Link, seccomp } from 'paleokernel/seccomp'

const CALLS = 200_000
const ROUNDS = 15

interface Caller {
  readonly pid: number
  readonly sys: { read(fd: number, buf: Uint8Array): number; getppid(): number }
}

/** A filter of 30 rules: 28 numbers that are allowed, one that is not, and what is left. */
function thirtyRules(): ReturnType<typeof assembleBpf> {
  const numbers = Array.from({ length: 28 }, (_, at) => (at === 27 ? 3 : 100 + at))
  const rules = [...numbers.map((nr) => `jeq #${nr}, ok`), 'jeq #39, no']
  return assembleBpf(
    `ld [4]\njne #0x40000003, no\nld [0]\n${rules.join('\n')}\nno: ret ERRNO(1)\nok: ret ALLOW`,
  )
}

function caller(
  confine: 'no module' | 'mode 0' | 'mode 1' | '30 rules' | '30 rules and an argument',
): () => number {
  const k = createKernel(
    confine === 'no module'
      ? { profile: '2.6.14' }
      : { profile: '2.6.14', modules: [seccomp({ filters: true })] },
  )
  const p = k.spawn()
  const fd = p.libc.open('/dev/null', O_RDWR)
  if (confine === '30 rules') p.libc.prctl(22, 2, thirtyRules())
  if (confine === '30 rules and an argument')
    p.libc.prctl(22, 2, [...assembleBpf('ld [16]'), ...thirtyRules()])
  if (confine === 'mode 1') p.libc.write(p.libc.open('/proc/self/seccomp', O_WRONLY), utf8Encode('1'))
  const buf = new Uint8Array(1)
  const { sys } = p as Caller
  return () => {
    const start = performance.now()
    for (let n = 0; n < CALLS; n++) sys.read(fd, buf)
    return ((performance.now() - start) / CALLS) * 1e6
  }
}

/** Pings through the broker per second. */
function roundTrips(): number {
  const COUNT = 5000
  const k = createKernel({ profile: '2.6.14', modules: [seccomp()] })
  k.spawn({
    program: function* (sys: Sys) {
      const [callsR, callsW] = yield* pipe(sys)
      const [repliesR, repliesW] = yield* pipe(sys)
      const pid = yield* sys.fork()
      if (pid === 0) {
        const own = yield* sys.open('/proc/self/seccomp', O_WRONLY)
        yield* sys.write(Number(own), utf8Encode('1'))
        const link = new Link(sys, repliesR, callsW)
        const data = new Uint8Array(16)
        for (let n = 0; n < COUNT; n++) yield* link.self.call('ping', data)
        yield* sys.exit(0)
      }
      yield* sys.close(callsW)
      yield* sys.close(repliesR)
      const broker = new Broker(sys)
      yield* broker.adopt({ pid: Number(pid), calls: callsR, replies: repliesW })
      yield* broker.serve()
    },
  })
  const start = performance.now()
  k.run()
  return COUNT / ((performance.now() - start) / 1000)
}

function* pipe(sys: Sys) {
  const ends = yield* sys.pipe()
  if (isErr(ends)) throw new Error('no pipe')
  return ends
}

const ROWS = ['no module', 'mode 0', 'mode 1', '30 rules', '30 rules and an argument'] as const
const cases = ROWS.map((name) => ({ name, run: caller(name), times: [] as number[] }))
for (const { run } of cases) run()
for (let round = 0; round < ROUNDS; round++) for (const { run, times } of cases) times.push(run())
console.log('a read at the end of /dev/null, nanoseconds')
const base = Math.min(...(cases[0]?.times ?? []))
for (const { name, times } of cases) {
  const ns = Math.min(...times)
  console.log(
    `${name.padEnd(26)} ${ns.toFixed(1).padStart(8)}  ${(ns - base >= 0 ? '+' : '') + (ns - base).toFixed(1)}`,
  )
}
roundTrips()
console.log(
  `round trips through the broker: ${Math.round(Math.max(...[1, 2, 3, 4, 5].map(roundTrips)))} a second`,
)
