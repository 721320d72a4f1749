/**
 * Full collections of garbage cost no compiled code: V8 forgets the shape of objects of which none is alive, and drops
 * the code that knows it. See src/programs/shapes.ts.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'shapes-'))

const PROGRAM = `
import { createKernel, O_CREAT, O_RDWR } from './src/index.ts'
import { AF_INET, AF_UNIX, net, SOCK_DGRAM, SOCK_STREAM } from './src/net/index.ts'

const { sys, libc } = createKernel({ profile: '2.6.14', modules: [net()] }).spawn()
const at = (port) => ({ family: AF_INET, addr: '127.0.0.1', port })
const [a, b] = [7001, 7002].map((port) => {
  const fd = libc.socket(AF_INET, SOCK_DGRAM)
  libc.bind(fd, at(port))
  return fd
})
const listener = libc.socket(AF_INET, SOCK_STREAM)
libc.bind(listener, at(80))
libc.listen(listener, 1)
const client = libc.socket(AF_INET, SOCK_STREAM)
libc.connect(client, at(80))
const server = libc.accept(listener)
const [c, d] = libc.socketpair(AF_UNIX, SOCK_STREAM)
const [r, w] = libc.pipe()
const data = new Uint8Array(100)

class Short {
  constructor(n) {
    this.n = n
    this.m = n + 1
  }
}
let kept = null
const work = {
  control: (n) => { kept = new Short(n); return kept.n + kept.m },
  open: () => sys.close(sys.open('/f', O_CREAT | O_RDWR, 0o644)),
  pipe: () => { sys.write(w, data); sys.read(r, data) },
  udp: () => { sys.sendto(a, data, 0, at(7002)); sys.recv(b, data, 0) },
  tcp: () => { sys.send(client, data, 0); sys.recv(server, data, 0) },
  unix: () => { sys.write(c, data); sys.read(d, data) },
}
const one = work[process.argv[2]]
for (let round = 0; round < 4; round++) {
  for (let n = 0; n < 10000; n++) one(n)
  kept = null
  gc()
  gc()
}
`

beforeAll(async () => {
  await build({
    stdin: { contents: PROGRAM, resolveDir: root, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: join(folder, 'program.mjs'),
    logLevel: 'error',
  })
})
afterAll(() => rmSync(folder, { recursive: true }))

/** How often code was dropped because an object was no longer there, and of which functions. */
function dropped(what: string): string[] {
  const flags = ['--expose-gc', '--no-flush-bytecode', '--trace-deopt']
  const { status, stdout } = spawnSync(process.execPath, [...flags, join(folder, 'program.mjs'), what], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  expect(status).toBe(0)
  return stdout.split('\n').filter((line) => line.includes('weak objects'))
}

it('is how V8 works: code is dropped for objects of which none is alive', (context) => {
  if (dropped('control').length === 0) context.skip()
})

it.each(['open', 'pipe', 'udp', 'tcp', 'unix'])('%s keeps its code', (what) => {
  expect(dropped(what)).toEqual([])
})
