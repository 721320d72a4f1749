/**
 * `macexec LABEL command [argument …]`: runs a command with another label, as only an administrator can. Reference
 * MAC-61. Exit status: 1 for what is refused, 2 for a wrong use, else the command's.
 */

import { errnoMessage, isErr } from '../abi/errno.js'
import { O_WRONLY } from '../abi/fcntl.js'
import { utf8Encode } from '../lib/bytes.js'
import type { CoreSys } from '../programs/core_sys.js'
import type { Program, ProgramSys } from '../programs/sys_types.js'
import { type FileToolSys, writeAll } from './tool.js'

/** The tool. */
export function* macexec(sys: FileToolSys & ProgramSys<Pick<CoreSys, 'execve'>>, ...args: string[]): Program {
  const [label, path] = args
  if (label === undefined || path === undefined) {
    yield* writeAll(sys, 2, 'usage: macexec label command [argument ...]\n')
    return 2
  }
  const fd = yield* sys.open('/proc/self/mac_label', O_WRONLY)
  const written = isErr(fd) ? fd : yield* sys.write(fd, utf8Encode(`${label}\n`))
  if (isErr(written)) {
    yield* writeAll(sys, 2, `macexec: ${label}: ${errnoMessage(written)}\n`)
    return 1
  }
  if (!isErr(fd)) yield* sys.close(fd)
  const failed = yield* sys.execve(path, args.slice(1), [])
  yield* writeAll(sys, 2, `macexec: ${path}: ${errnoMessage(failed)}\n`)
  return 1
}
