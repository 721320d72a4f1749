/**
 * Compiles the modules' hooks into one function each, once, at attach time.
 *
 * No hook: a constant that allows. One: a guarded call of it. More: a chain in module order in which the first
 * refusal wins. A hook that throws surfaces as KernelBug. Measured in a prototype: none 0.6 ns, three 5 ns.
 */

import { SKIPPED } from '../abi/errno.js'
import { KernelBug } from '../kernel/bug.js'
import { TASK_ZOMBIE, type Task } from '../kernel/task.js'
import { noteCapable, noteHook, noteKill } from './deny.js'
import { HOOKS, type HookKind, type HookName, type SecurityHooks } from './hooks.js'

type AnyHook = (...args: unknown[]) => number | undefined

/** One module's hooks, with its name for refusals and errors. */
export interface HookSource {
  readonly module: string
  readonly hooks: Partial<SecurityHooks>
}

const allow: AnyHook = () => 0

const noAnswer: AnyHook = () => undefined

function guarded(module: string, name: HookName, kind: HookKind, hook: AnyHook): AnyHook {
  const notesAll = name === 'capable' || name === 'syscallEnter'
  return (...args) => {
    let verdict: number | undefined
    try {
      verdict = hook(...args)
    } catch (error) {
      throw asBug(module, name, error)
    }
    if (kind === 'notify') return 0
    if (kind === 'permit' && verdict === undefined) return undefined
    checkVerdict(module, name, verdict)
    if (kind !== 'filter' && (verdict < 0 || notesAll))
      note(module, name, verdict, args[0] as Task | null, args[1])
    return verdict
  }
}

/** Hooks that every step of a path, every read and every look at a task asks, by how many arguments they have. */
const FREQUENT: Partial<Record<HookName, 2 | 3>> = {
  taskVisible: 2,
  inodeAccess: 3,
  inodePermission: 3,
  inodeFollowLink: 2,
  inodeGetattr: 2,
  filePermission: 3,
}

/** As `guarded`, for the frequent ones: no list of arguments is made. */
function guardedFrequent(module: string, name: HookName, arity: 2 | 3, hook: AnyHook): AnyHook {
  const isSilent = HOOKS[name] === 'filter'
  const answer = (verdict: number | undefined, current: Task, about: unknown): number => {
    checkVerdict(module, name, verdict)
    if (!isSilent && verdict < 0) note(module, name, verdict, current, about)
    return verdict
  }
  if (arity === 2)
    return (current, about) => {
      let verdict: number | undefined
      try {
        verdict = hook(current, about)
      } catch (error) {
        throw asBug(module, name, error)
      }
      return verdict === 0 ? 0 : answer(verdict, current as Task, about)
    }
  return (current, about, mask) => {
    let verdict: number | undefined
    try {
      verdict = hook(current, about, mask)
    } catch (error) {
      throw asBug(module, name, error)
    }
    return verdict === 0 ? 0 : answer(verdict, current as Task, about)
  }
}

/** As `guarded`, for the hook that every call of a flagged task waits for: no list of arguments is made. */
function guardedWork(module: string, hooks: Record<'syscallWork', AnyHook>): AnyHook {
  return (current, name, nr, a, b, c, d, e, f) => {
    let verdict: number | undefined
    try {
      verdict = hooks.syscallWork(current, name, nr, a, b, c, d, e, f)
    } catch (error) {
      throw asBug(module, 'syscallWork', error)
    }
    if (verdict === 0 && (current as Task).state < TASK_ZOMBIE) return 0
    checkVerdict(module, 'syscallWork', verdict)
    note(module, 'syscallWork', verdict, current as Task, name)
    return verdict
  }
}

function asBug(module: string, name: HookName, error: unknown): KernelBug {
  if (error instanceof KernelBug) return error
  return new KernelBug(`hook ${name} of module '${module}' threw: ${String(error)}`, error)
}

function checkVerdict(module: string, name: HookName, verdict: unknown): asserts verdict is number {
  if (typeof verdict === 'number' && verdict <= 0) return
  throw new KernelBug(
    `hook ${name} of module '${module}' returned ${String(verdict)}: 0 or an errno is wanted`,
  )
}

/** What a hook has said or done, for `kernel.why`. */
function note(module: string, name: HookName, verdict: number, current: Task | null, about: unknown): void {
  if (current === null) return
  if (name === 'capable') {
    if (verdict < 0) noteCapable(current, module, Number(about))
    else current.k.refusal.refusedCapability = -1
    return
  }
  if (verdict < 0 && verdict !== SKIPPED) noteHook(current, verdict, module, name, about)
  if (current.state < TASK_ZOMBIE || current.refusal?.check === 'kill') return
  if (name === 'syscallEnter' || name === 'syscallWork') {
    const { exitCode } = current
    noteKill(
      current,
      exitCode & 0x7f,
      'hook',
      module,
      null,
      (exitCode & 0x80) !== 0 ? 'dumped' : 'none',
      String(about),
    )
  }
}

/** Both run, whatever the first says. */
const both =
  (first: AnyHook, rest: AnyHook): AnyHook =>
  (...args) => {
    first(...args)
    return rest(...args)
  }

/** All are asked until one refuses; without a refusal, any permission is the answer. */
const permits =
  (first: AnyHook, rest: AnyHook): AnyHook =>
  (...args) => {
    const verdict = first(...args)
    if (verdict !== undefined && verdict < 0) return verdict
    return rest(...args) ?? verdict
  }

function compile(name: HookName, sources: readonly HookSource[]): AnyHook {
  const none = HOOKS[name] === 'permit' ? noAnswer : allow
  let chain = none
  for (const source of [...sources].reverse()) {
    const hook = source.hooks[name] as AnyHook | undefined
    if (hook === undefined) continue
    const kind = HOOKS[name]
    const arity = FREQUENT[name]
    const first =
      name === 'syscallWork'
        ? guardedWork(source.module, source.hooks as Record<'syscallWork', AnyHook>)
        : arity === undefined
          ? guarded(source.module, name, kind, hook.bind(source.hooks))
          : guardedFrequent(source.module, name, arity, hook.bind(source.hooks))
    const rest = chain
    if (rest === none) chain = first
    else if (kind === 'notify') chain = both(first, rest)
    else if (kind === 'permit') chain = permits(first, rest)
    else if (arity !== undefined) chain = (a, b, c) => first(a, b, c) || rest(a, b, c)
    else chain = (...args) => first(...args) || rest(...args)
  }
  return chain
}

/** All hooks, each compiled; and which of them anybody listens to. */
export interface CompiledHooks {
  readonly hooks: SecurityHooks
  readonly used: ReadonlySet<HookName>
}

const allNames = Object.keys(HOOKS) as HookName[]

/** What a kernel without modules asks: nobody. */
const NO_HOOKS: CompiledHooks = Object.freeze({
  hooks: Object.fromEntries(allNames.map((name) => [name, compile(name, [])])) as unknown as SecurityHooks,
  used: new Set<HookName>(),
})

/** Builds the hook table from the modules in their order. */
export function compileHooks(sources: readonly HookSource[]): CompiledHooks {
  if (sources.length === 0) return NO_HOOKS
  const hooks = Object.fromEntries(allNames.map((name) => [name, compile(name, sources)]))
  const used = new Set(allNames.filter((name) => sources.some((source) => source.hooks[name] !== undefined)))
  return { hooks: hooks as unknown as SecurityHooks, used }
}
