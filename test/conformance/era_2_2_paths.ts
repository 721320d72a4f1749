/**
 * What changed between 2.2.12 and 2.6.20 about path names and attributes of files. See era.ts.
 */

import { isErr, type Stat } from 'paleokernel'
import { changeFile, otherWords, setMode } from './bring.js'
import type { After, EraDifference, Mismatch } from './era.js'
import {
  answers,
  callsOf,
  endsOddly,
  goOn,
  isOrdering,
  isType,
  linksToRoot,
  modeAt,
  O_ACCMODE,
  O_CREAT,
  O_DIRECTORY,
  O_TRUNC,
  openFlags,
  opensWith,
  outcomes,
  pathsOf,
  statOf,
  undoIfRefused,
  vs2620,
  withoutFlag,
} from './era_help.js'
import { pathOf } from './values.js'

const S_IFDIR = 0o040000
const S_IFLNK = 0o120000
const S_ISUID = 0o4000
const S_ISVTX = 0o1000
const S_ISGID_IXGRP = 0o2010

const CHOWN: readonly string[] = ['chown', 'lchown', 'fchown']
const NAMES: readonly string[] = ['mkdir', 'mknod', 'symlink', 'rmdir', 'unlink', 'link']

/** What chown leaves of a mode. S_ISGID without execution by the group stands for mandatory locking. */
const withoutSetIds = (mode: number): number =>
  mode & ~((mode & S_ISGID_IXGRP) === S_ISGID_IXGRP ? 0o6000 : S_ISUID)

/** The file of a chown line. */
function chowned(m: Mismatch): Stat | undefined {
  const { line } = m
  const word = line.a[0] ?? ''
  if (line.op === 'fchown') return statOf(m, Number(word))
  if (line.op === 'chown') return statOf(m, word)
  const stat = callsOf(m)?.lstat(pathOf(word))
  return stat === undefined || isErr(stat) ? undefined : stat
}

/** Makes a node as the acting task would: what a FIFO of its gets, with another type. */
function mknod({ line }: Mismatch): After {
  const [path = '', type = '0', mode = '0'] = line.a
  return (world) => {
    const made = world.run({ ...line, a: [path, 'S_IFIFO', mode, '0'] })
    const stat = world.actors[line.t]?.proc.sys.lstat(pathOf(path))
    if (made.r !== 0 || stat === undefined || isErr(stat)) return {}
    const isDone = changeFile(world, stat, (sys, name) => {
      sys.unlink(name)
      sys.mknod(name, (stat.mode & 0o7777) | world.dialect.value(type).n, 0)
      sys.chown(name, stat.uid, stat.gid)
      sys.chmod(name, stat.mode & 0o7777)
    })
    return isDone ? made : {}
  }
}

