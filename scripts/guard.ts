/**
 * Puts a setting of the machine back, and removes a folder, when this process is gone: whether it comes to its end, is
 * interrupted, or is killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'

/** Waits until nobody holds the other end of its input, which the kernel sees to. */
const WAIT = 'trap "" HUP INT TERM; cat >/dev/null; [ -z "$1" ] || echo "$1" >"$2"; rm -rf "$3"'

/** A process that outlives this one, writes `value` into `file` (unless it is empty), and removes `folder`. */
export const guard = (file: string, value: string, folder: string): ChildProcess =>
  spawn('sh', ['-c', WAIT, 'guard', value, file, folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })

/** Lets it do so now, and waits until it has. */
export const release = (guarding: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    guarding.once('exit', () => resolve())
    guarding.stdin?.end()
  })
