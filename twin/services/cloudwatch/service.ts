import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as schemas from '@aws-sdk/client-cloudwatch'
import type { Collection } from '../../state/collection.ts'
import { type Operation, type Service, WireError } from '../../wire/call.ts'
import type { ServiceDependencies } from '../dependencies.ts'
import { alarmOperations } from './alarm-operations.ts'
import type { Alarm, HistoryItem } from './alarms.ts'
import { samplesOf } from './emf.ts'
import { type AlarmAction, type Evaluator, evaluateAlarms } from './evaluation.ts'
import { metricOperations } from './metric-operations.ts'
import { openSeries, type Sample } from './series.ts'

export type CloudWatchDependencies = ServiceDependencies & {
  /** Where the figures lie (`metrics.jsonl`). */
  readonly dir: string
  /** Does what an alarm asks: publishes to a topic, invokes a function. Throws when it may not. */
  readonly act: (action: AlarmAction) => Promise<void>
}

/** A dashboard as it was put. */
type Dashboard = { readonly name: string; readonly body: string; readonly modifiedAt: string }

/** The twin's CloudWatch, with what the rest of the twin gives it. */
export type CloudWatchService = {
  readonly service: Service
  /** One figure of a service of the twin (RDS, Lambda). */
  put(sample: Sample): void
  /** Takes the metrics out of a line of a log group; answers how many there were. */
  ingest(line: string, region: string, at: number, logGroup: string): number
  /** Judges every alarm at the clock's time; call it every ten seconds, or as a test steps its clock. */
  tick(): void
  /**
   * Lets so many minutes pass in a moment: the figures of the last minute, and the silence of those who said nothing,
   * go on, and the alarms are judged after each. What else the twin does keeps its own time.
   * @param isOver says of a region's log group that nobody will write to it again: what came by it goes silent
   */
  pass(minutes: number, isOver?: (region: string, logGroup: string) => boolean): Promise<void>
  /** Resolves when no alarm action is under way. */
  settle(): Promise<void>
  /** Alarms that ring now, for a status line. */
  ringing(): readonly Alarm[]
}

/** The CloudWatch of one twin, all regions. */
export function createCloudWatch(dependencies: CloudWatchDependencies): CloudWatchService {
  const { account, clock, act } = dependencies
  const store = openSeries(join(dependencies.dir, 'metrics.jsonl'), clock)
  const evaluator: Evaluator = {
    account,
    clock,
    store,
    alarms: dependencies.open<Alarm>('alarms'),
    ...openHistory(join(dependencies.dir, 'alarm-history.jsonl')),
    act,
    underWay: new Set(),
  }
  const settle = async () => {
    while (evaluator.underWay.size > 0) await Promise.all(evaluator.underWay)
  }
  return {
    service: {
      name: 'monitoring',
      schemas,
      protocol: 'json1.0',
      operations: {
        ...metricOperations(store, clock),
        ...alarmOperations(evaluator),
        ...dashboardOperations(dependencies.open<Dashboard>('dashboards'), account, clock),
      },
    },
    put: sample => store.put(sample),
    ingest: (line, region, at, logGroup) => {
      const samples = samplesOf(line, region, at)
      for (const sample of samples) store.put(sample, logGroup)
      return samples.length
    },
    tick: () => evaluateAlarms(evaluator),
    pass: async (minutes, isOver = () => false) => {
      for (let minute = 0; minute < minutes; minute += 1) {
        store.repeatMinute(isOver)
        evaluateAlarms(evaluator)
        await settle()
        // Two hundred alarms at a time: the databases' clients wait meanwhile, and must get their turn.
        await new Promise(resolve => setImmediate(resolve))
      }
      store.save()
    },
    settle,
    ringing: () => evaluator.alarms.values().filter(({ state }) => state === 'ALARM'),
  }
}

function openHistory(file: string): Pick<Evaluator, 'history' | 'keep'> {
  mkdirSync(dirname(file), { recursive: true })
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  return {
    // A crash may cut the last line short.
    history: lines.filter(line => line.endsWith('}')).map(line => JSON.parse(line) as HistoryItem),
    keep: item => appendFileSync(file, `${JSON.stringify(item)}\n`),
  }
}

function dashboardOperations(
  dashboards: Collection<Dashboard>,
  account: string,
  clock: () => number,
): Record<string, Operation> {
  const arnOf = (name: string) => `arn:aws:cloudwatch::${account}:dashboard/${name}`
  const on = (action: string) => (input: { DashboardName?: string }) => [
    { action, resource: arnOf(input.DashboardName ?? '*') },
  ]
  const notFound = (name: string | undefined) =>
    new WireError('ResourceNotFound', `Dashboard ${name} does not exist`, 404)
  return {
    PutDashboard: {
      questions: on('cloudwatch:PutDashboard'),
      run: (input: { DashboardName?: string; DashboardBody?: string }) => {
        const name = input.DashboardName ?? ''
        dashboards.set(name, {
          name,
          body: checkBody(input.DashboardBody),
          modifiedAt: new Date(clock()).toISOString(),
        })
        return { DashboardValidationMessages: [] }
      },
    },
    GetDashboard: {
      questions: on('cloudwatch:GetDashboard'),
      run: (input: { DashboardName?: string }) => {
        const found = dashboards.get(input.DashboardName ?? '')
        if (!found) throw notFound(input.DashboardName)
        return { DashboardArn: arnOf(found.name), DashboardName: found.name, DashboardBody: found.body }
      },
    },
    ListDashboards: {
      questions: on('cloudwatch:ListDashboards'),
      run: (input: { DashboardNamePrefix?: string }) => ({
        DashboardEntries: dashboards
          .values()
          .filter(({ name }) => name.startsWith(input.DashboardNamePrefix ?? ''))
          .map(({ name, body, modifiedAt }) => ({
            DashboardName: name,
            DashboardArn: arnOf(name),
            LastModified: new Date(modifiedAt),
            Size: body.length,
          })),
      }),
    },
    DeleteDashboards: {
      questions: (input: { DashboardNames?: string[] }) =>
        (input.DashboardNames ?? []).map(name => ({
          action: 'cloudwatch:DeleteDashboards',
          resource: arnOf(name),
        })),
      run: (input: { DashboardNames?: string[] }) => {
        const missing = input.DashboardNames?.find(name => !dashboards.has(name))
        if (missing) throw notFound(missing)
        for (const name of input.DashboardNames ?? []) dashboards.delete(name)
        return {}
      },
    },
  }
}

function checkBody(body: string | undefined): string {
  try {
    JSON.parse(body ?? '')
  } catch (cause) {
    const error = new WireError(
      'InvalidParameterInput',
      `The dashboard is not JSON: ${(cause as Error).message}`,
    )
    error.cause = cause
    throw error
  }
  return body ?? ''
}
