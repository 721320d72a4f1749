/**
 * S_ISGID without S_IXGRP: until 6.1 the mark of a file whose locks are mandatory, which writing and chown leave alone;
 * since 6.2 a set-gid bit like any other, which a task that is not in the file's group cannot keep. See era.ts.
 */

import type { Stat } from 'paleokernel'
import { clearMode } from './bring.js'
import type { After, EraDifference, Mismatch } from './era.js'
import { answers, isType, mayKeepSetGid, undoIfRefused, vs618 } from './era_help.js'

const S_ISGID = 0o2000
const S_IXGRP = 0o010
const S_IFDIR = 0o040000

const CHOWNS: readonly string[] = ['chown', 'lchown', 'fchown']
const CITE =
  'setattr_should_drop_sgid, fs/attr.c, in chown_common and file_remove_privs since 6.2; before, S_ISGID only with S_IXGRP: remove_suid, mm/filemap.c, and notify_change, fs/attr.c'

/** The file of the line, as it was, if it has such a bit that the acting task may not keep. */
function marked(m: Mismatch): Stat | undefined {
  const { before } = m.world
  if (before === undefined || isType(before.mode, S_IFDIR)) return undefined
  if ((before.mode & (S_ISGID | S_IXGRP)) !== S_ISGID) return undefined
  return mayKeepSetGid(m, before.gid) ? undefined : before
}

/** `after` of a line that has cleared the bit there. */
function clearSetGid(m: Mismatch): After {
  const { before } = m.world
  return before === undefined ? 'stop' : clearMode(m, before, S_ISGID)
}

export const ERA_6_18_SETGID: readonly EraDifference[] = [
  vs618({
    name: 'writing to a file of a foreign group clears S_ISGID, executable or not',
    cite: CITE,
    looksAt: 'agreement',
    covers: (m) => ['write', 'pwrite'].includes(m.line.op) && (m.line.r ?? 0) > 0 && marked(m) !== undefined,
    after: clearSetGid,
  }),
  vs618({
    name: 'chown of a file of a foreign group clears S_ISGID, executable or not',
    cite: CITE,
    looksAt: 'agreement',
    covers: (m) => CHOWNS.includes(m.line.op) && m.line.r === 0 && marked(m) !== undefined,
    after: clearSetGid,
  }),
  vs618({
    name: 'chown that changes nothing is refused where S_ISGID of a foreign group would be cleared',
    cite: `${CITE}; setattr_prepare: the mode is the owner's`,
    covers: (m) => CHOWNS.includes(m.line.op) && answers(m, 'EPERM', 'ok') && marked(m) !== undefined,
    after: undoIfRefused,
  }),
]
