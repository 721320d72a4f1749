/** The rules of MAC, by their numbers: linux-2.2-era section 2. */
import {
  createKernel,
  EACCES,
  EINVAL,
  ENOENT,
  ENOSYS,
  EPERM,
  ESRCH,
  MS_REMOUNT,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  PROFILES,
  type Stat,
} from 'paleokernel'
import { MAX_GRADE, mac, parseLabel, showLabel } from 'paleokernel/mac'
import { macexec } from 'paleokernel/userland'
import { describe, expect, it } from 'vitest'
import { bytes, checkInvariants, handle, ok, readFile, writeFile } from '../helpers/world.js'
import { A, B, inside, mounted, opened, type Proc, world } from './world.js'

const names = (p: Proc, path: string): string[] => {
  const fd = ok(p.sys.open(path, O_RDONLY))
  const list: string[] = []
  for (let part = ok(p.sys.getdents(fd)); part.length > 0; part = ok(p.sys.getdents(fd)))
    list.push(...part.map(({ name }) => name))
  ok(p.sys.close(fd))
  return list
}

describe('labels', () => {
  it.each(['0:0', '10:3', '65535:65535', '100:0+admin', '5:1+shared', '7:7+admin+shared'])(
    'MAC-1, MAC-3: %s is a label, and is shown so',
    (text) => {
      const label = parseLabel(text)
      expect(label === null ? null : showLabel(label)).toBe(text)
    },
  )

  it.each([
    '',
    ':',
    '1',
    '1:',
    ':1',
    '65536:0',
    '0:65536',
    '-1:0',
    '1:2:3',
    '1:2 ',
    ' 1:2',
    '1:2+',
    '1:2+root',
    '1:2+admin+admin',
    '0x1:2',
    '1.5:2',
    '1:2+admin\n',
    '999999999999:1',
  ])('MAC-3: %j is none: EINVAL', (text) => {
    expect(parseLabel(text)).toBe(null)
    const { admin } = opened()
    expect(admin.sys.mac_setlabel(text)).toBe(EINVAL)
    expect(admin.sys.mac_getlabel()).toBe(`${MAX_GRADE}:0+admin`)
    expect(admin.sys.mount('none', '/', '', MS_REMOUNT, `mac=${text.replace(',', '')}`)).toBe(EINVAL)
  })

  it('MAC-2: shared is for file systems, admin for tasks', () => {
    const { k, admin } = opened()
    expect(admin.sys.mac_setlabel('1:1+shared')).toBe(EINVAL)
    expect(admin.sys.mount('none', '/', '', MS_REMOUNT, 'mac=1:1+admin')).toBe(EINVAL)
    expect(() => k.mac.setLabel(admin.pid, '1:1+shared')).toThrow(TypeError)
  })

  it('MAC-4: an inode has the label of its file system', () => {
    const { k, admin, a } = opened()
    mounted(admin, '/b', `mac=${B}`)
    writeFile(admin, '/b/file', 'x', 0o666)
    expect(k.mac.explain(a.pid, 'read', '/b/file')).toMatchObject({ isAllowed: false, rule: 'MAC-32' })
    expect(a.sys.open('/b/file', O_RDONLY)).toBe(EACCES)
  })

  it.each(PROFILES)(
    'MAC-5: fork copies the label; exec and set-uid programs leave it alone, %s',
    (profile) => {
      const { k, a } = opened({}, profile)
      const child = handle(k as never, ok(a.sys.fork())) as unknown as Proc
      expect(k.mac.labelOf(child.pid)).toBe(A)
      const seen: string[] = []
      k.install(
        '/bin/setuid',
        function* (sys) {
          seen.push(String(yield* sys.mac_getlabel()), String(yield* sys.geteuid()))
        },
        { mode: 0o4755 },
      )
      const user = inside(k, A, 1000)
      user.sys.execve('/bin/setuid', ['setuid'], [])
      k.run()
      expect(seen).toEqual([A, '0'])
    },
  )

  it.each(PROFILES)('MAC-6: without configuration the kernel behaves as stock, %s', (profile) => {
    const run = (modules: readonly ReturnType<typeof mac>[]): unknown[] => {
      const k = createKernel({ profile, modules })
      const [root, user] = [k.spawn(), k.spawn({ uid: 1000 })]
      writeFile(root as never, '/tmp/x', 'x', 0o600)
      return [
        user.sys.open('/tmp/x', O_RDONLY),
        user.sys.kill(root.pid, 0),
        root.sys.kill(user.pid, 0),
        root.sys.mount('none', '/mnt', 'ramfs', 0, ''),
        names(root as never, '/proc'),
        readFile(user as never, '/proc/mounts'),
        user.sys.stat(`/proc/${root.pid}`),
      ].map((value) => (typeof value === 'object' && 'ino' in value ? (value as Stat).mode : value))
    }
    expect(run([mac()])).toEqual(run([]))
  })

  it('MAC-7: only an administrator changes labels, EPERM; then ESRCH, then EINVAL', () => {
    const { k, admin, a } = opened()
    expect(a.sys.mac_setlabel(B)).toBe(EPERM)
    expect(a.sys.mac_setlabel('nonsense', 9999)).toBe(EPERM)
    expect(k.why(a)?.sentence).toContain('only an administrator changes labels (MAC-7)')
    expect(admin.sys.mac_setlabel('nonsense', 9999)).toBe(ESRCH)
    expect(admin.sys.mac_setlabel('nonsense', a.pid)).toBe(EINVAL)
    expect(admin.sys.mac_setlabel(B, a.pid)).toBe(0)
    expect(k.mac.labelOf(a.pid)).toBe(B)
    checkInvariants(k as never)
  })

  it('MAC-7, MAC-34: acts on the task only: open files stay usable, new opens are checked', () => {
    const { admin } = opened()
    mounted(admin, '/b', `mac=${B}`)
    writeFile(admin, '/b/file', 'text', 0o666)
    const fd = ok(admin.sys.open('/b/file', O_RDWR))
    ok(admin.sys.mac_setlabel(A))
    const buf = new Uint8Array(4)
    expect(admin.sys.read(fd, buf)).toBe(4)
    expect(admin.sys.write(fd, buf)).toBe(4)
    expect(admin.sys.open('/b/file', O_RDONLY)).toBe(EACCES)
  })

  it('MAC-34 with revocation: open files are checked at every read and write', () => {
    const { admin } = opened({ revocation: true })
    mounted(admin, '/b', `mac=${B}`)
    writeFile(admin, '/b/file', 'text', 0o666)
    const fd = ok(admin.sys.open('/b/file', O_RDWR))
    const [r, w] = ok(admin.sys.pipe())
    ok(admin.sys.mac_setlabel(A))
    expect(admin.sys.read(fd, new Uint8Array(4))).toBe(EACCES)
    expect(admin.sys.write(fd, bytes('x'))).toBe(EACCES)
    expect(admin.sys.write(w, bytes('x'))).toBe(1)
    expect(admin.sys.read(r, new Uint8Array(1))).toBe(1)
  })

  it('MAC-8: root inside a compartment has no exemption', () => {
    const { a, b, admin } = opened()
    mounted(admin, '/b', `mac=${B}`)
    expect([
      a.sys.kill(b.pid, 9),
      a.sys.open('/b', O_RDONLY),
      a.sys.mac_setlabel(A),
      a.sys.mount('none', '/b', '', MS_REMOUNT, `mac=${A}`),
    ]).toEqual([ESRCH, EACCES, EPERM, EPERM])
  })

  it('MAC-9: administrators are exempt from visibility and grades', () => {
    const { k, b } = opened()
    const low = inside(k, '0:0+admin')
    mounted(low, '/b', 'mac=65535:2')
    writeFile(low, '/b/file', 'x')
    expect(low.sys.kill(b.pid, 0)).toBe(0)
    expect(readFile(low, '/b/file')).toBe('x')
  })
})

