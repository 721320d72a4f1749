/**
 * Reading the kernel's messages: what syslog(2) and /proc/kmsg share. Linux: do_syslog, kernel/printk.c.
 *
 * A message is one line. Readers see it with its level in front, as "<4>text\n", and get as many bytes as they
 * ask for. There is one reading position in the system; messages that the ring dropped before they were read
 * are lost without a word (reference §1.4).
 */

import type { KernelCore } from '../../kernel/kernel.js'
import { utf8Encode } from '../../lib/bytes.js'

/** The level of messages that name none. Linux: DEFAULT_MESSAGE_LOGLEVEL. */
const DEFAULT_LEVEL = '<4>'

/** Keys of the reading position among the tunables: messages read ever, and bytes of the next one. */
const READ_MESSAGES = 'klog/messages'
const READ_BYTES = 'klog/bytes'

/** A message as readers see it. */
const rendered = (message: string): string => `${/^<[0-7]>/.test(message) ? '' : DEFAULT_LEVEL}${message}\n`

/** The next unread message as an index of `state.log`, and how many of its bytes were read. */
function position(k: KernelCore): { index: number; bytes: number } {
  const { log, logStart, sysctl } = k.state
  const read = Number(sysctl.get(READ_MESSAGES) ?? 0)
  if (read < logStart) return { index: 0, bytes: 0 }
  const bytes = read - logStart < log.length ? Number(sysctl.get(READ_BYTES) ?? 0) : 0
  return { index: read - logStart, bytes }
}

/** Is there something to read? Linux: do_syslog(9): log_end - log_start. */
export const klogHasUnread = (k: KernelCore): boolean => position(k).index < k.state.log.length

/** Bytes not yet read. Linux: do_syslog(9). */
export function klogUnread(k: KernelCore): number {
  const { index, bytes } = position(k)
  const text = k.state.log.slice(index).map(rendered).join('')
  return utf8Encode(text).length - bytes
}

/** Takes the oldest unread bytes; 0 when there are none: the caller sleeps. Linux: do_syslog(2). */
export function klogRead(k: KernelCore, buf: Uint8Array): number {
  const { state } = k
  let { index, bytes } = position(k)
  let done = 0
  while (done < buf.length) {
    const message = state.log[index]
    if (message === undefined) break
    const line = utf8Encode(rendered(message))
    const part = line.subarray(bytes, bytes + buf.length - done)
    buf.set(part, done)
    done += part.length
    bytes += part.length
    if (bytes === line.length) {
      index++
      bytes = 0
    }
  }
  if (done > 0) {
    state.sysctl.set(READ_MESSAGES, state.logStart + index)
    state.sysctl.set(READ_BYTES, bytes)
  }
  return done
}

/** The last `maxBytes` of everything kept, without moving the position. Linux: do_syslog(3). */
export function klogAll(k: KernelCore, maxBytes: number): Uint8Array {
  const text = utf8Encode(k.state.log.map(rendered).join(''))
  return text.subarray(Math.max(0, text.length - maxBytes))
}
