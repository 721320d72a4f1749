/** Looks around: everything under /proc that can be read, and what else a system tells of itself. */
import { isErr, type Process, S_ISDIR, S_ISLNK, S_ISREG, utf8Decode } from 'paleokernel'
import { markText } from './channels.js'
import type { Recorder } from './recorder.js'

const MAX_DEPTH = 6
/** Its reader sleeps until there is a message: it is read by syslog instead. */
const SLEEPS: ReadonlySet<string> = new Set(['/proc/kmsg'])
/** Directories beside /proc that are looked at. */
const PLACES: readonly string[] = ['/', '/w', '/tmp', '/shared', '/own/1', '/own/2', '/mls/w', '/dev']

/** Files that others may have read, and directories where something may be mounted. */
const FILES: readonly string[] = [
  '/shared/text',
  '/dev/random',
  '/dev/urandom',
  '/own/1/sub',
  '/w/sub',
  '/tmp/sub',
]

const buffer = new Uint8Array(1 << 16)

/** Numbers of tasks in a path. */
const shown = (recorder: Recorder, path: string): string =>
  path.replace(/^\/proc\/(\d+)(\/task\/(\d+))?/, (_, pid, task, tid) => {
    return `/proc/${recorder.pid(Number(pid))}${task === undefined ? '' : `/task/${recorder.pid(Number(tid))}`}`
  })

function walk(p: Process, recorder: Recorder, path: string, depth: number): void {
  const { sys } = p
  const name = shown(recorder, path)
  const say = (what: string, text: string): void => recorder.note(`look ${p.comm} ${what} ${name}: ${text}`)
  const stat = sys.lstat(path)
  say('stat', recorder.text(stat))
  if (isErr(stat)) return
  if (S_ISLNK(stat.mode)) {
    const target = sys.readlink(path)
    if (path === '/proc/self') say('link', isErr(target) ? String(target) : recorder.pid(Number(target)))
    else say('link', isErr(target) ? String(target) : markText(recorder, path, target))
    return
  }
  if (!S_ISDIR(stat.mode) && (!S_ISREG(stat.mode) || SLEEPS.has(path))) return
  const fd = sys.open(path, 0)
  if (isErr(fd)) {
    say('open', String(fd))
    return
  }
  if (S_ISDIR(stat.mode)) {
    const entries = sys.getdents(fd, 1 << 20)
    sys.close(fd)
    if (isErr(entries)) say('list', String(entries))
    else {
      say('list', recorder.dirents(recorder.isProcRoot(stat) ? '/proc/' : path, entries))
      if (depth > 0)
        for (const entry of entries)
          if (entry.name !== '.' && entry.name !== '..')
            walk(p, recorder, path === '/' ? `/${entry.name}` : `${path}/${entry.name}`, depth - 1)
    }
    return
  }
  const count = sys.read(fd, buffer)
  sys.close(fd)
  say('text', isErr(count) ? String(count) : markText(recorder, path, utf8Decode(buffer.subarray(0, count))))
}

/** Looks. */
export function look(p: Process, recorder: Recorder): void {
  if (p.current().state !== 0) return
  walk(p, recorder, '/proc', MAX_DEPTH)
  for (const path of PLACES) walk(p, recorder, path, 0)
  const { sys } = p
  for (const path of FILES) recorder.note(`look ${p.comm} stat ${path}: ${recorder.text(sys.stat(path))}`)
  const say = (what: string, value: unknown): void =>
    recorder.note(`look ${p.comm} ${what}: ${recorder.text(value, what)}`)
  say('uname', sys.uname())
  say('sysinfo', sys.sysinfo())
  say('times', sys.times())
  say('gettimeofday', sys.gettimeofday())
  const random = sys.open('/dev/urandom', 0)
  if (!isErr(random)) {
    sys.read(random, buffer.subarray(0, 8))
    sys.close(random)
    recorder.note(`look ${p.comm} random: ${recorder.mark('random', 'bytes', buffer.slice(0, 8).join())}`)
  }
  const count = sys.syslog(3, buffer)
  say('syslog', isErr(count) ? count : buffer.slice(0, count))
}