describe('who sees whom', () => {
  it.each<[string, string, boolean]>([
    ['65535:0+admin', '10:1', true],
    ['10:1', '10:1', true],
    ['10:1', '99:1', true],
    ['99:1', '10:1', true],
    ['10:1', '10:2', false],
    ['10:2', '10:1', false],
    ['65535:0', '10:1', false],
    ['10:1', '65535:0', false],
    ['65535:0', '1:0', true],
  ])('MAC-10, MAC-11, MAC-12: task %s sees task %s: %s', (subject, object, sees) => {
    const k = world()
    const [p, q] = [inside(k, subject), inside(k, object)]
    expect(p.sys.getpgid(q.pid)).toBe(sees ? ok(q.sys.getpgid(0)) : ESRCH)
    expect(k.mac.explain(p.pid, 'see', q.pid).isAllowed).toBe(sees)
  })
})

describe.each(PROFILES)('processes, %s', (profile) => {
  it('MAC-20: for an invisible pid all calls say ESRCH, never EPERM, for root too, and with signal 0', () => {
    const { k, a, b } = opened({}, profile)
    const user = inside(k, A, 1000)
    const param = { priority: 0 }
    for (const { sys } of [a, user]) {
      const calls: Record<string, unknown> = {
        'kill 0': sys.kill(b.pid, 0),
        'kill 9': sys.kill(b.pid, 9),
        tkill: sys.tkill(b.pid, 9),
        tgkill: sys.tgkill(b.pid, b.pid, 9),
        sigqueue: sys.sigqueue(b.pid, 9, 1),
        setpriority: sys.setpriority(0, b.pid, 1),
        getpriority: sys.getpriority(0, b.pid),
        setpgid: sys.setpgid(b.pid, 0),
        getpgid: sys.getpgid(b.pid),
        getsid: sys.getsid(b.pid),
        sched_getscheduler: sys.sched_getscheduler(b.pid),
        sched_setscheduler: sys.sched_setscheduler(b.pid, 0, param),
        sched_getparam: sys.sched_getparam(b.pid),
        sched_setparam: sys.sched_setparam(b.pid, param),
        sched_rr_get_interval: sys.sched_rr_get_interval(b.pid),
        capget: sys.capget(b.pid),
        mac_getlabel: sys.mac_getlabel(b.pid),
      }
      // The same calls for a pid that nobody has.
      const none = 29_999
      expect(calls).toEqual({
        'kill 0': sys.kill(none, 0),
        'kill 9': sys.kill(none, 9),
        tkill: sys.tkill(none, 9),
        tgkill: sys.tgkill(none, none, 9),
        sigqueue: sys.sigqueue(none, 9, 1),
        setpriority: sys.setpriority(0, none, 1),
        getpriority: sys.getpriority(0, none),
        setpgid: sys.setpgid(none, 0),
        getpgid: sys.getpgid(none),
        getsid: sys.getsid(none),
        sched_getscheduler: sys.sched_getscheduler(none),
        sched_setscheduler: sys.sched_setscheduler(none, 0, param),
        sched_getparam: sys.sched_getparam(none),
        sched_setparam: sys.sched_setparam(none, param),
        sched_rr_get_interval: sys.sched_rr_get_interval(none),
        capget: sys.capget(none),
        mac_getlabel: sys.mac_getlabel(none),
      })
      const others = Object.entries(calls).filter(([, result]) => result !== ESRCH)
      // What is left: calls that a kernel does not have, and one that 2.2 answers whatever the pid.
      expect(others.filter(([, result]) => result !== ENOSYS).map(([name]) => name)).toEqual(
        profile === '2.2.12' ? ['sched_rr_get_interval'] : [],
      )
      if (profile === '2.6.14') expect(others).toEqual([])
    }
    expect(b.state).toBe('idle')
  })

  it('MAC-21: kill(-1) and kill(-pgrp) reach the visible only, ESRCH when there is none', () => {
    const { k, admin, a, b } = opened({}, profile)
    expect(a.sys.kill(-1, 9)).toBe(ESRCH)
    expect(a.sys.kill(-ok(b.sys.getpgid(0)), 9)).toBe(ESRCH)
    const mate = inside(k, A)
    // One group with members on both sides.
    const leader = handle(k as never, ok(admin.sys.fork())) as unknown as Proc
    ok(leader.sys.setpgid(0, 0))
    const other = handle(k as never, ok(leader.sys.fork())) as unknown as Proc
    k.mac.setLabel(leader.pid, A)
    k.mac.setLabel(other.pid, B)
    expect(a.sys.kill(-leader.pid, 9)).toBe(0)
    expect([leader.state === 'idle', other.state]).toEqual([false, 'idle'])
    expect(a.sys.kill(-1, 9)).toBe(0)
    expect([mate.state === 'idle', b.state, other.state]).toEqual([false, 'idle', 'idle'])
  })

  it('MAC-22: /proc lists and finds the visible, /proc/self works, links count the visible', () => {
    const { admin, a, b } = opened({}, profile)
    const pids = (p: Proc): string[] => names(p, '/proc').filter((name) => /^\d+$/.test(name))
    expect(pids(a)).toEqual([String(a.pid)])
    expect(pids(admin)).toEqual(['1', ...[admin, a, b].map(({ pid }) => String(pid))])
    ok(admin.sys.stat(`/proc/${b.pid}/stat`))
    expect(a.sys.stat(`/proc/${b.pid}`)).toBe(ENOENT)
    expect(a.sys.open(`/proc/${b.pid}/stat`, O_RDONLY)).toBe(ENOENT)
    expect(readFile(a, '/proc/self/stat')).toMatch(new RegExp(`^${a.pid} `))
    expect(ok(admin.sys.stat('/proc')).nlink - ok(a.sys.stat('/proc')).nlink).toBe(3)
  })

  it('MAC-23: a descriptor from before the target became invisible says ESRCH', () => {
    const { k, admin } = opened({}, profile)
    const [p, q] = [inside(k, A), inside(k, A)]
    const fd = ok(p.sys.open(`/proc/${q.pid}/status`, O_RDONLY))
    expect(p.sys.read(fd, new Uint8Array(10))).toBe(10)
    ok(admin.sys.mac_setlabel(B, q.pid))
    ok(p.sys.lseek(fd, 0, 0))
    expect(p.sys.read(fd, new Uint8Array(10))).toBe(ESRCH)
  })

  it('MAC-24: SIGCHLD, wait and getppid work between parent and child', () => {
    const { k, admin } = opened({}, profile)
    const child = handle(k as never, ok(admin.sys.fork())) as unknown as Proc
    k.mac.setLabel(admin.pid, A)
    k.mac.setLabel(child.pid, B)
    expect(child.sys.getppid()).toBe(admin.pid)
    expect(child.sys.kill(admin.pid, 0)).toBe(ESRCH)
    child.sys.exit(4)
    expect(ok(admin.sys.waitpid(child.pid)).status).toBe(4 << 8)
  })

  it('MAC-25: pid numbers stay global', () => {
    const { k, a, b } = opened({}, profile)
    const next = handle(k as never, ok(a.sys.fork()))
    expect(next.pid).toBe(b.pid + 1)
  })

  it('MAC-26: pid 1 is of compartment 0; initVisible shows it to all', () => {
    const hidden = opened({}, profile)
    expect(hidden.a.sys.kill(1, 0)).toBe(ESRCH)
    const shown = opened({ initVisible: true }, profile)
    expect(shown.a.sys.getpgid(1)).toBeGreaterThanOrEqual(0)
    expect(names(shown.a, '/proc').filter((name) => /^\d+$/.test(name))).toEqual(['1', String(shown.a.pid)])
    expect(shown.a.sys.stat('/proc/1').valueOf()).not.toBe(ENOENT)
  })

  it.each<[string, string, number, number]>([
    // subject, object, lax, strict
    ['10:1', '10:1', 0, 0],
    ['20:1', '10:1', 0, ESRCH],
    ['10:1', '20:1', EPERM, EACCES],
  ])(
    'MAC-27: task %s signals task %s of its compartment: %i, with strictBiba %i',
    (from, to, lax, strict) => {
      for (const [strictBiba, expected] of [
        [false, lax],
        [true, strict],
      ] as const) {
        const { k } = opened({ strictBiba }, profile, '65535:0+shared')
        const [p, q] = [inside(k, from), inside(k, to)]
        expect(p.sys.kill(q.pid, 0)).toBe(expected)
        expect(p.sys.setpriority(0, q.pid, 5)).toBe(expected)
        const isListed = names(p, '/proc').includes(String(q.pid))
        expect(isListed).toBe(expected !== ESRCH)
        if (expected === EPERM || expected === EACCES) expect(k.why(p)?.sentence).toContain('(MAC-27)')
      }
    },
  )
})

