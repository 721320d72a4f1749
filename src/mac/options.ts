/** The options of the module, checked. */

/** How the reference's decisions are taken where it leaves a choice. */
export interface MacOptions {
  /**
   * Tasks of one compartment: a task of lower grade is invisible and one of higher grade is EACCES, as in FreeBSD's Biba
   * (MAC-27, §3.2). Default false: signals and priorities need a grade at least as high, else EPERM.
   */
  readonly strictBiba?: boolean
  /** Every compartment sees pid 1 (MAC-26). Default false. */
  readonly initVisible?: boolean
  /**
   * Reading a file of lower grade is allowed and lowers the task's grade to it, as LOMAC does (§3.2). Default false:
   * EACCES.
   */
  readonly lowWatermark?: boolean
  /** Ports clash between compartments, too (MAC-46). Default false: each has its own. */
  readonly sharedPortSpace?: boolean
  /** Reads and writes of open files are checked again each time (MAC-34, §3.2). Default false: only opens are. */
  readonly revocation?: boolean
  /**
   * Compartments are sealed against what one can count: each has numbers of processes, inodes and devices of its own,
   * counts and totals, a host name and random numbers, and no power over the clock, the devices or the modules of the
   * system. Default false: what the original leaves open is open (MAC-25).
   */
  readonly sealed?: boolean
  /** Where mlsfs is: in the kernel at boot (the default), to be loaded by insmod, or nowhere (MAC-36, MAC-62). */
  readonly mlsfs?: 'boot' | 'insmod' | 'none'
  /**
   * Drivers whose devices administrators alone may read and write, by their names in /proc/devices, wherever the node is:
   * they show what all compartments do (§9.5). Default `['bufflink']`, which has the log of requests; a machine that
   * keeps several compartments' data on one disk adds that disk's driver.
   */
  readonly adminDevices?: readonly string[]
}

/** All of them. */
export type MacSettings = Required<MacOptions>

const DEFAULTS: MacSettings = Object.freeze({
  strictBiba: false,
  initVisible: false,
  lowWatermark: false,
  sharedPortSpace: false,
  revocation: false,
  sealed: false,
  mlsfs: 'boot',
  adminDevices: Object.freeze(['bufflink']),
})

/** Errors: TypeError for options that there are not, and values that they do not have. */
export function settingsOf(options: MacOptions): MacSettings {
  if (typeof options !== 'object' || options === null) throw new TypeError('mac: options are an object')
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(DEFAULTS, name)) throw new TypeError(`mac: there is no option '${name}'`)
    if (value === undefined) continue
    if (name === 'mlsfs') {
      if (value !== 'boot' && value !== 'insmod' && value !== 'none')
        throw new TypeError(`mac: mlsfs must be 'boot', 'insmod' or 'none', not ${String(value)}`)
    } else if (name === 'adminDevices') {
      if (!Array.isArray(value) || !value.every((driver) => typeof driver === 'string'))
        throw new TypeError('mac: adminDevices must be a list of names of drivers')
    } else if (typeof value !== 'boolean')
      throw new TypeError(`mac: ${name} must be true or false, not ${String(value)}`)
  }
  return { ...DEFAULTS, ...options }
}

const MLSFS_WORDS = { boot: 'y', insmod: 'm', none: 'n' } as const

/** The kernel's configuration as its .config words it (MAC-62). */
export function configOf({ mlsfs }: MacSettings): string {
  const line = (name: string, word: string): string =>
    word === 'n' ? `# ${name} is not set\n` : `${name}=${word}\n`
  return line('CONFIG_MAC', 'y') + line('CONFIG_MLS_FS', MLSFS_WORDS[mlsfs])
}
