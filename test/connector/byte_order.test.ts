/** The connector on a machine that has the most significant byte first (reference §2.4: host order). */
import { createKernel, POLLIN } from 'paleokernel'
import {
  askForProcesses,
  ConnectorEmitter,
  ConnectorReader,
  connector,
  ProcessMirror,
} from 'paleokernel/connector'
import { AF_NETLINK, net, SOCK_DGRAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { directCalls, finish } from '../../src/connector/calls.js'
import { ok } from '../helpers/world.js'
import { hex, NETLINK_CONNECTOR } from './world.js'

const machine = () => {
  const k = createKernel({
    profile: '2.6.14',
    modules: [net({ netlink: { byteOrder: 'big' } }), connector({ processEvents: '2.6.15' })],
  })
  return { k, root: k.spawn() }
}

describe('on a big-endian machine', () => {
  it('§2.8: a request and its answer, byte for byte', () => {
    const { k, root } = machine()
    const fd = ok(root.sys.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR))
    ok(root.sys.bind(fd, { family: AF_NETLINK, pid: 0, groups: 1 }))
    ok(finish(askForProcesses(directCalls(root.sys), fd, true, { seq: 7, ack: 1 }, 'big')))
    k.run()
    expect(k.connector.listeners()).toBe(1)
    const buf = new Uint8Array(128)
    const count = ok(root.sys.recv(fd, buf))
    expect(hex(buf.subarray(0, count))).toBe(
      // nlmsghdr: length, type, flags, seq, pid; cn_msg: idx, val, seq, ack, len, flags; proc_event: what, cpu, err
      '0000003c00030000000000070000000000000001000000010000000700000002001800000000' +
        '0000ffffffff' +
        '00000000000000000000000000000000',
    )
    const [event] = new ConnectorReader([], undefined, 'big').decode(buf.subarray(0, count))
    expect(event).toMatchObject({ kind: 'none', err: 0, seq: 7, ack: 2 })
  })

  it('the emitter and the mirror hear what they are told of the order', () => {
    const { k, root } = machine()
    const emitter = new ConnectorEmitter(root, { byteOrder: 'big' })
    const pids: number[] = []
    emitter.on('fork', ({ childPid }) => pids.push(childPid))
    const mirror = new ProcessMirror('big')
    k.spawn({
      *program(sys) {
        const fd = yield* mirror.start(sys)
        while (yield* mirror.follow(sys, fd)) yield* sys.poll([{ fd, events: POLLIN, revents: 0 }], -1)
        return 1
      },
    })
    k.run()
    const child = root.libc.fork()
    emitter.run(k)
    expect(pids).toContain(child)
    expect(mirror.tasks.has(child)).toBe(true)
  })
})
