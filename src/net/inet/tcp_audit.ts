/**
 * What TCP adds to a recount: bytes and packets in queues, ports and who has them, the table of connections.
 * See net/audit.ts.
 */

import type { Books } from '../../kernel/books.js'
import type { SkbQueue } from '../skbuff.js'
import { TCP_CLOSE, TCP_LISTEN } from '../sock.js'
import type { NetState } from '../state.js'
import { MARK_LOST, MARK_RETRANS, type TcpSock, tcpCb } from './tcp_sock.js'
import { findConnection } from './tcp_table.js'

/** Checks the links of a queue. */
export type CheckQueue = (books: Books, what: string, queue: SkbQueue) => void

const bytesOf = (queue: SkbQueue): number => {
  let bytes = 0
  for (let skb = queue.head; skb !== null; skb = skb.next) bytes += skb.truesize
  return bytes
}

/** Packets sent and not acknowledged, and what is thought of them. */
function checkSent(books: Books, name: string, sk: TcpSock): void {
  let [out, lost, retrans] = [0, 0, 0]
  for (let skb = sk.writeQueue.head; skb !== null && skb !== sk.sendHead; skb = skb.next) {
    const { mark } = tcpCb(skb)
    out++
    if ((mark & MARK_LOST) !== 0) lost++
    if ((mark & MARK_RETRANS) !== 0) retrans++
  }
  books.same(`the packets under way of ${name}`, sk.packetsOut, out)
  books.same(`the lost packets of ${name}`, sk.lostOut, lost)
  books.same(`the packets sent again of ${name}`, sk.retransOut, retrans)
}

/** Recounts TCP. */
export function checkTcp(books: Books, net: NetState, checkQueue: CheckQueue): void {
  const { tcp } = net.inet
  for (const sk of tcp.socks) {
    const name = `tcp socket ${sk.num}:${sk.dport}`
    checkQueue(books, `${name}, what is sent`, sk.writeQueue)
    checkQueue(books, `${name}, what has come`, sk.receiveQueue)
    checkQueue(books, `${name}, what came early`, sk.outOfOrder)
    books.same(`the bytes to send of ${name}`, sk.wmem, bytesOf(sk.writeQueue))
    books.same(`the bytes that wait in ${name}`, sk.rmem, bytesOf(sk.receiveQueue) + bytesOf(sk.outOfOrder))
    checkSent(books, name, sk)
    books.must(sk.bucket === null || sk.bucket.owners.has(sk), `${name} has a port that does not know it`)
    const found = sk.isHashed
      ? findConnection(tcp, sk.rcvSaddr, sk.num, sk.daddr, sk.dport, sk.portSpace)
      : sk
    books.must(found === sk, `${name} is not found`)
    books.must(sk.state !== TCP_CLOSE || !sk.isHashed, `${name} is closed and found`)
    books.must(sk.state !== TCP_LISTEN || sk.requests !== null, `${name} listens without a queue`)
    for (const child of sk.acceptQueue)
      books.must(tcp.socks.has(child), `${name} has a child that is no more`)
  }
  for (const [port, bucket] of tcp.buckets) {
    books.must(bucket.owners.size > 0, `port ${port} is nobody's and taken`)
    for (const owner of bucket.owners) books.must(owner.bucket === bucket, `port ${port} has a false owner`)
  }
  for (const tw of tcp.timeWaits) books.must(tw.timer !== null, `port ${tw.num} waits for ever`)
}
