/**
 * seccomp: tasks that can only read, write, exit and return from a signal, and capabilities granted over pipes.
 *
 * `seccomp()` is the kernel's part. Mode 1 as of 2.6.12 to 2.6.14: a number written into /proc/PID/seccomp confines a
 * thread for good, and any other call ends it as if by SIGKILL. Later ways in, and mode 2 with BPF filters, are options.
 * What it keeps is one value in its slot on each task; everything is decided in the hook syscallWork, which only the
 * calls of confined tasks come to.
 *
 * The broker and its clients are a library of user space on top: they make ordinary system calls.
 */

import { EFAULT, ENOSYS } from '../abi/errno.js'
import { SIGSEGV } from '../abi/signal.js'
import type { KernelCore } from '../kernel/kernel.js'
import { defineModule } from '../kernel/module.js'
import { forceSignal, kernelInfo } from '../kernel/signal.js'
import type { Task } from '../kernel/task.js'
import { blob } from '../security/blob.js'
import { SECCOMP_MODE_DISABLED, SECCOMP_MODE_STRICT } from './actions.js'
import { ARCHS } from './arch.js'
import { enterFiltered, enterStrict, RDTSC } from './enter.js'
import { type SeccompOptions, settingsOf } from './options.js'
import { prctlOperations, sysSeccomp } from './prctl.js'
import { seccompEntry } from './proc.js'
import { type Confinement, flagCompat, modeOf } from './state.js'

/** Ticks of the time-stamp counter in a millisecond: a processor of 1 GHz. */
const TSC_PER_MS = 1_000_000

/** What `kernel.seccomp` offers to the host. */
export interface SeccompApi {
  /** SECCOMP_MODE_* of a live task or zombie. A RangeError when there is none with this pid. */
  mode(pid: number): number
  /** How many filters it has. */
  filters(pid: number): number
  /** Makes its program a 32-bit one, with the numbers of those, or takes that back. Linux: TIF_IA32. */
  set32Bit(pid: number, on: boolean): void
}

const task = (k: KernelCore, pid: number): Task => {
  const found = k.state.tasks.get(pid)
  if (found === undefined) throw new RangeError(`seccomp: there is no pid ${pid}`)
  return found
}

/** The module. Throws a TypeError for options that there are not. */
export function seccomp(options: SeccompOptions = {}) {
  const settings = settingsOf(options)
  const abis = ARCHS[settings.arch]
  return defineModule({
    name: 'seccomp',
    init: () => null,
    attach(k) {
      const slot = blob<Confinement>(k.securitySlots.get('seccomp') ?? 0)
      // The short way of what a confined task does nearly always; where numbers are another architecture's there is none.
      const [ownRead, ownWrite] = abis.native.isOwn ? abis.native.mode1 : [Number.NaN, Number.NaN]
      const api: SeccompApi = {
        mode: (pid) => modeOf(slot, task(k, pid)),
        filters: (pid) => slot.get(task(k, pid))?.filter?.depth ?? 0,
        set32Bit: (pid, on) => flagCompat(slot, task(k, pid), on),
      }
      return {
        api,
        hooks: {
          syscallWork(current, name, nr, a, b, c, d, e, f) {
            const confinement = slot.get(current)
            if (confinement === undefined) return 0
            const { mode, isCompat } = confinement
            if (mode === SECCOMP_MODE_STRICT && (nr === ownRead || nr === ownWrite)) return 0
            if (mode === SECCOMP_MODE_DISABLED) return 0
            const abi = isCompat ? abis.compat : abis.native
            return mode === SECCOMP_MODE_STRICT
              ? enterStrict(settings, current, abi, name, nr)
              : enterFiltered(current, confinement, abi, name, nr, [a, b, c, d, e, f])
          },
        },
        syscalls: {
          /**
           * The time-stamp counter: an instruction and no system call, so that no mode looks at it. In mode 1 on i386 it
           * faults: SIGSEGV. Deviation: a handler of that returns to after the instruction, with EFAULT as the result,
           * and not to the instruction.
           */
          [RDTSC](current: Task): number {
            if (!abis.disablesTsc || modeOf(slot, current) !== SECCOMP_MODE_STRICT)
              return Math.floor(current.k.now * TSC_PER_MS)
            forceSignal(
              current,
              kernelInfo(SIGSEGV),
              'hook',
              'seccomp mode 1 disables the time-stamp counter',
            )
            return EFAULT
          },
          /** See seccomp(2); ENOSYS without filters. */
          seccomp: (current: Task, operation: number, flags?: number, argument?: unknown): number =>
            settings.filters ? sysSeccomp(slot, settings, current, operation, flags, argument) : ENOSYS,
        },
        prctl: prctlOperations(slot, settings),
        callName: (current, nr) =>
          (slot.get(current)?.isCompat === true ? abis.compat : abis.native).name(nr, k.facts.release),
        proc: settings.byProc ? [seccompEntry(slot)] : [],
      }
    },
  })
}

export {
  AUDIT_ARCH_I386,
  AUDIT_ARCH_X86_64,
  PR_GET_NO_NEW_PRIVS,
  PR_SET_NO_NEW_PRIVS,
  SECCOMP_FILTER_FLAG_LOG,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_TSYNC,
  SECCOMP_GET_ACTION_AVAIL,
  SECCOMP_MODE_DISABLED,
  SECCOMP_MODE_FILTER,
  SECCOMP_MODE_STRICT,
  SECCOMP_RET_ACTION_FULL,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_DATA,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_KILL_PROCESS,
  SECCOMP_RET_KILL_THREAD,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SECCOMP_RET_TRAP,
  SECCOMP_RET_USER_NOTIF,
  SECCOMP_SET_MODE_FILTER,
  SECCOMP_SET_MODE_STRICT,
  SYS_SECCOMP,
} from './actions.js'
export type { Arch } from './arch.js'
export { BPF_JUMP, BPF_STMT, checkFilter, decodeBpf, encodeBpf, type SockFilter } from './bpf.js'
export { runBpf } from './bpf_run.js'
export { assembleBpf, disassembleBpf, listBpf } from './bpf_text.js'
export { SECCOMP_DEATH } from './events.js'
export type { SeccompOptions } from './options.js'
export {
  Broker,
  type BrokerOptions,
  type Budget,
  type ChildEnds,
  type Client,
  type Meter,
  type PortsResource,
  REVOKED,
  type ServiceResource,
} from './rpc/broker.js'
export type { BrokerCalls, Call, ClientCalls, Steps } from './rpc/calls.js'
export { type ArgsOf, type Capability, Link, type ResultOf } from './rpc/client.js'
export {
  encodeFrame,
  FRAME_CALL,
  FRAME_ERROR,
  FRAME_REPLY,
  type Frame,
  FrameReader,
  HEADER_SIZE,
  MAX_FRAME,
  MAX_PAYLOAD,
} from './rpc/frame.js'
export {
  decodeRestrictions,
  encodeRestrictions,
  type Grant,
  type Resource,
  type Restrictions,
} from './rpc/grant.js'
export {
  DIRECTORY,
  defineInterface,
  FILE,
  type Interface,
  LINK,
  OPEN_CREATE,
  OPEN_WRITE,
  type Operation,
  operation,
  PORTS,
  STREAM,
  words,
} from './rpc/interfaces.js'
export type { DirectoryResource, FileResource, Offerable, StreamResource } from './rpc/objects.js'
