/**
 * `ip`: devices, addresses, routes, rules and neighbours. iproute2: ip/ip.c (990824).
 *
 * `ipTool` makes one that knows further selectors of rules, those of modules.
 */

import type { Program } from '../../programs/sys_types.js'
import { abbreviates, type Part, readFile, runTool, Stop, type ToolSys } from '../tool.js'
import { ipAddress, ipLink, ipNeighbour } from './address.js'
import { namesIn, TABLES, USAGE, Words } from './args.js'
import { type IpContext, openRtnetlink, type RuleKeyword } from './netlink.js'
import { ipRoute } from './route.js'
import { ipRule } from './rule.js'

export type { RuleKeyword } from './netlink.js'

const HELP = `Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }
where  OBJECT := { link | addr | route | rule | neigh }
       OPTIONS := { -V[ersion] | -s[tatistics] | -f[amily] { inet } }
`

type Command = (ctx: IpContext, words: Words) => Part<number>

const OBJECTS: readonly (readonly [string, Command])[] = [
  ['address', ipAddress],
  ['route', ipRoute],
  ['rule', ipRule],
  ['neighbor', ipNeighbour],
  ['neighbour', ipNeighbour],
  ['link', ipLink],
]

function* main(
  sys: ToolSys,
  out: string[],
  args: readonly string[],
  keywords: readonly RuleKeyword[],
): Part<number> {
  const words = new Words(args)
  let stats = 0
  while (words.peek.startsWith('-')) {
    const word = words.next()
    const option = word.startsWith('--') ? word.slice(1) : word
    if (option === '-') break
    if (abbreviates(option, '-family')) {
      const family = words.next()
      if (family !== 'inet')
        throw new Stop(`Error: argument "${family}" is wrong: invalid protocol family\n`, USAGE)
    } else if (option === '-4') continue
    else if (abbreviates(option, '-stats') || abbreviates(option, '-statistics')) stats++
    else if (abbreviates(option, '-Version') || option === '-V') {
      out.push('ip utility, iproute2-ss990824\n')
      return 0
    } else
      throw new Stop(
        `Option "${word}" is unknown, try "ip -help".\n`.repeat(option === '-help' ? 0 : 1) || HELP,
        USAGE,
      )
  }
  if (!words.more) throw new Stop(HELP, USAGE)
  const object = words.next()
  const found = OBJECTS.find(([name]) => abbreviates(object, name))
  if (found === undefined) {
    if (abbreviates(object, 'help')) throw new Stop(HELP, USAGE)
    throw new Stop(`Object "${object}" is unknown, try "ip help".\n`, USAGE)
  }
  const fd = yield* openRtnetlink(sys)
  const text = yield* readFile(sys, '/etc/iproute2/rt_tables')
  const tables = typeof text === 'number' ? TABLES : namesIn(text, TABLES)
  return yield* found[1]({ sys, out, fd, tables, stats, keywords }, words)
}

/** The program, with the selectors of rules that it is to know besides its own. */
export const ipTool = (keywords: readonly RuleKeyword[] = []) =>
  function* ip(sys: ToolSys, ...args: string[]): Program {
    return yield* runTool(sys, (out) => main(sys, out, args, keywords))
  }

/** The program: `kernel.install('/sbin/ip', ip)`. */
export const ip = ipTool()
