/**
 * `chown` and `chgrp`. fileutils 4.0.
 *
 * Left out: -c, -v, -h, --reference and the other long options.
 */

import type { Stat } from '../../abi/stat.js'
import type { Program } from '../../programs/sys_types.js'
import { getopt, type Part, runTool, Stop, type TreeToolSys } from '../tool.js'
import { idNamed, readGroups, readUsers } from './names.js'
import { changeTree, stripSlashes, tooFew } from './walk.js'

/** Who shall own it; -1 leaves what is. */
interface Owner {
  readonly uid: number
  readonly gid: number
}

/** 'alice', 'alice.users', 'alice:users', 'alice.' (her own group), '.users'. fileutils: parse_user_spec. */
function* readOwner(sys: TreeToolSys, text: string): Part<Owner> {
  const users = yield* readUsers(sys)
  const dot = text.includes(':') ? text.indexOf(':') : text.indexOf('.')
  const [user, group] = dot < 0 ? [text, null] : [text.slice(0, dot), text.slice(dot + 1)]
  const stop = (what: string): Stop => new Stop(`chown: ${text}: ${what}\n`, 1)
  let uid = -1
  if (user !== '') {
    uid = idNamed(users, user)
    if (uid < 0) throw stop('invalid user')
  }
  if (group === null) return { uid, gid: -1 }
  if (group === '') {
    const own = users.groupOf.get(uid)
    if (own !== undefined) return { uid, gid: own }
    throw stop(
      user === '' ? 'can not omit both user and group' : 'cannot get the login group of a numeric UID',
    )
  }
  const gid = idNamed(yield* readGroups(sys), group)
  if (gid < 0) throw stop('invalid group')
  return { uid, gid }
}

function* change(
  sys: TreeToolSys,
  tool: string,
  args: readonly string[],
  ownerOf: (text: string) => Part<Owner>,
): Part<number> {
  const { options, operands } = getopt(tool, args, 'Rf')
  const [text, ...files] = operands
  if (text === undefined || files.length === 0) throw new Stop(tooFew(tool), 1)
  const { uid, gid } = yield* ownerOf(text)
  const manner = { tool, isDeep: options.has('R'), isSilent: options.has('f') }
  let status = 0
  for (const file of files) {
    const isGood = yield* changeTree(sys, manner, stripSlashes(file), function* (path, found: Stat) {
      const owner = uid < 0 ? found.uid : uid
      const group = gid < 0 ? found.gid : gid
      return owner === found.uid && group === found.gid ? 0 : yield* sys.chown(path, owner, group)
    })
    if (!isGood) status = 1
  }
  return status
}

/** The program: `kernel.install('/bin/chown', chown)`. */
export function* chown(sys: TreeToolSys, ...args: string[]): Program {
  return yield* runTool(sys, () => change(sys, 'chown', args, (text) => readOwner(sys, text)))
}

function* readGroup(sys: TreeToolSys, text: string): Part<Owner> {
  const gid = idNamed(yield* readGroups(sys), text)
  if (gid < 0) throw new Stop(`chgrp: invalid group name \`${text}'\n`, 1)
  return { uid: -1, gid }
}

/** The program: `kernel.install('/bin/chgrp', chgrp)`. */
export function* chgrp(sys: TreeToolSys, ...args: string[]): Program {
  return yield* runTool(sys, () => change(sys, 'chgrp', args, (text) => readGroup(sys, text)))
}
