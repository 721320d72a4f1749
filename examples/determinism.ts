/** The same run twice is the same run; and a copy goes its own way. */
import { Session, story } from './story.js'
import type { Print } from './story.js'
