/**
 * No sequence of calls of a confined task changes anything outside its descriptors: 100 000 random programs over every
 * number from -1 to 400, and after each batch the whole kernel is what it was before.
 */
import { isErr, O_RDONLY, O_RDWR } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { ARCHS, isMode1Call } from '../../src/seccomp/arch.js'
import { Dice } from '../fuzz/dice.js'
import { coreOf, ok, pipeOf, writeFile } from '../helpers/world.js'
import { confined, fork, type Proc, type World, world } from './world.js'

const PROGRAMS = 100_000
const BATCH = 2_000

const WORDS: readonly unknown[] = [0, 1, 2, 3, 4, -1, 9, 15, 0o102, 0o777, 4096, 2 ** 31, undefined, null]
const PATHS: readonly unknown[] = [
  '/tmp/f',
  '/tmp/new',
  '/etc/passwd',
  '/',
  '..',
  '/proc/self/seccomp',
  '/dev/null',
  '',
]
const OTHERS: readonly unknown[] = [
  { handler: 1, flags: 0, mask: [] },
  [],
  ['sh'],
  { cur: 1, max: 1 },
  { value: 7 },
]

function anything(dice: Dice): unknown {
  const kind = dice.below(10)
  if (kind < 5) return dice.pick(WORDS)
  if (kind < 7) return dice.pick(PATHS)
  return kind < 9 ? new Uint8Array(dice.below(20)).fill(88) : dice.pick(OTHERS)
}

/** The descriptors that a child has: a pipe's end each way that nobody else uses, and nothing below. */
interface Scene {
  readonly k: World
  readonly root: Proc
  /** Drains what children have written, reaps, and puts back the counters that any fork moves. */
  settle(): string
}

function scene(arch: 'i386' | 'x86_64'): Scene {
  const k = world({ arch }, { rootfs: 'empty' })
  const root = k.spawn({ cwd: '/' })
  ok(root.sys.mkdir('/proc', 0o755))
  ok(root.sys.mount('proc', '/proc', 'proc', 0, ''))
  ok(root.sys.mkdir('/tmp', 0o777))
  writeFile(root, '/tmp/f', 'precious')
  const input = pipeOf(root)
  const output = pipeOf(root)
  for (const { r, w } of [input, output]) for (const fd of [r, w]) ok(root.sys.fcntl(fd, 4, O_RDWR | 0o4000))
  const { state } = coreOf(k as never)
  const kept = {
    lastPid: state.lastPid,
    nextSerial: state.nextSerial,
    forks: state.forks,
    switches: state.switches,
  }
  const drain = new Uint8Array(65536)
  return {
    k,
    root,
    settle() {
      for (const { r } of [input, output]) while (!isErr(root.sys.read(r, drain))) {}
      Object.assign(state, kept)
      for (const { inode } of root.current().files.files.filter((file) => file !== null))
        inode.atime = inode.mtime = inode.ctime = 0
      return k.digest()
    },
  }
}

describe.each(['i386', 'x86_64'] as const)('a confined task of %s', (arch) => {
  it(`changes nothing outside its descriptors, in ${PROGRAMS / 2} random programs`, {
    timeout: 120_000,
  }, () => {
    const { k, root, settle } = scene(arch)
    const allowed = ARCHS[arch].native.mode1
    const dice = new Dice(arch === 'i386' ? 1 : 2)
    confinedRun(k, root, dice, allowed)
    const before = settle()
    let fatal = 0
    const numbers = new Set<number>()
    for (let n = 0; n < PROGRAMS / 2; n += BATCH) {
      const seed = dice.next()
      const batch = new Dice(seed)
      for (let m = 0; m < BATCH; m++) fatal += confinedRun(k, root, batch, allowed, numbers)
      expect(settle(), `the batch of seed ${seed}`).toBe(before)
    }
    expect(fatal).toBeGreaterThan(PROGRAMS / 4)
    expect(numbers.size).toBe(402)
    const text = new Uint8Array(8)
    expect(root.sys.read(ok(root.sys.open('/tmp/f', O_RDONLY)), text)).toBe(8)
  })
})

/** One program: calls until one is not allowed. 1 when it died of it, with the status that it must have. */
function confinedRun(
  k: World,
  root: Proc,
  dice: Dice,
  allowed: readonly number[],
  numbers = new Set<number>(),
): number {
  const child = confined(k, root)
  for (let n = 0; n < 12; n++) {
    const nr = dice.chance(50) ? dice.pick(allowed) : dice.below(402) - 1
    numbers.add(nr)
    child.begin.syscall(nr, anything(dice), anything(dice), anything(dice), anything(dice))
    if (child.state === 'zombie') {
      const { status } = ok(root.sys.waitpid(child.pid))
      if (isMode1Call(allowed, nr)) return 0
      if (status !== 9) throw new Error(`call ${nr} ended the task with ${status}`)
      return 1
    }
    if (!isMode1Call(allowed, nr)) throw new Error(`call ${nr} did not end the task`)
    if (child.state === 'sleeping') break
  }
  ok(root.sys.kill(child.pid, 9))
  ok(root.sys.waitpid(child.pid))
  return 0
}

it('the check can fail: an unconfined child of the same kind is noticed', () => {
  const { k, root, settle } = scene('i386')
  const before = settle()
  const child = fork(k, root)
  child.sys.syscall(39, '/tmp/new', 0o700)
  child.sys.exit(0)
  ok(root.sys.waitpid(child.pid))
  expect(settle()).not.toBe(before)
})