export const ERA_2_2_PATHS: readonly EraDifference[] = [
  vs2620({
    name: 'truncate refuses directories and ftruncate the wrong open mode, with EACCES, and no other kind of file',
    cite: 'sys_truncate, sys_ftruncate and do_truncate, fs/open.c (2.2): the length is looked at last; 2.6: EINVAL and EISDIR',
    covers: (m) => {
      if (m.line.op !== 'truncate' && m.line.op !== 'ftruncate') return false
      if (Number(m.line.a[1]) < 0) return outcomes(m)?.recorded === 'EINVAL'
      return answers(m, 'EINVAL', 'EACCES', 'ok') || answers(m, 'EISDIR', 'EACCES')
    },
    after: undoIfRefused,
  }),
  vs2620({
    name: 'CAP_DAC_OVERRIDE executes what nobody may execute',
    cite: 'permission, fs/namei.c (2.2); generic_permission asks for an execute bit since 2.4',
    covers: (m) =>
      m.line.op === 'access' && m.line.a[1]?.includes('X_OK') === true && answers(m, 'EACCES', 'ok'),
    after: goOn,
  }),
  vs2620({
    name: 'chown sets both ids, and root keeps the set-id bits',
    cite: 'chown_common, fs/open.c (2.2): for -1 the old id, which only the owner may set; `current->fsuid` (until 2.2.13); 2.6: neither',
    looksAt: 'all',
    covers: (m) => {
      const { keys, line } = m
      if (!CHOWN.includes(line.op)) return false
      if (keys.length > 0) return line.a[1] === '-1' && line.a[2] === '-1' && answers(m, 'ok', 'EPERM')
      const mode = line.r === 0 ? (chowned(m)?.mode ?? 0) : 0
      return !isType(mode, S_IFDIR) && withoutSetIds(mode) !== mode
    },
    after: (m) => {
      const stat = chowned(m)
      if (m.keys.length > 0) return 'go on'
      return stat === undefined ? 'stop' : setMode(m, stat, withoutSetIds(stat.mode))
    },
  }),
  vs2620({
    name: 'mkdir leaves the sticky bit out',
    cite: 'do_mkdir, fs/namei.c (2.2): `mode &= 0777 & ~umask`; vfs_mkdir takes S_ISVTX since 2.4',
    looksAt: 'agreement',
    covers: ({ line }) =>
      line.op === 'mkdir' && line.r === 0 && (Number.parseInt(line.a[1] ?? '0', 8) & S_ISVTX) !== 0,
    after: (m) => {
      const stat = statOf(m, m.line.a[0] ?? '')
      return stat === undefined ? 'stop' : setMode(m, stat, stat.mode | S_ISVTX)
    },
  }),
  vs2620({
    name: 'mknod is for administrators only',
    cite: 'sys_mknod, fs/namei.c (2.2): EPERM without CAP_SYS_ADMIN unless a FIFO, before the path is looked at; 2.4: CAP_MKNOD, devices only',
    covers: (m) => m.line.op === 'mknod' && outcomes(m)?.ours === 'EPERM',
    after: (m) => (m.line.e === undefined ? mknod(m) : 'go on'),
  }),
  vs2620({
    name: 'O_CREAT opens what is there, a directory too',
    cite: 'open_namei, fs/namei.c (2.2): one walk to the end, for a directory with O_DIRECTORY; 2.6 walks to the parent, EISDIR for a directory and unless LAST_NORM',
    covers: (m) => {
      const recorded = outcomes(m)?.recorded
      if (!opensWith(m, O_CREAT) || recorded === undefined) return false
      if (recorded === 'EISDIR' || opensWith(m, O_DIRECTORY)) return true
      // ELOOP is what a link gets whose text ends in ".", ".." or "/"; after "/" the old last component is used again.
      const isLink = pathsOf(m.line).some((path) => isType(modeAt(m, path), S_IFLNK))
      return (recorded === 'ELOOP' && isLink) || linksToRoot(m)
    },
    after: undoIfRefused,
  }),
  vs2620({
    name: 'O_TRUNC is a wish to write',
    cite: 'filp_open, fs/open.c (2.2): `flag |= 2`, so EISDIR for a directory; gone in 2.6',
    covers: (m) =>
      opensWith(m, O_TRUNC) &&
      (openFlags(m.line, m.world) & O_ACCMODE) === 0 &&
      outcomes(m)?.ours === 'EISDIR',
    after: ({ line }) =>
      line.e !== undefined
        ? 'go on'
        : otherWords(line, ...line.a.map((word) => withoutFlag(word, 'O_TRUNC'))),
  }),
  vs2620({
    name: 'names are looked up to their end before they are made or removed',
    cite: 'lookup_dentry in do_mkdir, do_mknod, do_symlink, do_rmdir, do_unlink and do_link, fs/namei.c (2.2); 2.6 walks to the parent first',
    covers: (m) => {
      if (!NAMES.includes(m.line.op) || outcomes(m) === undefined) return false
      return pathsOf(m.line).some(endsOddly) || (m.line.op === 'link' && isOrdering(m, 'ENOENT'))
    },
    after: undoIfRefused,
  }),
  vs2620({
    name: 'rename looks up both names before it judges them',
    cite: 'do_rename and vfs_rename_dir, fs/namei.c (2.2): lookups, permissions, EINVAL, EBUSY for a target in use; 2.6: kinds of last component and ancestors first',
    covers: (m) =>
      m.line.op === 'rename' &&
      (isOrdering(m) ||
        answers(m, 'ok', 'EBUSY') ||
        (pathsOf(m.line).some(endsOddly) && outcomes(m)?.ours === 'ok')),
    after: undoIfRefused,
  }),
]
