/**
 * The command-line tools of the systems that are modelled, as programs: functions over system calls, for
 * `createKernel({ programs })` and `k.install`.
 */

export { devtest } from './devtest.js'
