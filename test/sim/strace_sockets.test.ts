/** How strace shows the calls of sockets: lines that strace 6.1 has printed for the same calls, but for pointers and CLOEXEC. */
import { createKernel, EAGAIN, ENOENT, ENOTCONN, StracePrinter } from 'paleokernel'
import {
  AF_INET,
  AF_NETLINK,
  AF_PACKET,
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_PEEK,
  net,
  SHUT_WR,
  SO_ERROR,
  SO_REUSEADDR,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
  SOL_SOCKET,
} from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { straceLine } from '../../src/sim/strace.js'
import { bytes } from '../helpers/world.js'

const base = { kind: 'syscall:exit', seq: 2, time: 0, pid: 1, comm: 'p', nr: 0, enterSeq: 1 } as const
const line = (name: string, args: unknown[], ret: unknown): string | undefined =>
  straceLine({ ...base, name, args, ret } as never)

const local = { family: AF_INET, addr: '127.0.0.1', port: 5555 }
const ROWS: [name: string, args: unknown[], ret: unknown, shown: string][] = [
  ['socket', [AF_INET, SOCK_STREAM], 3, 'socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 3'],
  ['socket', [AF_INET, SOCK_RAW, 1], 3, 'socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) = 3'],
  ['socket', [AF_UNIX, SOCK_DGRAM, 0], 3, 'socket(AF_UNIX, SOCK_DGRAM, 0) = 3'],
  ['socket', [AF_NETLINK, SOCK_RAW, 0], 3, 'socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 3'],
  ['socket', [AF_NETLINK, SOCK_DGRAM, 11], 3, 'socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR) = 3'],
  ['socket', [AF_PACKET, SOCK_RAW, 0x300], 3, 'socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) = 3'],
  ['socketpair', [AF_UNIX, SOCK_STREAM, 0], [8, 9], 'socketpair(AF_UNIX, SOCK_STREAM, 0, [8, 9]) = 0'],
  [
    'bind',
    [3, local],
    0,
    'bind(3, {sa_family=AF_INET, sin_port=htons(5555), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
  ],
  [
    'bind',
    [3, { family: AF_UNIX, path: '\0door' }],
    0,
    'bind(3, {sa_family=AF_UNIX, sun_path=@"door"}, 7) = 0',
  ],
  [
    'bind',
    [3, { family: AF_NETLINK, pid: 0, groups: 1 }],
    0,
    'bind(3, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000001}, 12) = 0',
  ],
  [
    'connect',
    [12, { family: AF_UNIX, path: '/tmp/nosuch' }],
    ENOENT,
    'connect(12, {sa_family=AF_UNIX, sun_path="/tmp/nosuch"}, 14) = -1 ENOENT (No such file or directory)',
  ],
  ['accept', [3], 4, 'accept(3, NULL, NULL) = 4'],
  [
    'accept',
    [3, { ...local }],
    4,
    'accept(3, {sa_family=AF_INET, sin_port=htons(5555), sin_addr=inet_addr("127.0.0.1")}, [16]) = 4',
  ],
  [
    'getsockname',
    [3],
    local,
    'getsockname(3, {sa_family=AF_INET, sin_port=htons(5555), sin_addr=inet_addr("127.0.0.1")}, [16]) = 0',
  ],
  ['getsockname', [3], { family: AF_UNIX, path: '' }, 'getsockname(3, {sa_family=AF_UNIX}, [2]) = 0'],
  [
    'getpeername',
    [3],
    ENOTCONN,
    'getpeername(3, 0xbffff000, [16]) = -1 ENOTCONN (Transport endpoint is not connected)',
  ],
  ['send', [4, bytes('hello')], 5, 'send(4, "hello", 5, 0) = 5'],
  ['sendto', [4, bytes('x'), MSG_DONTWAIT], 1, 'sendto(4, "x", 1, MSG_DONTWAIT, NULL, 0) = 1'],
  [
    'sendto',
    [6, bytes('dd'), 0, { ...local, port: 9 }],
    2,
    'sendto(6, "dd", 2, 0, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}, 16) = 2',
  ],
  ['recv', [5, bytes('hello.....')], 5, 'recv(5, "hello", 10, 0) = 5'],
  [
    'recvfrom',
    [5, bytes('x.........'), MSG_PEEK | MSG_DONTWAIT],
    1,
    'recvfrom(5, "x", 10, MSG_PEEK|MSG_DONTWAIT, NULL, NULL) = 1',
  ],
  [
    'recvfrom',
    [6, new Uint8Array(10), 0, {}],
    EAGAIN,
    'recvfrom(6, 0xbffff000, 10, 0, 0xbffff000, [16]) = -1 EAGAIN (Resource temporarily unavailable)',
  ],
  [
    'sendmsg',
    [8, { iov: [bytes('ab'), bytes('c')], control: [{ level: 1, type: 1, fds: [1] }] }],
    3,
    'sendmsg(8, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="ab", iov_len=2}, {iov_base="c", iov_len=1}], ' +
      'msg_iovlen=2, msg_control=[{cmsg_len=16, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[1]}], msg_flags=0}, 0) = 3',
  ],
  [
    'recvmsg',
    [9, { iov: [bytes('q.........')] }],
    1,
    'recvmsg(9, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="q", iov_len=10}], msg_iovlen=1, msg_controllen=0, msg_flags=0}, 0) = 1',
  ],
  ['shutdown', [5, SHUT_WR], 0, 'shutdown(5, SHUT_WR) = 0'],
  ['setsockopt', [3, SOL_SOCKET, SO_REUSEADDR, 1], 0, 'setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0'],
  [
    'setsockopt',
    [3, SOL_SOCKET, 13, { onoff: 1, linger: 2 }],
    0,
    'setsockopt(3, SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=2}, 8) = 0',
  ],
  ['setsockopt', [3, 0, 1, 16], 0, 'setsockopt(3, SOL_IP, IP_TOS, [16], 4) = 0'],
  ['getsockopt', [5, SOL_SOCKET, SO_ERROR], 0, 'getsockopt(5, SOL_SOCKET, SO_ERROR, [0], [4]) = 0'],
]

