/**
 * The error numbers of Linux on i386, as user space sees them: 1..131 without the holes 41 and 58.
 *
 * Inside the model an error is a *negative* branded number, as in the kernel: `return EACCES` returns -13.
 * Use `isErr` to tell it from a result. Numbers 125 and up are later than 2.2. The internal codes at the end
 * (512 and up, BLOCKED, SKIPPED) are stripped by the dispatcher; a program must never see one.
 *
 * Linux: include/asm-i386/errno.h, include/linux/errno.h (2.2.12, 2.6.14).
 */

import { asErrno, type Errno, errno } from './brand.js'

export type { Errno } from './brand.js'

/** A result, or the negated error number that took its place. */
export type Ret<T> = T | Errno

/** True for an errno, false for any result: `if (isErr(inode)) return inode`. */
export const isErr = (r: unknown): r is Errno => typeof r === 'number' && r < 0

/** 1: operation not permitted. */
export const EPERM = errno(1)
/** 2: no such file or directory. */
export const ENOENT = errno(2)
/** 3: no such process. */
export const ESRCH = errno(3)
/** 4: interrupted system call. */
export const EINTR = errno(4)
/** 5: input/output error. */
export const EIO = errno(5)
/** 6: no such device or address. */
export const ENXIO = errno(6)
/** 7: argument list too long. */
export const E2BIG = errno(7)
/** 8: exec format error. */
export const ENOEXEC = errno(8)
/** 9: bad file descriptor. */
export const EBADF = errno(9)
/** 10: no child processes. */
export const ECHILD = errno(10)
/** 11: resource temporarily unavailable. */
export const EAGAIN = errno(11)
/** 12: cannot allocate memory. */
export const ENOMEM = errno(12)
/** 13: permission denied. */
export const EACCES = errno(13)
/** 14: bad address. */
export const EFAULT = errno(14)
/** 15: block device required. */
export const ENOTBLK = errno(15)
/** 16: device or resource busy. */
export const EBUSY = errno(16)
/** 17: file exists. */
export const EEXIST = errno(17)
/** 18: invalid cross-device link. */
export const EXDEV = errno(18)
/** 19: no such device. */
export const ENODEV = errno(19)
/** 20: not a directory. */
export const ENOTDIR = errno(20)
/** 21: is a directory. */
export const EISDIR = errno(21)
/** 22: invalid argument. */
export const EINVAL = errno(22)
/** 23: too many open files in system. */
export const ENFILE = errno(23)
/** 24: too many open files. */
export const EMFILE = errno(24)
/** 25: inappropriate ioctl for device. */
export const ENOTTY = errno(25)
/** 26: text file busy. */
export const ETXTBSY = errno(26)
/** 27: file too large. */
export const EFBIG = errno(27)
/** 28: no space left on device. */
export const ENOSPC = errno(28)
/** 29: illegal seek. */
export const ESPIPE = errno(29)
/** 30: read-only file system. */
export const EROFS = errno(30)
/** 31: too many links. */
export const EMLINK = errno(31)
/** 32: broken pipe. */
export const EPIPE = errno(32)
/** 33: numerical argument out of domain. */
export const EDOM = errno(33)
/** 34: numerical result out of range. */
export const ERANGE = errno(34)
/** 35: resource deadlock avoided. */
export const EDEADLK = errno(35)
/** 36: file name too long. */
export const ENAMETOOLONG = errno(36)
/** 37: no locks available. */
export const ENOLCK = errno(37)
/** 38: function not implemented. */
export const ENOSYS = errno(38)
/** 39: directory not empty. */
export const ENOTEMPTY = errno(39)
/** 40: too many levels of symbolic links. */
export const ELOOP = errno(40)
/** 42: no message of desired type. */
export const ENOMSG = errno(42)
/** 43: identifier removed. */
export const EIDRM = errno(43)
/** 44: channel number out of range. */
export const ECHRNG = errno(44)
/** 45: Level 2 not synchronized. */
export const EL2NSYNC = errno(45)
/** 46: Level 3 halted. */
export const EL3HLT = errno(46)
/** 47: Level 3 reset. */
export const EL3RST = errno(47)
/** 48: link number out of range. */
export const ELNRNG = errno(48)
/** 49: protocol driver not attached. */
export const EUNATCH = errno(49)
/** 50: no CSI structure available. */
export const ENOCSI = errno(50)
/** 51: Level 2 halted. */
export const EL2HLT = errno(51)
/** 52: invalid exchange. */
export const EBADE = errno(52)
/** 53: invalid request descriptor. */
export const EBADR = errno(53)
/** 54: exchange full. */
export const EXFULL = errno(54)
/** 55: no anode. */
export const ENOANO = errno(55)
/** 56: invalid request code. */
export const EBADRQC = errno(56)
/** 57: invalid slot. */
export const EBADSLT = errno(57)
/** 59: bad font file format. */
export const EBFONT = errno(59)
/** 60: device not a stream. */
export const ENOSTR = errno(60)
/** 61: no data available. */
export const ENODATA = errno(61)
/** 62: timer expired. */
export const ETIME = errno(62)
/** 63: out of streams resources. */
export const ENOSR = errno(63)
/** 64: machine is not on the network. */
export const ENONET = errno(64)
/** 65: package not installed. */
export const ENOPKG = errno(65)
/** 66: object is remote. */
export const EREMOTE = errno(66)
/** 67: link has been severed. */
export const ENOLINK = errno(67)
/** 68: advertise error. */
export const EADV = errno(68)
/** 69: Srmount error. */
export const ESRMNT = errno(69)
/** 70: communication error on send. */
export const ECOMM = errno(70)
/** 71: protocol error. */
export const EPROTO = errno(71)
/** 72: multihop attempted. */
export const EMULTIHOP = errno(72)
/** 73: RFS specific error. */
export const EDOTDOT = errno(73)
/** 74: bad message. */
export const EBADMSG = errno(74)
/** 75: value too large for defined data type. */
export const EOVERFLOW = errno(75)
/** 76: name not unique on network. */
export const ENOTUNIQ = errno(76)
/** 77: file descriptor in bad state. */
export const EBADFD = errno(77)
/** 78: remote address changed. */
export const EREMCHG = errno(78)
/** 79: can not access a needed shared library. */
export const ELIBACC = errno(79)
/** 80: accessing a corrupted shared library. */
export const ELIBBAD = errno(80)
/** 81: .lib section in a.out corrupted. */
export const ELIBSCN = errno(81)
/** 82: attempting to link in too many shared libraries. */
export const ELIBMAX = errno(82)
/** 83: cannot exec a shared library directly. */
export const ELIBEXEC = errno(83)
/** 84: invalid or incomplete multibyte or wide character. */
export const EILSEQ = errno(84)
/** 85: interrupted system call should be restarted. */
export const ERESTART = errno(85)
/** 86: streams pipe error. */
export const ESTRPIPE = errno(86)
/** 87: too many users. */
export const EUSERS = errno(87)
/** 88: socket operation on non-socket. */
export const ENOTSOCK = errno(88)
/** 89: destination address required. */
export const EDESTADDRREQ = errno(89)
/** 90: message too long. */
export const EMSGSIZE = errno(90)
/** 91: protocol wrong type for socket. */
export const EPROTOTYPE = errno(91)
/** 92: protocol not available. */
export const ENOPROTOOPT = errno(92)
/** 93: protocol not supported. */
export const EPROTONOSUPPORT = errno(93)
/** 94: socket type not supported. */
export const ESOCKTNOSUPPORT = errno(94)
/** 95: operation not supported. */
export const EOPNOTSUPP = errno(95)
/** 96: protocol family not supported. */
export const EPFNOSUPPORT = errno(96)
/** 97: address family not supported by protocol. */
export const EAFNOSUPPORT = errno(97)
/** 98: address already in use. */
export const EADDRINUSE = errno(98)
/** 99: cannot assign requested address. */
export const EADDRNOTAVAIL = errno(99)
/** 100: network is down. */
export const ENETDOWN = errno(100)
/** 101: network is unreachable. */
export const ENETUNREACH = errno(101)
/** 102: network dropped connection on reset. */
export const ENETRESET = errno(102)
/** 103: software caused connection abort. */
export const ECONNABORTED = errno(103)
/** 104: connection reset by peer. */
export const ECONNRESET = errno(104)
/** 105: no buffer space available. */
export const ENOBUFS = errno(105)
/** 106: transport endpoint is already connected. */
export const EISCONN = errno(106)
/** 107: transport endpoint is not connected. */
export const ENOTCONN = errno(107)
/** 108: cannot send after transport endpoint shutdown. */
export const ESHUTDOWN = errno(108)
/** 109: too many references: cannot splice. */
export const ETOOMANYREFS = errno(109)
/** 110: connection timed out. */
export const ETIMEDOUT = errno(110)
/** 111: connection refused. */
export const ECONNREFUSED = errno(111)
/** 112: host is down. */
export const EHOSTDOWN = errno(112)
/** 113: no route to host. */
export const EHOSTUNREACH = errno(113)
/** 114: operation already in progress. */
export const EALREADY = errno(114)
/** 115: operation now in progress. */
export const EINPROGRESS = errno(115)
/** 116: stale file handle. */
export const ESTALE = errno(116)
/** 117: structure needs cleaning. */
export const EUCLEAN = errno(117)
/** 118: not a XENIX named type file. */
export const ENOTNAM = errno(118)
/** 119: no XENIX semaphores available. */
export const ENAVAIL = errno(119)
/** 120: is a named type file. */
export const EISNAM = errno(120)
/** 121: remote I/O error. */
export const EREMOTEIO = errno(121)
/** 122: disk quota exceeded. */
export const EDQUOT = errno(122)
/** 123: no medium found. */
export const ENOMEDIUM = errno(123)
/** 124: wrong medium type. */
export const EMEDIUMTYPE = errno(124)
/** 125: operation canceled. */
export const ECANCELED = errno(125)
/** 126: required key not available. */
export const ENOKEY = errno(126)
/** 127: key has expired. */
export const EKEYEXPIRED = errno(127)
/** 128: key has been revoked. */
export const EKEYREVOKED = errno(128)
/** 129: key was rejected by service. */
export const EKEYREJECTED = errno(129)
/** 130: owner died. */
export const EOWNERDEAD = errno(130)
/** 131: state not recoverable. */
export const ENOTRECOVERABLE = errno(131)

