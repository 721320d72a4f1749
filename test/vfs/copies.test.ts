/**
 * Classes of which a kernel has very many copy themselves, field by field: no field may be forgotten.
 */

import { describe, expect, test } from 'vitest'
import { asIno, mkdev } from '../../src/abi/brand.js'
import { cloneGraph } from '../../src/lib/graph.js'
import { Dentry } from '../../src/vfs/dentry.js'
import { Inode } from '../../src/vfs/inode.js'
import { NameTable } from '../../src/vfs/name_table.js'
import { defineFileOps, defineInodeOps } from '../../src/vfs/ops.js'

/** What the walker treats as any other object of the state. */
const part = (name: string): never => ({ name }) as never

const iops = defineInodeOps({ name: 'test' })
const fops = defineFileOps({ name: 'test' })

function inode(): Inode {
  const made = new Inode(part('sb'), asIno(7), 0o100644, iops, fops, part('data'), mkdev(3, 4), 11)
  return Object.assign(made, {
    nlink: 12,
    uid: 13,
    gid: 14,
    size: 15,
    mtime: 16,
    ctime: 17,
    flags: 18,
    count: 19,
    writeCount: 20,
    locks: part('locks'),
    security: [part('label')],
  })
}

function tableOf(entry: Dentry): NameTable {
  const table = new NameTable()
  table.add(entry)
  return table
}

function dentry(): Dentry {
  const made = new Dentry('name', part('parent'), part('sb'), part('inode'))
  return Object.assign(made, {
    children: tableOf(new Dentry('child', null, part('sb'), null)),
    firstChild: part('first'),
    prev: part('prev'),
    next: part('next'),
    mounted: 21,
    hashed: true,
  })
}

const SHARED = new Set(['ops', 'fops'])

describe.each([
  ['Inode', inode],
  ['Dentry', dentry],
])('%s', (_name, make) => {
  test('a copy has every field, and shares none but the operations', () => {
    const original = make()
    const copy = cloneGraph(original)
    expect(copy).not.toBe(original)
    expect(Object.getPrototypeOf(copy)).toBe(Object.getPrototypeOf(original))
    expect(copy).toEqual(original)
    for (const [field, value] of Object.entries(original)) {
      // A field that is left as the constructor makes it would not be noticed.
      expect([0, null, false, ''], field).not.toContain(value)
      if (typeof value !== 'object') continue
      if (SHARED.has(field)) expect(Reflect.get(copy, field), field).toBe(value)
      else expect(Reflect.get(copy, field), field).not.toBe(value)
    }
  })
})
