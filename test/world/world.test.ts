/** createWorld: several kernels on one clock, joined by links and hubs. */
import { checkInvariants, createKernel, isErr, type Program, WouldBlock } from 'paleokernel'
import { AF_INET, createWorld, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { netOf, oneWay, pairOnLink, startTalk } from '../helpers/transfer.js'

const mac = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, last)
const at = (last: number, port = 7) => ({ family: AF_INET, addr: `10.0.0.${last}`, port }) as const

type World = ReturnType<typeof createWorld>

/** A kernel with eth0 at 10.0.0.`last`. */
function machine(world: World, last: number) {
  const k = world.createKernel({ modules: [net()], profile: '2.6.14' })
  k.net.addEthernet('eth0', mac(last))
  k.net.configure('eth0', { address: `10.0.0.${last}/24` })
  return k
}

/** A datagram socket that is bound. */
function bound(k: ReturnType<typeof machine>) {
  const p = k.spawn()
  const fd = p.libc.socket(AF_INET, SOCK_DGRAM)
  p.libc.bind(fd, { family: AF_INET, addr: '0.0.0.0', port: 7 })
  return { p, fd, send: (last: number) => p.sys.sendto(fd, Uint8Array.of(42), 0, at(last)) }
}

describe('time', () => {
  it('is one clock for all kernels', () => {
    const world = createWorld()
    const [a, b] = [world.createKernel(), world.createKernel()]
    a.advance(5)
    expect([world.now, a.now, b.now]).toEqual([5, 5, 5])
    world.advance(2.5)
    world.runUntil(10)
    expect([world.now, a.now, b.now]).toEqual([10, 10, 10])
    expect(world.createKernel().now).toBe(10)
  })

  it('goes on in order: whoever is due first runs first, whichever kernel it is of', () => {
    const world = createWorld()
    const kernels = [0, 1, 2].map(() => world.createKernel())
    const order: string[] = []
    for (const [number, k] of kernels.entries()) {
      k.spawn({
        *program(sys): Program {
          for (let i = 0; i < 3; i++) {
            yield* sys.nanosleep((number + 1) * 100)
            order.push(`${number}@${Math.round(k.now)}`)
          }
          return 0
        },
      })
    }
    world.run()
    const times = order.map((entry) => Number(entry.split('@')[1]))
    expect(times).toEqual(times.slice().sort((x, y) => x - y))
    expect(new Set(order.map((entry) => entry[0]))).toEqual(new Set(['0', '1', '2']))
  })

  it('at the same moment kernels take turns, a step each', () => {
    const world = createWorld()
    const order: number[] = []
    for (let number = 0; number < 3; number++) {
      world.createKernel().spawn({
        *program(sys): Program {
          for (let i = 0; i < 4; i++) {
            order.push(number)
            yield* sys.getpid()
          }
          return 0
        },
      })
    }
    world.run()
    expect(order).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])
  })

  it('step() is one arrival or one call; run() counts them, and stops at `until` and `maxSteps`', () => {
    const pair = pairOnLink({ seed: 1, profiles: ['2.2.12', '2.2.12'], wire: { delay: 5 } })
    const { world } = pair
    startTalk(pair, oneWay(1000))
    expect(world.step()).toBe(true)
    expect(world.now).toBe(0)
    expect(world.run({ maxSteps: 3 })).toBe(3)
    world.run({ until: 7 })
    expect(world.now).toBeLessThanOrEqual(7)
    world.run()
    expect(world.step()).toBe(false)
    expect(() => createWorld({ maxSteps: 2 }).run({ until: -1 })).not.toThrow()
  })

  it('a run that does not end is given up after maxSteps', () => {
    const world = createWorld({ maxSteps: 100 })
    world.createKernel().spawn({
      *program(sys): Program {
        for (;;) yield* sys.getpid()
      },
    })
    expect(() => world.run()).toThrow(RangeError)
  })
})

