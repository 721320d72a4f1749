/** A policy module that refuses now and then, in every hook that is asked for a verdict. */
import { defineModule, EACCES, EIO, EPERM, type SecurityHooks } from 'paleokernel'
import { HOOKS } from '../../src/security/hooks.js'

/** How moody it is, and how often it has been asked: plain data, copied with the kernel. */
interface Mood {
  /** Refuses every so many questions; 0 never. */
  every: number
  asked: number
}

const NAMES = Object.entries(HOOKS).flatMap(([name, kind]) => (kind === 'check' ? [name] : []))
const REFUSALS = [EPERM, EACCES, EIO]

/** `kernel.moody.refuse(n)`: one of about n questions is answered with no; 0 none. It starts with 0. */
export const moody = () =>
  defineModule({
    name: 'moody',
    init: (): Mood => ({ every: 0, asked: 0 }),
    attach(_k, mood) {
      const verdict = (): number => {
        if (mood.every === 0) return 0
        mood.asked++
        return Math.imul(mood.asked, 0x9e3779b1) >>> 0 < 2 ** 32 / mood.every
          ? Number(REFUSALS[mood.asked % REFUSALS.length])
          : 0
      }
      const hooks: Partial<SecurityHooks> = Object.fromEntries(NAMES.map((name) => [name, verdict]))
      const refuse = (every: number): void => {
        mood.every = every
      }
      return { hooks, api: { refuse } }
    },
  })
