/** The scenario builder: what it describes is what the kernel then has. */
import { O_RDONLY, O_WRONLY, S_ISFIFO, SyscallError, utf8Decode } from 'paleokernel'
import { mac } from 'paleokernel/mac'
import { AF_INET, createWorld, net, SOCK_STREAM } from 'paleokernel/net'
import { keepTraceTail, scenario, traceTail } from 'paleokernel/scenario'
import { sockfs } from 'paleokernel/sockfs'
import { describe, expect, it } from 'vitest'
import { readFile } from '../helpers/world.js'

const shop = () =>
  scenario({
    profile: '2.2.12',
    modules: [net(), mac(), sockfs()],
    users: { www: 33, clerk: { uid: 1000, gid: 100, groups: [33], home: '/home/clerk' } },
    compartments: {
      shop: { number: 1, root: '/srv/shop', address: '10.0.0.1/24' },
      payroll: { number: 2, grade: 20, root: '/srv/payroll', address: '10.0.0.2/24' },
    },
    files: {
      '/srv/shop/index.html': { owner: 'www', mode: 0o640, content: 'hello' },
      '/srv/shop/log/': { type: 'directory', owner: 'www', group: 'clerk', mode: 0o2750 },
      '/srv/payroll/salaries': 'alice 10\n',
      '/etc/motd': { linkTo: '/srv/shop/index.html' },
      '/var/run/queue': { type: 'fifo', owner: 'clerk' },
      '/var/blob': Uint8Array.of(1, 2, 3),
    },
    ports: { 80: 'www', 443: { owner: 'root', group: 'www', mode: 0o720 } },
  })

describe('scenario', () => {
  it('makes users with lines in /etc/passwd and /etc/group, and processes of theirs', () => {
    const { k, root, as } = shop()
    expect(readFile(root, '/etc/passwd')).toContain('clerk:x:1000:100::/home/clerk:/bin/sh\n')
    expect(readFile(root, '/etc/group')).toContain('www:x:33:\n')
    const clerk = as('clerk')
    expect([clerk.sys.getuid(), clerk.sys.getgid(), clerk.libc.getgroups()]).toEqual([1000, 100, [33]])
    expect([clerk.comm, as('www', { comm: 'httpd' }).comm]).toEqual(['clerk', 'httpd'])
    expect(k.mac.labelOf(clerk.pid)).toBe('65535:0+admin')
  })

  it('makes files with owners, modes and contents, and the directories above them', () => {
    const { root } = shop()
    expect(readFile(root, '/etc/motd')).toBe('hello')
    expect(root.libc.stat('/srv/shop/index.html')).toMatchObject({
      uid: 33,
      gid: 33,
      mode: 0o100640,
      size: 5,
    })
    expect(root.libc.stat('/srv/shop/log')).toMatchObject({ uid: 33, gid: 100, mode: 0o42750 })
    expect(root.libc.stat('/var/run')).toMatchObject({ uid: 0, mode: 0o40755 })
    expect(S_ISFIFO(root.libc.stat('/var/run/queue').mode)).toBe(true)
    expect(root.libc.stat('/var/blob')).toMatchObject({ size: 3, mode: 0o100644 })
  })

  it('gives compartments a label, a file system and an address of their own', () => {
    const { k, as, labelOf } = shop()
    const seller = as('root', { compartment: 'shop' })
    const payer = as('root', { compartment: 'payroll' })
    expect([labelOf('shop'), k.mac.labelOf(payer.pid)]).toEqual(['10:1', '20:2'])
    expect(seller.sys.open('/srv/shop/new', O_WRONLY | 0o100, 0o644)).toBeGreaterThanOrEqual(0)
    expect(seller.sys.open('/srv/payroll/salaries', O_RDONLY)).toBe(-13)
    expect(payer.sys.open('/srv/payroll/salaries', O_RDONLY)).toBeGreaterThanOrEqual(0)
    expect([seller.sys.open('/etc/passwd', O_RDONLY) >= 0, seller.sys.open('/etc/passwd', O_WRONLY)]).toEqual(
      [true, -13],
    )
    const bind = (p: typeof seller, addr: string): number =>
      p.sys.bind(p.libc.socket(AF_INET, SOCK_STREAM, 0), { family: AF_INET, addr, port: 8080 })
    expect([bind(seller, '10.0.0.1'), bind(seller, '10.0.0.2'), bind(payer, '10.0.0.2')]).toEqual([0, -99, 0])
  })

  it('gives reserved ports their owners', () => {
    const { k, as } = shop()
    expect(k.sockfs.entry(443)).toMatchObject({ uid: 0, gid: 33, mode: 0o720 })
    const www = as('www')
    const bind = (port: number): number =>
      www.sys.bind(www.libc.socket(AF_INET, SOCK_STREAM, 0), { family: AF_INET, addr: 0, port })
    expect([bind(80), bind(443), bind(81)]).toEqual([0, 0, -13])
  })

  it('is the same to the last byte each time', () => {
    expect(shop().k.digest()).toBe(shop().k.digest())
  })

  it('can be a kernel of a world', () => {
    const world = createWorld({ seed: 3 })
    const { k } = scenario({ world, modules: [net()], users: { alice: 1000 } })
    expect(world.kernels).toContain(k)
  })

  it('keeps the last lines of the trace', () => {
    const { k, as } = scenario({ users: { alice: 1000 }, traceLines: 2 })
    const { sys } = as('alice')
    sys.getpid()
    sys.getuid()
    sys.mkdir('/etc/x', 0o755)
    expect(traceTail(k)).toEqual([
      '[pid     3] getuid() = 1000',
      '[pid     3] mkdir("/etc/x", 0755) = -1 EACCES (Permission denied)',
    ])
    expect(traceTail(scenario({ traceLines: 0 }).k)).toBeUndefined()
    const stop = keepTraceTail(k)
    stop()
    expect(traceTail(k)).toBeUndefined()
    expect(() => keepTraceTail(k, 0)).toThrow(RangeError)
  })

  it('runs programs in a compartment', () => {
    const { k, as } = shop()
    const seen: string[] = []
    const p = as('www', {
      compartment: 'shop',
      *program(sys) {
        const buf = new Uint8Array(64)
        const fd = yield* sys.open('/proc/self/mac_label', O_RDONLY)
        seen.push(utf8Decode(buf.subarray(0, yield* sys.read(fd as number, buf))))
        return 0
      },
    })
    k.run()
    expect([seen, p.exitCode]).toEqual([['10:1\n'], 0])
  })
})

