/**
 * The broker: a loop in the parent of confined programs that owns descriptors and services, and does for each child
 * what the child has a capability for.
 *
 * One turn asks poll which pipes are ready and does a bounded amount for each. Its ends of the pipes do not wait, so no
 * child holds it up: who does not read its replies is not listened to, who sends half a frame and no more is killed when
 * time is up, who sends what is no frame is killed at once. All that a child can name are the handles that it was given.
 */

import {
  EAGAIN,
  EINVAL,
  EKEYREVOKED,
  EMFILE,
  ENOENT,
  type Errno,
  errnoMessage,
  isErr,
} from '../../abi/errno.js'
import { F_GETFL, F_SETFL, O_NONBLOCK } from '../../abi/fcntl.js'
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, type PollFd } from '../../abi/poll.js'
import { SIG_IGN, SIGKILL, SIGPIPE } from '../../abi/signal.js'
import { WNOHANG } from '../../abi/wait.js'
import { latin1Encode, readU32LE } from '../../lib/bytes.js'
import type { BrokerCalls, Steps } from './calls.js'
import {
  encodeFrame,
  FRAME_CALL,
  FRAME_ERROR,
  FRAME_REPLY,
  type Frame,
  FrameReader,
  MAX_FRAME,
} from './frame.js'
import { decodeRestrictions, Grant, type Resource, type Restrictions } from './grant.js'
import { LINK, words } from './interfaces.js'
import {
  makesHandle,
  type Offerable,
  operate,
  type PortsResource,
  type ServiceResource,
  type StreamResource,
} from './objects.js'

/** What a child may use up before it is killed. Absent: no limit. */
export interface Budget {
  /** Calls. */
  readonly calls?: number
  /** Bytes of frames, both ways. */
  readonly bytes?: number
  /** Calls that ended in an error. */
  readonly errors?: number
}

/** What a child has used up. */
export interface Meter {
  /** Calls. */
  calls: number
  /** Bytes of frames, both ways. */
  bytes: number
  /** Calls that ended in an error. */
  errors: number
}

/** How the broker treats its children. */
export interface BrokerOptions {
  /** Milliseconds that a frame may take to come. Default 1000. */
  readonly frameTimeout?: number
  /** Frames of one child that are dealt with in one turn. Default 16. */
  readonly framesPerTurn?: number
  /** Replies that may wait for a child to read them; at that number it is not listened to. Default 16. */
  readonly repliesQueued?: number
  /** Handles of a child's own making, its own and those it has delegated: EMFILE beyond. Default 64. */
  readonly handlesPerChild?: number
}

/** A child as the broker is told of it: its pid, and the broker's ends of its two pipes. */
export interface ChildEnds {
  /** The child. */
  readonly pid: number
  /** Where its calls come from. */
  readonly calls: number
  /** Where its replies go. */
  readonly replies: number
}

/** A call that waits: for bytes of a stream, or (`grant` null) for a delegation. */
interface Waiting {
  readonly id: number
  readonly op: number
  readonly handle: number
  readonly grant: Grant | null
  readonly payload: Uint8Array
}

/** A handle of a child. */
interface Held {
  readonly grant: Grant
  /** The child that made it, by opening, attenuating or delegating; null: the owner gave it. */
  readonly maker: Client | null
}

/** A child as the broker knows it. */
export class Client {
  /** The child. */
  readonly pid: number
  /** As it was adopted. */
  readonly ends: ChildEnds
  /** What it has used up so far. */
  readonly meter: Meter = { calls: 0, bytes: 0, errors: 0 }
  /** What it may use up. */
  readonly budget: Budget
  /** Why the broker has parted with it; null while it has not. */
  end: string | null = null
  /** Its wait status, when the broker has parted with it. */
  status: number | null = null
  /** Milliseconds of processor time that it has used, then. */
  cpuMs = 0
  /** @internal */
  readonly reader = new FrameReader()
  /** @internal When the frame that has begun must be there; null: none has. */
  deadline: number | null = null
  /** @internal */
  readonly replies: Uint8Array[] = []
  /** @internal Grants by handle. */
  readonly held = new Map<number, Held>()
  /** @internal The handle given out last: none is given twice. */
  lastHandle = 0
  /** @internal Handles of its own making that are still held, by whomever. */
  made = 0
  /** @internal */
  readonly delegated: number[] = []
  /** @internal */
  waiting: Waiting[] = []

