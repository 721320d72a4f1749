/** The files of a scenario, and the directories on the way to them. */

import { EEXIST, isErr } from '../abi/errno.js'
import { O_CREAT, O_TRUNC, O_WRONLY } from '../abi/fcntl.js'
import { S_IFIFO } from '../abi/stat.js'
import { utf8Encode } from '../lib/bytes.js'
import { checkOptions } from '../lib/check_options.js'
import { SyscallError } from '../programs/errors.js'
import type { Process } from '../programs/process.js'
import type { FileBase, FileSpec } from './options.js'
import type { Users } from './users.js'

/** Makes a directory unless there is one. */
function ensureDirectory({ sys }: Process, path: string): void {
  const done = sys.mkdir(path, 0o755)
  if (isErr(done) && done !== EEXIST) throw new SyscallError(done, 'mkdir', path)
}

/** Makes the directories above a path. */
export function ensureParents(root: Process, path: string): void {
  for (let end = path.indexOf('/', 1); end > 0; end = path.indexOf('/', end + 1))
    ensureDirectory(root, path.slice(0, end))
}

function writeFile({ libc }: Process, path: string, content: string | Uint8Array): void {
  const fd = libc.open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
  const bytes = typeof content === 'string' ? utf8Encode(content) : content
  for (let done = 0; done < bytes.length; ) done += libc.write(fd, bytes.subarray(done))
  libc.close(fd)
}

/** Makes what `spec` says at `path`, or changes owner and mode of the directory that is there. */
export function makeFile(root: Process, users: Users, path: string, spec: FileSpec): void {
  if (!path.startsWith('/')) throw new TypeError(`scenario: file '${path}': an absolute path is wanted`)
  ensureParents(root, path)
  if (typeof spec === 'string' || spec instanceof Uint8Array) {
    writeFile(root, path, spec)
    return
  }
  if (typeof spec !== 'object' || spec === null)
    throw new TypeError(`scenario: file '${path}': text, bytes or a description is wanted`)
  checkOptions(`scenario: file '${path}'`, spec, ['owner', 'group', 'mode', 'content', 'type', 'linkTo'])
  if ('linkTo' in spec) {
    root.libc.symlink(spec.linkTo, path)
    return
  }
  const type = 'type' in spec ? spec.type : 'file'
  if (type === 'directory') ensureDirectory(root, path)
  else if (type === 'fifo') root.libc.mknod(path, S_IFIFO | 0o644, 0)
  else if (type === 'file') writeFile(root, path, 'content' in spec ? (spec.content ?? '') : '')
  else throw new TypeError(`scenario: file '${path}': type '${String(type)}': directory or fifo is wanted`)
  const { owner, group, mode = type === 'directory' ? 0o755 : 0o644 }: FileBase = spec
  const [uid, gid] = users.ids(owner, group)
  root.libc.chown(path, uid, gid)
  root.libc.chmod(path, mode)
}
