/**
 * `ip rule`: policy rules. iproute2: ip/iprule.c (990824).
 */

import {
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTA_DST,
  RTA_GATEWAY,
  RTA_IIF,
  RTA_PRIORITY,
  RTA_PROTOINFO,
  RTA_SRC,
  RTM_DELRULE,
  RTM_GETRULE,
  RTM_NEWRULE,
} from '../../abi/netlink.js'
import { AF_INET } from '../../abi/socket.js'
import {
  fromInet32,
  inet32,
  int32,
  le32,
  type NlMessage,
  nulText,
  readAttributes,
  textOf,
} from '../../lib/nlmsg.js'
import { abbreviates, type Part, Stop, showIp } from '../tool.js'
import {
  address,
  idOf,
  invalid,
  nameOf,
  number,
  prefix,
  showPrefix,
  showTos,
  TYPES,
  tosOf,
  typeOf,
  USAGE,
  type Words,
} from './args.js'
import { type Attribute, dump, type IpContext, talk } from './netlink.js'

const HELP = `Usage: ip rule [ list | add | del ] SELECTOR ACTION
SELECTOR := [ from PREFIX ] [ to PREFIX ] [ tos TOS ] [ fwmark FWMARK ]
            [ dev STRING ] [ pref NUMBER ]
ACTION := [ table TABLE_ID ] [ nat ADDRESS ]
          [ prohibit | reject | unreachable ]
          [ realms [SRCREALM/]DSTREALM ]
TABLE_ID := [ local | main | default | NUMBER ]
`

/** One rule as a line. iproute2: print_rule. */
export function showRule(
  { tables, keywords }: Pick<IpContext, 'tables' | 'keywords'>,
  { body }: NlMessage,
): string {
  const attributes = readAttributes(body, 12)
  const priority = attributes.get(RTA_PRIORITY)
  const [, dstLen = 0, srcLen = 0, tos = 0, table = 0, , , type = 0] = body
  const side = (word: string, value: Uint8Array | undefined, bits: number, none: string): string => {
    if (value !== undefined) return `${word} ${showPrefix(fromInet32(value), bits)} `
    return bits > 0 ? `${word} 0/${bits} ` : none
  }
  let line = `${priority === undefined ? 0 : le32(priority, 0)}:\t`
  line += side('from', attributes.get(RTA_SRC), srcLen, 'from all ')
  line += side('to', attributes.get(RTA_DST), dstLen, '')
  if (tos !== 0) line += `tos ${showTos(tos)} `
  const mark = attributes.get(RTA_PROTOINFO)
  if (mark !== undefined) line += `fwmark ${le32(mark, 0).toString(16).padStart(8)} `
  const iif = attributes.get(RTA_IIF)
  if (iif !== undefined) line += `iif ${textOf(iif)} `
  for (const { keyword, attribute, show } of keywords) {
    const payload = attributes.get(attribute)
    if (payload !== undefined) line += `${keyword} ${show(payload)} `
  }
  if (table !== 0) line += `lookup ${nameOf(tables, table)} `
  const map = attributes.get(RTA_GATEWAY)
  if (type === 10) line += map === undefined ? 'masquerade' : `map-to ${showIp(fromInet32(map))} `
  else if (type !== 1) line += nameOf(TYPES, type)
  return `${line}\n`
}

function* list(ctx: IpContext, words: Words): Part<number> {
  if (words.more) throw new Stop('"ip rule show" need not eny arguments.\n', USAGE)
  const fixed = new Uint8Array(12)
  fixed[0] = AF_INET
  for (const message of yield* dump(ctx, RTM_GETRULE, fixed)) ctx.out.push(showRule(ctx, message))
  return 0
}

/** iproute2: iprule_modify. */
function* modify(ctx: IpContext, cmd: number, words: Words): Part<number> {
  const fixed = Uint8Array.of(AF_INET, 0, 0, 0, 0, 3, 0, cmd === RTM_NEWRULE ? 1 : 0, 0, 0, 0, 0)
  const attributes: Attribute[] = []
  let hasTable = false
  while (words.more) {
    const word = words.next()
    const extra = ctx.keywords.find(({ keyword }) => keyword === word)
    if (extra !== undefined) {
      const text = words.next()
      const payload = extra.parse(text)
      if (payload === null) throw invalid(`invalid "${word}" value`, text)
      attributes.push([extra.attribute, payload])
    } else if (word === 'from' || word === 'to') {
      const { addr, bits, isDefault } = prefix(words.next())
      fixed[word === 'from' ? 2 : 1] = bits
      if (!isDefault) attributes.push([word === 'from' ? RTA_SRC : RTA_DST, inet32(addr)])
    } else if (
      abbreviates(word, 'preference') ||
      abbreviates(word, 'order') ||
      abbreviates(word, 'priority')
    ) {
      attributes.push([RTA_PRIORITY, int32(number(words.next(), 0xffffffff, 'preference value is invalid'))])
    } else if (word === 'tos') {
      const text = words.next()
      fixed[3] = tosOf(text, text)
    } else if (word === 'fwmark') {
      attributes.push([RTA_PROTOINFO, int32(number(words.next(), 0xffffffff, 'fwmark value is invalid', 16))])
    } else if (abbreviates(word, 'realms')) {
      throw invalid('realms are not supported', words.next())
    } else if (abbreviates(word, 'table') || word === 'lookup') {
      const text = words.next()
      const id = idOf(ctx.tables, text)
      if (id === null) throw invalid('invalid table ID', text)
      fixed[4] = id
      hasTable = true
    } else if (word === 'dev' || word === 'iif') {
      attributes.push([RTA_IIF, nulText(words.next())])
    } else if (word === 'nat' || abbreviates(word, 'map-to')) {
      attributes.push([RTA_GATEWAY, inet32(address(words.next()))])
      fixed[7] = 10
    } else {
      const text = word === 'type' ? words.next() : word
      if (abbreviates(text, 'help')) throw new Stop(HELP, USAGE)
      const type = typeOf(text)
      if (type === null) throw invalid('Failed to parse rule type', text)
      fixed[7] = type
    }
  }
  if (!hasTable && cmd === RTM_NEWRULE) fixed[4] = 254
  yield* talk(ctx, cmd, cmd === RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0, fixed, attributes)
  return 0
}

/** `ip rule …`. */
export function* ipRule(ctx: IpContext, words: Words): Part<number> {
  if (!words.more) return yield* list(ctx, words)
  const word = words.next()
  if (abbreviates(word, 'list') || abbreviates(word, 'lst') || abbreviates(word, 'show'))
    return yield* list(ctx, words)
  if (abbreviates(word, 'add')) return yield* modify(ctx, RTM_NEWRULE, words)
  if (abbreviates(word, 'delete')) return yield* modify(ctx, RTM_DELRULE, words)
  if (abbreviates(word, 'help')) throw new Stop(HELP, USAGE)
  throw new Stop(`Command "${word}" is unknown, try "ip rule help".\n`, USAGE)
}
