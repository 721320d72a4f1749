/**
 * The operations of a script on files, as sysrun.c's `doop` carries them out with its static libc: musl opens with
 * O_LARGEFILE, sets close-on-exec by a second call, and opendir is an open with O_DIRECTORY|O_CLOEXEC.
 */

import type { Errno, Process, Stat } from 'paleokernel'
import { isErr } from 'paleokernel'
import type { Actor, Operation, Stage, Words } from './actor.js'
import { type Answer, IMAGE_DATA, type StatAnswer, type TreeEntry } from './answer.js'
import { failed, type Outcome, plain, step, stepEither } from './step.js'
import { dataOf, parsePoll, pathOf, printData, printMode, printPoll, printText } from './values.js'

const O_LARGEFILE = 0o100000
const O_CLOEXEC = 0o2000000
const O_DIRECTORY = 0o200000
const O_WRONLY_CREAT_TRUNC = 0o1101
const READ_MAX = 1 << 18
const DUMP_MAX = 1 << 17
const LIST_MAX = 512
const FIONREAD = 0x541b
const F_GETFL = 3
const F_SETFL = 4
const F_GETLK = 5

/** The recorder's letters for getdents types; anything else is "b". */
const DIRENT_LETTERS: ReadonlyMap<number, string> = new Map([
  [8, 'f'],
  [4, 'd'],
  [10, 'l'],
  [1, 'p'],
  [12, 's'],
  [2, 'c'],
])

/** Per S_IFMT: the `ty` of stat and the letter of a tree dump. */
const FILE_TYPES: ReadonlyMap<number, readonly [string, string]> = new Map([
  [0o100000, ['reg', 'f']],
  [0o040000, ['dir', 'd']],
  [0o120000, ['lnk', 'l']],
  [0o010000, ['fifo', 'p']],
  [0o140000, ['sock', 's']],
  [0o020000, ['chr', 'c']],
])
const BLOCK: readonly [string, string] = ['blk', 'c']

const inodeOf = (stat: Stat): string => `${stat.dev}.${stat.ino}`

function statAnswer(stat: Stat): StatAnswer {
  const [ty, letter] = FILE_TYPES.get(stat.mode & 0o170000) ?? BLOCK
  const answer: StatAnswer = {
    ty,
    mo: printMode(stat.mode),
    nl: stat.nlink,
    u: stat.uid | 0,
    g: stat.gid | 0,
    ino: inodeOf(stat),
  }
  if (letter === 'f' || letter === 'l') answer.sz = stat.size
  if (letter === 'c')
    answer.dev = `${(stat.rdev >>> 8) & 0xfff}:${(stat.rdev & 0xff) | ((stat.rdev >>> 12) & ~0xff)}`
  return answer
}

const answerStat = (stat: Stat): Answer => ({ r: 0, st: statAnswer(stat) })

/** strcmp order of two texts that hold one character per byte. */
const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** open(3): the kernel's open, then FD_CLOEXEC where the caller asked for it. */
function open(
  proc: Process,
  path: string,
  flags: number,
  mode: number,
  then: (fd: number) => Outcome,
): Outcome {
  return step(proc.begin.open(path, flags | O_LARGEFILE, mode), (fd) =>
    (flags & O_CLOEXEC) !== 0 ? stepEither(proc.begin.fcntl(fd, 2, 1), () => then(fd)) : then(fd),
  )
}

/** All entries of a directory, or the errno of opendir. */
function list(proc: Process, path: string): { name: string; type: number }[] | Errno {
  const fd = proc.sys.open(path, O_DIRECTORY | O_CLOEXEC | O_LARGEFILE, 0)
  if (isErr(fd)) return fd
  proc.sys.fcntl(fd, 2, 1)
  const entries: { name: string; type: number }[] = []
  for (;;) {
    const chunk = proc.sys.getdents(fd, 2048)
    if (isErr(chunk) || chunk.length === 0) break
    for (const { name, type } of chunk) entries.push({ name: printText(name), type })
  }
  proc.sys.close(fd)
  return entries
}

/** The recorder's `dump`: every file below a directory but /bin and /tmp, in byte order. */
function dump(proc: Process, dir: string, image: string, tree: TreeEntry[]): void {
  const entries = list(proc, pathOf(dir))
  if (isErr(entries)) return
  const names = entries.map((entry) => entry.name).filter((name) => name !== '.' && name !== '..')
  for (const name of names.slice(0, LIST_MAX).sort(byBytes)) {
    const path = `${dir}${dir.endsWith('/') ? '' : '/'}${name}`
    if (path === '/bin' || path === '/tmp') continue
    const stat = proc.sys.lstat(pathOf(path))
    if (isErr(stat)) continue
    const [, letter] = FILE_TYPES.get(stat.mode & 0o170000) ?? BLOCK
    const head = [
      path,
      letter,
      printMode(stat.mode),
      stat.nlink,
      stat.uid | 0,
      stat.gid | 0,
      inodeOf(stat),
    ] as const
    if (letter === 'l') tree.push([...head, linkTarget(proc, path)])
    else if (letter === 'f') tree.push([...head, inodeOf(stat) === image ? IMAGE_DATA : content(proc, path)])
    else tree.push(head)
    if (letter === 'd') dump(proc, path, image, tree)
  }
}

