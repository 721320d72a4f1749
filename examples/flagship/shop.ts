/**
 * The web shop: a server that is not root and has port 80, and a renderer of strangers' making, which can reach nothing
 * but the two capabilities that it is given.
 */
import {
  isErr,
  type Kernel,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  type Program,
  type Sys,
  type SysOf,
  utf8Decode,
  utf8Encode,
} from 'paleokernel'
import { AF_INET, type NetModule, SOCK_STREAM } from 'paleokernel/net'
import { Broker, FILE, Link, type Steps } from 'paleokernel/seccomp'

/** What a program of a machine with sockets can call. */
export type NetSys = SysOf<Kernel<readonly [NetModule]>>

/** Handles of what the renderer is given: the template to read, the page to write. */
const TEMPLATE = 1
const PAGE = 2
/** The server's disk: a descriptor that the administrator has opened for it. */
export const DISK = 3
const BLOCK = 1024
/** Blocks of the table that a server keeps there. */
const TABLE = 997

/** Fills in the template. Then it tries what it was not given. */
function* renderer(link: Link, sys: Sys): Steps<void> {
  const template = yield* link.capability(FILE, TEMPLATE).call('read', 0, 4000)
  if (isErr(template)) return
  const page = utf8Decode(template).replace('{motd}', 'Fine goods').replace('{count}', '3')
  yield* link.capability(FILE, PAGE).call('write', 0, utf8Encode(page))
  yield* sys.open('/srv/shop/customers', O_RDONLY)
}

/** The child's last steps as itself: descriptors closed, mode 1 for good. */
function* confineSelf(sys: Sys): Steps<void> {
  const mode = yield* sys.open('/proc/self/seccomp', O_WRONLY)
  if (!isErr(mode)) yield* sys.write(mode, utf8Encode('1'))
}

/** Has the page rendered by a confined child; the status with which that one ended. */
export function* render(sys: Sys): Steps<number> {
  const calls = yield* sys.pipe()
  const replies = yield* sys.pipe()
  const template = yield* sys.open('/srv/shop/template.html', O_RDONLY)
  const page = yield* sys.open('/srv/shop/page.html', O_CREAT | O_RDWR, 0o600)
  if (isErr(calls) || isErr(replies) || isErr(template) || isErr(page)) return -1
  const pid = yield* sys.fork()
  if (isErr(pid)) return -1
  if (pid === 0) {
    yield* confineSelf(sys)
    yield* renderer(new Link(sys, replies[0], calls[1]), sys)
    yield* sys.exit(0)
  }
  yield* sys.close(calls[1])
  yield* sys.close(replies[0])
  const broker = new Broker(sys)
  const child = yield* broker.adopt({ pid, calls: calls[0], replies: replies[1] }, { errors: 5 })
  broker.grant(child, broker.offer({ kind: 'file', fd: template }), { readOnly: true })
  broker.grant(child, broker.offer({ kind: 'file', fd: page }), { quota: 4096 })
  yield* broker.serve()
  return child.status ?? -1
}

/** A listening socket on port 80 of this compartment. */
export function* listenOn80(sys: NetSys): Steps<number> {
  const listener = yield* sys.socket(AF_INET, SOCK_STREAM, 0)
  const bound = yield* sys.bind(listener, { family: AF_INET, addr: '0.0.0.0', port: 80 })
  if (bound < 0) return bound
  yield* sys.listen(listener, 5)
  return listener
}

/** Answers one client after the other with what is in a file, and notes each on the disk, `stride` blocks further on. */
export function* serve(sys: NetSys, listener: number, path: string, stride: number): Program {
  const request = new Uint8Array(512)
  const page = new Uint8Array(4096)
  const record = new Uint8Array(BLOCK)
  for (let served = 0; ; served++) {
    const client = yield* sys.accept(listener)
    if (isErr(client)) return 1
    yield* sys.recv(client, request)
    const fd = yield* sys.open(path, O_RDONLY)
    const size = isErr(fd) ? 0 : yield* sys.read(fd, page)
    yield* sys.send(client, utf8Encode('HTTP/1.0 200 OK\r\n\r\n'))
    yield* sys.send(client, page.subarray(0, Math.max(0, size)))
    yield* sys.close(client)
    if (!isErr(fd)) yield* sys.close(fd)
    yield* sys.pwrite(DISK, record.fill(served & 0xff), ((served * stride) % TABLE) * BLOCK)
    yield* sys.fsync(DISK)
  }
}

/** The server's program: the page is rendered once, then port 80 is served. Exit status 1 where that cannot be. */
export function* shopd(sys: NetSys): Program {
  yield* render(sys)
  const listener = yield* listenOn80(sys)
  if (listener < 0) return 1
  return yield* serve(sys, listener, '/srv/shop/page.html', 389)
}
