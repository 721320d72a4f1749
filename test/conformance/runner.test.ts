/** The runner itself: it fails when it should, says where, and its table has no dead weight. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { differences, Inodes, type Line } from './answer.js'
import { main } from './cli.js'
import { ERA_DIFFERENCES } from './era.js'
import { replay } from './replay.js'
import { parseScripts, readScripts, recordingFiles, type Script } from './script.js'
import { shrink } from './shrink.js'
import { dataOf, dialectOf, parsePoll, printData, strtol } from './values.js'

const RECORDINGS = fileURLToPath(new URL('../data/recordings/', import.meta.url))
const oracle = readScripts(join(RECORDINGS, 'linux-2.6.20.jsonl.gz'))
const OPTIONS = { profile: '2.6.14' } as const

/** A script whose first line with that property is changed, and the index of that line. */
function tamper(
  wanted: (line: Line) => boolean,
  change: (line: Line) => Line,
): { script: Script; index: number } {
  for (const script of oracle) {
    const clean = replay(script, OPTIONS)
    const index = script.lines.findIndex(wanted)
    const line = script.lines[index]
    if (line === undefined || index >= clean.agree || clean.era.length > 0) continue
    const lines = script.lines.map((one, i) => (i === index ? change(line) : one))
    return { script: { ...script, lines }, index }
  }
  throw new Error('no script to tamper with')
}

const drop = (line: Line, key: keyof Line): Line => {
  const { [key]: _, ...rest } = line
  return rest as Line
}

describe('a tampered recording diverges at the tampered line', () => {
  it.each([
    ['one errno', (line: Line) => line.e === 'ENOENT', (line: Line) => ({ ...line, e: 'EACCES' }), ['e']],
    [
      'one return value',
      (line: Line) => line.op === 'write' && line.r === 5,
      (line: Line) => ({ ...line, r: 4 }),
      ['r'],
    ],
    [
      'one dropped wake',
      (line: Line) => line.wake !== undefined,
      (line: Line) => drop(line, 'wake'),
      ['wake'],
    ],
    [
      'one dropped signal',
      (line: Line) => line.sig !== undefined,
      (line: Line) => drop(line, 'sig'),
      ['sig'],
    ],
    [
      'one mode',
      (line: Line) => line.st !== undefined,
      (line: Line) => ({ ...line, ...(line.st && { st: { ...line.st, mo: '0123' } }) }),
      ['st.mo'],
    ],
    [
      'one sleep',
      (line: Line) => line.blk === 1,
      (line: Line) => ({ ...drop(line, 'blk'), r: 0 }),
      ['r', 'blk'],
    ],
  ])('%s', (_, wanted, change, keys) => {
    const { script, index } = tamper(wanted, change)
    const { divergence, agree } = replay(script, OPTIONS)
    expect(divergence).toMatchObject({ index, keys })
    expect(agree).toBe(index)
  })

  it('an inode number that stands for two files', () => {
    const inodes = new Inodes()
    const stat = { ty: 'reg', mo: '0644', nl: 1, u: 0, g: 0, ino: '0' }
    expect(differences({ r: 0, st: stat }, { r: 0, st: { ...stat, ino: '1.7' } }, inodes)).toEqual([])
    expect(differences({ r: 0, st: stat }, { r: 0, st: { ...stat, ino: '1.8' } }, inodes)).toEqual(['st.ino'])
    expect(
      differences({ r: 0, st: { ...stat, ino: '1' } }, { r: 0, st: { ...stat, ino: '1.7' } }, inodes),
    ).toEqual(['st.ino'])
  })
})

describe('shrink', () => {
  it('keeps only the lines that the mismatch needs', () => {
    const { script } = tamper(
      (line) => line.op === 'lstat' && line.st?.ty === 'reg',
      (line) => ({ ...line, ...(line.st && { st: { ...line.st, sz: 12345 } }) }),
    )
    const { divergence } = replay(script, OPTIONS)
    if (divergence === undefined) throw new Error('the tampered script agrees')
    const lines = shrink(script, divergence, OPTIONS)
    expect(lines.length).toBeLessThan(divergence.index + 1)
    expect(lines.at(-1)).toBe(divergence.line)
    expect(replay(script, OPTIONS, lines).divergence).toMatchObject({
      index: lines.length - 1,
      keys: ['st.sz'],
    })
  })
})

