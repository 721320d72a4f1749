/** Options of the module. Reference §7.4; what the sources leave open is an option. */

import type { Profile } from '../abi/profile.js'

/** What `sockfs()` can be told. */
export interface SockfsOptions {
  /**
   * What the last umount does: 'restore' puts the kernel's own test back, 'preserve' leaves the permissions in force
   * until the module is removed (SF-31, SF-32). Default 'restore' (SF-36). A mount may say otherwise: `-o preserve`.
   */
  readonly unmountMode?: UnmountMode
  /** The highest port whose entry is asked: 1024 has an entry in any case (SF-23). Default 1024. */
  readonly protectedMax?: 1023 | 1024
  /**
   * A bind of port 0 that the kernel of 2.0.35 answers with port 1024 is judged by entry 1024, as the hook stood
   * literally (SF-24). Default false: port 0 is never refused. Later kernels do not ask about port 0.
   */
  readonly literalAutoBind?: boolean
  /** CAP_NET_BIND_SERVICE allows what an entry refuses, from 2.2 on (SF-27). Default false: the test is replaced. */
  readonly capabilityStillCounts?: boolean
  /** The table is allocated when the module is loaded, as by `alloc_now=1` (SF-2). Default false: at the first mount. */
  readonly allocNow?: boolean
  /**
   * The name of the type of file system. Default 'sockfs'; on 2.6.14, where the kernel has a type of that name, 'portfs'
   * (SF-35).
   */
  readonly type?: string
  /** Is it loaded at boot, or does it wait for `insmod sockfs`? Default 'boot'. */
  readonly load?: 'boot' | 'insmod'
}

/** What the last umount does. */
export type UnmountMode = 'restore' | 'preserve'

/** With the defaults filled in; those that hang on the profile are filled in when the kernel is known. */
export type Settings = Required<Omit<SockfsOptions, 'type'>> & { readonly type: string | undefined }

const KNOWN: readonly string[] = [
  'unmountMode',
  'protectedMax',
  'literalAutoBind',
  'capabilityStillCounts',
  'allocNow',
  'type',
  'load',
]

const oneOf = <T>(name: string, value: T, allowed: readonly T[]): T => {
  if (!allowed.includes(value))
    throw new TypeError(`sockfs: ${name} must be one of ${allowed.join(', ')}, not ${String(value)}`)
  return value
}

const FLAGS: readonly boolean[] = [true, false]

/** Throws a TypeError for options that there are not. */
export function settingsOf(options: SockfsOptions): Settings {
  for (const name of Object.keys(options))
    if (!KNOWN.includes(name)) throw new TypeError(`sockfs: there is no option '${name}'`)
  const {
    unmountMode = 'restore',
    protectedMax = 1024,
    literalAutoBind = false,
    capabilityStillCounts = false,
    allocNow = false,
    type,
    load = 'boot',
  } = options
  if (type !== undefined && !(typeof type === 'string' && /^[a-z][a-z0-9_-]{0,14}$/.test(type)))
    throw new TypeError(`sockfs: type must be a name such as 'portfs', not ${JSON.stringify(type)}`)
  return {
    unmountMode: oneOf('unmountMode', unmountMode, ['restore', 'preserve']),
    protectedMax: oneOf('protectedMax', protectedMax, [1023, 1024]),
    literalAutoBind: oneOf('literalAutoBind', literalAutoBind, FLAGS),
    capabilityStillCounts: oneOf('capabilityStillCounts', capabilityStillCounts, FLAGS),
    allocNow: oneOf('allocNow', allocNow, FLAGS),
    type,
    load: oneOf('load', load, ['boot', 'insmod']),
  }
}

/** The name of the type: since 2.4 the kernel has a 'sockfs' for the inodes of sockets (SF-35). */
export const typeName = ({ type }: Settings, release: Profile): string =>
  type ?? (release === '2.6.14' ? 'portfs' : 'sockfs')
