/** Every example runs, and prints what it is there to show. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { compare, cpuShare } from '../examples/cpushare.js'
import { demo } from '../examples/demo.js'
import { device } from '../examples/device.js'
import { diary } from '../examples/diary.js'
import { lossyLink } from '../examples/lossy-link.js'
import { mirror } from '../examples/mirror.js'
import { policyModule } from '../examples/policy-module.js'
import { type Print, Session, story } from '../examples/story.js'
import { timeTravel } from '../examples/time-travel.js'
import { twoWebServers } from '../examples/two-web-servers.js'
import { webServer } from '../examples/webserver.js'

/** What `run` prints. */
function printed(run: (print: Print) => void): string[] {
  const lines: string[] = []
  run((line) => lines.push(line))
  return lines
}

/** The lines must be there, in this order. */
function expectInOrder(lines: readonly string[], wanted: readonly (string | RegExp)[]): void {
  let at = 0
  for (const want of wanted) {
    const found = lines
      .slice(at)
      .findIndex((line) => (typeof want === 'string' ? line === want : want.test(line)))
    expect(found, `'${want}' in\n${lines.slice(at).join('\n')}`).toBeGreaterThanOrEqual(0)
    at += found + 1
  }
}

describe('the story', () => {
  it('shows a pipeline, a refusal and a kill in strace form, with the processes told apart', () => {
    expectInOrder(printed(story), [
      '[pid     3] execve("/bin/sh", ["sh"], [/* 1 vars */]) = 0',
      '[pid     3] read(0,  <unfinished ...>',
      /^alice\$ cat \/etc\/motd \| wc +# /,
      '[pid     3] pipe([3, 4]) = 0',
      '[pid     3] fork() = 4',
      '[pid     4] execve("/bin/cat", ["cat", "/etc/motd"], [/* 1 vars */]) = 0',
      '[pid     5] read(0,  <unfinished ...>',
      '[pid     4] write(1, "Welcome to Linux 2.2.12."..., 49) = 49',
      '[pid     5] <... read resumed>"Welcome to Linux 2.2.12."..., 4096) = 49',
      '[pid     4] +++ exited with 0 +++',
      '[pid     3] <... waitpid resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0) = 4',
      '[pid     6] open("/etc/shadow", O_RDONLY) = -1 EACCES (Permission denied)',
      '[pid     6] +++ exited with 1 +++',
      /^# open "\/etc\/shadow": EACCES: .*mode 0600, owner 0:0/,
      '[pid     3] kill(7, SIGTERM) = 0',
      '[pid     7] +++ killed by SIGTERM +++',
      '[pid     3] waitpid(7, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGTERM}], 0) = 7',
    ])
  })

  it('is the same when it is told again, whoever listens', () => {
    const silent = story(() => {}, new Session(3))
    const heard = new Session(3)
    const first = printed((print) => story(print, heard))
    expect(heard.kernel.digest()).toBe(silent.kernel.digest())
    expect(printed((print) => story(print, new Session(3)))).toEqual(first)
    expect(heard.screen()).toEqual(['2 9 49', 'cat: /etc/shadow: Permission denied'])
  })
})

it('two web servers, one kernel: each has a machine of its own, and the capture has two senders', () => {
  const tell = (): { lines: string[]; files: Buffer[] } => {
    const out = mkdtempSync(join(tmpdir(), 'paleokernel-servers-'))
    try {
      let isGood = false
      const lines = printed((print) => {
        isGood = twoWebServers(print, pathToFileURL(`${out}/`))
      })
      expect(isGood).toBe(true)
      const files = ['pcap', 'svg'].map((end) => readFileSync(join(out, `two-web-servers.${end}`)))
      return { lines: lines.map((line) => line.replace(out, '')), files }
    } finally {
      rmSync(out, { recursive: true })
    }
  }
  const first = tell()
  expectInOrder(first.lines, [
    '# ipchains -A input -d 10.0.0.1 --maclabel 10:1',
    '# ip rule add mac 10:2 table 2',
    '  http://10.0.0.1/: Welcome to the shop.',
    '  http://10.0.0.2/: Welcome to the school.',
    '# macexec 10:1 /sbin/ps axu',
    /^ {2}www +\d+ .* httpd$/,
    /^ {2}pupil +\d+ .* httpd$/,
    /^ {2}10:2 +\d+ 33 +httpd$/,
    /^ {2}kill \d+: No such process$/,
    /no write up \(MAC-30 write\)$/,
    '  10.0.0.2 says: greetings from the school',
    '  http://10.0.0.1/: ECONNREFUSED',
    '  http://10.0.0.2/: Welcome to the school.',
    '41 packets: /two-web-servers.pcap',
  ])
  expect(tell()).toEqual(first)
})

