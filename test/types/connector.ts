/** The types of the module connector: its API, its options, and the names and records of events. */
import { expectTypeOf } from 'vitest'
import {
  ConnectorEmitter,
  type ConnectorEvent,
  ConnectorReader,
  connector,
  type ProcForkEvent,
} from '../../src/connector/index.js'
import { createKernel, defineEvent } from '../../src/index.js'
import { net } from '../../src/net/index.js'

const RUNG = defineEvent('bell:rung', 21, 1, { times: 'u32', by: 'text16' })
const LOST = defineEvent('bell:lost', 21, 2, {})
const k = createKernel({ profile: '2.6.14', modules: [net(), connector({ processEvents: '2.6.15' })] })
expectTypeOf(k.connector.send({ id: { idx: 1, val: 2 } })).toEqualTypeOf<number>()

const events = new ConnectorEmitter(k.spawn(), { kinds: [RUNG, LOST] })
events.on('fork', (event) => expectTypeOf(event.childPid).toEqualTypeOf<number>())
events.on('fork', (event) => expectTypeOf(event).toExtend<ProcForkEvent>())
events.on('bell:rung', (record, { seq }) => {
  expectTypeOf(record.times).toEqualTypeOf<number>()
  expectTypeOf(record.by).toEqualTypeOf<string>()
  expectTypeOf(seq).toEqualTypeOf<number>()
})
// @ts-expect-error: no kind of this name was given
events.on('bell:stolen', () => {})
// @ts-expect-error: the record has no such field
events.on('bell:rung', ({ tune }) => tune)

k.spawn({
  *program(sys) {
    const reader = new ConnectorReader([RUNG, LOST])
    for (const event of yield* reader.events(sys, 3)) {
      expectTypeOf(event).toEqualTypeOf<ConnectorEvent<typeof RUNG | typeof LOST>>()
      if (event.kind === 'published' && event.name === 'bell:rung')
        expectTypeOf(event.record.by).toEqualTypeOf<string>()
      if (event.kind === 'exit') expectTypeOf(event.exitCode).toEqualTypeOf<number>()
    }
  },
})

createKernel({ profile: '2.6.14' }).spawn({
  *program(sys) {
    // @ts-expect-error: a kernel without the network has no sockets to read from
    yield* new ConnectorReader().events(sys, 3)
  },
})
// @ts-expect-error: there is no such layout
connector({ processEvents: '2.4' })
// @ts-expect-error: module 'connector' requires module 'net'
createKernel({ modules: [connector()] })
