/**
 * What sysinfo(2) fills. Linux: struct sysinfo, include/linux/kernel.h (2.2.12, 2.6.14).
 *
 * Left out: high memory, which no modelled machine has, and `mem_unit`, which is always 1.
 */

/** The state of the machine as a whole. */
export interface Sysinfo {
  /** Seconds since boot. */
  uptime: number
  /** Load averages of 1, 5 and 15 minutes, times 65536. */
  loads: readonly [number, number, number]
  /** Bytes of memory. */
  totalram: number
  /** Bytes of memory that nobody uses. */
  freeram: number
  /** Bytes of shared memory. */
  sharedram: number
  /** Bytes of buffers. */
  bufferram: number
  /** Bytes of swap space. */
  totalswap: number
  /** Bytes of swap space that nobody uses. */
  freeswap: number
  /** Processes. */
  procs: number
}
