/** What modules are told of tasks, made into one function for each kind: nobody walks a list while tasks come and go. */

import type { TaskNotifiers } from './module.js'

/** Nobody is told of anything. */
export const NO_NOTIFIERS: TaskNotifiers = Object.freeze({
  fork() {},
  exec() {},
  exit() {},
  release() {},
  setid() {},
})

/** One function for a kind: that of the one module that wants it, or all of them in their order. */
function chain<K extends keyof TaskNotifiers>(
  kind: K,
  list: readonly Partial<TaskNotifiers>[],
): TaskNotifiers[K] {
  type Told = (...args: Parameters<TaskNotifiers[K]>) => void
  const told = list.flatMap((one): Told[] => {
    const notify = one[kind] as Told | undefined
    return notify === undefined ? [] : [notify.bind(one)]
  })
  const [only] = told
  if (only === undefined) return NO_NOTIFIERS[kind]
  if (told.length === 1) return only as TaskNotifiers[K]
  const all: Told = (...args) => {
    for (const notify of told) notify(...args)
  }
  return all as TaskNotifiers[K]
}

/** The notifiers of modules, in their order, as one. */
export const compileNotifiers = (list: readonly Partial<TaskNotifiers>[]): TaskNotifiers =>
  Object.freeze({
    fork: chain('fork', list),
    exec: chain('exec', list),
    exit: chain('exit', list),
    release: chain('release', list),
    setid: chain('setid', list),
  })
