/**
 * paleokernel: a Linux 2.2/2.6-era kernel that you can import. See the README for a tour.
 */

export { type Errno, errnoMessage, errnoName, isErr } from './abi/errno.js'
export { type Profile, PROFILES } from './abi/profile.js'
export type { Stat } from './abi/stat.js'
export { createKernel } from './create.js'
export { DIRECT } from './programs/image.js'
export type { Kernel } from './programs/kernel_type.js'
export type { Process } from './programs/process.js'
export { O_RDONLY, O_CREAT, O_RDWR } from './abi/fcntl.js'
export { EACCES } from './abi/errno.js'
