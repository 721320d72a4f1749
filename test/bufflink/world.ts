/** Builders for tests of bufflink. */
import {
  createKernel,
  defineModule,
  type Fd,
  isErr,
  type KernelOptions,
  markBh,
  O_RDWR,
  type Process,
  raiseIrq,
  raiseIrqAfter,
  S_IFCHR,
  type Timer,
} from 'paleokernel'
import {
  type Bufflink,
  type BufflinkOptions,
  bufflink,
  bufflinkAppend,
  bufflinkTest,
} from 'paleokernel/bufflink'
import { bytes, ok } from '../helpers/world.js'

/** A module that appends to rings by minor from a context of choice; it notes what was lost. */
const appender = () =>
  defineModule({
    name: 'appender',
    requires: ['bufflink'],
    init: () => ({ stored: 0, lost: 0 }),
    attach(k, state) {
      const append = (data: unknown): void => {
        const { bl, text } = data as { bl: Bufflink; text: string }
        if (bufflinkAppend(bl, bytes(text))) state.stored += text.length
        else state.lost += text.length
      }
      return {
        api: {
          counts: () => ({ ...state }),
          append: (bl: Bufflink, text: string) => append({ bl, text }),
          appendFromBh: (bl: Bufflink, text: string) => markBh(k, 'appender.bh', { bl, text }),
          appendFromIrq: (bl: Bufflink, text: string) => raiseIrq(k, 'appender.irq', { bl, text }),
          appendAfter: (ms: number, bl: Bufflink, text: string): Timer =>
            raiseIrqAfter(k, ms, 'appender.irq', { bl, text }),
        },
        interrupts: { 'appender.irq': (_k, data) => append(data) },
        bottomHalves: { 'appender.bh': (_k, data) => append(data) },
      }
    },
  })

/** 2.2.12 with the module, its test pair and an appender. */
export const world = (options: BufflinkOptions = {}, more: Omit<KernelOptions, 'modules'> = {}) =>
  createKernel({ ...more, modules: [bufflink(options), bufflinkTest(), appender()] })

export type World = ReturnType<typeof world>
export type Proc = Process

/** A ring, as by bufflink_create. */
export const ring = (k: World, size = 0, minor = -1): Bufflink => ok(k.bufflink.create({ size, minor }))

/** Makes the node of a minor; does not open it. */
export function node(p: { readonly sys: Proc['sys'] }, minor = 0, mode = 0o666): string {
  const path = `/dev/bufflink${minor}`
  ok(p.sys.mknod(path, S_IFCHR | mode, (120 << 8) | minor))
  ok(p.sys.chmod(path, mode))
  return path
}

/** Opens the node of a minor, and makes it where it is not there. */
export function open(p: { readonly sys: Proc['sys'] }, minor = 0, flags: number = O_RDWR): Fd {
  const path = `/dev/bufflink${minor}`
  if (isErr(p.sys.stat(path))) node(p, minor)
  return ok(p.sys.open(path, flags))
}

/** What one read gives: text, or the errno. */
export function read(p: { readonly sys: Proc['sys'] }, fd: Fd, size = 4096): string | number {
  const buf = new Uint8Array(size)
  const count = p.sys.read(fd, buf)
  return isErr(count) ? count : new TextDecoder().decode(buf.subarray(0, count))
}
