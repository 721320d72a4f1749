/**
 * System calls on paths: names, attributes, directories, mounts.
 *
 * Signatures only; the handlers are in src/syscalls. A path is a string; NAME_MAX 255 and PATH_MAX 4096 count
 * its UTF-8 bytes. "Those of a path walk" are: ENOENT a component is missing, or the path is empty; ENOTDIR;
 * EACCES no search permission on a directory on the way; ELOOP; ENAMETOOLONG; EFAULT not a string.
 */

import type { Ret } from '../abi/errno.js'
import type { Stat, Statfs, Utimbuf } from '../abi/stat.js'

/** System calls on paths. */
export interface PathCalls {
  /**
   * Makes a directory with permission bits `mode` less the umask. 0.
   *
   * Errors: those of a path walk; EEXIST; EACCES; EROFS; EMLINK; ENOSPC. Linux: sys_mkdir, fs/namei.c.
   */
  mkdir(path: string, mode: number): number

  /**
   * Removes an empty directory. 0.
   *
   * Errors: those of a path walk; ENOTEMPTY; EBUSY a mount point or the root; EINVAL the path ends in `.`;
   * EACCES; EPERM sticky; EROFS. Linux: sys_rmdir, fs/namei.c.
   */
  rmdir(path: string): number

  /**
   * Removes a name; the file goes with its last name and its last user. 0.
   *
   * Errors: those of a path walk; EISDIR (EPERM in 2.0) a directory; EACCES; EPERM sticky; EROFS.
   * Linux: sys_unlink, fs/namei.c.
   */
  unlink(path: string): number

  /**
   * Gives a file another name, replacing what has it. Two names of one file stay as they are. 0.
   *
   * Errors: those of a path walk; EXDEV another mount; ENOTEMPTY or EEXIST the directory replaced is not
   * empty; EISDIR, ENOTDIR one of the two is a directory; EINVAL into itself; EBUSY; EACCES; EPERM sticky;
   * EROFS. Linux: sys_rename, fs/namei.c.
   */
  rename(oldPath: string, newPath: string): number

  /**
   * Gives a file a second name; a symbolic link at the end of `oldPath` is not followed. 0.
   *
   * Errors: those of a path walk; EEXIST; EXDEV; EPERM a directory; EMLINK; EACCES; EROFS.
   * Linux: sys_link, fs/namei.c.
   */
  link(oldPath: string, newPath: string): number

  /**
   * Makes the symbolic link `path` that holds the text `target`, which need not exist. 0.
   *
   * Errors: those of a path walk; EEXIST; ENOENT empty target; EACCES; EROFS; ENOSPC. Linux: sys_symlink,
   * fs/namei.c.
   */
  symlink(target: string, path: string): number

  /**
   * The text of a symbolic link, cut to `bufsiz` (default 4096).
   *
   * Errors: those of a path walk; EINVAL not a symbolic link, or `bufsiz` below 1. Linux: sys_readlink,
   * fs/stat.c.
   */
  readlink(path: string, bufsiz?: number): Ret<string>

  /**
   * What the inode says; symbolic links are followed. Times are in seconds since 1970.
   *
   * Errors: those of a path walk. Linux: sys_stat, fs/stat.c.
   */
  stat(path: string): Ret<Stat>

  /**
   * As stat, of the link itself where `path` ends in one.
   *
   * Errors: those of a path walk. Linux: sys_lstat, fs/stat.c.
   */
  lstat(path: string): Ret<Stat>

  /**
   * Sets the permission bits and S_ISUID, S_ISGID, S_ISVTX; S_ISGID is dropped for a group that is not the
   * caller's. 0.
   *
   * Errors: those of a path walk; EPERM not the owner; EROFS. Linux: sys_chmod, fs/open.c.
   */
  chmod(path: string, mode: number): number

  /**
   * Sets owner and group; -1 leaves one. Set-id bits are dropped. 0.
   *
   * Errors: those of a path walk; EPERM only CAP_CHOWN may give files away; EROFS. Linux: sys_chown,
   * fs/open.c.
   */
  chown(path: string, uid: number, gid: number): number

  /**
   * As chown, of the link itself where `path` ends in one.
   *
   * Errors: as chown. Linux: sys_lchown, fs/open.c.
   */
  lchown(path: string, uid: number, gid: number): number

