/** The types of the modules reqlog and blktrace: what they require, and their APIs. */
import { expectTypeOf } from 'vitest'
import {
  type BlkTraceEvent,
  type BlkTraceExport,
  blktrace,
  block,
  parseBlkTrace,
} from '../../src/block/index.js'
import { type Bufflink, bufflink } from '../../src/bufflink/index.js'
import { createKernel } from '../../src/index.js'
import {
  type MonitorReport,
  monitor,
  ReqlogReader,
  type ReqlogRecord,
  reqlog,
} from '../../src/reqlog/index.js'

const k = createKernel({
  modules: [bufflink(), block(), reqlog({ layout: 'long', per: 'request' }), blktrace()],
})
expectTypeOf(k.reqlog.ring()).toEqualTypeOf<Bufflink>()
expectTypeOf(k.reqlog.counts().lost).toEqualTypeOf<number>()
expectTypeOf(k.blktrace.files()).toEqualTypeOf<BlkTraceExport[]>()
expectTypeOf(parseBlkTrace(new Uint8Array(0))).toEqualTypeOf<BlkTraceEvent[]>()
expectTypeOf(new ReqlogReader('long').push(new Uint8Array(0))).toEqualTypeOf<ReqlogRecord[]>()
expectTypeOf(monitor([])).toEqualTypeOf<MonitorReport>()

// @ts-expect-error: module 'reqlog' requires module 'bufflink'
createKernel({ modules: [block(), reqlog()] })
// @ts-expect-error: module 'reqlog' requires module 'block'
createKernel({ modules: [bufflink(), reqlog()] })
// @ts-expect-error: module 'blktrace' requires module 'block'
createKernel({ modules: [blktrace()] })
// @ts-expect-error: there is no such layout
reqlog({ layout: 'wide' })
// @ts-expect-error: it cannot be turned off
reqlog({ enabled: false })
// @ts-expect-error: without the module there is no log
createKernel().reqlog
