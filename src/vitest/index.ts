/**
 * Matchers for vitest, so that an experiment with a policy reads as its claim.
 *
 *     expect.extend(matchers)
 *     expect(alice.begin.open('/etc/secret', O_RDONLY)).toBeDenied('EACCES', { by: 'dac' })
 *
 * They judge calls of `process.begin`, since such a call knows its process: on failure the message says who refused, why,
 * and the last lines of the trace.
 */

import type {} from 'vitest'
import type { DeniedOptions, Digested } from './matchers.js'

/** The matchers, as vitest's `expect` has them after `expect.extend(matchers)`. */
export interface PolicyMatchers<R = unknown> {
  /**
   * The call has returned this error, such as 'EACCES', or any; with `by`, that module ('mac') or check of the core ('dac',
   * 'capability', 'signal') refused it. Whoever can run is let run first; the clock stands still.
   */
  toBeDenied(error?: string, options?: DeniedOptions): R
  /** The call has returned, and no error. */
  toBeAllowed(): R
  /** The call sleeps, although everybody who can run has run. */
  toBlock(): R
  /** The process, or that of the call, has ended by this signal: 'SIGKILL', or its number. */
  toBeKilledBy(signal: string | number): R
  /** Two kernels are in the same state, to the last byte. */
  toHaveSameDigestAs(other: Digested): R
}

declare module 'vitest' {
  interface Matchers<T> extends PolicyMatchers<void> {}
}

export {
  type DeniedOptions,
  type Digested,
  type MatcherContext,
  type MatcherResult,
  matchers,
} from './matchers.js'