describe('the calls of sockets, as strace shows them', () => {
  it.each(ROWS)('%s %#', (name, args, ret, shown) => {
    expect(line(name, args, ret)).toBe(shown)
  })

  it('hostile arguments are shown, whatever they are', () => {
    for (const [name, args] of ROWS)
      for (const value of [undefined, null, Number.NaN, -1, 'x', {}, [], Symbol('s')])
        expect(
          line(
            name,
            args.map(() => value),
            value,
          ),
        ).toContain(`${name}(`)
  })

  it('a whole conversation', () => {
    const k = createKernel({ profile: '2.2.12', modules: [net()] })
    const lines: string[] = []
    new StracePrinter((text) => lines.push(text)).attach(k.trace)
    const { libc } = k.spawn()
    const [a, b] = libc.socketpair(AF_UNIX, SOCK_STREAM, 0)
    libc.send(a, bytes('hi'))
    libc.recv(b, new Uint8Array(8))
    expect(lines).toEqual([
      '[pid     2] socketpair(AF_UNIX, SOCK_STREAM, 0, [0, 1]) = 0',
      '[pid     2] send(0, "hi", 2, 0) = 2',
      '[pid     2] recv(1, "hi", 8, 0) = 2',
    ])
  })

  it('a call in which its process ends is shown once', () => {
    const k = createKernel()
    const p = k.spawn()
    const lines: string[] = []
    new StracePrinter((text) => lines.push(text)).attach(k.trace)
    k.process(p.libc.fork())?.sys.exit(3)
    expect(lines.filter((text) => text.includes('exit('))).toEqual(['[pid     3] exit(3) = ?'])
  })
})