describe('direct calls', () => {
  it('that wait let the whole world go on', () => {
    const world = createWorld()
    const [a, b] = [machine(world, 1), machine(world, 2)]
    world.link(a, 'eth0', b, 'eth0', { delay: 30 })
    b.spawn({
      *program(sys): Program {
        const fd = yield* sys.socket(AF_INET, SOCK_STREAM, 0)
        if (isErr(fd)) return 1
        yield* sys.bind(fd, { family: AF_INET, addr: '0.0.0.0', port: 7 })
        yield* sys.listen(fd, 1)
        const s = yield* sys.accept(fd)
        if (isErr(s)) return 1
        yield* sys.send(s, Uint8Array.of(1, 2, 3))
        return 0
      },
    })
    const p = a.spawn()
    const fd = p.libc.socket(AF_INET, SOCK_STREAM)
    expect(p.sys.connect(fd, at(2))).toBe(0)
    // A request, an answer, a SYN, a SYN-ACK (which has to find its way back, too).
    expect(a.now).toBeGreaterThanOrEqual(120)
    expect(a.now).toBe(b.now)
    const buf = new Uint8Array(8)
    expect(p.sys.recv(fd, buf)).toBe(3)
    expect(p.sys.recv(fd, buf)).toBe(0)
  })

  it('that nobody in the world can end say so', () => {
    const world = createWorld()
    const [a, b] = [machine(world, 1), machine(world, 2)]
    world.link(a, 'eth0', b, 'eth0')
    const { p, fd } = bound(a)
    bound(b).send(1)
    expect(p.sys.recv(fd, new Uint8Array(4))).toBe(1)
    expect(() => p.sys.recv(fd, new Uint8Array(4))).toThrow(WouldBlock)
  })
})