  constructor(ends: ChildEnds, budget: Budget) {
    this.pid = ends.pid
    this.ends = ends
    this.budget = budget
  }
}

/** Whom a child can delegate to: a capability for another one. */
interface PeerResource extends Resource {
  readonly kind: 'peer'
  readonly client: Client
}

/** The revocation of a capability is told by this error, also to calls that were under way. */
export const REVOKED: Errno = EKEYREVOKED

const GONE = POLLHUP | POLLERR | POLLNVAL

/** The loop, its children and the grants. */
export class Broker {
  private readonly sys: BrokerCalls
  private readonly frameTimeout: number
  private readonly framesPerTurn: number
  private readonly repliesQueued: number
  private readonly handlesPerChild: number
  private readonly clients: Client[] = []
  /** Handles to what the broker has opened for children: closed with the last one. */
  private readonly opened = new Map<Resource, number>()
  private now = 0

  constructor(sys: BrokerCalls, options: BrokerOptions = {}) {
    this.sys = sys
    this.frameTimeout = options.frameTimeout ?? 1000
    this.framesPerTurn = options.framesPerTurn ?? 16
    this.repliesQueued = options.repliesQueued ?? 16
    this.handlesPerChild = options.handlesPerChild ?? 64
  }

  // ---- what the owner does -----------------------------------------------------------------------------------

  /** Takes a child in. It has no capabilities. From now on the broker's process ignores SIGPIPE. */
  *adopt(ends: ChildEnds, budget: Budget = {}): Steps<Client> {
    yield* this.sys.sigaction(SIGPIPE, { handler: SIG_IGN, flags: 0, mask: [] })
    yield* this.readClock()
    yield* this.dontWait(ends.calls)
    yield* this.dontWait(ends.replies)
    const client = new Client(ends, budget)
    this.clients.push(client)
    return client
  }

  /** A grant for a file, directory or service that nobody holds yet. Its time runs from the last `adopt` or `turn` on. */
  offer(resource: Offerable, restrictions: Restrictions = {}): Grant {
    return this.root(resource, restrictions)
  }

  /** A grant for a pipe or connection, whose descriptor will not wait any more. */
  *offerStream(fd: number, restrictions: Restrictions = {}): Steps<Grant> {
    yield* this.dontWait(fd)
    const stream: StreamResource = { kind: 'stream', fd }
    return this.root(stream, restrictions)
  }

  /** A grant for delegating to a child. */
  offerPeer(client: Client): Grant {
    const peer: PeerResource = { kind: 'peer', client }
    return this.root(peer, {})
  }

  private root(resource: Resource, restrictions: Restrictions): Grant {
    return new Grant(resource, null, restrictions, this.now)
  }

  /** Gives a child a capability, narrower than the grant if one likes: its handle there. */
  grant(client: Client, grant: Grant, restrictions: Restrictions = {}): number {
    return this.hold(client, new Grant(grant.resource, grant, restrictions, this.now), null)
  }

  /** Ends a grant with all that was made from it. Calls under way are answered by REVOKED in the same turn. */
  revoke(grant: Grant): void {
    grant.revoke()
    for (const client of this.clients) this.failRevoked(client)
  }

  /** Serves until there are no children left. */
  *serve(): Steps<void> {
    while (this.clients.length > 0) yield* this.turn(-1)
  }

  /** Waits at most `timeoutMs` (-1: as long as it takes) for something to happen, and deals with it. */
  *turn(timeoutMs: number): Steps<void> {
    yield* this.readClock()
    for (const client of this.clients) this.failRevoked(client)
    const fds = this.pollFds()
    const ready = yield* this.sys.poll(fds, this.patience(timeoutMs))
    if (isErr(ready) && ready !== EAGAIN && fds.length === 0) return
    yield* this.readClock()
    const events = new Map<number, number>()
    for (const { fd, revents } of fds) events.set(fd, (events.get(fd) ?? 0) | revents)
    for (const client of [...this.clients]) yield* this.attend(client, events)
  }

