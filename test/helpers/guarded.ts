/** A process that has a setting guarded and then waits: guard.test.ts kills it. Arguments: file, value, folder. */
import { guard, release } from '../../scripts/guard.js'

const [file = '', value = '', folder = '', ends = ''] = process.argv.slice(2)
const guarding = guard(file, value, folder)
if (ends === 'ends') await release(guarding)
else setInterval(() => process.send?.('waiting'), 10)
