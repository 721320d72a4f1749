/**
 * Every system call of the core with its types: what `process.sys` carries before modules add theirs.
 *
 * The interfaces of the families hold the calls and what is said of them. From this one surface sys_types.ts
 * derives the others: calls that throw, calls that do not wait, calls of generator programs. The network's
 * calls (socket and its kin) come with the module `net`.
 */

import type { FileCalls } from './file_calls.js'
import type { IdentityCalls } from './identity_calls.js'
import type { PathCalls } from './path_calls.js'
import type { ProcessCalls } from './process_calls.js'
import type { SignalCalls } from './signal_calls.js'
import type { SystemCalls } from './system_calls.js'
import type { TimeCalls } from './time_calls.js'

/** Every system call of the core. Results are values or negative error numbers. */
export interface CoreSys
  extends FileCalls,
    PathCalls,
    ProcessCalls,
    IdentityCalls,
    SignalCalls,
    TimeCalls,
    SystemCalls {}
