/** Splitting paths: the tables of known paths and directories never change what comes out. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ENAMETOOLONG, ENOENT } from '../../src/abi/errno.js'
import { checkPath, parsePath } from '../../src/vfs/path.js'

const bytes = (text: string): number => new TextEncoder().encode(text).length

/** The rule, without any cleverness. */
function model(path: string): unknown {
  if (path === '' || path.startsWith('\0')) return bytes(path) >= 4096 ? ENAMETOOLONG : ENOENT
  if (bytes(path) >= 4096) return ENAMETOOLONG
  const [text = ''] = path.split('\0', 1)
  const names = text.split('/').filter((name) => name !== '')
  return {
    absolute: text.startsWith('/'),
    dirs: names.slice(0, -1),
    last: names.at(-1) ?? '',
    trailingSlash: names.length > 0 && text.endsWith('/'),
    tooLong: names.findIndex((name) => bytes(name) > 255),
  }
}

const component = fc.oneof(
  fc.constantFrom(
    '',
    '.',
    '..',
    'a',
    'b',
    'etc',
    'x'.repeat(255),
    'x'.repeat(256),
    'é'.repeat(128),
    'n\0x',
    '\0',
  ),
  fc.string({ maxLength: 6 }),
)
const path = fc
  .tuple(fc.boolean(), fc.array(component, { maxLength: 6 }))
  .map(([isAbsolute, names]) => (isAbsolute ? '/' : '') + names.join('/'))

describe('a path', () => {
  it('falls apart in the same way, however often and among whichever others', () => {
    fc.assert(
      fc.property(fc.array(path, { maxLength: 12 }), (paths) => {
        for (let round = 0; round < 3; round++) {
          for (const text of paths) {
            expect(parsePath(text)).toEqual(model(text))
            const failed = checkPath(text)
            expect(failed).toBe(typeof model(text) === 'number' ? model(text) : 0)
          }
        }
      }),
    )
  })

  it('of 4095 bytes can be walked, of 4096 not', () => {
    const long = `/${'abcdefg/'.repeat(600)}`
    expect(checkPath(long.slice(0, 4095))).toBe(0)
    expect(parsePath(long.slice(0, 4096))).toBe(ENAMETOOLONG)
    expect(parsePath('é'.repeat(2048))).toBe(ENAMETOOLONG)
  })

  it('shares what comes before the last slash with others', () => {
    const [first, second] = ['a', 'b', 'c', 'd'].map((name) => parsePath(`/some/where/${name}`)).slice(2)
    if (typeof first !== 'object' || typeof second !== 'object') throw new Error('paths were refused')
    expect(first.dirs).toBe(second.dirs)
    expect([first.last, second.last]).toEqual(['c', 'd'])
  })
})
