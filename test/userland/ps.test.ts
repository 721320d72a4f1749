/** ps and kill: output, messages and exit statuses of procps 2.0 and util-linux 2.9. */

import fc from 'fast-check'
import { createKernel, MS_REMOUNT, PROFILES, type Profile } from 'paleokernel'
import { type MacOptions, mac } from 'paleokernel/mac'
import { describe, expect, it } from 'vitest'
import type { KernelCore } from '../../src/kernel/kernel.js'
import { GROUPS, shellOf, USERS, type Who } from './shell.js'

const ALICE: Who = { uid: 1000, gid: 100 }

/** init, the shell's host, alice's shell, a daemon of user 33 that has two children, a zombie. */
function machine(profile: Profile = '2.2.12', modules: readonly ReturnType<typeof mac>[] = []) {
  const k = createKernel({ profile, syscallTime: 10, modules })
  const shell = shellOf(k)
  shell.write('/etc/passwd', USERS)
  shell.write('/etc/group', GROUPS)
  k.install('/bin/worker', function* (sys) {
    yield* sys.pause()
  })
  k.install('/bin/daemon', function* (sys) {
    for (let child = 0; child < 3; child++) {
      const pid = yield* sys.fork()
      if (pid !== 0) continue
      if (child === 2) return 0
      yield* sys.execve('/bin/worker', ['worker', String(child), 'a\nb'], [])
    }
    yield* sys.pause()
    return 0
  })
  const alice = k.spawn({ uid: 1000, gid: 100, comm: 'bash', argv: ['-bash'] })
  const daemon = k.spawn({ uid: 33, gid: 33, umask: 0 })
  daemon.sys.nice(4)
  daemon.sys.execve('/bin/daemon', ['daemon', '-d'], [])
  k.run()
  k.advance(3_600_000)
  return { k, alice, daemon, ...shell }
}