describe('a link', () => {
  it('delays, by fractions of a millisecond, and in order', () => {
    const world = createWorld()
    const [a, b] = [machine(world, 1), machine(world, 2)]
    const link = world.link(a, 'eth0', b, 'eth0', { delay: 0.25 })
    const [x, y] = [bound(a), bound(b)]
    expect(x.send(2)).toBe(1)
    expect(link.counters[0].inFlight).toBe(1)
    const buf = new Uint8Array(4)
    expect(y.p.sys.recv(y.fd, buf)).toBe(1)
    expect(world.now).toBe(0.75)
    expect(link.counters.map(({ delivered }) => delivered)).toEqual([2, 1])
  })

  it('sends a frame after the other at its rate, and drops what its queue does not hold', () => {
    const world = createWorld()
    const [a, b] = [machine(world, 1), machine(world, 2)]
    const link = world.link(a, 'eth0', b, 'eth0', { rate: 1_000_000, queue: 4 })
    const [x, y] = [bound(a), bound(b)]
    x.send(2)
    world.run()
    expect(link.options).toMatchObject({ rate: 1_000_000, queue: 4, delay: 0 })
    const start = world.now
    const frame = new Uint8Array(958)
    for (let i = 0; i < 10; i++) x.p.sys.sendto(x.fd, frame, 0, at(2))
    const seen = { frames: 0, last: 0 }
    for (; world.step(); ) seen.last = world.now
    while (y.p.sys.recv(y.fd, new Uint8Array(1000), 0x40) > 0) seen.frames++
    // 14 + 20 + 8 + 958 bytes: 8 ms.
    expect(seen.frames).toBe(5)
    expect(link.counters[0]).toMatchObject({ dropped: 6, inFlight: 0 })
    expect(world.now - start).toBeGreaterThanOrEqual(32)
  })

  it('loses, doubles and holds up as likely as it is told, the same with the same seed', () => {
    const run = (seed: number) => {
      const world = createWorld({ seed })
      const [a, b] = [machine(world, 1), machine(world, 2)]
      const link = world.link(a, 'eth0', b, 'eth0')
      const [x, y] = [bound(a), bound(b)]
      y.send(1)
      world.run({ until: 1000 })
      link.configure({ loss: 0.1, duplicate: 0.2, reorder: 0.3, reorderDelay: 3 })
      for (let i = 0; i < 3000; i++) {
        x.send(2)
        world.run({ until: world.now + 100 })
        while (y.p.sys.recv(y.fd, new Uint8Array(4), 0x40) > 0);
      }
      return { counters: link.counters[0], digest: world.digest() }
    }
    const { counters, digest } = run(7)
    expect(counters.lost / counters.frames).toBeCloseTo(0.1, 1)
    expect(counters.duplicated / counters.frames).toBeCloseTo(0.18, 1)
    expect(counters.reordered / counters.frames).toBeCloseTo(0.32, 1)
    expect(counters.delivered).toBe(counters.frames + counters.duplicated - counters.lost)
    expect(run(7)).toEqual({ counters, digest })
    expect(run(8).digest).not.toBe(digest)
  })

  it('that is cut loses what is on it and what is sent, until it is mended', () => {
    const world = createWorld()
    const [a, b] = [machine(world, 1), machine(world, 2)]
    const link = world.link(a, 'eth0', b, 'eth0', { delay: 10 })
    const [x, y] = [bound(a), bound(b)]
    x.send(2)
    link.cut()
    expect(link.isCut).toBe(true)
    x.send(2)
    world.advance(500)
    expect(link.counters[0]).toMatchObject({ cut: 1, delivered: 0 })
    expect(world.checkInvariants()).toEqual([])
    link.mend()
    world.run()
    expect(y.p.sys.recv(y.fd, new Uint8Array(4), 0x40)).toBe(1)
  })

  it('gives its MTU to its devices, and drops what is longer all the same', () => {
    const world = createWorld()
    const [a, b] = [machine(world, 1), machine(world, 2)]
    const link = world.link(a, 'eth0', b, 'eth0', { mtu: 576 })
    const [x, y] = [bound(a), bound(b)]
    x.p.sys.sendto(x.fd, new Uint8Array(1000), 0, at(2))
    expect(y.p.sys.recv(y.fd, new Uint8Array(2000))).toBe(1000)
    a.net.configure('eth0', { mtu: 1500 })
    x.p.sys.sendto(x.fd, new Uint8Array(1000), 0, at(2))
    world.run()
    expect(link.counters[0].tooLong).toBe(1)
    link.configure({ mtu: 1200 })
    expect(link.options.mtu).toBe(1200)
  })

  it('can be removed, and its devices linked anew', () => {
    const world = createWorld()
    const [a, b, c] = [machine(world, 1), machine(world, 2), machine(world, 3)]
    const link = world.link(a, 'eth0', b, 'eth0', { delay: 1 })
    const [x, z] = [bound(a), bound(c)]
    x.send(2)
    link.remove()
    expect(() => link.counters).toThrow(TypeError)
    world.link(a, 'eth0', c, 'eth0')
    x.send(3)
    expect(z.p.sys.recv(z.fd, new Uint8Array(4))).toBe(1)
    expect(world.checkInvariants()).toEqual([])
  })

  it('carries bytes that nobody else can change', () => {
    const world = createWorld()
    const k = world.createKernel({ modules: [net()] })
    k.net.addEthernet('eth0', mac(1))
    k.net.configure('eth0', { address: '10.0.0.1/24' })
    const other = machine(world, 2)
    world.link(k, 'eth0', other, 'eth0', { delay: 1, duplicate: 1 })
    const [x, y] = [bound(k), bound(other)]
    const data = new Uint8Array(8).fill(1)
    x.p.sys.sendto(x.fd, data, 0, at(2))
    world.run({ until: 2.5 })
    data.fill(9)
    world.run()
    const buf = new Uint8Array(8)
    expect(y.p.sys.recv(y.fd, buf)).toBe(8)
    expect(buf).toEqual(new Uint8Array(8).fill(1))
    buf.fill(7)
    const again = new Uint8Array(8)
    expect(y.p.sys.recv(y.fd, again)).toBe(8)
    expect(again).toEqual(new Uint8Array(8).fill(1))
  })
})

