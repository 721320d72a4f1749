/**
 * The benchmark's process. `npm run bench` (run.ts) builds it with the library and starts it; see there for the
 * options.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { createKernel } from 'paleokernel'
import { FULL, QUICK } from './plan.js'
import { describeMachine, goalTable, growthTable, meansLine, rowTable, show, withFigures } from './report.js'
import { IMPLEMENTATIONS, ROWS } from './rows.js'
import { parseOnly, runSession, type SessionOptions } from './session.js'

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    markdown: { type: 'string' },
    parts: { type: 'string', default: '' },
    rows: { type: 'string', default: '' },
    only: { type: 'string', default: IMPLEMENTATIONS.join(',') },
    quick: { type: 'boolean', default: false },
    goals: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    bundle: { type: 'string' },
    host: { type: 'string', default: fileURLToPath(new URL('host.c', import.meta.url)) },
  },
})

/** A module beside this one in the build. With a query it is another module, with its own compiled code. */
const beside = (name: string): Promise<Record<string, unknown>> => import(new URL(name, import.meta.url).href)

/** `createKernel` of a build beside this one. */
const kernelOf = async (name: string): Promise<typeof createKernel> =>
  (await beside(name))['createKernel'] as typeof createKernel

const plan = values.quick ? QUICK : FULL
const [load = 0] = loadavg()
const started = performance.now()
const session = await runSession({
  plan,
  rows: new RegExp(values.rows, 'i'),
  only: parseOnly(values.only),
  hasGoals: values.goals,
  hostSource: values.host,
  loadNodeLike: async (name) =>
    (await beside(`node_like.js?${name}`))['nodeLikeCases'] as Awaited<
      ReturnType<SessionOptions['loadNodeLike']>
    >,
  builds: values.goals
    ? { traced: await kernelOf('traced.js'), untraced: await kernelOf('untraced.js') }
    : null,
  bundle: values.bundle === undefined ? undefined : Number(values.bundle),
  profiles: values.profile,
  progress: (text) =>
    process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${text}\n`),
})

if (values.profile) {
  console.log(session.profiles.map(({ title, text }) => `${title}\n${text}`).join('\n\n'))
  process.exit()
}
const { tracing } = session
const sections = [
  describeMachine(load, session.scratch, session.hasHost),
  session.rows.length === 0 ? '' : `${rowTable(session.rows, 'value')}\n\n${meansLine(session.measured)}`,
  session.rows.length === 0
    ? ''
    : rowTable(
        session.rows.filter(({ unit }) => unit === 'ns'),
        'wall',
      ),
  growthTable(session.comparisons),
  growthTable(session.growth),
  session.walks === null
    ? ''
    : `walk of five names on bare data: ${show(session.walks.pointers.value, 'ns')} by pointers, ${show(session.walks.tables.value, 'ns')} through tables that copies share`,
  tracing === null
    ? ''
    : `null syscall, tracing idle: ${show(tracing.idle.value, 'ns')}, built without tracing: ${show(tracing.none.value, 'ns')}`,
  values.goals ? values.parts : '',
  ROWS.filter(({ id }) => session.rows.some((row) => row.id === id))
    .flatMap(({ title, differs }) => (differs === null ? [] : [`${title}: ${differs}`]))
    .join('\n'),
  `goals (? is not measured by this run)\n${goalTable(session.goals)}`,
  `${plan.rounds} rounds of ${plan.batchMs} ms, ${Math.round((performance.now() - started) / 1000)} s in all`,
].filter((text) => text !== '')
console.log(sections.join('\n\n'))
if (values.markdown !== undefined)
  writeFileSync(values.markdown, withFigures(readFileSync(values.markdown, 'utf8'), sections))
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify(session.results, undefined, 1)}\n`)