  /** Parts with a child: kills it, waits for it, closes its pipes. */
  *dismiss(client: Client, why: string): Steps<void> {
    if (client.end !== null) return
    client.end = why
    this.clients.splice(this.clients.indexOf(client), 1)
    const killed = yield* this.sys.kill(client.pid, SIGKILL)
    yield* this.sys.close(client.ends.calls)
    yield* this.sys.close(client.ends.replies)
    const waited = yield* this.sys.waitpid(client.pid, isErr(killed) ? WNOHANG : 0)
    if (!isErr(waited)) {
      client.status = waited.status
      client.cpuMs = (waited.rusage.utime + waited.rusage.stime) / 1000
    }
    client.waiting = []
    for (const handle of [...client.held.keys()]) yield* this.release(client, handle)
  }

  // ---- handles -----------------------------------------------------------------------------------------------

  private hold(client: Client, grant: Grant, maker: Client | null): number {
    client.lastHandle++
    client.held.set(client.lastHandle, { grant, maker })
    if (maker !== null) maker.made++
    const { resource } = grant
    const handles = this.opened.get(resource)
    if (handles !== undefined) this.opened.set(resource, handles + 1)
    return client.lastHandle
  }

  /** May a child make one more handle? */
  private mayMake(client: Client): boolean {
    return client.made < this.handlesPerChild
  }

  /** Takes a handle away, if it is there; what was opened for it is closed with the last one. */
  private *release(client: Client, handle: number): Steps<boolean> {
    const held = client.held.get(handle)
    if (held === undefined) return false
    client.held.delete(handle)
    if (held.maker !== null) held.maker.made--
    this.failWaiting(client, (call) => call.handle === handle && call.grant !== null)
    const { resource } = held.grant
    const handles = this.opened.get(resource)
    if (handles === undefined) return true
    if (handles > 1) this.opened.set(resource, handles - 1)
    else {
      this.opened.delete(resource)
      yield* this.sys.close(Reflect.get(resource, 'fd'))
    }
    return true
  }

  // ---- one turn ----------------------------------------------------------------------------------------------

  private *dontWait(fd: number): Steps<void> {
    const flags = yield* this.sys.fcntl(fd, F_GETFL)
    yield* this.sys.fcntl(fd, F_SETFL, flags | O_NONBLOCK)
  }

  private *readClock(): Steps<void> {
    const { sec, usec } = yield* this.sys.gettimeofday()
    this.now = sec * 1000 + Math.floor(usec / 1000)
  }

  private pollFds(): PollFd[] {
    const fds: PollFd[] = []
    for (const { ends, replies, waiting, reader } of this.clients) {
      const listens = replies.length < this.repliesQueued && reader.room > 0
      fds.push({ fd: ends.calls, events: listens ? POLLIN : 0, revents: 0 })
      if (replies.length > 0) fds.push({ fd: ends.replies, events: POLLOUT, revents: 0 })
      for (const { grant } of waiting) {
        const fd = Reflect.get(grant?.resource ?? {}, 'fd')
        if (typeof fd === 'number') fds.push({ fd, events: POLLIN, revents: 0 })
      }
    }
    return fds
  }

  /** How long poll may wait: not beyond the next deadline, and not at all while frames are left over. */
  private patience(timeoutMs: number): number {
    let until = timeoutMs < 0 ? Number.POSITIVE_INFINITY : this.now + timeoutMs
    for (const { deadline, waiting, reader, replies } of this.clients) {
      if (reader.hasFrame && replies.length < this.repliesQueued) return 0
      if (deadline !== null) until = Math.min(until, deadline)
      for (const { grant } of waiting) {
        for (let each = grant; each !== null; each = each.parent)
          until = Math.min(until, each.expires ?? until)
      }
    }
    return until === Number.POSITIVE_INFINITY ? -1 : Math.max(0, until - this.now)
  }

  private *attend(client: Client, events: ReadonlyMap<number, number>): Steps<void> {
    const { ends, reader } = client
    const ready = events.get(ends.calls) ?? 0
    if ((ready & POLLIN) !== 0 && reader.room > 0) yield* this.receive(client)
    else if ((ready & GONE) !== 0 && !reader.hasFrame) return yield* this.dismiss(client, 'it is gone')
    if (client.end === null) yield* this.answer(client)
    if (client.end === null) yield* this.retry(client)
    if (client.end === null) yield* this.flush(client)
    if (client.end === null && client.deadline !== null && this.now >= client.deadline)
      yield* this.dismiss(client, 'a frame took too long')
  }

