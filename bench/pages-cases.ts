import { setTimeout as sleep } from 'node:timers/promises'
import { debuglog } from 'node:util'
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  type MetricAlarm,
  PutMetricAlarmCommand,
  SetAlarmStateCommand,
} from '@aws-sdk/client-cloudwatch'
import { GetScheduleCommand, SchedulerClient, UpdateScheduleCommand } from '@aws-sdk/client-scheduler'
import pg from 'pg'
import { followDrill } from '../bin/drill/follow.ts'
import { startDrill } from '../bin/drill/start.ts'
import { ownerConnection } from '../bin/rehearsal/owner.ts'
import { type PagesLab, untilPaged } from './pages-lab.ts'

/** One fault: what is done, which alarm must tell of it, and how it ends. */
export type FaultCase = {
  readonly name: string
  /** The row's id. */
  readonly alarm: string
  /** Seconds within which somebody must know, and whose word that is. */
  readonly objective: number
  readonly objectiveOf: string
  begin(): Promise<void>
  end(): Promise<void>
}

/** What came of a fault. Times in seconds; `undefined` where nothing came in time. */
export type Outcome = {
  readonly name: string
  readonly alarm: string
  readonly objective: number
  readonly objectiveOf: string
  readonly toPage: number | undefined
  readonly toResolved: number | undefined
  /** How often it paged between fault and end. */
  readonly pages: number
  readonly article: string | undefined
  /** Why the fault could not be ended. */
  readonly trouble: string | undefined
}

/** Says what happened when NODE_DEBUG names `pages`. */
const debug = debuglog('pages')

/** The longest that is waited for one page. The longest window among these alarms is five minutes. */
const PATIENCE = 9 * 60

/** Has the faults happen at once, waits for their pages, ends them and waits until all is well again. */
export async function rehearseFaults(lab: PagesLab, cases: readonly FaultCase[]) {
  const { name } = lab.deployment.config
  const since = Date.now()
  const outcomes = await Promise.all(
    cases.map(async (fault): Promise<Outcome> => {
      const alarm = `${name}-${fault.alarm}`
      const begun = Date.now()
      await fault.begin()
      const page = await untilPaged(lab, { alarm, state: 'ALARM', since: begun, seconds: PATIENCE })
      const ended = Date.now()
      // What does not end is told with the rest: the other faults must end all the same.
      const trouble = await fault.end().then(
        () => undefined,
        (error: Error) => error.message,
      )
      // What never rang has nothing to end.
      const over = page && (await untilPaged(lab, { alarm, state: 'OK', since: ended, seconds: PATIENCE }))
      const mine = lab.pages.filter(said => said.alarm === alarm && said.at >= begun)
      debug('%s: told %j, over %j, trouble %s', alarm, page?.at, over?.at, trouble)
      return {
        name: fault.name,
        alarm: fault.alarm,
        objective: fault.objective,
        objectiveOf: fault.objectiveOf,
        toPage: page && (page.at - begun) / 1_000,
        toResolved: over && (over.at - ended) / 1_000,
        pages: mine.filter(({ state }) => state === 'ALARM').length,
        trouble,
        article: /#([a-z0-9-]+)$/m.exec(page?.description ?? '')?.[1],
      }
    }),
  )
  const expected = new Set(cases.map(fault => `${name}-${fault.alarm}`))
  const others = lab.pages.filter(
    ({ alarm, state, at }) => at >= since && state === 'ALARM' && !expected.has(alarm),
  )
  return { outcomes, others: [...new Set(others.map(({ topic, alarm }) => `${topic}: ${alarm}`))] }
}

