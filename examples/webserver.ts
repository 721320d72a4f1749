/**
 * A web server that has port 80 and is not root: sockfs gives the port an owner, as a file has.
 *
 * README.md quotes the lines between `quoted` and `end`; test/readme.test.ts compares them.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/webserver.ts
 */

import { createKernel, EACCES, errnoName, utf8Decode, utf8Encode } from 'paleokernel'
import { AF_INET, net, SOCK_STREAM } from 'paleokernel/net'
import { sockfs } from 'paleokernel/sockfs'
import { isMain } from './main.js'
import type { Print } from './story.js'

/** Starts the server, asks it as somebody else, and tries the next port. */
export function webServer(print: Print): void {
  // quoted
  const k = createKernel({ modules: [net(), sockfs()] })
  const root = k.spawn()
  root.libc.mkdir('/ports', 0o755)
  root.libc.mount('sockfs', '/ports', k.sockfs.type, 0)
  root.libc.chown('/ports/80', 33, 33) // one port for one user, and nothing else of root's

  const server = k.spawn({
    uid: 33,
    *program(sys) {
      const listener = yield* sys.socket(AF_INET, SOCK_STREAM, 0)
      yield* sys.bind(listener, { family: AF_INET, addr: '0.0.0.0', port: 80 })
      yield* sys.listen(listener, 5)
      for (;;) {
        const client = yield* sys.accept(listener)
        yield* sys.send(client, utf8Encode('HTTP/1.0 200 OK\r\n\r\nhello from uid 33\n'))
        yield* sys.close(client)
      }
    },
  })
  k.run()
  // end

  print(`the server is ${server.state} in accept`)
  const alice = k.spawn({ uid: 1000 })
  const fd = alice.libc.socket(AF_INET, SOCK_STREAM, 0)
  alice.libc.connect(fd, { family: AF_INET, addr: '127.0.0.1', port: 80 })
  const buf = new Uint8Array(256)
  const text = utf8Decode(buf, 0, alice.libc.recv(fd, buf))
  print(`alice reads: ${text.split('\r\n').at(-1)?.trim()}`)

  const hers = alice.libc.socket(AF_INET, SOCK_STREAM, 0)
  const answer = alice.sys.bind(hers, { family: AF_INET, addr: '0.0.0.0', port: 80 })
  print(`alice wants port 80 herself: ${errnoName(answer)}${answer === EACCES ? '' : ', not EACCES'}`)
  print(`why: ${k.why(alice)?.sentence}`)

  const other = k.spawn({ uid: 33 })
  const next = other.libc.socket(AF_INET, SOCK_STREAM, 0)
  print(`uid 33 wants port 81: ${errnoName(other.sys.bind(next, { family: AF_INET, addr: 0, port: 81 }))}`)
}

if (isMain(import.meta.url)) webServer(console.log)
