/**
 * What it costs to ask a file who may have a port: bind with sockfs mounted, beside the stock test for the superuser.
 *
 *     npx tsx --tsconfig test/tsconfig.json bench/sockfs.ts
 *
 * A round binds UDP sockets, which are made and closed outside the clock, to reserved ports; or is refused as often. Rounds
 * of all rows take turns, so that a busy machine slows all of them; the figures are those of the best round.
 */
import { createKernel, EACCES } from 'paleokernel'
import { AF_INET, net, SOCK_DGRAM } from 'paleokernel/net'
import { sockfs } from 'paleokernel/sockfs'

const SOCKETS = 500
const ROUNDS = 300
/** Of the stock test. */
const GOAL = 1.5

const OWNER = 1000

interface Setting {
  readonly hasSockfs: boolean
  readonly isMounted: boolean
  readonly uid: number
  readonly isRefused: boolean
}

const SETTINGS: Readonly<Record<string, Setting>> = {
  stock: { hasSockfs: false, isMounted: false, uid: 0, isRefused: false },
  'sockfs, not mounted': { hasSockfs: true, isMounted: false, uid: 0, isRefused: false },
  'sockfs, root': { hasSockfs: true, isMounted: true, uid: 0, isRefused: false },
  'sockfs, owner': { hasSockfs: true, isMounted: true, uid: OWNER, isRefused: false },
  'stock, refused': { hasSockfs: false, isMounted: false, uid: OWNER, isRefused: true },
  'sockfs, refused': { hasSockfs: true, isMounted: true, uid: OWNER + 1, isRefused: true },
}

function boot({ hasSockfs, isMounted }: Setting) {
  if (!hasSockfs) return createKernel({ modules: [net()] })
  const k = createKernel({ modules: [net(), sockfs()] })
  if (!isMounted) return k
  const { libc } = k.spawn()
  libc.mkdir('/ports', 0o755)
  libc.mount('none', '/ports', k.sockfs.type, 0)
  for (let port = 1; port <= SOCKETS; port++) libc.chown(`/ports/${port}`, OWNER, OWNER)
  return k
}

/** Nanoseconds per bind of one round. */
function binds(setting: Setting): () => number {
  const { sys } = boot(setting).spawn({ uid: setting.uid })
  const expected: number = setting.isRefused ? EACCES : 0
  const addresses = Array.from(
    { length: SOCKETS },
    (_, at) => ({ family: AF_INET, addr: 0, port: at + 1 }) as const,
  )
  return () => {
    const fds = addresses.map(() => sys.socket(AF_INET, SOCK_DGRAM, 0))
    let right = 0
    const start = performance.now()
    for (const [at, address] of addresses.entries())
      if (sys.bind(fds[at] ?? -1, address) === expected) right++
    const ns = ((performance.now() - start) / SOCKETS) * 1e6
    for (const fd of fds) sys.close(fd)
    if (right !== SOCKETS) throw new Error(`${SOCKETS - right} binds went wrong`)
    return ns
  }
}

const cases = Object.entries(SETTINGS).map(([name, setting]) => ({
  name,
  setting,
  run: binds(setting),
  times: [] as number[],
}))
for (let warm = 0; warm < 30; warm++) for (const { run } of cases) run()
for (let round = 0; round < ROUNDS; round++) for (const { run, times } of cases) times.push(run())
const best = (name: string): number => Math.min(...(cases.find((one) => one.name === name)?.times ?? []))
let isMet = true
console.log('bind to a reserved port: nanoseconds, times the stock test')
for (const { name, setting, times } of cases) {
  const ns = Math.min(...times)
  const ratio = ns / best(setting.isRefused ? 'stock, refused' : 'stock')
  if (ratio > GOAL) isMet = false
  console.log(`${name.padEnd(22)} ${ns.toFixed(0).padStart(6)} ${ratio.toFixed(2).padStart(6)}`)
}
console.log(
  `goal: a bind with sockfs takes at most ${GOAL} times the stock test: ${isMet ? 'met' : 'MISSED'}`,
)
