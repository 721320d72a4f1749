/**
 * Two kernels on a link, and programs that send a stream from one to the other: what the tests and sweeps of lossy links
 * are made of.
 */
import { isErr, type Profile, type Program, type Sys } from 'paleokernel'
import { AF_INET, createWorld, net, SHUT_WR, SOCK_STREAM, type WireOptions } from 'paleokernel/net'

/** The bytes of a stream are a function of where they are, so that nothing needs to be kept to compare. */
export const byteAt = (at: number): number => (Math.imul(at + 1, 2654435761) >>> 21) & 0xff

/** `length` bytes of the stream from `at` on. */
export function stretch(at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = byteAt(at + i)
  return bytes
}

/** Two kernels, 10.0.0.1 and 10.0.0.2, on one link. */
export function pairOnLink(seed: number, profile: Profile, wire: WireOptions) {
  const world = createWorld({ seed })
  const a = world.createKernel({ modules: [net()], profile })
  const b = world.createKernel({ modules: [net()], profile })
  for (const [k, last] of [
    [a, 1],
    [b, 2],
  ] as const) {
    k.net.addEthernet('eth0', Uint8Array.of(2, 0, 0, 0, 0, last))
    k.net.configure('eth0', { address: `10.0.0.${last}/24` })
  }
  const link = world.link(a, 'eth0', b, 'eth0', wire)
  return { world, a, b, link }
}

/** The sys of a program on a kernel with net(). */
export type NetSys = Sys & Record<string, (...args: unknown[]) => Generator<never, number, never>>

const SERVER = { family: AF_INET, addr: '10.0.0.2', port: 5000 } as const

/** What a side has seen of a stream. */
export interface Side {
  received: number
  /** The first byte that was not what it should be; -1 while all are right. */
  wrongAt: number
  /** When the last byte or the end came: ms. */
  doneAt: number
  error: number
}

export const newSide = (): Side => ({ received: 0, wrongAt: -1, doneAt: -1, error: 0 })

// biome-ignore lint/suspicious/noExplicitAny: programs of kernels with different modules
type AnySys = any

/** Sends `size` bytes, `chunk` at a time. */
export function* sendStream(sys: AnySys, fd: number, size: number, chunk: number, side: Side): Program {
  for (let at = 0; at < size; ) {
    const n: number = yield* sys.send(fd, stretch(at, Math.min(chunk, size - at)))
    if (n < 0) {
      side.error = n
      return 1
    }
    at += n
  }
  return 0
}

/** Receives until the end, and compares. */
export function* receiveStream(
  sys: AnySys,
  fd: number,
  chunk: number,
  side: Side,
  now: () => number,
): Program {
  const buf = new Uint8Array(chunk)
  for (;;) {
    const n: number = yield* sys.recv(fd, buf)
    if (n <= 0) {
      if (n < 0) side.error = n
      side.doneAt = now()
      return n < 0 ? 1 : 0
    }
    for (let i = 0; i < n && side.wrongAt < 0; i++) {
      if (buf[i] !== byteAt(side.received + i)) side.wrongAt = side.received + i
    }
    side.received += n
  }
}

/** How a transfer goes. */
export interface TransferOptions {
  readonly size: number
  readonly chunk?: number
  /** The server sends as much back, at the same time. */
  readonly bidirectional?: boolean
}

/** Starts a transfer from `a` to `b`; run the world to see it happen. */
export function startTransfer({ a, b }: ReturnType<typeof pairOnLink>, options: TransferOptions) {
  const { size, chunk = 32_768, bidirectional = false } = options
  const there = newSide()
  const back = newSide()
  b.spawn({
    journal: false,
    *program(sys: AnySys) {
      const fd = yield* sys.socket(AF_INET, SOCK_STREAM, 0)
      yield* sys.bind(fd, { ...SERVER, addr: '0.0.0.0' })
      yield* sys.listen(fd, 5)
      const s = yield* sys.accept(fd)
      if (bidirectional && (yield* sys.fork()) === 0) {
        yield* sendStream(sys, s, size, chunk, back)
        yield* sys.shutdown(s, SHUT_WR)
        return 0
      }
      yield* receiveStream(sys, s, chunk, there, () => b.now)
      return 0
    },
  })
  a.spawn({
    journal: false,
    *program(sys: AnySys) {
      const fd = yield* sys.socket(AF_INET, SOCK_STREAM, 0)
      const error = yield* sys.connect(fd, SERVER)
      if (isErr(error)) {
        there.error = error
        return 1
      }
      yield* sendStream(sys, fd, size, chunk, there)
      yield* sys.shutdown(fd, SHUT_WR)
      yield* receiveStream(sys, fd, chunk, back, () => a.now)
      return 0
    },
  })
  return { there, back }
}
