/**
 * Names of users and groups: /etc/passwd and /etc/group, as getpwnam(3) and getgrnam(3) read them.
 */

import { type Part, readFile, type TextSys } from '../tool.js'

/** Numbers by name and names by number; the first line of two that say the same counts. */
export interface NameTable {
  readonly idOf: ReadonlyMap<string, number>
  readonly nameOf: ReadonlyMap<number, string>
  /** The group of a user, by the user's number. */
  readonly groupOf: ReadonlyMap<number, number>
}

/** A table from lines such as 'alice:x:1000:100:…'. What is no such line is passed over. */
function parse(text: string): NameTable {
  const idOf = new Map<string, number>()
  const nameOf = new Map<number, string>()
  const groupOf = new Map<number, number>()
  for (const line of text.split('\n')) {
    const [name = '', , number = '', group = ''] = line.split(':')
    if (name === '' || !/^[0-9]+$/.test(number)) continue
    const id = Number(number)
    if (!idOf.has(name)) idOf.set(name, id)
    if (nameOf.has(id)) continue
    nameOf.set(id, name)
    if (/^[0-9]+$/.test(group)) groupOf.set(id, Number(group))
  }
  return { idOf, nameOf, groupOf }
}

/** The table of a file; empty where it cannot be read. */
function* readTable(sys: TextSys, path: string): Part<NameTable> {
  const text = yield* readFile(sys, path)
  return parse(typeof text === 'string' ? text : '')
}

export const readUsers = (sys: TextSys): Part<NameTable> => readTable(sys, '/etc/passwd')
export const readGroups = (sys: TextSys): Part<NameTable> => readTable(sys, '/etc/group')

/** A name's number, or the number itself; -1 for what is neither. */
export const idNamed = (table: NameTable, name: string): number =>
  table.idOf.get(name) ?? (/^[0-9]+$/.test(name) ? Number(name) : -1)
