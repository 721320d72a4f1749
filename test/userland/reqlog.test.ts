/** reqdump and reqtop on disks that are at work. */
import {
  createKernel,
  type KernelOptions,
  O_CREAT,
  O_RDWR,
  O_WRONLY,
  type Process,
  SIGINT,
} from 'paleokernel'
import { block } from 'paleokernel/block'
import { bufflink } from 'paleokernel/bufflink'
import { type ReqlogOptions, reqlog } from 'paleokernel/reqlog'
import { reqdump, reqtop } from 'paleokernel/userland'
import { describe, expect, it } from 'vitest'
import { checkInvariants, ok, readFile } from '../helpers/world.js'

function machine(log: ReqlogOptions = {}, options: Omit<KernelOptions, 'modules'> = {}) {
  const disks = [
    { name: 'hda', sectors: 20_000 },
    { name: 'ram0', sectors: 2000 },
  ]
  const k = createKernel({ ...options, modules: [bufflink(), block({ disks }), reqlog(log)] })
  const root = k.spawn()
  k.install('/bin/reqdump', reqdump)
  k.install('/bin/reqtop', reqtop)

  /** Starts a command. */
  function start(line: string, uid = 0): Process {
    const [name = '', ...args] = line.split(' ')
    const child = k.spawn({ uid, gid: uid })
    for (const fd of [0, 1, 2]) {
      const path = `/tmp/${child.pid}.${fd}`
      expect(child.sys.open(path, O_CREAT | O_WRONLY, 0o644)).toBe(fd)
    }
    child.sys.execve(`/bin/${name}`, [name, ...args], [])
    return child
  }

  /** What a command has said until now, on descriptors 1 and 2. */
  const said = ({ pid }: { readonly pid: number }): [string, string] => [
    readFile(root as never, `/tmp/${pid}.1`),
    readFile(root as never, `/tmp/${pid}.2`),
  ]

  /** Runs a command to its end. */
  function run(line: string, uid = 0): { out: string; err: string; status: number | undefined } {
    const child = start(line, uid)
    k.run()
    const [out, err] = said(child)
    return { out, err, status: child.exitCode }
  }

  /** Writes blocks of 1 KiB to a device, and brings them there. */
  function write(name: string, ...blocks: readonly number[]): void {
    const fd = ok(root.sys.open(`/dev/${name}`, O_RDWR))
    for (const at of blocks) {
      ok(root.sys.lseek(fd, at * 1024, 0))
      ok(root.sys.write(fd, new Uint8Array(1024)))
    }
    ok(root.sys.fsync(fd))
    ok(root.sys.close(fd))
  }

  function read(name: string, at: number): void {
    const fd = ok(root.sys.open(`/dev/${name}`, O_RDWR))
    ok(root.sys.pread(fd, new Uint8Array(1024), at * 1024))
    ok(root.sys.close(fd))
  }

  return { k, root, start, said, run, write, read }
}

const USAGE = /^usage: reqdump \[-fl\] \[-n count\] \[-d device\] \[node\]\n/

