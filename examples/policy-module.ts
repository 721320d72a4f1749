/**
 * An access-control policy as a module, and an experiment with it: does it really keep secrets in?
 *
 * The rule is a high-water mark. A task's level rises to that of what it reads, a file has the level of the task
 * that made it, and nobody writes to a file below the own level. Mode bits are checked first, as in Linux; the
 * hooks only ever refuse more.
 *
 *     npx tsx --tsconfig test/tsconfig.json examples/policy-module.ts
 */
import {
  blob,
  createKernel,
  defineModule,
  EACCES,
  EINVAL,
  errnoName,
  type Inode,
  MAY_READ,
  MAY_WRITE,
  O_CREAT,
  O_RDONLY,
  O_WRONLY,
  S_ISREG,
  type Task,
  utf8Encode,
} from 'paleokernel'
import { isMain } from './main.js'
import type { Print } from './story.js'

/** Levels of tasks and files: 0 public, 1 internal, 2 secret. */
export const watermark = () =>
  defineModule({
    name: 'watermark',
    init: () => ({ refusals: 0 }),
    attach(k, state) {
      // A module has one slot on every task and inode; what is in it is copied with the kernel.
      const level = blob<number>(k.securitySlots.get('watermark') ?? 0)
      const levelOf = (object: Task | Inode): number => level.get(object) ?? 0

      const access = (current: Task, inode: Inode, mask: number): number => {
        if (!S_ISREG(inode.mode)) return 0
        if ((mask & MAY_WRITE) !== 0 && levelOf(inode) < levelOf(current)) {
          state.refusals++
          return EACCES
        }
        if ((mask & MAY_READ) !== 0) level.set(current, Math.max(levelOf(current), levelOf(inode)))
        return 0
      }

      return {
        hooks: {
          inodePermission: access,
          filePermission: (current, file, mask) => access(current, file.inode, mask),
          inodeInit: (current, _dir, inode) => level.set(inode, levelOf(current)),
        },
        syscalls: {
          /** Raises the caller's level, or asks for it with 0. The level, or EINVAL for one that is lower. */
          watermark(current: Task, wanted: number): number {
            if (wanted === 0) return levelOf(current)
            if (!Number.isInteger(wanted) || wanted < levelOf(current) || wanted > 2) return EINVAL
            level.set(current, wanted)
            return wanted
          },
        },
        api: { refusals: () => state.refusals },
      }
    },
  })

/** The experiment, as a unit test would make it: every line is a claim about the policy. */
export function policyModule(print: Print): void {
  const k = createKernel({ modules: [watermark()] })
  const officer = k.spawn({ uid: 1000, comm: 'officer' })
  officer.sys.watermark(2)
  const plan = officer.libc.open('/tmp/plan', O_CREAT | O_WRONLY, 0o644)
  officer.libc.write(plan, utf8Encode('attack at dawn'))
  print(`the officer, level ${officer.sys.watermark(0)}, writes /tmp/plan`)

  const clerk = k.spawn({ uid: 1001, comm: 'clerk' })
  const diary = clerk.libc.open('/tmp/diary', O_CREAT | O_WRONLY, 0o644)
  clerk.libc.write(diary, utf8Encode('dear diary'))
  print(`the clerk, level ${clerk.sys.watermark(0)}, writes a diary`)

  const buf = new Uint8Array(64)
  const source = clerk.libc.open('/tmp/plan', O_RDONLY)
  const count = clerk.libc.read(source, buf)
  print(`the clerk reads the plan and is level ${clerk.sys.watermark(0)} now`)

  const leak = clerk.sys.write(diary, buf.subarray(0, count))
  print(`copying it into the diary, by the descriptor that was open before: ${errnoName(leak)}`)
  print(`why: ${k.why(clerk)?.sentence}`)

  const pid = clerk.libc.fork()
  const child = k.process(pid)
  const again = child?.sys.open('/tmp/diary', O_WRONLY) ?? 0
  print(`a child cannot wash it off: level ${child?.sys.watermark(0)}, ${errnoName(again)}`)
  print(`refusals: ${k.watermark.refusals()}; in a copy of the kernel: ${k.fork().watermark.refusals()}`)
}

if (isMain(import.meta.url)) policyModule(console.log)
