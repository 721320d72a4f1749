/** How many objects of each class hang off a kernel's state: what a leak makes grow. */
import type { KernelCore } from 'paleokernel'

/** Objects by class; plain ones and arrays are left out, since they come and go with values. */
export function census(k: KernelCore): Map<string, number> {
  const counts = new Map<string, number>()
  const seen = new Set<unknown>([k])
  const open: unknown[] = [k.state]
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return
    seen.add(value)
    open.push(value)
  }
  while (open.length > 0) {
    const value = open.pop() as object
    const { name } = value.constructor ?? { name: 'Object' }
    if (name !== 'Object' && name !== 'Array') counts.set(name, (counts.get(name) ?? 0) + 1)
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) continue
    if (value instanceof Map) {
      for (const [key, entry] of value) {
        visit(key)
        visit(entry)
      }
    } else if (value instanceof Set) for (const entry of value) visit(entry)
    // Wiring is no part of the state; and a task keeps its last refusal, for `why`.
    const { transient = [] } = (value.constructor ?? {}) as { readonly transient?: readonly string[] }
    for (const [name, entry] of Object.entries(value))
      if (name !== 'refusal' && !transient.includes(name)) visit(entry)
  }
  return counts
}

/** Of which classes there are more than before. */
export function grown(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] {
  return [...after].flatMap(([name, count]) => {
    const had = before.get(name) ?? 0
    return count > had ? [`${count} ${name}, ${had} there were`] : []
  })
}
