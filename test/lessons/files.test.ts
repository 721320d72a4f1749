/** Lessons on files: who may read what, and what a name is. Each test is a story from top to bottom. */
import {
  createKernel,
  EACCES,
  EAGAIN,
  EBUSY,
  ENOENT,
  ENOTDIR,
  EPERM,
  errnoName,
  O_CREAT,
  O_EXCL,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  S_IFIFO,
  utf8Decode,
  utf8Encode,
} from 'paleokernel'
import { describe, expect, it } from 'vitest'

describe('The owner of a 0004 file cannot read it', () => {
  it('because exactly one class of mode bits is asked, and the owner has a class', () => {
    const k = createKernel({ profile: '2.2.12' })
    const alice = k.spawn({ uid: 1000, gid: 100, comm: 'alice' })
    const bob = k.spawn({ uid: 1001, gid: 100, comm: 'bob' })
    const carol = k.spawn({ uid: 1002, gid: 102, comm: 'carol' })

    // Alice writes a file that "others" may read, and nobody else.
    const fd = alice.libc.open('/tmp/riddle', O_CREAT | O_WRONLY, 0o600)
    alice.libc.write(fd, utf8Encode('who may read this?'))
    alice.libc.close(fd)
    alice.libc.chmod('/tmp/riddle', 0o004)

    // She owns it: the owner's bits are 0, and her being one of everybody does not help.
    expect(alice.sys.open('/tmp/riddle', O_RDONLY)).toBe(EACCES)
    // Bob is in the group of the file: the group's bits are 0.
    expect(bob.sys.open('/tmp/riddle', O_RDONLY)).toBe(EACCES)
    // Carol is neither. She is "others".
    expect(carol.sys.open('/tmp/riddle', O_RDONLY)).toBe(0)

    // Alice is not helpless: changing the mode asks who owns the file, not what its bits say.
    expect(alice.sys.chmod('/tmp/riddle', 0o400)).toBe(0)
    expect(alice.sys.open('/tmp/riddle', O_RDONLY)).toBe(0)
    expect(carol.sys.chmod('/tmp/riddle', 0o444)).toBe(EPERM)
  })

  it('and the kernel can be asked for its reason', () => {
    const k = createKernel()
    const root = k.spawn({ uid: 0 })
    const alice = k.spawn({ uid: 1000, comm: 'alice' })
    root.libc.close(root.libc.creat('/etc/shadow', 0o600))

    const reasons: string[] = []
    k.trace.on('security:deny', ({ reason }) => reasons.push(reason))
    expect(alice.sys.open('/etc/shadow', O_RDONLY)).toBe(EACCES)
    expect(reasons).toHaveLength(1)
    expect(reasons[0]).toContain(errnoName(EACCES))
  })

  it('while root reads everything, but executes only what somebody may execute', () => {
    const k = createKernel({ profile: '2.6.14' })
    const root = k.spawn({ uid: 0 })
    root.libc.close(root.libc.creat('/tmp/closed', 0o000))

    expect(root.sys.open('/tmp/closed', O_RDWR)).toBe(0)
    expect(root.sys.execve('/tmp/closed', [], [])).toBe(EACCES)
  })
})

