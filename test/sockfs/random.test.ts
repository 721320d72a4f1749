/**
 * Random schedules: several users bind, chmod, chown, mount, umount, load, remove and hold files open at once. Every
 * answer is compared with a model that is fed by the answers alone, in the order in which the calls took effect.
 */

import fc from 'fast-check'
import { checkInvariants, createKernel, EACCES, EPERM, explore, O_RDONLY, type Profile } from 'paleokernel'
import { AF_INET, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { sockfs, type UnmountMode } from 'paleokernel/sockfs'
import { describe, expect, it } from 'vitest'
import { PROFILES, type SockfsKernel } from './world.js'

const DIRS = ['/a', '/b'] as const
const PORTS = [80, 443, 1024]

/** Who takes part: the groups of each are its gid and the others. */
const USERS = [
  { uid: 0, gid: 0, groups: [] },
  { uid: 1000, gid: 1000, groups: [] },
  { uid: 1001, gid: 1001, groups: [50] },
  { uid: 1000, gid: 50, groups: [7] },
] as const

// ---- what they do ----------------------------------------------------------------------------------------------

type Action =
  | { readonly kind: 'bind'; readonly port: number; readonly stream: boolean; readonly keeps: boolean }
  | { readonly kind: 'chmod'; readonly path: string; readonly mode: number }
  | { readonly kind: 'chown'; readonly path: string; readonly uid: number; readonly gid: number }
  | { readonly kind: 'mount'; readonly dir: string; readonly data: '' | UnmountMode }
  | { readonly kind: 'umount'; readonly dir: string }
  | { readonly kind: 'insmod'; readonly parameters: string }
  | { readonly kind: 'hold'; readonly path: string }
  | { readonly kind: 'chdir'; readonly dir: string }
  | { readonly kind: 'rmmod' | 'close' }

const port = fc.constantFrom(...PORTS)
const dir = fc.constantFrom(...DIRS)
const path = fc.oneof({ weight: 3, arbitrary: fc.tuple(dir, port).map((parts) => parts.join('/')) }, dir)

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('bind' as const),
      port,
      stream: fc.boolean(),
      keeps: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('chmod' as const),
      path,
      mode: fc.constantFrom(0, 0o700, 0o720, 0o775, 0o777, 0o070, 0o702),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('chown' as const),
      path,
      uid: fc.constantFrom(-1, 0, 1000, 1001),
      gid: fc.constantFrom(-1, 0, 50),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('mount' as const),
      dir,
      data: fc.constantFrom<'' | UnmountMode>('', '', 'restore', 'preserve'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('umount' as const), dir }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('insmod' as const),
      parameters: fc.constantFrom('', 'alloc_now=1'),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Action>({ kind: 'rmmod' }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('hold' as const), path }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('chdir' as const), dir: fc.constantFrom('/', '/a') }),
  },
  { weight: 2, arbitrary: fc.constant<Action>({ kind: 'close' }) },
)

/** A program that does these, whatever the answers. */
function start(k: SockfsKernel, who: (typeof USERS)[number], actions: readonly Action[]): void {
  k.spawn({
    uid: who.uid,
    gid: who.gid,
    groups: who.groups,
    *program(sys) {
      const held: number[] = []
      for (const act of actions) {
        switch (act.kind) {
          case 'bind': {
            const fd = yield* sys.socket(AF_INET, act.stream ? SOCK_STREAM : SOCK_DGRAM, 0)
            const result = yield* sys.bind(fd, { family: AF_INET, addr: 0, port: act.port })
            if (act.keeps && result === 0) held.push(fd)
            else yield* sys.close(fd)
            break
          }
          case 'chmod':
            yield* sys.chmod(act.path, act.mode)
            break
          case 'chown':
            yield* sys.chown(act.path, act.uid, act.gid)
            break
          case 'mount':
            yield* sys.mount('none', act.dir, k.sockfs.type, 0, act.data)
            break
          case 'umount':
            yield* sys.umount(act.dir)
            break
          case 'insmod':
            yield* sys.init_module('sockfs', act.parameters)
            break
          case 'rmmod':
            yield* sys.delete_module('sockfs')
            break
          case 'chdir':
            yield* sys.chdir(act.dir)
            break
          case 'hold': {
            const fd = yield* sys.open(act.path, O_RDONLY)
            if (fd >= 0) held.push(fd)
            break
          }
          case 'close': {
            const fd = held.pop()
            if (fd !== undefined) yield* sys.close(fd)
          }
        }
      }
      for (const fd of held) yield* sys.close(fd)
      yield* sys.chdir('/')
    },
  })
}

// ---- the model -------------------------------------------------------------------------------------------------

interface Bits {
  uid: number
  gid: number
  mode: number
}

