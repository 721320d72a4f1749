/** Settings of the machine are put back however a process ends: scripts/guard.ts. */
import { fork } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const GUARDED = fileURLToPath(new URL('../helpers/guarded.ts', import.meta.url))

describe('guard', () => {
  let home = ''
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'guard-'))
    writeFileSync(join(home, 'setting'), '0\n')
    mkdirSync(join(home, 'folder'))
    writeFileSync(join(home, 'folder', 'left'), '')
  })
  afterEach(() => rmSync(home, { recursive: true }))

  const start = (...args: string[]) =>
    fork(GUARDED, [join(home, 'setting'), '1', join(home, 'folder'), ...args], {
      execArgv: ['--import', 'tsx'],
    })
  const isRestored = (): void => {
    expect(readFileSync(join(home, 'setting'), 'utf8')).toBe('1\n')
    expect(existsSync(join(home, 'folder'))).toBe(false)
  }

  it('has put a setting back when it is released', async () => {
    await new Promise((resolve) => start('ends').once('exit', resolve))
    isRestored()
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('puts a setting back after %s', async (signal) => {
    const child = start()
    await new Promise((resolve) => child.once('message', resolve))
    expect(readFileSync(join(home, 'setting'), 'utf8')).toBe('0\n')
    child.kill(signal)
    await vi.waitFor(isRestored, { timeout: 20_000 })
  })
})
