/**
 * What a kernel's module adds to ipchains: a long option for the field that it has appended to struct ip_fwuser, and a
 * column of the listing. A plain value, passed to `ipchainsTool`.
 */

/** What was typed behind the option. */
export interface IpchainsField {
  /** The field's bytes in struct ip_fwuser. */
  readonly bytes: Uint8Array
  /** As /proc/net/ip_fwchains would show it. */
  readonly word: string
}

/** One option: `--maclabel [!] LABEL`. */
export interface IpchainsOption {
  /** Without the dashes: 'maclabel'. */
  readonly option: string
  /** Bytes that a rule without it has. */
  readonly none: Uint8Array
  /** Reads what was typed, or says what is wrong with it. */
  read(text: string, isInverse: boolean): IpchainsField | string
  /** Heads its column, which stands behind `mark`. */
  readonly title: string
  /** Letters of the column. */
  readonly width: number
  /** The column's text for a word of /proc/net/ip_fwchains. */
  show(word: string): string
  /** Words of a command line that give a rule the same field; none where it has none. */
  save(word: string): readonly string[]
}
