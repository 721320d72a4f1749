/**
 * MAC: a running kernel divided into compartments that do not see one another, with grades of integrity inside.
 *
 * Model of the patch to 2.2.12 by Malcolm Beattie (1999); reference §2. Tasks and file systems have labels; a task sees
 * what is of its compartment, reads no file system below its grade and writes none above it. At boot everything belongs
 * to the administrator and nothing is refused.
 */

import { MS_NOUSER } from '../abi/mount.js'
import type { KernelCore } from '../kernel/kernel.js'
import { defineModule } from '../kernel/module.js'
import { pidFor, pidInPart } from '../kernel/part.js'
import type { Task } from '../kernel/task.js'
import { parseIp } from '../net/sockaddr.js'
import type { File } from '../vfs/file.js'
import { MAY_WRITE } from '../vfs/inode.js'
import { macAudit } from './audit.js'
import { labelFile, macCalls } from './calls.js'
import { describe, type MacCompartment } from './describe.js'
import { explain, type MacDecision, type MacObject, type MacOperation } from './explain.js'
import { macField, macSelector } from './firewall.js'
import { flowsOf, type MacFlow } from './flows.js'
import { Judge, MAY_LOOK } from './judge.js'
import { MAC_SHARED, MAX_GRADE, parseLabel, showLabel } from './label.js'
import { mlsfsModule } from './mlsfs.js'
import {
  checkMount,
  checkRemount,
  checkUmount,
  labelMount,
  listsMount,
  MAC_OPTION,
  relabelMount,
} from './mount.js'
import { socketHooks } from './net.js'
import { configOf, type MacOptions, settingsOf } from './options.js'
import type { Rule } from './rules.js'
import { partOfLabel, seal } from './seal.js'
import { Labels, MacState } from './state.js'

/** What `kernel.mac` offers to the host. Throws a TypeError for pids and labels that there are not. */
export interface MacApi {
  /** The label of a process as text: '10:3'. */
  labelOf(pid: number): string
  /** Gives a process a label, as an administrator would. */
  setLabel(pid: number, label: string): void
  /** The number by which a process's own compartment knows it: another one than its pid where `sealed` is set. */
  numberOf(pid: number): number
  /** The pid of the process that a compartment knows by a number; undefined where there is none. */
  pidOf(compartment: number, number: number): number | undefined
  /** Reserves an address such as '10.0.0.2' for a compartment: others cannot bind it (MAC-46). -1: for nobody again. */
  reserve(address: string, compartment: number): void
  /** What the rules say of an operation of a process on a process or on the files at a path, without trying it. */
  explain(pid: number, operation: MacOperation, object: MacObject): MacDecision
  /** Who and what is in which compartment. */
  describe(): readonly MacCompartment[]
  /** Who may reach whom beyond the own compartment, derived from labels, grades and rules with labels. */
  flows(): readonly MacFlow[]
  /** The lines of the kernel's .config: 'CONFIG_MAC=y', 'CONFIG_MLS_FS=m' (MAC-62). */
  readonly config: string
  /** How often each rule has refused since this copy of the kernel was made (MAC-63). */
  readonly refusals: ReadonlyMap<Rule, number>
}

function taskOf(k: KernelCore, pid: number): Task {
  const task = k.state.tasks.get(pid)
  if (task === undefined) throw new TypeError(`mac: there is no pid ${pid}`)
  return task
}

