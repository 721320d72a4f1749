/**
 * The intruder: root in the shop, with every capability, and twenty ways to see or touch payroll. Each has the answer that the
 * reference names for it; none of them is an answer about payroll.
 */
import { isErr, MS_REMOUNT, O_RDONLY, O_RDWR, PRIO_PROCESS, S_IFBLK, SIGKILL, utf8Encode } from 'paleokernel'
import { AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_STREAM } from 'paleokernel/net'
import { type Machine, PAYROLL, type Proc, readText } from './machine.js'
import { DOOR, MAIL_PORT, STAFF_PORT } from './payroll.js'

/** One way in, and what becomes of it. */
export interface Attempt {
  /** What is tried, as one would say it. */
  readonly name: string
  /** The name of the error that must come, or what must be seen. */
  readonly expected: string
  /** The rule of the reference behind it. */
  readonly rule: string
  /** Tries it: an error number, or what was seen. */
  run(): unknown
}

/** The twenty ways. `target` is payroll's server. */
export function attempts({ run }: Pick<Machine, 'run'>, intruder: Proc, target: Proc): readonly Attempt[] {
  const { sys, libc } = intruder
  const tcp = (): number => libc.socket(AF_INET, SOCK_STREAM, 0)
  const payroll = (port: number) => ({ family: AF_INET, addr: PAYROLL, port }) as const
  /** Does a text that the intruder reads speak of payroll? */
  const reads = (path: string, word: string): string =>
    readText(intruder, path).includes(word) ? `shows ${word}` : 'nothing of it'
  const { pid } = target
  return [
    { name: `kill(${pid}, SIGKILL)`, rule: 'MAC-20', expected: 'ESRCH', run: () => sys.kill(pid, SIGKILL) },
    {
      name: `setpriority(${pid}, 19)`,
      rule: 'MAC-20',
      expected: 'ESRCH',
      run: () => sys.setpriority(PRIO_PROCESS, pid, 19),
    },
    { name: `getpgid(${pid})`, rule: 'MAC-20', expected: 'ESRCH', run: () => sys.getpgid(pid) },
    {
      name: `open /proc/${pid}/status`,
      rule: 'MAC-22',
      expected: 'ENOENT',
      run: () => sys.open(`/proc/${pid}/status`, O_RDONLY),
    },
    {
      name: 'ps ax',
      rule: 'MAC-22',
      expected: 'nothing of it',
      run: () => (run(intruder, 'ps ax').said.includes('payrolld') ? 'shows payrolld' : 'nothing of it'),
    },
    {
      name: 'open /srv/payroll/salaries',
      rule: 'MAC-32',
      expected: 'EACCES',
      run: () => sys.open('/srv/payroll/salaries', O_RDONLY),
    },
    {
      name: 'chmod /srv/payroll',
      rule: 'MAC-32',
      expected: 'EACCES',
      run: () => sys.chmod('/srv/payroll', 0o777),
    },
    { name: 'umount /srv/payroll', rule: 'MAC-32', expected: 'EPERM', run: () => sys.umount('/srv/payroll') },
    {
      name: 'remount it with its own label',
      rule: 'MAC-33',
      expected: 'EPERM',
      run: () => sys.mount('none', '/srv/payroll', '', MS_REMOUNT, 'mac=10:1'),
    },
    {
      name: 'read /proc/mounts',
      rule: 'MAC-32',
      expected: 'nothing of it',
      run: () => reads('/proc/mounts', 'payroll'),
    },
    {
      name: 'read /etc/motd',
      rule: 'MAC-37',
      expected: 'Fine goods',
      run: () => readText(intruder, '/etc/motd'),
    },
    {
      name: "open payroll's motd in the base",
      rule: 'MAC-39',
      expected: 'EACCES',
      run: () => sys.open('/mls/etc/2/motd', O_RDONLY),
    },
    { name: "take payroll's label", rule: 'MAC-7', expected: 'EPERM', run: () => sys.mac_setlabel('10:2') },
    {
      name: `connect to ${PAYROLL}:${STAFF_PORT}`,
      rule: 'MAC-43',
      expected: 'ECONNREFUSED',
      run: () => sys.connect(tcp(), payroll(STAFF_PORT)),
    },
    {
      name: `a datagram to ${PAYROLL}:${MAIL_PORT}`,
      rule: 'MAC-43',
      expected: 'ECONNREFUSED',
      run() {
        const fd = libc.socket(AF_INET, SOCK_DGRAM, 0)
        libc.connect(fd, payroll(MAIL_PORT))
        libc.send(fd, utf8Encode('?'))
        return sys.recv(fd, new Uint8Array(1))
      },
    },
    {
      name: "connect to payroll's named socket",
      rule: 'MAC-43',
      expected: 'ECONNREFUSED',
      run: () => sys.connect(libc.socket(AF_UNIX, SOCK_STREAM, 0), { family: AF_UNIX, path: DOOR }),
    },
    {
      name: `bind ${PAYROLL}:8080`,
      rule: 'MAC-46',
      expected: 'EADDRNOTAVAIL',
      run: () => sys.bind(tcp(), payroll(8080)),
    },
    {
      name: 'read /proc/net/tcp',
      rule: 'MAC-52',
      expected: 'nothing of it',
      run: () => reads('/proc/net/tcp', ':1F40'),
    },
    {
      name: 'flush the firewall',
      rule: 'MAC-53',
      expected: 'ipchains: Permission denied',
      run: () => run(intruder, 'ipchains -F input').said.trim(),
    },
    {
      name: "payroll's disk, by a node of its own",
      rule: '§9.5',
      expected: 'EACCES',
      run() {
        const made = sys.mknod('/srv/shop/disk', S_IFBLK | 0o600, (3 << 8) | 64)
        return isErr(made) ? made : sys.open('/srv/shop/disk', O_RDWR)
      },
    },
  ]
}
