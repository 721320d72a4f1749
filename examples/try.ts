import { agreement } from './agreement.js'
console.time()
console.log(agreement(console.log))
console.timeEnd()
