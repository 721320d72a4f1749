/**
 * The `exports` map of package.json, derived from the one list of entry points: `tsup.entry`.
 *
 *     npm run exports      writes the map after an entry was added
 *
 * test/package.test.ts fails when the two disagree.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

/** Entry name ('index', 'mac') to source file ('src/mac/index.ts'). */
export type Entries = Readonly<Record<string, string>>

export type ExportsMap = Record<string, string | { types: string; import: string }>

/** The subpath users write after the package name: '.' for index, './mac' for mac. */
export function subpathOf(entry: string): string {
  return entry === 'index' ? '.' : `./${entry}`
}

/** The exports map that serves exactly these entries, as ES modules with their types. */
export function exportsOf(entries: Entries): ExportsMap {
  const map: ExportsMap = {}
  for (const name of Object.keys(entries))
    map[subpathOf(name)] = { types: `./dist/${name}.d.ts`, import: `./dist/${name}.js` }
  map['./package.json'] = './package.json'
  return map
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const file = new URL('../package.json', import.meta.url)
  const pkg = JSON.parse(readFileSync(file, 'utf8'))
  pkg.exports = exportsOf(pkg.tsup.entry)
  writeFileSync(file, `${JSON.stringify(pkg, undefined, 2)}\n`)
  console.log(Object.keys(pkg.exports).join('\n'))
}
