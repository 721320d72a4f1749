/** The checks that the story makes as it goes: printed where they are made, counted for the end. */
import type { Print } from '../story.js'

export class Checks {
  private readonly print: Print
  /** Claims made. */
  made = 0
  /** Those that did not hold. */
  readonly failed: string[] = []

  constructor(print: Print) {
    this.print = print
  }

  /** Says a claim and whether it holds; `seen` where there is more to say. */
  that(claim: string, holds: boolean, seen = ''): void {
    this.made++
    if (!holds) this.failed.push(claim)
    this.print(`  ${holds ? 'ok  ' : 'FAIL'} ${claim}${seen === '' ? '' : `: ${seen}`}`)
  }
}