function linkTarget(proc: Process, path: string): string {
  const target = proc.sys.readlink(pathOf(path), 4096)
  return isErr(target) ? '' : printText(target)
}

/** One buffer for all: a file never makes its reader wait. */
const dumped = new Uint8Array(DUMP_MAX)

function content(proc: Process, path: string): string | null {
  const fd = proc.sys.open(pathOf(path), O_LARGEFILE, 0)
  if (isErr(fd)) return null
  const count = proc.sys.read(fd, dumped)
  proc.sys.close(fd)
  return count < 0 ? null : printData(dumped.subarray(0, count))
}

/** read and pread: the data, unless the descriptor is /bin/x, whose content differs from recorder to recorder. */
function read(actor: Actor, words: Words, stage: Stage, offset: number | undefined): Outcome {
  const { proc } = actor
  const fd = words.value(1)
  const size = words.number(2)
  // A negative size is (size_t)-1 to the kernel: no buffer of the library can say so.
  if (size < 0) return { x: 'negative size' }
  const buf = new Uint8Array(Math.min(size, READ_MAX))
  const call = offset === undefined ? proc.begin.read(fd, buf) : proc.begin.pread(fd, buf, offset)
  return step(call, (count) =>
    stepEither(proc.begin.fstat(fd), (stat) => ({
      r: count,
      d: !isErr(stat) && inodeOf(stat) === stage.image ? IMAGE_DATA : printData(buf.subarray(0, count)),
    })),
  )
}

function lock({ proc }: Actor, words: Words, stage: Stage): Outcome {
  const command = words.value(2)
  const flock = {
    type: words.value(3),
    whence: words.value(4),
    start: words.value(5),
    len: words.value(6),
    pid: 0,
  }
  return step(proc.begin.fcntl(words.value(1), command, flock), (result) => {
    if (command !== F_GETLK) return { r: result }
    if (flock.type === 2) return { r: result, lk: ['F_UNLCK', 0, 0, null] }
    const type = flock.type === 0 ? 'F_RDLCK' : 'F_WRLCK'
    return { r: result, lk: [type, flock.start, flock.len, stage.pidName(flock.pid)] }
  })
}

function fcntl({ proc }: Actor, words: Words): Outcome {
  const command = words.value(2)
  const argument = words.value(3)
  return step(
    proc.begin.fcntl(words.value(1), command, command === F_SETFL ? argument | O_LARGEFILE : argument),
    (result) => ({ r: command === F_GETFL ? result & ~O_LARGEFILE : result }),
  )
}

function poll({ proc }: Actor, words: Words): Outcome {
  const fds = parsePoll(words.text(1))
  return step(proc.begin.poll(fds, words.value(2)), (result) => ({
    r: result,
    rev: fds.map((entry) => printPoll(entry.revents)),
  }))
}

function readdir({ proc }: Actor, words: Words): Outcome {
  const entries = list(proc, words.path(1))
  if (isErr(entries)) return failed(entries)
  const names = entries
    .slice(0, LIST_MAX)
    .map(({ name, type }) => `${name}:${DIRENT_LETTERS.get(type) ?? 'b'}`)
  return { r: names.length, ls: names.sort(byBytes) }
}

function mknod({ proc }: Actor, words: Words): Outcome {
  const mode = words.value(2) | words.octal(3)
  const type = mode & 0o170000
  // makedev(1, minor): the memory devices.
  const dev = type === 0o020000 || type === 0o060000 ? (1 << 8) | words.value(4) : 0
  return plain(proc.begin.mknod(words.path(1), mode, dev))
}

