/**
 * The operations of a script on sockets, as sysrun.c's `doop` carries them out.
 */

import { EINVAL, EPROTONOSUPPORT, isErr } from 'paleokernel'
import {
  type ControlMessage,
  MSG_CTRUNC,
  MSG_NOSIGNAL,
  SO_PEERCRED,
  SOL_SOCKET,
  type Ucred,
} from 'paleokernel/net'
import type { Actor, Operation, Stage, Words } from './actor.js'
import type { Answer } from './answer.js'
import { failed, type Outcome, plain, step, stepEither } from './step.js'
import { dataOf, printData, printText, strtol } from './values.js'
import type { NetProcess } from './world.js'

const AF_UNIX = 1
const AF_INET = 2
const SCM_RIGHTS = 1
const F_SETFD = 2
const F_SETFL = 4
const O_RDWR = 2
const SUN_PATH_MAX = 107
const FD_DATA_MAX = 64
const FD_CONTROL_MAX = 256
const RECV_MAX = 1 << 18

const callsOf = ({ proc }: Actor): NetProcess['begin'] => (proc as NetProcess).begin

/** `mkaddr`: the bytes of a sockaddr, and a note of every port that a script has named. */
function addressOf(word: string, stage: Stage): Uint8Array {
  if (word.startsWith('unix:')) {
    const path = Buffer.from(word.slice(5), 'latin1').subarray(0, SUN_PATH_MAX)
    const isAbstract = path[0] === 0x40
    const bytes = new Uint8Array(2 + path.length + (isAbstract ? 0 : 1))
    bytes[0] = AF_UNIX
    bytes.set(path, 2)
    if (isAbstract) bytes[2] = 0
    return bytes
  }
  const isLoopback = word.startsWith('inet:')
  const port = strtol(word.slice(isLoopback ? 5 : 4), 10) & 0xffff
  stage.ports.add(port)
  const bytes = new Uint8Array(16)
  bytes[0] = AF_INET
  bytes[2] = port >> 8
  bytes[3] = port & 0xff
  if (isLoopback) bytes.set([127, 0, 0, 1], 4)
  return bytes
}

/** `praddr`: an address as the library hands it out; an object without members has not been filled. */
function printAddress(name: object, stage: Stage): string {
  const family: unknown = Reflect.get(name, 'family')
  if (family === AF_UNIX) {
    const text = printText(String(Reflect.get(name, 'path')))
    if (text === '') return 'unix'
    if (!text.startsWith('\0')) return `unix:${text}`
    // printf ends at the first NUL.
    return `unix:@${text.slice(1).replace(/\0.*$/s, '')}`
  }
  if (family === AF_INET) {
    const where = Reflect.get(name, 'addr') === '0.0.0.0' ? 'any' : 'inet'
    const port = Number(Reflect.get(name, 'port'))
    return port !== 0 && !stage.ports.has(port) ? `${where}:eph` : `${where}:${port}`
  }
  return family === undefined ? 'none' : `af${String(family)}`
}

function named(actor: Actor, words: Words, stage: Stage, call: 'getsockname' | 'getpeername'): Outcome {
  return step(callsOf(actor)[call](words.value(1)), (name) => ({ r: 0, ad: printAddress(name, stage) }))
}

function accept(actor: Actor, words: Words, stage: Stage): Outcome {
  const from = {}
  return step(callsOf(actor).accept(words.value(1), from), (fd) => ({ r: fd, ad: printAddress(from, stage) }))
}

function recv(actor: Actor, words: Words): Outcome {
  const size = words.number(2)
  if (size < 0) return { x: 'negative size' }
  const buf = new Uint8Array(Math.min(size, RECV_MAX))
  return step(callsOf(actor).recv(words.value(1), buf, words.value(3)), (count) => ({
    r: count,
    d: printData(buf.subarray(0, Math.min(count, size))),
  }))
}

function recvfrom(actor: Actor, words: Words, stage: Stage): Outcome {
  const size = words.number(2)
  if (size < 0) return { x: 'negative size' }
  const buf = new Uint8Array(Math.min(size, RECV_MAX))
  const from = {}
  return step(callsOf(actor).recvfrom(words.value(1), buf, 0, from), (count) => ({
    r: count,
    d: printData(buf.subarray(0, count)),
    ad: printAddress(from, stage),
  }))
}