interface Who {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
}

/** Write permission, by one class. */
const writes = (who: Who, { uid, gid, mode }: Bits): boolean => {
  const shift = who.uid === uid ? 6 : who.gid === gid || who.groups.includes(gid) ? 3 : 0
  return who.uid === 0 || ((mode >> shift) & 2) !== 0
}

/** What the answers so far say. */
class Model {
  readonly problems: string[] = []
  readonly counts = { permitted: 0, refused: 0, changed: 0, denied: 0 }
  private isInForce = false
  private mode: UnmountMode = 'restore'
  private readonly mounts = new Map<string, number>()
  private entries = new Map<string, Bits>()
  private readonly first: UnmountMode

  constructor(first: UnmountMode) {
    this.first = first
  }

  /** A call that has returned. */
  hear(who: Who, name: string, args: readonly unknown[], ret: unknown): void {
    if (name === 'bind') this.bind(who, (args[1] as { port: number }).port, ret)
    else if (name === 'chmod' || name === 'chown') this.change(who, name, args, ret)
    else if (ret !== 0) this.failed(who, name, ret)
    else if (name === 'mount') this.mount(String(args[1]), String(args[4]))
    else if (name === 'umount') this.umount(String(args[0]))
    else if (name === 'delete_module') this.rmmod()
  }

  private bits(path: string): Bits {
    const known = this.entries.get(path)
    if (known !== undefined) return known
    const fresh = { uid: 0, gid: 0, mode: path === '' ? 0o755 : 0o700 }
    this.entries.set(path, fresh)
    return fresh
  }

  private bind(who: Who, port: number, ret: unknown): void {
    const isAllowed = this.isInForce ? writes(who, this.bits(String(port))) : who.uid === 0 || port > 1023
    if (isAllowed) this.counts.permitted++
    else this.counts.refused++
    // Whatever else is wrong is noticed after the permission.
    if ((ret !== EACCES) !== isAllowed) this.problems.push(`bind(${port}) by ${who.uid} is ${ret}`)
    if (ret === EACCES && who.uid === 0) this.problems.push('root is locked out')
  }

  /** chmod and chown: of an entry by who may write to the directory, of the directory by its owner. */
  private change(who: Who, name: string, [path, a, b]: readonly unknown[], ret: unknown): void {
    const [, dir = '', entry = ''] = String(path).split('/')
    const isMounted = (this.mounts.get(`/${dir}`) ?? 0) > 0
    if (!isMounted) return
    const bits = this.bits(entry)
    const isOwner = who.uid === 0 || who.uid === bits.uid
    const isPlainChgrp = name === 'chown' && (a === -1 || a === bits.uid) && isOwner
    const inGroup = b === -1 || b === bits.gid || who.gid === b || who.groups.includes(Number(b))
    // In 2.6 a chown that changes nothing is anybody's.
    const isNothing = name === 'chown' && a === -1 && b === -1
    const byStock = name === 'chmod' ? isOwner : who.uid === 0 || isNothing || (isPlainChgrp && inGroup)
    const isAllowed = entry !== '' ? writes(who, this.bits('')) : byStock
    if (ret === 0) this.counts.changed++
    else this.counts.denied++
    if (ret === 0 && !isAllowed) this.problems.push(`${name}(${path}) by ${who.uid} succeeds`)
    if (ret === EPERM && isAllowed && entry !== '')
      this.problems.push(`${name}(${path}) by ${who.uid} is refused`)
    if (ret === EPERM && who.uid === 0) this.problems.push(`root may not ${name} ${path}`)
    if (ret !== 0) return
    if (name === 'chmod') bits.mode = Number(a)
    else {
      if (a !== -1) bits.uid = Number(a)
      if (b !== -1) bits.gid = Number(b)
    }
  }

  private failed(who: Who, name: string, ret: unknown): void {
    if (ret === EPERM && who.uid === 0) this.problems.push(`root may not ${name}`)
  }

  private get total(): number {
    return [...this.mounts.values()].reduce((sum, count) => sum + count, 0)
  }

  private mount(dir: string, data: string): void {
    if (!this.isInForce) {
      this.entries = new Map()
      this.mode = this.first
    }
    if (data === 'restore' || data === 'preserve') this.mode = data
    this.isInForce = true
    this.mounts.set(dir, (this.mounts.get(dir) ?? 0) + 1)
  }

  private umount(dir: string): void {
    this.mounts.set(dir, (this.mounts.get(dir) ?? 0) - 1)
    if (this.total === 0 && this.mode === 'restore') this.isInForce = false
  }

  private rmmod(): void {
    if (this.total > 0) this.problems.push('removed while it is mounted')
    this.isInForce = false
  }
}

// ---- the runs --------------------------------------------------------------------------------------------------

