/**
 * What `kernel.net` offers to the host: devices as hardware, and what goes over their wires. Everything else a
 * program does with system calls.
 */

import { deviceByName, type NetDevice } from './device.js'
import { addEthernet, EtherPort, ethReceive, type Wire } from './ethernet.js'
import { devClose, devOpen, inetInsertIfa, makeIfaddr } from './inet/devinet.js'
import { flushRoutes } from './inet/route_cache.js'
import { netlinkCaptureOf, startNetlinkCapture } from './netlink/capture.js'
import { tellLink } from './netlink/rt_notify.js'
import { type Capture, captureOf, startCapture } from './pcap.js'
import { parseIp } from './sockaddr.js'
import type { NetState } from './state.js'

/** A frame that a device has sent. */
export interface SentFrame {
  /** When: milliseconds since boot. */
  readonly time: number
  /** The Ethernet frame, without the checksum. */
  readonly frame: Uint8Array
}

/** How a device is set up. */
export interface DeviceSetup {
  /** An IPv4 address with its prefix length: '10.0.0.1/24'. */
  readonly address?: string
  /** Default true. */
  readonly up?: boolean
  /** Bytes of a packet. */
  readonly mtu?: number
}

/** A device's end of the wire that it is plugged into. */
export interface Plug {
  /** The most bytes of a packet that the device sends, without the link header. */
  readonly mtu: number
  /** A frame comes in, as with `receiveFrame`. */
  receive(frame: Uint8Array): void
  /** Pulls the plug: frames wait for `takeFrames` again. */
  pull(): void
}

/** `kernel.net`. */
export interface NetApi {
  /** Sockets that are open. */
  readonly socketsInUse: number
  /** Plugs in an Ethernet card: `name` 'eth0', `address` six bytes. Throws a TypeError for a name that is taken. */
  addEthernet(name: string, address: Uint8Array): void
  /** Sets a device up, as a start script would. Throws a TypeError for what is no device or no address. */
  configure(name: string, setup: DeviceSetup): void
  /** The frames that a card has sent since it was last asked, oldest first. */
  takeFrames(name: string): readonly SentFrame[]
  /** A frame comes in through a card. Anything may come: what is no frame is counted and dropped. */
  receiveFrame(name: string, frame: Uint8Array): void
  /**
   * Begins to capture what goes through a device, 'lo' too. What is captured is a part of the kernel's state: copies
   * of the kernel go on with captures of their own.
   */
  capture(name: string): Capture
  /** All captures, in the order in which they began. */
  readonly captures: readonly Capture[]
  /**
   * Begins to capture the messages of netlink, as the device nlmon of later kernels does. Their `packets` begin with the
   * header of LINKTYPE_NETLINK. As with `capture`, they are a part of the kernel's state.
   */
  captureNetlink(): Capture
  /** All captures of netlink, in the order in which they began. */
  readonly netlinkCaptures: readonly Capture[]
  /**
   * Plugs a card into a wire, which takes each frame when it is sent instead of `takeFrames`. A wire is no part of
   * the kernel: copies are plugged into nothing. `mtu` becomes the device's. Throws a TypeError for a card that is
   * plugged in already.
   */
  plugIn(name: string, wire: Wire, mtu?: number): Plug
}

function deviceOf(net: NetState, name: string): NetDevice {
  const dev = deviceByName(net, name)
  if (dev === null) throw new TypeError(`there is no network device '${name}'`)
  return dev
}

function portOf(net: NetState, name: string): EtherPort {
  const { data } = deviceOf(net, name)
  if (!(data instanceof EtherPort)) throw new TypeError(`'${name}' is no Ethernet device`)
  return data
}

function configure(net: NetState, name: string, { address, up = true, mtu }: DeviceSetup): void {
  const dev = deviceOf(net, name)
  if (mtu !== undefined) setMtu(net, dev, mtu)
  if (up) devOpen(net, dev)
  else devClose(net, dev)
  if (address === undefined) return
  const [text = '', bits = '32'] = address.split('/')
  const local = parseIp(text)
  const prefix = Number(bits)
  if (local < 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > 32)
    throw new TypeError(`address '${address}': such as 10.0.0.1/24 is wanted`)
  inetInsertIfa(net, dev, makeIfaddr(dev, local, prefix))
}

function setMtu(net: NetState, dev: NetDevice, mtu: number): void {
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65535)
    throw new TypeError(`mtu ${mtu}: 68 to 65535 is wanted`)
  dev.mtu = mtu
  flushRoutes(net)
  tellLink(net, dev, 0)
}

function plugIn(net: NetState, name: string, wire: Wire, mtu: number | undefined): Plug {
  const dev = deviceOf(net, name)
  const port = portOf(net, name)
  if (port.wire !== null) throw new TypeError(`'${name}' is plugged in already`)
  if (typeof wire?.transmit !== 'function') throw new TypeError('a wire has a function transmit')
  if (mtu !== undefined) setMtu(net, dev, mtu)
  port.wire = wire
  return {
    get mtu() {
      return dev.mtu
    },
    receive: (frame) => ethReceive(net, dev, frame),
    pull() {
      if (port.wire === wire) port.wire = null
    },
  }
}

/** The API over a state. */
export const makeApi = (net: NetState): NetApi => ({
  get socketsInUse() {
    return net.inUse
  },
  addEthernet(name, address) {
    if (deviceByName(net, name) !== null) throw new TypeError(`there is a network device '${name}' already`)
    if (!(address instanceof Uint8Array) || address.length !== 6)
      throw new TypeError('a hardware address has six bytes')
    addEthernet(net, name, address)
  },
  configure: (name, setup) => configure(net, name, setup),
  takeFrames: (name) => portOf(net, name).sent.splice(0),
  receiveFrame(name, frame) {
    portOf(net, name)
    ethReceive(net, deviceOf(net, name), frame)
  },
  capture: (name) => startCapture(net, deviceOf(net, name)),
  get captures() {
    return net.captures.map((capture) => captureOf(net, capture))
  },
  captureNetlink: () => startNetlinkCapture(net),
  get netlinkCaptures() {
    return net.netlink.captures.all.map((capture) => netlinkCaptureOf(net, capture))
  },
  plugIn: (name, wire, mtu) => plugIn(net, name, wire, mtu),
})