describe('the era table', () => {
  it('has no entry that no recording reaches', { timeout: 120_000 }, () => {
    const reached = new Set<string>()
    for (const script of recordingFiles(RECORDINGS).flatMap((file) => readScripts(file))) {
      for (const profile of ['2.6.14', '2.2.12'] as const) {
        for (const { entry } of replay(script, { profile }).era) reached.add(entry.name)
      }
    }
    expect(ERA_DIFFERENCES.map((entry) => entry.name).filter((name) => !reached.has(name))).toEqual([])
  })

  it('names every entry once and cites its source', () => {
    const names = ERA_DIFFERENCES.map((entry) => entry.name)
    expect(new Set(names).size).toBe(names.length)
    for (const entry of ERA_DIFFERENCES) expect(entry.cite).toMatch(/\.[ch]\b/)
  })
})

describe('the command line', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'linux-2.6.20-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const run = (...argv: string[]): { status: number; out: string[]; err: string[] } => {
    const out: string[] = []
    const err: string[] = []
    const status = main(
      argv,
      (line) => out.push(line),
      (line) => err.push(line),
    )
    return { status, out, err }
  }

  it('prints the summary last and exits 0 when all agrees', () => {
    const { status, out } = run('--profile', '2.6.14', '--filter', 'vfs-001', RECORDINGS)
    expect(status).toBe(0)
    expect(out.at(-1)).toMatch(/^scripts=2 ops=\d+ agree=\d+ era=\d+ diverge=0$/)
  })

  it('names file, line, expected and got of a divergence and exits 1', () => {
    const file = join(folder, 'bad.jsonl')
    writeFileSync(
      file,
      [
        '{"c":" a comment"}',
        '{"t":0,"op":"mkdir","a":["/a","0755"],"r":0}',
        '{"t":0,"op":"rmdir","a":["/b"],"r":0}',
        '{"t":0,"op":"rmdir","a":["/a"],"e":"EPERM"}',
      ].join('\n'),
    )
    const { status, out } = run('--profile', '2.6.14', '--shrink', file)
    expect(status).toBe(1)
    expect(out[0]).toBe(`${file}:3`)
    expect(out.slice(1, 4).map((line) => line.trim())).toEqual([
      'line      {"t":0,"op":"rmdir","a":["/b"]}',
      'expected  {"r":0}',
      'got       {"e":"ENOENT"}',
    ])
    expect(out).toContain('shrunk from 2 to 1 lines:')
    expect(out.at(-1)).toBe('scripts=1 ops=2 agree=1 era=0 diverge=1')
  })

  it.each([
    ['an unknown flag', ['--colour', RECORDINGS], /--colour/],
    ['an unknown profile', ['--profile', '2.4.0', RECORDINGS], /--profile 2\.4\.0/],
    ['no folder', ['--profile', '2.6.14'], /no folder/],
    ['a missing folder', ['/no/such/folder'], /no such file/],
    ['a filter that matches nothing', ['--filter', 'no such script', RECORDINGS], /no script matches/],
    ['a filter that is no expression', ['--filter', '(', RECORDINGS], /--filter/],
    ['a count that is no number', ['--max', 'many', RECORDINGS], /--max many/],
  ])('refuses %s with exit status 2', (_, argv, message) => {
    const { status, err } = run(...argv)
    expect(status).toBe(2)
    expect(err[0]).toMatch(message)
  })

  it('takes no difference for an excuse with --strict', () => {
    const lines: string[] = []
    const file = join(RECORDINGS, 'linux-6.18-witness.jsonl')
    expect(main([file], (line) => lines.push(line))).toBe(0)
    const [, named] = / era=(\d+) diverge=0$/.exec(lines.at(-1) ?? '') ?? []
    expect(Number(named)).toBeGreaterThan(5)
    expect(main(['--strict', file], (line) => lines.push(line))).toBe(1)
    expect(lines.at(-1)).toMatch(/ era=0 diverge=[1-9]/)
  })

  it('refuses an empty folder and a folder of an unknown kernel', () => {
    const empty = mkdtempSync(join(tmpdir(), 'no-recordings-'))
    expect(run(empty)).toMatchObject({
      status: 2,
      err: [expect.stringMatching(/no recordings/), expect.anything()],
    })
    writeFileSync(join(empty, 'a.jsonl'), '{"t":0,"op":"getpid","a":[],"p":"T0"}\n')
    expect(run(empty)).toMatchObject({
      status: 2,
      err: [expect.stringMatching(/--recorded/), expect.anything()],
    })
    expect(run('--recorded', '6.18', empty)).toMatchObject({ status: 0 })
    rmSync(empty, { recursive: true })
  })
})

