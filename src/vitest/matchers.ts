/** The matchers. Each settles the kernel first: whoever can run does, and the clock stands still. */

import { errnoByName, isErr } from '../abi/errno.js'
import { signalByName, signalName } from '../abi/signal.js'
import { checkOptions } from '../lib/check_options.js'
import { Begun } from '../programs/begun.js'
import type { Kernel } from '../programs/kernel_type.js'
import { Process } from '../programs/process.js'
import type { DenyCheck } from '../sim/why.js'
import { deathLines, kernelOf, nameOf, outcomeOf, refusalLines, refuserOf, tailLines } from './report.js'

/** What a matcher returns to vitest. */
export interface MatcherResult {
  /** Does it hold? */
  readonly pass: boolean
  /** What to say when it should not have been so. */
  readonly message: () => string
}

/** What vitest gives to a matcher. */
export interface MatcherContext {
  /** Is it `expect(…).not`? */
  readonly isNot?: boolean
}

/** Who is to have refused. */
export interface DeniedOptions {
  /** A module's name, such as 'mac'; or a check of the core: 'dac', 'capability', 'signal', … */
  readonly by?: string
}

/** Anything with a digest and a description: a kernel. */
export interface Digested {
  /** As of Kernel. */
  digest(): string
  /** As of Kernel. */
  describe(): unknown
}

const lines = (...parts: readonly (string | readonly string[])[]): string => parts.flat().join('\n')

/** The call that is judged, when all who can have run. */
function settled(matcher: string, received: unknown): Begun {
  if (!(received instanceof Begun))
    throw new TypeError(
      `${matcher}: a call that was begun is wanted: expect(process.begin.open(…)).${matcher}(…)`,
    )
  if (received.blocked) kernelOf(received.process).advance(0)
  return received
}

/** `decides`: a call that sleeps has neither been allowed nor denied, so that the claim fails either way. */
function judge(
  { isNot = false }: MatcherContext,
  call: Begun,
  holds: boolean,
  wanted: string,
  decides = true,
): MatcherResult {
  const pass = decides && call.blocked ? isNot : holds
  const message = (): string =>
    lines(
      `expected ${nameOf(call)} ${isNot ? 'not ' : ''}${wanted}, and it ${outcomeOf(call)}`,
      refusalLines(call),
      tailLines(call.process),
    )
  return { pass, message }
}

/** The checks of the core that can refuse. */
const CHECKS: readonly string[] = [
  'dac',
  'capability',
  'owner',
  'sticky',
  'mount',
  'immutable',
  'limit',
  'signal',
  'session',
  'hook',
  'state',
] satisfies readonly DenyCheck[]

/** Errors: TypeError for options that there are not, and for a refuser whom this kernel does not have. */
function checkDenied({ process }: Begun, options: DeniedOptions): DeniedOptions {
  checkOptions('toBeDenied', options, ['by'])
  const { by } = options
  if (by === undefined || CHECKS.includes(by)) return options
  const k = kernelOf(process) as unknown as Pick<Kernel, 'describe'>
  const modules = k.describe().modules.map(({ name }) => name)
  if (!modules.includes(by))
    throw new TypeError(
      `toBeDenied: by '${String(by)}': a check of the core or a module of this kernel is wanted: ${[...CHECKS, ...modules].join(', ')}`,
    )
  return options
}

/** A process, or the process of a call. */
function processOf(matcher: string, received: unknown): Process {
  if (received instanceof Process) {
    kernelOf(received).advance(0)
    return received
  }
  return settled(matcher, received).process
}

function signalOf(signal: string | number): number {
  const number = typeof signal === 'string' ? signalByName(signal) : signal
  if (number === undefined || !Number.isInteger(number) || number < 1 || number > 64)
    throw new TypeError(`toBeKilledBy: '${String(signal)}' is no signal's name: such as 'SIGKILL' is wanted`)
  return number
}

