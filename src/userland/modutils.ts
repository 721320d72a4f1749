/**
 * `insmod`, `rmmod` and `lsmod`. modutils 2.1, of which the messages are; the table of 2.6 is shown as its own lsmod does.
 *
 * Left out: options, and files: `insmod sockfs`, `insmod sockfs.o` and `insmod /lib/modules/…/sockfs.o` name the same part
 * of a module.
 */

import { EEXIST, ENOENT, EPERM, errnoMessage } from '../abi/errno.js'
import type { Program } from '../programs/sys_types.js'
import { complain, getopt, type Part, perror, readFile, runTool, Stop, type TreeToolSys } from './tool.js'

/** 'sockfs' of '/lib/modules/2.2.12/net/sockfs.o' */
const moduleName = (path: string): string => (path.split('/').at(-1) ?? '').replace(/\.k?o$/, '')

function* insmodMain(sys: TreeToolSys, args: readonly string[]): Part<number> {
  const { operands } = getopt('insmod', args, '')
  const [path, ...parameters] = operands
  if (path === undefined) throw new Stop('Usage: insmod module [symbol=value ...]\n', 1)
  const name = moduleName(path)
  const error = yield* sys.init_module(name, parameters.join(' '))
  if (error === 0) return 0
  if (error === ENOENT) throw new Stop(`insmod: ${name}: no module by that name found\n`, 1)
  if (error === EEXIST) throw new Stop(`insmod: a module named ${name} already exists\n`, 1)
  const call = error === EPERM ? 'create_module' : 'init_module'
  throw new Stop(`${name}.o: ${call}: ${errnoMessage(error)}\n`, 1)
}

/** The program: `kernel.install('/sbin/insmod', insmod)`. */
export function* insmod(sys: TreeToolSys, ...args: string[]): Program {
  return yield* runTool(sys, () => insmodMain(sys, args))
}

function* rmmodMain(sys: TreeToolSys, args: readonly string[]): Part<number> {
  const { operands } = getopt('rmmod', args, '')
  if (operands.length === 0) throw new Stop('Usage: rmmod module ...\n', 1)
  let status = 0
  for (const path of operands) {
    const name = moduleName(path)
    const error = yield* sys.delete_module(name)
    if (error === 0) continue
    status = 1
    yield* complain(sys, error === ENOENT ? `rmmod: module ${name} is not loaded\n` : perror(name, error))
  }
  return status
}

/** The program: `kernel.install('/sbin/rmmod', rmmod)`. */
export function* rmmod(sys: TreeToolSys, ...args: string[]): Program {
  return yield* runTool(sys, () => rmmodMain(sys, args))
}

/** A line of 2.6: 'name size count users state address'. */
function modernLine(line: string): string {
  const [name = '', size = '', uses = '', users = '-'] = line.split(' ')
  return `${name.padEnd(19)} ${size.padStart(8)}  ${uses}${users === '-' ? ' ' : ` ${users}`}`
}

function* lsmodMain(sys: TreeToolSys, out: string[]): Part<number> {
  const text = yield* readFile(sys, '/proc/modules')
  if (typeof text === 'number') throw new Stop(perror('lsmod: /proc/modules', text), 1)
  const lines = text.split('\n').filter((line) => line !== '')
  // 2.0 counts pages, and has a tab behind them.
  const isOld = lines[0]?.includes('\t') === true
  out.push(isOld ? 'Module:        #pages:  Used by:\n' : 'Module                  Size  Used by\n')
  for (const line of lines) out.push(`${/^\S+ \d/.test(line) ? modernLine(line) : line}\n`)
  return 0
}

/** The program: `kernel.install('/sbin/lsmod', lsmod)`. */
export function* lsmod(sys: TreeToolSys, ..._args: string[]): Program {
  return yield* runTool(sys, (out) => lsmodMain(sys, out))
}
