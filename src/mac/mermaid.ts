/** The compartments as a flow chart for Mermaid: text that pages and notes draw by themselves. */

import { type Arrow, lanesOf, type MacView } from './lanes.js'

/** Mermaid ends a text at its quotes, and reads '#' and '&' as entities and '<' as markup. */
const quoted = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is sought
  `"${text.replace(/[\x00-\x1f\x7f]/g, '?').replace(/[#&<>"`\\[\]{}|]/g, (char) => `#${char.charCodeAt(0)};`)}"`

/** Several lines in one node. */
const lines = (texts: readonly string[]): string =>
  texts.map((text) => quoted(text).slice(1, -1)).join('<br/>')

/** The chart of `kernel.mac`. */
export function macMermaid(view: MacView): string {
  const lanes = lanesOf(view)
  const out = ['flowchart LR']
  if (lanes.some(({ wire }) => wire.length > 0)) out.push('  wire(("the network"))')
  if (lanes.some(({ files }) => files.length > 0)) out.push('  files[("shared files")]')
  for (const { compartment, title, tasks, mounts, network } of lanes) {
    const id = `c${compartment}`
    const node = (name: string, texts: readonly string[]): void => {
      if (texts.length > 0) out.push(`    ${id}${name}["${lines(texts)}"]`)
    }
    out.push(`  subgraph ${id}[${quoted(title)}]`)
    if (tasks.length + mounts.length + network.length === 0) out.push(`    ${id}empty["nothing"]`)
    node(
      'tasks',
      tasks.map(({ text, label }) => `${text} ${label}`),
    )
    node(
      'mounts',
      mounts.map(({ path, type, label }) => `${path} ${type} ${label}`),
    )
    node(
      'net',
      network.map(({ text, label }) => (label === '' ? text : `${text} ${label}`)),
    )
    out.push('  end')
  }
  for (const { compartment, wire, files, administers } of lanes) {
    const id = `c${compartment}`
    const arrows = (list: readonly Arrow[], other: string): void => {
      for (const { isInward, text } of list)
        out.push(
          isInward === null
            ? `  ${id} -.-x|${quoted(text)}| ${other}`
            : `  ${isInward ? other : id} -->|${quoted(text)}| ${isInward ? id : other}`,
        )
    }
    arrows(wire, 'wire')
    arrows(files, 'files')
    for (const other of administers) out.push(`  ${id} -.->|"administers"| c${other}`)
  }
  return `${out.join('\n')}\n`
}