describe('A name is not a file', () => {
  it('a file lives while it has a name or somebody has it open', () => {
    const k = createKernel()
    const p = k.spawn({ uid: 1000, cwd: '/tmp' })
    const fd = p.libc.open('diary', O_CREAT | O_RDWR, 0o600)
    p.libc.write(fd, utf8Encode('dear diary'))

    // A second name: one inode, two links.
    p.libc.link('diary', 'copy')
    expect(p.libc.stat('copy').ino).toBe(p.libc.stat('diary').ino)
    expect(p.libc.stat('copy').nlink).toBe(2)

    // Both names go. The file is still there, for those who have it open.
    p.libc.unlink('diary')
    p.libc.unlink('copy')
    expect(p.sys.open('diary', O_RDONLY)).toBe(ENOENT)
    expect(p.libc.fstat(fd)).toMatchObject({ nlink: 0, size: 10 })
    const buf = new Uint8Array(10)
    p.libc.pread(fd, buf, 0)
    expect(utf8Decode(buf)).toBe('dear diary')
  })

  it('a symbolic link is a text, and may lead nowhere or round in a circle', () => {
    const k = createKernel()
    const p = k.spawn({ uid: 1000, cwd: '/tmp' })
    p.libc.symlink('/etc/passwd', 'shortcut')
    p.libc.symlink('nowhere', 'broken')
    p.libc.symlink('shortcut/x', 'wrong')
    p.libc.symlink('circle', 'circle')

    expect(p.libc.readlink('shortcut')).toBe('/etc/passwd')
    expect(p.libc.stat('shortcut').size).toBeGreaterThan(11)
    expect(p.libc.lstat('shortcut').size).toBe(11)
    expect(p.sys.open('broken', O_RDONLY)).toBe(ENOENT)
    expect(p.sys.open('wrong', O_RDONLY)).toBe(ENOTDIR)
    expect(errnoName(Number(p.sys.open('circle', O_RDONLY)))).toBe('ELOOP')
    // With O_CREAT the link is followed, and the file is made where it leads …
    p.libc.close(p.libc.open('broken', O_CREAT | O_WRONLY, 0o600))
    expect(p.libc.stat('nowhere').size).toBe(0)
    // … but not with O_EXCL: what is there is the link.
    expect(errnoName(Number(p.sys.open('broken', O_CREAT | O_EXCL | O_WRONLY, 0o600)))).toBe('EEXIST')
  })

  it('in a sticky directory only the owner of a file may remove its name', () => {
    const k = createKernel()
    const alice = k.spawn({ uid: 1000 })
    const bob = k.spawn({ uid: 1001 })
    alice.libc.close(alice.libc.creat('/tmp/mine', 0o666))
    alice.libc.chmod('/tmp/mine', 0o666)

    // Bob may write to the file, and to /tmp. That would be enough in any other directory.
    expect(bob.sys.truncate('/tmp/mine', 0)).toBe(0)
    expect(bob.sys.unlink('/tmp/mine')).toBe(EPERM)
    expect(bob.sys.rename('/tmp/mine', '/tmp/yours')).toBe(EPERM)
    expect(alice.sys.unlink('/tmp/mine')).toBe(0)
  })
})

describe('A FIFO rendezvous', () => {
  it('a reader waits for a writer, and the two meet in open', () => {
    const k = createKernel()
    const reader = k.spawn({ comm: 'reader' })
    const writer = k.spawn({ comm: 'writer' })
    reader.libc.mknod('/tmp/door', S_IFIFO | 0o666, 0)

    // A writer who does not want to wait is told that nobody is there.
    expect(errnoName(Number(writer.sys.open('/tmp/door', O_WRONLY | O_NONBLOCK)))).toBe('ENXIO')

    // The reader comes first and sleeps in open(2): nobody is on the other side.
    const open = reader.begin.open('/tmp/door', O_RDONLY)
    expect(open.blocked).toBe(true)

    // The writer opens the other side. Both calls return.
    const w = writer.libc.open('/tmp/door', O_WRONLY)
    expect(open).toMatchObject({ blocked: false, result: 0 })

    // What goes in comes out, once and in order.
    const buf = new Uint8Array(16)
    const read = reader.begin.read(0, buf)
    expect(read.blocked).toBe(true)
    writer.libc.write(w, utf8Encode('hello'))
    expect(read.result).toBe(5)
    expect(utf8Decode(buf, 0, 5)).toBe('hello')

    // The writer leaves: that is the end of the file, not an error.
    writer.libc.close(w)
    expect(reader.sys.read(0, buf)).toBe(0)
  })

  it('without a reader a writer is told by a signal', () => {
    const k = createKernel()
    const p = k.spawn({ comm: 'shouter' })
    const [r, w] = p.libc.pipe()
    p.libc.close(r)
    p.begin.write(w, utf8Encode('is anybody there?'))
    expect(p.killedBy).toBe(13) // SIGPIPE
  })

  it('a non-blocking reader finds an empty pipe, which is not the end of it', () => {
    const k = createKernel()
    const p = k.spawn()
    const [r, w] = p.libc.pipe()
    p.libc.fcntl(r, 4, O_NONBLOCK) // F_SETFL
    expect(p.sys.read(r, new Uint8Array(1))).toBe(EAGAIN)
    p.libc.close(w)
    expect(p.sys.read(r, new Uint8Array(1))).toBe(0)
  })
})

describe('A mount hides what was there', () => {
  it('and umount brings it back, unless somebody is inside', () => {
    const k = createKernel()
    const root = k.spawn({ uid: 0 })
    root.libc.close(root.libc.creat('/mnt/under', 0o644))

    root.libc.mount('none', '/mnt', 'ramfs', 0, '')
    expect(root.sys.stat('/mnt/under')).toBe(ENOENT)

    const visitor = k.spawn({ uid: 1000, cwd: '/mnt' })
    expect(root.sys.umount('/mnt')).toBe(EBUSY)
    visitor.libc.chdir('/')
    expect(root.sys.umount('/mnt')).toBe(0)
    expect(root.libc.stat('/mnt/under').size).toBe(0)
  })
})