/** Waits until none of these alarms rings. @throws when one still does */
export async function untilQuiet(lab: PagesLab, ids: readonly string[], seconds: number): Promise<void> {
  const { config } = lab.deployment
  const client = new CloudWatchClient({ region: config.region })
  const AlarmNames = ids.flatMap(id => [`${config.name}-${id}`, `${config.name}-${id}.signal`])
  try {
    let ringing: (string | undefined)[] = []
    for (const end = Date.now() + seconds * 1_000; Date.now() < end; await sleep(2_000)) {
      const { MetricAlarms = [], CompositeAlarms = [] } = await client.send(
        new DescribeAlarmsCommand({ AlarmNames, AlarmTypes: ['MetricAlarm', 'CompositeAlarm'] }),
      )
      const all = [...MetricAlarms, ...CompositeAlarms]
      ringing = all.filter(({ StateValue }) => StateValue !== 'OK').map(({ AlarmName }) => AlarmName)
      if (all.length >= ids.length && ringing.length === 0) return
    }
    throw new Error(`after ${seconds} s these are not OK: ${ringing.join(', ')}`)
  } finally {
    client.destroy()
  }
}

/** The archiver is not started any more. */
export function archiverStops(lab: PagesLab): FaultCase {
  const { objectives } = lab.deployment.config
  return {
    name: 'the archiver stops',
    alarm: 'archive-behind',
    objective: objectives['bad-write']?.rpo ?? 300,
    objectiveOf: 'RPO of bad-write',
    begin: () => enable(lab, 'archiver', false),
    end: () => enable(lab, 'archiver', true),
  }
}

/** Nobody writes heartbeats any more. */
export function heartbeatStops(lab: PagesLab): FaultCase {
  return {
    name: 'the heartbeat stops',
    alarm: 'heartbeat',
    objective: 360,
    objectiveOf: 'six minutes to know that nobody watches the primary',
    begin: () => enable(lab, 'heartbeat', false),
    end: () => enable(lab, 'heartbeat', true),
  }
}

/** A replica gets nothing any more. */
export function replicationStops(lab: PagesLab): FaultCase {
  const { config } = lab.deployment
  const replica = config.database.replicas[0]?.name
  if (replica === undefined) throw new Error(`${config.name} has no replica`)
  const injure = (kind: string) =>
    lab.control('injure', { kind, instance: `${config.name}-${replica}`, region: config.region })
  return {
    name: 'replication stops',
    alarm: `replica-lag-${replica}`,
    objective: 300,
    objectiveOf: 'five minutes to know of a stale replica',
    begin: async () => void (await injure('stop-replication')),
    end: async () => void (await injure('resume-replication')),
  }
}

/**
 * No drill was ever run here, so the alarm rings already: it is put to OK by hand and must ring again by itself. A
 * real drill ends it.
 */
export function drillIsSkipped(lab: PagesLab): FaultCase {
  const { deployment } = lab
  const alarm = 'drill-overdue-bad-write'
  return {
    name: 'a drill is skipped',
    alarm,
    objective: (deployment.config.drills['bad-write']?.every ?? 0) * 1.5,
    objectiveOf: 'one and a half times the days between two drills',
    async begin() {
      await lab.control('run-schedule', { name: 'freshness', region: deployment.region('home') })
      const client = new CloudWatchClient({ region: deployment.region('home') })
      try {
        await client.send(
          new SetAlarmStateCommand({
            AlarmName: `${deployment.config.name}-${alarm}`,
            StateValue: 'OK',
            StateReason: 'a rehearsal',
          }),
        )
      } finally {
        client.destroy()
      }
    },
    async end() {
      const lambda = deployment.lambda('home')
      const execution = await startDrill(lambda, await deployment.output('home', 'RestoreDrillArn'), {
        target: { kind: 'latest' },
        objective: { rpoSeconds: 300, rtoSeconds: 3_600 },
        requestedBy: 'a rehearsal of the pages',
      })
      const { verdict, sentence } = await followDrill(lambda, execution, () => {})
      if (verdict !== 'pass') throw new Error(`the drill did not pass: ${sentence}`)
      await lab.control('run-schedule', { name: 'freshness', region: deployment.region('home') })
    },
  }
}

/**
 * Real sessions up to nine tenths. The twin's server takes fewer than the class would, so the alarm is put again with
 * the same derivation over the server's own max_connections.
 */
