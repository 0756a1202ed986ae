import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  type MetricDataQuery,
  PutMetricAlarmCommand,
} from '@aws-sdk/client-cloudwatch'
import { DescribeDBInstancesCommand, DescribeDBProxiesCommand, RDSClient } from '@aws-sdk/client-rds'
import { GetScheduleCommand, SchedulerClient, UpdateScheduleCommand } from '@aws-sdk/client-scheduler'
import { Signer } from '@aws-sdk/rds-signer'
import pg from 'pg'
import { followDrill } from '../bin/drill/follow.ts'
import { startDrill } from '../bin/drill/start.ts'
import { ownerConnection } from '../bin/rehearsal/owner.ts'
import type { PagesLab } from './pages-lab.ts'

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

/** The archiver is not started any more. The run that is under way ends by itself: one that is killed is tried again. */
export function archiverStops(lab: PagesLab): FaultCase {
  return {
    name: 'the archiver stops',
    alarm: 'archive-behind',
    objective: 360,
    objectiveOf: 'six minutes to know of a dead archiver, while point-in-time recovery keeps the objective',
    begin: () => enable(lab, 'archiver', false),
    end: () => enable(lab, 'archiver', true),
  }
}

/** Nobody writes heartbeats any more. */
function heartbeatStops(lab: PagesLab): FaultCase {
  return {
    name: 'the heartbeat stops',
    alarm: 'heartbeat',
    objective: 360,
    objectiveOf: 'six minutes to know that nobody watches the primary',
    begin: () => enable(lab, 'heartbeat', false),
    end: () => enable(lab, 'heartbeat', true),
  }
}

/** Heartbeat and archiver die of one cause. */
export function bothStop(lab: PagesLab): FaultCase {
  const [heartbeat, archiver] = [heartbeatStops(lab), archiverStops(lab)]
  return {
    ...heartbeat,
    name: 'heartbeat and archiver stop',
    begin: async () => void (await Promise.all([heartbeat.begin(), archiver.begin()])),
    end: async () => void (await Promise.all([heartbeat.end(), archiver.end()])),
  }
}

/** A replica, or the standby in the other region, gets nothing any more. */
export function replicationStops(lab: PagesLab, replica: string): FaultCase {
  const { config } = lab.deployment
  const region = replica === 'standby' ? config.standbyRegion : config.region
  const injure = async (kind: string) =>
    void (await lab.control('injure', { kind, instance: `${config.name}-${replica}`, region }))
  const rpo = config.objectives['region-loss']?.rpo
  return {
    name: `replication to ${replica} stops`,
    alarm: `replica-lag-${replica}`,
    objective: 300,
    objectiveOf: `five minutes to know of a stale ${replica === 'standby' ? `standby (RPO ${rpo} s)` : 'replica'}`,
    begin: () => injure('stop-replication'),
    end: () => injure('resume-replication'),
  }
}

/** The disk of the primary fills until a twentieth is free. */
export function diskFills(lab: PagesLab): FaultCase {
  const { name, region, database } = lab.deployment.config
  const fill = async (gib: number) =>
    void (await lab.control('injure', { kind: 'fill-disk', instance: name, region, gib }))
  return {
    name: 'the disk fills',
    alarm: 'disk',
    objective: 30 * 60,
    objectiveOf: 'half an hour, of which autoscaling has twenty minutes',
    begin: () => fill(Math.round(database.storage.size * 0.95)),
    end: () => fill(0),
  }
}

const CLIENT = 'pages_client'

/** Every connection of the pool is in a transaction, and clients wait. PgBouncer must be on this machine. */
export function poolExhausts(lab: PagesLab): FaultCase {
  const clients: pg.Client[] = []
  return {
    name: 'the pool is exhausted',
    alarm: 'pool-exhausted',
    objective: 300,
    objectiveOf: 'five minutes to know that clients wait',
    async begin() {
      const most = await makeClient(lab)
      clients.push(await onceKnown(() => enterPool(lab)))
      while (clients.length < most) clients.push(await enterPool(lab))
      // The last ones find no connection any more; they wait as a service would.
      void Promise.allSettled(clients.map(client => client.query('begin')))
    },
    async end() {
      await Promise.all(clients.splice(0).map(client => client.end()))
    },
  }
}

