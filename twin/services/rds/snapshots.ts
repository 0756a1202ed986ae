import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type * as rdsTypes from '@aws-sdk/client-rds'
import { baseBackup } from '../../postgres/base-backup.ts'
import { copyTree } from '../../postgres/tree.ts'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { snapshotOf } from './backups.ts'
import {
  arnOf,
  emit,
  findInstance,
  findSnapshot,
  goOn,
  keyOf,
  type Rds,
  readIdentifier,
  update,
} from './context.ts'
import { checkIdentifier } from './identifiers.ts'
import { filter, page } from './paging.ts'
import { demandStatus } from './power.ts'
import { onInstance, onSnapshot } from './questions.ts'
import type { InstanceRecord, SnapshotRecord } from './records.ts'
import { newTags } from './tags.ts'

const MAX_MANUAL = 100
const MAX_CROSS_REGION_COPIES = 20

/** A snapshot as DescribeDBSnapshots shows it. */
function describeSnapshot(record: SnapshotRecord): rdsTypes.DBSnapshot {
  const date = (at: number | undefined) => (at === undefined ? undefined : new Date(at))
  return {
    ...record.shown,
    Status: record.status,
    PercentProgress: record.progress,
    SnapshotCreateTime: record.status === 'creating' ? undefined : date(record.createdAt),
    OriginalSnapshotCreateTime: date(record.originalCreatedAt),
    SnapshotDatabaseTime: date(record.databaseTime),
    InstanceCreateTime: date(record.instanceCreatedAt),
    TagList: [...record.tags],
  }
}

type Snapped = 'manual' | 'awsbackup'

// AWS Backup names what it takes `awsbackup:…`, which nobody else can.
const typeFor = ({ principal }: Call): Snapped =>
  principal.arn === 'backup.amazonaws.com' ? 'awsbackup' : 'manual'

function claim(rds: Rds, region: string, parameter: string, identifier: string, type: Snapped): string {
  const id = type === 'manual' ? checkIdentifier(parameter, identifier, 255) : identifier
  if (rds.snapshots.has(keyOf(region, id)))
    throw new WireError(
      'DBSnapshotAlreadyExists',
      `Cannot create the snapshot because a snapshot with the identifier ${id} already exists.`,
    )
  const manual = rds.snapshots.values().filter(each => each.region === region && each.type === 'manual')
  if (type === 'manual' && manual.length >= MAX_MANUAL)
    throw new WireError('SnapshotQuotaExceeded', `Cannot create more than ${MAX_MANUAL} manual snapshots`)
  return id
}

function change(
  rds: Rds,
  record: Pick<SnapshotRecord, 'region' | 'id'>,
  what: Partial<SnapshotRecord>,
): void {
  const key = keyOf(record.region, record.id)
  const now = rds.snapshots.get(key)
  if (now) rds.snapshots.set(key, { ...now, ...what })
}

const folderOf = (rds: Rds, region: string, id: string, now: number) =>
  join(rds.options.root, 'snapshots', region, `${id}-${now}`)

function tell(rds: Rds, record: SnapshotRecord, id: string, category: string, message: string): void {
  emit(rds, {
    region: record.region,
    id,
    sourceType: 'db-snapshot',
    sourceIdentifier: record.id,
    sourceArn: arnOf(rds, record.region, 'snapshot', record.id),
    categories: [category],
    message,
  })
}

/** Records a snapshot and returns what takes it. @throws DBSnapshotAlreadyExists and others, before anything happened */
export function makeSnapshot(
  rds: Rds,
  record: InstanceRecord,
  identifier: string,
  tags: readonly rdsTypes.Tag[],
  type: Snapped = 'manual',
): () => Promise<void> {
  const id = claim(rds, record.region, 'DBSnapshotIdentifier', identifier, type)
  const now = rds.now()
  const dir = folderOf(rds, record.region, id, now)
  const snapshot: SnapshotRecord = {
    ...snapshotOf(rds, record, { id, type, dir, createdAt: now, status: 'creating' }),
    tags,
  }
  rds.snapshots.set(keyOf(record.region, id), snapshot)
  return async () => {
    tell(rds, snapshot, 'RDS-EVENT-0040', 'creation', 'Creating manual snapshot')
    try {
      const base = await baseBackup(rds.hosts.cluster(record.resourceId), dir)
      change(rds, snapshot, {
        status: 'available',
        progress: 100,
        createdAt: rds.now(),
        databaseTime: base.stoppedAt,
      })
      tell(rds, snapshot, 'RDS-EVENT-0042', 'creation', 'Manual snapshot created')
    } catch (error) {
      change(rds, snapshot, { status: 'failed' })
      throw error
    }
  }
}