/** The module. Throws a TypeError for options that there are not. */
export function mac(options: MacOptions = {}) {
  const settings = settingsOf(options)
  return defineModule({
    name: 'mac',
    uses: ['net'],
    init: () => new MacState(),
    attach(k, state) {
      const labels = new Labels(state, k.securitySlots.get('mac') ?? 0)
      const judge = new Judge(labels, settings)
      const sealed = seal(labels)
      const api: MacApi = {
        labelOf: (pid) => showLabel(labels.ofTask(taskOf(k, pid))),
        setLabel(pid, text) {
          const label = parseLabel(text)
          if (label === null || (label.flags & MAC_SHARED) !== 0)
            throw new TypeError(
              `mac: '${String(text)}' is no label of a task: such as '10:3' or '100:0+admin'`,
            )
          labels.labelTask(taskOf(k, pid), label)
        },
        numberOf(pid) {
          const task = taskOf(k, pid)
          return pidFor(task, pid)
        },
        pidOf(compartment, number) {
          const pid = settings.sealed && compartment !== 0 ? pidInPart(k, compartment, number) : number
          const task = k.state.tasks.get(pid)
          return task !== undefined && partOfLabel(labels)(task) === compartment ? pid : undefined
        },
        reserve(address, compartment) {
          const number = parseIp(address)
          if (number < 0) throw new TypeError(`mac: '${address}' is no address`)
          if (!Number.isInteger(compartment) || compartment < -1 || compartment > MAX_GRADE)
            throw new TypeError(`mac: compartment ${compartment}: 0 to ${MAX_GRADE} is wanted, or -1`)
          if (compartment < 0) state.addresses.delete(number)
          else state.addresses.set(number, compartment)
        },
        explain: (pid, operation, object) => explain(k, labels, settings, taskOf(k, pid), operation, object),
        describe: () => describe(k, labels),
        flows: () => flowsOf(k, settings, describe(k, labels)),
        config: configOf(settings),
        refusals: state.refusals,
      }
      return {
        api,
        audit: macAudit,
        syscalls: macCalls(labels),
        net: { firewall: [macField(labels)], ruleSelectors: [macSelector] },
        loadable: settings.mlsfs === 'none' ? [] : [mlsfsModule(settings.mlsfs === 'boot')],
        proc: [labelFile(labels)],
        mountOptions: [MAC_OPTION],
        // Labels are the superblocks', and directories lower nobody.
        searchesBySuperblock: true,
        tasksAmong(current: Task) {
          const members = labels.compartmentOf(current)
          if (members === null || !settings.initVisible || k.state.init === null) return members
          return [k.state.init, ...members]
        },
        taskStatus: (_current, task) => `MacLabel:\t${showLabel(labels.ofTask(task))}\n`,
        notify: {
          fork: (_parent, child) => labels.join(child),
          release: (task) => labels.leave(task),
        },
        ...(settings.sealed && { partOf: sealed.partOf }),
        hooks: {
          ...(settings.sealed && sealed.hooks),
          // The network: MAC-5, MAC-41 to MAC-52.
          ...socketHooks(judge),
          // Tasks: who is there at all (MAC-20 to MAC-26), and who may be changed (MAC-27).
          taskVisible: (current, target) => judge.sees(current, target),
          taskKill: (current, target) => (current === null ? 0 : judge.changes(current, target)),
          taskSetnice: (current, target) => judge.changes(current, target),
          fileSetFowner: (current, file) => labels.noteSender(file, current),
          fileSendSigiotask: (task, file) => judge.tells(labels.senderOf(file), task),
          // Files: before the mode bits (MAC-30, MAC-31), at opens only (MAC-34) unless they are to be revoked.
          inodeAccess: (current, inode, mask) => judge.access(current, inode, mask),
          inodeGetattr: (current, inode) => judge.access(current, inode, MAY_LOOK),
          inodeReadlink: (current, inode) => judge.access(current, inode, MAY_LOOK),
          inodeFollowLink: (current, inode) => judge.access(current, inode, MAY_LOOK),
          inodeSetattr: (current, inode) => judge.access(current, inode, MAY_WRITE),
          taskToInode: (task, inode) => labels.showTask(task, inode),
          ...(settings.revocation && {
            filePermission: (current: Task, file: File, mask: number) =>
              judge.access(current, file.inode, mask),
          }),
          // Whom a lock keeps out learns of it: it is written into the file system (MAC-30 write).
          fileLock: (current, file) => judge.locks(current, file.inode.sb),
          // File systems: who sees and labels them (MAC-32, MAC-33).
          sbMount: (current, _source, dentry, _type, flags) => checkMount(judge, current, dentry, flags),
          mountVisible: (current, mnt) => listsMount(judge, current, mnt),
          sbKernMount: (current, sb, data) => labelMount(labels, current, sb, data),
          sbRemount: (current, _sb, _flags, data) => checkRemount(labels, current, data),
          sbPostRemount: (_current, sb, _flags, data) => relabelMount(labels, sb, data),
          sbUmount: (current, mnt) => checkUmount(judge, current, mnt),
          sbStatfs: (current, sb) => ((sb.flags & MS_NOUSER) !== 0 ? 0 : judge.seesFiles(current, sb)),
        },
      }
    },
  })
}

export type { MacCompartment, MacMount, MacPort, MacRoutes, MacTask } from './describe.js'
export { MAC_LABEL } from './events.js'
export type { MacDecision, MacObject, MacOperation } from './explain.js'
export {
  type MacKeyword,
  type MaclabelField,
  type MaclabelOption,
  macKeyword,
  maclabelOption,
  RTA_MACLABEL,
} from './firewall.js'
export type { MacDeed, MacFlow, MacPlace } from './flows.js'
export { type Label, MAC_ADMIN, MAC_SHARED, MAX_GRADE, parseLabel, showLabel } from './label.js'
export type { MacView } from './lanes.js'
export { macMermaid } from './mermaid.js'
export type { MacOptions } from './options.js'
export type { Rule } from './rules.js'
export { type MacSvgOptions, macSvg } from './svg.js'