/** Makes the role that enters the pool. @returns how many sessions exhaust it: as many as the server takes at all */
async function makeClient(lab: PagesLab): Promise<number> {
  const owner = new pg.Client(await ownerConnection(lab.deployment))
  await owner.connect()
  try {
    await owner.query(`
      do $$ begin
        create role ${CLIENT} login;
        grant rds_iam to ${CLIENT};
      exception when duplicate_object then null; end $$`)
    const { rows } = await owner.query<{ most: number }>(
      `select pg_catalog.current_setting('max_connections')::int as most`,
    )
    return rows[0]?.most ?? 0
  } finally {
    await owner.end()
  }
}

/** The pool learns of a new role a moment later than the database. */
async function onceKnown<T>(enter: () => Promise<T>): Promise<T> {
  for (const end = Date.now() + 60_000; ; await sleep(1_000)) {
    try {
      return await enter()
    } catch (error) {
      if (Date.now() > end) throw error
    }
  }
}

async function enterPool({ deployment }: PagesLab): Promise<pg.Client> {
  const { config, twin } = deployment
  const rds = new RDSClient({ region: config.region })
  try {
    const { DBProxies = [] } = await rds.send(new DescribeDBProxiesCommand({ DBProxyName: config.name }))
    const [host = '', port = '5432'] = DBProxies[0]?.Endpoint?.split(':') ?? []
    const login = { hostname: host, port: Number(port), username: CLIENT, region: config.region }
    const client = new pg.Client({
      host,
      port: Number(port),
      user: CLIENT,
      password: await new Signer(login).getAuthToken(),
      database: config.database.name,
      ssl: twin ? { ca: readFileSync(twin.caFile, 'utf8'), rejectUnauthorized: true } : true,
    })
    // The pool lets go of who waits too long; that is the fault and no news here.
    client.on('error', () => {})
    await client.connect()
    return client
  } finally {
    rds.destroy()
  }
}

/**
 * No drill has ever passed here, and the alarm's bound becomes an age that the database has already: a week is too long
 * to wait for. Its three hours pass in CloudWatch alone. A drill that really passes ends it.
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
      await putThreshold(lab, `${alarm}.signal`, (await ageOfDatabase(lab)) - 20)
      await lab.invoke('home', 'FreshnessArn')
      await lab.pass(4 * 60)
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
      await lab.invoke('home', 'FreshnessArn')
    },
  }
}

async function ageOfDatabase({ deployment }: PagesLab): Promise<number> {
  const rds = new RDSClient({ region: deployment.config.region })
  try {
    const { DBInstances = [] } = await rds.send(
      new DescribeDBInstancesCommand({ DBInstanceIdentifier: deployment.config.name }),
    )
    return (Date.now() - (DBInstances[0]?.InstanceCreateTime?.getTime() ?? Number.NaN)) / 1_000
  } finally {
    rds.destroy()
  }
}

/** Puts the alarm again as it was deployed, with another threshold. */
async function putThreshold(lab: PagesLab, id: string, Threshold: number): Promise<void> {
  const { config } = lab.deployment
  const client = new CloudWatchClient({ region: config.region })
  try {
    const AlarmName = `${config.name}-${id}`
    const { MetricAlarms: [alarm] = [] } = await client.send(
      new DescribeAlarmsCommand({ AlarmNames: [AlarmName] }),
    )
    if (alarm === undefined) throw new Error(`there is no alarm ${AlarmName}`)
    const { AlarmDescription, EvaluationPeriods, DatapointsToAlarm, ComparisonOperator, TreatMissingData } =
      alarm
    const Metrics = alarm.Metrics as MetricDataQuery[]
    await client.send(
      new PutMetricAlarmCommand({
        AlarmName,
        AlarmDescription,
        Metrics,
        Threshold,
        EvaluationPeriods,
        DatapointsToAlarm,
        ComparisonOperator,
        TreatMissingData,
      }),
    )
  } finally {
    client.destroy()
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
