/**
 * Runs the built library in a context that has the ECMAScript built-ins and nothing else: no process, console,
 * TextEncoder or timers. What works here works in a browser.
 *
 *     node --experimental-vm-modules scripts/bare.mjs DIST ENTRY...
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createContext, runInContext, SourceTextModule, SyntheticModule } from 'node:vm'
import { EventEmitter } from 'eventemitter3'

const [dist = 'dist', ...entries] = process.argv.slice(2)
const context = createContext({})
runInContext('delete globalThis.console', context)
const loaded = new Map()

/** One module per file, so that every entry sees the same core. */
function load(file) {
  const known = loaded.get(file)
  if (known !== undefined) return known
  const module = new SourceTextModule(readFileSync(file, 'utf8'), { context, identifier: file })
  loaded.set(file, module)
  return module
}

function link(specifier, from) {
  if (specifier.startsWith('.')) return load(resolve(from.identifier, '..', specifier))
  if (specifier !== 'eventemitter3') throw new Error(`${from.identifier} imports ${specifier}`)
  return new SyntheticModule(
    ['EventEmitter'],
    function () {
      this.setExport('EventEmitter', EventEmitter)
    },
    { context },
  )
}

const before = Object.getOwnPropertyNames(runInContext('globalThis', context))
// One module imports everything, so that what entries share is linked once.
const use = new SourceTextModule(
  `${entries.map((entry) => `import './${entry}.js'`).join('\n')}
   import { createKernel } from './index.js'
   const task = createKernel().spawn({ uid: 1000 })
   export const result = task.sys.getuid() + ' ' + task.sys.open('/missing', 0)`,
  { context, identifier: resolve(dist, 'use.js') },
)
await use.link(link)
await use.evaluate()
const after = Object.getOwnPropertyNames(runInContext('globalThis', context))

const added = after.filter((name) => !before.includes(name))
if (added.length > 0) throw new Error(`the library adds globals: ${added.join(' ')}`)
if (use.namespace.result !== '1000 -2') throw new Error(`getuid and open answer '${use.namespace.result}'`)
console.log(`${entries.length} entries run without host globals`)
