/** Bad input: the errors that the rules name, by every way in, and a kernel that is as it was before. */
import {
  createKernel,
  EACCES,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOTDIR,
  EPERM,
  ESRCH,
  errnoName,
  MS_REMOUNT,
  O_RDWR,
  O_WRONLY,
  PROFILES,
} from 'paleokernel'
import { type MacOptions, mac, macKeyword, maclabelOption, macSvg, parseLabel } from 'paleokernel/mac'
import { AF_INET, net, SOCK_DGRAM } from 'paleokernel/net'
import { ipchainsTool, ipTool, macexec } from 'paleokernel/userland'
import { describe, expect, it } from 'vitest'
import { bytes, ok, writeFile } from '../helpers/world.js'
import { shellOf } from '../userland/shell.js'
import { A, B, inside, mounted, opened, type Proc, type World } from './world.js'

/** No labels: out of range, malformed, with flags that there are not. */
const NO_LABELS = [
  '',
  ':',
  '10',
  '10:',
  ':1',
  '65536:1',
  '1:65536',
  '100000:1',
  '-1:1',
  '1:-1',
  '1.5:1',
  '1e3:1',
  '0x10:1',
  ' 1:1',
  '1:1 ',
  '1:1:1',
  '1 : 1',
  '1:1+',
  '1:1+root',
  '1:1+ADMIN',
  '1:1+admin+admin',
  '+admin',
  '１:１',
  '1:1\u0000',
  '1'.repeat(100_000),
]

/** The result of a deed that must leave everything as it was. */
function unchanged<T>(k: World, deed: () => T): T {
  const before = k.digest()
  const result = deed()
  expect(k.digest()).toBe(before)
  return result
}

/** Writes to a file that is open already. */
const written = (p: Proc, fd: number, text: string | Uint8Array): number =>
  p.sys.write(fd, typeof text === 'string' ? bytes(text) : text)

describe.each(PROFILES)('labels, %s', (profile) => {
  it('MAC-3: what is none is EINVAL to mac_setlabel, /proc, mount and remount', () => {
    const { k, admin, a } = opened({}, profile)
    ok(admin.sys.mkdir('/m', 0o755))
    const fd = ok(admin.sys.open(`/proc/${a.pid}/mac_label`, O_WRONLY))
    for (const text of NO_LABELS) {
      const errors = unchanged(k, () => [
        admin.sys.mac_setlabel(text, a.pid),
        written(admin, fd, text.slice(0, 4096)),
        admin.sys.mount('none', '/', '', MS_REMOUNT, `mac=${text}`.slice(0, 4000)),
      ])
      expect(errors.map(errnoName), JSON.stringify(text.slice(0, 30))).toEqual(['EINVAL', 'EINVAL', 'EINVAL'])
      expect(admin.sys.mount('none', '/m', 'ramfs', 0, `mac=${text}`.slice(0, 4000))).toBe(EINVAL)
    }
    expect(k.mac.labelOf(a.pid)).toBe(A)
  })

  it('MAC-2: the flags of the other kind are EINVAL, too', () => {
    const { k, admin, a } = opened({}, profile)
    const fd = ok(admin.sys.open('/proc/self/mac_label', O_WRONLY))
    expect(
      unchanged(k, () => [
        admin.sys.mac_setlabel('1:1+shared', a.pid),
        admin.sys.mac_setlabel('1:1+admin+shared', a.pid),
        written(admin, fd, '1:1+shared'),
        admin.sys.mount('none', '/', '', MS_REMOUNT, 'mac=1:1+admin'),
        admin.sys.mount('none', '/', '', MS_REMOUNT, 'mac'),
      ]),
    ).toEqual([EINVAL, EINVAL, EINVAL, EINVAL, EINVAL])
  })

  it('MAC-7: arguments that are no labels and no pids at all', () => {
    const { k, admin } = opened({}, profile)
    const set = (label?: unknown, pid?: unknown) => admin.sys.mac_setlabel(label as never, pid as never)
    const get = (pid?: unknown) => admin.sys.mac_getlabel(pid as never)
    for (const label of [undefined, null, 7, true, {}, [], Symbol('x'), 10n])
      expect([EINVAL, EFAULT]).toContain(unchanged(k, () => set(label, admin.pid)))
    for (const pid of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 40, 9999, '1', {}, null]) {
      expect(
        unchanged(k, () => set(A, pid)),
        String(pid),
      ).toBe(ESRCH)
      expect(get(pid)).toBe(ESRCH)
    }
  })

  it('MAC-60: a write of bytes that are no text, or of several lines, is EINVAL', () => {
    const { k, admin, a } = opened({}, profile)
    const fd = ok(admin.sys.open(`/proc/${a.pid}/mac_label`, O_RDWR))
    for (const data of [
      Uint8Array.of(0xff, 0xfe),
      Uint8Array.of(0),
      bytes('10:1\n10:2\n'),
      bytes('\n'),
      bytes('10:2\n\n'),
      bytes('10:2\0'),
    ])
      expect(unchanged(k, () => written(admin, fd, data))).toBe(EINVAL)
    expect(written(admin, fd, '10:2\n')).toBe(5)
    expect(k.mac.labelOf(a.pid)).toBe(B)
  })
})

