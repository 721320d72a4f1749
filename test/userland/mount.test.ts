/** mount, umount, insmod, rmmod and lsmod: output, messages and exit statuses of util-linux 2.9 and modutils. */
import { createKernel, O_RDONLY, type Profile } from 'paleokernel'
import { net } from 'paleokernel/net'
import { sockfs } from 'paleokernel/sockfs'
import { describe, expect, it } from 'vitest'
import { shellOf, type Who } from './shell.js'

const ALICE: Who = { uid: 1000, gid: 100 }
const PROFILES: readonly Profile[] = ['2.0.35', '2.2.12', '2.6.14']

describe.each(PROFILES)('on %s', (profile) => {
  const isModern = profile === '2.6.14'

  function machine() {
    const k = createKernel({ profile, modules: [net(), sockfs({ load: 'insmod' })] })
    return { k, root: k.spawn(), ...shellOf(k) }
  }

  it('mount lists what is mounted, and mounts with flags and options', () => {
    const m = machine()
    expect(m.sh('mount -t proc')).toContain(' on /proc type proc (rw)\n')
    expect(m.sh('mount -t ramfs -o ro,nosuid,mode=700 none /mnt')).toBe('')
    expect(m.sh('mount')).toMatch(/none on \/mnt type ramfs \(ro.*nosuid.*\)\n/)
    expect(m.run('mount -o remount,rw /mnt')).toEqual({ out: '', err: '', status: 0 })
    expect(m.sh('mount')).toMatch(/none on \/mnt type ramfs \(rw/)
    expect(m.sh('umount /mnt')).toBe('')
    expect(m.sh('mount')).not.toContain('/mnt')
    expect(m.sh('mount -v -r -t ramfs none /mnt')).toBe('none on /mnt type ramfs (ro)\n')
  })

  it.each([
    ['mount -t nofs none /mnt', 'mount: fs type nofs not supported by kernel\n', 32],
    ['mount -t ramfs none /none', 'mount: mount point /none does not exist\n', 32],
    ['mount -t ramfs none /etc/passwd', 'mount: mount point /etc/passwd is not a directory\n', 32],
    ['mount none /mnt', 'mount: you must specify the filesystem type\n', 1],
    ['mount /mnt', "mount: can't find /mnt in /etc/fstab or /etc/mtab\n", 1],
    ['mount -t ramfs', '', 0],
    [
      'mount -t ramfs -o gibberish none /mnt',
      'mount: wrong fs type, bad option, bad superblock on none,\n       or too many mounted file systems\n',
      32,
    ],
    ['umount /mnt', 'umount: /mnt: not mounted\n', 1],
    ['umount /none', 'umount: /none: not found\n', 1],
    ['umount', 'usage: umount [-nv] special | node...\n', 1],
    ['insmod nothing', 'insmod: nothing: no module by that name found\n', 1],
    ['rmmod nothing', 'rmmod: module nothing is not loaded\n', 1],
  ])('%s: %s', (line, err, status) => {
    const said = machine().run(line)
    expect({ err: said.err, status: said.status }).toEqual({ err, status })
  })

  it('is for root', () => {
    const m = machine()
    expect(m.run('mount -t ramfs none /mnt', ALICE)).toEqual({
      out: '',
      err: 'mount: must be superuser to use mount\n',
      status: 32,
    })
    m.sh('mount -t ramfs none /mnt')
    expect(m.run('umount /mnt', ALICE).err).toBe('umount: /mnt: must be superuser to umount\n')
    expect(m.run('insmod sockfs', ALICE).err).toBe('sockfs.o: create_module: Operation not permitted\n')
  })

  it('busy is busy', () => {
    const m = machine()
    m.sh('mount -t ramfs none /mnt')
    m.root.libc.chdir('/mnt')
    expect(m.run('umount /mnt')).toEqual({ out: '', err: 'umount: /mnt: device is busy\n', status: 1 })
    if (profile === '2.0.35')
      expect(m.run('mount -t ramfs none /mnt').err).toBe('mount: none already mounted or /mnt busy\n')
  })

  it('insmod, lsmod and rmmod', () => {
    const m = machine()
    expect(m.sh('insmod /lib/modules/2.0.29/net/sockfs.o alloc_now=1')).toBe('')
    expect(m.k.sockfs.tableBytes()).toBe(6144)
    expect(m.run('insmod sockfs')).toEqual({
      out: '',
      err: 'insmod: a module named sockfs already exists\n',
      status: 1,
    })
    m.sh(`mount -t ${m.k.sockfs.type} sockfs /mnt`)
    expect(m.sh('lsmod')).toBe(
      {
        '2.0.35': 'Module:        #pages:  Used by:\nsockfs             2\t1\n',
        '2.2.12': 'Module                  Size  Used by\nsockfs                  5120   1\n',
        '2.6.14': 'Module                  Size  Used by\nsockfs                  5120  1 \n',
      }[profile],
    )
    expect(m.run('rmmod sockfs')).toEqual({ out: '', err: 'sockfs: Device or resource busy\n', status: 1 })
    m.sh('umount /mnt')
    expect(m.sh('rmmod sockfs')).toBe('')
    expect(m.run('insmod sockfs alloc=1').err).toBe(
      isModern
        ? 'insmod: sockfs: no module by that name found\n'
        : 'sockfs.o: init_module: Device or resource busy\n',
    )
    expect(m.root.sys.open('/proc/modules', O_RDONLY)).toBeGreaterThanOrEqual(0)
  })
})
