import {
  type DBInstance,
  type DBSnapshot,
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBInstancesCommand,
  DescribeExportTasksCommand,
  paginateDescribeDBSnapshots,
  type RDSClient,
} from '@aws-sdk/client-rds'
import { hold, type Question, young } from './ask.ts'
import type { RegionExpectations } from './request.ts'

type Instance = RegionExpectations['instances'][number]

/**
 * What is asked of one instance's own backups.
 * @param key resolves to the ARN of the key that everything must be encrypted with
 * @param now milliseconds since the epoch
 */
export function instanceQuestions(
  rds: RDSClient,
  wanted: Instance,
  key: () => Promise<string>,
  now: number,
): Question[] {
  const describe = once(() => findInstance(rds, wanted.identifier))
  const subject = wanted.identifier
  const asked = 'rds:DescribeDBInstances'
  const questions: Question[] = [
    {
      name: 'instance.encrypted',
      subject,
      asked,
      find: async () =>
        judgeKey(subject, (await describe()).StorageEncrypted, (await describe()).KmsKeyId, await key()),
    },
    {
      name: 'instance.retention',
      subject,
      asked,
      find: async () => {
        const days = (await describe()).BackupRetentionPeriod
        if (days === undefined)
          return { verdict: 'unknown', detail: `nobody says how long ${subject} keeps backups` }
        return {
          ...hold(
            days >= wanted.retentionDays,
            `keeps backups ${days} days`,
            `keeps backups ${days} days, ${wanted.retentionDays} are configured`,
          ),
          answer: days,
        }
      },
    },
    {
      name: 'instance.deletion-protection',
      subject,
      asked,
      find: async () => {
        const on = (await describe()).DeletionProtection === true
        return hold(
          on || !wanted.deletionProtection,
          `deletion protection is ${on ? 'on' : 'off, as configured'}`,
          'deletion protection is off',
        )
      },
    },
  ]
  if (wanted.retentionDays === 0) return questions
  const snapshots = once(() => findSnapshots(rds, subject))
  return [
    ...questions,
    {
      name: 'instance.restorable',
      subject,
      asked,
      find: async () =>
        young(
          'the newest restorable moment',
          (await describe()).LatestRestorableTime,
          wanted.restorableWithinSeconds,
          now,
        ),
    },
    {
      name: 'snapshots.age',
      subject,
      asked: 'rds:DescribeDBSnapshots',
      find: async () => {
        const newest = newestOf(await snapshots())
        return newest
          ? young('the newest snapshot', newest.SnapshotCreateTime, wanted.snapshotWithinSeconds, now)
          : { verdict: 'fail', detail: `${subject} has no available snapshot` }
      },
    },
    {
      name: 'snapshots.encrypted',
      subject,
      asked: 'rds:DescribeDBSnapshots',
      find: async () => {
        const newest = newestOf(await snapshots())
        if (!newest) return { verdict: 'fail', detail: `${subject} has no available snapshot` }
        return judgeKey(
          newest.DBSnapshotIdentifier ?? 'the newest',
          newest.Encrypted,
          newest.KmsKeyId,
          await key(),
        )
      },
    },
  ]
}

/** What is asked of the backups that another region replicates here. */
export function replicatedQuestions(
  rds: RDSClient,
  wanted: RegionExpectations['replicated'][number],
  key: () => Promise<string>,
  now: number,
): Question[] {
  const subject = `${wanted.sourceRegion}/${wanted.source}`
  const asked = 'rds:DescribeDBInstanceAutomatedBackups'
  const find = once(async () => {
    const answer = await rds.send(
      new DescribeDBInstanceAutomatedBackupsCommand({ DBInstanceIdentifier: wanted.source }),
    )
    const found = (answer.DBInstanceAutomatedBackups ?? []).find(
      backup => backup.Region === wanted.sourceRegion,
    )
    return found ?? null
  })
  const missing = { verdict: 'fail' as const, detail: `no backups of ${subject} are replicated here` }
  return [
    {
      name: 'replicated.restorable',
      subject,
      asked,
      find: async () => {
        const found = await find()
        return found
          ? young(
              'the newest replicated moment',
              found.RestoreWindow?.LatestTime,
              wanted.restorableWithinSeconds,
              now,
            )
          : missing
      },
    },
    {
      name: 'replicated.encrypted',
      subject,
      asked,
      find: async () => {
        const found = await find()
        return found ? judgeKey(subject, found.Encrypted, found.KmsKeyId, await key()) : missing
      },
    },
    {
      name: 'replicated.retention',
      subject,
      asked,
      find: async () => {
        const found = await find()
        if (!found) return missing
        const days = found.BackupRetentionPeriod
        if (days === undefined) return { verdict: 'unknown', detail: 'nobody says how long they are kept' }
        return hold(
          days >= wanted.retentionDays,
          `kept ${days} days`,
          `kept ${days} days, ${wanted.retentionDays} are configured`,
        )
      },
    },
  ]
}

/** Is the newest snapshot export complete and young enough? */
export function exportQuestion(
  rds: RDSClient,
  wanted: RegionExpectations['exports'][number],
  now: number,
): Question {
  return {
    name: 'exports.complete',
    subject: wanted.source,
    asked: 'rds:DescribeExportTasks',
    find: async () => {
      const { ExportTasks = [] } = await rds.send(new DescribeExportTasksCommand({}))
      const ours = ExportTasks.filter(task => task.SourceArn?.includes(`:${wanted.source}`))
      const failed = ours.filter(task => task.Status === 'FAILED')
      const complete = ours
        .filter(task => task.Status === 'COMPLETE')
        .sort((a, b) => (a.TaskEndTime?.getTime() ?? 0) - (b.TaskEndTime?.getTime() ?? 0))
        .at(-1)
      if (!complete)
        return {
          verdict: 'fail',
          detail: `no export of ${wanted.source} is complete (${ours.length} tasks, ${failed.length} failed)`,
        }
      return young('the newest complete export', complete.TaskEndTime, wanted.withinSeconds, now)
    },
  }
}

async function findInstance(rds: RDSClient, identifier: string): Promise<DBInstance> {
  const answer = await rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier }))
  const found = answer.DBInstances?.[0]
  if (!found) throw new Error(`rds answered without ${identifier}`)
  return found
}

async function findSnapshots(rds: RDSClient, identifier: string): Promise<DBSnapshot[]> {
  const found: DBSnapshot[] = []
  for await (const page of paginateDescribeDBSnapshots({ client: rds }, { DBInstanceIdentifier: identifier }))
    found.push(...(page.DBSnapshots ?? []))
  return found
}

function newestOf(snapshots: readonly DBSnapshot[]): DBSnapshot | undefined {
  return snapshots
    .filter(snapshot => snapshot.Status === 'available')
    .sort((a, b) => (a.SnapshotCreateTime?.getTime() ?? 0) - (b.SnapshotCreateTime?.getTime() ?? 0))
    .at(-1)
}

/** Encrypted, and with which key: an unknown key is not our key. */
export function judgeKey(
  what: string,
  encrypted: boolean | undefined,
  key: string | undefined,
  wanted: string,
) {
  if (encrypted !== true) return { verdict: 'fail' as const, detail: `${what} is not encrypted` }
  if (key === undefined)
    return { verdict: 'unknown' as const, detail: `nobody says which key ${what} is encrypted with` }
  return hold(
    key === wanted,
    `${what} is encrypted with ${key}`,
    `${what} is encrypted with ${key}, not ${wanted}`,
  )
}

// Several questions read one answer; a failure is each one's own `unknown`.
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined
  return () => {
    loaded ??= load()
    return loaded
  }
}
