/** Captures of what was on a wire, whoever sent it and whether it arrived. */

import { encodePcap, type PcapPacket } from '../net/pcap.js'
import type { WireState } from './wire.js'

/** What a capture has taken: plain data, a part of the wire. */
export class WireCaptureState {
  /** Seconds since 1970 when the clock stood at 0. */
  readonly epoch: number
  isRunning = true
  /** In the order of sending. `at` is when the last bit had left: milliseconds. */
  frames: { readonly at: number; readonly frame: Uint8Array }[] = []

  constructor(epoch: number) {
    this.epoch = epoch
  }
}

/** A capture of a link or hub: the frames that were on it, those that it lost too, by the time of their sending. */
export class WireCapture {
  private readonly find: () => WireState
  private readonly at: number

  /** @internal */
  constructor(find: () => WireState, at: number) {
    this.find = find
    this.at = at
  }

  /** Is it still at it? */
  get isRunning(): boolean {
    return this.state.isRunning
  }

  /** The frames, oldest first. Times are by the clock of the first kernel on the wire. */
  get packets(): readonly PcapPacket[] {
    const { frames, epoch } = this.state
    const inOrder = frames.slice().sort((a, b) => a.at - b.at)
    return inOrder.map(({ at, frame }) => {
      const sec = Math.floor(at / 1000)
      const nsec = Math.min(Math.round((at - sec * 1000) * 1e6), 999_999_999)
      return { sec: epoch + sec, nsec, bytes: frame, length: frame.length }
    })
  }

  /** The bytes of a capture file. */
  pcap(): Uint8Array {
    return encodePcap(this.packets)
  }

  /** Captures nothing any more; what there is stays. */
  stop(): void {
    this.state.isRunning = false
  }

  private get state(): WireCaptureState {
    const state = this.find().captures[this.at]
    if (state === undefined) throw new TypeError('this capture began after the copy was made')
    return state
  }
}
