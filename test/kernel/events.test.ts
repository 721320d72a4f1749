/** Events for programs: who makes them known, and that nothing is made while nobody listens. */
import {
  type AnyModule,
  createKernel,
  decodeRecord,
  defineEvent,
  defineModule,
  EACCES,
  type EventKind,
  encodeRecord,
  isWanted,
  O_RDONLY,
  O_RDWR,
  publish,
  SECURITY_DENY,
} from 'paleokernel'
import { block } from 'paleokernel/block'
import { bufflink } from 'paleokernel/bufflink'
import { MAC_LABEL, mac } from 'paleokernel/mac'
import { net } from 'paleokernel/net'
import { REQLOG_LOST, reqlog } from 'paleokernel/reqlog'
import { PR_SET_NO_NEW_PRIVS, SECCOMP_DEATH, seccomp } from 'paleokernel/seccomp'
import { SOCKFS_ENTRY, sockfs } from 'paleokernel/sockfs'
import { describe, expect, it } from 'vitest'
import { BPF_K, BPF_RET, BPF_STMT } from '../../src/seccomp/bpf.js'
import { coreOf, ok, writeFile } from '../helpers/world.js'

/** A carrier that keeps what it gets of the kinds that it is told of, as bytes. */
function carrier(wanted: readonly EventKind[]) {
  const heard: Record<string, unknown>[] = []
  const sink = defineModule({
    name: 'carrier',
    init: () => null,
    attach: () => ({
      api: null,
      events: {
        wants: (kind: EventKind) => wanted.includes(kind),
        send(kind: EventKind, record: never) {
          heard.push({
            name: kind.name,
            ...decodeRecord(kind.fields, encodeRecord(kind.fields, record, 984)),
          })
        },
      },
    }),
  })
  return { heard, sink }
}

const BELL = defineEvent('bell:rung', 21, 1, { times: 'u32' })

describe('publish', () => {
  const bell = () =>
    defineModule({
      name: 'bell',
      init: () => null,
      attach: (k) => ({ api: { ring: (times: number) => publish(k, BELL, { times }) } }),
    })

  it('does nothing without a carrier', () => {
    const k = createKernel({ modules: [bell()] })
    k.bell.ring(1)
    expect(coreOf(k).events).toBeNull()
    expect(isWanted(coreOf(k), BELL)).toBe(false)
  })

  it('goes to the carrier, if that wants it', () => {
    const { heard, sink } = carrier([BELL])
    const k = createKernel({ modules: [bell(), sink] })
    k.bell.ring(3)
    publish(coreOf(k), SECURITY_DENY, {} as never)
    expect(heard).toEqual([{ name: 'bell:rung', times: 3 }])
  })

  it('has one carrier at most', () => {
    const two: AnyModule = { ...carrier([]).sink, name: 'other' }
    expect(() => createKernel({ modules: [carrier([]).sink, two] as AnyModule[] })).toThrow(
      "carrier 'of events' is contributed by module 'carrier' and by module 'other'",
    )
  })

  it.each<[string, () => unknown, string]>([
    [
      'no number',
      () => defineEvent('x', 0, 1, {}),
      "event 'x': numbers from 1 to 2^32 - 1 are wanted, not 0",
    ],
    ['half a number', () => defineEvent('x', 1, 1.5, {}), 'are wanted, not 1.5'],
    ['no type', () => defineEvent('x', 1, 1, { a: 'u64' as never }), "event 'x': a cannot be a u64"],
  ])('refuses a kind with %s', (_what, make, message) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
  })
})

describe('the modules of this library', () => {
  it('the core makes refusals known, with the sentence of kernel.why', () => {
    const { heard, sink } = carrier([SECURITY_DENY])
    const k = createKernel({ modules: [sink] })
    writeFile(k.spawn(), '/secret', '', 0o600)
    const p = k.spawn({ uid: 1000, comm: 'spy' })
    expect(p.sys.open('/secret', O_RDONLY)).toBe(EACCES)
    expect(heard).toEqual([
      {
        name: 'security:deny',
        pid: p.pid,
        tgid: p.pid,
        uid: 1000,
        euid: 1000,
        errno: EACCES,
        check: 'dac',
        comm: 'spy',
        call: 'open',
        reason: k.why(p)?.sentence,
      },
    ])
  })

  it('seccomp makes deaths known, in both modes', () => {
    const { heard, sink } = carrier([SECCOMP_DEATH])
    const k = createKernel({ profile: '2.6.14', modules: [seccomp({ filters: true }), sink] })
    const strict = k.spawn({ uid: 5, comm: 'strict' })
    const root = k.spawn()
    ok(root.sys.write(ok(root.sys.open(`/proc/${strict.pid}/seccomp`, O_RDWR)), Uint8Array.of(0x31)))
    strict.sys.getpid()
    const filtered = k.spawn({ comm: 'filtered' })
    ok(filtered.sys.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    ok(filtered.sys.seccomp(1, 0, [BPF_STMT(BPF_RET | BPF_K, 0)]))
    filtered.sys.getppid()
    const common = { name: 'seccomp:death', arch: 0x40000003 }
    expect(heard).toEqual([
      {
        ...common,
        pid: strict.pid,
        tgid: strict.pid,
        uid: 5,
        mode: 1,
        signal: 9,
        nr: 20,
        comm: 'strict',
        call: 'getpid',
      },
      {
        ...common,
        pid: filtered.pid,
        tgid: filtered.pid,
        uid: 0,
        mode: 2,
        signal: 31,
        nr: 64,
        comm: 'filtered',
        call: 'getppid',
      },
    ])
  })

  it('mac makes labels known', () => {
    const { heard, sink } = carrier([MAC_LABEL])
    const k = createKernel({ modules: [mac(), sink] })
    const [root, p] = [k.spawn(), k.spawn()]
    ok(root.sys.mac_setlabel('10:3', p.pid))
    expect(p.sys.mac_setlabel('11:3')).toBeLessThan(0)
    expect(heard).toEqual([
      { name: 'mac:label', by: root.pid, pid: p.pid, grade: 10, compartment: 3, flags: 0 },
    ])
  })

  it('sockfs makes changes of entries known', () => {
    const { heard, sink } = carrier([SOCKFS_ENTRY])
    const k = createKernel({ modules: [net(), sockfs({ load: 'boot' }), sink] })
    const p = k.spawn()
    ok(p.sys.mkdir('/sockfs', 0o755))
    ok(p.sys.mount('none', '/sockfs', k.sockfs.type, 0, ''))
    ok(p.sys.chown('/sockfs/80', 33, 34))
    ok(p.sys.chmod('/sockfs/80', 0o755))
    const entry = { name: 'sockfs:entry', by: p.pid, port: 80, uid: 33, gid: 34 }
    expect(heard).toEqual([
      { ...entry, mode: 0o700 },
      { ...entry, mode: 0o755 },
    ])
  })

  it('reqlog makes a full ring known, once until a program asks', () => {
    const { heard, sink } = carrier([REQLOG_LOST])
    const k = createKernel({ modules: [bufflink(), block(), reqlog({ ringSize: 32 }), sink] })
    const p = k.spawn()
    const fd = ok(p.sys.open('/dev/hda', O_RDWR))
    for (let n = 0; n < 4; n++) ok(p.sys.pread(fd, new Uint8Array(1024), n * 1024))
    const { records, lost } = k.reqlog.counts()
    expect(lost).toBeGreaterThan(1)
    expect(heard).toEqual([{ name: 'reqlog:lost', records: records - lost + 1, lost: 1 }])
  })
})
