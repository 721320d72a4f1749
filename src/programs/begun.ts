/**
 * Calls that have been started and may sleep: `const call = alice.begin.read(fd, buf)`.
 */

/** What became of a call. */
export class Begun {
  /** Has the call neither returned nor died? */
  blocked = true
  /** Its result, once it has returned. */
  result: unknown = undefined
  /** Did the process end inside the call? Then there is no result. */
  died = false

  /** @internal */
  finish(result: unknown): void {
    this.blocked = false
    this.result = result
  }

  /** @internal The state in which it is under way has been restored. */
  reopen(): void {
    this.blocked = true
    this.result = undefined
    this.died = false
  }

  /** @internal */
  die(): void {
    this.blocked = false
    this.died = true
  }
}
