/** What the pictures of compartments show, before it is drawn: one lane for every compartment. */

import type { MacCompartment, MacMount } from './describe.js'
import type { MacFlow } from './flows.js'

/** What the pictures are made of: `kernel.mac`. */
export interface MacView {
  /** Who and what is in which compartment. */
  describe(): readonly MacCompartment[]
  /** Who may reach whom. */
  flows(): readonly MacFlow[]
}

/** An arrow at the side of a lane. */
export interface Arrow {
  /** Does it lead to the compartment? Reading does, as what is read comes in. Null for what may not pass. */
  readonly isInward: boolean | null
  readonly text: string
}

/** A line of a list. */
export interface LaneItem {
  readonly text: string
  /** '' for none. */
  readonly label: string
}

/** A compartment with what is permitted it. */
export interface Lane {
  readonly compartment: number
  readonly title: string
  /** Labels of its processes. */
  readonly labels: readonly string[]
  /** What it sees of others: 'sees pid 1'. */
  readonly remark: string
  readonly tasks: readonly LaneItem[]
  readonly mounts: readonly MacMount[]
  /** Addresses, ports, routes. */
  readonly network: readonly LaneItem[]
  /** From and to the network. */
  readonly wire: readonly Arrow[]
  /** From and to shared files. */
  readonly files: readonly Arrow[]
  /** The numbers of the compartments that it administers. */
  readonly administers: readonly number[]
}

const portText = (address: string, port: number): string => `${address === '0.0.0.0' ? '*' : address}:${port}`

/** Shared files by what may be done to them: one arrow for all paths that are alike. */
function fileArrows(flows: readonly MacFlow[]): Arrow[] {
  const paths = new Map<string, string[]>()
  for (const { may, what, to } of flows) {
    if (may !== 'read' && may !== 'write') continue
    const key = `${may} ${what}`
    const list = paths.get(key)
    if (list === undefined) paths.set(key, [String(to)])
    else list.push(String(to))
  }
  return [...paths].map(([key, list]) => {
    const isRead = key.startsWith('read')
    const alone = key.slice(key.indexOf(' ') + 1)
    const text = `${isRead ? 'reads' : 'writes'} ${list.join(', ')}`
    return { isInward: isRead, text: alone === '' ? text : `${text} (${alone})` }
  })
}

/** What comes in, what may be sent, and what may not: behind semicolons. */
function wireArrows(flows: readonly MacFlow[], compartment: number): Arrow[] {
  return flows
    .filter(({ may }) => may === 'send')
    .flatMap(({ to, what }): Arrow[] => {
      if (to === compartment) return [{ isInward: true, text: what }]
      const words = what.split('; ').filter((text) => text !== '')
      const closed = words.filter((text) => text.startsWith('not '))
      const open = words.filter((text) => !text.startsWith('not '))
      return [
        { isInward: false, text: ['sends', ...open].join(' ') },
        ...closed.map((text) => ({ isInward: null, text })),
      ]
    })
}

/** The lanes, by the number of the compartment. */
export function lanesOf(view: MacView): Lane[] {
  const flows = view.flows()
  return view.describe().map((entry) => {
    const { compartment, tasks, mounts, addresses, ports, routes } = entry
    const own = flows.filter(({ from, to }) => from === compartment || to === compartment)
    const active = own.filter(({ from }) => from === compartment)
    const administers = active.flatMap(({ may, to }) =>
      may === 'administer' && typeof to === 'number' ? [to] : [],
    )
    return {
      compartment,
      title: `compartment ${compartment}${compartment === 0 ? ', the system' : ''}`,
      labels: [...new Set(tasks.map(({ label }) => label))],
      remark: active
        .filter(({ may }) => may === 'see')
        .map(({ what }) => `sees ${what}`)
        .join(', '),
      tasks: tasks.map(({ pid, comm, label }) => ({ text: `${pid} ${comm}`, label })),
      mounts,
      network: [
        ...addresses.map((text) => ({ text, label: '' })),
        ...ports.map(({ protocol, address, port, label }) => ({
          text: `${protocol} ${portText(address, port)}`,
          label,
        })),
        ...routes.flatMap(({ label, routes: list }) => list.map((text) => ({ text, label }))),
      ],
      wire: wireArrows(own, compartment),
      files: fileArrows(active),
      administers,
    }
  })
}
