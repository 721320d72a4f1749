/**
 * What a scenario is told: who there is, what there is, in words of the experiment.
 */

import type { CoreSys } from '../programs/core_sys.js'
import type { KernelMember } from '../programs/kernel_type.js'
import type { Checked, ModuleList } from '../programs/module_types.js'
import { KERNEL_OPTIONS, type KernelOptions } from '../programs/options.js'
import type { SpawnOptions } from '../programs/spawn.js'
import type { BoundSyscalls } from '../programs/sys_types.js'
import type { World } from '../world/world.js'

/** A user: a uid, or more. Everybody has a line in /etc/passwd, and a group of the same name and number. */
export type UserSpec =
  | number
  | {
      /** 0 to 65535. */
      readonly uid: number
      /** The group. Default: as the uid. */
      readonly gid?: number
      /** Supplementary groups. Default none. */
      readonly groups?: readonly number[]
      /** The home directory, which is not made. Default '/'. */
      readonly home?: string
    }

/** In every kind of file. */
export interface FileBase<U extends string = string> {
  /** A user of the scenario, 'root', or a uid. Default 'root'. */
  readonly owner?: U | 'root' | number
  /** A gid, or a user's name for that user's group. Default: the owner's group. */
  readonly group?: U | 'root' | number
  /** Permission bits. Default 0o644 for files, 0o755 for directories. */
  readonly mode?: number
}

/**
 * A file: its text; its bytes; or one of these with owner and mode, a directory, a FIFO or a symbolic link. Directories on
 * the way to it are made where they are missing, for root with 0755.
 */
export type FileSpec<U extends string = string> =
  | string
  | Uint8Array
  | (FileBase<U> & {
      /** What is in it. Default nothing. */
      readonly content?: string | Uint8Array
    })
  | (FileBase<U> & {
      /** A directory, or a FIFO. */
      readonly type: 'directory' | 'fifo'
    })
  | {
      /** A symbolic link to this path. */
      readonly linkTo: string
    }

/** A compartment of MAC: its number, or more. Wants the module mac. */
export type CompartmentSpec =
  | number
  | {
      /** 1 to 65535. */
      readonly number: number
      /** The grade of its tasks and files, 0 to 65535. Default 10. */
      readonly grade?: number
      /**
       * A directory on which it has a file system of its own, which no other sees. Default none. Linux: mount of a ramfs
       * with `mac=`.
       */
      readonly root?: string
      /** An address of its own such as '10.0.0.2/24', set on `eth0` and reserved for it. Wants the module net. */
      readonly address?: string
    }

/** A reserved port: its owner, or more. Wants the module sockfs. */
export type PortSpec<U extends string = string> =
  | U
  | 'root'
  | number
  | {
      /** A user of the scenario, 'root', or a uid. */
      readonly owner: U | 'root' | number
      /** A gid, or a user's name. Default: the owner's group. */
      readonly group?: U | 'root' | number
      /** Permission bits, of which the write bits count. Default 0o700. */
      readonly mode?: number
    }

/** What a scenario is made of; the options of `createKernel` besides. */
export type ScenarioOptions<
  Ms extends ModuleList = ModuleList,
  U extends string = string,
  C extends string = string,
> = KernelOptions<Ms & Checked<Ms, KernelMember>, CoreSys & BoundSyscalls<NoInfer<Ms>>> & {
  /** Who there is besides root. */
  readonly users?: Readonly<Record<U, UserSpec>>
  /** Compartments, by the names that the experiment has for them. */
  readonly compartments?: Readonly<Record<C, CompartmentSpec>>
  /** Files, by their absolute paths, made in this order. */
  readonly files?: Readonly<Record<string, FileSpec<NoInfer<U>>>>
  /** Reserved ports, 1 to 1024. sockfs is mounted on `/ports`. */
  readonly ports?: Readonly<Record<number, PortSpec<NoInfer<U>>>>
  /** How many lines of trace are kept for the messages of failures; 0 for none. Default 12. */
  readonly traceLines?: number
  /** A world in which the kernel is made, `createWorld()`. Default: none, it is alone. */
  readonly world?: World
}

const OWN_OPTIONS: readonly string[] = ['users', 'compartments', 'files', 'ports', 'traceLines', 'world']

/** Takes the scenario's own options from the kernel's. Errors: TypeError for options that are no object. */
export function splitOptions(options: unknown): [own: ScenarioOptions, kernel: KernelOptions] {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`scenario: an options object is wanted, not ${String(options)}`)
  const own: Record<string, unknown> = {}
  const kernel: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    if (OWN_OPTIONS.includes(name)) own[name] = value
    else if (KERNEL_OPTIONS.includes(name)) kernel[name] = value
    else
      throw new TypeError(
        `scenario: unknown option '${name}'; known are ${[...OWN_OPTIONS, ...KERNEL_OPTIONS].join(', ')}`,
      )
  }
  for (const name of ['users', 'compartments', 'files', 'ports'])
    if (own[name] !== undefined && (typeof own[name] !== 'object' || own[name] === null))
      throw new TypeError(`scenario: ${name}: an object by name is wanted`)
  return [own as ScenarioOptions, kernel as KernelOptions]
}

/** How a process of the scenario begins: as with `spawn`, but that its user is known. */
export type AsOptions<S, C extends string = string> = Omit<SpawnOptions<S>, 'uid' | 'gid' | 'groups'> & {
  /** In which compartment. Default: in none, which makes it an administrator of MAC. */
  readonly compartment?: C
}
