import {
  type DBInstanceAutomatedBackup,
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBSnapshotsCommand,
} from '@aws-sdk/client-rds'
import type { Endpoint, MarkAnswer } from '../../examine/request.ts'
import { Refusal } from '../../runtime/failure.ts'
import type { Check } from '../../runtime/verdict.ts'
import { describe, type Instance, listCopies } from '../copy.ts'
import { COPY_PREFIX, TAGS } from '../names.ts'
import { type DrillRequest, expiryOf } from '../request.ts'
import type { Clients, Drill, Setting } from '../setting.ts'
import type { Finding, Stage } from '../stage.ts'
import { chooseMoment, iso, restoreDeadline, type Window } from '../target.ts'

/** What the drill will do, decided once. */
export type Plan = {
  /** The living instance that the copy is compared with. */
  readonly reference: Instance
  readonly primary: Endpoint
  readonly mark: MarkAnswer
  readonly from: BackupSource
  /** ISO, whole seconds; `null` until the sentinels choose it. */
  readonly moment: string | null
  /** Seconds that the restore may take. */
  readonly deadline: number
}

export type BackupSource = {
  readonly kind: 'instance' | 'replicated' | 'snapshot'
  /** Instance identifier, automated backup's ARN or snapshot identifier. */
  readonly id: string
  readonly window: Window | null
  readonly retentionDays: number | null
  /** ISO; of a snapshot. */
  readonly createdAt: string | null
  /** True for a backup that expires by itself. */
  readonly expires: boolean
}

/** What looking for a backup needs of a drill: a restore for use looks with a person's own credentials. */
export type Ground = {
  readonly clients: Pick<Clients, 'rds'>
  readonly setting: Pick<Setting, 'region' | 'source' | 'sourceRegion'>
}

// A stopped or deleting instance has no log that moves, and a failed one is an incident, not a drill.
/** Statuses in which an instance answers and writes its log. */
export const ALIVE: ReadonlySet<string> = new Set([
  'available',
  'backing-up',
  'modifying',
  'storage-optimization',
  'storage-initialization',
  'configuring-log-exports',
  'configuring-enhanced-monitoring',
  'maintenance',
  'upgrading',
  'rebooting',
  'resetting-master-credentials',
])

/** Decides what is restored, from where and to which moment; refuses what cannot work before anything costs. */
export async function makePlan(stage: Stage, drill: Drill, request: DrillRequest): Promise<Finding<Plan>> {
  refuseWrongRegion(drill, request)
  const reference = await stage.once('reference', `describing ${drill.setting.reference}`, () =>
    findReference(drill),
  )
  const from = await stage.once('backups', 'looking for the backup', () =>
    findSource(drill, request, reference),
  )
  await stage.once('alone', 'looking for other drills', () => refuseSecondDrill(drill))
  const primary = endpointOf(reference, drill.setting.database)
  const standby = drill.setting.region !== drill.setting.sourceRegion
  const mark = await stage.examine<'mark'>('mark', { task: 'mark', primary, standby })
  const deadline = request.restoreSeconds ?? restoreDeadline(request.objective.rtoSeconds)
  const moment = await stage.once('moment', 'choosing the moment', async () => {
    const chosen = chooseMoment(request.target, from.window, deadline, Math.random())
    return chosen === null ? from.createdAt : iso(chosen)
  })
  const checks = [...mark.checks, ...sourceChecks(from, reference)]
  const what = moment === null ? 'a moment just ahead' : moment
  return {
    value: { reference, primary, mark, from, moment, deadline },
    checks,
    detail: `${from.kind} ${from.id} to ${what}, compared with ${reference.identifier}${mark.recovering ? ', a replica' : ''}`,
  }
}

function refuseWrongRegion({ setting }: Drill, { region }: DrillRequest): void {
  const here = setting.region === setting.sourceRegion ? 'home' : 'standby'
  if (region === here) return
  throw new Refusal(
    'WrongRegion',
    `the request says ${region}, this function runs in ${setting.region}, the ${here} region of ${setting.source}`,
    `send it to the restore drill of the ${region} region`,
  )
}

async function findReference({ clients, setting }: Drill): Promise<Instance> {
  const found = await describe(clients.rds, setting.reference)
  if (!found)
    throw new Refusal(
      'NoSource',
      `there is no instance ${setting.reference} in ${setting.region}`,
      'deploy the database stack, or correct the name',
    )
  if (!ALIVE.has(found.status) || found.host === null)
    throw new Refusal(
      'SourceNotRunning',
      `${setting.reference} is ${found.status}: there is nothing to compare a copy with`,
      `start ${setting.reference} and drill again`,
    )
  return found
}

/** The backup that the request means. @throws Refusal `NoSource`, `NothingReplicated`, `NoSnapshot`, `ForeignSnapshot`, `SnapshotNotReady` */
export async function findSource(
  drill: Ground,
  request: Pick<DrillRequest, 'target' | 'region' | 'controlSource'>,
  reference: Instance,
): Promise<BackupSource> {
  if (request.target.kind === 'snapshot')
    return findSnapshot(drill, request.target.identifier, reference.retentionDays)
  if (request.region === 'standby') return findReplicated(drill)
  const id = request.controlSource ?? drill.setting.source
  const source = id === reference.identifier ? reference : await describe(drill.clients.rds, id)
  if (!source)
    throw new Refusal('NoSource', `there is no instance ${id} in ${drill.setting.region}`, 'correct the name')
  const backup = await automatedBackup(drill, id, found => found.DBInstanceIdentifier === id)
  const earliest = backup?.RestoreWindow?.EarliestTime
  const latest = source.latestRestorable
  return {
    kind: 'instance',
    id,
    // Without an answer about the old end only the newest moment is certain.
    window:
      latest === null
        ? null
        : { earliest: earliest?.getTime() ?? Date.parse(latest), latest: Date.parse(latest) },
    retentionDays: source.retentionDays,
    createdAt: null,
    expires: true,
  }
}

