import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mkdev } from '../../src/abi/brand.js'
import * as clone from '../../src/abi/clone.js'
import * as decode from '../../src/abi/decode.js'
import * as fcntl from '../../src/abi/fcntl.js'
import { FIONREAD } from '../../src/abi/ioctl.js'
import * as mount from '../../src/abi/mount.js'
import * as poll from '../../src/abi/poll.js'
import { RLIMIT_NOFILE } from '../../src/abi/resource.js'
import * as signal from '../../src/abi/signal.js'
import { exitedStatus, signaledStatus, stoppedStatus, WNOHANG, WUNTRACED } from '../../src/abi/wait.js'

const allSignals = Array.from({ length: 64 }, (_, i) => i + 1)

describe('decoding as strace prints', () => {
  it.each([
    ['no open flag', decode.openFlags(0), 'O_RDONLY'],
    ['open for reading, creating', decode.openFlags(fcntl.O_CREAT), 'O_RDONLY|O_CREAT'],
    ['creat', decode.openFlags(fcntl.O_WRONLY | fcntl.O_CREAT | fcntl.O_TRUNC), 'O_WRONLY|O_CREAT|O_TRUNC'],
    ['access mode 3', decode.openFlags(3), 'O_ACCMODE'],
    ['an unknown open flag', decode.openFlags(0x20000000), 'O_RDONLY|0x20000000'],
    ['a umask', decode.modeToString(0o22), '022'],
    ['no permission', decode.modeToString(0), '000'],
    ['a permission', decode.modeToString(0o644), '0644'],
    ['the mode of /tmp for chmod', decode.modeToString(0o1777), '01777'],
    ['the mode of a file', decode.modeToString(0o100644), 'S_IFREG|0644'],
    ['the mode of su', decode.modeToString(0o104755), 'S_IFREG|S_ISUID|0755'],
    ['the mode of /tmp', decode.modeToString(0o041777), 'S_IFDIR|S_ISVTX|0777'],
    ['the letters of /tmp', decode.modeToLetters(0o041777), 'drwxrwxrwt'],
    ['the letters of su', decode.modeToLetters(0o104711), '-rws--x--x'],
    ['set-gid without execute', decode.modeToLetters(0o102644), '-rw-r-Sr--'],
    ['a device', decode.devToString(mkdev(1, 3)), 'makedev(1, 3)'],
    ['exit(0)', decode.waitStatusToString(exitedStatus(0)), '[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]'],
    ['SIGKILL', decode.waitStatusToString(signaledStatus(9)), '[{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}]'],
    [
      'a core dump',
      decode.waitStatusToString(signaledStatus(11, true)),
      '[{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}]',
    ],
    ['a stop', decode.waitStatusToString(stoppedStatus(19)), '[{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}]'],
    ['SIGCONT', decode.waitStatusToString(0xffff), '[{WIFCONTINUED(s)}]'],
    ['wait options', decode.waitOptionsToString(WNOHANG | WUNTRACED), 'WNOHANG|WUNTRACED'],
    ['no wait option', decode.waitOptionsToString(0), '0'],
    ['an empty signal set', decode.sigSetToString([]), '[]'],
    ['a signal set', decode.sigSetToString([2, 1]), '[HUP INT]'],
    ['a real-time signal', decode.sigSetToString([34]), '[RT_2]'],
    ['all signals', decode.sigSetToString(allSignals), '~[]'],
    [
      'all but two signals',
      decode.sigSetToString(allSignals.filter((n) => n !== 9 && n !== 19)),
      '~[KILL STOP]',
    ],
    ['how to change a mask', decode.sigprocmaskHow(signal.SIG_SETMASK), 'SIG_SETMASK'],
    [
      'flags of sigaction',
      decode.sigactionFlags(signal.SA_RESTART | signal.SA_RESETHAND),
      'SA_RESTART|SA_RESETHAND',
    ],
    ['mount flags', decode.mountFlags(mount.MS_RDONLY | mount.MS_NOSUID), 'MS_RDONLY|MS_NOSUID'],
    ['no mount flag', decode.mountFlags(0), '0'],
    ['an old mount', decode.mountFlags(0xc0ed0000 | mount.MS_RDONLY), 'MS_MGC_VAL|MS_RDONLY'],
    ['the magic number alone', decode.mountFlags(0xc0ed0000), 'MS_MGC_VAL'],
    ['umount flags', decode.umountFlags(mount.MNT_DETACH), 'MNT_DETACH'],
    ['a thread', decode.cloneFlags(clone.CLONE_VM | clone.CLONE_FS | 17), 'CLONE_VM|CLONE_FS|SIGCHLD'],
    ['a fork', decode.cloneFlags(17), 'SIGCHLD'],
    ['a silent child', decode.cloneFlags(0), '0'],
    ['poll events', decode.pollEvents(poll.POLLHUP | poll.POLLIN), 'POLLIN|POLLHUP'],
    ['access', decode.accessMode(fcntl.R_OK | fcntl.X_OK), 'R_OK|X_OK'],
    ['existence', decode.accessMode(0), 'F_OK'],
    ['whence', decode.whenceName(1), 'SEEK_CUR'],
    ['a wrong whence', decode.whenceName(7), '7'],
    ['a limit', decode.rlimitName(RLIMIT_NOFILE), 'RLIMIT_NOFILE'],
    ['a wrong limit', decode.rlimitName(77), '77'],
    ['a fcntl command', decode.fcntlCommand(fcntl.F_SETLKW), 'F_SETLKW'],
    ['close-on-exec', decode.fdFlags(1), 'FD_CLOEXEC'],
    ['a lock type', decode.lockType(fcntl.F_UNLCK), 'F_UNLCK'],
    ['a flock', decode.flockOperation(fcntl.LOCK_EX | fcntl.LOCK_NB), 'LOCK_EX|LOCK_NB'],
    ['an ioctl', decode.ioctlName(FIONREAD), 'FIONREAD'],
    ['a driver ioctl', decode.ioctlName(0x80045430), '0x80045430'],
  ])('%s', (_what, text, expected) => {
    expect(text).toBe(expected)
  })

  it('loses no bit of a flag word', () => {
    const table: decode.FlagTable = [
      [1, '1'],
      [2, '2'],
      [0x80000000, '2147483648'],
    ]
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        const parts = decode.flagsToString(table, value).split('|').map(Number)
        expect(parts.reduce((sum, part) => sum + part, 0)).toBe(value)
      }),
    )
  })
})
