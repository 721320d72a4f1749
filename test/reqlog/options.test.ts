/** What `reqlog()` needs, and what it can be told. */
import { createKernel } from 'paleokernel'
import { type ReqlogOptions, reqlog } from 'paleokernel/reqlog'
import { describe, expect, it } from 'vitest'

describe('reqlog()', () => {
  it('refuses to start without bufflink, in one sentence', () => {
    expect(() => createKernel({ modules: [reqlog()] as never })).toThrow(
      new TypeError("module 'reqlog' requires module 'bufflink': add bufflink() to modules"),
    )
  })

  it.each<[object, string]>([
    [{ ringSize: 15 }, 'ringSize must be from 16 bytes, one record, to 2^30, not 15'],
    [{ ringSize: 31, layout: 'long' }, 'ringSize must be from 32 bytes, one record, to 2^30, not 31'],
    [{ ringSize: 1e4 + 0.5 }, 'ringSize must be from 16 bytes, one record, to 2^30, not 10000.5'],
    [{ layout: 'wide' }, 'layout must be short or long, not wide'],
    [{ per: 'sector' }, 'per must be buffer or request, not sector'],
    [{ at: 'once' }, 'at must be submission or completion, not once'],
    [{ enabled: false }, "there is no option 'enabled'"],
    [{ toString: 1 }, "there is no option 'toString'"],
  ])('refuses %j', (options, message) => {
    expect(() => reqlog(options as ReqlogOptions)).toThrow(new TypeError(`reqlog: ${message}`))
  })
})
