/** Ends an exhaustive switch: a case that was forgotten is a compile error at the call. */
export const assertNever = (value: never): never => {
  throw new Error(`unexpected ${JSON.stringify(value)}`)
}