describe.each(PROFILES)('files, %s', (profile) => {
  /** What a task may do with files of a file system: by mode of open, and by calls. */
  function deeds(label: string, files: string): Record<string, number> {
    const { k, admin } = opened({}, profile, '65535:0+shared')
    mounted(admin, '/f', `mac=${files}`)
    writeFile(admin, '/f/file', 'x', 0o666)
    const p = inside(k, label)
    const { sys } = p
    const sign = (value: unknown): number => (typeof value === 'number' && value < 0 ? value : 0)
    return {
      read: sign(sys.open('/f/file', O_RDONLY)),
      write: sign(sys.open('/f/file', O_WRONLY)),
      both: sign(sys.open('/f/file', O_RDWR)),
      stat: sign(sys.stat('/f/file')),
      list: sign(sys.open('/f', O_RDONLY)),
      search: sign(sys.chdir('/f')),
      create: sign(sys.open('/f/new', O_CREAT | O_WRONLY, 0o600)),
      chmod: sign(sys.chmod('/f/file', 0o666)),
      truncate: sign(sys.truncate('/f/file', 1)),
      rename: sign(sys.rename('/f/file', '/f/other')),
      unlink: sign(sys.unlink('/f/other')),
      statfs: sign(sys.statfs('/f')),
    }
  }
  const all = (value: number, but: Record<string, number> = {}): Record<string, number> => ({
    ...Object.fromEntries(
      'read write both stat list search create chmod truncate rename unlink statfs'
        .split(' ')
        .map((name) => [name, value]),
    ),
    ...but,
  })

  it.each<[string, string, Record<string, number>]>([
    ['10:1', '10:1', all(0)],
    ['65535:0+admin', '3:9', all(0)],
    ['10:1', '10:2', all(EACCES)],
    ['10:1', '10:0', all(EACCES)],
    ['10:0', '10:1', all(EACCES)],
    // No read down: nothing can even be looked up.
    ['10:1', '5:1', all(EACCES, { statfs: 0 })],
    ['10:1', '5:0+shared', all(EACCES, { statfs: 0 })],
    // No write up.
    ['10:1', '20:1', all(EACCES, { read: 0, stat: 0, list: 0, search: 0, statfs: 0 })],
    ['10:1', '20:0+shared', all(EACCES, { read: 0, stat: 0, list: 0, search: 0, statfs: 0 })],
  ])('MAC-30, MAC-32: task %s and files of %s', (task, files, expected) => {
    const got = deeds(task, files)
    // Where nothing is renamed there is nothing of that name to remove.
    if (got['unlink'] === ENOENT) got['unlink'] = expected['unlink'] ?? 0
    expect(got).toEqual(expected)
  })

  it('MAC-30: O_RDWR needs equal grades; exec is a read', () => {
    const { k, admin } = opened({}, profile, '65535:0+shared')
    mounted(admin, '/low', 'mac=5:1')
    k.install('/low/prog', function* () {}, { mode: 0o755 })
    const p = inside(k, '10:1')
    expect(p.sys.execve('/low/prog', ['prog'], [])).toBe(EACCES)
  })

  it('MAC-31: both must allow, and MAC speaks first', () => {
    const { k, admin } = opened({}, profile, '65535:0+shared')
    mounted(admin, '/f', 'mac=20:1')
    writeFile(admin, '/f/closed', 'x', 0o600)
    const p = inside(k, '20:1', 1000)
    expect(p.sys.open('/f/closed', O_RDONLY)).toBe(EACCES)
    expect(k.why(p)?.check).toBe('dac')
    const q = inside(k, '10:1', 1000)
    expect(q.sys.open('/f/closed', O_WRONLY)).toBe(EACCES)
    expect(k.why(q)?.sentence).toContain('task 10:1 may not write files of 20:1: no write up (MAC-30 write)')
    // Before the read-only mount is noticed, too.
    ok(admin.sys.mount('none', '/f', '', MS_REMOUNT | 1, ''))
    expect(q.sys.open('/f/closed', O_WRONLY)).toBe(EACCES)
  })

  it('MAC-32: an invisible file system: EACCES at its root, no line in /proc/mounts, EPERM to umount', () => {
    const { admin, a, b } = opened({}, profile)
    mounted(admin, '/b', `mac=${B}`)
    for (const path of ['/b', '/b/', '/b/x', '/b/..']) expect(a.sys.stat(path)).toBe(EACCES)
    expect(a.sys.statfs('/b')).toBe(EACCES)
    expect(readFile(a, '/proc/mounts')).not.toContain(' /b ')
    expect(readFile(b, '/proc/mounts')).toContain(' /b ')
    expect(a.sys.umount('/b')).toBe(EPERM)
    expect(b.sys.umount('/b')).toBe(0)
  })

  it('MAC-33: labels come with mount, by an administrator; others give their own; remount changes them', () => {
    const { k, admin, a } = opened({}, profile)
    ok(admin.sys.mkdir('/m', 0o777))
    expect(a.sys.mount('none', '/m', 'ramfs', 0, `mac=${A}`)).toBe(EPERM)
    expect(a.sys.mount('none', '/m', 'ramfs', 0, 'mode=700')).toBe(0)
    const labelAt = (path: string): string | undefined =>
      k.mac
        .describe()
        .flatMap(({ mounts }) => mounts)
        .find((mount) => mount.path === path)?.label
    expect(labelAt('/m')).toBe(A)
    expect(ok(admin.sys.stat('/m')).mode & 0o777).toBe(0o700)
    expect(a.sys.mount('none', '/m', '', MS_REMOUNT, `mac=${A}`)).toBe(EPERM)
    expect(admin.sys.mount('none', '/m', '', MS_REMOUNT, 'mac=nonsense')).toBe(EINVAL)
    expect(admin.sys.mount('none', '/m', '', MS_REMOUNT, `mac=${B}`)).toBe(0)
    expect(labelAt('/m')).toBe(B)
    expect(readFile(admin, '/proc/mounts')).not.toContain('mac=')
  })

  it('MAC-35: inherited descriptors are not checked again', () => {
    const { k, admin } = opened({}, profile)
    mounted(admin, '/b', `mac=${B}`)
    writeFile(admin, '/b/file', 'text')
    const fd = ok(admin.sys.open('/b/file', O_RDONLY))
    const child = handle(k as never, ok(admin.sys.fork())) as unknown as Proc
    k.mac.setLabel(child.pid, A)
    expect(child.sys.read(fd, new Uint8Array(4))).toBe(4)
  })

  it('§3.2: with lowWatermark reading something lower succeeds and lowers the reader', () => {
    const { k, admin } = opened({ lowWatermark: true }, profile, '20:0+shared')
    mounted(admin, '/low', 'mac=5:1')
    writeFile(admin, '/low/file', 'x', 0o666)
    const p = inside(k, '20:1')
    ok(p.sys.stat('/low/file'))
    expect(k.mac.labelOf(p.pid)).toBe('20:1')
    writeFile(p, '/tmp/high', '', 0o666)
    expect(readFile(p, '/low/file')).toBe('x')
    expect(k.mac.labelOf(p.pid)).toBe('5:1')
    expect(p.sys.open('/tmp/high', O_WRONLY)).toBe(EACCES)
    expect(p.sys.open('/low/file', O_WRONLY)).toBeGreaterThanOrEqual(0)
  })
})

