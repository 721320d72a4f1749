/** Who and what is where: compartments with what is in them. */

import type { KernelCore } from '../kernel/kernel.js'
import { dPath } from '../vfs/dpath.js'
import type { Mount } from '../vfs/mount.js'
import { showLabel } from './label.js'
import { networkOf } from './network.js'
import type { Labels } from './state.js'

/** A process of a compartment. */
export interface MacTask {
  /** Its pid. */
  readonly pid: number
  /** Its name. */
  readonly comm: string
  /** Its label as text. */
  readonly label: string
}

/** A mount of a compartment. */
export interface MacMount {
  /** Where it is. */
  readonly path: string
  /** The kind of file system. */
  readonly type: string
  /** Its label as text. */
  readonly label: string
}

/** A port that a socket of a compartment listens on or is bound to. */
export interface MacPort {
  /** By which protocol. */
  readonly protocol: 'tcp' | 'udp'
  /** '0.0.0.0' for all. */
  readonly address: string
  /** Its number. */
  readonly port: number
  /** The socket's label as text. */
  readonly label: string
}

/** Routes that a rule gives to a label (MAC-47). */
export interface MacRoutes {
  /** The label that the rule selects. */
  readonly label: string
  /** The rule's. */
  readonly preference: number
  /** The number of the table. */
  readonly table: number
  /** What is in it, as `ip route` words it: 'default via 10.0.0.254 dev eth0 src 10.0.0.1'. */
  readonly routes: readonly string[]
}

/** What is in a compartment. */
export interface MacCompartment {
  /** Its number. */
  readonly compartment: number
  /** Its processes, oldest first. */
  readonly tasks: readonly MacTask[]
  /** Its mounts, oldest first. */
  readonly mounts: readonly MacMount[]
  /** Addresses that are reserved for it, or that its routes make it send from. */
  readonly addresses: readonly string[]
  /** Ports in use, by number. */
  readonly ports: readonly MacPort[]
  /** What the rules of routing give to its labels, in their order. */
  readonly routes: readonly MacRoutes[]
}

/** Where a mount is, as init sees it. */
export const pathOf = (k: KernelCore, mnt: Mount): string =>
  k.state.init === null ? '/' : dPath(k.state.init.fs, mnt, mnt.root)

type Open<T> = { -readonly [N in keyof T]: T[N] extends readonly (infer Item)[] ? Item[] : T[N] }

/** Everything, by compartment. */
export function describe(k: KernelCore, labels: Labels): MacCompartment[] {
  const found = new Map<number, Open<MacCompartment>>()
  const place = (compartment: number): Open<MacCompartment> => {
    let entry = found.get(compartment)
    if (entry === undefined) {
      entry = { compartment, tasks: [], mounts: [], addresses: [], ports: [], routes: [] }
      found.set(compartment, entry)
    }
    return entry
  }
  for (const task of k.state.tasks.values()) {
    if (task.pid !== task.tgid) continue
    const label = labels.ofTask(task)
    place(label.compartment).tasks.push({ pid: task.pid, comm: task.comm, label: showLabel(label) })
  }
  for (const mnt of k.state.mounts) {
    const label = labels.ofFiles(mnt.sb)
    const { type } = mnt.sb
    place(label.compartment).mounts.push({ path: pathOf(k, mnt), type, label: showLabel(label) })
  }
  const network = networkOf(k, labels.state)
  for (const { compartment, address } of network.addresses) place(compartment).addresses.push(address)
  for (const { compartment, ...port } of network.ports) place(compartment).ports.push(port)
  for (const { compartment, ...routes } of network.routes) place(compartment).routes.push(routes)
  return [...found.values()].sort((a, b) => a.compartment - b.compartment)
}
