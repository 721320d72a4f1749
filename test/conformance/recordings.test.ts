/** Every recorded run of a real kernel that the repository holds, replayed against the library. */

import { fileURLToPath } from 'node:url'
import type { Profile } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { printAnswer, printLine } from './answer.js'
import { type Replay, replay } from './replay.js'
import { readScripts, recordingFiles, recordingOf, type Script } from './script.js'
import type { Recording } from './values.js'

const RUNS: readonly (readonly [Profile, Recording])[] = [
  ['2.6.14', '2.6.20'],
  ['2.2.12', '2.6.20'],
  ['2.6.14', '6.18'],
]

const FILES = recordingFiles(fileURLToPath(new URL('../data/recordings', import.meta.url)))

const recorded = (recording: Recording): Script[] =>
  FILES.filter((file) => recordingOf(file) === recording).flatMap((file) => readScripts(file))

const themeOf = (script: Script): string => script.name.replace(/-.*$/, '')

const describeDivergence = (script: Script, { divergence }: Replay): string[] =>
  divergence === undefined
    ? []
    : [
        `${script.name}:${divergence.index + 1} ${printLine(divergence.line)} expected ${printAnswer(divergence.line)} got ${divergence.got}`,
      ]

describe.each(RUNS)('profile %s answers like the recordings of Linux %s', (profile, recording) => {
  const scripts = recorded(recording)
  const themes = [...new Set(scripts.map(themeOf))]

  it.each(themes)('%s', (theme) => {
    const chosen = scripts.filter((script) => themeOf(script) === theme)
    const divergences = chosen.flatMap((script) => describeDivergence(script, replay(script, { profile })))
    expect(divergences).toEqual([])
  })
})