/** The same number as EAGAIN. Linux: include/asm-i386/errno.h */
export const EWOULDBLOCK = EAGAIN
/** The same number as EDEADLK on i386. Linux: include/asm-i386/errno.h */
export const EDEADLOCK = EDEADLK
/** glibc's name for EOPNOTSUPP. */
export const ENOTSUP = EOPNOTSUPP

/** The last number a program may see in `errno`; glibc takes -4095..-1 as an error. */
export const MAX_ERRNO = 4095

/** Restart the call if the handler was installed with SA_RESTART, else EINTR. Linux: include/linux/errno.h */
export const ERESTARTSYS = errno(512)
/** Restart the call whatever the handler says. */
export const ERESTARTNOINTR = errno(513)
/** Restart only if no handler ran (a stop, a continue), else EINTR. */
export const ERESTARTNOHAND = errno(514)
/** The driver does not know this ioctl; the dispatcher turns it into ENOTTY or EINVAL. */
export const ENOIOCTLCMD = errno(515)
/** Restart through restart_syscall(2), with the time that is left. 2.6 only. */
export const ERESTART_RESTARTBLOCK = errno(516)
/** Not Linux: "the task sleeps, run the call again on wake-up"; the model's stand-in for schedule(). */
export const BLOCKED = errno(600)
/** Not Linux: a syscallWork hook's "do not make the call; its result is in `current.result`". */
export const SKIPPED = errno(601)