describe('a capture of a link', () => {
  it('has every frame once, lost ones too, in order, with the times of their sending; copies go on with their own', () => {
    const world = createWorld({ seed: 2 })
    const [a, b] = [machine(world, 1), machine(world, 2)]
    const link = world.link(a, 'eth0', b, 'eth0', { delay: 10, rate: 1_000_000, loss: 0.3, duplicate: 0.3 })
    const capture = link.capture()
    const x = bound(a)
    for (let i = 0; i < 20; i++) x.send(2)
    world.advance(1)
    const copy = world.fork()
    world.run()
    const { frames } = link.counters[0]
    const all = frames + link.counters[1].frames
    expect(capture.packets).toHaveLength(all)
    const times = capture.packets.map(({ sec, nsec }) => sec * 1e9 + nsec)
    expect(times).toEqual(times.slice().sort((p, q) => p - q))
    expect(capture.pcap().length).toBe(24 + capture.packets.reduce((sum, { length }) => sum + 16 + length, 0))
    const twin = copy.twinOf(link).captures[0]
    expect(twin?.packets.length).toBeLessThan(all)
    copy.run()
    expect(twin?.packets).toEqual(capture.packets)
    capture.stop()
    expect([capture.isRunning, twin?.isRunning]).toEqual([false, true])
    x.send(2)
    world.run()
    expect(capture.packets).toHaveLength(all)
    expect(world.checkInvariants()).toEqual([])
  })
})

describe('a hub', () => {
  it('brings what one sends to all others', () => {
    const world = createWorld()
    const kernels = [1, 2, 3, 4].map((last) => machine(world, last))
    const hub = world.hub(
      kernels.slice(0, 3).map((k) => [k, 'eth0'] as const),
      { delay: 1 },
    )
    const socks = kernels.map(bound)
    const all = { family: AF_INET, addr: '10.0.0.255', port: 7 } as const
    const [first] = socks
    if (first === undefined) throw new Error('no socket')
    first.p.sys.setsockopt(first.fd, 1, 6, 1)
    expect(first.p.sys.sendto(first.fd, Uint8Array.of(1), 0, all)).toBe(1)
    world.run()
    const heard = () => socks.map(({ p, fd }) => p.sys.recv(fd, new Uint8Array(4), 0x40) > 0)
    expect(heard().slice(1)).toEqual([true, true, false])
    expect(hub.counters).toMatchObject({ frames: 1, delivered: 2 })
    hub.plug(kernels[3] as (typeof kernels)[0], 'eth0')
    hub.unplug(kernels[1] as (typeof kernels)[0], 'eth0')
    first.p.sys.sendto(first.fd, Uint8Array.of(1), 0, all)
    world.run()
    expect(heard().slice(1)).toEqual([false, true, true])
    expect(world.checkInvariants()).toEqual([])
  })
})

