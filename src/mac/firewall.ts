/**
 * A field of ipchains' rules, and a selector of `ip rule`. Reference MAC-41, MAC-42, MAC-47, MAC-53.
 *
 * Eight bytes behind struct ip_fwuser: u32 1 where there is a label, else 0; u16 grade; u16 compartment. In the input
 * chain the packet gets the label, the last matching rule's; in the output chain its sender must have access to the
 * label, or it is dropped.
 */

import { EACCES, EINVAL, type Errno } from '../abi/errno.js'
import { readU16LE, readU32LE, writeU16LE, writeU32LE } from '../lib/bytes.js'
import type { IpfwExtension } from '../net/firewall/extension.js'
import type { RuleSelector } from '../net/inet/fib_rules.js'
import { NF_IP_POST_ROUTING, NF_IP_PRE_ROUTING } from '../net/netfilter.js'
import { deny } from '../security/deny.js'
import { isAdmin, Label, parseLabel, showLabel } from './label.js'
import { comesFromOutside, keyOf, labelOfKey } from './net.js'
import { hasAccess } from './rules.js'
import type { Labels } from './state.js'

const FIELD_BYTES = 8
/** The attribute of `ip rule`'s messages: beyond those of the time. */
export const RTA_MACLABEL = 33

const ONLY_ADMINS = 'only an administrator changes the firewall (MAC-53)'

/** The label of a rule, or null. */
type Field = Label | null

/** The field of rules. Errors: EACCES not by an administrator, whatever the command; EINVAL no such field. */
export const macField = (labels: Labels): IpfwExtension<Field> => ({
  name: 'mac',
  size: FIELD_BYTES,
  mayChange: (current) =>
    isAdmin(labels.ofTask(current)) ? 0 : deny(current, EACCES, 'state', null, ONLY_ADMINS),
  parse(_current, bytes): Field | Errno {
    const kind = readU32LE(bytes, 0)
    if (kind > 1) return EINVAL
    return kind === 0 ? null : new Label(readU16LE(bytes, 4), readU16LE(bytes, 6))
  },
  apply(_net, field, skb, point) {
    // What goes round by loopback keeps its sender's label (MAC-43): a rule about an address is no door to it.
    if (field !== null && point === NF_IP_PRE_ROUTING && comesFromOutside(skb)) skb.routeKey = keyOf(field)
  },
  permits: (_net, field, skb, point) =>
    field === null || point !== NF_IP_POST_ROUTING || hasAccess(labelOfKey(skb.routeKey), field),
  show: (field) => (field === null ? '-' : showLabel(field)),
})

const SPAN = 65536
const packed = ({ grade, compartment }: Label): number => compartment * SPAN + grade

/** The label that a selector's value stands for. */
export const labelOfSelector = (value: number): Label => new Label(value % SPAN, Math.floor(value / SPAN))

/** `mac LABEL` of `ip rule`: grade and compartment of who sends, or of a packet that is forwarded. */
export const macSelector: RuleSelector = Object.freeze({
  attribute: RTA_MACLABEL,
  parse: (payload: Uint8Array): number | Errno => (payload.length === 4 ? readU32LE(payload, 0) : EINVAL),
  match: (value: number, flow: { readonly key: number }): boolean => packed(labelOfKey(flow.key)) === value,
  dump(value: number): Uint8Array {
    const bytes = new Uint8Array(4)
    writeU32LE(bytes, 0, value)
    return bytes
  },
})

// ---- what the tools know of it -------------------------------------------------------------------------------

/** The label that was typed, without flags; null for anything else. */
function typed(text: string): Label | null {
  const label = parseLabel(text)
  return label === null || label.flags !== 0 ? null : label
}

function fieldBytes(label: Label): Uint8Array {
  const bytes = new Uint8Array(FIELD_BYTES)
  writeU32LE(bytes, 0, 1)
  writeU16LE(bytes, 4, label.grade)
  writeU16LE(bytes, 6, label.compartment)
  return bytes
}

/** A label as `ipchainsTool` wants it. */
export interface MaclabelField {
  /** The field of a rule. */
  readonly bytes: Uint8Array
  /** As /proc/net/ip_fwchains shows it. */
  readonly word: string
}

/** An option of ipchains, as `ipchainsTool` of paleokernel/userland takes it. */
export interface MaclabelOption {
  /** 'maclabel'. */
  readonly option: string
  /** The field of a rule without it. */
  readonly none: Uint8Array
  /** Reads a label, or says what is wrong. */
  read(text: string, isInverse: boolean): MaclabelField | string
  /** Heads its column. */
  readonly title: string
  /** Letters of the column. */
  readonly width: number
  /** The column's text. */
  show(word: string): string
  /** The words that give a rule the same label. */
  save(word: string): readonly string[]
}

/** A selector of `ip rule`, as `ipTool` of paleokernel/userland takes it. */
export interface MacKeyword {
  /** 'mac'. */
  readonly keyword: string
  /** RTA_MACLABEL. */
  readonly attribute: number
  /** The attribute's bytes; null for what is no label. */
  parse(text: string): Uint8Array | null
  /** The label in an attribute. */
  show(payload: Uint8Array): string
}

/** For `ipchainsTool`: `--maclabel LABEL`, with a column `maclabel` in listings. */
export const maclabelOption: MaclabelOption = Object.freeze({
  option: 'maclabel',
  none: new Uint8Array(FIELD_BYTES),
  read(text: string, isInverse: boolean): MaclabelField | string {
    if (isInverse) return 'a label cannot be inverted'
    const label = typed(text)
    return label === null
      ? `invalid label '${text}' specified`
      : { bytes: fieldBytes(label), word: showLabel(label) }
  },
  title: 'maclabel',
  width: 12,
  show: (word: string): string => (word === '-' ? '' : word),
  save: (word: string): readonly string[] => (word === '-' ? [] : ['--maclabel', word]),
})

/** For `ipTool`: the selector `mac LABEL`. */
export const macKeyword: MacKeyword = Object.freeze({
  keyword: 'mac',
  attribute: RTA_MACLABEL,
  parse(text: string): Uint8Array | null {
    const label = typed(text)
    return label === null ? null : macSelector.dump(packed(label))
  },
  show: (payload: Uint8Array): string => {
    return showLabel(labelOfSelector(payload.length === 4 ? readU32LE(payload, 0) : 0))
  },
})
