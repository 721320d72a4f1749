/**
 * A report as a picture: for one device, where on the disk it read and wrote over time, and below that rate, depth of the
 * queue, merging and seeks. Plain SVG text, the same for the same report.
 */

import { major, minor } from '../abi/brand.js'
import { xml } from '../lib/xml.js'
import type { DeviceReport, MonitorColumn, MonitorReport } from './monitor.js'

/** What `monitorSvg` can be told. */
export interface MonitorSvgOptions {
  /** What the device is called: 'hda1'. Default: its numbers. */
  readonly name?: string
  /** Pixels. Default 960, at least 400. */
  readonly width?: number
}

const LEFT = 96
const RIGHT = 24
const ROW = 8
const STRIP = 64
const GAP = 34
const READ_COLOUR = [33, 102, 172] as const
const WRITE_COLOUR = [214, 96, 36] as const

/** Two decimals at most, and none where they are zeros: the same digits everywhere. */
const px = (value: number): string => String(Math.round(value * 100) / 100)

/** A number to read: 1234567 is 1.23 M. */
function show(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} G`
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1)
}

const rgb = (colour: readonly number[]): string => `rgb(${colour.join(',')})`

/** Between the colours of reads and of writes. */
const mix = (share: number): string =>
  rgb(READ_COLOUR.map((from, i) => Math.round(from + ((WRITE_COLOUR[i] ?? 0) - from) * share)))

/** A picture that grows downwards. */
class Canvas {
  readonly lines: string[] = []
  readonly width: number
  y = 0

  constructor(width: number) {
    this.width = width
  }

  get inner(): number {
    return this.width - LEFT - RIGHT
  }

  rect(x: number, y: number, width: number, height: number, fill: string, opacity = 1): void {
    const see = opacity === 1 ? '' : ` fill-opacity="${px(opacity)}"`
    const size = `x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}"`
    this.lines.push(`<rect ${size} fill="${fill}"${see}/>`)
  }

  text(x: number, y: number, text: string, anchor: 'start' | 'middle' | 'end' = 'start', bold = false): void {
    const weight = bold ? ' font-weight="bold"' : ''
    this.lines.push(`<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}"${weight}>${xml(text)}</text>`)
  }

  /** A frame for a panel of this height; the pen stays at its top. */
  frame(height: number): void {
    const at = `x="${LEFT}" y="${px(this.y)}" width="${px(this.inner)}" height="${px(height)}"`
    this.lines.push(`<rect ${at} fill="none" stroke="#999"/>`)
  }

  done(): string {
    const { width, y, lines } = this
    const size = `width="${width}" height="${px(y)}" viewBox="0 0 ${width} ${px(y)}"`
    const head = `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">`
    return `${[head, `<rect width="${width}" height="${px(y)}" fill="#fff"/>`, ...lines, '</svg>'].join('\n')}\n`
  }
}

function header(canvas: Canvas, name: string, device: DeviceReport): void {
  const { reads, writes, requests, isCounted, mergeRatio, submitted, served } = device
  canvas.text(LEFT, 20, `${name}: requests by address and time`, 'start', true)
  const kib = (sectors: number): string => `${show(sectors / 2)} KiB`
  canvas.text(
    LEFT,
    37,
    `${reads.transfers} reads, ${kib(reads.sectors)}; ${writes.transfers} writes, ${kib(writes.sectors)}; ` +
      `${requests} requests${isCounted ? '' : ' (estimated)'}, ${show(mergeRatio)} buffers each`,
  )
  const way = `from one transfer to the next ${show(submitted.total)} sectors in all as submitted`
  canvas.text(LEFT, 53, served === null ? way : `${way}, ${show(served.total)} as served`)
  const right = canvas.width - RIGHT
  canvas.rect(right - 120, 11, 10, 10, rgb(READ_COLOUR))
  canvas.text(right - 106, 20, 'reads')
  canvas.rect(right - 60, 11, 10, 10, rgb(WRITE_COLOUR))
  canvas.text(right - 46, 20, 'writes')
  canvas.y = 64
}

