/** ls, chmod, chown and chgrp: output, messages and exit statuses of fileutils 4.0. */

import fc from 'fast-check'
import { createKernel, S_IFCHR, S_IFIFO } from 'paleokernel'
import { describe, expect, it } from 'vitest'
import { adjustMode, compileMode } from '../../src/userland/fileutils/chmod.js'
import { GROUPS, shellOf, USERS, type Who } from './shell.js'

const ALICE: Who = { uid: 1000, gid: 100 }

function machine() {
  const k = createKernel({ profile: '2.2.12' })
  const shell = shellOf(k)
  shell.write('/etc/passwd', USERS)
  shell.write('/etc/group', GROUPS)
  const { libc } = k.spawn({ umask: 0 })
  libc.mkdir('/d', 0o755)
  libc.mkdir('/d/sub', 0o777)
  libc.chmod('/d/sub', 0o1777)
  shell.write('/d/b', 'hello')
  shell.write('/d/a', '')
  shell.write('/d/.hidden', 'x')
  libc.symlink('b', '/d/link')
  libc.mknod('/d/tty', S_IFCHR | 0o620, (4 << 8) | 64)
  libc.mknod('/d/pipe', S_IFIFO | 0o644, 0)
  libc.chown('/d/b', 1000, 100)
  libc.chown('/d/a', 33, 777)
  // 16 September 1997, 12:34:56 UTC; the kernel boots later than that.
  libc.utime('/d/b', { actime: 874413296, modtime: 874413296 })
  return { k, libc, ...shell }
}

describe('ls', () => {
  it('lists names one per line, in the order of their bytes', () => {
    const m = machine()
    expect(m.sh('ls /d')).toBe('a\nb\nlink\npipe\nsub\ntty\n')
    expect(m.sh('ls -A /d')).toBe('.hidden\na\nb\nlink\npipe\nsub\ntty\n')
    expect(m.sh('ls -a /d/sub')).toBe('.\n..\n')
    expect(m.sh('ls', { ...ALICE, cwd: '/d' })).toBe('a\nb\nlink\npipe\nsub\ntty\n')
    expect(m.sh('ls -d /d')).toBe('/d\n')
    expect(m.sh('ls /d/b /d /d/sub')).toBe('/d/b\n\n/d:\na\nb\nlink\npipe\nsub\ntty\n\n/d/sub:\n')
    expect(m.sh('ls -R /d')).toBe('/d:\na\nb\nlink\npipe\nsub\ntty\n\n/d/sub:\n')
  })

  it('-l shows modes, links, owners by name, sizes or devices, times and targets', () => {
    const m = machine()
    const lines = m.sh('ls -l /d').split('\n')
    const date = lines[1]?.slice(42, 54) ?? ''
    expect(date).toMatch(/^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d$/)
    expect(lines).toEqual([
      'total 4',
      `-rw-r--r--   1 wwwserve 777             0 ${date} a`,
      '-rw-r--r--   1 alice    users           5 Sep 16  1997 b',
      `lrwxrwxrwx   1 root     root            1 ${date} link -> b`,
      `prw-r--r--   1 root     root            0 ${date} pipe`,
      expect.stringMatching(/^drwxrwxrwt {3}2 root {5}root {9} *\d+ .{12} sub$/),
      `crw--w----   1 root     root       4,  64 ${date} tty`,
      '',
    ])
    expect(m.sh('ls -ln /d/a')).toBe(`-rw-r--r--   1 33       777             0 ${date} /d/a\n`)
    expect(m.sh('ls -ldi /d/b')).toMatch(
      /^ *\d+ -rw-r--r-- {3}1 alice {4}users {11}5 Sep 16 {2}1997 \/d\/b\n$/,
    )
    // A link on the command line is followed, but not for -l.
    m.libc.symlink('/d/sub', '/d/way')
    expect([m.sh('ls /d/way'), m.sh('ls -l /d/way').slice(0, 10)]).toEqual(['', 'lrwxrwxrwx'])
  })

  it.each([
    [0, 'Jan  1  1970'],
    [951782399, 'Feb 28  2000'],
    [951782400, 'Feb 29  2000'],
    [4107542400, 'Mar  1  2100'],
    [-1, 'Dec 31  1969'],
  ])('dates %i as %s', (seconds, date) => {
    const m = machine()
    m.libc.utime('/d/b', { actime: seconds, modtime: seconds })
    expect(m.sh('ls -l /d/b')).toContain(` ${date} /d/b\n`)
  })

  it('says what it cannot look at, and goes on', () => {
    const m = machine()
    expect(m.run('ls /none /d/a')).toEqual({
      out: '/d/a\n',
      err: 'ls: /none: No such file or directory\n',
      status: 1,
    })
    m.sh('chmod 700 /d/sub')
    expect(m.run('ls /d/sub', ALICE)).toEqual({ out: '', err: 'ls: /d/sub: Permission denied\n', status: 1 })
    expect(m.run('ls -z')).toEqual({
      out: '',
      err: "ls: invalid option -- z\nTry `ls --help' for more information.\n",
      status: 1,
    })
  })

  it('shows numbers where there are no names to be read', () => {
    const m = machine()
    m.libc.unlink('/etc/passwd')
    m.write('/etc/group', 'rubbish\n::\nx:y:z\n')
    expect(m.sh('ls -l /d/b')).toMatch(/^-rw-r--r-- {3}1 1000 {5}100 /)
  })
})