describe.each(PROFILES)('relabelling by others than administrators, %s', (profile) => {
  it.each([
    ['root of a compartment', A, 0],
    ['a user', A, 1000],
    ['root of compartment 0 without the flag', '65535:0', 0],
  ])('MAC-7, MAC-33, MAC-8: %s: EPERM, whatever the label and whoever is meant', (_who, label, uid) => {
    const { k, admin, a } = opened({}, profile, '65535:0+shared')
    mounted(admin, '/own', `mac=${label}`)
    ok(admin.sys.mkdir('/own/m', 0o777))
    const p = inside(k, label, uid)
    // By root the file can be opened; it is the write that is refused.
    const fd = p.sys.open('/proc/self/mac_label', O_WRONLY)
    const errors = unchanged(k, () => [
      p.sys.mac_setlabel(A),
      p.sys.mac_setlabel('65535:0+admin'),
      p.sys.mac_setlabel('nonsense'),
      p.sys.mac_setlabel(A, a.pid),
      p.sys.mac_setlabel(A, 9999),
      p.sys.mount('none', '/', '', MS_REMOUNT, `mac=${A}`),
      fd < 0 ? fd : written(p, fd, A),
    ])
    expect(errors).toEqual(new Array(7).fill(EPERM))
    // The file system has been made before its label is asked for; it is not mounted.
    const mounts = k.mac.describe()
    expect(p.sys.mount('none', '/own/m', 'ramfs', 0, `mac=${A}`)).toBe(EPERM)
    expect(k.mac.describe()).toEqual(mounts)
  })

  it('MAC-61: macexec says so, and runs nothing', () => {
    const { k, admin } = opened({}, profile)
    const shell = shellOf(k)
    k.install('/bin/macexec', macexec)
    k.install('/bin/in', function* (sys, label, ...argv) {
      yield* sys.mac_setlabel(String(label))
      yield* sys.execve(`/bin/${argv[0]}`, argv, [])
      return 127
    })
    expect(shell.run(`in ${A} macexec ${B} /bin/ls /`)).toEqual({
      out: '',
      err: `macexec: ${B}: Operation not permitted\n`,
      status: 1,
    })
    for (const text of ['10', '1:65536', 'x'])
      expect(shell.run(`macexec ${text} /bin/ls`)).toEqual({
        out: '',
        err: `macexec: ${text}: Invalid argument\n`,
        status: 1,
      })
    expect(shell.run(`macexec ${A} /bin/none`)).toMatchObject({ status: 1 })
    expect(shell.run('macexec')).toMatchObject({ status: 2 })
    expect(k.mac.labelOf(admin.pid)).toBe('65535:0+admin')
  })
})

describe('compartments that nobody knows', () => {
  it('MAC-10, MAC-38: come to be by a label, and are gone with their last task', () => {
    const { k, admin } = opened()
    const p = inside(k, '10:4711')
    expect(p.sys.kill(admin.pid, 0)).toBe(ESRCH)
    expect(k.mac.describe().map(({ compartment }) => compartment)).toContain(4711)
    p.sys.exit(0)
    expect(k.mac.describe().map(({ compartment }) => compartment)).not.toContain(4711)
    ok(admin.sys.mkdir('/base', 0o755))
    ok(admin.sys.mkdir('/conf', 0o755))
    ok(admin.sys.mount('none', '/conf', 'mlsfs', 0, 'base=/base'))
    expect(inside(k, '10:4712').sys.stat('/conf/x')).toBe(ENOENT)
  })
})

