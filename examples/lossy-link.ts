/**
 * Two kernels on one clock, a link that loses frames, and a file that is sent through it.
 *
 * The sender is Linux 2.2, the receiver 2.6. The link is cut for a while; a copy of the whole world, made in that moment,
 * ends as the original does. What was on the wire goes into a file that Wireshark and tshark read.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/lossy-link.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isErr, O_CREAT, O_RDONLY, O_WRONLY } from 'paleokernel'
import { AF_INET, createWorld, net, SHUT_WR, SOCK_STREAM } from 'paleokernel/net'
import { isMain } from './main.js'
import type { Print } from './story.js'

const OUT = new URL('../demo-out/', import.meta.url)
const SIZE = 300_000
const SERVER = { family: AF_INET, addr: '10.0.0.2', port: 5000 } as const

/** Prints what happens; true when all of it is as it should be. `out` is the folder for the capture. */
export function lossyLink(print: Print, out = OUT): boolean {
  const world = createWorld({ seed: 4 })
  const sender = world.createKernel({ modules: [net()], profile: '2.2.12' })
  const receiver = world.createKernel({ modules: [net()], profile: '2.6.14' })
  sender.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 1))
  sender.net.configure('eth0', { address: '10.0.0.1/24' })
  receiver.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, 2))
  receiver.net.configure('eth0', { address: '10.0.0.2/24' })

  const link = world.link(sender, 'eth0', receiver, 'eth0', {
    delay: 20,
    rate: 10_000_000,
    loss: 0.01,
    reorder: 0.02,
  })
  const capture = link.capture()

  receiver.spawn({
    *program(sys) {
      const listener = yield* sys.socket(AF_INET, SOCK_STREAM)
      const file = yield* sys.open('/tmp/received', O_CREAT | O_WRONLY, 0o644)
      if (isErr(listener) || isErr(file)) return 1
      yield* sys.bind(listener, SERVER)
      yield* sys.listen(listener, 1)
      const fd = yield* sys.accept(listener)
      if (isErr(fd)) return 1
      const buf = new Uint8Array(16_384)
      for (;;) {
        const n = yield* sys.recv(fd, buf)
        if (n <= 0) return 0
        yield* sys.write(file, buf.slice(0, n))
      }
    },
  })

  const file = new Uint8Array(SIZE).map((_, at) => (at * 7) >> 4)
  const source = sender.spawn()
  const fd = source.libc.socket(AF_INET, SOCK_STREAM)
  // Waits for the connection: both kernels, and the link, go on meanwhile.
  source.libc.connect(fd, SERVER)
  print(`connected at ${world.now.toFixed(1)} ms: ARP and a handshake, 20 ms each way`)

  const sending = source.begin.send(fd, file)
  world.advance(300)
  link.cut()
  const copy = world.fork()
  print(`the link is cut at ${world.now.toFixed(1)} ms, with ${link.counters[0].frames} frames sent`)

  const finish = (which: typeof world): string => {
    which.advance(5000)
    which.twinOf(link).mend()
    which.run({ until: which.now + 60_000 })
    return which.digest()
  }
  const digest = finish(world)
  print(`${sending.result} of ${SIZE} bytes have been sent`)
  source.libc.shutdown(fd, SHUT_WR)
  world.run()

  const [there, back] = link.counters
  print(`the link has lost ${there.lost + back.lost} frames, and ${there.cut + back.cut} while it was cut`)
  const reader = receiver.spawn()
  const received = new Uint8Array(SIZE + 1)
  const length = reader.libc.read(reader.libc.open('/tmp/received', O_RDONLY), received)
  const isWhole = length === SIZE && file.every((byte, at) => byte === received[at])
  print(`${length} bytes have come, ${isWhole ? 'each as it was' : 'NOT as they were'}`)

  const same = finish(copy) === digest
  print(`the copy that was made when the link was cut ends ${same ? 'in the same state' : 'DIFFERENTLY'}`)

  mkdirSync(out, { recursive: true })
  const path = new URL('lossy-link.pcap', out)
  writeFileSync(path, capture.pcap())
  print(`what was on the wire, ${capture.packets.length} frames: ${fileURLToPath(path)}`)
  return same && isWhole
}

if (isMain(import.meta.url)) process.exitCode = lossyLink(console.log) ? 0 : 1
