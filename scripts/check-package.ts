/**
 * Checks the package as its users get it. Needs a build (`npm run build`).
 *
 * Packs it, lints the tarball, looks at what was built, and tries it from a scratch project outside the
 * repository: install, type-check the README's programs under both module resolutions, run the first one.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { gzipSync } from 'node:zlib'
import ts from 'typescript'
import { exportsOf } from './exports.js'
import { printedLines, programs } from './readme.js'

/** Upper limit for the compressed core: the index entry with every chunk it loads. */
const CORE_LIMIT_BYTES = 200_000

/** What a user of the matchers writes. */
const POLICY_TEST = `
import { O_RDONLY } from 'paleokernel'
import { scenario } from 'paleokernel/scenario'
import { matchers } from 'paleokernel/vitest'
import { expect, test } from 'vitest'

expect.extend(matchers)

test('a secret stays one', () => {
  const { root, as } = scenario({
    users: { alice: 1000 },
    files: { '/etc/secret': { mode: 0o600, content: 'x' } },
  })
  expect(as('alice').begin.open('/etc/secret', O_RDONLY)).toBeDenied('EACCES', { by: 'dac' })
  expect(root.begin.open('/etc/secret', O_RDONLY)).toBeAllowed()
})
`

const root = fileURLToPath(new URL('../', import.meta.url))
const bin = (name: string): string => join(root, 'node_modules', '.bin', name)
const pkg = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entries: string[] = Object.keys(pkg.tsup.entry)
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const scratch = mkdtempSync(join(tmpdir(), 'paleokernel-'))
let failures = 0

/** Runs one check; it fails by throwing. */
function check(name: string, body: () => string | undefined): void {
  try {
    const note = body()
    console.log(`ok    ${name}${note === undefined ? '' : `: ${note}`}`)
  } catch (error) {
    failures += 1
    console.log(`FAIL  ${name}: ${error instanceof Error ? error.message : error}`)
  }
}

