/**
 * Running generator programs: resuming them, starting their signal handlers, and leading a new generator to the
 * place where an old one was (after fork(2), or in a copy of the kernel).
 *
 * The running generators are wiring (`task.continuation`); the task's state is its journal and its frames.
 */

import { SIG_IGN, type SigInfo } from '../abi/signal.js'
import type { Journal, ProgramImage } from '../kernel/program.js'
import { type Task, TF_STARTED } from '../kernel/task.js'
import { programOf } from './image.js'
import {
  describeRequest,
  entriesOf,
  recordResult,
  recordSignal,
  replayResult,
  replaySignal,
  restoreOutputs,
} from './journal.js'
import { Request } from './request.js'

type ProgramGenerator = Generator<unknown, unknown, unknown>

/** A generator, and the request whose answer it waits for. */
interface Running {
  readonly generator: ProgramGenerator
  request: Request | null
  /** Has it been advanced at all? */
  hasBegun: boolean
  /** The request has been asked again by a repetition: its buffers are not those that the call was given. */
  isRepeated: boolean
}

/** The program and the handlers that run inside it, innermost last. */
export class Continuation {
  readonly stack: Running[] = []
}

/** What a program does next: a call, the return from a handler, or an exit with a code. */
export type Turn = Request | 'sigreturn' | number

/** What this module needs of its host. */
export interface GeneratorHost {
  /** The object whose methods make requests. */
  readonly requests: object
  handlerNumber(task: Task, fn: unknown): number
  handlerFunction(task: Task, handler: number): unknown
}

const isGenerator = (value: unknown): value is ProgramGenerator =>
  typeof value === 'object' && value !== null && 'next' in value && typeof value.next === 'function'

function startProgram(host: GeneratorHost, task: Task, image: ProgramImage): ProgramGenerator {
  const program = programOf(image)
  const sys = programSys(host, task)
  if (typeof program !== 'function') throw new TypeError(`program ${image.name} is not a generator function`)
  return program(sys, ...task.argv.slice(1))
}

/** `sys` for one program: the requests, with its arguments and environment. */
function programSys(host: GeneratorHost, task: Task): object {
  return Object.assign(Object.create(host.requests), { argv: task.argv, env: task.env })
}

/** Lets the innermost generator run to its next request, or to its end. */
function advance(host: GeneratorHost, task: Task, continuation: Continuation, value: unknown): Turn {
  const { stack } = continuation
  const running = stack.at(-1)
  if (running === undefined)
    throw new TypeError(`program ${task.comm} (pid ${task.pid}) has already returned`)
  running.request = null
  running.isRepeated = false
  running.hasBegun = true
  const step = running.generator.next(value)
  if (step.done === true) {
    stack.pop()
    if (stack.length > 0) return 'sigreturn'
    return typeof step.value === 'number' ? step.value : 0
  }
  if (!(step.value instanceof Request)) {
    throw new TypeError(
      `program ${task.comm} (pid ${task.pid}) yielded ${String(step.value)}: write yield* sys.call(…)`,
    )
  }
  running.request = step.value
  registerHandler(host, task, step.value)
  return step.value
}

/** Handler functions get their numbers when they are asked for, the same ones in a repetition. */
function registerHandler(host: GeneratorHost, task: Task, request: Request): void {
  if (request.name !== 'sigaction') return
  const [, act] = request.args
  if (typeof act !== 'object' || act === null || !('handler' in act)) return
  if (typeof act.handler === 'function') host.handlerNumber(task, act.handler)
}

/** Puts a handler on the stack; it starts with the next `advance`. A plain function runs and is over. */
function pushHandler(
  host: GeneratorHost,
  task: Task,
  continuation: Continuation,
  handler: number,
  info: SigInfo,
): void {
  const fn = host.handlerFunction(task, handler)
  const generator = typeof fn === 'function' ? fn(info.signo, info) : undefined
  continuation.stack.push({
    generator: isGenerator(generator) ? generator : emptyGenerator(),
    request: null,
    hasBegun: false,
    isRepeated: false,
  })
}

