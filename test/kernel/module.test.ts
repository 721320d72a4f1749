/** Modules: what a list of them must be, what they contribute, and what becomes of it in copies of the kernel. */
import {
  type AnyModule,
  blob,
  createKernel,
  type Dentry,
  defineFileOps,
  defineModule,
  EINVAL,
  ENODEV,
  EPERM,
  type Inode,
  isErr,
  KernelBug,
  type KernelCore,
  O_RDONLY,
  S_IFCHR,
  type Task,
  utf8Decode,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { checkState, ok, readFile } from '../helpers/world.js'

/** A module with nothing but a name and what is given. */
const named = (name: string, more: Partial<AnyModule> & { contributes?: object } = {}): AnyModule => {
  const { contributes, ...rest } = more
  return { name, init: () => ({}), attach: () => ({ api: { name }, ...contributes }), ...rest }
}

const make = (...modules: unknown[]): unknown => createKernel({ modules: modules as never })

describe('a list of modules that cannot work is refused at creation', () => {
  const device = (name: string, major: number, node = name): object => ({
    devices: [{ name, major, nodes: [{ name: node, minor: 0, mode: 0o666 }], open: () => null }],
  })
  const fs = (name: string): object => ({ filesystems: [{ name, mount: () => EINVAL }] })

  it.each<[string, unknown[], string]>([
    ['no module', ['mac'], 'modules: mac is not a module: pass what a factory such as net() returns'],
    ['a factory', [() => named('a')], 'is not a module: pass what a factory such as net() returns'],
    ['nothing', [null], 'modules: null is not a module'],
    ['no name', [named('')], "modules: a module's name must be a word such as 'mac', not \"\""],
    [
      'a name that is no word',
      [named('my-module')],
      "modules: a module's name must be a word such as 'mac', not \"my-module\"",
    ],
    [
      'no attach',
      [{ name: 'a', init: () => ({}) }],
      "module 'a' must have the functions init and attach: see defineModule",
    ],
    ['a duplicate', [named('a'), named('b'), named('a')], "module 'a' is given twice: pass each module once"],
    [
      'a missing requirement',
      [named('a', { requires: ['net'] })],
      "module 'a' requires module 'net': add net() to modules",
    ],
    [
      'a conflict',
      [named('a', { conflicts: ['b'] }), named('b')],
      "modules 'a' and 'b' conflict: pass one of them",
    ],
    [
      'a circle',
      [named('a', { requires: ['b'] }), named('b', { requires: ['c'] }), named('c', { requires: ['a'] })],
      'modules require each other in a circle: a -> b -> c -> a',
    ],
    [
      'a circle of uses',
      [named('a', { uses: ['b'] }), named('b', { uses: ['a'] })],
      'in a circle: a -> b -> a',
    ],
    [
      'the name of a member',
      [named('fork')],
      "'fork' is the name of a kernel member: call the module something else",
    ],
    ['the name of an inner member', [named('state')], "'state' is the name of a kernel member"],
    [
      'no contributions',
      [named('a', { attach: () => undefined as never })],
      "module 'a': attach must return contributions with an api",
    ],
    [
      'contributions without an api',
      [named('a', { attach: () => ({}) as never })],
      "module 'a': attach must return contributions with an api",
    ],
    [
      'a file system of the core',
      [named('a', { contributes: fs('proc') })],
      "file system 'proc' is contributed by the core and by module 'a'",
    ],
    [
      'a file system twice',
      [named('a', { contributes: fs('x') }), named('b', { contributes: fs('x') })],
      "file system 'x' is contributed by module 'a' and by module 'b'",
    ],
    [
      'a call of the core',
      [named('a', { contributes: { syscalls: { open: () => 0 } } })],
      "module 'a' contributes 'open', which is a system call of the core",
    ],
    [
      'a call by another name',
      [named('a', { contributes: { syscalls: { exec: () => 0 } } })],
      "module 'a' contributes 'exec', which is a system call of the core",
    ],
    [
      'a call twice',
      [
        named('a', { contributes: { syscalls: { frob: () => 0 } } }),
        named('b', { contributes: { syscalls: { frob: () => 0 } } }),
      ],
      "system call 'frob' is contributed by module 'a' and by module 'b'",
    ],
    [
      'a call that is no function',
      [named('a', { contributes: { syscalls: { frob: 5 } } })],
      "module 'a': system call 'frob' is not a function",
    ],
    [
      'a timer handler twice',
      [
        named('a', { contributes: { timers: { tick: () => {} } } }),
        named('b', { contributes: { timers: { tick: () => {} } } }),
      ],
      "timer handler 'tick' is contributed by module 'a' and by module 'b'",
    ],
    [
      'a device number twice',
      [named('a', { contributes: device('one', 60) }), named('b', { contributes: device('two', 60) })],
      "device 'two' of module 'b' wants char major 60, which device 'one' of module 'a' has",
    ],
    [
      'a device number of the core',
      [named('a', { contributes: device('mine', 1) })],
      "device 'mine' of module 'a' wants char major 1",
    ],
    [
      'a device number out of range',
      [named('a', { contributes: device('far', 5000) })],
      'major 5000 is not between 1 and 127',
    ],
    [
      'a device node twice',
      [
        named('a', { contributes: device('one', 60, 'x') }),
        named('b', { contributes: device('two', 61, 'x') }),
      ],
      "device 'two' of module 'b' wants the node 'x', which device 'one' of module 'a' has",
    ],
    [
      "a node of another's device twice",
      [
        named('a', { contributes: device('one', 60, 'x') }),
        named('b', { contributes: { nodes: [{ driver: 'one', name: 'x', minor: 1, mode: 0o600 }] } }),
      ],
      "device 'one' of module 'b' wants the node 'x', which device 'one' of module 'a' has",
    ],
    [
      'a node of a device that is not there',
      [named('b', { contributes: { nodes: [{ driver: 'one', name: 'x', minor: 1, mode: 0o600 }] } })],
      "module 'b' wants the node 'x' of device 'one', which nobody contributes",
    ],
    [
      'a node with a minor that is none',
      [named('b', { contributes: { nodes: [{ driver: 'mem', name: 'x', minor: 256, mode: 0o600 }] } })],
      "device 'mem' of the core: minor 256 of 'x' is not below 256",
    ],
    [
      'an entry of /proc twice',
      [named('a', { contributes: { proc: [{ path: 'version', mode: 0o444, read: () => '' }] } })],
      "module 'a'",
    ],
  ])('with %s', (_what, modules, message) => {
    expect(() => make(...modules)).toThrow(TypeError)
    expect(() => make(...modules)).toThrow(message)
  })
})

describe('the order of modules', () => {
  it('is the given one, but a module comes after those it requires or uses', () => {
    const order: string[] = []
    const noting = (name: string, more: Partial<AnyModule> = {}): AnyModule =>
      named(name, { ...more, init: () => ({ place: order.push(name) }) })
    make(noting('a', { requires: ['c'] }), noting('b', { uses: ['d', 'absent'] }), noting('c'), noting('d'))
    expect(order).toEqual(['c', 'a', 'd', 'b'])
  })

  it('is told by describe, with what each contributes', () => {
    const k = createKernel({
      modules: [
        named('late', {
          requires: ['early'],
          contributes: { hooks: { taskKill: () => 0 }, notify: { fork() {} } },
        }),
        named('early', {
          contributes: {
            syscalls: { frob: () => 0 },
            filesystems: [{ name: 'earlyfs', mount: () => EINVAL }],
            devices: [{ name: 'earlydev', major: 'dynamic', nodes: [], open: () => null }],
            proc: [{ path: 'early', mode: 0o444, read: () => 'x' }],
            timers: { tick: () => {} },
          },
        }),
      ],
    })
    const empty = {
      requires: [],
      hooks: [],
      syscalls: [],
      filesystems: [],
      devices: [],
      proc: [],
      notify: [],
      timers: [],
      loadable: [],
    }
    expect(k.describe().modules).toEqual([
      {
        ...empty,
        name: 'early',
        syscalls: ['frob'],
        filesystems: ['earlyfs'],
        devices: ['earlydev'],
        proc: ['early'],
        timers: ['tick'],
      },
      { ...empty, name: 'late', requires: ['early'], hooks: ['taskKill'], notify: ['fork'] },
    ])
    expect(k.describe().filesystems).toContain('earlyfs')
  })
})

/** Counts calls of each task; the API and the calls close over the state they were attached to. */
const counter = () =>
  defineModule({
    name: 'counter',
    init: () => ({ total: 0, byPid: new Map<number, number>() }),
    attach: (_k, state) => ({
      api: {
        get total() {
          return state.total
        },
        of: (pid: number) => state.byPid.get(pid) ?? 0,
      },
      syscalls: {
        count: (current: Task, by: number, ...rest: unknown[]) => {
          if (typeof by !== 'number' || rest.some((arg) => arg !== undefined)) return EINVAL
          state.total += by
          state.byPid.set(current.pid, (state.byPid.get(current.pid) ?? 0) + by)
          return state.total
        },
      },
    }),
  })

describe('a contributed system call', () => {
  it('is on every surface, with the calling task bound', () => {
    const k = createKernel({ modules: [counter()] })
    const p = k.spawn()
    expect([p.sys.count(2), p.libc.count(3), p.begin.count(4).result, k.counter.of(p.pid)]).toEqual([
      2, 5, 9, 9,
    ])
    expect(p.sys.count('x' as never)).toBe(EINVAL)
    expect(() => p.libc.count('x' as never)).toThrow('EINVAL: Invalid argument, count')
    k.spawn({
      program: function* (sys) {
        yield* sys.count(100)
      },
    })
    k.run()
    expect(k.counter.total).toBe(109)
  })

  it('is traced under its own name, with number -1', () => {
    const k = createKernel({ modules: [counter()] })
    const p = k.spawn()
    const seen: unknown[] = []
    k.trace.on('syscall:exit', ({ name, nr, ret }) => seen.push([name, nr, ret]))
    p.sys.count(1)
    expect(seen).toEqual([['count', -1, 1]])
  })

  it('does not exist in a kernel without the module', () => {
    createKernel({ modules: [counter()] })
    expect('count' in createKernel().spawn().sys).toBe(false)
  })
})

describe('the API of a module', () => {
  it('works on the state of its own kernel after a fork', () => {
    const k = createKernel({ modules: [counter()] })
    const p = k.spawn()
    p.sys.count(1)
    const copy = k.fork()
    const own = copy.process(p.pid)
    p.sys.count(10)
    own?.sys.count(100)
    own?.sys.count(1000)
    expect([k.counter.total, copy.counter.total]).toEqual([11, 1101])
    const again = copy.fork()
    again.process(p.pid)?.sys.count(1)
    expect([copy.counter.of(p.pid), again.counter.of(p.pid)]).toEqual([1101, 1102])
  })

  it('works on the restored state after a restore, calls of known handles as well', () => {
    const k = createKernel({ modules: [counter()] })
    const p = k.spawn()
    p.sys.count(1)
    const digest = k.digest()
    const snapshot = k.snapshot()
    p.sys.count(10)
    k.restore(snapshot)
    expect([k.counter.total, k.digest()]).toEqual([1, digest])
    expect([p.sys.count(5), k.counter.total]).toEqual([6, 6])
  })

  it('counts in the digest with its state', () => {
    const [one, two] = [createKernel({ modules: [counter()] }), createKernel({ modules: [counter()] })]
    const [p, q] = [one.spawn(), two.spawn()]
    expect(one.digest()).toBe(two.digest())
    p.sys.count(1)
    expect(one.digest()).not.toBe(two.digest())
    q.sys.count(1)
    expect(one.digest()).toBe(two.digest())
  })
})

describe('state of a module that cannot be copied', () => {
  it.each([
    [
      'a closure',
      () => ({ deep: [{ f: () => 1 }] }),
      'function in state at modules.get("bad").deep[0].f: use defineFileOps',
    ],
    ['a date', () => ({ when: new Date(0) }), 'Date in state at modules.get("bad").when: keep plain data'],
    ['a weak map', () => ({ seen: new WeakMap() }), 'WeakMap in state at modules.get("bad").seen'],
    ['a promise', () => ({ later: Promise.resolve() }), 'Promise in state at modules.get("bad").later'],
    [
      'a generator',
      () => ({ run: (function* () {})() }),
      'Generator in state at modules.get("bad").run: keep its journal instead',
    ],
  ])('%s is found by fork, snapshot and digest, with the path to it', (_what, init, message) => {
    const k = createKernel({ modules: [named('bad', { init })] })
    for (const copy of [() => k.fork(), () => k.snapshot(), () => k.digest()]) expect(copy).toThrow(message)
  })
})

describe('notifiers', () => {
  it('hear of fork, exec, setuid, exit and release, each once and in this order', () => {
    const heard: string[] = []
    const k = createKernel({
      modules: [
        named('watch', {
          contributes: {
            notify: {
              fork: (parent: Task, child: Task) => heard.push(`fork ${parent.pid} ${child.pid}`),
              exec: (task: Task) => heard.push(`exec ${task.pid} ${task.comm}`),
              setid: (task: Task) => heard.push(`setid ${task.pid} ${task.cred.uid}`),
              exit: (task: Task, code: number) => heard.push(`exit ${task.pid} ${code}`),
              release: (task: Task) => heard.push(`release ${task.pid}`),
            },
          },
        }),
      ],
      programs: {
        '/bin/next': function* (sys: { exit(code: number): Iterable<never> }) {
          yield* sys.exit(3)
        } as never,
      },
    })
    const p = k.spawn()
    heard.length = 0
    const pid = ok(p.sys.fork())
    const child = k.process(pid)
    child?.sys.setuid(77)
    child?.sys.execve('/bin/next', ['next'], [])
    k.run()
    p.sys.wait4(-1, 0)
    expect(heard).toEqual([
      `fork 2 ${pid}`,
      `setid ${pid} 77`,
      `exec ${pid} next`,
      `exit ${pid} 768`,
      `release ${pid}`,
    ])
  })

  it('of several modules run in their order', () => {
    const heard: string[] = []
    const noting = (name: string): AnyModule =>
      named(name, { contributes: { notify: { fork: () => heard.push(name) } } })
    const k = createKernel({ modules: [noting('a'), noting('b')] })
    heard.length = 0
    k.spawn().sys.fork()
    expect(heard).toEqual(['a', 'b', 'a', 'b'])
  })
})

/** Labels every new file with the pid of its maker. */
const labels = () =>
  defineModule({
    name: 'labels',
    init: () => ({}),
    attach: (k: KernelCore) => {
      const label = blob<{ maker: number }>(k.securitySlots.get('labels') ?? -1)
      return {
        api: { of: (inode: Inode) => label.get(inode)?.maker },
        hooks: {
          inodeInit: (current: Task, _dir: Inode, inode: Inode) => label.set(inode, { maker: current.pid }),
          inodeUnlink: (current: Task, _dir: Inode, dentry: Dentry) =>
            dentry.inode !== null && label.get(dentry.inode)?.maker !== current.pid ? EPERM : 0,
        },
      }
    },
  })

describe('a slot on an object', () => {
  it('survives fork and restore of the kernel, and belongs to its module', () => {
    const first = defineModule({ name: 'first', init: () => ({}), attach: () => ({ api: {} }) })
    const k = createKernel({ modules: [first, labels()] })
    const [p, q] = [k.spawn({ uid: 0 }), k.spawn({ uid: 0 })]
    ok(p.sys.creat('/tmp/mine', 0o666))
    const snapshot = k.snapshot()
    const copy = k.fork()
    expect(copy.process(q.pid)?.sys.unlink('/tmp/mine')).toBe(EPERM)
    expect(copy.process(p.pid)?.sys.unlink('/tmp/mine')).toBe(0)
    expect(q.sys.unlink('/tmp/mine')).toBe(EPERM)
    expect(p.sys.unlink('/tmp/mine')).toBe(0)
    k.restore(snapshot)
    expect([q.sys.unlink('/tmp/mine'), p.sys.unlink('/tmp/mine')]).toEqual([EPERM, 0])
    checkState(k)
  })

  it('is inherited by a child as a copy of the list', () => {
    const slots: (unknown[] | null)[] = []
    const k = createKernel({
      modules: [
        named('tag', {
          attach: (core: KernelCore) => {
            const tag = blob<number>(core.securitySlots.get('tag') ?? -1)
            return {
              api: {},
              syscalls: {
                tag: (current: Task, value?: number) => {
                  if (value !== undefined) tag.set(current, value)
                  slots.push(current.security)
                  return tag.get(current) ?? 0
                },
              },
            }
          },
        }),
      ],
    })
    const p = k.spawn() as unknown as { sys: { tag(value?: number): number; fork(): number } }
    p.sys.tag(5)
    const child = k.process(p.sys.fork()) as unknown as typeof p
    expect(child.sys.tag()).toBe(5)
    child.sys.tag(6)
    expect(p.sys.tag()).toBe(5)
  })
})

describe('contributed devices, file systems, proc entries, timers', () => {
  const echoOps = defineFileOps<{ text: string }>({
    name: 'test.echo',
    open(_current, _inode, file) {
      file.data = { text: 'hello' }
      return 0
    },
    read(_current, file, buf) {
      const { text } = file.data
      const count = Math.min(buf.length, text.length)
      for (let i = 0; i < count; i++) buf[i] = text.charCodeAt(i)
      file.data.text = text.slice(count)
      return count
    },
  })

  const echo = () =>
    defineModule({
      name: 'echo',
      init: () => ({ ticks: 0 }),
      attach: (k, state) => ({
        api: { ticks: () => state.ticks, start: (ms: number) => k.addTimer(ms, 'echo.tick', null) },
        devices: [
          {
            name: 'echo',
            major: 'dynamic' as const,
            nodes: [{ name: 'misc/echo', minor: 3, mode: 0o644 }],
            open: (_k: KernelCore, minor: number) => (minor === 3 ? echoOps : null),
          },
        ],
        proc: [{ path: 'echo', mode: 0o444, read: () => `ticks ${state.ticks}\n` }],
        timers: { 'echo.tick': () => void state.ticks++ },
      }),
    })

  it('are there from the start and in every copy', () => {
    const k = createKernel({ modules: [echo()] })
    const p = k.spawn()
    const fd = ok(p.sys.open('/dev/misc/echo', O_RDONLY))
    const buf = new Uint8Array(2)
    expect([p.sys.read(fd, buf), utf8Decode(buf)]).toEqual([2, 'he'])
    k.echo.start(10)
    const copy = k.fork()
    const own = copy.process(p.pid)
    for (const [kernel, process] of [
      [copy, own],
      [k, p],
    ] as const) {
      if (process === undefined) throw new Error('no such process')
      kernel.advance(10)
      expect([process.sys.read(fd, buf), utf8Decode(buf)]).toEqual([2, 'll'])
      expect([readFile(process, '/proc/echo'), kernel.echo.ticks()]).toEqual(['ticks 1\n', 1])
    }
  })

  it('answers ENODEV or ENXIO for a unit that the driver does not have', () => {
    const k = createKernel({ modules: [echo()], profile: '2.2.12' })
    const p = k.spawn()
    const { rdev } = ok(p.sys.stat('/dev/misc/echo'))
    ok(p.sys.mknod('/tmp/other', S_IFCHR | 0o666, rdev - 1))
    ok(p.sys.mknod('/tmp/none', S_IFCHR | 0o666, 99 << 8))
    expect(isErr(p.sys.open('/tmp/other', O_RDONLY))).toBe(true)
    expect(p.sys.open('/tmp/none', O_RDONLY)).toBe(ENODEV)
  })

  it("are there with further nodes, of another module's driver", () => {
    const nodes = [{ driver: 'echo', name: 'echo3', minor: 3, mode: 0o600 }]
    const echoer = defineModule({
      name: 'echoer',
      requires: ['echo'],
      init: () => ({}),
      attach: () => ({ api: {}, nodes }),
    })
    const k = createKernel({ modules: [echoer, echo()] })
    const p = k.spawn()
    const [own, other] = [ok(p.sys.stat('/dev/misc/echo')), ok(p.sys.stat('/dev/echo3'))]
    expect([other.mode, other.rdev]).toEqual([S_IFCHR | 0o600, own.rdev])
    const buf = new Uint8Array(9)
    expect([p.sys.read(ok(p.sys.open('/dev/echo3', O_RDONLY)), buf), utf8Decode(buf, 0, 5)]).toEqual([
      5,
      'hello',
    ])
  })

  it('is a bug where a timer has no handler', () => {
    const k = createKernel({
      modules: [
        named('a', {
          attach: (core: KernelCore) => ({ api: { start: () => core.addTimer(1, 'none', null) } }),
        }),
      ],
    })
    ;(k as unknown as { a: { start(): void } }).a.start()
    expect(() => k.run()).toThrow(KernelBug)
  })
})
