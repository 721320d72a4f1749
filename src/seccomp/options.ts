/** Options of the module. */

import { checkOptions } from '../lib/check_options.js'
import { ARCHS, type Arch } from './arch.js'

/** What `seccomp()` can be told. Reference §1.9, §1.10.11. */
export interface SeccompOptions {
  /**
   * How mode 1 is entered: by /proc/PID/seccomp ('proc': 2.6.12 to 2.6.22, the default), by prctl(PR_SET_SECCOMP)
   * ('prctl': since 2.6.23), or by either.
   */
  readonly interface?: 'proc' | 'prctl' | 'both'
  /** Who ends when mode 1 is violated: the thread, as in every Linux (the default), or its whole process. */
  readonly killScope?: 'thread' | 'process'
  /** Mode 2 as well: BPF filters, no_new_privs and seccomp(2), as of 3.5 to 4.14. Default false. */
  readonly filters?: boolean
  /** Whose numbers calls have. Default 'i386'. Filters need 'i386' or 'x86_64'. */
  readonly arch?: Arch
}

/** With the defaults filled in. */
export interface Settings {
  readonly byProc: boolean
  readonly byPrctl: boolean
  readonly killsProcess: boolean
  readonly filters: boolean
  readonly arch: Arch
}

const oneOf = (name: string, value: unknown, allowed: readonly string[]): void => {
  if (value !== undefined && !allowed.includes(value as string))
    throw new TypeError(`seccomp: ${name} must be one of ${allowed.join(', ')}, not ${String(value)}`)
}

/** Throws a TypeError for options that there are not. */
export function settingsOf(options: SeccompOptions): Settings {
  checkOptions('seccomp', options, ['interface', 'killScope', 'filters', 'arch'])
  const { interface: by = 'proc', killScope = 'thread', filters = false, arch = 'i386' } = options
  oneOf('interface', by, ['proc', 'prctl', 'both'])
  oneOf('killScope', killScope, ['thread', 'process'])
  oneOf('arch', arch, Object.keys(ARCHS))
  if (typeof filters !== 'boolean') throw new TypeError('seccomp: filters must be true or false')
  if (filters && ARCHS[arch].native.audit === 0)
    throw new TypeError(`seccomp: filters need arch i386 or x86_64, not ${arch}`)
  return {
    byProc: by !== 'prctl',
    byPrctl: by !== 'proc',
    killsProcess: killScope === 'process',
    filters,
    arch,
  }
}
