/**
 * Recordings on disk. Two forms, both possibly gzipped: one line of a script per text line (one script per file),
 * or one `{"file", "ops"}` object per text line (many scripts per file). `{"c"}` lines are comments.
 *
 * The kernel that made a recording is read from the path (`linux-2.6.20`, `linux-6.18`).
 */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Line } from './answer.js'
import { RECORDINGS, type Recording } from './values.js'

/** One script with the answers of the kernel that ran it. */
export interface Script {
  /** The file it was read from, as named by the caller. */
  readonly file: string
  /** The script's own name: the base name of its file, or the `file` of its entry in a collection. */
  readonly name: string
  readonly recording: Recording
  readonly lines: readonly Line[]
  /** How many lines come before the first of `lines` in the file: the comments of a plain recording. */
  readonly skipped: number
}

/** A mistake of the person who started the run: a missing folder, a file that is no recording. */
export class UsageError extends Error {}

const SUFFIX = /\.jsonl(\.gz)?$/

/** The recording files under a path, sorted; the path itself if it is a file. */
export function recordingFiles(path: string): string[] {
  let stat: ReturnType<typeof statSync>
  try {
    stat = statSync(path)
  } catch {
    throw new UsageError(`${path}: no such file or folder`)
  }
  if (!stat.isDirectory()) return [path]
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => SUFFIX.test(name))
    .sort()
    .map((name) => join(path, name))
  if (files.length === 0) throw new UsageError(`${path}: no recordings (*.jsonl, *.jsonl.gz) in this folder`)
  return files
}

/** Which kernel made this recording, by the last `linux-X` in its path. */
export function recordingOf(file: string): Recording {
  const names = [...resolve(file).matchAll(/linux-(\d+\.\d+(?:\.\d+)?)/g)].map((match) => match[1])
  const last = names.at(-1)
  const known = RECORDINGS.find((recording) => recording === last)
  if (known === undefined) {
    throw new UsageError(
      `${file}: cannot tell which kernel recorded it (no ${RECORDINGS.map((r) => `linux-${r}`).join(' or ')} in the path); use --recorded`,
    )
  }
  return known
}

/** Every script of one file. */
export function readScripts(file: string, recorded?: Recording): Script[] {
  const recording = recorded ?? recordingOf(file)
  const bytes = readFileSync(file)
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  return parseScripts(text, file, recording)
}

/** Every script of a file's text. */
export function parseScripts(text: string, file: string, recording: Recording): Script[] {
  const scripts: Script[] = []
  const lines: Line[] = []
  let comments = 0
  let number = 0
  for (const row of text.split('\n')) {
    number++
    if (row === '') continue
    const parsed = parseRow(row, file, number)
    if ('ops' in parsed) {
      scripts.push({ file, name: parsed.file, recording, lines: parsed.ops, skipped: 0 })
    } else if ('op' in parsed) {
      lines.push(parsed)
    } else {
      comments++
    }
  }
  if (lines.length > 0) {
    scripts.push({ file, name: baseName(file), recording, lines, skipped: comments })
  }
  return scripts
}

type Row = Line | { readonly c: string } | { readonly file: string; readonly ops: readonly Line[] }

function parseRow(row: string, file: string, number: number): Row {
  let parsed: unknown
  try {
    parsed = JSON.parse(row)
  } catch (error) {
    throw new UsageError(
      `${file}:${number}: not JSON: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  if (!isRow(parsed))
    throw new UsageError(`${file}:${number}: not a line of a recording: ${row.slice(0, 80)}`)
  return parsed
}

function isRow(value: unknown): value is Row {
  if (typeof value !== 'object' || value === null) return false
  if ('c' in value) return true
  if ('ops' in value) return 'file' in value && Array.isArray(value.ops) && value.ops.every(isLine)
  return isLine(value)
}

function isLine(value: unknown): value is Line {
  return (
    typeof value === 'object' &&
    value !== null &&
    't' in value &&
    typeof value.t === 'number' &&
    'op' in value &&
    typeof value.op === 'string' &&
    'a' in value &&
    Array.isArray(value.a)
  )
}

function baseName(file: string): string {
  return (file.split(/[\\/]/).at(-1) ?? file).replace(SUFFIX, '')
}
