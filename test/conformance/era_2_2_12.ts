/**
 * What changed between 2.2.12 and 2.6.20, as far as the scripts reach it. See era.ts.
 */

import type { EraDifference } from './era.js'
import { ERA_2_2_FILES } from './era_2_2_files.js'
import { ERA_2_2_PATHS } from './era_2_2_paths.js'
import { ERA_2_2_SOCKETS } from './era_2_2_sockets.js'
import { ERA_2_2_TASKS } from './era_2_2_tasks.js'

export const ERA_2_2_12: readonly EraDifference[] = [
  ...ERA_2_2_PATHS,
  ...ERA_2_2_FILES,
  ...ERA_2_2_TASKS,
  ...ERA_2_2_SOCKETS,
]
