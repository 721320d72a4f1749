/**
 * What the broker does for a capability, by kind of resource: the operations of interfaces.ts on descriptors that only
 * the broker has.
 *
 * Everything that comes from the other side is checked here: sizes, paths, flags. Paths are walked component by
 * component from the directory's own descriptor, never through a symbolic link, and only regular files are opened, so
 * that neither a FIFO nor a device can hold the broker up.
 */

import {
  EAGAIN,
  ECONNREFUSED,
  EDQUOT,
  EINVAL,
  EISDIR,
  ELOOP,
  EMSGSIZE,
  ENOSYS,
  EROFS,
  type Errno,
  isErr,
  type Ret,
} from '../../abi/errno.js'
import { O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } from '../../abi/fcntl.js'
import { S_ISDIR, S_ISREG } from '../../abi/stat.js'
import { readU16LE, readU32LE, utf8Decode, utf8Encode } from '../../lib/bytes.js'
import type { BrokerCalls, Steps } from './calls.js'
import { MAX_PAYLOAD } from './frame.js'
import { Grant, isPlain, type Resource } from './grant.js'
import { DIRECTORY, FILE, OPEN_CREATE, OPEN_WRITE, PORTS, STREAM, words } from './interfaces.js'

/** A file with positions. */
export interface FileResource extends Resource {
  readonly kind: 'file'
  /** The broker's descriptor. */
  readonly fd: number
}

/** A pipe, a FIFO or a connection; its descriptor does not wait. */
export interface StreamResource extends Resource {
  readonly kind: 'stream'
  /** The broker's descriptor. */
  readonly fd: number
}

/** A directory. */
export interface DirectoryResource extends Resource {
  readonly kind: 'directory'
  /** The broker's descriptor. */
  readonly fd: number
}

/** Ports: how the broker connects to one, to a descriptor. */
export interface PortsResource extends Resource {
  readonly kind: 'ports'
  /** Connects: a descriptor, which the broker closes with the last handle to it, or an error. It must not wait. */
  dial(sys: BrokerCalls, port: number): Steps<number | Errno>
}

/** Operations of the broker's owner. `op` is any number; the result is a payload, or an error. It must not wait. */
export interface ServiceResource extends Resource {
  readonly kind: 'service'
  /** Does an operation: the payload of the reply, or an error. */
  handle(sys: BrokerCalls, op: number, payload: Uint8Array, grant: Grant): Steps<Uint8Array | Errno>
}

/** What an owner can offer as it is; streams are offered by `offerStream`, children by `offerPeer`. */
export type Offerable = FileResource | DirectoryResource | PortsResource | ServiceResource

/** What an operation comes to: a payload, an error, a new grant for the caller, or a wait for the stream. */
export type Outcome = Uint8Array | Errno | Grant | 'wait'

const changes = (grant: Grant): boolean => !grant.isReadOnly

/** Does what a call asks for. */
export function* operate(
  sys: BrokerCalls,
  grant: Grant,
  op: number,
  payload: Uint8Array,
  now: number,
): Steps<Outcome> {
  const { resource } = grant
  switch (resource.kind) {
    case 'file':
      return yield* onFile(sys, grant, (resource as FileResource).fd, op, payload)
    case 'stream':
      return yield* onStream(sys, grant, (resource as StreamResource).fd, op, payload)
    case 'directory':
      return yield* onDirectory(sys, grant, (resource as DirectoryResource).fd, op, payload, now)
    case 'ports':
      return yield* onPorts(sys, grant, resource as PortsResource, op, payload, now)
    case 'service': {
      const answer = yield* (resource as ServiceResource).handle(sys, op, payload, grant)
      return answer instanceof Uint8Array && answer.length > MAX_PAYLOAD ? EMSGSIZE : answer
    }
    default:
      return ENOSYS
  }
}

/** Does an operation, when it succeeds, give the caller a handle to something that the broker opens for it? */
export const makesHandle = ({ kind }: Resource, op: number): boolean =>
  (kind === 'directory' && op === DIRECTORY.open.op) || (kind === 'ports' && op === PORTS.connect.op)

/** A count that fits into a reply and the quotas; EDQUOT when nothing is left. */
function countFor(grant: Grant, wanted: number): number {
  const count = grant.allowance(Math.min(wanted, MAX_PAYLOAD))
  return wanted > 0 && count <= 0 ? EDQUOT : count
}

function* onFile(
  sys: BrokerCalls,
  grant: Grant,
  fd: number,
  op: number,
  payload: Uint8Array,
): Steps<Outcome> {
  switch (op) {
    case FILE.read.op: {
      if (payload.length !== 8) return EINVAL
      const count = countFor(grant, readU32LE(payload, 4))
      if (isErr(count)) return count
      const buf = new Uint8Array(count)
      const got = yield* sys.pread(fd, buf, readU32LE(payload, 0))
      if (isErr(got)) return got
      grant.charge(got)
      return buf.subarray(0, got)
    }
    case FILE.write.op: {
      if (payload.length < 4) return EINVAL
      if (!changes(grant)) return EROFS
      const count = countFor(grant, payload.length - 4)
      if (isErr(count)) return count
      const done = yield* sys.pwrite(fd, payload.subarray(4, 4 + count), readU32LE(payload, 0))
      if (isErr(done)) return done
      grant.charge(done)
      return words([done])
    }
    case FILE.size.op: {
      if (payload.length !== 0) return EINVAL
      const stat = yield* sys.fstat(fd)
      return isErr(stat) ? stat : words([stat.size])
    }
    default:
      return ENOSYS
  }
}

