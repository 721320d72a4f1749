/**
 * What the command-line tools have in common: the calls they make, what they print, how they end.
 */

import { errnoMessage, isErr } from '../abi/errno.js'
import { O_RDONLY } from '../abi/fcntl.js'
import type { SockAddrNl } from '../abi/socket.js'
import { IFREQ } from '../abi/sockios.js'
import { utf8Decode, utf8Encode } from '../lib/bytes.js'
import type { CoreSys } from '../programs/core_sys.js'
import type { Program, ProgramSys } from '../programs/sys_types.js'

/** The calls of the network that tools make. */
export interface NetCalls {
  /** socket(2). */
  socket(family: number, type: number, protocol?: number): number
  /** sendto(2). */
  sendto(fd: number, data: Uint8Array, flags?: number, address?: SockAddrNl | null): number
  /** recv(2). */
  recv(fd: number, buf: Uint8Array, flags?: number): number
  /** setsockopt(2). */
  setsockopt(fd: number, level: number, option: number, value: unknown): number
}

/** The calls that a tool of files makes. */
export type FileToolSys = ProgramSys<Pick<CoreSys, 'open' | 'read' | 'write' | 'close' | 'ioctl'>>

/** The calls that a tool makes. */
export type ToolSys = ProgramSys<Pick<CoreSys, 'open' | 'read' | 'write' | 'close' | 'ioctl'> & NetCalls>

/** The calls that reading and writing whole texts takes. */
export type TextSys = ProgramSys<Pick<CoreSys, 'open' | 'read' | 'write' | 'close'>>

/** The calls that the tools of files, mounts and modules make. */
export type TreeToolSys = ProgramSys<
  Pick<
    CoreSys,
    | 'open'
    | 'read'
    | 'write'
    | 'close'
    | 'getdents'
    | 'stat'
    | 'lstat'
    | 'readlink'
    | 'chmod'
    | 'chown'
    | 'umask'
    | 'mount'
    | 'umount'
    | 'init_module'
    | 'delete_module'
    | 'geteuid'
    | 'time'
  >
>

/** A piece of a program that has a result. */
export type Part<T> = Generator<Program extends Generator<infer Y> ? Y : never, T, unknown>

/** Ends a tool from anywhere: what it says on standard error, and its exit status. */
export class Stop {
  readonly text: string
  readonly status: number

  constructor(text: string, status: number) {
    this.text = text
    this.status = status
  }
}

/** Runs the body of a tool with a place for its output, which is written at the end. The result is the exit status. */
export function* runTool(sys: TextSys, body: (out: string[]) => Part<number>): Program {
  const out: string[] = []
  let status = 0
  let complaint = ''
  try {
    status = yield* body(out)
  } catch (error) {
    if (!(error instanceof Stop)) throw error
    status = error.status
    complaint = error.text
  }
  if (out.length > 0) yield* writeAll(sys, 1, out.join(''))
  if (complaint !== '') yield* writeAll(sys, 2, complaint)
  return status & 0xff
}

/** Writes a whole text. */
export function* writeAll(sys: TextSys, fd: number, text: string): Part<void> {
  let rest = utf8Encode(text)
  while (rest.length > 0) {
    const count = yield* sys.write(fd, rest)
    if (count <= 0) return
    rest = rest.slice(count)
  }
}

/** The text of a file, or an Errno. */
export function* readFile(sys: TextSys, path: string, flags: number = O_RDONLY): Part<string | number> {
  const fd = yield* sys.open(path, flags)
  if (isErr(fd)) return fd
  const buf = new Uint8Array(4096)
  let text = ''
  for (;;) {
    const count = yield* sys.read(fd, buf)
    if (count <= 0) break
    text += utf8Decode(buf, 0, count)
  }
  yield* sys.close(fd)
  return text
}

/** Says something on standard error at once; the tool goes on. */
export function* complain(sys: TextSys, text: string): Part<void> {
  yield* writeAll(sys, 2, text)
}

/** Options and operands, as getopt(3) of the C library takes them apart: options may come behind operands. */
export interface Words {
  /** The letters that were given, with what they were given. */
  readonly options: ReadonlyMap<string, string>
  readonly operands: readonly string[]
}

/** Takes a command line apart. `letters` with a colon behind take a value: 'lat:'. Another letter ends the tool. */
export function getopt(tool: string, args: readonly string[], letters: string): Words {
  const options = new Map<string, string>()
  const operands: string[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    if (arg === '--') {
      operands.push(...args.slice(at + 1))
      break
    }
    if (arg.length < 2 || !arg.startsWith('-')) {
      operands.push(arg)
      continue
    }
    for (let i = 1; i < arg.length; i++) {
      const letter = arg[i] ?? ''
      const known = letter === ':' ? -1 : letters.indexOf(letter)
      if (known < 0)
        throw new Stop(
          `${tool}: invalid option -- ${letter}\nTry \`${tool} --help' for more information.\n`,
          1,
        )
      if (letters[known + 1] !== ':') {
        options.set(letter, '')
        continue
      }
      const value = i + 1 < arg.length ? arg.slice(i + 1) : args[++at]
      if (value === undefined) throw new Stop(`${tool}: option requires an argument -- ${letter}\n`, 1)
      options.set(letter, value)
      break
    }
  }
  return { options, operands }
}

/** perror(3) as text. */
export const perror = (what: string, error: number): string => `${what}: ${errnoMessage(error)}\n`

/** Does what was typed abbreviate the word? Linux: matches(), lib/utils.c of iproute2. */
export const abbreviates = (typed: string, word: string): boolean => typed !== '' && word.startsWith(typed)

/** 32 bits to '127.0.0.1'. */
export const showIp = (addr: number): string =>
  `${addr >>> 24}.${(addr >>> 16) & 255}.${(addr >>> 8) & 255}.${addr & 255}`

/** '10', '10.1', '10.0.0.1' to 32 bits, missing bytes being 0; -1 for what is none. */
export function readIp(text: string): number {
  const parts = text.split('.')
  if (parts.length > 4) return -1
  let addr = 0
  for (let i = 0; i < 4; i++) {
    const part = parts[i] ?? '0'
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return -1
    addr = addr * 256 + Number(part)
  }
  return addr
}

/** Bytes as '00:10:5a:…'. */
export const showHardware = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')

/** '00:10:5a:…' as six bytes, or null. */
export function readHardware(text: string): Uint8Array | null {
  const parts = text.split(':')
  if (parts.length !== 6 || !parts.every((part) => /^[0-9a-fA-F]{1,2}$/.test(part))) return null
  return Uint8Array.from(parts, (part) => Number.parseInt(part, 16))
}

/** struct ifreq for a device's name. */
export function ifreqOf(name: string): Uint8Array {
  const bytes = new Uint8Array(IFREQ)
  for (let i = 0; i < name.length && i < 15; i++) bytes[i] = name.charCodeAt(i)
  return bytes
}
