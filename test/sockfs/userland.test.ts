/** sockfs from the command line: mount, ls, chown, chgrp, chmod, umount and the tools of modules. */
import { checkInvariants, createKernel, EACCES, type Profile } from 'paleokernel'
import { net } from 'paleokernel/net'
import { sockfs } from 'paleokernel/sockfs'
import { describe, expect, it } from 'vitest'
import { GROUPS, shellOf, USERS, type Who } from '../userland/shell.js'
import { bind, PROFILES } from './world.js'

const ALICE: Who = { uid: 1000, gid: 100 }
const BOB: Who = { uid: 1001, gid: 100, groups: [50] }

function machine(profile: Profile) {
  const k = createKernel({ profile, modules: [net(), sockfs({ load: 'insmod' })] })
  const shell = shellOf(k)
  shell.write('/etc/passwd', USERS)
  shell.write('/etc/group', GROUPS)
  const root = k.spawn()
  root.libc.mkdir('/sockfs', 0o755)
  return { k, root, type: k.sockfs.type, alice: k.spawn(ALICE), bob: k.spawn(BOB), ...shell }
}

describe.each(PROFILES)('sockfs on %s', (profile) => {
  it('is loaded, mounted, looked at, changed and taken away by the tools', () => {
    const m = machine(profile)
    m.sh('insmod sockfs')
    m.sh(`mount -t ${m.type} sockfs /sockfs`)
    expect(m.sh(`mount -t ${m.type}`)).toBe(`sockfs on /sockfs type ${m.type} (rw)\n`)
    const all = m.sh('ls -lU /sockfs').split('\n')
    expect(all).toHaveLength(1026)
    expect([all[0], all[1], all[1024]]).toEqual([
      'total 0',
      expect.stringMatching(/^-rwx------ {3}1 root {5}root {12}0 \S+ .{8} 1$/),
      expect.stringMatching(/^-rwx------ {3}1 root {5}root {12}0 \S+ .{8} 1024$/),
    ])
    expect(m.sh('ls -ld /sockfs')).toMatch(/^drwxr-xr-x {3}2 root {5}root /)
    m.sh('chown wwwserver /sockfs/80 /sockfs/443')
    m.sh('chgrp ops /sockfs/25')
    m.sh('chmod 720 /sockfs/25')
    m.sh('chmod u=rw,g=,o+r /sockfs/443')
    expect(m.sh('ls -l /sockfs/25 /sockfs/80 /sockfs/443').replace(/ +0 \S+ .{8} /g, ' ')).toBe(
      [
        '-rwx-w----   1 root     ops /sockfs/25\n',
        '-rw----r--   1 wwwserve root /sockfs/443\n',
        '-rwx------   1 wwwserve root /sockfs/80\n',
      ].join(''),
    )
    expect([bind(m.bob, 25), bind(m.alice, 25), bind(m.k.spawn({ uid: 33 }), 443)]).toEqual([0, EACCES, 0])
    expect(m.run('rmmod sockfs').err).toBe('sockfs: Device or resource busy\n')
    m.alice.libc.chdir('/sockfs')
    expect(m.run('umount /sockfs').err).toBe('umount: /sockfs: device is busy\n')
    m.alice.libc.chdir('/')
    m.sh('umount /sockfs')
    m.sh('rmmod sockfs')
    expect(m.run(`mount -t ${m.type} sockfs /sockfs`).err).toBe(
      `mount: fs type ${m.type} not supported by kernel\n`,
    )
    expect(checkInvariants(m.k)).toEqual([])
  })

  it('is refused to users until the directory is theirs to write', () => {
    const m = machine(profile)
    m.sh('insmod sockfs')
    m.sh(`mount -t ${m.type} sockfs /sockfs`)
    m.sh('chown alice /sockfs/80')
    expect(m.run('chmod 777 /sockfs/80', ALICE)).toEqual({
      out: '',
      err: 'chmod: /sockfs/80: Operation not permitted\n',
      status: 1,
    })
    expect(m.run('chown bob /sockfs/81', BOB).status).toBe(1)
    m.sh('chgrp ops /sockfs')
    m.sh('chmod g+w /sockfs')
    m.sh('chown bob.ops /sockfs/81', BOB)
    expect(bind(m.bob, 81)).toBe(0)
    expect(m.run('ls /sockfs/0080 /sockfs/1025', BOB).err).toBe(
      'ls: /sockfs/0080: No such file or directory\nls: /sockfs/1025: No such file or directory\n',
    )
  })

  it('-o says what the last umount does, and nothing else', () => {
    const m = machine(profile)
    m.sh('insmod sockfs')
    expect(m.run(`mount -t ${m.type} -o keep sockfs /sockfs`)).toEqual({
      out: '',
      err: 'mount: wrong fs type, bad option, bad superblock on sockfs,\n       or too many mounted file systems\n',
      status: 32,
    })
    expect(m.k.sockfs.isInForce()).toBe(false)
    m.sh(`mount -t ${m.type} -o preserve sockfs /sockfs`)
    if (profile === '2.6.14') expect(m.sh(`mount -t ${m.type}`)).toContain('(rw,preserve)')
    m.sh('chown alice /sockfs/80')
    m.sh('umount /sockfs')
    expect([bind(m.alice, 80), bind(m.bob, 80)]).toEqual([0, EACCES])
    m.sh(`mount -t ${m.type} sockfs /sockfs`)
    expect(m.sh('ls -l /sockfs/80')).toContain(' alice ')
    m.sh('mount -o remount,restore /sockfs')
    m.sh('umount /sockfs')
    expect(bind(m.alice, 80)).toBe(EACCES)
  })
})
