import { story } from './story.js'
const s = story(console.log)
console.log(s.screen(), s.kernel.digest(), s.kernel.now)
console.log(s.kernel.describe())