/**
 * Number, name, strerror text. The texts are glibc's; 116 read "Stale NFS file handle" before glibc 2.17.
 */
const TABLE: ReadonlyArray<readonly [e: Errno, name: string, message: string]> = [
  [EPERM, 'EPERM', 'Operation not permitted'],
  [ENOENT, 'ENOENT', 'No such file or directory'],
  [ESRCH, 'ESRCH', 'No such process'],
  [EINTR, 'EINTR', 'Interrupted system call'],
  [EIO, 'EIO', 'Input/output error'],
  [ENXIO, 'ENXIO', 'No such device or address'],
  [E2BIG, 'E2BIG', 'Argument list too long'],
  [ENOEXEC, 'ENOEXEC', 'Exec format error'],
  [EBADF, 'EBADF', 'Bad file descriptor'],
  [ECHILD, 'ECHILD', 'No child processes'],
  [EAGAIN, 'EAGAIN', 'Resource temporarily unavailable'],
  [ENOMEM, 'ENOMEM', 'Cannot allocate memory'],
  [EACCES, 'EACCES', 'Permission denied'],
  [EFAULT, 'EFAULT', 'Bad address'],
  [ENOTBLK, 'ENOTBLK', 'Block device required'],
  [EBUSY, 'EBUSY', 'Device or resource busy'],
  [EEXIST, 'EEXIST', 'File exists'],
  [EXDEV, 'EXDEV', 'Invalid cross-device link'],
  [ENODEV, 'ENODEV', 'No such device'],
  [ENOTDIR, 'ENOTDIR', 'Not a directory'],
  [EISDIR, 'EISDIR', 'Is a directory'],
  [EINVAL, 'EINVAL', 'Invalid argument'],
  [ENFILE, 'ENFILE', 'Too many open files in system'],
  [EMFILE, 'EMFILE', 'Too many open files'],
  [ENOTTY, 'ENOTTY', 'Inappropriate ioctl for device'],
  [ETXTBSY, 'ETXTBSY', 'Text file busy'],
  [EFBIG, 'EFBIG', 'File too large'],
  [ENOSPC, 'ENOSPC', 'No space left on device'],
  [ESPIPE, 'ESPIPE', 'Illegal seek'],
  [EROFS, 'EROFS', 'Read-only file system'],
  [EMLINK, 'EMLINK', 'Too many links'],
  [EPIPE, 'EPIPE', 'Broken pipe'],
  [EDOM, 'EDOM', 'Numerical argument out of domain'],
  [ERANGE, 'ERANGE', 'Numerical result out of range'],
  [EDEADLK, 'EDEADLK', 'Resource deadlock avoided'],
  [ENAMETOOLONG, 'ENAMETOOLONG', 'File name too long'],
  [ENOLCK, 'ENOLCK', 'No locks available'],
  [ENOSYS, 'ENOSYS', 'Function not implemented'],
  [ENOTEMPTY, 'ENOTEMPTY', 'Directory not empty'],
  [ELOOP, 'ELOOP', 'Too many levels of symbolic links'],
  [ENOMSG, 'ENOMSG', 'No message of desired type'],
  [EIDRM, 'EIDRM', 'Identifier removed'],
  [ECHRNG, 'ECHRNG', 'Channel number out of range'],
  [EL2NSYNC, 'EL2NSYNC', 'Level 2 not synchronized'],
  [EL3HLT, 'EL3HLT', 'Level 3 halted'],
  [EL3RST, 'EL3RST', 'Level 3 reset'],
  [ELNRNG, 'ELNRNG', 'Link number out of range'],
  [EUNATCH, 'EUNATCH', 'Protocol driver not attached'],
  [ENOCSI, 'ENOCSI', 'No CSI structure available'],
  [EL2HLT, 'EL2HLT', 'Level 2 halted'],
  [EBADE, 'EBADE', 'Invalid exchange'],
  [EBADR, 'EBADR', 'Invalid request descriptor'],
  [EXFULL, 'EXFULL', 'Exchange full'],
  [ENOANO, 'ENOANO', 'No anode'],
  [EBADRQC, 'EBADRQC', 'Invalid request code'],
  [EBADSLT, 'EBADSLT', 'Invalid slot'],
  [EBFONT, 'EBFONT', 'Bad font file format'],
  [ENOSTR, 'ENOSTR', 'Device not a stream'],
  [ENODATA, 'ENODATA', 'No data available'],
  [ETIME, 'ETIME', 'Timer expired'],
  [ENOSR, 'ENOSR', 'Out of streams resources'],
  [ENONET, 'ENONET', 'Machine is not on the network'],
  [ENOPKG, 'ENOPKG', 'Package not installed'],
  [EREMOTE, 'EREMOTE', 'Object is remote'],
  [ENOLINK, 'ENOLINK', 'Link has been severed'],
  [EADV, 'EADV', 'Advertise error'],
  [ESRMNT, 'ESRMNT', 'Srmount error'],
  [ECOMM, 'ECOMM', 'Communication error on send'],
  [EPROTO, 'EPROTO', 'Protocol error'],
  [EMULTIHOP, 'EMULTIHOP', 'Multihop attempted'],
  [EDOTDOT, 'EDOTDOT', 'RFS specific error'],
  [EBADMSG, 'EBADMSG', 'Bad message'],
  [EOVERFLOW, 'EOVERFLOW', 'Value too large for defined data type'],
  [ENOTUNIQ, 'ENOTUNIQ', 'Name not unique on network'],
  [EBADFD, 'EBADFD', 'File descriptor in bad state'],
  [EREMCHG, 'EREMCHG', 'Remote address changed'],
  [ELIBACC, 'ELIBACC', 'Can not access a needed shared library'],
  [ELIBBAD, 'ELIBBAD', 'Accessing a corrupted shared library'],
  [ELIBSCN, 'ELIBSCN', '.lib section in a.out corrupted'],
  [ELIBMAX, 'ELIBMAX', 'Attempting to link in too many shared libraries'],
  [ELIBEXEC, 'ELIBEXEC', 'Cannot exec a shared library directly'],
  [EILSEQ, 'EILSEQ', 'Invalid or incomplete multibyte or wide character'],
  [ERESTART, 'ERESTART', 'Interrupted system call should be restarted'],
  [ESTRPIPE, 'ESTRPIPE', 'Streams pipe error'],
  [EUSERS, 'EUSERS', 'Too many users'],
  [ENOTSOCK, 'ENOTSOCK', 'Socket operation on non-socket'],
  [EDESTADDRREQ, 'EDESTADDRREQ', 'Destination address required'],
  [EMSGSIZE, 'EMSGSIZE', 'Message too long'],
  [EPROTOTYPE, 'EPROTOTYPE', 'Protocol wrong type for socket'],
  [ENOPROTOOPT, 'ENOPROTOOPT', 'Protocol not available'],
  [EPROTONOSUPPORT, 'EPROTONOSUPPORT', 'Protocol not supported'],
  [ESOCKTNOSUPPORT, 'ESOCKTNOSUPPORT', 'Socket type not supported'],
  [EOPNOTSUPP, 'EOPNOTSUPP', 'Operation not supported'],
  [EPFNOSUPPORT, 'EPFNOSUPPORT', 'Protocol family not supported'],
  [EAFNOSUPPORT, 'EAFNOSUPPORT', 'Address family not supported by protocol'],
  [EADDRINUSE, 'EADDRINUSE', 'Address already in use'],
  [EADDRNOTAVAIL, 'EADDRNOTAVAIL', 'Cannot assign requested address'],
  [ENETDOWN, 'ENETDOWN', 'Network is down'],
  [ENETUNREACH, 'ENETUNREACH', 'Network is unreachable'],
  [ENETRESET, 'ENETRESET', 'Network dropped connection on reset'],
  [ECONNABORTED, 'ECONNABORTED', 'Software caused connection abort'],
  [ECONNRESET, 'ECONNRESET', 'Connection reset by peer'],
  [ENOBUFS, 'ENOBUFS', 'No buffer space available'],
  [EISCONN, 'EISCONN', 'Transport endpoint is already connected'],
  [ENOTCONN, 'ENOTCONN', 'Transport endpoint is not connected'],
  [ESHUTDOWN, 'ESHUTDOWN', 'Cannot send after transport endpoint shutdown'],
  [ETOOMANYREFS, 'ETOOMANYREFS', 'Too many references: cannot splice'],
  [ETIMEDOUT, 'ETIMEDOUT', 'Connection timed out'],
  [ECONNREFUSED, 'ECONNREFUSED', 'Connection refused'],
  [EHOSTDOWN, 'EHOSTDOWN', 'Host is down'],
  [EHOSTUNREACH, 'EHOSTUNREACH', 'No route to host'],
  [EALREADY, 'EALREADY', 'Operation already in progress'],
  [EINPROGRESS, 'EINPROGRESS', 'Operation now in progress'],
  [ESTALE, 'ESTALE', 'Stale file handle'],
  [EUCLEAN, 'EUCLEAN', 'Structure needs cleaning'],
  [ENOTNAM, 'ENOTNAM', 'Not a XENIX named type file'],
  [ENAVAIL, 'ENAVAIL', 'No XENIX semaphores available'],
  [EISNAM, 'EISNAM', 'Is a named type file'],
  [EREMOTEIO, 'EREMOTEIO', 'Remote I/O error'],
  [EDQUOT, 'EDQUOT', 'Disk quota exceeded'],
  [ENOMEDIUM, 'ENOMEDIUM', 'No medium found'],
  [EMEDIUMTYPE, 'EMEDIUMTYPE', 'Wrong medium type'],
  [ECANCELED, 'ECANCELED', 'Operation canceled'],
  [ENOKEY, 'ENOKEY', 'Required key not available'],
  [EKEYEXPIRED, 'EKEYEXPIRED', 'Key has expired'],
  [EKEYREVOKED, 'EKEYREVOKED', 'Key has been revoked'],
  [EKEYREJECTED, 'EKEYREJECTED', 'Key was rejected by service'],
  [EOWNERDEAD, 'EOWNERDEAD', 'Owner died'],
  [ENOTRECOVERABLE, 'ENOTRECOVERABLE', 'State not recoverable'],
  [ERESTARTSYS, 'ERESTARTSYS', 'To be restarted if SA_RESTART is set'],
  [ERESTARTNOINTR, 'ERESTARTNOINTR', 'To be restarted'],
  [ERESTARTNOHAND, 'ERESTARTNOHAND', 'To be restarted if no handler'],
  [ENOIOCTLCMD, 'ENOIOCTLCMD', 'No ioctl command'],
  [ERESTART_RESTARTBLOCK, 'ERESTART_RESTARTBLOCK', 'Interrupted by signal'],
  [BLOCKED, 'BLOCKED', 'Sleeping in the kernel'],
  [SKIPPED, 'SKIPPED', 'Not made, with a result all the same'],
]

