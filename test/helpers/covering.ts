/**
 * Covering arrays: few rows in which every combination of values of any three factors occurs.
 *
 * Greedy and deterministic: a row begins with the first triple that no row has yet, and each further factor takes the
 * value that covers the most of the rest, the first of those that are as good.
 */

/** Factors by name, each with its values. */
export type Factors = Readonly<Record<string, readonly unknown[]>>

/** One value of each factor. */
export type RowOf<F extends Factors> = { readonly [N in keyof F]: F[N][number] }

/** Three factors with one value each, as indices: [factor, value, factor, value, factor, value]. */
type Triple = readonly [number, number, number, number, number, number]

/** All combinations of values of any three factors, in order. */
function* triplesOf(sizes: readonly number[]): Generator<Triple> {
  for (let a = 0; a < sizes.length; a++)
    for (let b = a + 1; b < sizes.length; b++)
      for (let c = b + 1; c < sizes.length; c++)
        for (let x = 0; x < (sizes[a] ?? 0); x++)
          for (let y = 0; y < (sizes[b] ?? 0); y++)
            for (let z = 0; z < (sizes[c] ?? 0); z++) yield [a, x, b, y, c, z]
}

const keyOf = (triple: Triple): string => triple.join(',')

/** The triples of a row in which the factor at `at` takes part with factors that have a value already. */
function* triplesAt(row: readonly number[], at: number, value: number): Generator<string> {
  const set = row.flatMap((other, factor) => (other >= 0 && factor !== at ? [factor] : []))
  for (const [i, b] of set.entries()) {
    for (const c of set.slice(i + 1)) {
      const three = [at, b, c].sort((p, q) => p - q)
      const [p = 0, q = 0, r = 0] = three
      const of = (factor: number): number => (factor === at ? value : (row[factor] ?? 0))
      yield keyOf([p, of(p), q, of(q), r, of(r)])
    }
  }
}

/** Rows of indices that cover all triples. */
function cover(sizes: readonly number[]): number[][] {
  const missing = new Map([...triplesOf(sizes)].map((triple) => [keyOf(triple), triple]))
  const rows: number[][] = []
  for (const [a, x, b, y, c, z] of missing.values()) {
    const row = sizes.map(() => -1)
    row[a] = x
    row[b] = y
    row[c] = z
    missing.delete(keyOf([a, x, b, y, c, z]))
    for (const at of sizes.keys()) {
      if ((row[at] ?? 0) >= 0) continue
      const gains = Array.from({ length: sizes[at] ?? 0 }, (_, value) => {
        let gain = 0
        for (const key of triplesAt(row, at, value)) if (missing.has(key)) gain++
        return gain
      })
      row[at] = gains.indexOf(Math.max(...gains))
    }
    for (const at of sizes.keys()) for (const key of triplesAt(row, at, row[at] ?? 0)) missing.delete(key)
    rows.push(row)
  }
  return rows
}

/** Rows that cover all triples of the factors' values. */
export function coveringArray<const F extends Factors>(factors: F): RowOf<F>[] {
  const names = Object.keys(factors)
  const rows = cover(names.map((name) => factors[name]?.length ?? 0))
  return rows.map(
    (row) => Object.fromEntries(names.map((name, at) => [name, factors[name]?.[row[at] ?? 0]])) as RowOf<F>,
  )
}

/** The triples that no row has, in words: counted anew, by values. */
export function uncovered<F extends Factors>(factors: F, rows: readonly RowOf<F>[]): string[] {
  const names = Object.keys(factors)
  const lacking: string[] = []
  for (const [i, a] of names.entries()) {
    for (const [j, b] of names.slice(i + 1).entries()) {
      for (const c of names.slice(i + 1 + j + 1)) {
        const has = new Set(rows.map((row) => JSON.stringify([row[a], row[b], row[c]])))
        for (const x of factors[a] ?? [])
          for (const y of factors[b] ?? [])
            for (const z of factors[c] ?? [])
              if (!has.has(JSON.stringify([x, y, z]))) lacking.push(`${a}=${x} ${b}=${y} ${c}=${z}`)
      }
    }
  }
  return lacking
}