/** The first line in which the descriptions of two kernels differ. */
function firstDifference(a: Digested, b: Digested): string[] {
  const [ours, theirs] = [a, b].map((k) => JSON.stringify(k.describe(), undefined, 1).split('\n')) as [
    string[],
    string[],
  ]
  const at = ours.findIndex((line, i) => line !== theirs[i])
  if (at < 0 && ours.length === theirs.length)
    return ['what describe() tells of them is the same: they differ in contents, or in what is remembered']
  const index = at < 0 ? ours.length : at
  return [
    `describe() of them differs first in line ${index + 1}:`,
    `  this:  ${ours[index]?.trim() ?? '(ends)'}`,
    `  other: ${theirs[index]?.trim() ?? '(ends)'}`,
  ]
}

/** The matchers, for `expect.extend(matchers)`. */
export const matchers = {
  /** The call has returned this error, or any; with `by`, it was refused by that module or check. */
  toBeDenied(
    this: MatcherContext,
    received: unknown,
    error?: string,
    options: DeniedOptions = {},
  ): MatcherResult {
    const errno = error === undefined ? undefined : errnoByName(error)
    if (error !== undefined && errno === undefined)
      throw new TypeError(`toBeDenied: '${String(error)}' is no error's name: such as 'EACCES' is wanted`)
    const call = settled('toBeDenied', received)
    const { by } = checkDenied(call, options)
    const { result } = call
    const isDenied = isErr(result) && (errno === undefined || result === errno)
    const { why } = call
    const isByThem = by === undefined || (why !== undefined && (refuserOf(why) === by || why.check === by))
    const wanted = `to be denied${error === undefined ? '' : ` with ${error}`}${by === undefined ? '' : ` by ${by}`}`
    return judge(this, call, isDenied && isByThem, wanted)
  },

  /** The call has returned, and no error. */
  toBeAllowed(this: MatcherContext, received: unknown): MatcherResult {
    const call = settled('toBeAllowed', received)
    return judge(this, call, !call.died && !isErr(call.result), 'to be allowed')
  },

  /** The call sleeps, although everybody who can run has run. */
  toBlock(this: MatcherContext, received: unknown): MatcherResult {
    const call = settled('toBlock', received)
    return judge(this, call, call.blocked, 'to block', false)
  },

  /** The process, or that of the call, has ended by this signal. */
  toBeKilledBy(this: MatcherContext, received: unknown, signal: string | number): MatcherResult {
    const number = signalOf(signal)
    const process = processOf('toBeKilledBy', received)
    const { killedBy } = process
    const was =
      killedBy !== undefined
        ? `it was killed by ${signalName(killedBy)}`
        : process.exitCode === undefined
          ? `it is ${process.state}`
          : `it has exited with ${process.exitCode}`
    const message = (): string =>
      lines(
        `expected pid ${process.pid} (${process.comm}) ${this.isNot === true ? 'not ' : ''}to be killed by ${signalName(number)}, and ${was}`,
        deathLines(process),
        received instanceof Begun ? refusalLines(received) : [],
        tailLines(process),
      )
    return { pass: killedBy === number, message }
  },

  /** Two kernels are in the same state, to the last byte. */
  toHaveSameDigestAs(this: MatcherContext, received: unknown, other: Digested): MatcherResult {
    const [ours, theirs] = [received, other].map((k) => {
      if (typeof k !== 'object' || k === null || !('digest' in k) || typeof k.digest !== 'function')
        throw new TypeError('toHaveSameDigestAs: two kernels are wanted')
      return (k as Digested).digest()
    })
    const pass = ours === theirs
    const message = (): string =>
      pass
        ? `expected the kernels to differ, and both have the digest ${ours}`
        : lines(
            `expected a kernel with the digest ${theirs}, and it is ${ours}`,
            firstDifference(received as Digested, other),
          )
    return { pass, message }
  },
}
