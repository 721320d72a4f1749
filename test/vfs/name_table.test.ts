/** A table of names is a map of names, whatever comes and goes. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cloneGraph } from '../../src/lib/graph.js'
import { Dentry } from '../../src/vfs/dentry.js'
import { NameTable } from '../../src/vfs/name_table.js'

const dentry = (name: string): Dentry => new Dentry(name, null, null as never, null)

/** Few names, so that they come again; among them some that are alike. */
const name = fc.oneof(
  fc.integer({ min: 0, max: 40 }).map((n) => `f${n}`),
  fc.constantFrom('', 'constructor', '__proto__', 'a', 'b', 'ab', 'ba', 'é', '\u{1f427}', 'x'.repeat(255)),
)

describe('NameTable', () => {
  it('holds what a map holds, in copies as well', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), name), { maxLength: 300 }), (steps) => {
        const model = new Map<string, Dentry>()
        let table = new NameTable()
        for (const [at, [adds, key]] of steps.entries()) {
          if (!adds || model.has(key)) {
            model.delete(key)
            table.delete(key)
          } else {
            const made = dentry(key)
            model.set(key, made)
            table.add(made)
          }
          expect(table.size).toBe(model.size)
          expect(table.get(key)).toBe(model.get(key))
          if (at % 50 !== 49) continue
          const copy = cloneGraph(table)
          for (const [known, entry] of model) {
            const copied = copy.get(known)
            expect(copied).not.toBe(entry)
            expect(copied?.name).toBe(known)
            model.set(known, copied as Dentry)
          }
          table = copy
        }
        for (const [known, entry] of model) expect(table.get(known)).toBe(entry)
        expect(new Set(table.values())).toEqual(new Set(model.values()))
      }),
    )
  })

  it('finds every one of very many names, and none that is not there', () => {
    const table = new NameTable()
    for (let i = 0; i < 20_000; i++) table.add(dentry(`file${i}`))
    for (let i = 0; i < 20_000; i += 2) table.delete(`file${i}`)
    expect(table.size).toBe(10_000)
    for (let i = 0; i < 20_000; i++)
      expect(table.get(`file${i}`)?.name).toBe(i % 2 === 0 ? undefined : `file${i}`)
    expect(table.get('file20000')).toBeUndefined()
  })
})