/** The operations by name. */
export const FILE_OPS: Readonly<Record<string, Operation>> = {
  open: ({ proc }, w) => open(proc, w.path(1), w.value(2), w.octal(3), (fd) => ({ r: fd })),
  open_close: ({ proc }, w) =>
    open(proc, w.path(1), w.value(2), w.octal(3), (fd) => stepEither(proc.begin.close(fd), () => ({ r: 0 }))),
  openat: ({ proc }, w) =>
    plain(proc.begin.openat(w.value(1), w.path(2), w.value(3) | O_LARGEFILE, w.octal(4))),
  creat: ({ proc }, w) => open(proc, w.path(1), O_WRONLY_CREAT_TRUNC, w.octal(2), (fd) => ({ r: fd })),
  dump: ({ proc }, w, stage) => {
    const tree: TreeEntry[] = []
    dump(proc, w.text(1), stage.image, tree)
    return { r: 0, tree }
  },
  read: (actor, w, stage) => read(actor, w, stage, undefined),
  pread: (actor, w, stage) => read(actor, w, stage, w.value(3)),
  write: ({ proc }, w) => plain(proc.begin.write(w.value(1), dataOf(w.text(2)))),
  pwrite: ({ proc }, w) => plain(proc.begin.pwrite(w.value(1), dataOf(w.text(2)), w.value(3))),
  lseek: ({ proc }, w) => plain(proc.begin.lseek(w.value(1), w.value(2), w.value(3))),
  close: ({ proc }, w) => plain(proc.begin.close(w.value(1))),
  dup: ({ proc }, w) => plain(proc.begin.dup(w.value(1))),
  dup2: ({ proc }, w) => plain(proc.begin.dup2(w.value(1), w.value(2))),
  pipe: ({ proc }) => step(proc.begin.pipe(), (fds) => ({ r: 0, fds })),
  fcntl,
  lock,
  flock: ({ proc }, w) => plain(proc.begin.flock(w.value(1), w.value(2))),
  mkdir: ({ proc }, w) => plain(proc.begin.mkdir(w.path(1), w.octal(2))),
  rmdir: ({ proc }, w) => plain(proc.begin.rmdir(w.path(1))),
  unlink: ({ proc }, w) => plain(proc.begin.unlink(w.path(1))),
  rename: ({ proc }, w) => plain(proc.begin.rename(w.path(1), w.path(2))),
  link: ({ proc }, w) => plain(proc.begin.link(w.path(1), w.path(2))),
  symlink: ({ proc }, w) => plain(proc.begin.symlink(w.path(1), w.path(2))),
  readlink: ({ proc }, w) =>
    step(proc.begin.readlink(w.path(1), w.number(2)), (target) => {
      const text = printText(target)
      return { r: text.length, d: text }
    }),
  stat: ({ proc }, w) => step(proc.begin.stat(w.path(1)), answerStat),
  lstat: ({ proc }, w) => step(proc.begin.lstat(w.path(1)), answerStat),
  fstat: ({ proc }, w) => step(proc.begin.fstat(w.value(1)), answerStat),
  chmod: ({ proc }, w) => plain(proc.begin.chmod(w.path(1), w.octal(2))),
  fchmod: ({ proc }, w) => plain(proc.begin.fchmod(w.value(1), w.octal(2))),
  chown: ({ proc }, w) => plain(proc.begin.chown(w.path(1), w.value(2), w.value(3))),
  lchown: ({ proc }, w) => plain(proc.begin.lchown(w.path(1), w.value(2), w.value(3))),
  fchown: ({ proc }, w) => plain(proc.begin.fchown(w.value(1), w.value(2), w.value(3))),
  umask: ({ proc }, w) => plain(proc.begin.umask(w.octal(1))),
  truncate: ({ proc }, w) => plain(proc.begin.truncate(w.path(1), w.number(2))),
  ftruncate: ({ proc }, w) => plain(proc.begin.ftruncate(w.value(1), w.number(2))),
  access: ({ proc }, w) => plain(proc.begin.access(w.path(1), w.value(2))),
  chdir: ({ proc }, w) => plain(proc.begin.chdir(w.path(1))),
  fchdir: ({ proc }, w) => plain(proc.begin.fchdir(w.value(1))),
  chroot: ({ proc }, w) => plain(proc.begin.chroot(w.path(1))),
  getcwd: ({ proc }) =>
    step(proc.begin.getcwd(), (cwd) => {
      const text = printText(cwd)
      return { r: text.length + 1, d: text }
    }),
  readdir,
  mknod,
  utime: ({ proc }, w) =>
    plain(proc.begin.utime(w.path(1), w.count > 1 ? { actime: w.value(2), modtime: w.value(2) } : null)),
  mtime: ({ proc }, w) => step(proc.begin.stat(w.path(1)), (stat) => ({ r: stat.mtime })),
  fsync: ({ proc }, w) => plain(proc.begin.fsync(w.value(1))),
  fionread: ({ proc }, w) => {
    const count = { value: 0 }
    return step(proc.begin.ioctl(w.value(1), FIONREAD, count), (r) => ({ r, n: count.value }))
  },
  poll,
}
