/** The types of worlds: kernels with the APIs of their modules, links, and copies. */
import { expectTypeOf } from 'vitest'
import { createKernel, type Kernel } from '../../src/index.js'
import {
  createWorld,
  type Hub,
  type Link,
  type NetModule,
  net,
  type WireCapture,
  type WireCounters,
  type World,
} from '../../src/net/index.js'

const world = createWorld({ seed: 1, maxSteps: 100 })
expectTypeOf(world).toEqualTypeOf<World>()
expectTypeOf(world.createKernel()).toEqualTypeOf<Kernel>()
const k = world.createKernel({ modules: [net()], profile: '2.6.14', hostname: 'alpha' })
expectTypeOf(k).toEqualTypeOf<Kernel<readonly [NetModule]>>()
k.net.addEthernet('eth0', new Uint8Array(6))
k.spawn({
  *program(sys) {
    const fd = yield* sys.socket(2, 1)
    expectTypeOf(fd).not.toBeAny()
    return 0
  },
})
expectTypeOf(world.kernels).toEqualTypeOf<readonly Kernel[]>()

const link = world.link(k, 'eth0', k, 'eth1', { delay: 0.5, rate: 1e6, loss: 0.1, mtu: 1500 })
expectTypeOf(link).toEqualTypeOf<Link>()
expectTypeOf(link.counters).toEqualTypeOf<readonly [WireCounters, WireCounters]>()
expectTypeOf(link.capture()).toEqualTypeOf<WireCapture>()
expectTypeOf(link.capture().pcap()).toEqualTypeOf<Uint8Array>()
const hub = world.hub([
  [k, 'eth0'],
  [k, 'eth1'],
])
expectTypeOf(hub).toEqualTypeOf<Hub>()
expectTypeOf(hub.counters).toEqualTypeOf<WireCounters>()

expectTypeOf(world.run({ until: 5 })).toEqualTypeOf<number>()
expectTypeOf(world.step()).toEqualTypeOf<boolean>()
expectTypeOf(world.now).toEqualTypeOf<number>()
expectTypeOf(world.digest()).toEqualTypeOf<string>()
expectTypeOf(world.checkInvariants()).toEqualTypeOf<string[]>()
const copy = world.fork()
expectTypeOf(copy).toEqualTypeOf<World>()
expectTypeOf(copy.twinOf(k)).toEqualTypeOf<typeof k>()
expectTypeOf(copy.twinOf(link)).toEqualTypeOf<Link>()

// @ts-expect-error: there is no such option
createWorld({ sede: 1 })
// @ts-expect-error: there is no such option
world.link(k, 'eth0', k, 'eth1', { lose: 0.1 })
// @ts-expect-error: a delay is a number
world.link(k, 'eth0', k, 'eth1', { delay: '20ms' })
// @ts-expect-error: kernels, not their names
world.link('alpha', 'eth0', k, 'eth1')
// @ts-expect-error: a hub takes kernels with their devices
world.hub([k])
// @ts-expect-error: counters are read
link.counters[0].lost = 0
// @ts-expect-error: a world has no clock that can be set
world.now = 5
// @ts-expect-error: only kernels, links and hubs have twins
copy.twinOf(world)
// @ts-expect-error: a kernel without net() has no network
createKernel().net