describe.each(PROFILES)('mlsfs, %s', (profile) => {
  it.each<[string, number, number?]>([
    ['', EINVAL],
    ['base', EINVAL],
    ['base=', EINVAL],
    ['base=etc', EINVAL],
    ['base=../etc', EINVAL],
    ['base=/etc,colour=red', EINVAL],
    ['colour=red', EINVAL],
    ['base=/none', ENOENT],
    ['base=/etc/passwd', ENOTDIR],
    ['base=/conf/none/../..', ENOENT],
    [`base=/${'x'.repeat(300)}`, -36],
  ])('MAC-38: mount with %j is refused', (data, error) => {
    const { k, admin } = opened({}, profile)
    ok(admin.sys.mkdir('/conf', 0o755))
    const before = admin.sys.statfs('/conf')
    const result = admin.sys.mount('none', '/conf', 'mlsfs', 0, data)
    // 2.0 and 2.2 say EINVAL to whatever goes wrong when a superblock is read.
    expect(errnoName(result)).toBe(errnoName(profile === '2.6.14' ? error : EINVAL))
    expect(admin.sys.statfs('/conf')).toEqual(before)
    expect(k.mac.describe().flatMap(({ mounts }) => mounts.map(({ type }) => type))).not.toContain('mlsfs')
  })

  it('MAC-38: a view is no base', () => {
    const { admin } = opened({}, profile)
    for (const dir of ['/base', '/base/default', '/conf', '/again']) ok(admin.sys.mkdir(dir, 0o755))
    ok(admin.sys.mount('none', '/conf', 'mlsfs', 0, 'base=/base'))
    expect(admin.sys.mount('none', '/again', 'mlsfs', 0, 'base=/conf')).toBe(EINVAL)
  })
})

describe('the network', () => {
  function machine(options: MacOptions = {}) {
    const k = createKernel({ profile: '2.2.12', modules: [net(), mac(options)] })
    const shell = shellOf(k)
    k.spawn().libc.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0+shared')
    k.install('/bin/ip', ipTool([macKeyword]))
    k.install('/bin/ipchains', ipchainsTool([maclabelOption]))
    return { k, ...shell }
  }

  it.each(['10', '1:65536', '65536:1', '1:1+admin', '1:1+shared', 'x', '-1:1'])(
    'MAC-41, MAC-47: the tools refuse %s as a label',
    (text) => {
      const m = machine()
      expect(m.run(`ipchains -A input -j ACCEPT --maclabel ${text}`)).toMatchObject({ out: '', status: 2 })
      expect(m.run(`ip rule add mac ${text} table 5`).status).not.toBe(0)
      expect(m.sh('ip rule')).not.toContain('mac')
      expect(m.sh('ipchains -L')).not.toContain('ACCEPT  ')
    },
  )

  it('MAC-46: an address that is not this machine’s is so for every compartment', () => {
    const { k } = machine()
    k.mac.reserve('192.168.7.7', 1)
    for (const label of [A, B]) {
      const p = k.spawn()
      k.mac.setLabel(p.pid, label)
      const fd = p.libc.socket(AF_INET, SOCK_DGRAM)
      expect(errnoName(p.sys.bind(fd, { family: AF_INET, addr: '192.168.7.7', port: 5000 }))).toBe(
        'EADDRNOTAVAIL',
      )
    }
  })
})