describe.each(PROFILES)('ps on %s', (profile) => {
  it('shows the processes of its user, in the format of Unix98', () => {
    const m = machine(profile)
    const out = m.sh('ps', ALICE)
    expect(out).toMatch(/^ {2}PID TTY {10}TIME CMD\n {4}3 \? {8}00:00:00 bash\n +\d+ \? {8}00:00:00 ps\n$/)
  })

  it('ax shows all, with state and arguments; names without program in brackets', () => {
    const lines = machine(profile).sh('ps ax').trimEnd().split('\n')
    expect(lines[0]).toBe('  PID TTY      STAT   TIME COMMAND')
    const rest = lines.slice(1).map((line) => `${line.slice(15, 20)}${line.slice(27)}`)
    expect(rest).toEqual([
      'RW   init',
      'RW   sh',
      'RW   -bash',
      'SN   daemon -d',
      'SN   worker 0 a?b',
      'SN   worker 1 a?b',
      'ZN   [daemon]',
      'R    ps ax',
    ])
  })

  it('aux shows users, shares of processor and memory, sizes and start', () => {
    const lines = machine(profile).sh('ps aux').trimEnd().split('\n')
    expect(lines[0]).toBe('USER       PID %CPU %MEM   VSZ  RSS TTY      STAT START   TIME COMMAND')
    expect(lines[4]).toMatch(/^33 {11}4 {2}0\.0 {2}0\.0 {4}28 {3}28 \? {8}SN {3}12:00 {3}0:00 daemon -d$/)
    expect(lines[7]).toMatch(/^33 {11}7 {2}0\.0 {2}0\.0 {5}0 {4}0 \? {8}ZN {3}12:00 {3}0:00 \[daemon\]$/)
  })

  it.each<[string, string]>([
    ['ps -ef', 'UID        PID  PPID  C STIME TTY          TIME CMD'],
    ['ps -e -f', 'UID        PID  PPID  C STIME TTY          TIME CMD'],
    ['ps -el', '  F S   UID   PID  PPID  C PRI  NI ADDR    SZ WCHAN  TTY          TIME CMD'],
    ['ps -elf', '  F S UID        PID  PPID  C PRI  NI ADDR    SZ WCHAN  STIME TTY          TIME CMD'],
    ['ps -ely', 'S   UID   PID  PPID  C PRI  NI  RSS    SZ WCHAN  TTY          TIME CMD'],
    ['ps -ej', '  PID  PGID   SID TTY          TIME CMD'],
    ['ps -efj', 'UID        PID  PPID  PGID   SID  C STIME TTY          TIME CMD'],
    ['ps axj', ' PPID   PID  PGID   SID TTY      TPGID STAT   UID   TIME COMMAND'],
    ['ps axl', '  F   UID   PID  PPID PRI  NI   VSZ  RSS WCHAN  STAT TTY        TIME COMMAND'],
    ['ps axs', '  UID   PID   PENDING   BLOCKED   IGNORED    CAUGHT STAT TTY        TIME COMMAND'],
    ['ps axv', '  PID TTY      STAT   TIME  MAJFL   VSZ  RSS %MEM COMMAND'],
    ['ps -e -o pid,ppid,args', '  PID  PPID COMMAND'],
    ['ps --format=user,pid -e', 'USER       PID'],
  ])('%s has the heading of procps', (line, heading) => {
    const lines = machine(profile).sh(line).trimEnd().split('\n')
    expect(lines[0]).toBe(heading)
    expect(lines).toHaveLength(9)
  })

  it('draws the tree of processes', () => {
    const m = machine(profile)
    expect(m.sh('ps -e -o pid= -o args= f')).toContain(
      '    4 daemon -d\n    5  \\_ worker 0 a?b\n    6  \\_ worker 1 a?b\n    7  \\_ [daemon]\n',
    )
    expect(m.sh('ps -eH -o pid= -o comm=')).toContain('    4   daemon\n    5     worker\n    6     worker\n')
  })

  it('selects by lists, and by what is not in them', () => {
    const pids = (line: string, who?: Who): string =>
      m
        .run(line, who)
        .out.replace(/^ *PID.*\n/, '')
        .trimEnd()
        .split('\n')
        .map((text) => text.trim().split(' ')[0])
        .join(' ')
    const m = machine(profile)
    expect(pids('ps -p 1,3')).toBe('1 3')
    expect(pids('ps 3 4')).toBe('3 4')
    expect(pids('ps -u alice,wwwserver')).toBe('3 4 5 6 7')
    expect(pids('ps U 33')).toBe('4 5 6 7')
    expect(pids('ps -C worker')).toBe('5 6')
    expect(pids('ps -G www')).toBe('4 5 6 7')
    expect(pids('ps -s 4')).toBe('4 5 6 7')
    expect(pids('ps -- -4')).toBe('')
    expect(pids('ps -4')).toBe('4 5 6 7')
    expect(pids('ps -N -u 0')).toBe('3 4 5 6 7')
    expect(pids('ps -d')).toBe('5 6 7')
    expect(pids('ps x', ALICE)).toMatch(/^3 \d+$/)
    expect(pids('ps -e --sort=-pid --no-headers').split(' ').slice(-3)).toEqual(['3', '2', '1'])
  })

  it('exit statuses and messages', () => {
    const m = machine(profile)
    const first = (line: string): [string, number] => {
      const { err, status } = m.run(line)
      return [err.split('\n')[0] ?? '', status]
    }
    expect(m.run('ps 99')).toEqual({ out: '  PID TTY      STAT   TIME COMMAND\n', err: '', status: 1 })
    expect(m.run('ps -aux').err).toBe("Bad syntax, perhaps a bogus '-'?\n")
    expect(m.run('ps -aux').out.split('\n')).toHaveLength(10)
    expect(first('ps -q')).toEqual(['ERROR: Unsupported SysV option.', 1])
    expect(first('ps q')).toEqual(['ERROR: Unsupported option (BSD syntax)', 1])
    expect(first('ps -p 0')).toEqual(['ERROR: Process ID out of range.', 1])
    expect(first('ps -p x')).toEqual(['ERROR: Process ID list syntax error.', 1])
    expect(first('ps -p 1,,2')).toEqual(['ERROR: Improper list.', 1])
    expect(first('ps -u nobody')).toEqual(['ERROR: User name does not exist.', 1])
    expect(first('ps -o pid,nonsense')).toEqual([
      'ERROR: Unknown user-defined format specifier "nonsense".',
      1,
    ])
    expect(first('ps aux -o pid')).toEqual(['ERROR: Conflicting format options.', 1])
    expect(first('ps -a x')).toEqual(["Bad syntax, perhaps a bogus '-'?", 0])
    expect(first('ps --sort=nonsense')).toEqual(['ERROR: Unknown sort specifier.', 1])
    expect(first('ps -e --version')).toEqual(['ERROR: The --version option is exclusive.', 1])
    expect(first('ps -M')).toEqual(['ERROR: Sorry, no Mandatory Access Control support.', 1])
    expect(m.sh('ps -V')).toBe('procps version 2.0.6\n')
    expect(m.run('ps --help').status).toBe(0)
    m.k.spawn().libc.umount('/proc')
    expect(first('ps')).toEqual(['Error: can not access /proc.', 1])
  })

  it('says only what the reader sees: labels, and the processes of its compartment', () => {
    const m = machine(profile, [mac()])
    const k = m.k as unknown as ReturnType<typeof createKernel<readonly [ReturnType<typeof mac>]>>
    k.spawn().libc.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0+shared')
    k.mac.setLabel(5, '10:1')
    k.mac.setLabel(6, '10:2')
    expect(m.sh('ps -eM').split('\n')[0]).toBe('LABEL                       PID TTY          TIME CMD')
    expect(m.sh('ps -e -o pid= -o label= -o comm=')).toContain(
      '    4 65535:0+admin             daemon\n    5 10:1                      worker\n',
    )
    expect(m.sh('ps auxZ')).toContain('10:2                      33           6')
    k.install('/bin/inside', function* (sys, label, ...argv) {
      yield* sys.mac_setlabel(label ?? '')
      yield* sys.execve(`/bin/${argv[0]}`, argv, [])
    })
    expect(m.sh('inside 10:1 ps -e -o pid= -o label= -o args=')).toMatch(
      /^ {4}5 10:1 {22}worker 0 a\?b\n +\d+ 10:1 {22}ps .*\n$/,
    )
    expect(m.run('inside 10:1 kill 6')).toMatchObject({ err: 'kill 6: No such process\n', status: 1 })
    expect(m.run('inside 10:1 kill -a worker')).toEqual({ out: '', err: '', status: 0 })
    expect([5, 6].map((pid) => m.k.process(pid)?.exitStatus)).toEqual([15, undefined])
  })

  it.each<[string, MacOptions]>([
    ['plain', {}],
    ['where init is visible', { initVisible: true }],
    ['sealed', { sealed: true }],
  ])('in a compartment, %s, never walks the list of all tasks', (_name, options) => {
    const k = createKernel({ profile, modules: [mac(options)] })
    const shell = shellOf(k)
    const { tasks } = (k as unknown as KernelCore).state
    const walks = ['values', 'keys', 'entries', 'forEach', Symbol.iterator] as const
    const seen: string[] = []
    k.spawn().libc.mount('none', '/', '', MS_REMOUNT, 'mac=65535:0+shared')
    k.install('/bin/watched', function* (sys) {
      yield* sys.mac_setlabel('10:1')
      for (const walk of walks) {
        const value = (...args: never[]) => {
          seen.push(String(walk))
          return Reflect.apply(Map.prototype[walk], tasks, args)
        }
        Object.defineProperty(tasks, walk, { configurable: true, value })
      }
      yield* sys.execve('/bin/ps', ['ps', 'aux'], [])
      return 0
    })
    const { out } = shell.run('watched')
    for (const walk of walks) Reflect.deleteProperty(tasks, walk)
    expect(out).toMatch(/^USER.*\n(root +1 .* init\n)?root .* ps aux\n$/)
    expect(seen).toEqual([])
  })
})

