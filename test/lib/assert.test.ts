import { expect, it } from 'vitest'
import { assertNever } from '../../src/lib/assert.js'

it('assertNever names the value that no case took', () => {
  expect(() => assertNever({ kind: 'new' } as never)).toThrow('unexpected {"kind":"new"}')
})
