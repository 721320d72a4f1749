/** The connector and compartments: who may not see a process hears nothing of it. */
import { createKernel, EACCES, isErr, MS_REMOUNT, O_RDONLY, SECURITY_DENY } from 'paleokernel'
import { ConnectorReader, connector, ProcessMirror } from 'paleokernel/connector'
import { MAC_LABEL, mac } from 'paleokernel/mac'
import { net } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'
import { coreOf, ok, writeFile } from '../helpers/world.js'
import { drain, listen, send } from './world.js'

const PROC = { idx: 1, val: 1 }

function scene() {
  const k = createKernel({
    profile: '2.6.14',
    modules: [net(), mac(), connector({ processEvents: '2.6.15' })],
  })
  const root = k.spawn()
  ok(root.sys.mount('none', '/', '', MS_REMOUNT, 'mac=9:0+shared'))
  const [a, b] = [k.spawn(), k.spawn()]
  ok(root.sys.mac_setlabel('9:1', a.pid))
  ok(root.sys.mac_setlabel('9:2', b.pid))
  return { k, root, a, b }
}

describe('compartments', () => {
  it('hear of their own processes, and an administrator of all', () => {
    const { k, root, a, b } = scene()
    const ears = [root, a, b].map((p) => ({ p, fd: listen(p as never, 1) }))
    send(root as never, ears[0]?.fd ?? -1, { id: PROC, data: Uint8Array.of(1, 0, 0, 0) })
    for (const { p, fd } of ears) drain(p as never, fd)
    const reader = new ConnectorReader()
    const made = [root, a, b].map((p) => ok(p.sys.fork()))
    for (const pid of made) k.process(pid)?.sys.exit(0)
    const told = ears.map(({ p, fd }) =>
      [...reader.pending(p.sys, fd)].map((event) =>
        event.kind === 'fork' ? event.childPid : event.kind === 'exit' ? event.pid : event.kind,
      ),
    )
    const [ofRoot, ofA, ofB] = made
    expect(told).toEqual([
      [...made, ...made],
      [ofA, ofA],
      [ofB, ofB],
    ])
    expect(ofRoot).toBeGreaterThan(0)
  })

  it('hear nothing of refusals and labels of others, and miss nothing by them', () => {
    const { k, root, a, b } = scene()
    const ear = listen(a as never, SECURITY_DENY.idx, MAC_LABEL.idx)
    writeFile(root as never, '/secret', '', 0o600)
    const user = k.spawn({ uid: 1000 })
    ok(root.sys.mac_setlabel('9:2', user.pid))
    for (let n = 0; n < 2000; n++) user.sys.setuid(0)
    expect(drain(a as never, ear)).toEqual([])
    expect(b.sys.mac_setlabel('9:1')).toBeLessThan(0)
    expect(drain(a as never, ear)).toEqual([])
    const own = k.spawn({ uid: 1000, parent: a })
    expect(own.sys.open('/secret', O_RDONLY)).toBe(EACCES)
    expect(drain(a as never, ear)).toMatchObject([{ id: { idx: SECURITY_DENY.idx } }])
  })

  it('have mirrors that show what /proc shows them', () => {
    const { k, root, a, b } = scene()
    const mirror = new ProcessMirror()
    const inside = k.spawn({
      parent: a,
      *program(sys) {
        const fd = yield* mirror.start(sys)
        while (yield* mirror.follow(sys, fd)) yield* sys.poll([{ fd, events: 1, revents: 0 }], -1)
      },
    })
    k.run()
    const children = [root, a, b].map((p) => ok(p.sys.fork()))
    k.run()
    expect([...mirror.tasks.keys()].sort((x, y) => x - y)).toEqual([a.pid, inside.pid, children[1]])
    expect(coreOf(k as never).state.tasks.size).toBe(8)
  })

  it('whose /proc is out of their reach have no mirror, and are told so', () => {
    const { k, root, a } = scene()
    ok(root.sys.mount('none', '/', '', MS_REMOUNT, 'mac=9:0'))
    const mirror = new ProcessMirror()
    let started = 0
    k.spawn({
      parent: a,
      *program(sys) {
        started = yield* mirror.start(sys)
      },
    })
    k.run()
    expect(isErr(started) && started).toBe(EACCES)
  })
})
