import { describe, expect, it } from 'vitest'
import * as signal from '../../src/abi/signal.js'

/** Number, name and default action. Linux: include/asm-i386/signal.h; signal(7); sig_kernel_*, kernel/signal.c (2.6.14). */
const ROWS = [
  [1, 'SIGHUP', 'terminate'],
  [2, 'SIGINT', 'terminate'],
  [3, 'SIGQUIT', 'core'],
  [4, 'SIGILL', 'core'],
  [5, 'SIGTRAP', 'core'],
  [6, 'SIGABRT', 'core'],
  [7, 'SIGBUS', 'core'],
  [8, 'SIGFPE', 'core'],
  [9, 'SIGKILL', 'terminate'],
  [10, 'SIGUSR1', 'terminate'],
  [11, 'SIGSEGV', 'core'],
  [12, 'SIGUSR2', 'terminate'],
  [13, 'SIGPIPE', 'terminate'],
  [14, 'SIGALRM', 'terminate'],
  [15, 'SIGTERM', 'terminate'],
  [16, 'SIGSTKFLT', 'terminate'],
  [17, 'SIGCHLD', 'ignore'],
  [18, 'SIGCONT', 'continue'],
  [19, 'SIGSTOP', 'stop'],
  [20, 'SIGTSTP', 'stop'],
  [21, 'SIGTTIN', 'stop'],
  [22, 'SIGTTOU', 'stop'],
  [23, 'SIGURG', 'ignore'],
  [24, 'SIGXCPU', 'core'],
  [25, 'SIGXFSZ', 'core'],
  [26, 'SIGVTALRM', 'terminate'],
  [27, 'SIGPROF', 'terminate'],
  [28, 'SIGWINCH', 'ignore'],
  [29, 'SIGIO', 'terminate'],
  [30, 'SIGPWR', 'terminate'],
  [31, 'SIGSYS', 'core'],
] as const

const exported: ReadonlyMap<string, unknown> = new Map(Object.entries(signal))

describe('signal numbers', () => {
  it.each(ROWS)('%i is %s', (n, name, action) => {
    expect(exported.get(name)).toBe(n)
    expect(signal.signalName(n)).toBe(name)
    expect(signal.signalByName(name)).toBe(n)
    expect(signal.signalByName(name.slice(3))).toBe(n)
    expect(signal.defaultAction(n)).toBe(action)
  })

  it('prints real-time signals as strace does, counted from the kernel SIGRTMIN', () => {
    expect(signal.signalName(32)).toBe('SIGRT_0')
    expect(signal.signalName(34)).toBe('SIGRT_2')
    expect(signal.signalName(64)).toBe('SIGRT_32')
    expect(signal.signalName(65)).toBe('65')
    expect(signal.signalByName('SIGRT_0')).toBe(32)
    expect(signal.signalByName('RT_32')).toBe(64)
    expect(signal.signalByName('RT_33')).toBeUndefined()
    expect(signal.signalByName('NONSENSE')).toBeUndefined()
  })

  it('knows the historical names', () => {
    expect([signal.SIGIOT, signal.SIGCLD, signal.SIGPOLL, signal.SIGUNUSED]).toEqual([6, 17, 29, 31])
    expect(signal.signalByName('SIGPOLL')).toBe(29)
  })
})

describe('default action', () => {
  it.each(['SIGBUS', 'SIGXCPU', 'SIGXFSZ', 'SIGSYS'])(
    'of %s leaves no core before 2.4 (do_signal, arch/i386/kernel/signal.c)',
    (name) => {
      const sig = signal.signalByName(name) ?? 0
      expect(signal.defaultAction(sig, '2.2.12')).toBe('terminate')
      expect(signal.defaultAction(sig, '2.6.14')).toBe('core')
    },
  )

  it('of SIGQUIT leaves a core on every kernel', () => {
    expect(signal.defaultAction(signal.SIGQUIT, '2.0.35')).toBe('core')
  })

  it('of a real-time signal ends the task', () => {
    expect(signal.defaultAction(40)).toBe('terminate')
  })
})

describe('sigaction flags', () => {
  it.each([
    ['SA_NOCLDSTOP', 0x1],
    ['SA_NOCLDWAIT', 0x2],
    ['SA_SIGINFO', 0x4],
    ['SA_ONSTACK', 0x08000000],
    ['SA_RESTART', 0x10000000],
    ['SA_NODEFER', 0x40000000],
    ['SA_RESETHAND', 0x80000000],
  ])('%s is %i (include/asm-i386/signal.h)', (name, value) => {
    expect(exported.get(name)).toBe(value)
  })
})
