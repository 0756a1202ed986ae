import {
  DescribeDBInstanceAutomatedBackupsCommand,
  DescribeDBInstancesCommand,
  type RDSClient,
} from '@aws-sdk/client-rds'
import { type _Object, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3'
import { placeOf } from '../runtime/segment/key.ts'

/** Seconds since the newest segment was written; since the epoch when there is none. */
export async function segmentAge(s3: S3Client, bucket: string, now: number): Promise<number> {
  const segments = (await listed(s3, bucket, '')).filter(({ Key = '' }) => placeOf(Key) !== undefined)
  const newest = Math.max(
    0,
    ...segments.slice(-1_000).map(({ LastModified }) => LastModified?.getTime() ?? 0),
  )
  return (now - newest) / 1_000
}

/** Seconds; `undefined` when RDS does not say. */
export type DatabaseAges = { readonly restorable: number | undefined; readonly database: number | undefined }

/**
 * How long ago the newest second is that point-in-time recovery in this region reaches, and how long ago the database
 * was made: of the instance itself at home, of its replicated backups elsewhere.
 */
export async function databaseAges(
  rds: RDSClient,
  source: string,
  home: boolean,
  now: number,
): Promise<DatabaseAges> {
  const { latest, made } = home ? await ofInstance(rds, source) : await ofReplicated(rds, source)
  const age = (date: Date | undefined) => (date === undefined ? undefined : (now - date.getTime()) / 1_000)
  return { restorable: age(latest), database: age(made) }
}

type Moments = { readonly latest: Date | undefined; readonly made: Date | undefined }

async function ofInstance(rds: RDSClient, source: string): Promise<Moments> {
  const { DBInstances = [] } = await rds.send(
    new DescribeDBInstancesCommand({ DBInstanceIdentifier: source }),
  )
  return { latest: DBInstances[0]?.LatestRestorableTime, made: DBInstances[0]?.InstanceCreateTime }
}

async function ofReplicated(rds: RDSClient, source: string): Promise<Moments> {
  const { DBInstanceAutomatedBackups = [] } = await rds.send(
    new DescribeDBInstanceAutomatedBackupsCommand({
      Filters: [{ Name: 'db-instance-id', Values: [source] }],
    }),
  )
  const newest = DBInstanceAutomatedBackups.toSorted(
    (a, b) => (b.RestoreWindow?.LatestTime?.getTime() ?? 0) - (a.RestoreWindow?.LatestTime?.getTime() ?? 0),
  )[0]
  return { latest: newest?.RestoreWindow?.LatestTime, made: newest?.InstanceCreateTime }
}

async function listed(s3: S3Client, bucket: string, prefix: string): Promise<_Object[]> {
  const objects: _Object[] = []
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: prefix }))
    objects.push(...(page.Contents ?? []))
  return objects
}
