/** Runs command lines of installed tools as users, and says what they printed. */
import {
  type AnyProgram,
  O_CREAT,
  O_RDONLY,
  O_WRONLY,
  type Process,
  type SpawnOptions,
  utf8Decode,
} from 'paleokernel'
import { chgrp, chmod, chown, insmod, kill, ls, lsmod, mount, ps, rmmod, umount } from 'paleokernel/userland'

/** What a tool has said. */
export interface Said {
  readonly out: string
  readonly err: string
  readonly status: number
}

/** The tools by their names. */
export const TOOLS: Readonly<Record<string, AnyProgram>> = {
  ls,
  chmod,
  chown,
  chgrp,
  mount,
  umount,
  insmod,
  rmmod,
  lsmod,
  ps,
  kill,
}

export interface Who {
  readonly uid: number
  readonly gid: number
  readonly groups?: readonly number[]
  readonly cwd?: string
}

const ROOT: Who = { uid: 0, gid: 0 }

/** Any kernel that runs programs. */
interface Machine {
  spawn(options?: SpawnOptions): Process
  install(path: string, program: AnyProgram): void
  run(): unknown
}

export interface Shell {
  /** Runs a line; quotes have no meaning. */
  run(line: string, who?: Who): Said
  /** The line must succeed without complaints; its output. */
  sh(line: string, who?: Who): string
  /** Replaces a file. */
  write(path: string, text: string): void
}

/** Puts the tools into /bin and a few users into /etc. */
export function shellOf(k: object): Shell {
  const kernel = k as Machine
  const host = kernel.spawn({ umask: 0 })
  for (const [name, program] of Object.entries(TOOLS)) kernel.install(`/bin/${name}`, program)
  let serial = 0

  function slurp(path: string): string {
    const fd = host.libc.open(path, O_RDONLY)
    const buf = new Uint8Array(262144)
    let length = 0
    for (let n = host.libc.read(fd, buf); n > 0; n = host.libc.read(fd, buf.subarray(length))) length += n
    host.libc.close(fd)
    host.libc.unlink(path)
    return utf8Decode(buf, 0, length)
  }

  function run(line: string, { uid, gid, groups = [], cwd = '/' }: Who = ROOT): Said {
    const [name = '', ...args] = line.split(' ').filter((word) => word !== '')
    const files = [1, 2].map((fd) => `/tmp/${fd}.${serial++}`)
    for (const file of files) host.libc.close(host.libc.open(file, O_WRONLY | O_CREAT, 0o666))
    const child = kernel.spawn({ uid, gid, groups, cwd, umask: 0o022 })
    for (const path of ['/tmp', ...files]) child.libc.open(path, path === '/tmp' ? O_RDONLY : O_WRONLY)
    child.sys.execve(`/bin/${name}`, [name, ...args], [])
    kernel.run()
    const [out = '', err = ''] = files.map(slurp)
    return { out, err, status: child.exitCode ?? -1 }
  }

  return {
    run,
    sh(line, who) {
      const said = run(line, who)
      if (said.status !== 0 || said.err !== '') throw new Error(`${line}: ${said.status} ${said.err}`)
      return said.out
    },
    write(path, text) {
      host.sys.unlink(path)
      const fd = host.libc.open(path, O_WRONLY | O_CREAT, 0o644)
      host.libc.write(fd, new TextEncoder().encode(text))
      host.libc.close(fd)
    },
  }
}

export const USERS =
  'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:100:Alice:/home/alice:/bin/sh\nbob:x:1001:100::/:/bin/sh\nwwwserver:x:33:33::/:/bin/false\n'
export const GROUPS = 'root:x:0:\nusers:x:100:\nops:x:50:bob\nwww:x:33:\n'
