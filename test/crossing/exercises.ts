/** The modules, and what each of them is put through: calls and their answers, in which no pid appears. */
import {
  createKernel,
  type Kernel,
  MS_REMOUNT,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  type Process,
  type Profile,
  S_IFCHR,
  utf8Decode,
} from 'paleokernel'
import { type BlockApi, block } from 'paleokernel/block'
import { type Bufflink, type BufflinkApi, bufflink } from 'paleokernel/bufflink'
import { CN_IDX_PROC, type ConnectorApi, connector } from 'paleokernel/connector'
import { type MacApi, mac } from 'paleokernel/mac'
import { AF_INET, AF_NETLINK, AF_UNIX, type NetApi, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { type ReqlogApi, reqlog } from 'paleokernel/reqlog'
import { seccomp } from 'paleokernel/seccomp'
import { type SockfsApi, sockfs } from 'paleokernel/sockfs'
import { NETLINK_CONNECTOR } from '../../src/abi/netlink.js'
import { bytes, readFile } from '../helpers/world.js'

/** All of them by name, each with what it cannot do without. */
export const MODULES = {
  net: { make: net, needs: [] },
  mac: { make: mac, needs: [] },
  seccomp: { make: seccomp, needs: [] },
  block: { make: block, needs: [] },
  bufflink: { make: bufflink, needs: [] },
  reqlog: { make: reqlog, needs: ['bufflink', 'block'] },
  sockfs: { make: sockfs, needs: ['net'] },
  connector: { make: () => connector({ processEvents: '2.6.15' }), needs: ['net'], since: '2.6.14' },
} as const

export type ModuleName = keyof typeof MODULES

const NAMES = Object.keys(MODULES) as readonly ModuleName[]

/** Those that a kernel of this profile can have. */
export const namesOf = (profile: Profile): readonly ModuleName[] =>
  NAMES.filter((name) => !('since' in MODULES[name]) || profile === MODULES[name].since)

/** These modules and all that they need. */
export function closure(names: readonly ModuleName[]): ModuleName[] {
  const all = new Set(names)
  for (const name of all) for (const need of MODULES[name].needs) all.add(need)
  return [...all]
}

/** A kernel with modules in this order. */
export const kernelOf = (order: readonly ModuleName[], profile: Profile): Kernel =>
  createKernel({ profile, modules: order.map((name) => MODULES[name].make()) }) as unknown as Kernel

type Exercise = (k: Kernel, root: Process) => unknown[]

const has = <Api>(k: Kernel, name: string): Api => (k as unknown as Record<string, Api>)[name] as Api

/** Datagrams and a stream over the loopback device, and a socket with a name. */
const netExercise: Exercise = (k, root) => {
  const { sys, libc } = root as ReturnType<ReturnType<typeof withNet>['spawn']>
  const at = (port: number) => ({ family: AF_INET, addr: '127.0.0.1', port }) as const
  const answers: unknown[] = []
  const a = libc.socket(AF_INET, SOCK_DGRAM, 0)
  answers.push(sys.bind(a, at(5000)), sys.bind(libc.socket(AF_INET, SOCK_DGRAM, 0), at(5000)))
  const b = libc.socket(AF_INET, SOCK_DGRAM, 0)
  answers.push(sys.sendto(b, bytes('one'), 0, at(5000)), sys.sendto(b, bytes('lost'), 0, at(5001)))
  const buf = new Uint8Array(64)
  answers.push(sys.recv(a, buf), utf8Decode(buf, 0, 3))
  const listener = libc.socket(AF_INET, SOCK_STREAM, 0)
  answers.push(sys.bind(listener, at(8080)), sys.listen(listener, 1))
  const client = libc.socket(AF_INET, SOCK_STREAM, 0)
  answers.push(sys.connect(client, at(8080)))
  const served = libc.accept(listener)
  answers.push(
    sys.send(client, bytes('hello')),
    sys.recv(served, buf),
    sys.close(served),
    sys.recv(client, buf),
  )
  const named = libc.socket(AF_UNIX, SOCK_DGRAM, 0)
  answers.push(sys.bind(named, { family: AF_UNIX, path: '/tmp/named' }), libc.stat('/tmp/named').mode)
  answers.push(has<NetApi>(k, 'net').socketsInUse)
  return answers
}

const withNet = () => createKernel({ modules: [net()] })

/** Two compartments that neither see nor reach one another, on a common root. */
const macExercise: Exercise = (k, root) => {
  const api = has<MacApi>(k, 'mac')
  const answers: unknown[] = [root.sys.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0+shared')]
  const [shop, payroll] = [k.spawn(), k.spawn()]
  api.setLabel(shop.pid, '10:1')
  api.setLabel(payroll.pid, '10:2')
  answers.push(shop.sys.kill(payroll.pid, 0), shop.sys.kill(shop.pid, 0), root.sys.kill(payroll.pid, 0))
  answers.push(
    shop.sys.open('/etc/passwd', O_RDONLY) >= 0,
    shop.sys.open('/etc/new', O_CREAT | O_WRONLY, 0o644),
  )
  answers.push(shop.sys.access(`/proc/${payroll.pid}/stat`, 0), readFile(shop, '/proc/self/mac_label'))
  answers.push(root.sys.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0'), [...api.refusals])
  return answers
}

/** A child that may read and write, and dies of all else. */
const seccompExercise: Exercise = (k, root) => {
  const child = k.process(root.libc.fork())
  if (child === undefined) return ['no child']
  const file = `/proc/${child.pid}/seccomp`
  const fd = root.sys.open(file, O_WRONLY)
  if (fd < 0) return [fd] // mode 1 is of 2.6.12
  const answers: unknown[] = [root.sys.write(fd, bytes('1\n')), child.sys.write(99, bytes('x'))]
  child.sys.getpid()
  answers.push(child.killedBy, root.libc.waitpid(child.pid).status, root.sys.close(fd))
  return answers
}

/** Blocks through the cache to a disk and back. */
const blockExercise: Exercise = (k, root) => {
  const api = has<BlockApi>(k, 'block')
  const fd = root.sys.open('/dev/hda', O_RDWR)
  const buf = new Uint8Array(1024)
  const answers: unknown[] = [fd >= 0, root.sys.pwrite(fd, buf.fill(7), 64 * 1024), root.sys.fsync(fd)]
  answers.push(api.image('hda', 128, 1)[0], api.stats('hda').writes, root.sys.pread(fd, buf, 1024), buf[0])
  answers.push(root.sys.pread(fd, buf, 2 ** 40), root.sys.close(fd))
  return answers
}

/** A ring that is read through a node. */
const bufflinkExercise: Exercise = (k, root) => {
  const api = has<BufflinkApi>(k, 'bufflink')
  const ring = api.create({ minor: 9 }) as Bufflink
  const answers: unknown[] = [
    api.append(ring, bytes('ring')),
    root.sys.mknod('/dev/ring', S_IFCHR | 0o600, (120 << 8) | 9),
  ]
  const fd = root.sys.open('/dev/ring', O_RDONLY)
  const buf = new Uint8Array(16)
  answers.push(fd >= 0, root.sys.read(fd, buf), utf8Decode(buf, 0, 4), root.sys.close(fd))
  return answers
}

/** Two buffers that go to a disk have a note each. */
const reqlogExercise: Exercise = (k, root) => {
  const api = has<ReqlogApi>(k, 'reqlog')
  const before = api.counts().records
  const fd = root.sys.open('/dev/hda', O_RDWR)
  const answers: unknown[] = [root.sys.pwrite(fd, new Uint8Array(2048), 512 * 1024), root.sys.fsync(fd)]
  answers.push(api.counts().records - before, root.sys.close(fd), root.libc.stat('/dev/reqlog').rdev)
  return answers
}

/** A port of one user's. */
const sockfsExercise: Exercise = (k, root) => {
  const api = has<SockfsApi>(k, 'sockfs')
  const { sys } = root
  const answers: unknown[] = [sys.mkdir('/ports', 0o755), sys.mount('none', '/ports', api.type, 0, '')]
  answers.push(sys.chown('/ports/80', 33, 33))
  const bind = (uid: number, port: number): number => {
    const p = k.spawn({ uid }) as ReturnType<ReturnType<typeof withNet>['spawn']>
    const fd = p.libc.socket(AF_INET, SOCK_STREAM, 0)
    const answer = p.sys.bind(fd, { family: AF_INET, addr: 0, port })
    p.sys.close(fd)
    return answer
  }
  answers.push(bind(33, 80), bind(34, 80), bind(33, 81), bind(0, 81), bind(34, 2000))
  answers.push(sys.umount('/ports'), bind(33, 80))
  return answers
}

/** A child that ends is told of to whoever listens, and a message to a client that is there. */
const connectorExercise: Exercise = (k, root) => {
  const { sys, libc } = root as ReturnType<ReturnType<typeof withNet>['spawn']>
  const api = has<ConnectorApi>(k, 'connector')
  const fd = libc.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR)
  const answers: unknown[] = [sys.bind(fd, { family: AF_NETLINK, pid: 0, groups: CN_IDX_PROC })]
  const listen = new Uint8Array(40)
  const view = new DataView(listen.buffer)
  for (const [at, word] of [
    [0, 40],
    [16, 1],
    [20, 1],
    [36, 1],
  ] as const)
    view.setUint32(at, word, true)
  view.setUint16(32, 4, true)
  answers.push(sys.send(fd, listen))
  k.run()
  answers.push(api.listeners())
  k.process(libc.fork())?.sys.exit(0)
  libc.waitpid(-1)
  const buf = new Uint8Array(256)
  const kinds: number[] = []
  for (let n = sys.recv(fd, buf, 0x40); n > 0; n = sys.recv(fd, buf, 0x40))
    kinds.push(new DataView(buf.buffer).getUint32(36, true))
  answers.push(
    kinds,
    api.clients().map(({ name }) => name),
  )
  return answers
}

const EXERCISES: Readonly<Record<ModuleName, Exercise>> = {
  net: netExercise,
  mac: macExercise,
  seccomp: seccompExercise,
  block: blockExercise,
  bufflink: bufflinkExercise,
  reqlog: reqlogExercise,
  sockfs: sockfsExercise,
  connector: connectorExercise,
}

/** What the exercise of each module answers, in the order of NAMES, and the digest at the end. */
export function tour(
  order: readonly ModuleName[],
  profile: Profile,
): { readonly answers: ReadonlyMap<ModuleName, unknown[]>; readonly k: Kernel } {
  const k = kernelOf(order, profile)
  const answers = new Map<ModuleName, unknown[]>()
  for (const name of NAMES) if (order.includes(name)) answers.set(name, EXERCISES[name](k, k.spawn()))
  return { answers, k }
}
