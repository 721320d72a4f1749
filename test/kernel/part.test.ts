/** A kernel whose tasks a module divides into parts: see src/kernel/part.ts. */
import { createKernel, defineModule, type Task } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { checkInvariants, handle, ok, readFile } from '../helpers/world.js'

/** Divides tasks by their gid: gid 100 + n is part n. */
const byGroup = (name = 'parts') =>
  defineModule({
    name,
    init: () => ({}),
    attach: () => ({
      api: {},
      partOf: ({ cred }: Task) => (cred.gid > 100 && cred.gid < 110 ? cred.gid - 100 : 0),
    }),
  })

describe('a part of a kernel', () => {
  it('numbers the children of its tasks by itself, and counts them', () => {
    const k = createKernel({ modules: [byGroup()] })
    const [one, two] = [k.spawn({ uid: 5, gid: 101 }), k.spawn({ uid: 5, gid: 102 })]
    const whole = k.spawn()
    expect([one, one, two].map((p) => p.sys.fork())).toEqual([2, 3, 2])
    expect(readFile(one, '/proc/loadavg')).toMatch(/\/3 3\n$/)
    expect(readFile(two, '/proc/loadavg')).toMatch(/\/2 2\n$/)
    expect(readFile(whole, '/proc/loadavg')).toMatch(/\/7 4\n$/)
    // The numbers of the kernel: 32 768 for each part.
    const child = handle(k, 32_768 + 2)
    expect([child.sys.getpid(), child.sys.getppid()]).toEqual([2, 0])
    expect(whole.sys.kill(child.pid, 0)).toBe(0)
    child.sys.exit(3)
    expect(ok(one.sys.waitpid(2, 0))).toMatchObject({ pid: 2, status: 3 << 8 })
    checkInvariants(k)
    expect(k.fork().digest()).toBe(k.digest())
  })

  it('counts users for RLIMIT_NPROC by itself', () => {
    const k = createKernel({ profile: '2.6.14', modules: [byGroup()] })
    const [one, two] = [k.spawn({ uid: 5, gid: 101 }), k.spawn({ uid: 5, gid: 102 })]
    for (const p of [one, two]) ok(p.sys.setrlimit(6, { cur: 3, max: 3 }))
    for (let n = 0; n < 2; n++) ok(two.sys.fork())
    expect([one.sys.fork(), one.sys.fork(), one.sys.fork()]).toEqual([2, 3, -11])
    checkInvariants(k)
  })

  it('is one module’s to make', () => {
    expect(() => createKernel({ modules: [byGroup('one'), byGroup('two')] })).toThrow(
      "division 'of tasks' is contributed by module 'one' and by module 'two'",
    )
  })
})
