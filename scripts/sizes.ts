/**
 * What a program that is bundled carries of the library: nothing of a module that it does not pass in.
 *
 *     npm run sizes              prints the table, and fails where a byte of another module is carried
 *     npm run sizes -- --write   also keeps it in docs/sizes.md
 *
 * test/sizes.test.ts asks the same of every entry.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import pkg from '../package.json' with { type: 'json' }

const root = fileURLToPath(new URL('../', import.meta.url))
const FILE = new URL('../docs/sizes.md', import.meta.url)

/** A program, and which folders of src besides the core's it may carry. */
export interface SizedProgram {
  readonly name: string
  readonly code: string
  readonly carries: readonly string[]
}

/** What a program weighs. */
export interface Size {
  readonly name: string
  /** Minified. */
  readonly bytes: number
  /** Minified and compressed. */
  readonly gzipped: number
  /** Files of folders that it should not carry, with their bytes. */
  readonly stray: readonly string[]
}

/** Folders that are no module's: the core, and what stands on it. */
const CORE = [
  'abi',
  'lib',
  'sim',
  'kernel',
  'security',
  'vfs',
  'fs',
  'syscalls',
  'programs',
  'create.ts',
  'index.ts',
]

const withModules = (
  name: string,
  imports: string,
  list: string,
  carries: readonly string[],
): SizedProgram => ({
  name,
  code: `import { createKernel } from 'paleokernel'\n${imports}\nconsole.log(createKernel({ profile: '2.6.14', modules: [${list}] }).digest())`,
  carries,
})

/** One program for every entry, with no more than it takes. */
export const PROGRAMS: readonly SizedProgram[] = [
  {
    name: 'createKernel',
    code: "import { createKernel } from 'paleokernel'\nconsole.log(createKernel().digest())",
    carries: [],
  },
  withModules('net', "import { net } from 'paleokernel/net'", 'net()', ['net']),
  withModules('mac', "import { mac } from 'paleokernel/mac'", 'mac()', ['mac', 'net']),
  withModules('seccomp', "import { seccomp } from 'paleokernel/seccomp'", 'seccomp()', ['seccomp']),
  withModules('block', "import { block } from 'paleokernel/block'", 'block()', ['block']),
  withModules('bufflink', "import { bufflink } from 'paleokernel/bufflink'", 'bufflink()', ['bufflink']),
  withModules(
    'reqlog',
    "import { block } from 'paleokernel/block'\nimport { bufflink } from 'paleokernel/bufflink'\nimport { reqlog } from 'paleokernel/reqlog'",
    'block(), bufflink(), reqlog()',
    ['block', 'bufflink', 'reqlog'],
  ),
  withModules(
    'sockfs',
    "import { net } from 'paleokernel/net'\nimport { sockfs } from 'paleokernel/sockfs'",
    'net(), sockfs()',
    ['net', 'sockfs'],
  ),
  withModules(
    'connector',
    "import { connector } from 'paleokernel/connector'\nimport { net } from 'paleokernel/net'",
    'net(), connector()',
    ['net', 'connector'],
  ),
  {
    name: 'userland',
    code: "import * as tools from 'paleokernel/userland'\nconsole.log(tools)",
    carries: ['userland', 'net'],
  },
  {
    name: 'scenario',
    code: "import { scenario } from 'paleokernel/scenario'\nconsole.log(scenario({}).k.digest())",
    carries: ['scenario'],
  },
  {
    name: 'vitest',
    code: "import { matchers } from 'paleokernel/vitest'\nconsole.log(matchers)",
    carries: ['vitest', 'scenario'],
  },
]

/** Bundles a program as its author would. */
export async function sizeOf({ name, code, carries }: SizedProgram): Promise<Size> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: root, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2022',
    tsconfig: fileURLToPath(new URL('../test/tsconfig.json', import.meta.url)),
    absWorkingDir: root,
    logLevel: 'error',
  })
  const [output] = Object.values(metafile.outputs)
  const stray = Object.entries(output?.inputs ?? {}).flatMap(([path, { bytesInOutput }]) => {
    const folder = /^src\/([^/]+)/.exec(path)?.[1]
    if (folder === undefined || bytesInOutput === 0) return []
    return CORE.includes(folder) || carries.includes(folder) ? [] : [`${path}: ${bytesInOutput} bytes`]
  })
  const text = outputFiles[0]?.contents ?? new Uint8Array()
  return { name, bytes: text.length, gzipped: gzipSync(text, { level: 9 }).length, stray }
}

const kB = (bytes: number): string => (bytes / 1000).toFixed(1)

/** docs/sizes.md. */
function document(sizes: readonly Size[]): string {
  const rows = sizes.map(
    ({ name, bytes, gzipped }) =>
      `| ${name.padEnd(12)} | ${kB(bytes).padStart(6)} | ${kB(gzipped).padStart(6)} |`,
  )
  return [
    '# Sizes',
    '',
    'What a bundler makes of a program that imports one thing: kilobytes, minified, and compressed with gzip. Written by',
    '`npm run sizes -- --write`. A module that is not passed in is not there, to the last byte; a program with several',
    'modules shares the core.',
    '',
    '| program      |     kB |   gzip |',
    '| ------------ | -----: | -----: |',
    ...rows,
    '',
    `Entries of the package: ${Object.keys(pkg.tsup.entry).join(', ')}.`,
    '',
  ].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const sizes: Size[] = []
  for (const program of PROGRAMS) sizes.push(await sizeOf(program))
  for (const { name, bytes, gzipped, stray } of sizes) {
    console.log(`${name.padEnd(12)} ${kB(bytes).padStart(7)} kB ${kB(gzipped).padStart(7)} kB gzip`)
    for (const line of stray) console.log(`  should not carry ${line}`)
  }
  if (process.argv.includes('--write')) writeFileSync(FILE, document(sizes))
  if (sizes.some(({ stray }) => stray.length > 0)) process.exitCode = 1
}
