/**
 * The reference's sketch of a test (linux-2.2-era section 2.3), lines 1 to 4, with the tools of the time. Lines 5 and 6 are
 * about the network: net.test.ts.
 */
import { EACCES, ENOENT, ESRCH, O_RDONLY, O_WRONLY } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { ok, readFile, writeFile } from '../helpers/world.js'
import { shellOf } from '../userland/shell.js'
import { A, B, inside, mounted, opened } from './world.js'

/** Two compartments with a sleeper each, and a way to run a tool in one of them. */
function scene() {
  const s = opened({}, '2.2.12', '65535:0+shared')
  const shell = shellOf(s.k)
  s.k.install('/bin/sleep', function* (sys) {
    yield* sys.pause()
    return 0
  })
  s.k.install('/bin/in', function* (sys, label, name, ...rest) {
    yield* sys.mac_setlabel(String(label))
    yield* sys.execve(`/bin/${name}`, [String(name), ...rest], [])
    return 127
  })
  const sleeper = (label: string): number => {
    const p = s.k.spawn()
    s.k.mac.setLabel(p.pid, label)
    ok(p.sys.execve('/bin/sleep', ['sleep', '100'], []))
    s.k.run()
    return p.pid
  }
  return { ...s, ...shell, inA: sleeper(A), inB: sleeper(B) }
}

const SLEEPERS = 'ps ax -o pid= -o comm='

describe('the sketch', () => {
  const oneSleeper = (uid: number): void => {
    const s = scene()
    const a = inside(s.k, A, uid)
    const listed = s.run(`in ${A} ${SLEEPERS}`).out
    expect(listed.match(/sleep/g)).toHaveLength(1)
    expect(listed).toContain(`${s.inA} sleep\n`)
    expect(a.sys.kill(s.inB, 0)).toBe(ESRCH)
    expect(s.run(`in ${A} kill -9 ${s.inB}`)).toEqual({
      out: '',
      err: `kill ${s.inB}: No such process\n`,
      status: 1,
    })
    expect(a.sys.stat(`/proc/${s.inB}`)).toBe(ENOENT)
    expect(s.sh(SLEEPERS).match(/sleep/g)).toHaveLength(2)
    expect(s.sh(`kill ${s.inA} ${s.inB}`)).toBe('')
    expect([s.inA, s.inB].map((pid) => s.k.process(pid))).toEqual([undefined, undefined])
  }

  it('sketch 1 (MAC-20, MAC-22): a user in A sees one sleeper, and no pid of B', () => oneSleeper(1000))

  it('sketch 2 (MAC-8, MAC-20): so does root in A', () => oneSleeper(0))

  it('sketch 3 (MAC-30, MAC-32): a file system of B is closed to A; a shared one of higher grade is read-only', () => {
    const s = scene()
    mounted(s.admin, '/x', `mac=${B}`)
    mounted(s.admin, '/common', 'mac=20:0+shared')
    writeFile(s.admin, '/common/file', 'text', 0o666)
    expect(s.a.sys.open('/x', O_RDONLY)).toBe(EACCES)
    expect(s.run(`in ${A} ls /x`)).toMatchObject({ err: 'ls: /x: Permission denied\n', status: 1 })
    expect(s.run(`in ${A} mount`).out).not.toContain('/x')
    expect(readFile(s.a, '/common/file')).toBe('text')
    expect(s.a.sys.open('/common/file', O_WRONLY)).toBe(EACCES)
  })

  it('sketch 4 (MAC-37): mlsfs on /etc: both write /etc/x, each reads back its own, the base has both', () => {
    const s = scene()
    for (const dir of ['/mls', '/mls/etc', '/mls/etc/1', '/mls/etc/2']) ok(s.admin.sys.mkdir(dir, 0o755))
    for (const [n, label] of [A, B].entries()) {
      const dir = `/mls/etc/${n + 1}`
      ok(s.admin.sys.mount('none', dir, 'ramfs', 0, `mode=777,mac=${label}`))
    }
    ok(s.admin.sys.mount('none', '/etc', 'mlsfs', 0, 'base=/mls/etc'))
    writeFile(s.a, '/etc/x', 'of A')
    writeFile(s.b, '/etc/x', 'of B')
    expect([readFile(s.a, '/etc/x'), readFile(s.b, '/etc/x')]).toEqual(['of A', 'of B'])
    expect([readFile(s.admin, '/mls/etc/1/x'), readFile(s.admin, '/mls/etc/2/x')]).toEqual(['of A', 'of B'])
  })
})
