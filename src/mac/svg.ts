/**
 * The compartments as a picture: plain SVG text, the same for the same kernel.
 *
 * A lane for every compartment, with its processes, file systems, addresses, ports and routes; the network to the left and
 * shared files to the right, with an arrow for every permitted flow, along which data go; a line from an administrator to
 * those it administers. Text that is too long is cut, and whole where the pointer is held.
 */

import { xml } from '../lib/xml.js'
import { type Arrow, type Lane, lanesOf, type MacView } from './lanes.js'

/** What `macSvg` can be told. */
export interface MacSvgOptions {
  /** What stands above. Default: 'Compartments'. */
  readonly title?: string
  /** Lines of a list, before it is cut short. Default 6, at least 1. */
  readonly rows?: number
}

const MARGIN = 16
const BAR = 44
const GUTTER = 240
const LINE = 17
const HEADER = 26
const GAP = 16
const RAIL = 12
const COLUMNS = { tasks: 220, mounts: 206, network: 296 } as const
/** Widths of a letter of the two sizes, with something to spare. */
const LETTER = 7.3
const SMALL = 6.7

/** Bars and frames, and what is in them, by the compartment's place. */
const COLOURS: readonly (readonly [strong: string, light: string])[] = [
  ['#44546a', '#f1f3f6'],
  ['#2f6fb0', '#eef5fc'],
  ['#b0562f', '#fcf3ee'],
  ['#3a7d44', '#eff8f0'],
  ['#7a4fa3', '#f5f0fa'],
  ['#9a7b1f', '#fbf7e9'],
  ['#2a7f7f', '#ecf7f7'],
  ['#a83a5b', '#fcf0f4'],
]

/** Columns that a text takes: letters of East Asia take two. */
const cells = (text: string): number =>
  Array.from(text).reduce((sum, char) => sum + ((char.codePointAt(0) ?? 0) >= 0x1100 ? 2 : 1), 0)

/** As much of a text as fits. */
function cut(text: string, room: number): string {
  if (cells(text) <= room) return text
  let kept = ''
  for (const char of text) {
    if (cells(kept) + cells(char) > room - 1) break
    kept += char
  }
  return `${kept}…`
}

type Anchor = 'start' | 'middle' | 'end'

/** A picture that grows downwards. */
class Sheet {
  readonly lines: string[] = []

  rect(x: number, y: number, width: number, height: number, fill: string, stroke = 'none'): void {
    const size = `x="${x}" y="${y}" width="${width}" height="${height}"`
    this.lines.push(`<rect ${size} rx="4" fill="${fill}" stroke="${stroke}"/>`)
  }

  /** `room` in pixels; `small` is 11 px, else 12. */
  text(
    x: number,
    y: number,
    text: string,
    room: number,
    {
      anchor = 'start',
      fill = '#222',
      isSmall = false,
      isBold = false,
    }: {
      readonly anchor?: Anchor
      readonly fill?: string
      readonly isSmall?: boolean
      readonly isBold?: boolean
    } = {},
  ): void {
    const shown = cut(text, Math.floor(room / (isSmall ? SMALL : LETTER)))
    const whole = shown === text ? '' : `<title>${xml(text)}</title>`
    const at = `x="${x}" y="${y}"${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}`
    const style = `${isSmall ? ' font-size="11"' : ''}${isBold ? ' font-weight="bold"' : ''}`
    this.lines.push(`<text ${at} fill="${fill}"${style}>${whole}${xml(shown)}</text>`)
  }

  line(x1: number, y1: number, x2: number, y2: number, stroke: string, end: '' | 'head' | 'stop' = ''): void {
    const head =
      end === '' ? '' : ` marker-end="url(#${end})"${end === 'stop' ? ' stroke-dasharray="4 3"' : ''}`
    this.lines.push(
      `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${stroke}" stroke-width="1.5"${head}/>`,
    )
  }

  dot(x: number, y: number, fill: string): void {
    this.lines.push(`<circle cx="${x}" cy="${y}" r="4" fill="${fill}"/>`)
  }

  /** A bar with its name along it. */
  bar(x: number, y: number, height: number, name: string): void {
    this.rect(x, y, BAR, height, '#e4e7ec', '#9aa3b2')
    const [cx, cy] = [x + BAR / 2 + 4, y + height / 2]
    this.lines.push(
      `<text x="${cx}" y="${cy}" text-anchor="middle" font-weight="bold" fill="#44546a" transform="rotate(-90 ${cx} ${cy})">${xml(name)}</text>`,
    )
  }
}

