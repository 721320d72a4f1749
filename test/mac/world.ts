/** A kernel with compartments, for tests. */
import { createKernel, isErr, MS_REMOUNT, type Profile } from 'paleokernel'
import { type MacOptions, mac } from 'paleokernel/mac'
import { ok } from '../helpers/world.js'

/** A kernel with the module. */
export const world = (options: MacOptions = {}, profile: Profile = '2.2.12') =>
  createKernel({ profile, modules: [mac(options)] })

export type World = ReturnType<typeof world>
export type Proc = ReturnType<World['spawn']>

/** Labels of the two compartments that tests speak of. */
export const A = '10:1'
export const B = '10:2'

/** A process with a label. */
export function inside(k: World, label: string, uid = 0): Proc {
  const p = k.spawn({ uid, gid: uid })
  k.mac.setLabel(p.pid, label)
  return p
}

/** An administrator who lets everybody see the root file system, with this label. */
export function opened(options: MacOptions = {}, profile: Profile = '2.2.12', label = '10:0+shared') {
  const k = world(options, profile)
  const admin = k.spawn()
  for (const path of ['/', '/dev']) {
    const done = admin.sys.mount('none', path, '', MS_REMOUNT, `mac=${label}`)
    if (isErr(done) && path === '/') throw new Error(`remount ${path}: ${done}`)
  }
  return { k, admin, a: inside(k, A), b: inside(k, B) }
}

/** Mounts a ramfs with these options on a new directory. */
export function mounted(admin: Proc, path: string, options: string): string {
  ok(admin.sys.mkdir(path, 0o777))
  ok(admin.sys.mount('none', path, 'ramfs', 0, options))
  ok(admin.sys.chmod(path, 0o777))
  return path
}