describe('copies', () => {
  const options = { delay: 20, loss: 0.05, reorder: 0.1, duplicate: 0.02 }

  it('a world that is copied in mid-transfer goes on as its original, and the two are apart', () => {
    const { world, a, b, link } = pairOnLink({ seed: 3, profiles: ['2.6.14', '2.6.14'], wire: options })
    const [p, q] = [a.spawn(), b.spawn()]
    const l = q.libc.socket(AF_INET, SOCK_STREAM)
    q.libc.bind(l, { family: AF_INET, addr: '0.0.0.0', port: 7 })
    q.libc.listen(l, 1)
    const c = p.libc.socket(AF_INET, SOCK_STREAM)
    const connecting = p.begin.connect(c, at(2))
    world.run({ until: 60_000 })
    expect(connecting.result).toBe(0)
    p.begin.send(c, new Uint8Array(100_000))
    world.run({ until: world.now + 50 })
    expect(link.counters[0].inFlight).toBeGreaterThan(0)
    const before = world.digest()
    const copy = world.fork()
    expect(world.digest()).toBe(before)
    expect(copy.digest()).toBe(before)
    expect(copy.checkInvariants()).toEqual([])
    expect(copy.now).toBe(world.now)
    world.advance(2000)
    expect(copy.digest()).toBe(before)
    copy.advance(2000)
    expect(copy.digest()).toBe(world.digest())
    expect(copy.twinOf(link).counters).toEqual(link.counters)
    copy.twinOf(link).cut()
    expect(link.isCut).toBe(false)
    expect(copy.twinOf(a)).toBe(copy.kernels[0])
    expect(copy.twinOf(b).process(q.pid)?.pid).toBe(q.pid)
    expect(world.twinOf(copy.twinOf(a))).toBe(a)
  })

  it('checkInvariants() recounts a world, too, and finds what is wrong in it', () => {
    const { world, a } = pairOnLink({ seed: 1, profiles: ['2.6.14', '2.6.14'], wire: { delay: 5 } })
    bound(a).send(2)
    expect(checkInvariants(world)).toEqual([])
    const counters = world.state.wires[0]?.lanes[0]?.counters
    if (counters === undefined) throw new Error('no link')
    counters.inFlight++
    netOf(a).inUse++
    expect(checkInvariants(world)).toEqual([
      'link 0, lane 0: 2 in flight, 1 found',
      expect.stringMatching(/^kernel 0: the sockets in use/),
    ])
  })

  it.each([1, 2, 3, 4, 5, 6])('at any moment: seed %i', (seed) => {
    const wire = { delay: 7, loss: 0.08, reorder: 0.2, duplicate: 0.1, rate: 2_000_000, queue: 10 }
    const { world, a, b } = pairOnLink({ seed, profiles: ['2.2.12', '2.6.14'], wire })
    const [p, q] = [a.spawn(), b.spawn()]
    const l = q.libc.socket(AF_INET, SOCK_STREAM)
    q.libc.bind(l, { family: AF_INET, addr: '0.0.0.0', port: 7 })
    q.libc.listen(l, 1)
    const accepting = q.begin.accept(l)
    const c = p.libc.socket(AF_INET, SOCK_STREAM)
    while (p.sys.connect(c, at(2)) !== 0);
    while (accepting.blocked) world.step()
    const s = Number(accepting.result)
    p.begin.send(c, new Uint8Array(150_000).fill(seed))
    q.begin.recv(s, new Uint8Array(150_000), 0x100)
    const copies = []
    for (let n = 0; n < 5; n++) {
      world.run({ maxSteps: 40 + 13 * seed * n })
      copies.push(world.fork())
    }
    world.run({ until: 60_000 })
    const end = world.digest()
    for (const copy of copies) {
      copy.run({ until: 60_000 })
      expect(copy.digest()).toBe(end)
      expect(copy.checkInvariants()).toEqual([])
    }
  })

  it('has no twin for what came later or is of another world', () => {
    const world = createWorld()
    const a = machine(world, 1)
    const copy = world.fork()
    const late = machine(world, 2)
    machine(copy, 3)
    expect(() => copy.twinOf(late)).toThrow(TypeError)
    expect(() => createWorld().twinOf(a)).toThrow(TypeError)
    expect(() => world.twinOf(createKernel())).toThrow(TypeError)
  })

  it('a kernel can be copied out of a world: the copy is on its own', () => {
    const { world, a } = pairOnLink({ seed: 1, profiles: ['2.6.14', '2.6.14'] })
    const { send } = bound(a)
    const lone = a.fork()
    lone.advance(100)
    expect([lone.now, world.now]).toEqual([100, 0])
    expect(isErr(send(2))).toBe(false)
    expect(lone.net.takeFrames('eth0')).toEqual([])
    expect(checkInvariants(lone)).toEqual([])
  })
})

