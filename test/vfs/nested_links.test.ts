/** How deep symbolic links nest. Linux: do_follow_link, fs/namei.c; MAX_NESTED_LINKS, include/linux/namei.h. */
import { createKernel, ELOOP, isErr, type Kernel, PROFILES, type Process, type Profile } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { ok } from '../helpers/world.js'

/** /1 is a link to /0, a directory; /2 a link to /1; and so on up to 50. */
function chain(profile: Profile, maxNestedLinks?: number): Process {
  return chainIn(createKernel({ profile, ...(maxNestedLinks === undefined ? {} : { maxNestedLinks }) }))
}

function chainIn(k: Kernel): Process {
  const p = k.spawn()
  ok(p.sys.mkdir('/0', 0o755))
  for (let n = 1; n <= 50; n++) ok(p.sys.symlink(`/${n - 1}`, `/${n}`))
  return p
}

/** The deepest link that can be followed; those behind it are ELOOP. */
function deepest({ sys }: Process): number {
  let n = 0
  while (!isErr(sys.stat(`/${n + 1}`))) n++
  expect(sys.stat(`/${n + 1}`)).toBe(ELOOP)
  return n
}

describe('symbolic links inside one another', () => {
  it.each([
    ['2.0.35', 6],
    ['2.2.12', 5],
    ['2.6.14', 5],
  ] as const)('are followed in %s up to %i', (profile, limit) => {
    expect(deepest(chain(profile))).toBe(limit)
  })

  it.each(PROFILES)('are followed in %s as deep as the kernel was built for', (profile) => {
    for (const limit of [1, 8, 30]) expect(deepest(chain(profile, limit))).toBe(limit)
  })

  it('are not followed beyond the total of a walk, which 2.6 has beside it', () => {
    expect(deepest(chain('2.6.14', 100))).toBe(40)
    expect(chain('2.2.12', 100).sys.stat('/50')).toMatchObject({ ino: expect.any(Number) })
  })

  it('are followed as deep in a copy of the kernel', () => {
    const k = createKernel({ profile: '2.6.14', maxNestedLinks: 8 })
    const { pid } = chainIn(k)
    const copied = k.fork().process(pid)
    expect(copied === undefined ? 0 : deepest(copied)).toBe(8)
  })
})