function* emptyGenerator(): ProgramGenerator {
  return 0
}

/** Gives the program its result, or starts a handler, and says what it does next. */
export function resumeGenerator(host: GeneratorHost, task: Task): Turn {
  const continuation = continuationOf(host, task)
  const journalled = task.program?.journalled === true
  const frame = task.frames?.at(-1)
  if (frame !== undefined && !frame.started) {
    frame.started = true
    if (journalled) task.journal = recordSignal(task.journal, frame.handler, frame.info, !hasRun(task))
    pushHandler(host, task, continuation, frame.handler, frame.info)
    return advance(host, task, continuation, undefined)
  }
  const running = continuation.stack.at(-1)
  const request = running?.request
  if (continuation.stack.length === 1) task.flags |= TF_STARTED
  const { result, outputs } = task
  task.result = undefined
  task.outputs = null
  if (request != null && journalled) {
    task.journal = recordResult(task.journal, request, result, outputs)
    if (running?.isRepeated === true) restoreOutputs(request, outputs)
  }
  return advance(host, task, continuation, forProgram(host, task, request, result))
}

/** A result as the program sees it: sigaction's has a handler's number in the state, which stands for a function. */
function forProgram(
  host: GeneratorHost,
  task: Task,
  request: Request | null | undefined,
  value: unknown,
): unknown {
  if (request?.name !== 'sigaction' || typeof value !== 'object' || value === null) return value
  const handler: unknown = Reflect.get(value, 'handler')
  return typeof handler === 'number' && handler > SIG_IGN
    ? { ...value, handler: host.handlerFunction(task, handler) }
    : value
}

/** The task's generators; made, and led to where they were, when they are missing. */
function continuationOf(host: GeneratorHost, task: Task): Continuation {
  if (task.continuation instanceof Continuation) return task.continuation
  const image = task.program
  if (image === null) throw new TypeError(`pid ${task.pid} has no program`)
  const continuation = new Continuation()
  task.continuation = continuation
  if (!image.journalled && hasRun(task)) {
    throw new TypeError(
      `program ${image.name} (pid ${task.pid}) has no journal: spawn it with journal: true to copy it`,
    )
  }
  task.handlers = undefined
  continuation.stack.push({
    generator: startProgram(host, task, image),
    request: null,
    hasBegun: false,
    isRepeated: false,
  })
  replay(host, task, continuation, entriesOf(task.journal))
  for (const running of continuation.stack) running.isRepeated = true
  return continuation
}

/** Has the program begun? A handler may have run before it. */
const hasRun = (task: Task): boolean => (task.flags & TF_STARTED) !== 0

/** Feeds a new generator what the old one was told. It ends waiting for the answer that is due now. */
function replay(
  host: GeneratorHost,
  task: Task,
  continuation: Continuation,
  entries: readonly Journal[],
): void {
  const begin = (): void => {
    if (continuation.stack.at(-1)?.hasBegun === false) advance(host, task, continuation, undefined)
  }
  for (const [at, entry] of entries.entries()) {
    if (entry.kind !== 'early') begin()
    if (entry.kind !== 'result') {
      pushHandler(host, task, continuation, Number(entry.what), replaySignal(entry) as SigInfo)
      advance(host, task, continuation, undefined)
      continue
    }
    const request = continuation.stack.at(-1)?.request
    if (request == null || describeRequest(request) !== entry.what) {
      const now = request == null ? 'nothing' : describeRequest(request)
      throw new Error(
        `program ${task.comm} (pid ${task.pid}) does not repeat itself: call ${at + 1} was ${entry.what}, now ${now}; ` +
          'a program must reach the world only through sys',
      )
    }
    advance(host, task, continuation, forProgram(host, task, request, replayResult(entry, request)))
  }
  if (hasRun(task)) begin()
}