it('survives any command line', () => {
  const m = machine()
  const word = fc.oneof(
    fc.constantFrom(
      '-e',
      'aux',
      '-o',
      'pid,comm=',
      '--sort',
      '-',
      '--',
      '-p',
      '1,2',
      '--cols=3',
      'U',
      '-aux',
    ),
    fc.string({ maxLength: 8 }).map((text) => text.replaceAll(/\s|\0/g, '')),
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 5 }), (words) => {
      const { status } = m.run(`ps ${words.join(' ')}`)
      expect([0, 1]).toContain(status)
    }),
    { numRuns: 200 },
  )
})

describe('kill', () => {
  it('sends SIGTERM, or the signal that is named, to all that are listed', () => {
    for (const [line, signal] of [
      ['kill 5', 15],
      ['kill -9 5', 9],
      ['kill -HUP 5', 1],
      ['kill -sigusr1 5', 10],
      ['kill -s INT 5', 2],
      ['kill -s 3 5', 3],
      ['kill -a -KILL worker', 9],
    ] as const) {
      const m = machine()
      expect(m.run(line), line).toEqual({ out: '', err: '', status: 0 })
      expect((m.k.process(5)?.exitStatus ?? 0) & 127, line).toBe(signal)
    }
    const m = machine()
    expect(m.run('kill -- -4').status).toBe(0)
    expect([4, 5, 6].map((pid) => m.k.process(pid)?.state)).toEqual([undefined, undefined, undefined])
  })

  it.each<[string, string, string, number]>([
    ['kill 99', '', 'kill 99: No such process\n', 1],
    ['kill -0 1', '', '', 0],
    [
      'kill 98 1x 99',
      '',
      'kill 98: No such process\nkill: can\'t find process "1x"\nkill 99: No such process\n',
      3,
    ],
    ['kill -9 -77', '', 'kill -77: No such process\n', 1],
    ['kill -l 9', 'KILL\n', '', 0],
    ['kill -l sigchld', 'CHLD\n', '', 0],
    ['kill -l 33', '33\n', '', 0],
    ['kill -l 99', '', 'kill: unknown signal 99\n', 1],
    ['kill -p worker', '', 'kill: can\'t find process "worker"\n', 1],
    ['kill -a -p worker', '5\n6\n', '', 0],
    ['kill -V', 'kill from util-linux-2.9\n', '', 0],
    ['kill', '', 'usage: kill [ -s signal | -p ] [ -a ] pid ...\n       kill -l [ signal ]\n', 1],
    ['kill -9', '', 'usage: kill [ -s signal | -p ] [ -a ] pid ...\n       kill -l [ signal ]\n', 1],
    ['kill -nonsense 5', '', 'usage: kill [ -s signal | -p ] [ -a ] pid ...\n       kill -l [ signal ]\n', 1],
    ['kill -s', '', 'usage: kill [ -s signal | -p ] [ -a ] pid ...\n       kill -l [ signal ]\n', 1],
    ['kill -l 1 2', '', 'usage: kill [ -s signal | -p ] [ -a ] pid ...\n       kill -l [ signal ]\n', 1],
  ])('%s', (line, out, err, status) => {
    expect(machine().run(line)).toEqual({ out, err, status })
  })

  it('lists the signals, also for who names one that there is not', () => {
    const m = machine()
    const names = m.sh('kill -l')
    expect(names.trim().split(/\s+/)).toHaveLength(31)
    expect(names.split('\n').every((line) => line.length <= 72)).toBe(true)
    expect(m.run('kill -s NONE 5')).toEqual({
      out: '',
      err: `kill: unknown signal NONE; valid signals:\n${names}`,
      status: 1,
    })
  })

  it('is refused by the kernel, not by itself', () => {
    expect(machine().run('kill 4', ALICE)).toEqual({
      out: '',
      err: 'kill 4: Operation not permitted\n',
      status: 1,
    })
  })
})
