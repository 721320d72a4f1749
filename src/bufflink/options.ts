/** Options of the module. */

/** What `bufflink()` can be told. Reference §4.3; what the sources leave open is an option. */
export interface BufflinkOptions {
  /** Bytes of a ring that names no size (BL-2). Default 16384, as the kernel's log. */
  readonly defaultSize?: number
  /** The most that the kernel finds memory for; a caller's own buffer may be larger. Default 131072: kmalloc's most. */
  readonly maxSize?: number
  /** A ring that is open answers EBUSY, as netlink's devices did (BL-17). Default false. */
  readonly exclusiveOpen?: boolean
  /**
   * The character device: compiled in ('builtin', the default), a module that has to be loaded ('module'), or one that an
   * open of its major loads, by the alias char-major-120 of /etc/conf.modules ('autoload'). The rings are always there
   * (BL-11).
   */
  readonly driver?: 'builtin' | 'module' | 'autoload'
  /** Its major number. Default 120. */
  readonly major?: number
}

/** With the defaults filled in. */
export type Settings = Required<BufflinkOptions>

/** Linux: include/linux/major.h, Documentation/devices.txt: 120-127 are for local use. */
export const BUFFLINK_MAJOR = 120

const DRIVERS: readonly string[] = ['builtin', 'module', 'autoload']

/** Throws a TypeError for options that there are not. */
export function settingsOf(options: BufflinkOptions): Settings {
  const {
    defaultSize = 16384,
    maxSize = 131072,
    exclusiveOpen = false,
    driver = 'builtin',
    major = BUFFLINK_MAJOR,
  } = options
  const known = ['defaultSize', 'maxSize', 'exclusiveOpen', 'driver', 'major']
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw new TypeError(`bufflink: there is no option '${name}'`)
  for (const [name, bytes] of Object.entries({ defaultSize, maxSize }))
    if (!Number.isSafeInteger(bytes) || bytes < 1)
      throw new TypeError(`bufflink: ${name} must be a number of bytes from 1 on, not ${String(bytes)}`)
  if (defaultSize > maxSize) throw new TypeError('bufflink: defaultSize must not be above maxSize')
  if (typeof exclusiveOpen !== 'boolean') throw new TypeError('bufflink: exclusiveOpen must be true or false')
  if (!DRIVERS.includes(driver))
    throw new TypeError(`bufflink: driver must be one of ${DRIVERS.join(', ')}, not ${String(driver)}`)
  return { defaultSize, maxSize, exclusiveOpen, driver, major }
}
