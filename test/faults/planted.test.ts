/**
 * Deliberate mistakes: each row puts one leak or one lost update into a copy of the library, and what is there to find
 * such things must find it. A row whose text is not in the source any more fails: plant it somewhere else.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build, type Plugin } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const here = fileURLToPath(new URL('.', import.meta.url))
/** A sound copy takes about five seconds. */
const MAX_MS = 100_000

/** What is wrong, where, the text as it is, and as it must not be. */
type Planted = readonly [what: string, file: string, text: string, instead: string]

const PLANTED: readonly Planted[] = [
  // Leaks: something is taken and not given back.
  ['a closed file keeps its inode', 'vfs/close.ts', '  iput(file.inode)\n', ''],
  ['a closed file keeps its mount', 'vfs/close.ts', '  if (file.mnt !== null) mntput(file.mnt)\n', ''],
  [
    'a detached mount keeps its file system',
    'vfs/namespace.ts',
    '  mnt.detachedFrom = null\n  putMount(k, mnt)\n',
    '',
  ],
  ['a writer keeps the file from being executed', 'vfs/close.ts', 'putWriteAccess(file.inode)', '{}'],
  ['an image keeps its file from being written', 'kernel/exit.ts', '  allowWriteAccess(exe.inode)\n', ''],
  [
    'a dead task keeps its working directory',
    'kernel/exit.ts',
    'if (fs.pwd.inode !== null) iput(fs.pwd.inode)',
    '',
  ],
  ['a dead task keeps its descriptors', 'kernel/exit.ts', '  exitFiles(current, current.files)\n', ''],
  ['a dead task counts for its user', 'kernel/exit.ts', '  countUser(task, -1)\n', ''],
  ['an interval timer outlives its process', 'kernel/exit.ts', '  cancelTimers(current)\n', ''],
  ['a process group is never empty', 'kernel/pid.ts', '  pgrp.count--\n', ''],
  ['a removed file keeps its inode in the file system', 'fs/ramfs.ts', '  info.inodes--\n', ''],
  [
    'a poll leaves its timer behind',
    'syscalls/poll.ts',
    'if (this.timer !== null) current.k.state.timers.remove(this.timer)',
    '',
  ],
  ['an open that fails keeps the file', 'syscalls/open.ts', '    dropFile(file)\n', ''],
  ['a pipe without descriptors keeps one end', 'syscalls/pipe.ts', '  fput(current, files.write)\n', ''],
  [
    'an exec that fails keeps the image',
    'kernel/exec.ts',
    "  if (tooLong || shouldFail(k, 'alloc:page')) {\n    closeExec(found.file)\n",
    "  if (tooLong || shouldFail(k, 'alloc:page')) {\n",
  ],
  ['a pipe keeps a reader that has gone', 'fs/pipe.ts', 'if ((mode & FMODE_READ) !== 0) pipe.readers--', ''],
  ['a mount point stays one', 'vfs/mount.ts', '  mnt.mountpoint.mounted--\n', ''],
  // Lost updates: something happens and is not told.
  [
    'fork does not count the files that it shares',
    'vfs/fdtable.ts',
    'for (const file of copy.files) if (file !== null) file.count++',
    '',
  ],
  [
    'a thread does not count for the descriptors',
    'kernel/fork.ts',
    'if ((flags & CLONE_FILES) !== 0) files.users++',
    '',
  ],
  ['setuid does not count for the new user', 'syscalls/ids.ts', '    countUser(current, 1)\n', ''],
  ['a moved directory has no entry for its parent', 'fs/ramfs.ts', '    newDir.nlink++\n', ''],
  ['written pages are not counted', 'fs/ramfs.ts', '  info.pages += store.pages - before\n', ''],
  [
    'a removed name stays in the list',
    'vfs/dentry.ts',
    '  parent.children?.delete(dentry.name)\n  listRemove(parent, dentry)\n',
    '  parent.children?.delete(dentry.name)\n',
  ],
  [
    'a woken task stays on its other queues',
    'kernel/wait.ts',
    '    entry = entry.sibling\n',
    '    entry = null\n',
  ],
  ['a timer that has fired keeps its place', 'lib/due_heap.ts', '    item.index = -1\n', ''],
  [
    'a dropped lock wakes nobody',
    'vfs/locks.ts',
    'for (const lock of list.splice(index, 1)) wakeUpBlocks(lock)',
    'list.splice(index, 1)',
  ],
  ['a parent is not woken by its child', 'kernel/exit.ts', '  wakeParent(parent)\n', ''],
  [
    'a reader is not woken by data',
    'fs/pipe.ts',
    '  wakeUp(pipe.wait)\n  killFasync(pipe.fasyncReaders, SIGIO, POLL_IN)\n}\n\n/** A write',
    '  killFasync(pipe.fasyncReaders, SIGIO, POLL_IN)\n}\n\n/** A write',
  ],
  [
    'a signal is queued and not set',
    'kernel/signal.ts',
    '  if (sig <= 32) pending.low |= sigBit(sig)\n',
    '  if (sig <= 32) pending.low |= 0\n',
  ],
]

/** Reads the library's sources with one text replaced. */
function planting([what, file, text, instead]: Planted): Plugin {
  return {
    name: what,
    setup({ onLoad }) {
      onLoad({ filter: new RegExp(`/src/${file.replace('.', '\\.')}$`) }, ({ path }) => {
        const source = readFileSync(path, 'utf8')
        const parts = source.split(text)
        if (parts.length !== 2) throw new Error(`'${text}' is ${parts.length - 1} times in ${file}`)
        return { contents: parts.join(instead), loader: 'ts' }
      })
    },
  }
}

/** What a worker says; it is ended when it takes too long, as a mistake may make it. */
async function answerOf(worker: Worker): Promise<string | null> {
  const timer = setTimeout(() => void worker.terminate(), MAX_MS)
  try {
    return await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new Error(`no answer in ${MAX_MS} ms`)))
    })
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}

describe('a planted mistake is found', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'planted-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** What `detect` says about a copy of the library. */
  async function detectIn(name: string, plugins: Plugin[]): Promise<string | null> {
    const outfile = join(folder, `${name}.mjs`)
    await build({
      stdin: {
        contents: "import { parentPort } from 'node:worker_threads'\nparentPort.postMessage(detect())\n",
        resolveDir: here,
      },
      inject: [join(here, 'detect.ts')],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      tsconfig: join(here, '../tsconfig.json'),
      plugins,
      logLevel: 'silent',
    })
    return answerOf(new Worker(outfile))
  }

  it('and nothing where there is none', async () => {
    expect(await detectIn('sound', [])).toBeNull()
  }, 120_000)

  it.each(PLANTED.map((row, at) => [row[0], row, at] as const))(
    '%s',
    async (_, row, at) => {
      expect(await detectIn(`planted${at}`, [planting(row)])).not.toBeNull()
    },
    120_000,
  )
})
