import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { functionEnvironment, logStreamOf, type RoleKey } from './environment.ts'
import type { FunctionRecord, FunctionVersion } from './functions.ts'
import { type FunctionLog, openFunctionLog } from './output.ts'
import { Pool, type PoolLimits } from './pool.ts'
import type { RuntimeError } from './protocol.ts'

/** One datum of the metrics that Lambda itself publishes, namespace `AWS/Lambda`. */
export type LambdaMetric = {
  readonly name:
    | 'Invocations'
    | 'Errors'
    | 'Duration'
    | 'Throttles'
    | 'DeadLetterErrors'
    | 'AsyncEventsDropped'
  readonly value: number
  readonly unit: 'Count' | 'Milliseconds'
}

/** What the functions need of the rest of the twin. */
export type RunnerDeps = {
  /** Folder of the functions' state. */
  readonly directory: string
  readonly logs: string
  readonly endpoint: () => string
  /** PEM file of the authority that signed the twin's PostgreSQL certificates. */
  readonly caFile: () => string
  readonly keyOf: (roleArn: string) => RoleKey
  /** Told of every line of a function's log, as CloudWatch Logs gets it: embedded metrics are among them. */
  readonly onLine: (region: string, logGroup: string, stream: string, line: string) => void
  readonly putMetric: (region: string, functionName: string, metric: LambdaMetric) => void
  readonly watch: { started(pid: number): void; ended(pid: number): void }
  readonly limits?: PoolLimits
}

/** One event for one version. `payload` is JSON text. */
export type Event = {
  readonly record: FunctionRecord
  readonly version: FunctionVersion
  readonly invokedArn: string
  readonly payload: string
  readonly requestId?: string
  readonly clientContext?: unknown
}

/** How one event ended: the answer or what went wrong, and the last lines that the function printed. */
export type Finished = {
  readonly requestId: string
  readonly payload: string
  readonly error?: RuntimeError
  readonly tail: string
}

/** Runs events in the functions' processes, writes their logs and counts them. */
export class Runner {
  readonly pool: Pool
  readonly #deps: RunnerDeps
  readonly #logs = new Map<string, FunctionLog>()

  constructor(deps: RunnerDeps) {
    this.#deps = deps
    this.pool = new Pool(deps.limits)
  }

  /** @throws WireError TooManyRequestsException when the function's reserved concurrency is used up */
  async run(event: Event): Promise<Finished> {
    const { record, version } = event
    const requestId = event.requestId ?? randomUUID()
    const log = this.log(record.region, record.name, version)
    const began = performance.now()
    const count = (metric: LambdaMetric) => this.#deps.putMetric(record.region, record.name, metric)
    let run: Awaited<ReturnType<Pool['run']>>
    try {
      run = await this.pool.run(
        `${record.region}/${record.name}:${version.version}:${version.revisionId}`,
        `${record.region}/${record.name}`,
        record.reservedConcurrency,
        () => ({
          directory: version.codeDirectory,
          environment: functionEnvironment(record, version, this.#deps.keyOf(version.role), {
            endpoint: this.#deps.endpoint(),
            caFile: this.#deps.caFile(),
          }),
          memorySize: version.memorySize,
          log,
          watch: this.#deps.watch,
        }),
        {
          requestId,
          payload: event.payload,
          invokedFunctionArn: event.invokedArn,
          clientContext: event.clientContext,
          timeout: version.timeout,
          begin: () => log.platform(`START RequestId: ${requestId} Version: ${version.version}`),
        },
      )
    } catch (error) {
      count({ name: 'Throttles', value: 1, unit: 'Count' })
      throw error
    }
    const { outcome, worker } = run
    const milliseconds = performance.now() - began
    if (outcome.kind === 'crash') log.platform(outcome.error.errorMessage)
    log.platform(`END RequestId: ${requestId}`)
    log.platform(
      `REPORT RequestId: ${requestId}\tDuration: ${milliseconds.toFixed(2)} ms\tBilled Duration: ${Math.ceil(milliseconds)} ms\tMemory Size: ${version.memorySize} MB\tMax Memory Used: ${Math.ceil(worker.peakBytes / 1_048_576)} MB`,
    )
    count({ name: 'Invocations', value: 1, unit: 'Count' })
    count({ name: 'Errors', value: outcome.kind === 'result' ? 0 : 1, unit: 'Count' })
    count({ name: 'Duration', value: milliseconds, unit: 'Milliseconds' })
    return {
      requestId,
      tail: worker.tail,
      ...(outcome.kind === 'result'
        ? { payload: outcome.payload }
        : { payload: JSON.stringify(outcome.error), error: outcome.error }),
    }
  }

  /** The log of a version: one file a function, one stream a version. */
  log(region: string, name: string, version: FunctionVersion): FunctionLog {
    const key = `${region}/${name}/${version.version}/${version.logGroup}`
    const open = this.#logs.get(key)
    if (open) return open
    const log = openFunctionLog(join(this.#deps.logs, region, `${name}.log`), line =>
      this.#deps.onLine(region, version.logGroup, logStreamOf(version), line),
    )
    this.#logs.set(key, log)
    return log
  }

  stop(): Promise<void> {
    return this.pool.stop()
  }
}
