import {
  createKernel,
  F_SETFL,
  F_SETOWN,
  F_SETSIG,
  FASYNC,
  isErr,
  type Kernel,
  O_RDONLY,
  O_RDWR,
  POLL_IN,
  POLLIN,
  POLLRDNORM,
  S_IFIFO,
  SI_KERNEL,
  SIGIO,
  SIGUSR1,
  type SigInfo,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

type Process = ReturnType<Kernel['spawn']>

const boot = (): Kernel => createKernel({ profile: '2.6.14', rootfs: 'empty' })

/** A pipe of `p`, and the siginfos that its handler for `sig` collects. */
function watched(p: Process, sig: number): { r: number; w: number; seen: SigInfo[] } {
  const fds = p.sys.pipe()
  if (isErr(fds)) throw new Error(`pipe: ${fds}`)
  const seen: SigInfo[] = []
  p.sys.sigaction(sig, { handler: (_sig, info) => seen.push(info), flags: 0, mask: [] })
  return { r: fds[0], w: fds[1], seen }
}

const one = new Uint8Array(1)

describe('kill_fasync and send_sigio, Linux 2.6.14 fs/fcntl.c', () => {
  it('sends plain SIGIO from the kernel when no signal was chosen', () => {
    const p = boot().spawn({ uid: 0, cwd: '/' })
    const { r, w, seen } = watched(p, SIGIO)
    p.sys.fcntl(r, F_SETOWN, p.pid)
    p.sys.fcntl(r, F_SETFL, FASYNC)
    p.sys.write(w, one)
    expect(seen).toMatchObject([{ signo: SIGIO, code: SI_KERNEL }])
  })

  it('says which descriptor and why in the signal that F_SETSIG chose', () => {
    const p = boot().spawn({ uid: 0, cwd: '/' })
    const { r, w, seen } = watched(p, 40)
    p.sys.fcntl(r, F_SETOWN, p.pid)
    p.sys.fcntl(r, F_SETSIG, 40)
    p.sys.fcntl(r, F_SETFL, FASYNC)
    p.sys.write(w, one)
    expect(seen).toMatchObject([{ signo: 40, code: POLL_IN, fd: r, band: POLLIN | POLLRDNORM }])
  })

  it('tells nobody when there is no owner, or FASYNC is off', () => {
    const p = boot().spawn({ uid: 0, cwd: '/' })
    const { r, w, seen } = watched(p, SIGIO)
    p.sys.fcntl(r, F_SETFL, FASYNC)
    p.sys.write(w, one)
    p.sys.fcntl(r, F_SETOWN, p.pid)
    p.sys.fcntl(r, F_SETFL, 0)
    p.sys.write(w, one)
    expect(seen).toEqual([])
  })

  it('tells a whole process group when the owner is negative', () => {
    const k = boot()
    const p = k.spawn({ uid: 0, cwd: '/' })
    p.sys.setpgid(0, 0)
    const { r, w, seen } = watched(p, SIGIO)
    const pid = p.sys.fork()
    const child = isErr(pid) ? undefined : k.process(pid)
    const childSaw: number[] = []
    child?.sys.sigaction(SIGIO, { handler: (sig) => childSaw.push(sig), flags: 0, mask: [] })
    p.sys.fcntl(r, F_SETOWN, -p.pid)
    p.sys.fcntl(r, F_SETFL, FASYNC)
    p.sys.write(w, one)
    expect([seen.length, childSaw]).toEqual([1, [SIGIO]])
  })

  it('does not let the setter signal a stranger (sigio_perm)', () => {
    const k = boot()
    const p = k.spawn({ uid: 1000, cwd: '/' })
    const stranger = k.spawn({ uid: 2000, cwd: '/' })
    const friend = k.spawn({ uid: 1000, cwd: '/' })
    const { r, w } = watched(p, SIGUSR1)
    const saw: number[] = []
    for (const other of [stranger, friend]) {
      other.sys.sigaction(SIGIO, { handler: () => saw.push(other.pid), flags: 0, mask: [] })
      p.sys.fcntl(r, F_SETOWN, other.pid)
      p.sys.fcntl(r, F_SETFL, FASYNC)
      p.sys.write(w, one)
    }
    expect(saw).toEqual([friend.pid])
  })

  it('forgets a file when it is released', () => {
    const p = boot().spawn({ uid: 0, cwd: '/' })
    const { seen } = watched(p, SIGIO)
    p.sys.mknod('/f', S_IFIFO | 0o666, 0)
    const fifo = p.sys.open('/f', O_RDWR)
    const reader = p.sys.open('/f', O_RDONLY)
    p.sys.fcntl(reader, F_SETOWN, p.pid)
    p.sys.fcntl(reader, F_SETFL, FASYNC)
    p.sys.write(fifo, one)
    expect(seen.length).toBe(1)
    p.sys.close(reader)
    p.sys.write(fifo, one)
    expect(seen.length).toBe(1)
  })
})
