import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { residentBytes } from './memory.ts'
import { eachLine, type FunctionLog } from './output.ts'
import { type FromFunction, marker, type RuntimeError, type ToFunction } from './protocol.ts'

/** How one invocation of a function's process ended. A crashed worker is of no further use. */
export type Outcome =
  | { readonly kind: 'result'; readonly payload: string }
  | { readonly kind: 'error'; readonly error: RuntimeError }
  | { readonly kind: 'crash'; readonly error: RuntimeError }

export type WorkerOptions = {
  readonly directory: string
  readonly environment: Readonly<Record<string, string>>
  /** MB, as the template says it: a ceiling on the whole process. */
  readonly memorySize: number
  readonly log: FunctionLog
  /** Told of every process that begins and ends, so that something outside can end it when the twin cannot. */
  readonly watch: { started(pid: number): void; ended(pid: number): void }
}

export type WorkItem = Omit<ToFunction, 'type' | 'deadline'> & {
  /** Seconds */
  readonly timeout: number
  /** Called when the process is ready and the event is about to be handed to it. */
  readonly begin?: () => void
}

const BOOTSTRAP = fileURLToPath(new URL('./bootstrap.ts', import.meta.url))
const MEMORY_POLL_MS = 250
const DRAIN_MS = 1_000
const TAIL_CHARACTERS = 4_096
// What the code outside the handler has by itself. After that Lambda runs it again as part of the first event, within
// the function's own timeout.
const INIT_TIMEOUT_MS = 10_000

/** One process of one version of a function: it answers one event at a time and stays warm in between. */
export class Worker {
  readonly pid: number
  peakBytes = 0
  /** What the last event printed, its last 4 KB: what `LogType: Tail` shows. */
  tail = ''
  #child: ChildProcess
  #alive = true
  #killed: RuntimeError | undefined
  #fatal: RuntimeError | undefined
  #settle: ((outcome: Outcome) => void) | undefined
  #marks = 0
  #marked: (() => void) | undefined
  #requestId = ''
  readonly #ready: Promise<RuntimeError | undefined>
  readonly #ended: Promise<void>

  constructor(options: WorkerOptions) {
    const heap = Math.max(32, Math.floor(options.memorySize * 0.9))
    this.#child = spawn(
      process.execPath,
      [`--max-old-space-size=${heap}`, '--disable-warning=ExperimentalWarning', BOOTSTRAP],
      { cwd: options.directory, env: { ...options.environment }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
    )
    const pid = this.#child.pid
    if (pid === undefined) throw new Error(`cannot start a process for ${options.directory}`)
    this.pid = pid
    options.watch.started(pid)
    this.#readOutput(options.log)
    const memory = setInterval(() => this.#watchMemory(options.memorySize), MEMORY_POLL_MS)
    memory.unref()
    this.#ended = new Promise(resolve => {
      this.#child.once('close', (code, signal) => {
        clearInterval(memory)
        this.#alive = false
        options.watch.ended(pid)
        this.#crash(code, signal)
        resolve()
      })
    })
    this.#ready = this.#awaitReady()
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Runs the handler on one event; always resolves. */
  async invoke(item: WorkItem): Promise<Outcome> {
    const failure = await this.#readyWithin(INIT_TIMEOUT_MS + item.timeout * 1_000)
    if (failure) return { kind: 'crash', error: failure }
    this.#requestId = item.requestId
    this.#marks = 0
    this.#killed = undefined
    this.tail = ''
    const drained = new Promise<void>(resolve => {
      this.#marked = resolve
    })
    const answered = new Promise<Outcome>(resolve => {
      this.#settle = resolve
    })
    const { timeout, begin, ...event } = item
    begin?.()
    const timer = setTimeout(() => this.kill(timedOut(item)), timeout * 1_000)
    const message: ToFunction = { ...event, type: 'invoke', deadline: Date.now() + timeout * 1_000 }
    this.#child.send(message, error => {
      if (error) this.#crash(null, null)
    })
    const outcome = await answered
    clearTimeout(timer)
    this.peakBytes = Math.max(this.peakBytes, residentBytes(this.pid) ?? 0)
    if (outcome.kind !== 'crash') await Promise.race([drained, pause(DRAIN_MS)])
    return outcome
  }

  /** Ends the process at once; the event it works on, if any, ends in `error`. */
  kill(error?: RuntimeError): void {
    this.#killed = error
    this.#child.kill('SIGKILL')
  }

  /** Ends the process and waits until it is gone. */
  async stop(): Promise<void> {
    if (this.#alive) this.kill()
    await this.#ended
  }

  #readOutput(log: FunctionLog): void {
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream)
        eachLine(stream, line => {
          if (line === marker(this.#requestId)) {
            this.#marks += 1
            if (this.#marks === 2) this.#marked?.()
          } else {
            this.tail = `${this.tail}${line}\n`.slice(-TAIL_CHARACTERS)
            log.line(line)
          }
        })
  }

  async #readyWithin(ms: number): Promise<RuntimeError | undefined> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<RuntimeError>(resolve => {
      timer = setTimeout(() => {
        this.kill()
        resolve({
          errorType: 'Sandbox.Timedout',
          errorMessage: `Error: init took longer than ${ms / 1_000} seconds`,
        })
      }, ms)
    })
    const failure = await Promise.race([this.#ready, late])
    clearTimeout(timer)
    return failure
  }

  #awaitReady(): Promise<RuntimeError | undefined> {
    return new Promise(finish => {
      this.#child.on('message', (message: FromFunction) => {
        if (message.type === 'ready') finish(undefined)
        else if (message.type === 'fatal') {
          this.#fatal = message.error
          finish(message.error)
        } else if (message.requestId === this.#requestId)
          this.#settle?.(
            message.type === 'result'
              ? { kind: 'result', payload: message.payload }
              : { kind: 'error', error: message.error },
          )
      })
      this.#child.once('error', error => finish({ errorType: error.name, errorMessage: error.message }))
      this.#child.once('close', (code, signal) => finish(this.#fatal ?? exitError('', code, signal)))
    })
  }

  #crash(code: number | null, signal: NodeJS.Signals | null): void {
    this.#settle?.({
      kind: 'crash',
      error: this.#killed ?? this.#fatal ?? exitError(this.#requestId, code, signal),
    })
  }

  #watchMemory(memorySize: number): void {
    const bytes = residentBytes(this.pid)
    if (bytes === undefined) return
    this.peakBytes = Math.max(this.peakBytes, bytes)
    if (bytes > memorySize * 1_048_576)
      this.kill({
        errorType: 'Runtime.OutOfMemory',
        errorMessage: `RequestId: ${this.#requestId} Error: Runtime exited with error: signal: killed`,
      })
  }
}

function timedOut(item: WorkItem): RuntimeError {
  return {
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${item.requestId} Error: Task timed out after ${item.timeout.toFixed(2)} seconds`,
  }
}

function exitError(requestId: string, code: number | null, signal: NodeJS.Signals | null): RuntimeError {
  const how =
    signal === 'SIGKILL' ? 'signal: killed' : signal ? `signal: ${signal}` : `exit status ${code ?? 0}`
  return {
    errorType: 'Runtime.ExitError',
    errorMessage: `${requestId ? `RequestId: ${requestId} ` : ''}Error: Runtime exited with error: ${how}`,
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds).unref())
}