  /**
   * Sets which permission bits new files do not get; the result is the old mask. Only the bits 0o777 count.
   *
   * Errors: none. Linux: sys_umask, kernel/sys.c.
   */
  umask(mask: number): number

  /**
   * Sets the size of a regular file in bytes; a longer one gets a hole. 0.
   *
   * Errors: those of a path walk; EINVAL negative, or not a regular file; EISDIR; EACCES; ETXTBSY; EFBIG;
   * EROFS. Linux: sys_truncate, fs/open.c.
   */
  truncate(path: string, length: number): number

  /**
   * May the *real* user do this? `mode`: F_OK, or an OR of R_OK, W_OK, X_OK. 0 for yes.
   *
   * Errors: those of a path walk; EACCES no; EROFS; EINVAL other bits. Linux: sys_access, fs/open.c.
   */
  access(path: string, mode: number): number

  /**
   * Sets access and modification time, in seconds since 1970; null is now, which also who may write is
   * allowed. 0.
   *
   * Errors: those of a path walk; EPERM times given, not the owner; EACCES now, no write permission; EROFS.
   * Linux: sys_utime, fs/open.c.
   */
  utime(path: string, times: Utimbuf | null): number

  /**
   * Sets the working directory. 0.
   *
   * Errors: those of a path walk, with ENOTDIR and EACCES for the directory itself. Linux: sys_chdir,
   * fs/open.c.
   */
  chdir(path: string): number

  /**
   * Sets the root directory; the working directory stays where it is. 0.
   *
   * Errors: those of a path walk; EPERM without CAP_SYS_CHROOT. Linux: sys_chroot, fs/open.c.
   */
  chroot(path: string): number

  /**
   * The path of the working directory, from the caller's root.
   *
   * Errors: ENOENT it has been removed. Linux: sys_getcwd, fs/dcache.c.
   */
  getcwd(): Ret<string>

  /**
   * Makes a file of any type but directory: S_IFREG (or 0), S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK in `mode`,
   * with permission bits. `dev`: device number as programs write it, major * 256 + minor for small ones. 0.
   *
   * Errors: those of a path walk; EEXIST; EPERM a device without CAP_MKNOD (2.6), anything but a FIFO without
   * CAP_SYS_ADMIN (2.2); EINVAL; EACCES; EROFS. Linux: sys_mknod, fs/namei.c.
   */
  mknod(path: string, mode: number, dev?: number): number

  /**
   * Mounts a file system of type `fstype` on the directory `target`. `flags`: MS_RDONLY, MS_NOSUID, MS_NODEV,
   * MS_NOEXEC, MS_REMOUNT, MS_BIND (2.4 and later) and others; `data`: the type's options, such as
   * 'size=64k'. Null where nothing is to be said: the type of a bind mount, the source of a ramfs. 0.
   *
   * Errors: those of a path walk; EPERM without CAP_SYS_ADMIN; ENODEV unknown type; EBUSY; EINVAL; ENOTDIR;
   * ENOTBLK. Linux: sys_mount, fs/super.c (2.2), fs/namespace.c (2.6).
   */
  mount(
    source: string | null,
    target: string,
    fstype: string | null,
    flags?: number,
    data?: string | null,
  ): number

  /**
   * Detaches the file system mounted at `target`. 0.
   *
   * Errors: those of a path walk; EPERM without CAP_SYS_ADMIN; EINVAL not a mount point; EBUSY in use.
   * Linux: sys_umount, fs/super.c (2.2); sys_oldumount, fs/namespace.c (2.6).
   */
  umount(target: string): number

  /**
   * As umount, with `flags`: MNT_FORCE, or MNT_DETACH (2.4 and later) to detach what is in use. 0.
   *
   * Errors: as umount. Linux: sys_umount, fs/super.c (2.2), fs/namespace.c (2.6).
   */
  umount2(target: string, flags: number): number

  /**
   * The file system that a path is on.
   *
   * Errors: those of a path walk; ENOSYS. Linux: sys_statfs, fs/open.c.
   */
  statfs(path: string): Ret<Statfs>

  /**
   * Writes everything out. 0.
   *
   * Errors: none. Linux: sys_sync, fs/buffer.c.
   */
  sync(): number
}
