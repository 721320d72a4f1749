/** A machine with sockfs, its users, and binds that leave nothing behind. */
import { createKernel, type Kernel, type KernelCore, type Process, type Profile } from 'paleokernel'
import { AF_INET, type NetModule, net, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { type SockfsOptions, sockfs } from 'paleokernel/sockfs'

export const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']

export type SockfsModule = ReturnType<typeof sockfs>
export type SockfsKernel = Kernel<readonly [NetModule, SockfsModule]>
export type User = Process<SockfsKernel extends { spawn(): Process<infer S> } ? S : never>

/** Where it is mounted. */
export const DIR = '/ports'
export const ALICE = 1000
export const BOB = 1001
export const STAFF = 50

export type Protocol = 'tcp' | 'udp'

/** What modules see of a kernel. */
export const core = (k: object): KernelCore => k as KernelCore

export interface Where {
  readonly protocol?: Protocol
  readonly addr?: string
}

/** Binds a fresh socket to the port and closes it. */
export function bind(
  { sys }: User,
  port: number,
  { protocol = 'tcp', addr = '0.0.0.0' }: Where = {},
): number {
  const fd = sys.socket(AF_INET, protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM, 0)
  if (fd < 0) throw new Error(`no socket: ${fd}`)
  const result = sys.bind(fd, { family: AF_INET, addr, port })
  sys.close(fd)
  return result
}

export interface Machine {
  readonly k: SockfsKernel
  readonly profile: Profile
  readonly root: User
  readonly alice: User
  readonly bob: User
  /** The entry's path. */
  at(port: number): string
  /** mount(2) of the type on a directory, which is made. */
  mount(dir?: string, data?: string, flags?: number): number
  umount(dir?: string): number
}

/** A machine on which it is loaded and not mounted. Alice is in no group but her own; Bob is in staff, too. */
export function machine(profile: Profile, options: SockfsOptions = {}): Machine {
  const k = createKernel({ profile, modules: [net(), sockfs(options)] })
  const root = k.spawn()
  const alice = k.spawn({ uid: ALICE, gid: ALICE })
  const bob = k.spawn({ uid: BOB, gid: BOB, groups: [STAFF] })
  return {
    k,
    profile,
    root,
    alice,
    bob,
    at: (port) => `${DIR}/${port}`,
    mount(dir = DIR, data = '', flags = 0) {
      root.sys.mkdir(dir, 0o755)
      return root.sys.mount('sockfs', dir, k.sockfs.type, flags, data)
    },
    umount: (dir = DIR) => root.sys.umount(dir),
  }
}

/** The same, mounted. */
export function mounted(profile: Profile, options: SockfsOptions = {}): Machine {
  const m = machine(profile, options)
  const failed = m.mount()
  if (failed !== 0) throw new Error(`mount: ${failed}`)
  return m
}
