/** The compartments of a scenario: labels, file systems and addresses of their own. */

import { MS_REMOUNT } from '../abi/mount.js'
import { checkOptions } from '../lib/check_options.js'
import type { Process } from '../programs/process.js'
import { ensureParents } from './files.js'
import type { CompartmentSpec } from './options.js'

/** What this needs of the module mac. */
interface MacLike {
  setLabel(pid: number, label: string): void
  reserve(address: string, compartment: number): void
}

/** What this needs of the module net. */
interface NetLike {
  addEthernet(name: string, address: Uint8Array): void
  configure(name: string, setup: { readonly address: string }): void
}

/** A compartment, checked. */
export interface Compartment {
  readonly number: number
  readonly label: string
  readonly root: string | undefined
  readonly address: string | undefined
}

const DEVICE = 'eth0'
/** Everybody reads it, administrators alone write it. */
const COMMON = '65535:0+shared'
const DEFAULT_GRADE = 10

function check(name: string, spec: CompartmentSpec): Compartment {
  if (typeof spec === 'object')
    checkOptions(`scenario: compartment ${name}`, spec, ['number', 'grade', 'root', 'address'])
  const { number, grade = DEFAULT_GRADE, root, address } = typeof spec === 'object' ? spec : { number: spec }
  if (!(Number.isInteger(number) && number >= 1 && number <= 65535))
    throw new TypeError(
      `scenario: compartment ${name}: a number of 1 to 65535 is wanted, not ${String(number)}`,
    )
  if (!(Number.isInteger(grade) && grade >= 0 && grade <= 65535))
    throw new TypeError(
      `scenario: compartment ${name}: a grade of 0 to 65535 is wanted, not ${String(grade)}`,
    )
  if (address !== undefined && !/^\d+(\.\d+){3}\/\d+$/.test(String(address)))
    throw new TypeError(
      `scenario: compartment ${name}: address '${String(address)}': one with the bits of its network, such as 10.0.0.1/24, is wanted`,
    )
  return { number, label: `${grade}:${number}`, root, address }
}

/** The compartments. Errors: TypeError without the modules that they want. */
export class Compartments {
  private readonly list = new Map<string, Compartment>()
  private readonly mac: MacLike | undefined
  private readonly net: NetLike | undefined

  constructor(k: object, specs: Readonly<Record<string, CompartmentSpec>>) {
    const modules = k as { mac?: MacLike; net?: NetLike }
    this.mac = modules.mac
    this.net = modules.net
    const names = new Map<number, string>()
    for (const [name, spec] of Object.entries(specs)) {
      const compartment = check(name, spec)
      const other = names.get(compartment.number)
      if (other !== undefined)
        throw new TypeError(`scenario: compartments ${other} and ${name} have the same number`)
      names.set(compartment.number, name)
      this.list.set(name, compartment)
    }
    if (this.list.size > 0 && this.mac === undefined)
      throw new TypeError('scenario: compartments want the module mac: add mac() to modules')
  }

  /** Labels what is common, and makes what is each one's own. */
  make(root: Process): void {
    if (this.list.size === 0) return
    const owned = [...this.list.values()]
    for (const { root: path } of owned) if (path !== undefined) ensureParents(root, `${path}/`)
    for (const path of ['/', '/dev']) root.libc.mount('none', path, '', MS_REMOUNT, `mac=${COMMON}`)
    for (const { root: path, label } of owned)
      if (path !== undefined) root.libc.mount('none', path, 'ramfs', 0, `mac=${label}`)
    this.setAddresses(owned)
  }

  private setAddresses(owned: readonly Compartment[]): void {
    let isThere = false
    for (const { address, number } of owned) {
      if (address === undefined) continue
      if (this.net === undefined)
        throw new TypeError('scenario: addresses of compartments want the module net: add net() to modules')
      if (!isThere) this.net.addEthernet(DEVICE, Uint8Array.of(2, 0, 0, 0, 0, 1))
      isThere = true
      this.net.configure(DEVICE, { address })
      this.mac?.reserve(address.split('/')[0] ?? '', number)
    }
  }

  /** Errors: TypeError for a name that there is not. */
  named(name: string): Compartment {
    const found = this.list.get(name)
    if (found === undefined)
      throw new TypeError(
        `scenario: there is no compartment '${name}': known are ${[...this.list.keys()].join(', ') || 'none'}`,
      )
    return found
  }

  /** Puts a process into a compartment. */
  enter(process: Process, { label }: Compartment): void {
    this.mac?.setLabel(process.pid, label)
  }
}