describe('the demo', () => {
  it('makes its checks, agrees with Linux, repeats itself, and writes what it says', () => {
    const out = mkdtempSync(join(tmpdir(), 'paleokernel-demo-'))
    const bytes = (name: string): Buffer => readFileSync(join(out, name))
    try {
      let isGood = false
      const lines = printed((print) => {
        isGood = demo(print, print, pathToFileURL(`${out}/`))
      })
      expect(lines.filter((line) => /FAIL|DIFFER|DISAGREE/.test(line))).toEqual([])
      expect(isGood).toBe(true)
      expectInOrder(lines, [
        /^1\. One kernel, two compartments/,
        '  # ipchains -A input -d 10.0.0.2 --maclabel 10:2',
        /^2\. Two servers on port 80/,
        /ok {3}the renderer has filled in the page by its two capabilities/,
        /ok {3}and died of the first thing it was not given: pid \d+ \(shopd\) dies of open/,
        '  carol reads "carol 4200\\ndave 3900", 50 times',
        /ok {3}every sector that hdb has written is in the log/,
        /^5\. An intruder/,
        /ok {3}kill\(\d+, SIGKILL\) +MAC-20 +ESRCH$/,
        /ok {3}payroll serves on/,
        /^6\. What the administrator has heard/,
        /\(ipchains\): setsockopt: EACCES: only an administrator changes the firewall \(MAC-53\)$/,
        /^7\. The compartments/,
        '    addresses  10.0.0.2',
        /^8\. Every answer of a real Linux 2\.6\.20/,
        /^perm +\d+ +T\d chmod\(.*\) +e EPERM +e EPERM$/,
        /^129 scripts, (\d+) answers compared: \d+ agree, \d+ known, 0 diverge$/,
        /^9\. A run repeats itself/,
        /^3\d claims of the experiment, of which 0 do not hold$/,
      ])
      expect(lines.filter((line) => /^ {2}ok {3}.* (MAC-\d+|§9\.5) /.test(line))).toHaveLength(20)
      expect(lines.length).toBeLessThan(150)
      expect(JSON.parse(bytes('trace.json').toString()).traceEvents.length).toBeGreaterThan(1000)
      for (const name of ['map.svg', 'hda.svg', 'hdb.svg'])
        expect(bytes(name).toString()).toMatch(/^<svg .*<\/svg>\n?$/s)
      for (const name of ['wire.pcap', 'netlink.pcap']) expect(bytes(name).readUInt32LE(0)).toBe(0xa1b23c4d)
      expect(bytes('strace.log').includes('connect(0, {sa_family=AF_INET')).toBe(true)
    } finally {
      rmSync(out, { recursive: true })
    }
  }, 120_000)
})

