import { WireError } from '../wire/call.ts'
import { type Outcome, Worker, type WorkerOptions, type WorkItem } from './worker.ts'

/** How many processes, and for how long. */
export type PoolLimits = {
  /** Processes at once, over all functions; further events wait for one. AWS would start more: this is one machine. */
  readonly processes: number
  /** Milliseconds that an idle process stays. */
  readonly idle: number
}

export const LIMITS: PoolLimits = { processes: 24, idle: 90_000 }

type Idle = { readonly worker: Worker; readonly key: string; timer: NodeJS.Timeout }

/** The finished event and the process that ran it. */
export type Run = { readonly outcome: Outcome; readonly worker: Worker; readonly cold: boolean }

/** The processes of all functions: warm ones are used again, by version and configuration. */
export class Pool {
  readonly #limits: PoolLimits
  #idle: Idle[] = []
  readonly #busy = new Map<Worker, string>()
  readonly #running = new Map<string, number>()
  readonly #waiting: (() => void)[] = []
  #stopped = false

  constructor(limits: PoolLimits = LIMITS) {
    this.#limits = limits
  }

  /**
   * Runs one event in a process of `key`. `group` counts against `reserved`, the function's own limit.
   * @throws WireError TooManyRequestsException when `reserved` are running already
   */
  async run(
    key: string,
    group: string,
    reserved: number | undefined,
    options: () => WorkerOptions,
    item: WorkItem,
  ): Promise<Run> {
    const running = this.#running.get(group) ?? 0
    if (reserved !== undefined && running >= reserved)
      throw new WireError('TooManyRequestsException', 'Rate Exceeded.', 429, {
        Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
        Type: 'User',
      })
    this.#running.set(group, running + 1)
    try {
      const { worker, cold } = await this.#take(key, options)
      const outcome = await worker.invoke(item)
      this.#busy.delete(worker)
      if (outcome.kind === 'crash') worker.kill()
      else this.#keep(worker, key)
      return { outcome, worker, cold }
    } finally {
      this.#running.set(group, (this.#running.get(group) ?? 1) - 1)
      this.#waiting.shift()?.()
    }
  }

  /** The processes there are, by the key of their version. */
  processes(): { pid: number; key: string; busy: boolean }[] {
    return [
      ...[...this.#busy].map(([worker, key]) => ({ pid: worker.pid, key, busy: true })),
      ...this.#idle.map(idle => ({ pid: idle.worker.pid, key: idle.key, busy: false })),
    ]
  }

  /** Ends every process and waits until they are gone. */
  async stop(): Promise<void> {
    this.#stopped = true
    const workers = [...this.#busy.keys(), ...this.#idle.map(idle => idle.worker)]
    for (const idle of this.#idle) clearTimeout(idle.timer)
    this.#idle = []
    await Promise.all(workers.map(worker => worker.stop()))
  }

  async #take(key: string, options: () => WorkerOptions): Promise<{ worker: Worker; cold: boolean }> {
    for (;;) {
      const warm = this.#idle.find(idle => idle.key === key && idle.worker.alive)
      if (warm) {
        this.#forget(warm)
        this.#busy.set(warm.worker, key)
        return { worker: warm.worker, cold: false }
      }
      if (this.#busy.size + this.#idle.length < this.#limits.processes) break
      const other = this.#idle[0]
      if (other) {
        this.#forget(other)
        await other.worker.stop()
      } else await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
    if (this.#stopped) throw new WireError('ServiceException', 'the twin is stopping', 500)
    const worker = new Worker(options())
    this.#busy.set(worker, key)
    return { worker, cold: true }
  }

  #keep(worker: Worker, key: string): void {
    if (this.#stopped || !worker.alive) {
      worker.kill()
      return
    }
    const idle: Idle = {
      worker,
      key,
      timer: setTimeout(() => {
        this.#forget(idle)
        worker.kill()
      }, this.#limits.idle),
    }
    idle.timer.unref()
    this.#idle.push(idle)
  }

  #forget(idle: Idle): void {
    clearTimeout(idle.timer)
    this.#idle = this.#idle.filter(other => other !== idle)
  }
}