  private *receive(client: Client): Steps<void> {
    const buf = new Uint8Array(MAX_FRAME)
    const count = yield* this.sys.read(client.ends.calls, buf)
    if (count === EAGAIN) return
    if (isErr(count) || count === 0) return yield* this.dismiss(client, 'it is gone')
    client.reader.push(buf.subarray(0, count))
    client.meter.bytes += count
  }

  /** Deals with the frames that are there, some of them. */
  private *answer(client: Client): Steps<void> {
    for (let n = 0; n < this.framesPerTurn && client.replies.length < this.repliesQueued; n++) {
      const frame = client.reader.next()
      if (frame === 'garbage') return yield* this.dismiss(client, 'it sent what is no frame')
      if (frame === null) {
        if (client.reader.length === 0) client.deadline = null
        else client.deadline ??= this.now + this.frameTimeout
        return
      }
      client.deadline = null
      if (frame.kind !== FRAME_CALL) return yield* this.dismiss(client, 'it sent what is no call')
      yield* this.serveCall(client, frame)
      const excess = overBudget(client)
      if (excess !== null) return yield* this.dismiss(client, excess)
    }
  }

  private *serveCall(client: Client, { id, handle, op, payload }: Frame): Steps<void> {
    client.meter.calls++
    if (handle === 0) return yield* this.serveLink(client, id, op, payload)
    const grant = client.held.get(handle)?.grant
    if (grant === undefined) return this.fail(client, id, handle, ENOENT)
    if (!grant.isAlive(this.now)) return this.fail(client, id, handle, REVOKED)
    yield* this.carryOut(client, { id, op, handle, grant, payload })
  }

  private *carryOut(client: Client, call: Waiting): Steps<void> {
    const { id, op, handle, grant, payload } = call
    if (grant === null) return
    if (makesHandle(grant.resource, op) && !this.mayMake(client)) return this.fail(client, id, handle, EMFILE)
    const outcome = yield* operate(this.sys, grant, op, payload, this.now)
    if (outcome === 'wait') {
      if (client.waiting.length < this.repliesQueued) client.waiting.push(call)
      else this.fail(client, id, handle, EAGAIN)
    } else if (outcome instanceof Uint8Array) this.reply(client, id, handle, outcome)
    else if (outcome instanceof Grant) {
      const { fd } = outcome.resource as { fd?: number } & Resource
      if (outcome.resource.kind === 'stream' && fd !== undefined) yield* this.dontWait(fd)
      this.opened.set(outcome.resource, 0)
      this.reply(client, id, handle, words([this.hold(client, outcome, client)]))
    } else this.fail(client, id, handle, outcome)
  }

  /** Calls that wait for streams are tried again. */
  private *retry(client: Client): Steps<void> {
    const waiting = client.waiting.filter(({ grant }) => grant !== null)
    if (waiting.length === 0) return
    client.waiting = client.waiting.filter(({ grant }) => grant === null)
    for (const call of waiting) {
      if (call.grant?.isAlive(this.now) === true) yield* this.carryOut(client, call)
      else this.fail(client, call.id, call.handle, REVOKED)
    }
  }

  private failRevoked(client: Client): void {
    this.failWaiting(client, ({ grant }) => grant !== null && !grant.isAlive(this.now))
  }

  /** Calls under way that come to nothing because what they were made through is over. */
  private failWaiting(client: Client, isOver: (call: Waiting) => boolean): void {
    const over = client.waiting.filter(isOver)
    if (over.length === 0) return
    client.waiting = client.waiting.filter((call) => !isOver(call))
    for (const { id, handle } of over) this.fail(client, id, handle, REVOKED)
  }

  private *flush(client: Client): Steps<void> {
    for (;;) {
      const [first] = client.replies
      if (first === undefined) return
      const count = yield* this.sys.write(client.ends.replies, first)
      if (count === EAGAIN) return
      if (isErr(count)) return yield* this.dismiss(client, 'it is gone')
      client.meter.bytes += count
      if (count < first.length) client.replies[0] = first.subarray(count)
      else client.replies.shift()
    }
  }

