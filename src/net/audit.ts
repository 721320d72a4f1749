/**
 * What the network adds to a recount: open files in messages, paths that sockets are bound to, queues to sleep on,
 * bytes on their way. See kernel/invariants.ts.
 */

import type { Audit, Books } from '../kernel/books.js'
import { Tally } from '../kernel/books.js'
import { checkFirewall } from './firewall/audit.js'
import { checkGroups } from './inet/multicast.js'
import { InetSock } from './inet/sock.js'
import { checkTcp } from './inet/tcp_audit.js'
import { checkNetlinkCaptures } from './netlink/capture.js'
import { netlinkLookup } from './netlink/sock.js'
import { checkPackets } from './packet/sock.js'
import { checkCaptures } from './pcap.js'
import type { SkbQueue } from './skbuff.js'
import { type Sock, Socket } from './sock.js'
import type { NetState } from './state.js'
import { unixSockOf } from './unix/garbage.js'
import { type UnixSock, unixCb } from './unix/sock.js'

const netOf = (books: Books): NetState => books.k.state.modules.get('net') as NetState

const nameOf = (sk: UnixSock): string => `unix socket ${sk.serial}`

/** Every open socket: those of descriptors and those in messages. */
function openSockets(books: Books): Socket[] {
  const open: Socket[] = []
  for (const { data } of books.files.counts.keys()) if (data instanceof Socket) open.push(data)
  return open
}

/** The socks of AF_INET that a descriptor, or a message, refers to. */
const inetSocks = (books: Books): InetSock[] =>
  openSockets(books).flatMap(({ sk }) => (sk instanceof InetSock ? [sk] : []))

function checkQueue(books: Books, what: string, queue: SkbQueue): void {
  let length = 0
  let before = null
  for (let skb = queue.head; skb !== null; skb = skb.next) {
    books.must(skb.list === queue && skb.prev === before, `the queue of ${what} is broken at ${length}`)
    before = skb
    length++
    if (length > queue.length) break
  }
  books.same(`the length of the queue of ${what}`, queue.length, length)
  books.must(queue.tail === before, `the tail of the queue of ${what} is another`)
}

/** Bytes on their way between sockets of AF_UNIX, and descriptors in them. */
function checkUnix(books: Books, net: NetState): void {
  const sent = new Tally<Sock>()
  const inflight = new Tally<UnixSock>()
  for (const sk of net.unix.sockets) {
    checkQueue(books, nameOf(sk), sk.receiveQueue)
    for (let skb = sk.receiveQueue.head; skb !== null; skb = skb.next) {
      if (skb.charged === 'send' && skb.sk !== null) sent.add(skb.sk, skb.truesize)
      for (const file of unixCb(skb)?.files ?? []) {
        const carried = unixSockOf(file)
        if (carried !== null) inflight.add(carried)
      }
    }
  }
  let total = 0
  for (const sk of net.unix.sockets) {
    books.same(`the bytes on their way of ${nameOf(sk)}`, sk.wmem, sent.of(sk))
    books.same(`the messages that carry ${nameOf(sk)}`, sk.inflight, inflight.of(sk))
    total += inflight.of(sk)
    const file = sk.socket?.file ?? null
    books.must(file === null || books.files.of(file) > 0, `${nameOf(sk)} is open for nobody`)
  }
  books.same('the unix sockets in messages', net.unix.inflight, total)
  for (const [inode, sk] of net.unix.byInode)
    books.must(sk.inode === inode, `${nameOf(sk)} is at another inode`)
  for (const sk of net.unix.abstract.values())
    books.must(net.unix.sockets.has(sk), `an abstract name belongs to ${nameOf(sk)}, which is closed`)
}

/** Bytes that wait in socks of AF_NETLINK. */
function checkNetlink(books: Books, net: NetState): void {
  for (const sk of net.netlink.sockets) {
    const name = `netlink socket ${sk.protocol}:${sk.pid}`
    checkQueue(books, name, sk.receiveQueue)
    let bytes = 0
    for (let skb = sk.receiveQueue.head; skb !== null; skb = skb.next) bytes += skb.truesize
    books.same(`the bytes that wait in ${name}`, sk.rmem, bytes)
    books.must(sk.socket !== null, `${name} is in the table and closed`)
    const found = netlinkLookup(net, sk.protocol, sk.pid, sk.portSpace)
    books.must(sk.pid === 0 || found === sk, `${name} is not found by its port`)
    for (const group of sk.memberOf)
      books.must(
        net.netlink.tables.get(sk.protocol)?.listeners.get(group)?.has(sk) === true,
        `${name} is not among those who listen to group ${group}`,
      )
  }
  for (const { ports, listeners } of net.netlink.tables.values()) {
    for (const sk of ports.values())
      books.must(net.netlink.sockets.has(sk), `port ${sk.pid} is of a closed socket`)
    for (const [group, socks] of listeners) {
      books.must(socks.size > 0, `netlink group ${group} has an empty set of listeners`)
      for (const sk of socks)
        books.must(sk.memberOf.has(group), `netlink group ${group} has a listener that has not joined`)
    }
  }
}

/** Packets that wait in raw socks. */
function checkRaw(books: Books, net: NetState): void {
  for (const [protocol, socks] of net.inet.raw) {
    const name = `a raw socket of protocol ${protocol}`
    books.must(socks.size > 0, `there is an empty list of raw sockets of protocol ${protocol}`)
    for (const sk of socks) {
      checkQueue(books, name, sk.receiveQueue)
      let bytes = 0
      for (let skb = sk.receiveQueue.head; skb !== null; skb = skb.next) bytes += skb.truesize
      books.same(`the bytes that wait in ${name}`, sk.rmem, bytes)
      books.must(sk.num === protocol && sk.socket !== null, `${name} is in the table and should not be`)
    }
  }
}

/** The audit of the network. */
export const netAudit: Audit = Object.freeze({
  name: 'net',

  holds(books) {
    const net = netOf(books)
    for (const { socket } of net.packets) if (socket !== null) books.queues.add(socket.wait)
    for (const { socket, room } of net.netlink.sockets) {
      books.queues.add(room)
      if (socket !== null) books.queues.add(socket.wait)
    }
    for (const { socket } of net.inet.tcp.socks) if (socket !== null) books.queues.add(socket.wait)
    for (const socks of net.inet.udp.byPort.values())
      for (const { socket } of socks) if (socket !== null) books.queues.add(socket.wait)
    for (const socks of net.inet.raw.values())
      for (const { socket } of socks) if (socket !== null) books.queues.add(socket.wait)
    for (const sk of net.unix.sockets) {
      books.queues.add(sk.peerWait)
      if (sk.socket !== null) books.queues.add(sk.socket.wait)
      if (sk.inode !== null) books.inodes.add(sk.inode)
      if (sk.mnt !== null) books.mounts.add(sk.mnt)
      for (let skb = sk.receiveQueue.head; skb !== null; skb = skb.next)
        for (const file of unixCb(skb)?.files ?? []) books.files.add(file)
    }
  },

  check(books) {
    const net = netOf(books)
    books.same('the sockets in use', net.inUse, openSockets(books).length)
    books.same('the packets in the backlog', net.backlog.length, 0)
    checkUnix(books, net)
    checkTcp(books, net, checkQueue)
    checkNetlink(books, net)
    checkRaw(books, net)
    checkGroups(books, net, inetSocks(books))
    checkCaptures(books)
    checkNetlinkCaptures(books, net)
    checkPackets(books, net, checkQueue)
    checkFirewall(books, net)
  },
} satisfies Audit)
