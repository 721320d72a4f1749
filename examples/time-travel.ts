/**
 * Time travel: one kernel, copied in the middle of its run; each copy goes on by itself.
 *
 * Alice's `cat /etc/shadow` is about to open the file. In the copy, root makes the file readable at this moment.
 * Nothing else differs, so whatever comes out differently is the consequence of that one chmod.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/time-travel.ts
 */
import { createKernel, type Kernel, O_RDONLY, type Process, utf8Encode, WEXITSTATUS } from 'paleokernel'
import { isMain } from './main.js'
import type { Print } from './story.js'
import { cat, sh } from './userland.js'

/** Alice's shell with one command to run, and the process that waits for the shell. */
interface Scene {
  readonly kernel: Kernel
  readonly init: Process
}

function scene(): Scene {
  const kernel = createKernel({ seed: 7, programs: { '/bin/cat': cat } })
  const init = kernel.spawn({ comm: 'init' })
  const { libc } = init
  const secret = libc.creat('/etc/shadow', 0o600)
  libc.write(secret, utf8Encode('root:$1$mF2s1$uLkLmPdIuZ:10822:0:::::\n'))
  libc.close(secret)
  const [input, keyboard] = libc.pipe()
  libc.dup(libc.creat('/tmp/screen', 0o666))
  return { kernel, init }
}
