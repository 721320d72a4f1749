/** The recount of the connector finds what is wrong with it, and every failing allocation leaves it right. */
import { createKernel, failEach, type Kernel, checkInvariants as problemsOf } from 'paleokernel'
import { connector, encodeCnCtl, encodeCnMsg, PROC_CN_MCAST_LISTEN } from 'paleokernel/connector'
import { AF_NETLINK, MSG_DONTWAIT, net, SOCK_DGRAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { type ConnectorState, connectorState } from '../../src/connector/state.js'
import { coreOf } from '../helpers/world.js'
import { listen, NETLINK_CONNECTOR, send, wire, world } from './world.js'

const A = { idx: 5, val: 1 }

/** A kernel with a message that waits for a client. */
function busy() {
  const { k, root } = world({ workDelay: 10 })
  k.connector.addCallback(A, 'a client', 'note')
  const fd = listen(root)
  send(root, fd, {
    id: { idx: 0xffffffff, val: 0xffffffff },
    data: encodeCnCtl({ idx: [], val: [], group: 1 }),
  })
  k.run()
  send(root, fd, { id: A })
  expect(problemsOf(k as never)).toEqual([])
  return { k, state: connectorState(coreOf(k as never)) }
}

describe('the recount', () => {
  it.each<readonly [string, (state: ConnectorState) => void, RegExp]>([
    ['a message that nobody waits for', (state) => void state.queue.pop(), /messages for a client/],
    [
      'a worker that does not come',
      (state) => {
        state.isArmed = false
      },
      /messages wait, and no worker will come/,
    ],
    [
      'a client in a wrong place',
      ({ entries }) => {
        const entry = entries.get('5:1')
        entries.delete('5:1')
        if (entry !== undefined) entries.set('5:2', entry)
      },
      /the client a client is in a wrong place/,
    ],
    [
      'a request that goes nowhere',
      (state) => {
        state.requests = [{ idx: [], val: [], group: 0 }]
      },
      /a request for notices has no group/,
    ],
  ])('finds %s', (_what, plant, message) => {
    const { k, state } = busy()
    plant(state)
    expect(problemsOf(k as never).join('\n')).toMatch(message)
  })
})

describe('every point that can fail', () => {
  it('fails once, and the books balance', () => {
    const boot = () =>
      createKernel({
        profile: '2.6.14',
        modules: [net(), connector({ processEvents: '2.6.18', workDelay: 1, callbacks: { note: () => {} } })],
      })
    const run = (kernel: Kernel): unknown => {
      const k = kernel as ReturnType<typeof boot>
      const p = k.spawn()
      const fd = Number(p.sys.socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR))
      p.sys.bind(fd, { family: AF_NETLINK, pid: 0, groups: 0b10001 })
      const to = (bytes: Uint8Array): number =>
        p.sys.sendto(fd, bytes, 0, { family: AF_NETLINK, pid: 0, groups: 0 })
      to(wire({ id: { idx: 1, val: 1 }, data: Uint8Array.of(PROC_CN_MCAST_LISTEN, 0, 0, 0) }))
      const ctl = encodeCnCtl({ idx: [{ first: 0, range: 9 }], val: [{ first: 0, range: 9 }], group: 5 })
      to(wire({ id: { idx: 0xffffffff, val: 0xffffffff }, data: ctl }))
      k.run()
      const added = k.connector.addCallback(A, 'a', 'note')
      for (let n = 0; n < 3; n++) to(wire({ id: A, seq: n }))
      k.spawn().sys.exit(0)
      k.connector.send({ id: A, data: encodeCnMsg({ id: A }) })
      k.connector.delCallback(A)
      k.run()
      const got: number[] = []
      for (let n = 0; n < 12; n++) got.push(p.sys.recv(fd, new Uint8Array(100), MSG_DONTWAIT))
      p.sys.close(fd)
      return [added, ...got]
    }
    const { report, broken, points, runs } = failEach({ boot: boot as never, run })
    expect(report).toBe('')
    expect(broken).toEqual([])
    expect(runs.length).toBe(points.length)
    const names = new Set(points.map(({ name }) => name))
    expect([...names]).toEqual(expect.arrayContaining(['alloc:connector', 'alloc:skb', 'alloc:sock']))
    expect(runs.length).toBeGreaterThan(30)
  })
})