describe('reqdump', () => {
  it('shows what is in the log, a line for each record, and ends', () => {
    const { k, run, write, read } = machine()
    write('hda', 10, 11)
    k.advance(2500)
    read('ram0', 7)
    expect(run('reqdump')).toEqual({
      out: '      0.00 WRITE hda    20 + 2\n      0.00 WRITE hda    22 + 2\n      2.50 READ  ram0   14 + 2\n',
      err: '',
      status: 0,
    })
    // They have been taken out.
    expect(run('reqdump')).toEqual({ out: '', err: '', status: 0 })
    checkInvariants(k as never)
  })

  it('-n stops after so many lines and leaves the rest; -d shows one device, by name, node or numbers', () => {
    const { run, write } = machine()
    const lines = (line: string): string[] =>
      run(line)
        .out.trim()
        .split('\n')
        .map((one) => one.trim().split(/\s+/).slice(1).join(' '))
    write('hda', 1, 5, 9)
    expect(lines('reqdump -n 2')).toEqual(['WRITE hda 2 + 2', 'WRITE hda 10 + 2'])
    expect(lines('reqdump -n1')).toEqual(['WRITE hda 18 + 2'])
    for (const device of ['ram0', '/dev/ram0', '1:0', '1,0']) {
      write('hda', 3)
      write('ram0', 4)
      expect(lines(`reqdump -d ${device}`)).toEqual(['WRITE ram0 8 + 2'])
    }
  })

  it('-f waits for more, until it is killed', () => {
    const { k, root, start, said, write } = machine()
    const dump = start('reqdump -f')
    k.run()
    expect([said(dump)[0], dump.state]).toEqual(['', 'sleeping'])
    write('ram0', 1)
    k.run()
    expect(said(dump)[0]).toMatch(/^ +\d+\.\d\d WRITE ram0 {3}2 \+ 2\n$/)
    write('ram0', 2)
    k.run()
    expect(said(dump)[0].split('\n')).toHaveLength(3)
    ok(root.sys.kill(dump.pid, SIGINT))
    k.run()
    expect(dump.killedBy).toBe(SIGINT)
  })

  it('-fn ends when it has shown so many of the device', () => {
    const { k, start, said, write } = machine()
    const dump = start('reqdump -fn 2 -d ram0')
    for (const at of [1, 2, 3]) {
      write('hda', at)
      write('ram0', at)
      k.run()
    }
    expect(dump.exitCode).toBe(0)
    expect(said(dump)[0].trim().split('\n')).toHaveLength(2)
  })

  it('reads long records with -l', () => {
    const { run, write } = machine({ layout: 'long' })
    write('hda', 1, 2)
    expect(run('reqdump -l').out).toMatch(/^ +0\.00 WRITE hda {4}2 \+ 2\n +0\.00 WRITE hda {4}4 \+ 2\n$/)
  })

  it('marks what has failed, where the log is one of completions', () => {
    const { k, root, run } = machine({ at: 'completion' })
    k.block.setFaults('hda', { badSectors: [4] })
    const fd = ok(root.sys.open('/dev/hda', O_RDWR))
    root.sys.pread(fd, new Uint8Array(1024), 2048)
    expect(run('reqdump').out).toMatch(/READ failed hda {4}4 \+ 2\n$/)
  })

  it('says that records were lost, and ends with 1', () => {
    const { run, write } = machine({ ringSize: 32 })
    write('hda', 1, 3, 5)
    expect(run('reqdump')).toMatchObject({
      err: 'reqdump: the log was full: records have been lost\n',
      status: 1,
    })
    expect(run('reqdump')).toEqual({ out: '', err: '', status: 0 })
  })

  it('knows devices without a name by their numbers, as on 2.0, which has no list of them', () => {
    const { run, write } = machine({}, { profile: '2.0.35' })
    write('hda', 1)
    expect(run('reqdump -d 3:0').out).toMatch(/WRITE 3:0 {4}2 \+ 2\n$/)
  })

  it.each([
    ['reqdump -x', '', 2],
    ['reqdump -n', '', 2],
    ['reqdump -n 0', '', 2],
    ['reqdump -n many', '', 2],
    ['reqdump a b', '', 2],
    ['reqdump -d nothing', 'reqdump: /dev/nothing: No such file or directory\n', 1],
    ['reqdump -d /dev/null', 'reqdump: /dev/null: not a block device\n', 1],
    ['reqdump -d 300:1', 'reqdump: /dev/300:1: No such file or directory\n', 1],
    ['reqdump /dev/none', 'reqdump: /dev/none: No such file or directory\n', 1],
    ['reqdump /etc/passwd', /^reqdump: \/etc\/passwd: \d+ bytes are not whole records/, 1],
  ])('%s: says what is wrong', (line, message, status) => {
    const said = machine().run(line)
    expect(said.err).toMatch(message === '' ? USAGE : message)
    expect(said.status).toBe(status)
  })

  it('is for root alone', () => {
    expect(machine().run('reqdump', 1000)).toEqual({
      out: '',
      err: 'reqdump: /dev/reqlog: Permission denied\n',
      status: 1,
    })
  })
})

describe('reqtop', () => {
  it('sums up by device and direction, the busiest first', () => {
    const { k, start, said, write, read } = machine()
    const top = start('reqtop -n 1 -d 2')
    write('ram0', 1)
    write('hda', 4, 5, 6, 9)
    read('hda', 100)
    k.run()
    expect(top.exitCode).toBe(0)
    expect(said(top)).toEqual([
      [
        'Total read 0.5 KiB/s, written 2.5 KiB/s',
        'DEVICE    READS     KiB/s    WRITES     KiB/s  AVG KiB  SEQ%',
        'hda           1       0.5         4       2.0      1.0    40',
        'ram0          0       0.0         1       0.5      1.0     0',
        '',
      ].join('\n'),
      '',
    ])
    checkInvariants(k as never)
  })

  it('has a table for each interval; with -a they add up', () => {
    for (const [options, sums] of [
      ['', ['hda 2 2.0', 'hda 1 1.0', '']],
      ['-a ', ['hda 2 2.0', 'hda 3 1.5', 'hda 3 1.0']],
    ] as const) {
      const { k, start, said, write } = machine()
      const top = start(`reqtop ${options}-d 1 -n 3`)
      k.step()
      write('hda', 1, 2)
      k.advance(1500)
      write('hda', 8)
      k.run()
      expect(top.exitCode).toBe(0)
      const tables = said(top)[0]
        .split(/^Total.*\n/m)
        .slice(1)
      const rows = tables.map((table) => {
        const [, name = '', , , writes = '', rate = ''] =
          /^(hda) +(\d+) +([\d.]+) +(\d+) +([\d.]+)/m.exec(table) ?? []
        return `${name} ${writes} ${rate}`.trim()
      })
      expect(rows).toEqual(sums)
    }
  })

  it('says that records were lost', () => {
    const { k, start, said, write } = machine({ ringSize: 32 })
    const top = start('reqtop -n 1')
    write('hda', 1, 3, 5)
    k.run()
    expect([said(top)[1], top.exitCode]).toEqual(['reqtop: the log was full: records have been lost\n', 0])
  })

  it.each(['reqtop -d 0', 'reqtop -d', 'reqtop -n x', 'reqtop -f', 'reqtop a b'])('%s: says how', (line) => {
    const said = machine().run(line)
    expect([
      said.err.startsWith('usage: reqtop [-al] [-d seconds] [-n count] [node]\n'),
      said.status,
    ]).toEqual([true, 2])
  })
})
