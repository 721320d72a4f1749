/** The hook in bind's privilege test: several modules answer, and a refusal is never overruled. */
import { createKernel, defineModule, denyInHook, EACCES, EPERM, type Errno } from 'paleokernel'
import { AF_INET, net, SOCK_STREAM } from 'paleokernel/net'
import { describe, expect, it } from 'vitest'

/** A module that answers every question so. */
const answering = <const Name extends string>(name: Name, answer: 0 | Errno | undefined) =>
  defineModule({
    name,
    requires: ['net'],
    init: () => ({}),
    attach: () => ({ api: {}, hooks: { inetBindPrivilege: () => answer } }),
  })

const ANSWERS = [undefined, 0, EPERM] as const

/** What bind says to a port of the superuser's, by a user and by root. */
function binds(first: 0 | Errno | undefined, second: 0 | Errno | undefined): unknown[] {
  const k = createKernel({ modules: [net(), answering('first', first), answering('second', second)] })
  return [1000, 0].map((uid) => {
    const { sys } = k.spawn({ uid })
    const fd = sys.socket(AF_INET, SOCK_STREAM, 0)
    const result = sys.bind(fd, { family: AF_INET, addr: '0.0.0.0', port: uid === 0 ? 81 : 80 })
    return result
  })
}

describe('inetBindPrivilege', () => {
  it.each(ANSWERS.flatMap((first) => ANSWERS.map((second) => [first, second] as const)))(
    '%s and %s: a refusal decides, then a permission, then the test for the capability',
    (first, second) => {
      const refused = first === EPERM || second === EPERM
      const permitted = first === 0 || second === 0
      expect(binds(first, second)).toEqual(refused ? [EPERM, EPERM] : permitted ? [0, 0] : [EACCES, 0])
    },
  )

  it('kernel.why gives the words of the module that refused, and only its', () => {
    const wordy = defineModule({
      name: 'wordy',
      requires: ['net'],
      init: () => ({}),
      attach: () => ({
        api: {},
        hooks: {
          inetBindPrivilege: (current, _sk, port) =>
            port > 100 ? EPERM : denyInHook(current, EACCES, words, port, 0o640, 7, 8),
        },
      }),
    })
    const words = (
      _task: unknown,
      { number, mode, uid, gid }: { number: number; mode: number; uid: number; gid: number },
    ) => `door ${number} is ${mode.toString(8)} of ${uid}:${gid}`
    const k = createKernel({ modules: [net(), wordy] })
    const alice = k.spawn({ uid: 1000 })
    const fd = alice.sys.socket(AF_INET, SOCK_STREAM, 0)
    const bind = (port: number) => alice.sys.bind(fd, { family: AF_INET, addr: 0, port })
    expect(bind(80)).toBe(EACCES)
    expect(k.why(alice)).toMatchObject({ check: 'hook', module: 'wordy', reason: 'door 80 is 640 of 7:8' })
    expect(k.why(alice)?.sentence).toBe(
      "bind: EACCES: the hook inetBindPrivilege of module 'wordy' refused: door 80 is 640 of 7:8",
    )
    expect(bind(200)).toBe(EPERM)
    expect(k.why(alice)?.sentence).toBe("bind: EPERM: the hook inetBindPrivilege of module 'wordy' refused")
    alice.sys.setuid(0)
    expect(k.why(alice)).not.toHaveProperty('reason')
  })
})
