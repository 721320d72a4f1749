/**
 * `chmod`: octal and symbolic modes. fileutils 4.0.
 *
 * Left out: -c, -v, --reference and the other long options.
 */

import { S_IALLUGO, S_ISDIR } from '../../abi/stat.js'
import type { Program } from '../../programs/sys_types.js'
import { getopt, type Part, runTool, Stop, type TreeToolSys } from '../tool.js'
import { changeTree, stripSlashes, tooFew } from './walk.js'

/** One operation of a symbolic mode: `u+rw`, `g=u`, `+X`. */
interface ModeChange {
  readonly op: '+' | '-' | '='
  /** The bits that may change. */
  readonly affected: number
  /** The bits that are meant; with `from` they are a class's own. */
  readonly value: number
  /** Is x meant only for directories and what somebody may execute (X)? */
  readonly isX: boolean
  /** The class whose bits are copied. */
  readonly from: 'u' | 'g' | 'o' | ''
}

const CLASSES: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 }
const BITS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000, X: 0 }

/** One part between commas; null for what is none. */
function readPart(text: string, umask: number): ModeChange[] | null {
  const match = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(text)
  if (match === null) return null
  const [, who = '', operations = ''] = match
  const named = [...who].reduce((bits, letter) => bits | (CLASSES[letter] ?? 0), 0)
  // For nobody named, all but what the umask holds back.
  const affected = who === '' ? S_IALLUGO & ~umask : named
  return [...operations.matchAll(/([-+=])([ugo]|[rwxXst]*)/g)].map(([, op = '+', letters = '']) => ({
    op: op as ModeChange['op'],
    affected,
    value: [...letters].reduce((bits, letter) => bits | (BITS[letter] ?? 0), 0) & affected,
    isX: letters.includes('X'),
    from: /^[ugo]$/.test(letters) ? (letters as ModeChange['from']) : '',
  }))
}

/** fileutils: mode_compile. Null for a mode that there is not. */
export function compileMode(text: string, umask: number): readonly ModeChange[] | null {
  if (/^[0-7]+$/.test(text)) {
    const value = Number.parseInt(text, 8)
    return value > S_IALLUGO ? null : [{ op: '=', affected: S_IALLUGO, value, isX: false, from: '' }]
  }
  const parts = text.split(',').map((part) => readPart(part, umask))
  return parts.every((part) => part !== null) ? parts.flat() : null
}

const SHIFT = { u: 6, g: 3, o: 0 } as const

/** fileutils: mode_adjust. */
export function adjustMode(mode: number, changes: readonly ModeChange[]): number {
  let bits = mode & S_IALLUGO
  for (const { op, affected, value, isX, from } of changes) {
    let meant = value
    if (from !== '') meant = (((bits >> SHIFT[from]) & 7) * 0o111) & affected
    if (isX && (S_ISDIR(mode) || (bits & 0o111) !== 0)) meant |= 0o111 & affected
    if (op === '+') bits |= meant
    else if (op === '-') bits &= ~meant
    else bits = (bits & ~affected) | meant
  }
  return bits
}

/** A mode may begin with a minus: `chmod -w x`. */
const isMode = (word: string): boolean => /^-[rwxXstugo,+=-]*$/.test(word) && !/^-[Rf]*$/.test(word)

function* main(sys: TreeToolSys, args: readonly string[]): Part<number> {
  const minus = args.findIndex(isMode)
  const rest = minus < 0 ? args : args.filter((_, at) => at !== minus)
  const { options, operands } = getopt('chmod', rest, 'Rf')
  const [first, ...others] = operands
  const text = minus < 0 ? first : args[minus]
  const files = minus < 0 ? others : operands
  if (text === undefined || files.length === 0) throw new Stop(tooFew('chmod'), 1)
  const umask = yield* sys.umask(0)
  yield* sys.umask(umask)
  const changes = compileMode(text, umask)
  if (changes === null) throw new Stop('chmod: invalid mode\n', 1)
  const manner = { tool: 'chmod', isDeep: options.has('R'), isSilent: options.has('f') }
  let status = 0
  for (const file of files) {
    const isGood = yield* changeTree(sys, manner, stripSlashes(file), function* (path, { mode }) {
      const next = adjustMode(mode, changes)
      // What is so already is left alone, and so is whoever may not change it.
      return next === (mode & S_IALLUGO) ? 0 : yield* sys.chmod(path, next)
    })
    if (!isGood) status = 1
  }
  return status
}

/** The program: `kernel.install('/bin/chmod', chmod)`. */
export function* chmod(sys: TreeToolSys, ...args: string[]): Program {
  return yield* runTool(sys, () => main(sys, args))
}