function* onStream(
  sys: BrokerCalls,
  grant: Grant,
  fd: number,
  op: number,
  payload: Uint8Array,
): Steps<Outcome> {
  if (op === STREAM.read.op) {
    if (payload.length !== 4) return EINVAL
    const count = countFor(grant, readU32LE(payload, 0))
    if (isErr(count)) return count
    const buf = new Uint8Array(count)
    const got = yield* sys.read(fd, buf)
    if (got === EAGAIN) return 'wait'
    if (isErr(got)) return got
    grant.charge(got)
    return buf.subarray(0, got)
  }
  if (op !== STREAM.write.op) return ENOSYS
  if (!changes(grant)) return EROFS
  const count = countFor(grant, payload.length)
  if (isErr(count)) return count
  const done = yield* sys.write(fd, payload.subarray(0, count))
  if (isErr(done)) return done
  grant.charge(done)
  return words([done])
}

function* onPorts(
  sys: BrokerCalls,
  grant: Grant,
  ports: PortsResource,
  op: number,
  payload: Uint8Array,
  now: number,
): Steps<Outcome> {
  if (op !== PORTS.connect.op) return ENOSYS
  if (payload.length !== 2) return EINVAL
  const port = readU16LE(payload, 0)
  if (port === 0) return EINVAL
  if (grant.port !== null && grant.port !== port) return ECONNREFUSED
  const fd = yield* ports.dial(sys, port)
  return isErr(fd) ? fd : new Grant({ kind: 'stream', fd } as StreamResource, grant, {}, now)
}

// ---- directories ---------------------------------------------------------------------------------------------

function* onDirectory(
  sys: BrokerCalls,
  grant: Grant,
  root: number,
  op: number,
  payload: Uint8Array,
  now: number,
): Steps<Outcome> {
  if (op === DIRECTORY.list.op) {
    if (payload.length !== 0) return EINVAL
    const fd = yield* walk(sys, root, grant.directory)
    if (isErr(fd)) return fd
    const names = yield* namesIn(sys, fd)
    if (fd !== root) yield* sys.close(fd)
    return names
  }
  if (op !== DIRECTORY.open.op) return ENOSYS
  if (payload.length < 5) return EINVAL
  const flags = readU32LE(payload, 0)
  const path = utf8Decode(payload, 4)
  if ((flags & ~(OPEN_WRITE | OPEN_CREATE)) !== 0 || !isPlain(path) || path === '') return EINVAL
  if (flags !== 0 && !changes(grant)) return EROFS
  const fd = yield* openBelow(sys, root, [...grant.directory, ...path.split('/')], flags)
  if (isErr(fd)) return fd
  return new Grant({ kind: 'file', fd } as FileResource, grant, { readOnly: (flags & OPEN_WRITE) === 0 }, now)
}

/** Goes down from a directory; the descriptor of the last one, `root` itself where there is nowhere to go. */
function* walk(sys: BrokerCalls, root: number, components: readonly string[]): Steps<Ret<number>> {
  let at = root
  for (const component of components) {
    const next = yield* step(sys, at, component)
    if (at !== root) yield* sys.close(at)
    if (isErr(next)) return next
    at = next
  }
  return at
}

/** One directory down, and never through a link. */
function* step(sys: BrokerCalls, at: number, component: string): Steps<Ret<number>> {
  const moved = yield* sys.fchdir(at)
  if (isErr(moved)) return moved
  return yield* sys.open(component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
}

/** Opens a regular file below a directory. */
function* openBelow(
  sys: BrokerCalls,
  root: number,
  components: readonly string[],
  flags: number,
): Steps<Ret<number>> {
  const parent = yield* walk(sys, root, components.slice(0, -1))
  if (isErr(parent)) return parent
  const moved = yield* sys.fchdir(parent)
  if (parent !== root) yield* sys.close(parent)
  if (isErr(moved)) return moved
  return yield* openRegular(sys, components.at(-1) ?? '', flags)
}

/** Opens a name in the working directory if it is a regular file, and looks again at what was opened. */
function* openRegular(sys: BrokerCalls, name: string, flags: number): Steps<Ret<number>> {
  const creates = (flags & OPEN_CREATE) !== 0
  const found = yield* sys.lstat(name)
  if (isErr(found)) {
    if (!creates) return found
  } else if (!S_ISREG(found.mode)) return S_ISDIR(found.mode) ? EISDIR : ELOOP
  const access = (flags & OPEN_WRITE) === 0 ? O_RDONLY : O_RDWR
  const fd = yield* sys.open(name, access | O_NOFOLLOW | O_NONBLOCK | (creates ? O_CREAT : 0), 0o600)
  if (isErr(fd)) return fd
  const opened = yield* sys.fstat(fd)
  if (!isErr(opened) && S_ISREG(opened.mode)) return fd
  yield* sys.close(fd)
  return ELOOP
}

/** The names in a directory, sorted, with NULs between them; as many as fit into a reply. */
function* namesIn(sys: BrokerCalls, fd: number): Steps<Uint8Array | Errno> {
  const names: string[] = []
  const back = yield* sys.lseek(fd, 0, 0)
  if (isErr(back)) return back
  for (;;) {
    const entries = yield* sys.getdents(fd)
    if (isErr(entries)) return entries
    if (entries.length === 0) break
    for (const { name } of entries) if (name !== '.' && name !== '..') names.push(name)
  }
  let text = ''
  for (const name of names.sort()) {
    const longer = text === '' ? name : `${text}\0${name}`
    if (utf8Encode(longer).length > MAX_PAYLOAD) break
    text = longer
  }
  return utf8Encode(text)
}
