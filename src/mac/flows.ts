/**
 * Permitted flows: who may reach whom beyond the own compartment, derived from labels, grades and rules with labels, and not
 * from what has happened.
 *
 * Left out: mode bits and capabilities; firewall rules without labels, and policies.
 */

import type { KernelCore } from '../kernel/kernel.js'
import type { MacCompartment } from './describe.js'
import { isAdmin, isShared, type Label, parseLabel, showLabel } from './label.js'
import { labelledRules, netOf } from './network.js'
import type { MacSettings } from './options.js'
import { hasAccess, readFiles, writeFiles } from './rules.js'
import { VIEWS } from './state.js'

/** A compartment by its number, the machines beyond the wire, or files by where they are mounted. */
export type MacPlace = number | 'outside' | `/${string}`

/** What one may do to another. */
export type MacDeed = 'administer' | 'see' | 'read' | 'write' | 'send'

/** A permitted flow. */
export interface MacFlow {
  /** Who. */
  readonly from: MacPlace
  /** To whom. */
  readonly to: MacPlace
  /** May do what. */
  readonly may: MacDeed
  /** More about it: which packets, from which address, which labels alone. '' for nothing more. */
  readonly what: string
  /** The rule of the reference that allows it. */
  readonly rule: string
}

/** The labels of a compartment's processes, each once. */
function labelsOf({ tasks }: MacCompartment): Label[] {
  const texts = [...new Set(tasks.map(({ label }) => label))]
  return texts.map(parseLabel).filter((label) => label !== null)
}

/** Of all labels none is left out, or the ones that may are named. */
function whoAlone(labels: readonly Label[], allowed: readonly Label[]): string {
  return allowed.length === labels.length ? '' : allowed.map(showLabel).join(', ')
}

/** Who administers whom (MAC-9), and who sees pid 1 (MAC-26). */
function visible(settings: MacSettings, all: readonly MacCompartment[]): MacFlow[] {
  const flows: MacFlow[] = []
  for (const from of all) {
    const isAdministrator = labelsOf(from).some(isAdmin)
    for (const to of all) {
      if (to === from) continue
      const ends = { from: from.compartment, to: to.compartment }
      if (isAdministrator) flows.push({ ...ends, may: 'administer', what: '', rule: 'MAC-9' })
      else if (settings.initVisible && to.tasks.some(({ pid }) => pid === 1) && from.tasks.length > 0)
        flows.push({ ...ends, may: 'see', what: 'pid 1', rule: 'MAC-26' })
    }
  }
  return flows
}

/** Who reads and writes what is shared (MAC-30). Nothing passes through what shows everybody something else. */
function files(all: readonly MacCompartment[]): MacFlow[] {
  const flows: MacFlow[] = []
  const shared = all.flatMap(({ mounts }) =>
    mounts.flatMap(({ path, type, label }) => {
      const parsed = parseLabel(label)
      return parsed !== null && isShared(parsed) && !VIEWS.includes(type) ? [{ path, label: parsed }] : []
    }),
  )
  for (const entry of all) {
    const labels = labelsOf(entry).filter((label) => !isAdmin(label))
    for (const { path, label } of shared)
      for (const [may, rule] of [
        ['read', readFiles],
        ['write', writeFiles],
      ] as const) {
        const allowed = labels.filter((subject) => rule(subject, label) === null)
        if (allowed.length === 0) continue
        const to = path as `/${string}`
        const what = whoAlone(labels, allowed)
        flows.push({ from: entry.compartment, to, may, what, rule: 'MAC-30' })
      }
  }
  return flows
}

/** What comes in by which rule (MAC-41, MAC-44), and who may send (MAC-42, MAC-48). */
function network(k: KernelCore, all: readonly MacCompartment[]): MacFlow[] {
  const hasWire = (netOf(k)?.devices.list ?? []).some(({ name }) => name !== 'lo')
  if (!hasWire) return []
  const flows: MacFlow[] = []
  const rules = labelledRules(k)
  for (const { chain, label, packets } of rules)
    if (chain === 'input')
      flows.push({ from: 'outside', to: label.compartment, may: 'send', what: packets, rule: 'MAC-41' })
  const required = rules.filter(({ chain }) => chain === 'output')
  for (const entry of all) {
    const labels = labelsOf(entry)
    if (labels.length === 0) continue
    const { compartment, routes, ports } = entry
    if (ports.some(({ label }) => isUnlabelled(label)))
      flows.push({ from: 'outside', to: compartment, may: 'send', what: 'without a label', rule: 'MAC-44' })
    const sources = [...new Set(routes.flatMap((table) => table.routes.flatMap(sourceOf)))]
    const closed = required.filter(({ label }) => !labels.some((subject) => hasAccess(subject, label)))
    const what = [
      sources.length > 0 ? `from ${sources.join(', ')}` : '',
      ...closed.map(({ packets, label }) => `not ${packets} (needs ${showLabel(label)})`),
    ].filter((text) => text !== '')
    const rule = closed.length > 0 ? 'MAC-42' : sources.length > 0 ? 'MAC-48' : 'MAC-5'
    if (!closed.some(({ packets }) => packets === 'all'))
      flows.push({ from: compartment, to: 'outside', may: 'send', what: what.join('; '), rule })
  }
  return flows
}

/** Does a socket get what no rule has labelled? (MAC-44) */
function isUnlabelled(text: string): boolean {
  const label = parseLabel(text)
  return label !== null && (label.compartment === 0 || isAdmin(label))
}

/** 'default dev eth0 src 10.0.0.1': the address behind src. */
const sourceOf = (route: string): string[] => / src (\S+)/.exec(route)?.slice(1) ?? []

/** All of them: administrators, files, the network. */
export const flowsOf = (k: KernelCore, settings: MacSettings, all: readonly MacCompartment[]): MacFlow[] => [
  ...visible(settings, all),
  ...files(all),
  ...network(k, all),
]