  private reply(client: Client, id: number, handle: number, payload: Uint8Array): void {
    client.replies.push(encodeFrame({ kind: FRAME_REPLY, id, handle, op: 0, payload }))
  }

  private fail(client: Client, id: number, handle: number, error: Errno): void {
    client.meter.errors++
    const payload = latin1Encode(errnoMessage(error))
    client.replies.push(encodeFrame({ kind: FRAME_ERROR, id, handle, op: -error, payload }))
  }

  // ---- the link itself ---------------------------------------------------------------------------------------

  private *serveLink(client: Client, id: number, op: number, payload: Uint8Array): Steps<void> {
    const outcome =
      op === LINK.drop.op ? yield* this.drop(client, payload) : this.onLink(client, id, op, payload)
    if (outcome === null) return
    if (isErr(outcome)) this.fail(client, id, 0, outcome)
    else this.reply(client, id, 0, typeof outcome === 'number' ? words([outcome]) : outcome)
  }

  /** A handle or 0, a payload, or an error; null: later. */
  private onLink(client: Client, id: number, op: number, payload: Uint8Array): Uint8Array | number | null {
    switch (op) {
      case LINK.ping.op:
        return payload
      case LINK.accept.op:
        return this.accept(client, id, payload)
      case LINK.attenuate.op:
        return this.derive(client, payload, 4, (grant) => this.hold(client, grant, client))
      case LINK.delegate.op:
        return this.delegate(client, payload)
      case LINK.revoke.op: {
        const held = payload.length === 4 ? client.held.get(readU32LE(payload, 0)) : undefined
        if (held === undefined) return payload.length === 4 ? ENOENT : EINVAL
        this.revoke(held.grant)
        return 0
      }
      default:
        return EINVAL
    }
  }

  private *drop(client: Client, payload: Uint8Array): Steps<number> {
    if (payload.length !== 4) return EINVAL
    return (yield* this.release(client, readU32LE(payload, 0))) ? 0 : ENOENT
  }

  private accept(client: Client, id: number, payload: Uint8Array): number | null {
    if (payload.length !== 0) return EINVAL
    const handle = client.delegated.shift()
    if (handle !== undefined) return handle
    if (client.waiting.length >= this.repliesQueued) return EAGAIN
    client.waiting.push({ id, op: LINK.accept.op, handle: 0, grant: null, payload })
    return null
  }

  /** A narrower grant of the caller's, by the handle at the front and the restrictions at `at`. */
  private derive(client: Client, payload: Uint8Array, at: number, hold: (grant: Grant) => number): number {
    const restrictions = payload.length <= at ? null : decodeRestrictions(payload.subarray(at))
    if (restrictions === null) return EINVAL
    const grant = client.held.get(readU32LE(payload, 0))?.grant
    if (grant === undefined) return ENOENT
    if (!grant.isAlive(this.now)) return REVOKED
    if (!this.mayMake(client)) return EMFILE
    return hold(new Grant(grant.resource, grant, restrictions, this.now))
  }

  private delegate(client: Client, payload: Uint8Array): number {
    if (payload.length <= 8) return EINVAL
    const peer = client.held.get(readU32LE(payload, 4))?.grant
    if (peer?.resource.kind !== 'peer') return ENOENT
    if (!peer.isAlive(this.now)) return REVOKED
    const to = (peer.resource as PeerResource).client
    if (to.end !== null) return REVOKED
    return this.derive(client, payload, 8, (grant) => {
      this.pass(to, this.hold(to, grant, client))
      return this.hold(client, grant, client)
    })
  }

  /** A handle for whoever waits in accept, or for the next accept. */
  private pass(to: Client, handle: number): void {
    const at = to.waiting.findIndex(({ grant }) => grant === null)
    const [call] = at < 0 ? [] : to.waiting.splice(at, 1)
    if (call === undefined) to.delegated.push(handle)
    else this.reply(to, call.id, 0, words([handle]))
  }
}

/** What a child has used too much of. */
function overBudget({ meter, budget }: Client): string | null {
  if (budget.calls !== undefined && meter.calls > budget.calls) return 'it made too many calls'
  if (budget.bytes !== undefined && meter.bytes > budget.bytes) return 'it moved too many bytes'
  return budget.errors !== undefined && meter.errors > budget.errors ? 'it made too many mistakes' : null
}

export type { PortsResource, ServiceResource }