function sendfd(actor: Actor, words: Words): Outcome {
  const control: ControlMessage[] = [{ level: SOL_SOCKET, type: SCM_RIGHTS, fds: [words.value(2)] }]
  const header = { iov: [Uint8Array.of(0x46)], control }
  return plain(callsOf(actor).sendmsg(words.value(1), header, MSG_NOSIGNAL))
}

function recvfd(actor: Actor, words: Words): Outcome {
  const data = new Uint8Array(FD_DATA_MAX)
  const control: ControlMessage[] = []
  const header = { iov: [data], control, controllen: FD_CONTROL_MAX, flags: 0 }
  return step(callsOf(actor).recvmsg(words.value(1), header, words.value(2)), (count) => {
    const [first] = control
    const fd = first !== undefined && 'fds' in first ? (first.fds[0] ?? -1) : -1
    const answer: Answer = { r: count, d: printData(data.subarray(0, count)), fd }
    if ((header.flags & MSG_CTRUNC) !== 0) answer.ctrunc = 1
    return answer
  })
}

function getsockopt(actor: Actor, words: Words, stage: Stage): Outcome {
  const option = words.value(2)
  return stepEither(callsOf(actor).getsockopt(words.value(1), SOL_SOCKET, option), (value) => {
    if (isErr(value)) return failed(value)
    if (option !== SO_PEERCRED) return { r: 0, v: Number(value) }
    const { pid, uid, gid } = value as Ucred
    return { r: 0, cred: [stage.pidName(pid), uid | 0, gid | 0] }
  })
}

/** A libc's flags of `type` on a kernel that does not know them. musl: socket, src/network/socket.c. */
const SOCK_CLOEXEC = 0o2000000
const SOCK_NONBLOCK = 0o4000
const SOCK_FLAGS = SOCK_CLOEXEC | SOCK_NONBLOCK

function socket(actor: Actor, words: Words): Outcome {
  const begin = callsOf(actor)
  const [family, type, protocol] = [words.value(1), words.value(2), words.value(3)]
  return stepEither(begin.socket(family, type, protocol), (fd) => {
    if (!isErr(fd)) return { r: fd }
    if ((fd !== EINVAL && fd !== EPROTONOSUPPORT) || (type & SOCK_FLAGS) === 0) return failed(fd)
    return step(begin.socket(family, type & ~SOCK_FLAGS, protocol), (plainFd) =>
      stepEither(begin.fcntl(plainFd, F_SETFD, (type & SOCK_CLOEXEC) !== 0 ? 1 : 0), () =>
        stepEither(begin.fcntl(plainFd, F_SETFL, O_RDWR | (type & SOCK_NONBLOCK)), () => ({ r: plainFd })),
      ),
    )
  })
}

/** The operations by name. */
export const SOCKET_OPS: Readonly<Record<string, Operation>> = {
  socket,
  socketpair: (a, w) => step(callsOf(a).socketpair(w.value(1), w.value(2), 0), (fds) => ({ r: 0, fds })),
  bind: (a, w, stage) => plain(callsOf(a).bind(w.value(1), addressOf(w.text(2), stage))),
  connect: (a, w, stage) => plain(callsOf(a).connect(w.value(1), addressOf(w.text(2), stage))),
  listen: (a, w) => plain(callsOf(a).listen(w.value(1), w.value(2))),
  accept,
  getsockname: (a, w, stage) => named(a, w, stage, 'getsockname'),
  getpeername: (a, w, stage) => named(a, w, stage, 'getpeername'),
  shutdown: (a, w) => plain(callsOf(a).shutdown(w.value(1), w.value(2))),
  send: (a, w) => plain(callsOf(a).send(w.value(1), dataOf(w.text(2)), w.value(3))),
  sendto: (a, w, stage) =>
    plain(callsOf(a).sendto(w.value(1), dataOf(w.text(2)), 0, addressOf(w.text(3), stage))),
  recv,
  recvfrom,
  sendfd,
  recvfd,
  setsockopt: (a, w) => plain(callsOf(a).setsockopt(w.value(1), SOL_SOCKET, w.value(2), w.value(3))),
  getsockopt,
}
