/**
 * getopt_long(3) where words that are no options come in their turn, as a leading '-' in its options asks for. GNU C
 * library 2.1.
 */

/** A long option: its name, 0 no argument, 1 one, 2 one if it is attached, and the letter that stands for it. */
export type LongOption = readonly [name: string, args: 0 | 1 | 2, letter: string]

/** A command line on its way. */
export class Getopt {
  /** argv, the program's name first. */
  readonly argv: string[]
  /** The next word. */
  optind = 1
  /** The argument of the last option; null where it has none. */
  optarg: string | null = null
  /** Complaints. */
  readonly complaints: string[] = []
  private rest = ''
  private readonly short: ReadonlyMap<string, 0 | 1 | 2>
  private readonly long: readonly LongOption[]

  constructor(argv: readonly string[], short: string, long: readonly LongOption[]) {
    this.argv = [...argv]
    this.long = long
    const letters = new Map<string, 0 | 1 | 2>()
    for (const [, letter = '', colons = ''] of short.matchAll(/(\w)(:{0,2})/g))
      letters.set(letter, colons.length as 0 | 1 | 2)
    this.short = letters
  }

  /** The next option's letter, '\x01' for a word that is none (in `optarg`), '?' for what is wrong; null at the end. */
  next(): string | null {
    this.optarg = null
    if (this.rest !== '') return this.nextLetter()
    const word = this.argv[this.optind]
    if (word === undefined) return null
    this.optind++
    if (word === '--') return null
    if (word.length < 2 || !word.startsWith('-')) {
      this.optarg = word
      return '\x01'
    }
    if (word.startsWith('--')) return this.nextLong(word.slice(2))
    this.rest = word.slice(1)
    return this.nextLetter()
  }

  private wrong(text: string): '?' {
    this.complaints.push(`${this.argv[0]}: ${text}\n`)
    return '?'
  }

  private nextLetter(): string {
    const letter = this.rest[0] ?? ''
    this.rest = this.rest.slice(1)
    const args = this.short.get(letter)
    if (args === undefined) return this.wrong(`invalid option -- ${letter}`)
    if (args === 0) return letter
    if (this.rest !== '') {
      this.optarg = this.rest
      this.rest = ''
    } else if (args === 1) {
      const word = this.argv[this.optind]
      if (word === undefined) return this.wrong(`option requires an argument -- ${letter}`)
      this.optarg = word
      this.optind++
    }
    return letter
  }

  private nextLong(text: string): string {
    const at = text.indexOf('=')
    const name = at < 0 ? text : text.slice(0, at)
    const found = this.long.filter(([option]) => option.startsWith(name))
    const exact = found.find(([option]) => option === name)
    const [option] = exact === undefined ? found : [exact]
    if (option === undefined) return this.wrong(`unrecognized option \`--${text}'`)
    if (exact === undefined && found.length > 1) return this.wrong(`option \`--${text}' is ambiguous`)
    const [full, args, letter] = option
    if (at >= 0) {
      if (args === 0) return this.wrong(`option \`--${full}' doesn't allow an argument`)
      this.optarg = text.slice(at + 1)
    } else if (args === 1) {
      const word = this.argv[this.optind]
      if (word === undefined) return this.wrong(`option \`--${text}' requires an argument`)
      this.optarg = word
      this.optind++
    }
    return letter
  }
}
