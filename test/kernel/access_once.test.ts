/** How often a walk asks the hook that is asked before the mode bits. */
import { createKernel, EACCES, O_RDONLY } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { defineModule } from '../../src/kernel/module.js'
import { MAY_EXEC } from '../../src/vfs/inode.js'
import { ok } from '../helpers/world.js'

/** A kernel with a module that notes which file systems it is asked about, and refuses those that it is told to. */
function scene(searchesBySuperblock?: boolean, others: readonly ReturnType<typeof witness>[] = []) {
  const asked: string[] = []
  let closed = ''
  const first = defineModule({
    name: 'first',
    init: () => ({}),
    attach: () => ({
      api: {},
      ...(searchesBySuperblock !== undefined && { searchesBySuperblock }),
      hooks: {
        inodeAccess(_current, inode, mask) {
          if (mask === MAY_EXEC) asked.push(inode.sb.type)
          return inode.sb.type === closed ? EACCES : 0
        },
      },
    }),
  })
  const k = createKernel({ modules: [first, ...others] as unknown as [typeof first] })
  const p = k.spawn()
  for (const dir of ['/a', '/a/b', '/a/b/m']) ok(p.sys.mkdir(dir, 0o755))
  ok(p.sys.mount('none', '/a/b/m', 'ramfs', 0, ''))
  for (const dir of ['/a/b/m/c', '/a/b/m/c/d']) ok(p.sys.mkdir(dir, 0o755))
  ok(p.sys.symlink('/a/b/m/c', '/link'))
  asked.length = 0
  return {
    asked: (path: string): string => {
      asked.length = 0
      ok(p.sys.stat(path))
      return asked.join(' ')
    },
    close: (type: string) => {
      closed = type
      return p.sys.open('/a/b/m/c/d', O_RDONLY)
    },
  }
}

/** A module that has the hook and promises nothing. */
const witness = () =>
  defineModule({
    name: 'witness',
    init: () => ({}),
    attach: () => ({ api: {}, hooks: { inodeAccess: () => 0 } }),
  })

describe('the hook inodeAccess in a walk', () => {
  it('is asked of every directory', () => {
    const s = scene()
    expect(s.asked('/a/b/m/c/d')).toBe('ramfs ramfs ramfs ramfs ramfs')
    expect(s.asked('/a/../a/b')).toBe('ramfs ramfs ramfs ramfs')
  })

  it('is asked once of each file system by a module that tells no directories apart', () => {
    const s = scene(true)
    expect(s.asked('/a/b/m/c/d')).toBe('ramfs ramfs')
    expect(s.asked('/a/../a/b')).toBe('ramfs')
    expect(s.asked('/a/b/m/../m/c')).toBe('ramfs ramfs ramfs ramfs')
    expect(s.asked('/dev/null')).toBe('ramfs devfs')
    // A walk of its own for the text of the link.
    expect(s.asked('/link/d')).toBe('ramfs ramfs ramfs ramfs')
  })

  it('is asked of every directory if one of several modules tells them apart', () => {
    expect(scene(true, [witness()]).asked('/a/b/m/c/d')).toBe('ramfs ramfs ramfs ramfs ramfs')
  })

  it('what it refuses is refused', () => {
    for (const once of [false, true]) expect(scene(once).close('ramfs')).toBe(EACCES)
  })
})
