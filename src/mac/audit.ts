/** What the module adds to a recount: who is listed where, and that nobody is forgotten. */

import type { Audit } from '../kernel/books.js'
import { mlsfsHolds } from './mlsfs.js'
import { Labels, type MacState } from './state.js'

export const macAudit: Audit = Object.freeze({
  name: 'mac',

  holds: mlsfsHolds,

  check(books) {
    const { k } = books
    const state = k.state.modules.get('mac') as MacState
    const labels = new Labels(state, k.securitySlots.get('mac') ?? 0)
    let listed = 0
    for (const [compartment, tasks] of state.members) {
      books.must(compartment !== 0 && tasks.size > 0, `compartment ${compartment} is kept for nobody`)
      for (const [pid, task] of tasks) {
        books.same(`pid ${pid} in compartment ${compartment}`, k.state.tasks.get(pid), task)
        books.same(`the compartment of pid ${pid}`, labels.ofTask(task).compartment, compartment)
        listed++
      }
    }
    let wanted = 0
    for (const task of k.state.tasks.values()) if (labels.ofTask(task).compartment !== 0) wanted++
    books.same('tasks in compartments', listed, wanted)
  },
} satisfies Audit)
