/** Reference §1.3: parts of modules that are loaded and removed while the kernel runs, by a small file system. */
import {
  checkInvariants,
  createKernel,
  defineModule,
  EBUSY,
  EEXIST,
  EFAULT,
  EINVAL,
  ENODEV,
  ENOENT,
  ENOMEM,
  EPERM,
  type FileSystemType,
  type KernelCore,
  O_RDONLY,
  type Profile,
  utf8Decode,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { ramfsType } from '../../src/fs/ramfs.js'

const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']

/** What modules see of a kernel. */
const core = (k: object): KernelCore => k as KernelCore

const typeNamed = (name: string): FileSystemType => ({
  name,
  mount(k, source, flags, options) {
    const sb = ramfsType.mount(k, source, flags, options)
    if (typeof sb !== 'number') sb.type = name
    return sb
  },
})

/** A part that remembers what it was given. */
const part = <const Name extends string>(
  name: Name,
  type: string,
  options: { readonly atBoot?: boolean; readonly fails?: number; readonly uses?: number } = {},
) =>
  defineModule({
    name,
    init: () => ({ log: [] as string[] }),
    attach: (_k, state) => ({
      api: { log: () => state.log },
      loadable: [
        {
          name,
          size: 5000,
          parameters: ['level', 'debug'],
          filesystems: [typeNamed(type)],
          isLoadedAtBoot: options.atBoot === true,
          init(_kernel, parameters) {
            if (options.fails !== undefined) return options.fails
            state.log.push(`init ${[...parameters].map(([key, value]) => `${key}=${value}`).join(' ')}`)
            return 0
          },
          cleanup: () => void state.log.push('cleanup'),
          uses: () => options.uses ?? 0,
        },
      ],
    }),
  })

const catOf = (k: { spawn(): ReturnType<ReturnType<typeof createKernel>['spawn']> }, path: string) => {
  const { libc } = k.spawn()
  const fd = libc.open(path, O_RDONLY)
  const buf = new Uint8Array(4096)
  return utf8Decode(buf, 0, libc.read(fd, buf))
}

describe.each(PROFILES)('§1.3 modules of %s', (profile) => {
  it('come with their file system, and go only when it is not mounted', () => {
    const k = createKernel({ profile, modules: [part('parts', 'partsfs')] })
    const root = k.spawn()
    expect(root.sys.mount('none', '/mnt', 'partsfs', 0)).toBe(ENODEV)
    expect(root.sys.init_module('parts', 'level=0x10 debug=-3')).toBe(0)
    expect(k.parts.log()).toEqual(['init level=16 debug=-3'])
    expect(root.sys.init_module('parts')).toBe(EEXIST)
    expect(catOf(k, '/proc/filesystems').endsWith('nodev\tpartsfs\n')).toBe(true)
    expect(root.sys.mount('none', '/mnt', 'partsfs', 0)).toBe(0)
    expect(root.sys.delete_module('parts')).toBe(EBUSY)
    expect(root.sys.umount('/mnt')).toBe(0)
    expect(root.sys.delete_module('parts')).toBe(0)
    expect(root.sys.delete_module('parts')).toBe(ENOENT)
    expect(k.parts.log()).toEqual(['init level=16 debug=-3', 'cleanup'])
    expect(root.sys.mount('none', '/mnt', 'partsfs', 0)).toBe(ENODEV)
    expect(checkInvariants(k)).toEqual([])
  })

  it('are listed in /proc/modules, newest first', () => {
    const k = createKernel({ profile, modules: [part('parts', 'partsfs'), part('more', 'morefs')] })
    const root = k.spawn()
    expect(catOf(k, '/proc/modules')).toBe('')
    root.sys.init_module('parts')
    root.sys.init_module('more')
    root.sys.mount('none', '/mnt', 'partsfs', 0)
    expect(catOf(k, '/proc/modules')).toBe(
      {
        '2.0.35': 'more               2\t0\nparts              2\t1\n',
        '2.2.12': 'more                    5000   0\nparts                   5000   1\n',
        '2.6.14': 'more 5000 0 - Live 0xc8803000\nparts 5000 1 - Live 0xc8800000\n',
      }[profile],
    )
  })

  it('are for the superuser', () => {
    const k = createKernel({ profile, modules: [part('parts', 'partsfs')] })
    const alice = k.spawn({ uid: 1000 })
    expect(alice.sys.init_module('parts')).toBe(EPERM)
    expect(k.why(alice)?.sentence).toContain('CAP_SYS_MODULE is needed')
    expect(alice.sys.delete_module('parts')).toBe(EPERM)
    expect(alice.sys.init_module('nothing')).toBe(EPERM)
  })

  const isModern = profile === '2.6.14'

  it('of which one fails leave nothing behind; before 2.6 every failure is EBUSY', () => {
    const k = createKernel({ profile, modules: [part('parts', 'partsfs', { fails: ENOMEM })] })
    const { sys } = k.spawn()
    const before = k.digest()
    expect(sys.init_module('parts')).toBe(isModern ? ENOMEM : EBUSY)
    expect(sys.mount('none', '/mnt', 'partsfs', 0)).toBe(ENODEV)
    expect(core(k).state.loadedModules).toEqual([])
    expect(k.digest()).toBe(before)
  })

  it('whose file system has a name that is taken are EBUSY', () => {
    const k = createKernel({ profile, modules: [part('parts', 'same'), part('more', 'same')] })
    const { sys } = k.spawn()
    expect(sys.init_module('parts')).toBe(0)
    expect(sys.init_module('more')).toBe(EBUSY)
    expect(sys.mount('none', '/mnt', 'same', 0)).toBe(0)
    expect(sys.umount('/mnt')).toBe(0)
    expect(sys.delete_module('parts')).toBe(0)
    expect(sys.init_module('more')).toBe(0)
  })

  it.each([
    ['other=1', isModern ? ENOENT : EBUSY, "parts: Unknown parameter `other'"],
    ['level', isModern ? EINVAL : EBUSY, "parts: `' invalid for parameter `level'"],
    ['level=high', isModern ? EINVAL : EBUSY, "parts: `high' invalid for parameter `level'"],
    ['level=1=2', isModern ? EINVAL : EBUSY, "parts: `1' invalid for parameter `level'"],
    [7, EFAULT, ''],
  ] as const)('refuse the parameters %s', (text, error, message) => {
    const k = createKernel({ profile, modules: [part('parts', 'partsfs')] })
    expect(k.spawn().sys.init_module('parts', text as string)).toBe(error)
    expect(core(k).state.log.at(-1) ?? '').toContain(message)
    expect(k.parts.log()).toEqual([])
  })
})

describe('modules', () => {
  it('that say that they are used stay', () => {
    const { sys } = createKernel({ modules: [part('parts', 'partsfs', { uses: 1 })] }).spawn()
    sys.init_module('parts')
    expect(sys.delete_module('parts')).toBe(EBUSY)
  })

  it('are loaded and removed in each copy of the kernel by itself, in the same order', () => {
    const k = createKernel({ modules: [part('parts', 'partsfs'), part('more', 'morefs')] })
    const root = k.spawn()
    const before = k.snapshot()
    root.sys.init_module('more')
    root.sys.init_module('parts')
    const copy = k.fork()
    expect([...core(copy).filesystems.keys()]).toEqual([...core(k).filesystems.keys()])
    expect(copy.digest()).toBe(k.digest())
    expect(copy.spawn().sys.delete_module('more')).toBe(0)
    expect([...core(k).filesystems.keys()]).toContain('morefs')
    k.restore(before)
    expect([...core(k).filesystems.keys()]).not.toContain('morefs')
    expect(root.sys.delete_module('more')).toBe(ENOENT)
  })

  it('can be there from the start, unless they cannot', () => {
    const k = createKernel({ modules: [part('parts', 'partsfs', { atBoot: true })] })
    expect(k.parts.log()).toEqual(['init '])
    expect(k.spawn().sys.mount('none', '/mnt', 'partsfs', 0)).toBe(0)
    expect(() => createKernel({ modules: [part('parts', 'proc', { atBoot: true })] })).toThrow(
      "'parts' cannot be loaded at boot: a file system 'proc' is there already",
    )
    expect(() => createKernel({ modules: [part('parts', 'p', { atBoot: true, fails: ENOMEM })] })).toThrow(
      "'parts' cannot be loaded at boot: its init says ENOMEM",
    )
  })

  it('are named once', () => {
    const twice = defineModule({
      name: 'twice',
      init: () => ({}),
      attach: () => ({ api: {}, loadable: [{ name: 'parts', size: 1, init: () => 0, cleanup: () => {} }] }),
    })
    expect(() => createKernel({ modules: [part('parts', 'partsfs'), twice] })).toThrow(
      "loadable part 'parts' is contributed by module 'parts' and by module 'twice'",
    )
  })
})
