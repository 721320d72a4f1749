/** The users of a scenario, and their lines in /etc/passwd and /etc/group. */

import { O_APPEND, O_CREAT, O_WRONLY } from '../abi/fcntl.js'
import { utf8Encode } from '../lib/bytes.js'
import { checkOptions } from '../lib/check_options.js'
import type { Process } from '../programs/process.js'
import type { UserSpec } from './options.js'

/** A user as `spawn` takes one. */
export interface User {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
}

const ROOT: User = Object.freeze({ uid: 0, gid: 0, groups: [] })
const MAX_ID = 65535

function checkId(what: string, id: unknown): number {
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > MAX_ID)
    throw new TypeError(`scenario: ${what}: an id of 0 to ${MAX_ID} is wanted, not ${String(id)}`)
  return id
}

/** Who there is. Errors: TypeError for what cannot be a user. */
export class Users {
  private readonly users = new Map<string, User>([['root', ROOT]])
  private readonly passwd: string[] = []
  private readonly group: string[] = []

  constructor(specs: Readonly<Record<string, UserSpec>>) {
    for (const [name, spec] of Object.entries(specs)) this.add(name, spec)
  }

  private add(name: string, spec: UserSpec): void {
    if (name === 'root' || name === 'nobody') throw new TypeError(`scenario: there is a user ${name} already`)
    if (!/^[a-z_][a-z0-9_-]{0,14}$/.test(name))
      throw new TypeError(
        `scenario: '${name}' is no name of a user: up to 15 lower-case letters, digits, _ and -`,
      )
    if (typeof spec === 'object' && spec !== null)
      checkOptions(`scenario: user ${name}`, spec, ['uid', 'gid', 'groups', 'home'])
    const {
      uid,
      gid,
      groups = [],
      home = '/',
    } = typeof spec === 'object' && spec !== null ? spec : { uid: spec }
    const user = {
      uid: checkId(`user ${name}`, uid),
      gid: checkId(`group of ${name}`, gid ?? uid),
      groups: groups.map((id) => checkId(`group of ${name}`, id)),
    }
    this.users.set(name, user)
    this.passwd.push(`${name}:x:${user.uid}:${user.gid}::${home}:/bin/sh\n`)
    if (user.gid === user.uid) this.group.push(`${name}:x:${user.gid}:\n`)
  }

  /** Errors: TypeError for a name that nobody has. */
  named(name: string): User {
    const user = this.users.get(name)
    if (user === undefined)
      throw new TypeError(
        `scenario: there is no user '${name}': known users are ${[...this.users.keys()].join(', ')}`,
      )
    return user
  }

  /** Owner and group of a thing. */
  ids(owner: string | number = 'root', group?: string | number): [uid: number, gid: number] {
    const user = typeof owner === 'string' ? this.named(owner) : { uid: checkId('owner', owner), gid: owner }
    if (group === undefined) return [user.uid, user.gid]
    return [user.uid, typeof group === 'string' ? this.named(group).gid : checkId('group', group)]
  }

  /** Adds the lines of /etc/passwd and /etc/group. */
  write({ libc }: Process): void {
    for (const [path, lines] of [
      ['/etc/passwd', this.passwd],
      ['/etc/group', this.group],
    ] as const) {
      if (lines.length === 0) continue
      const fd = libc.open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
      libc.write(fd, utf8Encode(lines.join('')))
      libc.close(fd)
    }
  }
}