const BY_NUMBER: ReadonlyMap<number, readonly [e: Errno, name: string, message: string]> = new Map(
  TABLE.map((row) => [row[0], row]),
)

const BY_NAME: ReadonlyMap<string, Errno> = new Map<string, Errno>([
  ...TABLE.map((row) => [row[1], row[0]] as const),
  ['EWOULDBLOCK', EWOULDBLOCK],
  ['EDEADLOCK', EDEADLOCK],
  ['ENOTSUP', ENOTSUP],
])

const negative = (e: number): number => (e > 0 ? -e : e)

/** The symbol of an error number of either sign: 'EACCES' for -13. An unknown 41 gives 'ERRNO_41'. */
export const errnoName = (e: number): string => BY_NUMBER.get(negative(e))?.[1] ?? `ERRNO_${Math.abs(e)}`

/** glibc's strerror text of an error number of either sign: 'Permission denied' for -13. 0 is 'Success'. */
export const errnoMessage = (e: number): string => {
  if (e === 0) return 'Success'
  return BY_NUMBER.get(negative(e))?.[2] ?? `Unknown error ${Math.abs(e)}`
}

/** The negative number of a symbol, aliases included: -11 for 'EWOULDBLOCK'; undefined if there is none. */
export const errnoByName = (name: string): Errno | undefined => BY_NAME.get(name)

/** The symbols a program can see, in numeric order, without aliases. */
export const errnoNames = (): string[] => TABLE.filter((row) => row[0] > ERESTARTSYS).map((row) => row[1])

/** Reads "-13" back as EACCES: labels a number below zero, or gives undefined for a result. */
export const toErrno = (n: number): Errno | undefined => (n < 0 ? asErrno(n) : undefined)
