/** The host outside: customers of the shop, clerks who ask payroll, and a server that says who has called. */
import { isErr, type Program, utf8Decode, utf8Encode } from 'paleokernel'
import { AF_INET, SOCK_STREAM, type SockAddrIn } from 'paleokernel/net'
import type { NetSys } from './shop.js'

/** Asks a server for its page, again and again; what came is told to `heard`. */
export function* customer(
  sys: NetSys,
  addr: string,
  times: number,
  pause: number,
  heard: (answer: string) => void,
): Program {
  const buf = new Uint8Array(4096)
  for (let i = 0; i < times; i++) {
    yield* sys.nanosleep(pause)
    const fd = yield* sys.socket(AF_INET, SOCK_STREAM, 0)
    const done = yield* sys.connect(fd, { family: AF_INET, addr, port: 80 })
    if (isErr(done)) return 1
    yield* sys.send(fd, utf8Encode('GET / HTTP/1.0\r\n\r\n'))
    let answer = ''
    for (let n = yield* sys.recv(fd, buf); n > 0; n = yield* sys.recv(fd, buf))
      answer += utf8Decode(buf.subarray(0, n))
    yield* sys.close(fd)
    heard(answer.split('\r\n\r\n')[1] ?? '')
  }
  return 0
}

/** Says to everybody who connects from which address they do. */
export function* whoami(sys: NetSys): Program {
  const listener = yield* sys.socket(AF_INET, SOCK_STREAM, 0)
  yield* sys.bind(listener, { family: AF_INET, addr: '0.0.0.0', port: 7 })
  yield* sys.listen(listener, 5)
  for (;;) {
    const peer: Partial<SockAddrIn> = {}
    const fd = yield* sys.accept(listener, peer)
    if (isErr(fd)) return 1
    yield* sys.send(fd, utf8Encode(String(peer.addr)))
    yield* sys.close(fd)
  }
}
