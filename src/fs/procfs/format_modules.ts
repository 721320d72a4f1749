/**
 * The text of /proc/modules: what is loaded, newest first. Linux: get_module_list, kernel/module.c (2.0, 2.2); m_show
 * (2.6.14).
 *
 * Left out: who depends on whom, and the remarks of 2.2 behind the count.
 */

import { isAtLeast } from '../../abi/profile.js'
import { type LoadableModule, useCount } from '../../kernel/loadable.js'
import { partOf } from '../../kernel/part.js'
import type { Task } from '../../kernel/task.js'

const PAGE = 4096

/** Where 2.6 on an i386 with 128 MiB puts modules. Linux: VMALLOC_START. */
const MODULES_AT = 0xc8800000

/** 2.0 counts pages, later ones bytes. 2.6 shows where it is. */
function line(current: Task, module: LoadableModule, at: number): string {
  const { k } = current
  const { name, size } = module
  // Who else uses it is not a part's to know.
  const uses = partOf(current) === null ? useCount(k, module) : 0
  const { release } = k.facts
  if (!isAtLeast(release, '2.2.12'))
    return `${name}${String(Math.ceil(size / PAGE)).padStart(20 - name.length)}\t${uses}\n`
  if (!isAtLeast(release, '2.6.14'))
    return `${name.padEnd(20)}${String(size).padStart(8)}${String(uses).padStart(4)}\n`
  return `${name} ${size} ${uses} - Live 0x${at.toString(16)}\n`
}

/** The text of /proc/modules. */
export function formatModules(current: Task): string {
  const { k } = current
  const lines: string[] = []
  let at = MODULES_AT
  for (const name of k.state.loadedModules) {
    const module = k.loadables.get(name)
    if (module === undefined) continue
    lines.unshift(line(current, module, at))
    // One page between two areas. Linux: get_vm_area.
    at += (Math.ceil(module.size / PAGE) + 1) * PAGE
  }
  return lines.join('')
}
