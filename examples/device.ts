/**
 * A character device: /dev/bell. Writing rings it, once for every byte; reading waits until it has been rung.
 *
 * The table of operations holds no state. An operation that cannot go on returns EAGAIN and names a queue; the
 * kernel puts the caller to sleep there, or not, as O_NONBLOCK says.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/device.ts
 */
import {
  _IOR,
  createKernel,
  defineFileOps,
  defineModule,
  EAGAIN,
  EFAULT,
  ENOTTY,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  POLLIN,
  POLLOUT,
  WaitQueue,
  wakeUp,
} from 'paleokernel'
import { isMain } from './main.js'
import type { Print } from './story.js'

/** The device's state: plain data, so that it is copied with the kernel. */
interface Bell {
  /** Rings that nobody has heard yet. */
  pending: number
  /** Rings ever. */
  total: number
  readonly listeners: WaitQueue
}

/** ioctl: how often has it been rung? */
const BELL_TOTAL = _IOR('B', 1, 4)

const bellOps = defineFileOps<Bell>({
  name: 'bell',
  open(current, _inode, file) {
    file.data = current.k.state.modules.get('bell') as Bell
    return 0
  },
  /** Takes rings, one byte for each; EAGAIN puts the reader to sleep on the queue that `waitQueue` names. */
  read(_current, { data: bell }, buf) {
    if (bell.pending === 0) return EAGAIN
    const heard = Math.min(bell.pending, buf.length)
    buf.fill('!'.charCodeAt(0), 0, heard)
    bell.pending -= heard
    return heard
  },
  write(_current, { data: bell }, rings) {
    bell.pending += rings.length
    bell.total += rings.length
    wakeUp(bell.listeners)
    return rings.length
  },
  poll: (_current, { data: bell }) => (bell.pending > 0 ? POLLIN | POLLOUT : POLLOUT),
  waitQueue: ({ data: bell }) => bell.listeners,
  ioctl(_current, { data: bell }, cmd, arg) {
    if (cmd !== BELL_TOTAL) return ENOTTY
    if (typeof arg !== 'object' || !('value' in arg)) return EFAULT
    arg.value = bell.total
    return 0
  },
})

/** The module: its state, its line in /proc/devices, its node in /dev. */
export const bell = () =>
  defineModule({
    name: 'bell',
    init: (): Bell => ({ pending: 0, total: 0, listeners: new WaitQueue('a ring of the bell') }),
    attach: (_k, state) => ({
      api: { total: () => state.total },
      devices: [
        {
          name: 'bell',
          major: 'dynamic',
          nodes: [{ name: 'bell', minor: 0, mode: 0o666 }],
          open: () => bellOps,
        },
      ],
    }),
  })

/** Two processes and a bell between them. */
export function device(print: Print): void {
  const k = createKernel({ modules: [bell()] })
  const porter = k.spawn({ uid: 1000, comm: 'porter' })
  const guest = k.spawn({ uid: 1001, comm: 'guest' })
  const ear = porter.libc.open('/dev/bell', O_RDONLY)
  const button = guest.libc.open('/dev/bell', O_WRONLY)

  const buf = new Uint8Array(8)
  const call = porter.begin.read(ear, buf)
  print(`the porter listens: ${call.blocked ? 'read sleeps' : 'read returned'}`)

  const other = k.fork()
  guest.libc.write(button, new Uint8Array(2))
  print(`the guest rings twice: ${call.blocked ? 'read sleeps' : `read returned ${call.result}`}`)
  print(`in a copy made before that, the porter is ${other.process(porter.pid)?.state}`)

  const now = porter.libc.open('/dev/bell', O_RDONLY | O_NONBLOCK)
  print(`O_NONBLOCK, nobody rings: read returns EAGAIN: ${porter.sys.read(now, buf) === EAGAIN}`)

  const box = { value: 0 }
  porter.libc.ioctl(ear, BELL_TOTAL, box)
  print(`ioctl counts ${box.value} rings here; the copy's module counts ${other.bell.total()}`)
}

if (isMain(import.meta.url)) device(console.log)
