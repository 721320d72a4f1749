/** sockfs and MAC together: a bind must pass both. Reference §9. */
import {
  checkInvariants,
  createKernel,
  EACCES,
  EADDRNOTAVAIL,
  EPERM,
  MS_REMOUNT,
  type Profile,
} from 'paleokernel'
import { mac } from 'paleokernel/mac'
import { AF_INET, net, SOCK_STREAM } from 'paleokernel/net'
import { sockfs } from 'paleokernel/sockfs'
import { describe, expect, it } from 'vitest'
import { ALICE, BOB, DIR } from './world.js'

const PROFILES: readonly Profile[] = ['2.2.12', '2.6.14']
const SHOP = '127.0.0.2'

describe.each(PROFILES)('with compartments on %s', (profile) => {
  it.each(['sockfs first', 'mac first'])('a bind must pass both: %s', (order) => {
    const k =
      order === 'mac first'
        ? createKernel({ profile, modules: [net(), mac(), sockfs()] })
        : createKernel({ profile, modules: [net(), sockfs(), mac()] })
    const admin = k.spawn()
    admin.libc.mkdir(DIR, 0o755)
    expect(admin.sys.mount('none', DIR, k.sockfs.type, 0, '')).toBe(0)
    admin.libc.mount('none', '/', '', MS_REMOUNT, 'mac=10:0+shared')
    admin.libc.chown(`${DIR}/80`, ALICE, 0)
    k.mac.reserve(SHOP, 1)

    const inside = (compartment: number, uid: number) => {
      const p = k.spawn({ uid, gid: uid })
      k.mac.setLabel(p.pid, `10:${compartment}`)
      return p
    }
    const bind = (p: ReturnType<typeof inside>, port: number, addr = '0.0.0.0') =>
      p.sys.bind(p.libc.socket(AF_INET, SOCK_STREAM, 0), { family: AF_INET, addr, port })

    // One table for all: Alice's port is hers in every compartment, and each has a port 80 of its own.
    expect([bind(inside(1, ALICE), 80), bind(inside(2, ALICE), 80)]).toEqual([0, 0])
    expect([bind(inside(1, BOB), 80), bind(inside(2, BOB), 80)]).toEqual([EACCES, EACCES])
    // What sockfs allows, MAC refuses, and the other way round.
    const stranger = inside(2, ALICE)
    expect(bind(stranger, 80, SHOP)).toBe(EADDRNOTAVAIL)
    expect(k.why(stranger)?.sentence).toContain('MAC')
    const bob = inside(1, BOB)
    expect(bind(bob, 81, SHOP)).toBe(EACCES)
    expect(k.why(bob)).toMatchObject({ module: 'sockfs' })
    expect(bind(inside(2, 0), 82)).toBe(0)
    expect(bind(inside(2, 0), 82, SHOP)).toBe(EADDRNOTAVAIL)
    expect(checkInvariants(k)).toEqual([])
  })

  it("the table is the administrator's: no compartment mounts it for itself", () => {
    const k = createKernel({ profile, modules: [net(), sockfs(), mac()] })
    const admin = k.spawn()
    admin.libc.mkdir(DIR, 0o755)
    admin.libc.mkdir('/mine', 0o755)
    admin.libc.mount('none', DIR, k.sockfs.type, 0, '')
    admin.libc.mount('none', '/mine', 'ramfs', 0, 'mac=10:2')
    admin.libc.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0+shared')
    const spy = k.spawn()
    k.mac.setLabel(spy.pid, '10:2')
    spy.libc.mkdir('/mine/ports', 0o755)
    expect(spy.sys.mount('none', '/mine/ports', k.sockfs.type, 0, '')).toBe(EPERM)
    expect(k.why(spy)?.sentence).toContain('only an administrator mounts what all compartments share')
    expect(spy.sys.chown(`${DIR}/80`, ALICE, 0)).toBe(EACCES)
    expect(spy.sys.mount('none', '/mine/ports', 'ramfs', 0, '')).toBe(0)
  })
})
