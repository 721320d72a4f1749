/**
 * What one line of a script answered, in the recordings and in the library: the same shape for both.
 *
 * Inode numbers: a recording numbers them in order of first sight, the library has its own. `Inodes` keeps the
 * pairing; two answers agree when the pairing stays one to one, which for a whole script is the same as
 * comparing first-sight numbers and still works when lines are left out.
 */

/** What stands for the content of /bin/x: the recorder's own program, not the same from kernel to kernel. */
export const IMAGE_DATA = '(bin/x)'

/** `st` of stat, lstat and fstat. */
export interface StatAnswer {
  ty: string
  mo: string
  nl: number
  u: number
  g: number
  ino: string
  sz?: number
  dev?: string
}

/** One entry of a tree dump: path, type letter, mode, links, uid, gid, inode, then a link's target or a file's data. */
export type TreeEntry = readonly [string, string, string, number, number, number, string, (string | null)?]

/** The keys of a recorded line besides `t`, `op` and `a`; the README of the recordings explains each. */
export interface Answer {
  r?: number
  e?: string
  d?: string
  st?: StatAnswer
  fds?: readonly number[]
  rev?: readonly string[]
  p?: string
  ws?: string
  ids?: readonly number[]
  gr?: readonly number[]
  ls?: readonly string[]
  tree?: readonly TreeEntry[]
  lk?: readonly (string | number | null)[]
  n?: number
  old?: string | readonly string[]
  m?: readonly string[]
  exec?: readonly number[]
  blk?: 1
  wake?: Readonly<Record<string, Answer>>
  sig?: Readonly<Record<string, readonly string[]>>
  dead?: readonly string[]
  stop?: readonly string[]
  x?: string
  ad?: string
  fd?: number
  v?: number
  cred?: readonly (string | number)[]
  ctrunc?: number
}

/** One line of a recording: who, what, with which words, and the recorded answer. */
export interface Line extends Answer {
  readonly t: number
  readonly op: string
  readonly a: readonly string[]
}

const QUESTION: ReadonlySet<string> = new Set(['t', 'op', 'a'])

/** The pairing of recorded inode numbers with the library's `dev.ino`. */
export class Inodes {
  private readonly toOurs = new Map<string, string>()
  private readonly toRecorded = new Map<string, string>()

  /** True if the two can be the same inode; remembers the pair on first sight. */
  match(recorded: string, ours: string): boolean {
    const known = this.toOurs.get(recorded)
    if (known !== undefined) return known === ours
    if (this.toRecorded.has(ours)) return false
    this.toOurs.set(recorded, ours)
    this.toRecorded.set(ours, recorded)
    return true
  }

  /** Our inode in the recording's numbers, for messages. */
  show(ours: string): string {
    return this.toRecorded.get(ours) ?? `new(${ours})`
  }
}

/** The keys in which two answers differ, as paths such as `r`, `st.mo`, `wake.T2.e`; empty when they agree. */
export function differences(recorded: Answer, ours: Answer, inodes: Inodes): string[] {
  const found: string[] = []
  compareObjects(recorded, ours, inodes, '', found)
  return found
}

function compareObjects(recorded: object, ours: object, inodes: Inodes, path: string, found: string[]): void {
  const theirs = recorded as Record<string, unknown>
  const mine = ours as Record<string, unknown>
  for (const key in theirs) {
    if (path === '' && QUESTION.has(key)) continue
    compareValues(theirs[key], mine[key], inodes, path, key, found)
  }
  for (const key in mine) if (!(key in theirs)) found.push(path + key)
}

function compareValues(
  a: unknown,
  b: unknown,
  inodes: Inodes,
  path: string,
  key: string,
  found: string[],
): void {
  if (key === 'ino' && typeof a === 'string' && typeof b === 'string') {
    if (!inodes.match(a, b)) found.push(path + key)
  } else if (key === 'tree' && Array.isArray(a) && Array.isArray(b)) {
    compareTrees(a, b, inodes, path, found)
  } else if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length || a.some((item, i) => item !== b[i])) found.push(path + key)
  } else if (isRecord(a) && isRecord(b)) {
    compareObjects(a, b, inodes, `${path}${key}.`, found)
  } else if (a !== b) {
    found.push(path + key)
  }
}

function compareTrees(
  a: readonly TreeEntry[],
  b: readonly TreeEntry[],
  inodes: Inodes,
  path: string,
  found: string[],
): void {
  if (a.length !== b.length) {
    found.push(`${path}tree`)
    return
  }
  for (let i = 0; i < a.length; i++) {
    const left = a[i] ?? []
    const right = b[i] ?? []
    const same =
      left.length === right.length &&
      left.every((item, j) =>
        j === 6 ? inodes.match(String(item), String(right[j])) : item === right[j] || right[j] === IMAGE_DATA,
      )
    if (!same) {
      found.push(`${path}tree[${i}]`)
      return
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The answer part of a line, as the recording writes it; `inodes` turns our inodes into its numbers. */
export function printAnswer(answer: Answer, inodes?: Inodes): string {
  const text = JSON.stringify(answer, function (this: unknown, key, value: unknown) {
    if (QUESTION.has(key)) return undefined
    if (inodes === undefined) return value
    if (key === 'ino' && typeof value === 'string') return inodes.show(value)
    if (key === '6' && Array.isArray(this) && this.length >= 7) return inodes.show(String(value))
    return value
  })
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text
}

/** A line as the recordings write it. */
export function printLine(line: Line): string {
  return JSON.stringify({ t: line.t, op: line.op, a: line.a })
}
