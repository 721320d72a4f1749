/** docs/coverage.md says what the code says. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { COVERAGE_FILE, coverageTable } from '../scripts/coverage-table.js'

it('docs/coverage.md is up to date: npm run coverage-table', () => {
  expect(readFileSync(COVERAGE_FILE, 'utf8')).toBe(coverageTable())
})