describe('the host', () => {
  const { k, a } = opened()
  const m = k.mac as unknown as Record<string, (...args: unknown[]) => unknown>
  it.each<[string, () => unknown]>([
    ["setLabel of '10'", () => m['setLabel']?.(a.pid, '10')],
    ['setLabel of no text', () => m['setLabel']?.(a.pid, 7)],
    ['setLabel of nothing', () => m['setLabel']?.(a.pid)],
    ['setLabel shared', () => m['setLabel']?.(a.pid, '1:1+shared')],
    ['setLabel of pid 9999', () => m['setLabel']?.(9999, A)],
    ['labelOf pid 9999', () => m['labelOf']?.(9999)],
    ['labelOf nothing', () => m['labelOf']?.()],
    ['reserve no address', () => m['reserve']?.('10.0.0', 1)],
    ['reserve a number', () => m['reserve']?.(7, 1)],
    ['reserve for 65536', () => m['reserve']?.('10.0.0.1', 65_536)],
    ['reserve for a half', () => m['reserve']?.('10.0.0.1', 0.5)],
    ['reserve for nobody named', () => m['reserve']?.('10.0.0.1')],
    ['explain pid 9999', () => m['explain']?.(9999, 'see', 1)],
    ['explain about pid 9999', () => m['explain']?.(a.pid, 'see', 9999)],
    ['explain an operation that there is not', () => m['explain']?.(a.pid, 'fly', 1)],
    ['explain an operation on a path', () => m['explain']?.(a.pid, 'fly', '/')],
    ['explain about an object', () => m['explain']?.(a.pid, 'see', {})],
    ['explain about a relative path', () => m['explain']?.(a.pid, 'read', 'etc')],
    ['explain about nothing', () => m['explain']?.(a.pid, 'read')],
    ['an option that there is not', () => mac({ strict: true } as never)],
    ['an option of a wrong kind', () => mac({ mlsfs: true } as never)],
    ['options of null', () => mac(null as never)],
    ['a picture without rows', () => macSvg(k.mac, { rows: 0 })],
  ])('%s: one clear sentence, and nothing changed', (_name, deed) => {
    const before = k.digest()
    let said: unknown
    try {
      deed()
    } catch (error) {
      said = error
    }
    expect(said).toBeInstanceOf(TypeError)
    expect((said as TypeError).message).toMatch(/^mac(Svg|\.explain)?: /)
    expect(k.digest()).toBe(before)
  })

  it('parseLabel is null for what is no text', () => {
    for (const thing of [undefined, null, 7, {}, [], Symbol('x')])
      expect(parseLabel(thing as never)).toBe(null)
  })
})

describe('ps and kill in a compartment', () => {
  const m = (() => {
    const s = opened({}, '2.2.12', '65535:0+shared')
    // A compartment in which there is nobody else.
    s.k.install('/bin/in', function* (sys, ...argv) {
      yield* sys.mac_setlabel('10:3')
      yield* sys.execve(`/bin/${argv[0]}`, argv, [])
      return 127
    })
    mounted(s.admin, '/b', `mac=${B}`)
    writeFile(s.admin, '/b/file', 'x')
    return { ...s, ...shellOf(s.k) }
  })()

  it.each<[string, string, number]>([
    ['kill -0 PID', 'kill PID: No such process\n', 1],
    ['kill -9 1', 'kill 1: No such process\n', 1],
    ['kill -99 PID', 'usage: kill [ -s signal | -p ] [ -a ] pid ...\n       kill -l [ signal ]\n', 1],
    ['kill init', 'kill: can\'t find process "init"\n', 1],
    ['kill -a init', 'kill: can\'t find process "init"\n', 1],
    ['kill -- -1', 'kill -1: No such process\n', 1],
    ['kill 99999999999999999999', 'kill 99999999999999999999: No such process\n', 1],
    ['ps PID', '', 1],
    ['ps -p PID', '', 1],
    ['ls /b', 'ls: /b: Permission denied\n', 1],
    ['ls /proc/PID', 'ls: /proc/PID: No such file or directory\n', 1],
  ])('MAC-20, MAC-22: %s', (line, err, status) => {
    const pid = String(m.b.pid)
    const said = m.run(`in ${line.replaceAll('PID', pid)}`)
    expect({ err: said.err, status: said.status }).toEqual({ err: err.replaceAll('PID', pid), status })
    expect(said.out.replace(/^ +PID.*\n/, '')).toBe('')
    expect(m.b.state).toBe('idle')
  })

  it('errors do not tell of what is there', () => {
    expect(['/b/file', '/b/none'].map((path) => m.a.sys.open(path, O_WRONLY))).toEqual([EACCES, EACCES])
    expect(m.a.sys.kill(m.b.pid, 0)).toBe(m.a.sys.kill(29_999, 0))
  })
})