describe('the small ones', () => {
  it('policy-module: a high-water mark keeps a secret in', () => {
    expectInOrder(printed(policyModule), [
      'the clerk reads the plan and is level 2 now',
      /descriptor that was open before: EACCES$/,
      /^why: write: EACCES: .*hook filePermission of module 'watermark'/,
      'a child cannot wash it off: level 2, EACCES',
      'refusals: 2; in a copy of the kernel: 2',
    ])
  })

  it('device: a reader sleeps until the bell rings, and in a copy it sleeps on', () => {
    expectInOrder(printed(device), [
      'the porter listens: read sleeps',
      'the guest rings twice: read returned 2',
      'in a copy made before that, the porter is sleeping',
      "ioctl counts 2 rings here; the copy's module counts 0",
    ])
  })

  it('diary: everything that goes to a disk, as lines, as a table, as a picture and as a trace', () => {
    const out = mkdtempSync(join(tmpdir(), 'paleokernel-diary-'))
    try {
      const lines = printed((print) => diary(print, pathToFileURL(`${out}/`)))
      expectInOrder(lines, [
        /^ +0\.00 WRITE hda +0 \+ 2$/,
        /^ +0\.00 WRITE hda +24000 \+ 2$/,
        /^DEVICE +READS +KiB\/s +WRITES/,
        /^hda +0 +0\.0 +1\d\d\d +1\d\d\d\.0 +1\.0 +9\d$/,
        /^6\d\d\d buffers of 6\d\d\d KiB were written; the disk served 6\d\d requests$/,
        /0 records lost$/,
        'written: hda.svg, hda.blktrace.0',
      ])
      const [submitted, served] = lines.flatMap((line) => {
        const [, sectors] = /passed (\d+) sectors$/.exec(line) ?? []
        return sectors === undefined ? [] : [Number(sectors)]
      })
      expect(served ?? 0).toBeGreaterThan(0)
      expect(served ?? 0).toBeLessThan((submitted ?? 0) / 2)
      expect(readFileSync(join(out, 'hda.svg'), 'utf8')).toContain('/dev/hda: requests by address and time')
      expect(readFileSync(join(out, 'hda.blktrace.0')).length).toBeGreaterThan(48 * 10_000)
    } finally {
      rmSync(out, { recursive: true })
    }
  })

  it('time-travel: one chmod makes the difference, and copying makes none', () => {
    const lines = printed((print) => expect(timeTravel(print)).toBe(true))
    expectInOrder(lines, [/chmod 0644 now +gets in at attempt 4/, /notices nothing +never gets in/])
  })

  it('webserver: it has port 80 and is not root, and nobody else has', () => {
    expectInOrder(printed(webServer), [
      'the server is sleeping in accept',
      'alice reads: hello from uid 33',
      'alice wants port 80 herself: EACCES',
      /^why: bind: EACCES: .* of module 'sockfs' refused: entry 80 .*no w for the others/,
      'uid 33 wants port 81: EACCES',
    ])
  })

  it('mirror: a monitor knows all processes by events, and after a loss by one look at /proc', () => {
    expectInOrder(printed(mirror), [
      "3 processes in the monitor's table, as in /proc; losses 0, whole of /proc read 1 times",
      "7 processes in the monitor's table, as in /proc; losses 0, whole of /proc read 1 times",
      'the monitor has been stopped while 1000 children came and went',
      "9 processes in the monitor's table, as in /proc; losses 1, whole of /proc read 2 times",
      /^spy: open refused: .*mode 0600, owner 0:0/,
      'guest: killed for getpid, call 20',
      '2 events, as it should be',
    ])
  })

  it('lossy-link: a file gets through, whatever the link does, and a copy of the world ends as it does', () => {
    const out = mkdtempSync(join(tmpdir(), 'paleokernel-link-'))
    try {
      const lines = printed((print) => expect(lossyLink(print, pathToFileURL(`${out}/`))).toBe(true))
      expectInOrder(lines, [
        /^connected at 9\d\.\d ms/,
        /^the link is cut at 39\d\.\d ms, with \d+ frames sent$/,
        '300000 of 300000 bytes have been sent',
        /^the link has lost [1-9]\d* frames, and [1-9]\d* while it was cut$/,
        '300000 bytes have come, each as it was',
        'the copy that was made when the link was cut ends in the same state',
      ])
      // The mark of a capture with nanoseconds.
      expect(readFileSync(join(out, 'lossy-link.pcap')).readUInt32LE(0)).toBe(0xa1b23c4d)
    } finally {
      rmSync(out, { recursive: true })
    }
  })

  it('cpushare: work is billed, and whoever misbehaves is killed, by the kernel or by the broker', () => {
    expectInOrder(printed(cpuShare), [
      /^honest +2 +\d+ +0 +\d+ +exited with 0; it is gone$/,
      /^greedy +0 +0 +0 +1\d\d\d +killed by SIGXCPU; it is gone$/,
      /^thief +0 +0 +0 +\d+ +killed by SIGKILL; it is gone$/,
      /^prying +6 +\d+ +6 +\d+ +killed by SIGKILL; it made too many mistakes$/,
      /^babbler +0 +24 +0 +\d+ +killed by SIGKILL; it sent what is no frame$/,
      "the honest one's result: sum 55",
      'the broker itself exited with 0',
    ])
  })

  it('cpushare: the heavier way allows select, refuses instead of killing, and everybody pays for it', () => {
    expectInOrder(printed(compare), [
      /^nothing +yes +yes +yes /,
      /^mode 1 +yes +dies +dies +\d+ ns +\d+ ns$/,
      /^policy +yes +yes +EPERM +\d+ ns +\d+ ns$/,
    ])
  })

  it('are all tested here', () => {
    const folder = new URL('../examples/', import.meta.url)
    const main = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (name) =>
        name.endsWith('.ts') &&
        readFileSync(new URL(name, folder), 'utf8').includes('if (isMain(import.meta.url))'),
    )
    expect(main.sort()).toEqual([
      'cpushare.ts',
      'demo.ts',
      'device.ts',
      'diary.ts',
      'flagship/flagship.ts',
      'lossy-link.ts',
      'mirror.ts',
      'policy-module.ts',
      'story.ts',
      'time-travel.ts',
      'two-web-servers.ts',
      'webserver.ts',
    ])
  })
})