describe('what cannot be is refused with a sentence', () => {
  const wrong: [name: string, make: () => unknown, sentence: RegExp][] = [
    ['no object', () => scenario(null as never), /an options object is wanted, not null/],
    ['an unknown option', () => scenario({ user: {} } as never), /unknown option 'user'; known are users,/],
    ['users that are no object', () => scenario({ users: 3 as never }), /users: an object by name/],
    [
      'a uid out of range',
      () => scenario({ users: { a: -1 } }),
      /user a: an id of 0 to 65535 is wanted, not -1/,
    ],
    ['no uid', () => scenario({ users: { a: null as never } }), /user a: an id/],
    ['a second root', () => scenario({ users: { root: 5 } }), /there is a user root already/],
    ['a name with a colon', () => scenario({ users: { 'a:b': 5 } }), /no name of a user/],
    ['an unknown user', () => scenario({}).as('nobody' as never), /no user 'nobody': known users are root/],
    ['an unknown owner', () => scenario({ files: { '/a': { owner: 'x' as never } } }), /no user 'x'/],
    ['a relative path', () => scenario({ files: { a: '' } }), /'a': an absolute path/],
    ['a strange type', () => scenario({ files: { '/a': { type: 'socket' as never } } }), /directory or fifo/],
    ['a strange file', () => scenario({ files: { '/a': 3 as never } }), /text, bytes or a description/],
    ['compartments without mac', () => scenario({ compartments: { a: 1 } }), /add mac\(\)/],
    ['ports without sockfs', () => scenario({ ports: { 80: 'root' } }), /add sockfs\(\)/],
    [
      'addresses without net',
      () => scenario({ modules: [mac()], compartments: { a: { number: 1, address: '10.0.0.1/8' } } }),
      /add net\(\)/,
    ],
    [
      'compartment 0',
      () => scenario({ modules: [mac()], compartments: { a: 0 } }),
      /a number of 1 to 65535 is wanted, not 0/,
    ],
    [
      'a grade out of range',
      () => scenario({ modules: [mac()], compartments: { a: { number: 1, grade: 65536 } } }),
      /a grade of 0 to 65535/,
    ],
    [
      'an unknown compartment',
      () => scenario({ modules: [mac()], compartments: { a: 1 } }).as('root', { compartment: 'b' as never }),
      /no compartment 'b': known are a/,
    ],
    [
      'two compartments of one number',
      () => scenario({ modules: [mac()], compartments: { a: 1, b: 1 } }),
      /compartments a and b have the same number/,
    ],
    [
      'an address without the bits of its network',
      () => scenario({ modules: [net(), mac()], compartments: { a: { number: 1, address: '10.0.0.1' } } }),
      /such as 10\.0\.0\.1\/24, is wanted/,
    ],
    ['an unknown word of a file', () => scenario({ files: { '/a': { contents: '' } as never } }), /contents/],
    ['an unknown word of a user', () => scenario({ users: { a: { uid: 1, shell: '' } as never } }), /shell/],
    ['a uid besides the user', () => scenario({}).as('root', { uid: 3 } as never), /the user says that/],
    [
      'port 2000',
      () => scenario({ modules: [net(), sockfs()], ports: { 2000: 'root' } }),
      /port 2000: 1 to 1024 is wanted/,
    ],
  ]
  it.each(wrong)('%s', (_name, make, sentence) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(sentence)
  })

  it("a file below a file is the kernel's answer", () => {
    expect(() => scenario({ files: { '/etc/passwd/x': '' } })).toThrow(SyscallError)
  })
})
