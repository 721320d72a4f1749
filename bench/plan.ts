/**
 * How much is measured.
 */

export interface Plan {
  /** Rounds per row: in each, every contestant gets one batch. */
  readonly rounds: number
  /** Rounds for a contestant whose batches take ten times as long as they should. */
  readonly fewestRounds: number
  /** Length of a batch in milliseconds. */
  readonly batchMs: number
  /** Time for which a contestant runs a row before the first round, in milliseconds. */
  readonly warmMs: number
  /** Files in the large directory. */
  readonly entries: number
  /** Bytes of the large file. */
  readonly bigBytes: number
  /** Files of the kernel that is forked. */
  readonly forkFiles: number
  /** Objects whose memory is measured. */
  readonly memoryFiles: number
  readonly memoryTasks: number
  /** Connected sockets. */
  readonly sockets: number
  /** Of a contestant that takes too long to make that many. */
  readonly fewMemoryFiles: number
  /** Sizes over which cost must not grow, smallest first. */
  readonly growthEntries: readonly number[]
  readonly growthBytes: readonly number[]
  readonly growthTasks: readonly number[]
  readonly growthFork: readonly number[]
  readonly growthRoutes: readonly number[]
  /** Live tasks of the memory goal. */
  readonly millionTasks: number
  /** Are contestants left out of rows whose preparation takes them half a minute? */
  readonly skipsSlowSetup: boolean
}

export const FULL: Plan = {
  rounds: 11,
  fewestRounds: 3,
  batchMs: 25,
  warmMs: 150,
  entries: 10_000,
  bigBytes: 64 << 20,
  forkFiles: 1_000,
  memoryFiles: 50_000,
  memoryTasks: 50_000,
  sockets: 10_000,
  fewMemoryFiles: 5_000,
  growthEntries: [100, 1_000, 10_000, 100_000],
  growthBytes: [4_096, 1 << 20, 16 << 20, 256 << 20],
  growthTasks: [10, 1_000, 100_000],
  growthFork: [100, 1_000, 10_000],
  growthRoutes: [10, 1_000, 100_000],
  millionTasks: 1_000_000,
  skipsSlowSetup: false,
}

/** The same work, measured less often. */
export const QUICK: Plan = {
  ...FULL,
  rounds: 3,
  batchMs: 10,
  warmMs: 60,
  memoryFiles: 10_000,
  memoryTasks: 10_000,
  fewMemoryFiles: 1_000,
  skipsSlowSetup: true,
}

/** Runs every line once. The figures mean nothing. */
export const TINY: Plan = {
  rounds: 1,
  fewestRounds: 1,
  batchMs: 0,
  warmMs: 0,
  entries: 40,
  bigBytes: 256 << 10,
  forkFiles: 10,
  memoryFiles: 200,
  memoryTasks: 50,
  sockets: 40,
  fewMemoryFiles: 100,
  growthEntries: [10, 40],
  growthBytes: [4_096, 128 << 10],
  growthTasks: [5, 50],
  growthFork: [10, 40],
  growthRoutes: [4, 40],
  millionTasks: 100,
  skipsSlowSetup: false,
}
