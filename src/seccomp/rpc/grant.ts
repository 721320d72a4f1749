/**
 * Grants: what a capability stands for. A grant made from another one can do no more than that, dies with it, and its
 * bytes count for both. Who holds a grant has a handle for it, a number that means something on that holder's pipes only
 * and is never used again.
 */

import { readU16LE, readU32LE, utf8Decode, utf8Encode, writeU16LE, writeU32LE } from '../../lib/bytes.js'

/** What a grant is narrowed to. What is absent is not restricted. */
export interface Restrictions {
  /** No operation that changes anything. */
  readonly readOnly?: boolean
  /** Directories: only what is below this one, a relative path. */
  readonly directory?: string
  /** Ports: only this one, 1 to 65535. */
  readonly port?: number
  /** Bytes that may still be read and written together. */
  readonly quota?: number
  /** Milliseconds from now on until it ends. */
  readonly expiresIn?: number
}

/** What a grant is for; `kind` says which operations it has. */
export interface Resource {
  /** 'file', 'stream', 'directory', 'ports', 'peer', 'service'. */
  readonly kind: string
}

/** One node of the tree of grants. */
export class Grant {
  /** What it is for. */
  readonly resource: Resource
  /** What it was made from. */
  readonly parent: Grant | null
  /** Nothing may be changed through it. */
  readonly isReadOnly: boolean
  /** Components below the directory of the resource. */
  readonly directory: readonly string[]
  /** The one port, or null. */
  readonly port: number | null
  /** Bytes left, of its own quota. */
  quota: number | null
  /** Milliseconds of the broker's clock. */
  readonly expires: number | null
  private isRevoked = false

  constructor(resource: Resource, parent: Grant | null, restrictions: Restrictions, now: number) {
    this.resource = resource
    this.parent = parent
    this.isReadOnly = restrictions.readOnly === true || parent?.isReadOnly === true
    this.directory = [...(parent?.directory ?? []), ...componentsOf(restrictions.directory ?? '')]
    this.port = parent?.port ?? restrictions.port ?? null
    this.quota = restrictions.quota ?? null
    this.expires = restrictions.expiresIn === undefined ? null : now + restrictions.expiresIn
  }

  /** Ends it, with all that was made from it. */
  revoke(): void {
    this.isRevoked = true
  }

  /** Has neither it nor anything that it was made from ended? */
  isAlive(now: number): boolean {
    for (let each: Grant | null = this; each !== null; each = each.parent) {
      if (each.isRevoked || (each.expires !== null && now >= each.expires)) return false
    }
    return true
  }

  /** Is it `other`, or made from it? */
  comesFrom(other: Grant): boolean {
    for (let each: Grant | null = this; each !== null; each = each.parent) if (each === other) return true
    return false
  }

  /** How many of `wanted` bytes the quotas allow. */
  allowance(wanted: number): number {
    let least = wanted
    for (let each: Grant | null = this; each !== null; each = each.parent)
      if (each.quota !== null) least = Math.min(least, each.quota)
    return least
  }

  /** Takes bytes off all quotas. */
  charge(bytes: number): void {
    for (let each: Grant | null = this; each !== null; each = each.parent)
      if (each.quota !== null) each.quota -= bytes
  }
}

/** The components of a relative path; a RangeError for one that leads upwards, is absolute, or holds a NUL. */
export function componentsOf(path: string): readonly string[] {
  if (path === '') return []
  const components = path.split('/')
  for (const component of components) {
    if (component === '' || component === '.' || component === '..' || component.includes('\0'))
      throw new RangeError(`'${path}' is no plain relative path`)
  }
  return components
}

const READ_ONLY = 1
const DIRECTORY = 2
const PORT = 4
const QUOTA = 8
const EXPIRES = 16
const KNOWN = 31

/**
 * Restrictions as bytes: u8 which of them follow (1 read-only, 2 directory, 4 port, 8 quota, 16 expiry), then u16
 * length and UTF-8 of the directory, u16 port, u32 quota, u32 milliseconds.
 */
export function encodeRestrictions(wanted: Restrictions): Uint8Array {
  const path = utf8Encode(wanted.directory ?? '')
  const bytes = new Uint8Array(13 + path.length)
  let flags = wanted.readOnly === true ? READ_ONLY : 0
  let at = 1
  if (wanted.directory !== undefined) {
    flags |= DIRECTORY
    writeU16LE(bytes, at, path.length)
    bytes.set(path, at + 2)
    at += 2 + path.length
  }
  if (wanted.port !== undefined) {
    flags |= PORT
    writeU16LE(bytes, at, wanted.port)
    at += 2
  }
  if (wanted.quota !== undefined) {
    flags |= QUOTA
    writeU32LE(bytes, at, wanted.quota)
    at += 4
  }
  if (wanted.expiresIn !== undefined) {
    flags |= EXPIRES
    writeU32LE(bytes, at, wanted.expiresIn)
    at += 4
  }
  bytes[0] = flags
  return bytes.slice(0, at)
}

/** The restrictions in these bytes, which must be all of them; null for anything malformed. */
export function decodeRestrictions(bytes: Uint8Array): Restrictions | null {
  const flags = bytes[0]
  if (flags === undefined || (flags & ~KNOWN) !== 0) return null
  let at = 1
  let found: Restrictions = (flags & READ_ONLY) !== 0 ? { readOnly: true } : {}
  if ((flags & DIRECTORY) !== 0) {
    const length = at + 2 > bytes.length ? -1 : readU16LE(bytes, at)
    if (length < 0 || at + 2 + length > bytes.length) return null
    const directory = utf8Decode(bytes, at + 2, at + 2 + length)
    if (!isPlain(directory)) return null
    found = { ...found, directory }
    at += 2 + length
  }
  if ((flags & PORT) !== 0) {
    if (at + 2 > bytes.length) return null
    found = { ...found, port: readU16LE(bytes, at) }
    at += 2
  }
  if ((flags & QUOTA) !== 0) {
    if (at + 4 > bytes.length) return null
    found = { ...found, quota: readU32LE(bytes, at) }
    at += 4
  }
  if ((flags & EXPIRES) !== 0) {
    if (at + 4 > bytes.length) return null
    found = { ...found, expiresIn: readU32LE(bytes, at) }
    at += 4
  }
  return at === bytes.length ? found : null
}

/** Is it a path that `componentsOf` takes? */
export function isPlain(path: string): boolean {
  return (
    path === '' ||
    !path.split('/').some((name) => name === '' || name === '.' || name === '..' || name.includes('\0'))
  )
}
