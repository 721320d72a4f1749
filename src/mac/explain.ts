/** What the rules say, without trying it. */

import { type Errno, errnoName } from '../abi/errno.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { Task } from '../kernel/task.js'
import type { Mount } from '../vfs/mount.js'
import { pathOf } from './describe.js'
import { Judge, sentence } from './judge.js'
import { type Label, showLabel } from './label.js'
import type { MacSettings } from './options.js'
import { changeTask, type Refused, type Rule, readFiles, seeFiles, seeTask, writeFiles } from './rules.js'
import type { Labels } from './state.js'

/** What may be asked about. */
export type MacOperation = 'see' | 'change' | 'read' | 'write'

/** A process by its pid, or the file system that a path leads to. */
export type MacObject = number | string

/** An answer. */
export interface MacDecision {
  /** Do the rules allow it? Mode bits and capabilities are not looked at. */
  readonly isAllowed: boolean
  /** The rule that refuses, or null. */
  readonly rule: Rule | null
  /** The error that a call would say, or 0. */
  readonly errno: 0 | Errno
  /** 'task 10:3 may not write files of 65535:0+shared: no write up (MAC-30 write)' */
  readonly sentence: string
}

/** The mount that a path leads to: the longest place of one that it begins with. Links are not followed. */
function mountAt(k: KernelCore, path: string): Mount | undefined {
  let best: Mount | undefined
  let length = -1
  for (const mnt of k.state.mounts) {
    const place = pathOf(k, mnt)
    const isInside = place === '/' || path === place || path.startsWith(`${place}/`)
    if (!isInside || place.length < length) continue
    best = mnt
    length = place.length
  }
  return best
}

/** What the operations ask of files; null for what can only be done to tasks. */
const FILE_RULES = { see: seeFiles, read: readFiles, write: writeFiles, change: null } as const

/** Errors: TypeError for an operation and an object that do not go together, and for what does not exist. */
export function explain(
  k: KernelCore,
  labels: Labels,
  settings: MacSettings,
  task: Task,
  operation: MacOperation,
  object: MacObject,
): MacDecision {
  if (!Object.hasOwn(FILE_RULES, operation))
    throw new TypeError(`mac.explain: there is no operation '${String(operation)}'`)
  if (typeof object !== 'number' && typeof object !== 'string')
    throw new TypeError('mac.explain: a pid or a path is wanted')
  const subject = labels.ofTask(task)
  const answer = (refused: Refused | null, about: Label, what: string): MacDecision => ({
    isAllowed: refused === null,
    rule: refused?.rule ?? null,
    errno: refused?.errno ?? 0,
    sentence:
      refused === null
        ? `task ${showLabel(subject)} may ${operation} ${what} ${showLabel(about)}`
        : `${sentence(Judge.ruleOf(refused), subject, about)}: ${errnoName(refused.errno)}`,
  })
  if (typeof object === 'number') {
    const target = k.state.tasks.get(object)
    if (target === undefined) throw new TypeError(`mac.explain: there is no pid ${object}`)
    const label = labels.ofTask(target)
    const seen = settings.initVisible && target.pid === 1 ? null : seeTask(settings, subject, label)
    if (operation === 'see' || seen !== null) return answer(seen, label, 'task')
    if (operation === 'change') return answer(changeTask(settings, subject, label), label, 'task')
    throw new TypeError(`mac.explain: '${operation}' is about paths; about tasks: 'see', 'change'`)
  }
  const mnt = mountAt(k, object)
  if (mnt === undefined || !object.startsWith('/'))
    throw new TypeError(`mac.explain: '${object}' is no absolute path`)
  const label = labels.ofFiles(mnt.sb)
  const rule = FILE_RULES[operation]
  if (rule === null)
    throw new TypeError("mac.explain: 'change' is about tasks; about paths: 'see', 'read', 'write'")
  return answer(rule(subject, label), label, 'files of')
}