function heat(canvas: Canvas, { heat: map, columns }: DeviceReport): void {
  const rows = columns.length === 0 ? 0 : map.reads.length / columns.length
  const cell = canvas.inner / Math.max(columns.length, 1)
  let most = 0
  for (const [i, read] of map.reads.entries()) most = Math.max(most, read + (map.writes[i] ?? 0))
  const scale = Math.log1p(most)
  for (const [i, read] of map.reads.entries()) {
    const write = map.writes[i] ?? 0
    const sum = read + write
    if (sum === 0) continue
    // The lowest address is at the bottom, as in a diagram.
    const y = canvas.y + (rows - 1 - Math.floor(i / columns.length)) * ROW
    const x = LEFT + (i % columns.length) * cell
    canvas.rect(x, y, cell, ROW, mix(write / sum), 0.25 + (0.75 * Math.log1p(sum)) / scale)
  }
  const height = rows * ROW
  canvas.frame(height)
  const steps = 4
  for (let i = 0; i <= steps; i++) {
    const sector = map.firstSector + Math.round((rows * map.sectorsPerRow * i) / steps)
    canvas.text(LEFT - 6, canvas.y + height - (height * i) / steps + 4, show(sector), 'end')
  }
  vertical(canvas, canvas.y + height / 2, 'sector')
  canvas.y += height
}

function vertical(canvas: Canvas, y: number, text: string): void {
  canvas.lines.push(
    `<text x="14" y="${px(y)}" text-anchor="middle" transform="rotate(-90 14 ${px(y)})">${xml(text)}</text>`,
  )
}

type Series = readonly { readonly fill: string; of(column: MonitorColumn): number }[]

/** Bars over time, the series stacked. */
function strip(canvas: Canvas, title: string, columns: readonly MonitorColumn[], series: Series): void {
  canvas.y += GAP
  const cell = canvas.inner / Math.max(columns.length, 1)
  let most = 0
  for (const column of columns)
    most = Math.max(
      most,
      series.reduce((sum, one) => sum + one.of(column), 0),
    )
  for (const [i, column] of columns.entries()) {
    let y = canvas.y + STRIP
    for (const { fill, of } of series) {
      const height = most === 0 ? 0 : (of(column) / most) * STRIP
      if (height === 0) continue
      y -= height
      canvas.rect(LEFT + i * cell, y, cell, height, fill)
    }
  }
  canvas.frame(STRIP)
  canvas.text(LEFT, canvas.y - 5, title)
  canvas.text(LEFT - 6, canvas.y + 8, show(most), 'end')
  canvas.text(LEFT - 6, canvas.y + STRIP, '0', 'end')
  canvas.y += STRIP
}

function timeAxis(canvas: Canvas, { fromMs, columnMs }: MonitorReport, columns: number): void {
  const ticks = 6
  const isLong = columnMs * columns >= 6000
  for (let i = 0; i <= ticks; i++) {
    const x = LEFT + (canvas.inner * i) / ticks
    canvas.rect(x, canvas.y, 1, 4, '#999')
    const ms = fromMs + (columnMs * columns * i) / ticks
    canvas.text(x, canvas.y + 16, isLong ? (ms / 1000).toFixed(1) : px(ms), 'middle')
  }
  canvas.text(
    LEFT + canvas.inner / 2,
    canvas.y + 32,
    `${isLong ? 'seconds' : 'milliseconds'} since boot`,
    'middle',
  )
  canvas.y += 42
}

/** The picture of one device. Throws a RangeError for a device that is not in the report. */
export function monitorSvg(report: MonitorReport, device: number, options: MonitorSvgOptions = {}): string {
  const found = report.devices.find((one) => one.device === device)
  const numbers = `${major(device)}:${minor(device)}`
  if (found === undefined) throw new RangeError(`monitorSvg: device ${numbers} is not in the report`)
  const { name = `device ${numbers}`, width = 960 } = options
  if (!Number.isFinite(width) || width < 400)
    throw new RangeError(`monitorSvg: width must be at least 400 pixels, not ${String(width)}`)
  const { columns } = found
  const perSecond = (sectors: number): number => sectors / 2 / (report.columnMs / 1000)
  const canvas = new Canvas(width)
  header(canvas, name, found)
  heat(canvas, found)
  strip(canvas, 'KiB per second', columns, [
    { fill: rgb(READ_COLOUR), of: ({ reads }) => perSecond(reads.sectors) },
    { fill: rgb(WRITE_COLOUR), of: ({ writes }) => perSecond(writes.sectors) },
  ])
  if (columns.some(({ depth }) => depth !== null))
    strip(canvas, 'requests in the queue and at the disk, on average', columns, [
      { fill: '#5a5a9a', of: ({ depth }) => depth ?? 0 },
    ])
  strip(canvas, `buffers per request${found.isCounted ? '' : ' (estimated)'}`, columns, [
    { fill: '#4d9221', of: ({ mergeRatio }) => mergeRatio },
  ])
  strip(canvas, 'sectors from one transfer to the next, on average', columns, [
    { fill: '#762a83', of: ({ seek }) => seek },
  ])
  timeAxis(canvas, report, columns.length)
  return canvas.done()
}
