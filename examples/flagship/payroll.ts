/** Payroll: the same kind of server in a compartment of its own, and doors for its own people that nobody else must find. */
import type { Program } from 'paleokernel'
import { AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { listenOn80, type NetSys, serve } from './shop.js'

/** Ports and a named socket that only payroll has. */
export const STAFF_PORT = 8000
export const MAIL_PORT = 5000
export const DOOR = '\0payroll'

/** The server's program. */
export function* payrolld(sys: NetSys): Program {
  const door = yield* sys.socket(AF_UNIX, SOCK_STREAM, 0)
  yield* sys.bind(door, { family: AF_UNIX, path: DOOR })
  yield* sys.listen(door, 1)
  const staff = yield* sys.socket(AF_INET, SOCK_STREAM, 0)
  yield* sys.bind(staff, { family: AF_INET, addr: '0.0.0.0', port: STAFF_PORT })
  yield* sys.listen(staff, 1)
  const mail = yield* sys.socket(AF_INET, SOCK_DGRAM, 0)
  yield* sys.bind(mail, { family: AF_INET, addr: '0.0.0.0', port: MAIL_PORT })
  const listener = yield* listenOn80(sys)
  if (listener < 0) return 1
  return yield* serve(sys, listener, '/srv/payroll/salaries', 1)
}
