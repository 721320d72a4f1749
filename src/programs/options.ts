/**
 * The options of `createKernel`, and their check: what cannot work is refused before anything exists.
 */

import { isProfile, PROFILES, type Profile, type ProfileFacts, profileFacts } from '../abi/profile.js'
import type { AnyModule } from '../kernel/module.js'
import { checkOptions } from '../lib/check_options.js'
import type { SchedulePolicy } from '../sim/schedule.js'
import type { CoreSys } from './core_sys.js'
import type { AnyProgram } from './image.js'
import type { ModuleList } from './module_types.js'

/** What a kernel is made of. */
export interface KernelOptions<Ms extends ModuleList = ModuleList, S = CoreSys> {
  /** Optional parts, such as `[net(), mac()]`. Default none. */
  readonly modules?: Ms
  /** Which kernel it behaves like. Default '2.2.12'. */
  readonly profile?: Profile
  /** A safe integer that all random numbers come from. Default 1. */
  readonly seed?: number
  /** 'default': /dev, /proc, /etc, /tmp and the usual directories. 'empty': nothing but `/`. */
  readonly rootfs?: 'default' | 'empty'
  /** Who runs next. Default 'round-robin'; an array replays `k.schedule`. */
  readonly schedule?: SchedulePolicy
  /** Pids are below this: 2 … 4194304. Default: the profile's, 32768. */
  readonly pidMax?: number
  /** Tasks that may exist at once. Default: the profile's, or pidMax where that was raised. */
  readonly maxTasks?: number
  /** Executables to install: path to program. */
  readonly programs?: Readonly<Record<string, AnyProgram<S>>>
  /** Names of later system calls to offer as well, such as 'openat'. */
  readonly backports?: readonly string[]
  /**
   * How many symbolic links may be followed inside one another, 1 … 100: the constant MAX_NESTED_LINKS of a kernel that was
   * built with another one. Default: the profile's, 6 in 2.0 and 5 since; Linux has 8 since 2.6.18.
   */
  readonly maxNestedLinks?: number
  /** Default '(none)', as before anybody sets it. */
  readonly hostname?: string
  /**
   * Milliseconds of processor time that a call is charged with: what times(2), RLIMIT_CPU and ITIMER_PROF count.
   * Default 0. The clock does not move by it.
   */
  readonly syscallTime?: number
  /**
   * Steps after which `run`, or a direct call that waits, throws a RangeError instead of going on: a timer that fires
   * again and again keeps time from coming to rest. Default 10 000 000.
   */
  readonly maxSteps?: number
}

/** When `run` stops before nothing can run any more. */
export interface RunOptions {
  /** Stop when this many steps have been made; without it, `run` throws after the kernel's `maxSteps`. */
  readonly maxSteps?: number
  /** Stop rather than let time pass this moment, in milliseconds since boot. */
  readonly until?: number
}

/** The names of the options. */
export const KERNEL_OPTIONS: readonly string[] = [
  'modules',
  'profile',
  'seed',
  'rootfs',
  'schedule',
  'pidMax',
  'maxTasks',
  'programs',
  'backports',
  'maxNestedLinks',
  'hostname',
  'syscallTime',
  'maxSteps',
]

/** Linux: PID_MAX_LIMIT, include/linux/threads.h (2.6). */
const PID_MAX_LIMIT = 4 * 1024 * 1024

/** The same, checked and complete. */
export interface CheckedOptions {
  readonly modules: readonly AnyModule[]
  readonly profile: Profile
  readonly seed: number
  readonly rootfs: 'default' | 'empty'
  readonly schedule: SchedulePolicy
  readonly pidMax: number
  readonly maxTasks: number
  readonly programs: Readonly<Record<string, AnyProgram>>
  readonly backports: readonly string[]
  /** The profile's, with what other options change in them. */
  readonly facts: ProfileFacts
  readonly hostname: string
  readonly syscallTime: number
  readonly maxSteps: number
}

function fail(option: string, wanted: string, value: unknown): never {
  throw new TypeError(
    `createKernel: ${option} must be ${wanted}, not ${typeof value === 'string' ? `'${value}'` : String(value)}`,
  )
}

function checkSchedule(schedule: unknown): void {
  if (schedule === 'round-robin' || schedule === 'random' || Array.isArray(schedule)) return
  const pct = schedule as { kind?: unknown; depth?: unknown; steps?: unknown } | null
  const isPct = typeof pct === 'object' && pct !== null && pct.kind === 'pct'
  if (isPct && Number.isInteger(pct.depth) && Number.isInteger(pct.steps)) return
  fail(
    'schedule',
    "'round-robin', 'random', { kind: 'pct', depth, steps } or an array of recorded choices",
    schedule,
  )
}

/** Throws a TypeError that names the option and what is wanted. */
export function checkKernelOptions(options: KernelOptions): CheckedOptions {
  checkOptions('createKernel', options, KERNEL_OPTIONS)
  const {
    profile = '2.2.12',
    seed = 1,
    rootfs = 'default',
    schedule = 'round-robin',
    modules = [],
    programs = {},
  } = options
  const { backports = [], hostname = '(none)', syscallTime = 0, maxSteps = 10_000_000 } = options
  if (!isProfile(profile)) fail('profile', `one of ${PROFILES.join(', ')}`, profile)
  const facts = profileFacts(profile)
  const maxNestedLinks = options.maxNestedLinks ?? facts.maxSymlinkNesting
  const pidMax = options.pidMax ?? facts.pidMax
  const maxTasks = options.maxTasks ?? (options.pidMax === undefined ? facts.maxThreads : pidMax)
  if (!Number.isSafeInteger(seed)) fail('seed', 'a safe integer', seed)
  if (rootfs !== 'default' && rootfs !== 'empty') fail('rootfs', "'default' or 'empty'", rootfs)
  if (!Number.isInteger(pidMax) || pidMax < 2 || pidMax > PID_MAX_LIMIT)
    fail('pidMax', `an integer from 2 to ${PID_MAX_LIMIT}`, pidMax)
  if (!Number.isInteger(maxTasks) || maxTasks < 1) fail('maxTasks', 'an integer >= 1', maxTasks)
  if (!Array.isArray(modules)) fail('modules', 'an array of modules', modules)
  if (!Array.isArray(backports)) fail('backports', 'an array of system call names', backports)
  if (!Number.isInteger(maxNestedLinks) || maxNestedLinks < 1 || maxNestedLinks > 100)
    fail('maxNestedLinks', 'an integer from 1 to 100', maxNestedLinks)
  if (typeof programs !== 'object' || programs === null)
    fail('programs', 'an object of path: program', programs)
  if (typeof hostname !== 'string') fail('hostname', 'a string', hostname)
  if (typeof syscallTime !== 'number' || !(syscallTime >= 0))
    fail('syscallTime', 'a number of milliseconds >= 0', syscallTime)
  if (!Number.isSafeInteger(maxSteps) || maxSteps < 1) fail('maxSteps', 'an integer >= 1', maxSteps)
  checkSchedule(schedule)
  return {
    modules,
    profile,
    seed,
    rootfs,
    schedule,
    pidMax,
    maxTasks,
    programs,
    backports,
    facts:
      maxNestedLinks === facts.maxSymlinkNesting
        ? facts
        : Object.freeze({ ...facts, maxSymlinkNesting: maxNestedLinks }),
    hostname,
    syscallTime,
    maxSteps,
  }
}