describe('the reading of scripts', () => {
  it('knows both forms', () => {
    const line = '{"t":0,"op":"getpid","a":[],"p":"T0"}'
    const plain = parseScripts(`{"c":" theme"}\n${line}\n`, 'x/a.jsonl', '6.18')
    expect(plain).toMatchObject([{ name: 'a', skipped: 1, lines: [{ t: 0, op: 'getpid', p: 'T0' }] }])
    const many = parseScripts(`{"file":"one","ops":[${line}]}\n{"file":"two","ops":[]}\n`, 'b.jsonl', '6.18')
    expect(many.map((script) => [script.name, script.lines.length])).toEqual([
      ['one', 1],
      ['two', 0],
    ])
  })

  it('stops a script at a line that the recorder gave up on', () => {
    const parse = (lines: readonly string[]): Script => {
      const [script] = parseScripts(lines.join('\n'), 'a.jsonl', '2.6.20')
      if (script === undefined) throw new Error('no script')
      return script
    }
    const getpid = '{"t":0,"op":"getpid","a":[],"p":"T0"}'
    const hang = parse([getpid, '{"t":0,"op":"getpid","a":[],"x":"hang"}', getpid])
    expect(replay(hang, OPTIONS)).toMatchObject({ agree: 1, divergence: undefined, stop: 'hang' })
  })

  it('reads words as the recorder does', () => {
    const dialect = dialectOf('6.18')
    expect(dialect.value('O_CREAT|O_RDWR')).toEqual({ n: 0o102, bad: false })
    expect(dialect.value('O_NOSUCH|1')).toEqual({ n: 1, bad: true })
    expect(dialect.value('-1').n).toBe(-1)
    expect(dialect.value('010').n).toBe(8)
    expect(dialect.value('RT1').n).toBe(35)
    expect(dialectOf('2.6.20').value('RT1').n).toBe(36)
    expect(dialect.mask('RT0,SIGHUP')).toEqual({ signals: [34, 1], bad: false })
    expect(dialect.printMask([34, 1, 33, 43])).toEqual(['SIGHUP', 'RT0'])
    expect([strtol('0x1f', 0), strtol('08', 0), strtol('12ab', 10), strtol('x', 8), strtol('-7', 0)]).toEqual(
      [31, 0, 12, 0, -7],
    )
    expect(parsePoll('3:IN|OUT,-1:PRI,5')).toEqual([
      { fd: 3, events: 5, revents: 0 },
      { fd: -1, events: 2, revents: 0 },
      { fd: 5, events: 0, revents: 0 },
    ])
  })

  it('makes and prints data as the recorder does', () => {
    expect(printData(dataOf('@10:a'))).toBe('aaaaaaabbb')
    expect(printData(dataOf('@'))).toBe('')
    expect(dataOf('@70000:a')).toHaveLength(70000)
    expect(printData(dataOf('@100:b'))).toBe('#100:1bf30d0d')
  })
})
