/**
 * The command-line tools of the systems that are modelled, as programs: functions over system calls, for
 * `createKernel({ programs })` and `k.install`.
 */

export { devtest } from './devtest.js'
export { chmod } from './fileutils/chmod.js'
export { chgrp, chown } from './fileutils/chown.js'
export { ls } from './fileutils/ls.js'
export { ifconfig } from './ifconfig.js'
export { ip, ipTool, type RuleKeyword } from './ip/index.js'
export { type IpchainsField, type IpchainsOption, ipchains, ipchainsTool } from './ipchains/index.js'
export {
  ipchainsRestore,
  ipchainsRestoreTool,
  ipchainsSave,
  ipchainsSaveTool,
} from './ipchains/save.js'
export { type KillSys, kill } from './kill.js'
export { macexec } from './macexec.js'
export { insmod, lsmod, rmmod } from './modutils.js'
export { mount, umount } from './mount.js'
export { type PingCalls, type PingSys, ping } from './ping.js'
export { ps } from './ps/index.js'
export { reqdump } from './reqdump.js'
export { reqtop } from './reqtop.js'
export { route } from './route.js'
export type { NetCalls, ToolSys, TreeToolSys } from './tool.js'
