import { describe, expect, it } from 'vitest'
import { utf8Encode } from '../../src/lib/bytes.js'
import { fnv1a32, fnv1a32Text } from '../../src/lib/fnv.js'

describe('fnv1a32', () => {
  // Vectors of the authors: http://www.isthe.com/chongo/src/fnv/test_fnv.c
  it.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
    ['chongo was here!\n', 0xd49930d5],
  ])('hashes %j', (text, hash) => {
    expect(fnv1a32(utf8Encode(text))).toBe(hash)
    expect(fnv1a32Text(text)).toBe(hash)
  })

  it('hashes a part, and goes on from an earlier hash', () => {
    expect(fnv1a32(utf8Encode('xfoobarx'), 1, 7)).toBe(0xbf9cf968)
    expect(fnv1a32Text('bar', fnv1a32Text('foo'))).toBe(0xbf9cf968)
  })
})