export function connectionsRunOut(lab: PagesLab): FaultCase {
  const sessions: pg.Client[] = []
  return {
    name: 'connections run out',
    alarm: 'connections',
    objective: 600,
    objectiveOf: 'ten minutes to know of a pool that leaks',
    async begin() {
      const connection = await ownerConnection(lab.deployment)
      const first = await open(connection, sessions)
      const { rows } = await first.query<{ most: number }>(
        `select pg_catalog.current_setting('max_connections')::int as most`,
      )
      const threshold = Math.floor((rows[0]?.most ?? 0) * 0.9)
      await putThreshold(lab, 'connections', threshold)
      // Ours alone must exceed it: the functions' own come and go.
      while (sessions.length <= threshold) await open(connection, sessions)
    },
    async end() {
      await Promise.all(sessions.splice(0).map(client => client.end()))
    },
  }
}

async function open(connection: pg.ClientConfig, sessions: pg.Client[]): Promise<pg.Client> {
  const client = new pg.Client(connection)
  // The twin's end may come before the session's; a broken one is no news here.
  client.on('error', () => {})
  await client.connect()
  sessions.push(client)
  return client
}

/** Puts the alarm again as it was deployed, with another threshold. */
async function putThreshold(lab: PagesLab, id: string, threshold: number): Promise<void> {
  const { config } = lab.deployment
  const client = new CloudWatchClient({ region: config.region })
  try {
    const { MetricAlarms: [alarm] = [] } = await client.send(
      new DescribeAlarmsCommand({ AlarmNames: [`${config.name}-${id}`] }),
    )
    if (alarm === undefined) throw new Error(`there is no alarm ${config.name}-${id}`)
    await client.send(new PutMetricAlarmCommand({ ...asPut(alarm), Threshold: threshold }))
  } finally {
    client.destroy()
  }
}

function asPut(alarm: MetricAlarm) {
  const { AlarmName, AlarmDescription, Namespace, MetricName, Dimensions, Statistic, Period } = alarm
  const { EvaluationPeriods, DatapointsToAlarm, ComparisonOperator, TreatMissingData } = alarm
  return {
    AlarmName,
    AlarmDescription,
    Namespace,
    MetricName,
    Dimensions,
    Statistic,
    Period,
    EvaluationPeriods,
    DatapointsToAlarm,
    ComparisonOperator,
    TreatMissingData,
    AlarmActions: alarm.AlarmActions,
    OKActions: alarm.OKActions,
  }
}

/** Switches the schedule whose name holds this word on or off, through the API that a person would use. */
async function enable(lab: PagesLab, word: string, enabled: boolean): Promise<void> {
  const region = lab.deployment.region('home')
  const { schedules } = await lab.control<{ schedules: { arn: string; name: string; region: string }[] }>(
    'schedules',
  )
  const found = schedules.find(
    schedule => schedule.region === region && schedule.name.toLowerCase().includes(`schedules${word}`),
  )
  if (found === undefined) throw new Error(`no schedule is called ${word}`)
  const [GroupName, Name] = found.arn.split(':schedule/')[1]?.split('/') ?? []
  const client = new SchedulerClient({ region })
  try {
    const now = await client.send(new GetScheduleCommand({ GroupName, Name }))
    await client.send(
      new UpdateScheduleCommand({
        GroupName,
        Name,
        ScheduleExpression: now.ScheduleExpression,
        ScheduleExpressionTimezone: now.ScheduleExpressionTimezone,
        FlexibleTimeWindow: now.FlexibleTimeWindow,
        Target: now.Target,
        Description: now.Description,
        State: enabled ? 'ENABLED' : 'DISABLED',
      }),
    )
  } finally {
    client.destroy()
  }
}

/** A table with rows and a few heartbeats: what a drill needs to find. */
export async function fillDatabase(lab: PagesLab): Promise<void> {
  const client = new pg.Client(await ownerConnection(lab.deployment))
  await client.connect()
  try {
    await client.query(`
      create table if not exists public.orders (id bigint primary key, total numeric(10, 2) not null);
      insert into public.orders select i, i * 1.5 from generate_series(1, 1000) i on conflict do nothing;
      grant select on public.orders to public`)
  } finally {
    await client.end()
  }
}