function createSnapshot(rds: Rds, input: rdsTypes.CreateDBSnapshotMessage, call: Call) {
  const record = findInstance(rds, call.region, input.DBInstanceIdentifier ?? '')
  demandStatus(record, 'available', 'storage-optimization')
  const inherited = record.shown.CopyTagsToSnapshot ? record.tags : []
  const take = makeSnapshot(
    rds,
    record,
    input.DBSnapshotIdentifier ?? '',
    input.Tags ? newTags(input.Tags) : inherited,
    typeFor(call),
  )
  update(rds, record.resourceId, () => ({ status: 'backing-up' }))
  const done = () => {
    update(rds, record.resourceId, ({ status }) => (status === 'backing-up' ? { status: 'available' } : {}))
  }
  void rds.hosts.enqueue(
    record.resourceId,
    async () => {
      await take()
      done()
    },
    done,
  )
  return { DBSnapshot: describeSnapshot(findSnapshot(rds, call.region, input.DBSnapshotIdentifier ?? '')) }
}

function copySnapshot(rds: Rds, input: rdsTypes.CopyDBSnapshotMessage, call: Call) {
  const source = findSnapshot(rds, call.region, input.SourceDBSnapshotIdentifier ?? '')
  if (source.status !== 'available')
    throw new WireError('InvalidDBSnapshotState', `Snapshot ${source.id} is not available.`)
  const isAbroad = source.region !== call.region
  if (isAbroad && source.shown.Encrypted && input.KmsKeyId === undefined)
    throw new WireError(
      'InvalidParameterCombination',
      'KmsKeyId must be given to copy an encrypted snapshot to another region.',
    )
  if (isAbroad && rds.faults.lostRegions.has(source.region))
    throw new WireError('InternalFailure', `the region ${source.region} does not answer`, 500)
  const running = rds.snapshots
    .values()
    .filter(each => each.status === 'copying' && each.region === call.region)
  if (isAbroad && running.length >= MAX_CROSS_REGION_COPIES)
    throw new WireError(
      'SnapshotQuotaExceeded',
      `Cannot copy more than ${MAX_CROSS_REGION_COPIES} snapshots across regions`,
    )
  const type = typeFor(call)
  const target = input.TargetDBSnapshotIdentifier ?? ''
  const id = claim(rds, call.region, 'TargetDBSnapshotIdentifier', target, type)
  const now = rds.now()
  const copy: SnapshotRecord = {
    ...source,
    region: call.region,
    id,
    type,
    status: 'copying',
    progress: 0,
    dir: folderOf(rds, call.region, id, now),
    createdAt: now,
    tags: [...(input.CopyTags ? source.tags : []), ...newTags(input.Tags)],
    shown: {
      ...source.shown,
      DBSnapshotIdentifier: id,
      DBSnapshotArn: arnOf(rds, call.region, 'snapshot', id),
      SnapshotType: type,
      SourceRegion: isAbroad ? source.region : undefined,
      // A copy within its region and account does not say where it came from.
      SourceDBSnapshotIdentifier: isAbroad ? arnOf(rds, source.region, 'snapshot', source.id) : undefined,
      Encrypted: source.shown.Encrypted || input.KmsKeyId !== undefined,
      KmsKeyId: input.KmsKeyId ?? source.shown.KmsKeyId,
    },
  }
  rds.snapshots.set(keyOf(call.region, id), copy)
  goOn(rds, `copy of snapshot ${source.id}`, async () => {
    try {
      await copyTree(source.dir, copy.dir)
    } catch (error) {
      change(rds, copy, { status: 'failed' })
      throw error
    }
    change(rds, copy, { status: 'available', progress: 100 })
    tell(rds, copy, 'RDS-EVENT-0197', 'creation', 'Snapshot copy finished')
  })
  return { DBSnapshot: describeSnapshot(copy) }
}

