/**
 * A program that knows all processes without looking: it follows the kernel's process events, as a monitor or an
 * accounting daemon does. When it has slept for too long, the kernel tells it that it has missed something, and it reads
 * /proc once.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/mirror.ts
 */
import {
  createKernel,
  EACCES,
  O_CREAT,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  POLLIN,
  SECURITY_DENY,
  SIGCHLD,
  SIGCONT,
  SIGSTOP,
  utf8Decode,
  utf8Encode,
} from 'paleokernel'
import { ConnectorEmitter, connector, ProcessMirror } from 'paleokernel/connector'
import { net } from 'paleokernel/net'
import { SECCOMP_DEATH, seccomp } from 'paleokernel/seccomp'
import { isMain } from './main.js'
import type { Print } from './story.js'

const TABLE = '/tmp/table'

/** Follows processes by events, through a loss, and refusals and deaths from outside. */
export function mirror(print: Print): void {
  const k = createKernel({
    profile: '2.6.14',
    modules: [net(), connector({ processEvents: '2.6.15' }), seccomp()],
  })
  const root = k.spawn()
  const monitor = k.spawn({
    comm: 'monitor',
    *program(sys) {
      const table = new ProcessMirror()
      const fd = yield* table.start(sys)
      while (yield* table.follow(sys, fd)) {
        const rows = [...table.tasks.values()].map(({ pid, ppid, uid }) => `${pid} ${ppid} ${uid}`)
        const out = yield* sys.open(TABLE, O_CREAT | O_WRONLY | O_TRUNC, 0o644)
        const head = `losses ${table.overruns}, whole of /proc read ${table.resyncs} times`
        yield* sys.write(Number(out), utf8Encode([head, ...rows.sort()].join('\n')))
        yield* sys.close(Number(out))
        yield* sys.poll([{ fd, events: POLLIN, revents: 0 }], -1)
      }
      return 1
    },
  })

  /** What the monitor says, beside what ps would find. */
  const compare = (): void => {
    k.run()
    const fd = root.libc.open(TABLE, O_RDONLY)
    const buf = new Uint8Array(65536)
    const [head = '', ...rows] = utf8Decode(buf, 0, root.libc.read(fd, buf)).split('\n')
    root.libc.close(fd)
    const proc = root.libc.open('/proc', O_RDONLY)
    const pids = root.libc.getdents(proc).flatMap(({ name }) => (/^\d+$/.test(name) ? [name] : []))
    root.libc.close(proc)
    const known = rows.map((row) => row.split(' ')[0])
    const agree = known.length === pids.length && pids.every((pid) => known.includes(pid))
    print(
      `${rows.length} processes in the monitor's table, ${agree ? 'as in /proc' : 'NOT as in /proc'}; ${head}`,
    )
  }

  /** A process with `children` that end at once, and one that stays. */
  const family = (uid: number, children: number): void => {
    k.spawn({
      uid,
      *program(sys) {
        for (let n = 0; n < children; n++) {
          yield* sys.clone(SIGCHLD, function* () {
            return n % 7
          })
          yield* sys.waitpid(-1)
        }
        yield* sys.fork()
        yield* sys.pause()
        return 0
      },
    })
  }

  compare()
  family(1000, 3)
  family(1001, 5)
  compare()

  root.sys.kill(monitor.pid, SIGSTOP)
  family(1002, 1000)
  k.run()
  print('the monitor has been stopped while 1000 children came and went')
  root.sys.kill(monitor.pid, SIGCONT)
  compare()

  const events = new ConnectorEmitter(root, { kinds: [SECURITY_DENY, SECCOMP_DEATH] })
  events.on('security:deny', ({ comm, call, reason }) => print(`${comm}: ${call} refused: ${reason}`))
  events.on('seccomp:death', ({ comm, call, nr }) => print(`${comm}: killed for ${call}, call ${nr}`))

  root.libc.close(root.libc.open('/etc/secret', O_CREAT | O_WRONLY, 0o600))
  const spy = k.spawn({ uid: 1000, comm: 'spy' })
  const answer = spy.sys.open('/etc/secret', O_RDONLY)
  const guest = k.spawn({ uid: 1000, comm: 'guest' })
  const fd = root.libc.open(`/proc/${guest.pid}/seccomp`, O_WRONLY)
  root.libc.write(fd, utf8Encode('1'))
  guest.sys.getpid()
  print(`${events.drain()} events, ${answer === EACCES ? 'as it should be' : 'and no refusal'}`)
}

if (isMain(import.meta.url)) mirror(console.log)
