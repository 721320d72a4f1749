/**
 * Copies between a program's memory and the kernel, as far as they can be made to fail.
 *
 * The model copies nothing: arguments and results are the program's own values. Only under a fault experiment (see
 * sim/faults.ts) does a call ask whether what Linux copies here is there: names and structures before the handler
 * runs, results when it has run, so that everything the call has done by then stays done. pipe(2) leaves both
 * descriptors open, sigaction(2) and setitimer(2) have set what they were given, sigwaitinfo(2) has taken the signal.
 *
 * Calls whose copy is not the last thing they do ask for themselves: read and write (per file operation), getdents
 * (the position stays), wait4 (the child stays a zombie, though its times have been added).
 *
 * Linux: getname, fs/namei.c; copy_from_user, copy_to_user in the sys_ functions (2.2.12, 2.6.14).
 */

import { EFAULT, ENOMEM, isErr } from '../abi/errno.js'
import { F_GETLK, F_GETLK64 } from '../abi/fcntl.js'
import type { KernelCore } from '../kernel/kernel.js'
import type { PendingCall } from '../kernel/task.js'
import { shouldFail } from '../sim/faults.js'

/** Is it a structure or an array in the program's memory? Data of reads and writes is the file operation's. */
const isStructure = (arg: unknown): boolean =>
  typeof arg === 'object' && arg !== null && !(arg instanceof Uint8Array)

/** The error of a call whose names or structures cannot be read; 0 when all can. */
export function copyIn(k: KernelCore, call: PendingCall): number {
  for (const arg of call.args) {
    if (typeof arg === 'string') {
      if (shouldFail(k, 'alloc:name')) return ENOMEM
      if (shouldFail(k, 'copy:name')) return EFAULT
    } else if (isStructure(arg) && shouldFail(k, 'copy:in')) return EFAULT
  }
  return 0
}

/** Calls that copy their results out by themselves. */
const OWN_COPY: ReadonlySet<string> = new Set(['wait4', 'waitpid', 'getdents'])

/** Does the call answer through a structure among its arguments, though its result is a number? */
function answersInArgs({ name, args }: PendingCall): boolean {
  if (name === 'fcntl') return args[1] === F_GETLK || args[1] === F_GETLK64
  return (name === 'poll' || name === 'select' || name === 'ioctl') && args.some(isStructure)
}

/** What a call returns that has come to its end: its result, or EFAULT where that cannot be written. */
export function copyOut(k: KernelCore, call: PendingCall, result: unknown): unknown {
  if (isErr(result) || OWN_COPY.has(call.name)) return result
  const copies = typeof result === 'string' || isStructure(result) || answersInArgs(call)
  return copies && shouldFail(k, 'copy:out') ? EFAULT : result
}
