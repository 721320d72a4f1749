/** What sockfs adds to a recount: the table is there when it must be, and everything shows what it says. */

import { S_IALLUGO } from '../abi/stat.js'
import type { Audit, Books } from '../kernel/books.js'
import type { SuperBlock } from '../vfs/superblock.js'
import { gidOf, modeOf, PORTS, type SockfsState, uidOf } from './table.js'

function checkShown(books: Books, state: SockfsState, table: Uint16Array, { root }: SuperBlock): void {
  const { rootUid, rootGid, rootMode } = state
  books.same('the mode of the directory of sockfs', (root?.inode?.mode ?? 0) & S_IALLUGO, rootMode)
  books.same('the owner of the directory of sockfs', root?.inode?.uid, rootUid)
  books.same('the group of the directory of sockfs', root?.inode?.gid, rootGid)
  for (const { name, inode } of root?.children?.values() ?? []) {
    const port = Number(name)
    books.must(port >= 1 && port <= PORTS, `sockfs shows '${name}'`)
    books.same(`the mode of port ${name}`, (inode?.mode ?? 0) & S_IALLUGO, modeOf(table, port))
    books.same(`the owner of port ${name}`, inode?.uid, uidOf(table, port))
    books.same(`the group of port ${name}`, inode?.gid, gidOf(table, port))
  }
}

/** The audit of the module. */
export const sockfsAudit: Audit = Object.freeze({
  name: 'sockfs',

  holds: () => {},

  check(books) {
    const state = books.k.state.modules.get('sockfs') as SockfsState
    const { table, mounted, isInForce, keepsTable, unmountMode } = state
    const isLoaded = books.k.state.loadedModules.includes('sockfs')
    for (const sb of mounted)
      books.must(books.k.state.superBlocks.includes(sb), 'sockfs has lost a mount of its own')
    books.must(
      isLoaded || (table === null && mounted.length === 0),
      'sockfs is not loaded, and holds something',
    )
    books.must(isInForce || mounted.length === 0, 'sockfs is mounted and not in force')
    books.must(!isInForce || mounted.length > 0 || unmountMode === 'preserve', 'sockfs is in force unseen')
    books.must((table !== null) === (isInForce || keepsTable), 'sockfs has a table it does not need, or none')
    if (table !== null) for (const sb of mounted) checkShown(books, state, table, sb)
  },
} satisfies Audit)
