/** Options objects: what is in them must be known. */

/** Throws a TypeError for keys that an options object must not have. */
export function checkOptions(what: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`${what}: an options object is wanted, not ${String(options)}`)
  for (const key of Object.keys(options)) {
    if (!known.includes(key))
      throw new TypeError(`${what}: unknown option '${key}'; known are ${known.join(', ')}`)
  }
}
