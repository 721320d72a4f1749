/**
 * What the compiler makes of a list of modules: the APIs on the kernel, and a sentence for a list that cannot
 * work.
 *
 * Types only. Everything is computed from the module values' own types (see defineModule in
 * kernel/module.ts), so a module has nothing to declare twice. A list whose length or names the compiler does
 * not know, such as `AnyModule[]`, is accepted as it is and adds nothing; creation checks it then.
 */

import type { AnyModule, Contributions } from '../kernel/module.js'
import type { CoreSys } from './core_sys.js'

/** Shows an intersection as one object where a type is displayed. */
export type Flat<T> = { [K in keyof T]: T[K] } & {}

/** A list of modules as `createKernel({ modules })` takes it. */
export type ModuleList = readonly AnyModule[]

/** The part of a module that its API and its calls are read from. */
export interface ModuleShape<Api, Table> {
  /** As in KernelModule. */
  attach(...args: never): Contributions<Api, Table>
}

/** The name of a module, as a literal. */
export type NameOf<M> = M extends AnyModule ? M['name'] : never

/** What a module puts on the kernel under its name. */
export type ApiOf<M> = M extends ModuleShape<infer Api, unknown> ? Api : never

/** The table of system calls that a module contributes, as handlers; without names where it has none. */
export type SyscallsOf<M> = M extends ModuleShape<unknown, infer Table> ? NonNullable<Table> : never

/** The names of the modules that a module cannot do without. */
export type RequiresOf<M> = M extends AnyModule ? NonNullable<M['requires']>[number] : never

/** The names that `M` requires and the list does not have. */
export type MissingFrom<Ms extends ModuleList, M> =
  string extends RequiresOf<M> ? never : Exclude<RequiresOf<M>, NameOf<Ms[number]>>

/** The names of all modules of a list but the one at `At`. */
export type OtherNames<Ms extends ModuleList, At> = {
  [I in keyof Ms]: I extends At ? never : NameOf<Ms[I]>
}[number]

/** What is wrong with the module at `At`, as a sentence; `never` when nothing is. */
export type Complaint<Ms extends ModuleList, At extends keyof Ms, Member> =
  string extends NameOf<Ms[At]>
    ? never
    : NameOf<Ms[At]> extends Member
      ? `'${NameOf<Ms[At]>}' is the name of a kernel member`
      : NameOf<Ms[At]> extends OtherNames<Ms, At>
        ? `module '${NameOf<Ms[At]>}' is given twice: pass each module once`
        : [MissingFrom<Ms, Ms[At]>] extends [never]
          ? CoreCall<Ms[At]>
          : `module '${NameOf<Ms[At]>}' requires module '${MissingFrom<Ms, Ms[At]>}'`

/** Complains about a contributed call that has the name of one of the core's. */
export type CoreCall<M> = keyof SyscallsOf<M> & keyof CoreSys extends infer Name extends string
  ? `module '${NameOf<M>}' contributes '${Name}', which is a system call of the core`
  : never

/**
 * Maps each module of a list to itself, or to a sentence that says what is wrong with it. `Member` is the
 * names that the kernel keeps for itself. Used as `modules?: Ms & Checked<Ms, …>`, so that the sentence is
 * the compile error.
 */
export type Checked<Ms extends ModuleList, Member extends PropertyKey = never> = {
  [I in keyof Ms]: [Complaint<Ms, I, Member>] extends [never] ? Ms[I] : Complaint<Ms, I, Member>
}

/** The APIs of a list of modules by module name: what `kernel.<name>` is. */
export type ModuleApis<Ms extends ModuleList> = {
  readonly [M in Ms[number] as string extends NameOf<M> ? never : NameOf<M>]: ApiOf<M>
}
