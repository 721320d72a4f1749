/**
 * Modules that exist only as types: what the tests of module lists are made with.
 */

import { defineModule, type KernelModule } from '../../src/kernel/module.js'
import type { Task } from '../../src/kernel/task.js'

/** Sockets: an API, no calls. */
export const net = () =>
  defineModule({
    name: 'net',
    init: () => ({ sockets: 0 }),
    attach: (_k, state) => ({ api: { count: (): number => state.sockets } }),
  })

/** Labels: an API and calls; state with a Map. */
export const mac = (options: { readonly strict?: boolean } = {}) =>
  defineModule({
    name: 'mac',
    init(k) {
      return { labels: new Map<number, string>(), since: k.now }
    },
    attach(_k, state) {
      return {
        api: { labelOf: (task: Task): string => state.labels.get(task.pid) ?? '' },
        syscalls: {
          /** Sets the label of the caller. */
          mac_setlabel(current: Task, label: string): number {
            state.labels.set(current.pid, label)
            return options.strict === true ? -1 : 0
          },
          mac_getlabel: (current: Task, pid?: number): string => state.labels.get(pid ?? current.pid) ?? '',
          mac_version: () => 3,
        },
      }
    },
  })

/** Needs the network. */
export const connector = () =>
  defineModule({
    name: 'connector',
    requires: ['net'],
    init: () => null,
    attach: () => ({
      api: { listeners: 0 },
      syscalls: { cn_ack: (_current: Task, seq: number): number => seq },
    }),
  })

/** Needs two others. */
export const cluster = () =>
  defineModule({
    name: 'cluster',
    requires: ['net', 'connector'],
    init: () => null,
    attach: () => ({ api: undefined }),
  })

interface LogApi {
  lines(): readonly string[]
}
interface LogCalls {
  log_read(current: Task, buf: Uint8Array): number
}

/** Declared by its types, not inferred. */
export const log = (): KernelModule<'log', string[], LogApi, LogCalls> => ({
  name: 'log',
  init: () => [],
  attach: (_k, state) => ({
    api: { lines: () => state },
    syscalls: { log_read: (current, buf) => Math.min(buf.length, current.pid) },
  }),
})

/** The name of a kernel member. */
export const spawn = () => defineModule({ name: 'spawn', init: () => null, attach: () => ({ api: 1 }) })

/** Contributes a call that the core has. */
export const opener = () =>
  defineModule({
    name: 'opener',
    init: () => null,
    attach: () => ({ api: 1, syscalls: { open: (_current: Task, path: string) => path.length } }),
  })