describe('interfaces', () => {
  it.each(PROFILES)('MAC-60: /proc/<pid>/mac_label and a line of status, %s', (profile) => {
    const { k, admin, a, b } = opened({}, profile)
    expect(readFile(a, '/proc/self/mac_label')).toBe(`${A}\n`)
    expect(readFile(a, '/proc/self/status')).toContain(`MacLabel:\t${A}\n`)
    const write = (p: Proc, pid: number, text: string): number => {
      const fd = p.sys.open(`/proc/${pid}/mac_label`, O_WRONLY)
      return fd < 0 ? fd : p.sys.write(fd, bytes(text))
    }
    expect(write(a, a.pid, B)).toBe(EPERM)
    expect(write(a, b.pid, A)).toBe(ENOENT)
    expect(write(admin, a.pid, 'x')).toBe(EINVAL)
    expect(write(admin, a.pid, `${B}\n`)).toBe(5)
    expect(k.mac.labelOf(a.pid)).toBe(B)
  })

  it('MAC-61: macexec runs a command in a compartment, for administrators; others EPERM', () => {
    const { k, admin } = opened()
    const said: string[] = []
    ok(admin.sys.mkdir('/sbin', 0o755))
    k.install('/sbin/macexec', macexec)
    k.install('/bin/tell', function* (sys, ...args) {
      said.push(`${yield* sys.mac_getlabel()} ${args.join(' ')}`)
      return 7
    })
    const run = (p: Proc, ...args: string[]): number => {
      const child = handle(k as never, ok(p.sys.fork()))
      child.sys.execve('/sbin/macexec', ['macexec', ...args], [])
      k.run()
      return ok(p.sys.waitpid(child.pid)).status >> 8
    }
    expect(run(admin, A, '/bin/tell', 'me')).toBe(7)
    expect(said).toEqual([`${A} me`])
    expect(run(admin, 'nonsense', '/bin/tell')).toBe(1)
    expect(run(admin, A)).toBe(2)
    expect(run(inside(k, A), B, '/bin/tell')).toBe(1)
    expect(said).toHaveLength(1)
  })

  it('MAC-63: every refusal can be counted, and says which rule and which labels', () => {
    const { k, admin, a, b } = opened()
    mounted(admin, '/b', `mac=${B}`)
    const before = k.digest()
    a.sys.open('/b/x', O_RDONLY)
    a.sys.open('/b', O_RDONLY)
    a.sys.kill(b.pid, 9)
    expect(k.digest()).toBe(before)
    expect([...k.mac.refusals]).toEqual([['MAC-32', 2]])
    const refusals: unknown[] = []
    k.trace.on('security:deny', ({ reason }) => refusals.push(reason))
    a.sys.open('/b', O_RDONLY)
    expect(refusals).toEqual([
      expect.stringContaining('does not see files of 10:2: another compartment (MAC-32)'),
    ])
  })

  it('explain answers what a call would, without trying it', () => {
    const { k, admin, a, b } = opened()
    mounted(admin, '/b', `mac=${B}`)
    mounted(admin, '/high', 'mac=20:0+shared')
    expect(k.mac.explain(a.pid, 'write', '/high/x')).toEqual({
      isAllowed: false,
      rule: 'MAC-30 write',
      errno: EACCES,
      sentence: 'task 10:1 may not write files of 20:0+shared: no write up (MAC-30 write): EACCES',
    })
    expect(k.mac.explain(a.pid, 'read', '/high').isAllowed).toBe(true)
    expect(k.mac.explain(a.pid, 'see', '/b').rule).toBe('MAC-32')
    expect(k.mac.explain(a.pid, 'change', b.pid).rule).toBe('MAC-10')
    expect(() => k.mac.explain(a.pid, 'read', 9999)).toThrow(TypeError)
    expect(() => k.mac.explain(a.pid, 'read', b.pid)).not.toThrow()
    expect(() => k.mac.explain(a.pid, 'read', a.pid)).toThrow("'read' is about paths")
    expect(() => k.mac.explain(a.pid, 'change', '/')).toThrow("'change' is about tasks")
    expect(() => k.mac.explain(a.pid, 'read', 'relative')).toThrow('no absolute path')
  })

  it('options that there are not are refused', () => {
    expect(() => mac({ sealedd: true } as never)).toThrow("mac: there is no option 'sealedd'")
    expect(() => mac({ strictBiba: 1 } as never)).toThrow('strictBiba must be true or false')
  })
})

describe('the state', () => {
  it('is data: copied with the kernel, and told apart by its digest', () => {
    const { k, a } = opened()
    const copy = k.fork()
    expect(copy.digest()).toBe(k.digest())
    expect(copy.mac.labelOf(a.pid)).toBe(A)
    copy.mac.setLabel(a.pid, B)
    expect(k.mac.labelOf(a.pid)).toBe(A)
    expect(copy.digest()).not.toBe(k.digest())
    checkInvariants(copy as never)
  })

  it('forgets compartments whose last task is gone', () => {
    const { k, admin } = opened()
    const child = handle(k as never, ok(admin.sys.fork())) as unknown as Proc
    k.mac.setLabel(child.pid, '1:77')
    expect(k.mac.describe().map(({ compartment }) => compartment)).toContain(77)
    child.sys.exit(0)
    ok(admin.sys.waitpid(child.pid))
    expect(k.mac.describe().map(({ compartment }) => compartment)).not.toContain(77)
    checkInvariants(k as never)
  })
})
