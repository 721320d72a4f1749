/**
 * Labels: a grade of integrity, a compartment, and flags. Reference MAC-1 to MAC-3.
 */

/** The greatest grade, and compartment. */
export const MAX_GRADE = 65535
/** Tasks: sees everything, and grades do not bind it. */
export const MAC_ADMIN = 1
/** File systems: every compartment sees it. */
export const MAC_SHARED = 2

const FLAG_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [MAC_ADMIN, 'admin'],
  [MAC_SHARED, 'shared'],
]

/** A label. Never changed: what gets another label gets another object. */
export class Label {
  /** 0 to 65535; more is more trusted. */
  readonly grade: number
  /** 0 to 65535; 0 is the system. */
  readonly compartment: number
  /** MAC_*. */
  readonly flags: number

  constructor(grade: number, compartment: number, flags = 0) {
    this.grade = grade
    this.compartment = compartment
    this.flags = flags
  }
}

/** What every task has at boot (MAC-6). */
export const BOOT_TASK: Label = Object.freeze(new Label(MAX_GRADE, 0, MAC_ADMIN))
/** What every file system has that is mounted at boot, or by an administrator who says nothing (MAC-6). */
export const BOOT_FILES: Label = Object.freeze(new Label(MAX_GRADE, 0))
/** File systems that show labelled objects (procfs): everybody's, for what is hidden in them is hidden one by one. */
export const VIEW: Label = Object.freeze(new Label(MAX_GRADE, 0, MAC_SHARED))

/** A number as digits, 0 to 65535; -1 otherwise. */
function parsePart(text: string): number {
  if (!/^\d{1,5}$/.test(text)) return -1
  const value = Number(text)
  return value <= MAX_GRADE ? value : -1
}

/** `10:3`, `100:0+admin`, `5:1+shared`. Null for anything else: the caller says EINVAL (MAC-3). */
export function parseLabel(text: string): Label | null {
  if (typeof text !== 'string') return null
  const [numbers = '', ...names] = text.split('+')
  const parts = numbers.split(':')
  const grade = parsePart(parts[0] ?? '')
  const compartment = parsePart(parts[1] ?? '')
  if (parts.length !== 2 || grade < 0 || compartment < 0) return null
  let flags = 0
  for (const name of names) {
    const flag = FLAG_NAMES.find(([, known]) => known === name)?.[0] ?? 0
    if (flag === 0 || (flags & flag) !== 0) return null
    flags |= flag
  }
  return new Label(grade, compartment, flags)
}

/** The text of a label. */
export function showLabel({ grade, compartment, flags }: Label): string {
  let text = `${grade}:${compartment}`
  for (const [bit, name] of FLAG_NAMES) if ((flags & bit) !== 0) text += `+${name}`
  return text
}

export const isAdmin = ({ flags }: Label): boolean => (flags & MAC_ADMIN) !== 0
export const isShared = ({ flags }: Label): boolean => (flags & MAC_SHARED) !== 0