describe('chmod', () => {
  const modeAfter = (mode: string, from = 0o644): string => {
    const m = machine()
    m.libc.chmod('/d/b', from)
    m.sh(`chmod ${mode} /d/b`)
    return (m.libc.stat('/d/b').mode & 0o7777).toString(8)
  }

  it.each([
    ['755', 0o644, '755'],
    ['4711', 0o644, '4711'],
    ['0', 0o644, '0'],
    ['u+x', 0o644, '744'],
    ['g=rw,o-r', 0o644, '660'],
    ['a+x', 0o644, '755'],
    ['+w', 0o444, '644'],
    ['-w', 0o666, '466'],
    ['=', 0o777, '22'],
    ['o=u', 0o750, '757'],
    ['g+u', 0o740, '770'],
    ['u=rwx,go=', 0o644, '700'],
    ['a+X', 0o644, '644'],
    ['a+X', 0o744, '755'],
    ['ug+s', 0o755, '6755'],
    ['+t', 0o755, '1755'],
    ['o+w-r', 0o644, '642'],
  ])('%s makes of %o mode %s', (mode, from, to) => {
    // A mode without a class leaves what the umask (022) holds back.
    expect(modeAfter(mode, from)).toBe(to)
  })

  it('octal and symbolic ways to say the same agree', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0o777 }), fc.integer({ min: 0, max: 0o777 }), (from, to) => {
        const letters = (bits: number): string =>
          ['r', 'w', 'x'].filter((_, at) => (bits & (4 >> at)) !== 0).join('')
        const text = `u=${letters(to >> 6)},g=${letters((to >> 3) & 7)},o=${letters(to & 7)}`
        const octal = compileMode(to.toString(8), 0o022)
        const symbolic = compileMode(text, 0o022)
        expect(octal).not.toBeNull()
        expect(adjustMode(from, symbolic ?? [])).toBe(to)
        expect(adjustMode(from, octal ?? [])).toBe(to)
      }),
    )
  })

  it('-R changes a tree and leaves links in it alone', () => {
    const m = machine()
    m.write('/d/sub/deep', '')
    m.libc.symlink('/etc/passwd', '/d/sub/out')
    m.sh('chmod -R go-rwx /d')
    expect(m.sh('ls -lA /d/sub')).toMatch(/-rw------- .* deep\nlrwxrwxrwx .* out/)
    expect((m.libc.stat('/etc/passwd').mode & 0o777).toString(8)).toBe('644')
  })

  it.each([
    ['chmod 888 /d/b', 'chmod: invalid mode\n'],
    ['chmod 17777 /d/b', 'chmod: invalid mode\n'],
    ['chmod u+q /d/b', 'chmod: invalid mode\n'],
    ['chmod u+r, /d/b', 'chmod: invalid mode\n'],
    ['chmod 644', "chmod: too few arguments\nTry `chmod --help' for more information.\n"],
    ['chmod 600 /none', 'chmod: /none: No such file or directory\n'],
    ['chmod -f 600 /none', ''],
    ['chmod -Z 600 /d/b', "chmod: invalid option -- Z\nTry `chmod --help' for more information.\n"],
  ])('%s: %s', (line, err) => {
    expect(machine().run(line)).toEqual({ out: '', err, status: 1 })
  })

  it('does not touch what is so already', () => {
    const m = machine()
    expect(m.run('chmod 644 /d/a', ALICE).status).toBe(0)
    expect(m.run('chmod 600 /d/a /d/b', ALICE)).toEqual({
      out: '',
      err: 'chmod: /d/a: Operation not permitted\n',
      status: 1,
    })
    expect((m.libc.stat('/d/b').mode & 0o777).toString(8)).toBe('600')
  })
})

describe('chown and chgrp', () => {
  it.each([
    ['chown bob /d/b', '1001:100'],
    ['chown bob.ops /d/b', '1001:50'],
    ['chown bob:ops /d/b', '1001:50'],
    ['chown bob. /d/b', '1001:100'],
    ['chown .ops /d/b', '1000:50'],
    ['chown 7 /d/b', '7:100'],
    ['chown 7.8 /d/b', '7:8'],
    ['chgrp ops /d/b', '1000:50'],
    ['chgrp 9 /d/b', '1000:9'],
    ['chown bob /d/link', '1001:100'],
  ])('%s makes it %s', (line, ids) => {
    const m = machine()
    m.sh(line)
    const { uid, gid } = m.libc.stat('/d/b')
    expect(`${uid}:${gid}`).toBe(ids)
  })

  it.each([
    ['chown nobody7 /d/b', 'chown: nobody7: invalid user\n'],
    ['chown bob.none /d/b', 'chown: bob.none: invalid group\n'],
    ['chown 7. /d/b', 'chown: 7.: cannot get the login group of a numeric UID\n'],
    ['chown . /d/b', 'chown: .: can not omit both user and group\n'],
    ['chgrp none /d/b', "chgrp: invalid group name `none'\n"],
    ['chown bob', "chown: too few arguments\nTry `chown --help' for more information.\n"],
    ['chown bob /none /d/b', 'chown: /none: No such file or directory\n'],
  ])('%s: %s', (line, err) => {
    expect(machine().run(line)).toEqual({ out: '', err, status: 1 })
  })

  it('ask the kernel', () => {
    const m = machine()
    expect(m.run('chown bob /d/b', ALICE)).toEqual({
      out: '',
      err: 'chown: /d/b: Operation not permitted\n',
      status: 1,
    })
    expect(m.run('chgrp users /d/b', ALICE).status).toBe(0)
    m.sh('chown -R alice /d')
    expect(m.sh('ls -l /d')).not.toMatch(/ root {5}\S+ +\d+ .{12} (a|b|sub)\n/)
  })
})