/** Runs a command and returns what it printed; a non-zero exit status throws that. */
function run(command: string, args: readonly string[], cwd: string): string {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (done.error !== undefined) throw done.error
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}\n${done.stdout}${done.stderr}`)
  return done.stdout
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
}

/** What a built file (JavaScript or declarations) imports, at run time or as a type. */
function specifiersOf(file: string): string[] {
  return ts
    .preProcessFile(readFileSync(file, 'utf8'), true, true)
    .importedFiles.map(({ fileName }) => fileName)
}

/** The file and everything it loads by relative imports. */
function closureOf(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const name of specifiersOf(file))
    if (name.startsWith('.')) closureOf(resolve(dirname(file), name), seen)
  return seen
}

function gzipped(files: Iterable<string>): number {
  return gzipSync([...files].map((file) => readFileSync(file, 'utf8')).join('\n'), { level: 9 }).length
}

function checkBuild(): void {
  const dist = join(root, 'dist')
  check('every entry is built and exported', () => {
    const expected = JSON.stringify(exportsOf(pkg.tsup.entry))
    if (JSON.stringify(pkg.exports) !== expected) throw new Error(`exports should be ${expected}`)
    for (const entry of entries)
      for (const ending of ['.js', '.d.ts'])
        if (!existsSync(join(dist, entry + ending))) throw new Error(`dist/${entry}${ending} is missing`)
    return entries.join(' ')
  })
  check('the build imports nothing but its dependencies', () => {
    const allowed = Object.keys({ ...pkg.dependencies, ...pkg.peerDependencies })
    const files = filesBelow(dist).filter((file) => /\.(js|ts)$/.test(file))
    for (const file of files)
      for (const name of specifiersOf(file))
        if (!name.startsWith('.') && !allowed.includes(name))
          throw new Error(`${relative(root, file)} imports '${name}'`)
    return `${files.length} files`
  })
  check('the build runs without host globals', () =>
    run(
      process.execPath,
      ['--no-warnings', '--experimental-vm-modules', 'scripts/bare.mjs', 'dist', ...entries],
      root,
    ).trim(),
  )
  check('the compressed core is small', () => {
    const core = closureOf(join(dist, 'index.js'))
    const size = gzipped(core)
    if (size > CORE_LIMIT_BYTES) throw new Error(`${size} bytes, at most ${CORE_LIMIT_BYTES}`)
    return `${size} bytes gzipped in ${core.size} files, at most ${CORE_LIMIT_BYTES}`
  })
  for (const entry of entries) {
    if (entry === 'index') continue
    const core = closureOf(join(dist, 'index.js'))
    const extra = [...closureOf(join(dist, `${entry}.js`))].filter((file) => !core.has(file))
    console.log(`      paleokernel/${entry} adds ${gzipped(extra)} bytes`)
  }
}

function checkTarball(): string {
  const tarball = join(scratch, `${pkg.name}-${pkg.version}.tgz`)
  check('npm pack takes what belongs in a package', () => {
    const packed = JSON.parse(
      run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch], root),
    )
    const files: string[] = packed[0].files.map((file: { path: string }) => file.path)
    const wanted = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'package.json',
      'dist/index.js',
      'dist/index.d.ts',
    ]
    const missing = wanted.filter((file) => !files.includes(file))
    if (missing.length > 0) throw new Error(`missing: ${missing.join(' ')}`)
    const stray = files.filter((file) => !file.startsWith('dist/') && !wanted.includes(file))
    if (stray.length > 0) throw new Error(`stray: ${stray.join(' ')}`)
    return `${files.length} files, ${packed[0].size} bytes`
  })
  check('publint', () => run(bin('publint'), ['run', tarball, '--strict'], root).trim().split('\n').at(-1))
  check('attw', () => {
    run(bin('attw'), [tarball, '--profile', 'esm-only', '--no-color', '--no-emoji'], root)
    return 'types resolve under node16 (ESM) and bundler'
  })
  return tarball
}

function checkScratchProject(tarball: string): void {
  const project = join(scratch, 'project')
  const blocks = programs(readme)
  const strict = {
    target: 'es2022',
    lib: ['ES2022', 'DOM'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    verbatimModuleSyntax: true,
    rootDir: '.',
    outDir: 'out',
  }
  const write = (name: string, content: unknown): void =>
    writeFileSync(join(project, name), typeof content === 'string' ? content : JSON.stringify(content))
  mkdirSync(project)
  write('policy.test.ts', POLICY_TEST)
  write('package.json', { name: 'scratch', private: true, type: 'module' })
  for (const [index, block] of blocks.entries()) write(`program-${index + 1}.ts`, block.code)
  write(
    'exports.ts',
    entries
      .map((name, i) => `export * as e${i} from '${name === 'index' ? pkg.name : `${pkg.name}/${name}`}'\n`)
      .join(''),
  )

  // The one optional peer, in the version that the tests here run with.
  const vitest = `vitest@${pkg.devDependencies.vitest}`
  check('a scratch project installs the tarball', () => {
    run(
      'npm',
      ['install', tarball, vitest, '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'],
      project,
    )
    return undefined
  })
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  for (const [resolution, module] of [
    ['nodenext', 'nodenext'],
    ['bundler', 'es2022'],
  ] as const) {
    check(`the README's ${blocks.length} programs type-check under ${resolution}`, () => {
      const compilerOptions = { ...strict, module, moduleResolution: resolution, outDir: `out-${resolution}` }
      write(`tsconfig.${resolution}.json`, { compilerOptions, include: ['*.ts'] })
      run(process.execPath, [tsc, '-p', `tsconfig.${resolution}.json`], project)
      return undefined
    })
  }
  check('a test with the matchers runs', () => {
    const printed = run(
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', 'policy.test.ts'],
      project,
    )
    if (!/Tests\s+1 passed/.test(stripVTControlCharacters(printed))) throw new Error(printed)
    return undefined
  })
  check("the README's first program runs", () => {
    const output = run(process.execPath, ['out-nodenext/program-1.js'], project).split('\n')
    const expected = blocks[0] === undefined ? [] : printedLines(blocks[0])
    for (const line of expected) if (!output.includes(line)) throw new Error(`it does not print '${line}'`)
    if (expected.length === 0) throw new Error('it does not say what it prints')
    return expected.join(' | ')
  })
}

try {
  if (!existsSync(join(root, 'dist', 'index.js')))
    throw new Error('there is no dist: run `npm run build` first')
  checkBuild()
  checkScratchProject(checkTarball())
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
process.exitCode = failures === 0 ? 0 : 1
