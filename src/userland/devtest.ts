/**
 * devtest: the user's half of bufflink's test pair. `devtest w 8` writes 8 bytes to /dev/bufflink0, `devtest r 40` reads up
 * to 40 and prints them. A third argument is another node.
 *
 * The original is lost but for these two command lines (reference §4.1); what it printed is not known.
 */

import { errnoName, isErr } from '../abi/errno.js'
import { O_RDONLY, O_WRONLY } from '../abi/fcntl.js'
import { utf8Decode, utf8Encode } from '../lib/bytes.js'
import type { Program, Sys } from '../programs/sys_types.js'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz'

/** The exit status: 0; 1 an error, said on descriptor 2; 2 wrong arguments. */
export function* devtest(
  sys: Sys,
  command?: string,
  count?: string,
  path: string = '/dev/bufflink0',
): Program {
  const bytes = Number(count)
  if ((command !== 'r' && command !== 'w') || !Number.isSafeInteger(bytes) || bytes < 0) {
    yield* sys.write(2, utf8Encode('usage: devtest r|w count [node]\n'))
    return 2
  }
  const fd = yield* sys.open(path, command === 'r' ? O_RDONLY : O_WRONLY)
  if (isErr(fd)) {
    yield* sys.write(2, utf8Encode(`devtest: ${path}: ${errnoName(fd)}\n`))
    return 1
  }
  const data = new Uint8Array(bytes)
  if (command === 'w') for (let i = 0; i < bytes; i++) data[i] = ALPHABET.charCodeAt(i % ALPHABET.length)
  const result = command === 'r' ? yield* sys.read(fd, data) : yield* sys.write(fd, data)
  if (isErr(result)) {
    yield* sys.write(2, utf8Encode(`devtest: ${command}: ${errnoName(result)}\n`))
    return 1
  }
  const text = command === 'r' ? `read ${result}: ${utf8Decode(data, 0, result)}` : `wrote ${result}`
  yield* sys.write(1, utf8Encode(`${text}\n`))
  return 0
}
