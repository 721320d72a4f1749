/**
 * The command behind `npm run bench`: builds the library as it is published and the benchmark beside it, and runs
 * the benchmark with the garbage collector within reach.
 *
 *     npm run bench -- --json FILE      also writes the figures to FILE
 *                      --markdown FILE  also writes them between the marks of that page
 *                      --rows REGEX     only rows (and growth families) whose id or title matches
 *                      --only NAMES     only these of ours,memfs,zenfs,nodefs,host
 *                      --goals          also growth, memory of a million tasks, idle tracing
 *                      --quick          fewer and shorter rounds; leaves out what ZenFS prepares for 40 s
 *                      --profile        instead of figures: the functions of ours in which the time goes, row by row
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type Options } from 'tsup'

const root = fileURLToPath(new URL('../', import.meta.url))
const cache = join(root, 'node_modules', '.cache')

/** What esbuild says of what it has written. */
interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >
}

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

/** The benchmark loads the library that is built beside it. */
const besideBundle: Plugin = {
  name: 'beside',
  setup(esbuild) {
    esbuild.onResolve({ filter: /^paleokernel(\/\w+)?$/ }, ({ path }) => ({
      path: `./${path.split('/')[1] ?? 'index'}.js`,
      external: true,
    }))
  },
}

/** Tests of trace flags become `false`; fails where there are none, as the figure would then mean nothing. */
const withoutTracing: Plugin = {
  name: 'without-tracing',
  setup(esbuild) {
    let flags = 0
    esbuild.onLoad({ filter: /src[\\/].*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      const contents = text.replace(
        /\b[\w.]+\.trace\.(?!on\b|off\b|once\b|onFlags\b|errors\b)\w+\b(?!\()/g,
        () => {
          flags += 1
          return 'false'
        },
      )
      return { contents, loader: 'ts' }
    })
    esbuild.onEnd(() => {
      if (flags === 0) throw new Error('no tests of trace flags were found')
    })
  },
}

/** Builds into a fresh folder inside node_modules, so that peers are found. Returns the folder. */
async function buildAll(): Promise<string> {
  mkdirSync(cache, { recursive: true })
  const outDir = mkdtempSync(join(cache, 'bench-'))
  const published: Options = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).tsup
  const common: Options = {
    config: false,
    silent: true,
    format: ['esm'],
    target: 'es2022',
    dts: false,
    clean: false,
    outDir,
    tsconfig: join(root, 'tsconfig.json'),
  }
  const entries = Object.entries(published.entry ?? {}).map(([name, path]) => [
    name,
    join(root, String(path)),
  ])
  await build({ ...published, ...common, entry: Object.fromEntries(entries) })
  await build({
    ...common,
    entry: { main: join(root, 'bench/main.ts'), node_like: join(root, 'bench/node_like.ts') },
    platform: 'node',
    splitting: true,
    external: ['memfs', '@zenfs/core'],
    esbuildPlugins: [besideBundle],
  })
  await build({
    ...published,
    ...common,
    splitting: false,
    entry: { untraced: join(root, 'src/index.ts') },
    esbuildPlugins: [withoutTracing],
  })
  // Beside `untraced`: the same library, compiled for that comparison alone.
  await build({ ...published, ...common, splitting: false, entry: { traced: join(root, 'src/index.ts') } })
  return outDir
}

const gzipped = (file: string): number => gzipSync(readFileSync(file), { level: 9 }).length

/** A file of the build and all that it loads. */
function loadedBy(folder: string, file: string, seen: string[] = []): readonly string[] {
  if (seen.includes(file)) return seen
  seen.push(file)
  const text = readFileSync(join(folder, file), 'utf8')
  for (const [, other = ''] of text.matchAll(/(?:from|import) ?["']\.\/([^"']+)["']/g))
    loadedBy(folder, other, seen)
  return seen
}

/** What an application's bundler makes of the library, and which parts of it take the room. */
async function bundleParts(folder: string): Promise<string> {
  const outDir = join(folder, 'minified')
  const alone = join(folder, 'alone.ts')
  writeFileSync(alone, `export { createKernel } from ${JSON.stringify(join(root, 'src/index.ts'))}\n`)
  await build({
    config: false,
    silent: true,
    format: ['esm'],
    target: 'es2022',
    platform: 'neutral',
    dts: false,
    clean: false,
    minify: true,
    metafile: true,
    splitting: false,
    noExternal: [/./],
    outDir,
    tsconfig: join(root, 'tsconfig.json'),
    entry: { index: join(root, 'src/index.ts'), alone },
  })
  const { outputs }: Metafile = JSON.parse(readFileSync(join(outDir, 'metafile-esm.json'), 'utf8'))
  const parts = new Map<string, number>()
  const [, index] = Object.entries(outputs).find(([name]) => name.endsWith('index.js')) ?? []
  for (const [name, { bytesInOutput }] of Object.entries(index?.inputs ?? {})) {
    const part = /(?:src|node_modules)\/([^/]+)/.exec(name)?.[1] ?? name
    parts.set(part, (parts.get(part) ?? 0) + bytesInOutput)
  }
  const list = [...parts].sort(([, a], [, b]) => b - a).map(([part, size]) => `${part} ${size}`)
  const sizes = `${gzipped(join(outDir, 'index.js'))} B of everything, ${gzipped(join(outDir, 'alone.js'))} B of createKernel`
  return `minified and gzipped: ${sizes}\nminified bytes by part: ${list.join(', ')}`
}

const NODE_FLAGS = [
  '--expose-gc',
  // Collections between batches must not throw away the code of the contestants that wait.
  '--no-flush-bytecode',
  '--max-old-space-size=8192',
]

const folder = await buildAll()
try {
  const bundle = loadedBy(folder, 'index.js').reduce((sum, file) => sum + gzipped(join(folder, file)), 0)
  const parts = await bundleParts(folder)
  const passed = process.argv.slice(2)
  for (const option of ['--json', '--markdown']) {
    const at = passed.indexOf(option) + 1
    if (at > 0) passed[at] = resolve(passed[at] ?? '')
  }
  const own = [
    join(folder, 'main.js'),
    '--host',
    join(root, 'bench/host.c'),
    '--bundle',
    String(bundle),
    '--parts',
    parts,
  ]
  const { status } = spawnSync(process.execPath, [...NODE_FLAGS, ...own, ...passed], { stdio: 'inherit' })
  process.exitCode = status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
