/**
 * What is measured, in the order of the output. The ids are also the names by which `host.c` and the JSON's reader
 * know the rows.
 *
 * The contestants of a row do the same work and check the same result; where one cannot help doing more or less
 * than the others, `differs` says so.
 */

/** The contestants. `ours` is this library; `host` the kernel below, called from C. */
export const IMPLEMENTATIONS = ['ours', 'memfs', 'zenfs', 'nodefs', 'host'] as const
export type Implementation = (typeof IMPLEMENTATIONS)[number]

export interface Row<Id extends string = string> {
  readonly id: Id
  /** What the table and the JSON call it. */
  readonly title: string
  readonly unit: 'ns' | 'B'
  /** Does it count in the geometric means over the file-system rows? */
  readonly isFs: boolean
  readonly differs: string | null
}

/** A file-system row. */
const fs = <Id extends string>(id: Id, title: string, differs: string | null = null): Row<Id> => ({
  id,
  title,
  unit: 'ns',
  isFs: true,
  differs,
})

/** Another row that is timed. */
const row = <Id extends string>(id: Id, title: string, differs: string | null = null): Row<Id> => ({
  ...fs(id, title, differs),
  isFs: false,
})

/** A row that is a size. */
const bytes = <Id extends string>(id: Id, title: string, differs: string | null = null): Row<Id> => ({
  ...row(id, title, differs),
  unit: 'B',
})

export const ROWS = [
  row('null-syscall', 'null syscall (getppid)'),
  fs('stat-deep', 'stat of a 5-deep path', 'node:fs and the peers make a Stats object with dates in it'),
  fs(
    'stat-missing',
    'stat of a missing file',
    'peers are called with throwIfNoEntry: false, their cheapest form; this library returns the error number',
  ),
  fs('open-close', 'open+close'),
  fs('write-new-4k', 'open(O_CREAT)+write 4 KiB+close', 'a new file each time'),
  fs('pread-4k', 'pread 4 KiB'),
  fs('pwrite-4k', 'pwrite 4 KiB'),
  fs('dir-create', 'create in a directory of 10 000', 'open(O_CREAT|O_EXCL) and close'),
  fs('dir-stat', 'stat in a directory of 10 000'),
  fs('dir-unlink', 'unlink in a directory of 10 000'),
  fs('dir-rename', 'rename in a directory of 10 000', 'there and back again'),
  fs(
    'dir-readdir',
    'readdir of 10 000',
    'per listing: open, getdents until the end, close; the peers return names only, memfs sorts them',
  ),
  fs(
    'sequential-write-64k',
    'sequential write of 64 KiB to 64 MiB',
    'per block of a file that was not there before',
  ),
  fs('sequential-read-64k', 'sequential read of 64 KiB to 64 MiB', 'per block'),
  fs('append-256', 'append 256 B to a large file', 'the file has 64 MiB'),
  row('pipe-512', 'pipe round trip 512 B, one task'),
  row('pipe-64k', 'pipe round trip 64 KiB, one task', 'profile 2.6.14: pipes of 2.2 hold 4 KiB'),
  row(
    'ping-pong',
    'pipe ping-pong of two programs, per switch',
    'per message: write, read, switch; in C two processes on one processor',
  ),
  row('spawn-exit-wait', 'spawn+exit+wait', 'in C: vfork, _exit and waitpid of a small process'),
  row(
    'udp-512',
    'UDP round trip 512 B on loopback, one task',
    'two sockets that are not connected, sendto and recv, there and back',
  ),
  row(
    'tcp-64k',
    'TCP round trip 64 KiB on loopback, one task',
    'there and back; send and recv until all is there',
  ),
  row('accept', 'accept, among 10 000 connected sockets', 'connecting is outside the clock'),
  row('netlink-512', 'netlink message of 512 B to a port, one task', 'between two programs: sendto and recv'),
  row(
    'netlink-100',
    'netlink message to a group of 100',
    'per message: one sendto and 100 recv; the sender names one of them by port; wants CAP_NET_ADMIN',
  ),
  row('forward', 'packet sent on between two devices', 'UDP, 64 bytes; profile 2.2.12'),
  row('forward-100', 'packet sent on, 100 rules of ipchains', 'rules of the forward chain that do not match'),
  row('create-kernel', 'createKernel()'),
  row('fork-kernel', 'kernel fork with 1 000 files', 'the files hold 1 KiB each'),
  bytes('bytes-file', 'bytes per empty file', 'directories of 100 files each, their share included'),
  bytes('bytes-socket', 'bytes per connected socket', 'TCP on loopback; descriptor, file and inode included'),
  bytes('bytes-task', 'bytes per task', 'children made by fork(2), alive and idle'),
] as const

export type RowId = (typeof ROWS)[number]['id']