/** A list's lines: all, or as many as there is room for and how many more. */
function shortened<T>(
  list: readonly T[],
  rows: number,
): { readonly shown: readonly T[]; readonly more: number } {
  if (list.length <= rows) return { shown: list, more: 0 }
  return { shown: list.slice(0, rows - 1), more: list.length - rows + 1 }
}

const listHeight = (length: number, rows: number): number => LINE * (1 + Math.max(1, Math.min(length, rows)))
const arrowsHeight = (arrows: readonly Arrow[], rows: number): number =>
  2 * LINE * Math.min(arrows.length, rows)

/** Where things are, from left to right. */
interface Places {
  readonly hasWire: boolean
  readonly hasFiles: boolean
  readonly hasNetwork: boolean
  readonly left: number
  readonly right: number
  /** Room for lines from administrators. */
  readonly inset: number
  readonly width: number
}

function placesOf(lanes: readonly Lane[]): Places {
  const hasWire = lanes.some(({ wire }) => wire.length > 0)
  const hasFiles = lanes.some(({ files }) => files.length > 0)
  const hasNetwork = lanes.some(({ network }) => network.length > 0)
  const rails = lanes.filter(({ administers }) => administers.length > 0).length
  const inset = 12 + rails * RAIL
  const left = MARGIN + (hasWire ? BAR + GUTTER : 0)
  const inner = COLUMNS.tasks + COLUMNS.mounts + (hasNetwork ? COLUMNS.network : 0)
  const right = left + inset + inner
  const width = right + (hasFiles ? GUTTER + BAR : 0) + MARGIN
  return { hasWire, hasFiles, hasNetwork, left, right, inset, width }
}

function column(
  sheet: Sheet,
  at: readonly [x: number, y: number, width: number],
  heading: string,
  items: readonly { readonly text: string; readonly label: string }[],
  rows: number,
): void {
  const [x, y, width] = at
  const room = width - 14
  sheet.text(x, y, heading, room, { fill: '#667', isSmall: true })
  const { shown, more } = shortened(items, rows)
  for (const [i, { text, label }] of shown.entries()) {
    const base = y + LINE * (i + 1)
    const taken = label === '' ? 0 : (cells(label) + 1) * SMALL
    sheet.text(x, base, text, room - taken)
    if (label !== '') sheet.text(x + room, base, label, room, { anchor: 'end', fill: '#667', isSmall: true })
  }
  const end = y + LINE * (shown.length + 1)
  if (more > 0) sheet.text(x, end, `and ${more} more`, room, { fill: '#667' })
  if (items.length === 0) sheet.text(x, end, 'none', room, { fill: '#99a' })
}

function arrows(
  sheet: Sheet,
  list: readonly Arrow[],
  [outer, inner]: readonly [outer: number, inner: number],
  top: number,
  rows: number,
  colour: string,
): void {
  const { shown, more } = shortened(list, rows)
  const [low, high] = [Math.min(outer, inner), Math.max(outer, inner)]
  const words: readonly Arrow[] = more > 0 ? [...shown, { isInward: true, text: `and ${more} more` }] : shown
  for (const [i, { isInward, text }] of words.entries()) {
    const y = top + 2 * LINE * i
    sheet.text((low + high) / 2, y + 12, text, high - low - 12, { anchor: 'middle', isSmall: true })
    if (i === shown.length) continue
    const gap = inner > outer ? 2 : -2
    const [from, to] = isInward === true ? [outer, inner - gap] : [inner, outer + gap]
    sheet.line(
      from,
      y + LINE + 1,
      to,
      y + LINE + 1,
      isInward === null ? '#889' : colour,
      isInward === null ? 'stop' : 'head',
    )
  }
}

function drawLane(
  sheet: Sheet,
  lane: Lane,
  places: Places,
  [y, height]: readonly [y: number, height: number],
  rows: number,
  [strong, light]: readonly [string, string],
): void {
  const { left, right, inset } = places
  const width = right - left
  sheet.rect(left, y, width, height, light, strong)
  sheet.rect(left, y, width, HEADER - 4, strong)
  const [only] = lane.labels
  const labels = lane.labels.length === 0 ? 'no processes' : lane.labels.join(', ')
  const titleRoom = Math.ceil(cells(lane.title) * (LETTER + 0.5)) + 12
  sheet.text(left + inset, y + 16, lane.title, titleRoom, { fill: '#fff', isBold: true })
  const about = lane.remark === '' ? labels : `${labels}; ${lane.remark}`
  sheet.text(right - 12, y + 16, about, width - inset - titleRoom - 24, { anchor: 'end', fill: '#fff' })
  const isOneLabel = lane.labels.length === 1
  const top = y + HEADER + 12
  let x = left + inset
  const tasks = lane.tasks.map(({ text, label }) => ({
    text,
    label: isOneLabel && label === only ? '' : label,
  }))
  column(sheet, [x, top, COLUMNS.tasks], 'processes', tasks, rows)
  x += COLUMNS.tasks
  const mounts = lane.mounts.map(({ path, type, label }) => ({
    text: `${path} ${type}`,
    label: isOneLabel && label === only ? '' : label,
  }))
  column(sheet, [x, top, COLUMNS.mounts], 'file systems', mounts, rows)
  x += COLUMNS.mounts
  if (places.hasNetwork) {
    const network = lane.network.map(({ text, label }) => ({
      text,
      label: isOneLabel && label === only ? '' : label,
    }))
    column(sheet, [x, top, COLUMNS.network], 'addresses, ports, routes', network, rows)
  }
  if (places.hasWire) arrows(sheet, lane.wire, [MARGIN + BAR, left], y + 4, rows, strong)
  if (places.hasFiles) arrows(sheet, lane.files, [right + GUTTER, right], y + 4, rows, strong)
}

