/** The rules of the source tree. The first part asks the tree; the second asks whether the rules can fail. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import pkg from '../package.json' with { type: 'json' }
import {
  checkAcyclic,
  checkConstructs,
  checkImports,
  checkRefusals,
  checkSizes,
  importsOf,
  LAYERS,
  type Sources,
} from './helpers/source-rules.js'

const root = new URL('../', import.meta.url)
const packages = Object.keys({ ...pkg.dependencies, ...pkg.peerDependencies })

function readSources(): Sources {
  const names = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' })
  const paths = names
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `src/${name.replaceAll('\\', '/')}`)
  return new Map(paths.sort().map((path) => [path, readFileSync(new URL(path, root), 'utf8')]))
}

describe('the source tree', () => {
  const sources = readSources()

  it('is read', () => {
    expect([...sources.keys()]).toContain('src/index.ts')
    expect([...sources].flatMap(([path, text]) => importsOf(path, text)).length).toBeGreaterThan(100)
  })

  it('holds TypeScript sources and nothing else', () => {
    const names = readdirSync(new URL('src/', root), { recursive: true, withFileTypes: true })
    expect(names.filter((entry) => entry.isFile() && !entry.name.endsWith('.ts'))).toEqual([])
  })

  it('imports along the dependency table only', () => {
    expect(checkImports(sources, packages)).toEqual([])
  })

  it('has no circle of run-time imports', () => {
    expect(checkAcyclic(sources)).toEqual([])
  })

  it('has no file over 700 lines', () => {
    expect(checkSizes(sources)).toEqual([])
  })

  it('says EACCES and EPERM through deny() only, so that every refusal has a reason', () => {
    expect(checkRefusals(sources)).toEqual([])
  })

  it('has no clock, no randomness, no hidden state, no any, no default export', () => {
    expect(checkConstructs(sources)).toEqual([])
  })
})

describe('the rules can fail', () => {
  const tree = (files: Record<string, string>): Sources => new Map(Object.entries(files))
  const empty = {
    'src/abi/errno.ts': '',
    'src/kernel/task.ts': '',
    'src/vfs/inode.ts': '',
    'src/net/socket.ts': '',
  }
  const imports = (files: Record<string, string>): string[] =>
    checkImports(tree({ ...empty, ...files }), packages)

  it('on the layers as written in the table', () => {
    expect(LAYERS.flat().join(' ')).toBe(
      'abi lib sim kernel security vfs fs block net syscalls programs create.ts world scenario vitest index.ts',
    )
  })

  it.each([
    ['abi imports lib', { 'src/abi/a.ts': "import { r } from '../lib/ring.js'", 'src/lib/ring.ts': '' }],
    ['lib imports sim', { 'src/lib/a.ts': "import { c } from '../sim/clock.js'", 'src/sim/clock.ts': '' }],
    ['sim imports kernel', { 'src/sim/a.ts': "import { t } from '../kernel/task.js'" }],
    ['sim names a kernel type', { 'src/sim/a.ts': "import type { Task } from '../kernel/task.js'" }],
    ['vfs imports fs', { 'src/vfs/a.ts': "import { r } from '../fs/ramfs.js'", 'src/fs/ramfs.ts': '' }],
    [
      'vfs names an fs type',
      { 'src/vfs/a.ts': "import type { R } from '../fs/ramfs.js'", 'src/fs/ramfs.ts': '' },
    ],
    ['fs imports net', { 'src/fs/a.ts': "import { s } from '../net/socket.js'" }],
    [
      'kernel/module.ts imports net at run time',
      { 'src/kernel/module.ts': "import { s } from '../net/socket.js'" },
    ],
    [
      'kernel/task.ts names a net type',
      { 'src/kernel/task.ts': "import type { S } from '../net/socket.js'" },
    ],
    [
      'inline types still import at run time',
      {
        'src/kernel/module.ts': "import { type S } from '../net/socket.js'",
      },
    ],
    ['re-exports count', { 'src/abi/a.ts': "export { t } from '../kernel/task.js'" }],
    ['import types count', { 'src/abi/a.ts': "export type T = import('../kernel/task.js').Task" }],
    ['dynamic imports count', { 'src/abi/a.ts': "export const t = import('../kernel/task.js')" }],
    [
      'the core imports a module',
      { 'src/vfs/a.ts': "import { mac } from '../mac/index.js'", 'src/mac/index.ts': '' },
    ],
    [
      'create.ts imports a module',
      { 'src/create.ts': "import { mac } from '../src/mac/index.js'", 'src/mac/index.ts': '' },
    ],
    [
      'a module imports syscalls',
      { 'src/mac/a.ts': "import { t } from '../syscalls/table.js'", 'src/syscalls/table.ts': '' },
    ],
    [
      'a module imports programs',
      { 'src/mac/a.ts': "import { s } from '../programs/sys.js'", 'src/programs/sys.ts': '' },
    ],
    [
      'a module reaches into another',
      {
        'src/mac/a.ts': "import { s } from '../relay/state.js'\nconst m = { requires: ['relay'] }",
        'src/relay/state.ts': '',
      },
    ],
    [
      'a module imports one it does not require',
      {
        'src/mac/a.ts': "import { s } from '../relay/index.js'",
        'src/relay/index.ts': '',
      },
    ],
    ['userland imports the kernel', { 'src/userland/ps.ts': "import { t } from '../kernel/task.js'" }],
    [
      'another file of the network imports the world',
      { 'src/net/a.ts': "import { w } from '../world/create.js'", 'src/world/create.ts': '' },
    ],
    ['a stray file at the top', { 'src/util.ts': "import { e } from './abi/errno.js'" }],
    ['a Node import', { 'src/lib/a.ts': "import { readFileSync } from 'node:fs'" }],
    ['a bare builtin', { 'src/lib/a.ts': "import type { Buffer } from 'buffer'" }],
    ['an undeclared package', { 'src/lib/a.ts': "import { x } from 'left-pad'" }],
    ['a missing extension', { 'src/lib/a.ts': "import { e } from '../abi/errno'" }],
    ['a missing file', { 'src/lib/a.ts': "import { e } from '../abi/nothing.js'" }],
  ])('imports: %s', (_name, files) => {
    expect(imports(files as unknown as Record<string, string>)).toHaveLength(1)
  })

  it.each([
    ['fs imports vfs', { 'src/fs/a.ts': "import { i } from '../vfs/inode.js'" }],
    [
      'kernel and vfs import each other',
      {
        'src/kernel/a.ts': "import { i } from '../vfs/inode.js'",
        'src/vfs/a.ts': "import { t } from '../kernel/task.js'",
      },
    ],
    [
      'kernel/module.ts names a net type',
      { 'src/kernel/module.ts': "import type { S } from '../net/socket.js'" },
    ],
    [
      "the network's entry gives out the world",
      {
        'src/net/index.ts': "export { createWorld } from '../world/create.js'",
        'src/world/create.ts': "import { createKernel } from '../create.js'",
        'src/create.ts': '',
      },
    ],
    ['a declared package', { 'src/sim/a.ts': "import { EventEmitter } from 'eventemitter3'" }],
    [
      'a module imports the core and a module it requires',
      {
        'src/mac/index.ts': "import { t } from '../kernel/task.js'\nimport { r } from '../relay/index.js'",
        'src/mac/state.ts': "export const m = { requires: ['relay'] }",
        'src/relay/index.ts': '',
      },
    ],
  ])('imports: %s is allowed', (_name, files) => {
    expect(imports(files as unknown as Record<string, string>)).toEqual([])
  })

  it('circles: two files, at run time', () => {
    const a = "import { b } from '../vfs/b.js'"
    const b = "import { a } from '../kernel/a.js'"
    expect(checkAcyclic(tree({ 'src/kernel/a.ts': a, 'src/vfs/b.ts': b }))).toEqual([
      'src/kernel/a.ts:1: import circle src/kernel/a.ts -> src/vfs/b.ts -> src/kernel/a.ts',
    ])
    const typed = b.replace('import', 'import type')
    expect(checkAcyclic(tree({ 'src/kernel/a.ts': a, 'src/vfs/b.ts': typed }))).toEqual([])
  })

  it('sizes: 701 lines', () => {
    expect(checkSizes(tree({ 'src/a.ts': 'x\n'.repeat(700) }))).toEqual([])
    expect(checkSizes(tree({ 'src/a.ts': 'x\n'.repeat(701) }))).toHaveLength(1)
  })

  it.each([
    'const t = new Date()',
    'const t = Date.now()',
    'const n = Math.random()',
    'const n = globalThis.Math.random()',
    'class A { #x = 1 }',
    'const m = new WeakMap()',
    'type M = WeakRef<object>',
    "export * from './a.js'",
    "export * as a from './a.js'",
    'export default 1',
    'export default function f() {}',
    'const a = 1\nexport { a as default }',
    'const a = b as any',
    'function f(a: any) {}',
    'type A = Array<any>',
    'async function f() {}',
    'let counter = 0',
  ])('constructs: %s', (text) => {
    expect(checkConstructs(tree({ 'src/lib/a.ts': text }))).toHaveLength(1)
  })

  it.each([
    'function f() { return EACCES }',
    'const f = () => EPERM',
    'const f = (a) => (a ? 0 : EPERM)',
    'function f(a) { return a ?? EACCES }',
    'function f(a) { return a || EPERM }',
    'function f() { let error = 0; error = EPERM; return error }',
    'function f() { const error = EACCES; return error }',
    'const table = { create: EACCES }',
    'const errors = [EPERM]',
    'function* f() { yield EPERM }',
  ])('refusals: %s', (text) => {
    expect(checkRefusals(tree({ 'src/vfs/a.ts': text }))).toHaveLength(1)
    expect(checkRefusals(tree({ 'src/abi/errno.ts': text, 'src/security/deny.ts': text }))).toEqual([])
  })

  it.each([
    '// return EPERM',
    "import { EACCES, EPERM } from '../abi/errno.js'",
    "function f() { return deny(current, EACCES, 'dac', inode, mask) }",
    'const f = (a) => (a ? 0 : lacksNice(current, EPERM))',
    'function requireIt(error: Errno = EPERM) { return deny(current, error) }',
    'const failed = a !== EPERM',
    'switch (n) { case EACCES: break }',
    'type Refusal = typeof EACCES | typeof EPERM',
    'const n = errno.EPERM',
  ])('refusals: %s is allowed', (text) => {
    expect(checkRefusals(tree({ 'src/vfs/a.ts': text }))).toEqual([])
  })

  it.each([
    '// new Date(), Math.random, : any',
    "const s = 'Date.now() as any'",
    'const s = stat.Date',
    'function f() { let n = 0; return n }',
    'switch (n) { default: break }',
    'const company = 1',
  ])('constructs: %s is allowed', (text) => {
    expect(checkConstructs(tree({ 'src/lib/a.ts': text }))).toEqual([])
  })
})
