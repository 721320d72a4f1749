/**
 * The kernel's own failures, apart from errors that programs see.
 */

/** An invariant broke, or a module did what it must not. Always a defect, never an answer to a program. */
export class KernelBug extends Error {
  /** 'KernelBug'. */
  override readonly name = 'KernelBug'

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
  }
}
