/**
 * The administrator's watch: a program that hears of refusals and of deaths under seccomp, through the connector. It is told
 * what the machine tells programs, and sees no more than that.
 */
import { isErr, type Program, SECURITY_DENY } from 'paleokernel'
import { ConnectorReader, openConnector } from 'paleokernel/connector'
import { SECCOMP_DEATH } from 'paleokernel/seccomp'
import type { NetSys } from './shop.js'

/** What has been heard, a line each. */
export function* watchd(sys: NetSys, heard: (line: string) => void): Program {
  const fd = yield* openConnector(sys, [SECURITY_DENY.idx, SECCOMP_DEATH.idx])
  if (isErr(fd)) return 1
  const reader = new ConnectorReader([SECURITY_DENY, SECCOMP_DEATH])
  for (;;) {
    for (const event of yield* reader.events(sys, fd)) {
      if (event.kind === 'overrun') heard('too much at once: something was lost')
      if (event.kind === 'failed') return 1
      if (event.kind !== 'published') continue
      if (event.name === 'seccomp:death') {
        const { comm, pid, call } = event.record
        heard(`pid ${pid} (${comm}) dies of ${call}: seccomp mode 1 has no such call`)
      } else heard(`pid ${event.record.pid} (${event.record.comm}): ${event.record.reason}`)
    }
  }
}