async function deleteSnapshot(rds: Rds, input: rdsTypes.DeleteDBSnapshotMessage, call: Call) {
  const record = findSnapshot(rds, call.region, input.DBSnapshotIdentifier ?? '')
  if (record.type === 'automated')
    throw new WireError('InvalidDBSnapshotState', `Snapshot ${record.id} is automated and cannot be deleted.`)
  if (record.type === 'awsbackup' && typeFor(call) !== 'awsbackup')
    throw new WireError(
      'InvalidDBSnapshotState',
      `Snapshot ${record.id} belongs to AWS Backup, which alone deletes it.`,
    )
  const isExported = rds.exports
    .values()
    .some(each => each.sourceArn === record.shown.DBSnapshotArn && /STARTING|IN_PROGRESS/.test(each.status))
  if ((record.status !== 'available' && record.status !== 'failed') || isExported)
    throw new WireError('InvalidDBSnapshotState', `Snapshot ${record.id} is not available.`)
  rds.snapshots.delete(keyOf(record.region, record.id))
  await rm(record.dir, { recursive: true, force: true })
  tell(rds, record, 'RDS-EVENT-0041', 'deletion', 'Deleted user snapshot')
  return { DBSnapshot: { ...describeSnapshot(record), Status: 'deleted' } }
}

function describeSnapshots(rds: Rds, input: rdsTypes.DescribeDBSnapshotsMessage, call: Call) {
  const here = rds.snapshots.values().filter(each => each.region === call.region)
  const named = input.DBSnapshotIdentifier
    ? [findSnapshot(rds, call.region, input.DBSnapshotIdentifier)]
    : here
  const instance =
    input.DBInstanceIdentifier && readIdentifier(call.region, input.DBInstanceIdentifier, 'db').name
  const isWanted = ({ shown, type }: SnapshotRecord) =>
    (instance === undefined || shown.DBInstanceIdentifier === instance) &&
    (input.DbiResourceId === undefined || shown.DbiResourceId === input.DbiResourceId) &&
    (input.SnapshotType === undefined || type === input.SnapshotType)
  const chosen = filter(named.filter(isWanted), input.Filters, {
    'db-instance-id': each => [each.shown.DBInstanceIdentifier],
    'db-snapshot-id': each => [each.id],
    'dbi-resource-id': each => [each.shown.DbiResourceId],
    'snapshot-type': each => [each.type],
    engine: () => ['postgres'],
  }).sort((a, b) => (a.id < b.id ? -1 : 1))
  const { items, Marker } = page(chosen, input, each => each.id)
  return { DBSnapshots: items.map(describeSnapshot), Marker }
}

/** Snapshots: whole copies that need no archive. */
export function snapshotOperations(rds: Rds): Record<string, Operation> {
  return {
    CreateDBSnapshot: {
      questions: (input: rdsTypes.CreateDBSnapshotMessage, call) => [
        ...onInstance(rds, 'CreateDBSnapshot', call.region, input.DBInstanceIdentifier ?? ''),
        ...onSnapshot(rds, 'CreateDBSnapshot', call.region, input.DBSnapshotIdentifier ?? '', input.Tags),
      ],
      run: (input: rdsTypes.CreateDBSnapshotMessage, call) => createSnapshot(rds, input, call),
    },
    CopyDBSnapshot: {
      questions: (input: rdsTypes.CopyDBSnapshotMessage, call) => [
        ...onSnapshot(rds, 'CopyDBSnapshot', call.region, input.SourceDBSnapshotIdentifier ?? ''),
        ...onSnapshot(rds, 'CopyDBSnapshot', call.region, input.TargetDBSnapshotIdentifier ?? '', input.Tags),
      ],
      run: (input: rdsTypes.CopyDBSnapshotMessage, call) => copySnapshot(rds, input, call),
    },
    DeleteDBSnapshot: {
      questions: (input: rdsTypes.DeleteDBSnapshotMessage, call) =>
        onSnapshot(rds, 'DeleteDBSnapshot', call.region, input.DBSnapshotIdentifier ?? ''),
      run: (input: rdsTypes.DeleteDBSnapshotMessage, call) => deleteSnapshot(rds, input, call),
    },
    DescribeDBSnapshots: {
      questions: (input: rdsTypes.DescribeDBSnapshotsMessage, call) =>
        onSnapshot(rds, 'DescribeDBSnapshots', call.region, input.DBSnapshotIdentifier),
      run: (input: rdsTypes.DescribeDBSnapshotsMessage, call) => describeSnapshots(rds, input, call),
    },
  }
}