/** Throws a TypeError for options that make no sense. */
function checked({ title = 'Compartments', rows = 6 }: MacSvgOptions): { title: string; rows: number } {
  if (typeof title !== 'string') throw new TypeError('macSvg: title is a string')
  if (!Number.isInteger(rows) || rows < 1)
    throw new TypeError(`macSvg: rows must be a whole number from 1, not ${rows}`)
  return { title, rows }
}

/** The picture of `kernel.mac`. Throws a TypeError for options that make no sense. */
export function macSvg(view: MacView, options: MacSvgOptions = {}): string {
  const { title, rows } = checked(options)
  const lanes = lanesOf(view)
  const places = placesOf(lanes)
  const { left, right, width } = places
  const sheet = new Sheet()
  sheet.text(MARGIN, 26, title, width - 2 * MARGIN, { isBold: true })
  const top = 42
  let y = top
  const boxes = new Map<number, readonly [y: number, height: number]>()
  for (const { compartment, tasks, mounts, network, wire, files } of lanes) {
    const content = Math.max(...[tasks, mounts, network].map(({ length }) => listHeight(length, rows)))
    const height = Math.max(
      HEADER + content + 10,
      arrowsHeight(wire, rows) + 12,
      arrowsHeight(files, rows) + 12,
    )
    boxes.set(compartment, [y, height])
    y += height + GAP
  }
  const bottom = y - GAP
  if (places.hasWire) sheet.bar(MARGIN, top, bottom - top, 'the network')
  if (places.hasFiles) sheet.bar(right + GUTTER, top, bottom - top, 'shared files')
  const colourOf = (i: number): readonly [string, string] =>
    COLOURS[i === 0 ? 0 : 1 + ((i - 1) % (COLOURS.length - 1))] ?? ['#44546a', '#f1f3f6']
  for (const [i, lane] of lanes.entries())
    drawLane(sheet, lane, places, boxes.get(lane.compartment) ?? [top, 0], rows, colourOf(i))
  let rail = left + RAIL
  for (const [i, { compartment, administers }] of lanes.entries()) {
    if (administers.length === 0) continue
    const heights = [compartment, ...administers].map(
      (number) => (boxes.get(number)?.[0] ?? top) + HEADER + 8,
    )
    const [strong] = colourOf(i)
    sheet.line(rail, Math.min(...heights), rail, Math.max(...heights), strong)
    for (const at of heights) sheet.dot(rail, at, at === heights[0] ? strong : '#fff')
    for (const at of heights.slice(1))
      sheet.lines.push(`<circle cx="${rail}" cy="${at}" r="4" fill="none" stroke="${strong}"/>`)
    rail += RAIL
  }
  const notes = [
    'Arrows: data that may pass. Where there is none, nothing does: one compartment does not see another (MAC-10, MAC-43).',
    ...(lanes.some(({ wire }) => wire.some(({ isInward }) => isInward === null))
      ? ['Broken line: what a rule of the output chain drops (MAC-42).']
      : []),
    ...(rail > left + RAIL
      ? ['Full dot: an administrator, who sees and changes all that the line leads to (MAC-9).']
      : []),
  ]
  for (const [i, note] of notes.entries())
    sheet.text(MARGIN, bottom + 24 + LINE * i, note, width - 2 * MARGIN, { fill: '#556', isSmall: true })
  const height = bottom + 24 + LINE * notes.length
  const head = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="12">`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#334"/></marker><marker id="stop" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M1 1L7 7M7 1L1 7" stroke="#a33" stroke-width="1.5"/></marker></defs>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
  ]
  return `${[...head, ...sheet.lines, '</svg>'].join('\n')}\n`
}
