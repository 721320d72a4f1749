/**
 * The command-line tools of the systems that are modelled, as programs: functions over system calls, for
 * `createKernel({ programs })` and `k.install`.
 */

export { devtest } from './devtest.js'
export { ifconfig } from './ifconfig.js'
export { ip, ipTool, type RuleKeyword } from './ip/index.js'
export { reqdump } from './reqdump.js'
export { reqtop } from './reqtop.js'
export { route } from './route.js'
export type { NetCalls, ToolSys } from './tool.js'