async function findReplicated(drill: Ground): Promise<BackupSource> {
  const { setting } = drill
  const backup = await automatedBackup(
    drill,
    setting.source,
    found => found.DBInstanceIdentifier === setting.source && found.Region === setting.sourceRegion,
  )
  const arn = backup?.DBInstanceAutomatedBackupsArn
  if (!backup || arn === undefined)
    throw new Refusal(
      'NothingReplicated',
      `no automated backups of ${setting.source} from ${setting.sourceRegion} have arrived in ${setting.region}`,
      'set AutomaticBackupReplicationRegion on the source and wait for the first copy',
    )
  const { EarliestTime, LatestTime } = backup.RestoreWindow ?? {}
  return {
    kind: 'replicated',
    id: arn,
    window:
      EarliestTime && LatestTime ? { earliest: EarliestTime.getTime(), latest: LatestTime.getTime() } : null,
    retentionDays: backup.BackupRetentionPeriod ?? null,
    createdAt: null,
    expires: true,
  }
}

async function automatedBackup(
  { clients }: Ground,
  instance: string,
  wanted: (backup: DBInstanceAutomatedBackup) => boolean,
): Promise<DBInstanceAutomatedBackup | undefined> {
  const answer = await clients.rds.send(
    new DescribeDBInstanceAutomatedBackupsCommand({ DBInstanceIdentifier: instance }),
  )
  return (answer.DBInstanceAutomatedBackups ?? []).find(wanted)
}

async function findSnapshot(
  { clients, setting }: Ground,
  identifier: string,
  retentionDays: number,
): Promise<BackupSource> {
  const answer = await clients.rds
    .send(new DescribeDBSnapshotsCommand({ DBSnapshotIdentifier: identifier }))
    .catch(error => {
      // RDS answers a name that it does not know with a refusal, not with an empty list.
      if (error instanceof Error && error.name.startsWith('DBSnapshotNotFound')) return undefined
      throw error
    })
  const found = answer?.DBSnapshots?.[0]
  if (!found)
    throw new Refusal(
      'NoSnapshot',
      `there is no snapshot ${identifier} in ${setting.region}`,
      'list the snapshots with aws rds describe-db-snapshots and name one of them',
    )
  if (found.DBInstanceIdentifier !== setting.source)
    throw new Refusal(
      'ForeignSnapshot',
      `${identifier} is a snapshot of ${found.DBInstanceIdentifier}, not of ${setting.source}`,
      `name a snapshot of ${setting.source}`,
    )
  if (found.Status !== 'available')
    throw new Refusal(
      'SnapshotNotReady',
      `the snapshot ${identifier} is ${found.Status}`,
      'wait until it is available',
    )
  // The newest transaction in it, which its making follows by seconds; older snapshots know only the latter.
  const content = found.SnapshotDatabaseTime ?? found.SnapshotCreateTime
  const expires = found.SnapshotType === 'automated'
  return {
    kind: 'snapshot',
    id: identifier,
    window: null,
    retentionDays: expires ? retentionDays : null,
    createdAt: content ? iso(Math.floor(content.getTime() / 1_000) * 1_000) : null,
    expires,
  }
}

/** @throws Refusal `DrillRunning` while another drill's copy of this environment stands. */
export async function refuseSecondDrill({ clients, setting, id }: Drill): Promise<void> {
  const now = Date.now()
  const other = (await listCopies(clients.rds, setting.name)).find(
    copy => copy.tags[TAGS.drill] !== id && copy.status !== 'deleting' && isInUse(copy, setting.name, now),
  )
  if (!other) return
  throw new Refusal(
    'DrillRunning',
    `a drill is already running: ${other.identifier} is ${other.status} (drill ${other.tags[TAGS.drill] ?? 'unknown'}, expires ${other.tags[TAGS.expires] ?? 'never'})`,
    'wait until it is over; the reaper deletes what a drill left behind once it has expired',
  )
}

/**
 * Whether a drill may still be using a copy. One whose expiry has passed, or that no drill has named or dated, is a
 * leftover that the reaper takes: it stops no drill.
 */
function isInUse({ identifier, tags }: Instance, name: string, now: number): boolean {
  const expires = expiryOf(tags, now)
  return identifier === `${COPY_PREFIX}${name}-${tags[TAGS.drill]}` && expires !== null && expires > now
}

/** Where to ask an instance. Called only for one that has an endpoint. */
export function endpointOf(instance: Instance, database: string): Endpoint {
  if (instance.host === null || instance.port === null)
    throw new Error(`${instance.identifier} is ${instance.status} and has no endpoint`)
  return { identifier: instance.identifier, host: instance.host, port: instance.port, database }
}

function sourceChecks(from: BackupSource, reference: Instance): Check[] {
  return [
    {
      name: 'plan.encrypted',
      verdict: reference.encrypted ? 'pass' : 'fail',
      detail: reference.encrypted
        ? `${reference.identifier} is encrypted with ${reference.key}`
        : `${reference.identifier} is not encrypted`,
      asked: 'rds:DescribeDBInstances',
    },
    {
      name: 'plan.backup',
      verdict: from.window !== null || from.kind === 'snapshot' ? 'pass' : 'fail',
      detail:
        from.window === null
          ? from.kind === 'snapshot'
            ? `snapshot ${from.id} of ${from.createdAt}`
            : 'nothing is restorable'
          : `restorable from ${iso(from.window.earliest)} to ${iso(from.window.latest)}`,
      asked: 'rds:DescribeDBInstanceAutomatedBackups',
    },
  ]
}
