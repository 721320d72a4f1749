/** What writing does to the position of a file in /proc. */
import { type AnyModule, createKernel, O_RDWR, type Task } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { boot, bytes, ok, readText } from '../helpers/world.js'

describe('files that modules write', () => {
  it('take what is written where they are: the position does not move (write_proc, seccomp_write)', () => {
    const texts: string[] = []
    const module: AnyModule = {
      name: 'notes',
      init: () => ({}),
      attach: () => ({
        api: {},
        proc: [
          {
            path: 'notes',
            mode: 0o600,
            read: () => texts.join(''),
            write: (_current: Task, _subject: unknown, text: string) => texts.push(text) * 0 + text.length,
          },
        ],
      }),
    }
    const p = createKernel({ profile: '2.6.14', modules: [module] }).spawn()
    const fd = ok(p.sys.open('/proc/notes', O_RDWR))
    ok(p.sys.write(fd, bytes('ab')))
    expect(p.sys.lseek(fd, 0, 1)).toBe(0)
    expect(readText(p, fd)).toBe('ab')
  })

  it('move for tunables (proc_dointvec)', () => {
    const p = boot().spawn()
    const fd = ok(p.sys.open('/proc/sys/kernel/hostname', O_RDWR))
    ok(p.sys.write(fd, bytes('box\n')))
    expect(p.sys.lseek(fd, 0, 1)).toBe(4)
  })
})
