/** Options of the module. */

import { REQLOG_LONG, REQLOG_SHORT } from '../abi/reqlog.js'

/** What `reqlog()` can be told. The defaults are the era's, as far as they are known: reference §5. */
export interface ReqlogOptions {
  /** Bytes of the ring. Default 16384: 1024 short records. */
  readonly ringSize?: number
  /** Which record: 16 bytes ('short', the default) or 32 ('long'). Byte by byte in docs/reqlog.md. */
  readonly layout?: 'short' | 'long'
  /** One record for each buffer (the default; those that are merged included), or for each request. */
  readonly per?: 'buffer' | 'request'
  /**
   * When: at submission (the default), or when the disk has answered. A request is submitted when the driver begins with
   * it: before that nobody knows how large it will be.
   */
  readonly at?: 'submission' | 'completion'
}

/** With the defaults filled in. */
export interface Settings extends Required<ReqlogOptions> {
  /** Bytes of a record. */
  readonly recordSize: number
}

const CHOICES = Object.freeze({
  layout: Object.freeze(['short', 'long']),
  per: Object.freeze(['buffer', 'request']),
  at: Object.freeze(['submission', 'completion']),
})

/** Throws a TypeError for options that there are not. */
export function settingsOf(options: ReqlogOptions): Settings {
  const { ringSize = 16384, layout = 'short', per = 'buffer', at = 'submission' } = options
  for (const name of Object.keys(options))
    if (name !== 'ringSize' && !Object.hasOwn(CHOICES, name))
      throw new TypeError(`reqlog: there is no option '${name}'`)
  for (const [name, value] of Object.entries({ layout, per, at })) {
    const known: readonly string[] = CHOICES[name as keyof typeof CHOICES]
    if (!known.includes(value))
      throw new TypeError(`reqlog: ${name} must be ${known.join(' or ')}, not ${String(value)}`)
  }
  const recordSize = layout === 'short' ? REQLOG_SHORT : REQLOG_LONG
  if (!Number.isSafeInteger(ringSize) || ringSize < recordSize || ringSize > 2 ** 30)
    throw new TypeError(
      `reqlog: ringSize must be from ${recordSize} bytes, one record, to 2^30, not ${String(ringSize)}`,
    )
  return { ringSize, layout, per, at, recordSize }
}