describe('misuse', () => {
  const world = createWorld()
  const a = machine(world, 1)
  const b = machine(world, 2)
  const bare = world.createKernel()
  const foreign = machine(createWorld(), 1)
  const lone = createKernel({ modules: [net()] })
  b.net.addEthernet('eth1', mac(9))
  world.link(b, 'eth1', machine(world, 3), 'eth0')
  const link = (...args: unknown[]) => (world.link as (...all: unknown[]) => unknown)(...args)

  it.each<[string, () => unknown, RegExp]>([
    ['an unknown device', () => link(a, 'eth7', b, 'eth0'), /no network device 'eth7'/],
    ['a device that is no card', () => link(a, 'lo', b, 'eth0'), /'lo' is no Ethernet device/],
    ['a device twice', () => link(a, 'eth0', a, 'eth0'), /'eth0' is plugged in already/],
    ['a device that is linked', () => link(a, 'eth0', b, 'eth1'), /'eth1' is plugged in already/],
    ['a kernel of another world', () => link(a, 'eth0', foreign, 'eth0'), /not of this world/],
    ['a lone kernel', () => link(a, 'eth0', lone, 'eth0'), /not of this world/],
    ['no kernel', () => link(a, 'eth0', {}, 'eth0'), /a kernel is wanted/],
    ['no device', () => link(a, 'eth0', b), /name of a device/],
    ['a kernel without net()', () => link(a, 'eth0', bare, 'eth0'), /has no network/],
    ['a probability over 1', () => link(a, 'eth0', b, 'eth0', { loss: 1.5 }), /loss must be a probability/],
    ['a probability under 0', () => link(a, 'eth0', b, 'eth0', { reorder: -0.1 }), /reorder must be/],
    ['no number', () => link(a, 'eth0', b, 'eth0', { duplicate: Number.NaN }), /duplicate must be/],
    ['a negative delay', () => link(a, 'eth0', b, 'eth0', { delay: -1 }), /delay must be/],
    ['an endless delay', () => link(a, 'eth0', b, 'eth0', { delay: Number.POSITIVE_INFINITY }), /delay/],
    ['a negative rate', () => link(a, 'eth0', b, 'eth0', { rate: -1 }), /rate must be/],
    ['no room', () => link(a, 'eth0', b, 'eth0', { queue: 0 }), /queue must be/],
    ['a small MTU', () => link(a, 'eth0', b, 'eth0', { mtu: 67 }), /mtu must be/],
    ['an unknown option', () => link(a, 'eth0', b, 'eth0', { lose: 1 }), /there is no option 'lose'/],
    ['options that are none', () => link(a, 'eth0', b, 'eth0', 7), /options are an object/],
    ['a hub of nothing', () => world.hub(null as never), /a list of/],
    ['a seed that is none', () => createWorld({ seed: 0.5 }), /seed must be/],
    ['a world option that is none', () => createWorld({ sede: 1 } as never), /no option 'sede'/],
    ['restoring a part', () => a.restore(a.snapshot()), /part of a world/],
    ['a device that is not in the hub', () => world.hub([]).unplug(a, 'eth0'), /not plugged in/],
  ])('%s is a TypeError, and nothing has changed', (_name, act, message) => {
    const before = world.fork()
    expect(act).toThrow(TypeError)
    expect(act).toThrow(message)
    expect(world.checkInvariants()).toEqual([])
    // Both devices are free still.
    const links = before.link(before.twinOf(a), 'eth0', before.twinOf(b), 'eth0')
    expect(links.isCut).toBe(false)
    world.link(a, 'eth0', b, 'eth0').remove()
  })

  it('time does not go back', () => {
    expect(() => world.advance(-1)).toThrow(RangeError)
    expect(() => world.advance(Number.NaN)).toThrow(RangeError)
    expect(() => world.runUntil(Number.POSITIVE_INFINITY)).toThrow(RangeError)
  })

  it('a trace listener must not drive the world', () => {
    const own = createWorld()
    const k = own.createKernel()
    let error: unknown = null
    k.trace.on('syscall:exit', () => {
      try {
        own.run()
      } catch (caught) {
        error = caught
      }
    })
    k.spawn().sys.getpid()
    expect(error).toBeInstanceOf(TypeError)
  })
})