interface Plan {
  readonly profile: Profile
  readonly seed: number
  readonly unmountMode: UnmountMode
  readonly isMounted: boolean
  readonly work: readonly (readonly Action[])[]
}

const plan: fc.Arbitrary<Plan> = fc.record({
  profile: fc.constantFrom(...PROFILES),
  seed: fc.nat(1000),
  unmountMode: fc.constantFrom<UnmountMode>('restore', 'preserve'),
  isMounted: fc.boolean(),
  work: fc.tuple(...USERS.map(() => fc.array(action, { minLength: 4, maxLength: 16 }))),
})

/** The kernel of a plan before anybody has run. */
function prepare(
  { profile, seed, unmountMode, isMounted, work }: Plan,
  schedule: 'random' | number[] = 'random',
) {
  const k = createKernel({ profile, seed, schedule, modules: [net(), sockfs({ unmountMode })] })
  const model = new Model(unmountMode)
  const users = new Map<number, Who>()
  k.trace.on('syscall:exit', ({ pid, name, args, ret }) => {
    const who = users.get(pid)
    if (who !== undefined) model.hear(who, name, args, ret)
  })
  const root = k.spawn()
  users.set(root.pid, USERS[0])
  for (const at of DIRS) root.libc.mkdir(at, 0o755)
  if (isMounted) root.libc.mount('none', '/a', k.sockfs.type, 0, '')
  for (const [i, who] of USERS.entries()) {
    start(k, who, work[i] ?? [])
    users.set(root.pid + i + 1, who)
  }
  return { k, model }
}

describe('under random schedules', () => {
  const seen = { permitted: 0, refused: 0, changed: 0, denied: 0 }

  it('no bind succeeds that the permissions at that moment refuse, and root is never locked out', () => {
    fc.assert(
      fc.property(plan, (how) => {
        const { k, model } = prepare(how)
        k.run()
        expect(model.problems).toEqual([])
        expect(checkInvariants(k)).toEqual([])
        for (const key of ['permitted', 'refused', 'changed', 'denied'] as const)
          seen[key] += model.counts[key]
      }),
      { numRuns: 300, seed: 6 },
    )
    // The runs must have met what they are about.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(50)
  })

  it('a run repeats itself from its schedule, and a copy made anywhere in it ends the same', () => {
    fc.assert(
      fc.property(plan, fc.nat(60), (how, steps) => {
        const { k } = prepare(how)
        for (let i = 0; i < steps; i++) k.step()
        const copy = k.fork()
        const middle = k.digest()
        copy.run()
        expect(k.digest()).toBe(middle)
        k.run()
        expect(copy.digest()).toBe(k.digest())
        expect(checkInvariants(copy)).toEqual([])
        const again = prepare(how, [...k.schedule])
        again.k.run()
        expect(again.k.digest()).toBe(k.digest())
      }),
      { numRuns: 25, seed: 7 },
    )
  })
})

describe('under all schedules', () => {
  it.each(PROFILES)(
    'of %s a bind that races with chmod and umount is judged by what was there',
    (profile) => {
      const k = createKernel({ profile, modules: [net(), sockfs()] })
      const root = k.spawn()
      root.libc.mkdir('/a', 0o755)
      root.libc.mkdir('/log', 0o777)
      root.sys.chmod('/log', 0o777)
      root.libc.mount('none', '/a', k.sockfs.type, 0, '')
      root.libc.chown('/a/80', 1000, 0)
      k.spawn({
        *program(sys) {
          yield* sys.chmod('/a/80', 0)
          yield* sys.umount('/a')
          yield* sys.delete_module('sockfs')
        },
      })
      k.spawn({
        uid: 1000,
        *program(sys) {
          const fd = yield* sys.socket(AF_INET, SOCK_STREAM, 0)
          const result = yield* sys.bind(fd, { family: AF_INET, addr: 0, port: 80 })
          yield* sys.mkdir(result === 0 ? '/log/bound' : '/log/refused', 0o700)
        },
      })
      // Every way of their six calls is gone; some of them end with the port bound, and some without.
      const ends = (name: string) =>
        explore(k, { depth: 12, property: (copy) => typeof copy.fork().spawn().sys.stat(name) === 'number' })
      expect([ends('/log/bound').holds, ends('/log/refused').holds]).toEqual([false, false])
      const never = explore(k, {
        depth: 12,
        property: (copy) => {
          const { sys } = copy.fork().spawn()
          const isBound = typeof sys.stat('/log/bound') !== 'number'
          const isRefused = typeof sys.stat('/log/refused') !== 'number'
          return !(isBound && isRefused)
        },
      })
      expect(never).toMatchObject({ holds: true, complete: true })
    },
  )
})
