import { existsSync } from 'node:fs'
import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { makePrivateFolder } from '../../postgres/account.ts'
import { archivedSegments } from '../../postgres/archive.ts'
import { baseBackup } from '../../postgres/base-backup.ts'
import { copyTree } from '../../postgres/tree.ts'
import { archiveFolder } from './configuration.ts'
import { arnOf, emitFor, findByResourceId, keyOf, type Rds, update } from './context.ts'
import { newResourceId } from './identifiers.ts'
import type { BackupRecord, BaseRecord, InstanceRecord, SnapshotRecord } from './records.ts'

const DAY_MS = 86_400_000

const backupFolder = (rds: Rds, region: string, resourceId: string) =>
  join(rds.options.root, 'backups', region, resourceId.toLowerCase())

/** Records the instance's continuous backup, without a base yet. */
export function openBackup(rds: Rds, record: InstanceRecord): BackupRecord {
  const key = keyOf(record.region, record.resourceId)
  const before = rds.backups.get(key)
  const backup: BackupRecord = {
    region: record.region,
    id: before?.id ?? newResourceId('ab-').toLowerCase(),
    status: before?.bases.length ? 'active' : 'creating',
    resourceId: record.resourceId,
    instanceId: record.id,
    instanceRegion: record.region,
    instanceCreatedAt: record.createdAt,
    version: record.version,
    instance: record.shown,
    tags: record.tags,
    retention: record.shown.BackupRetentionPeriod ?? 0,
    kmsKeyId: record.shown.KmsKeyId,
    bases: before?.bases ?? [],
    archive: archiveFolder(rds, record.region, record.resourceId),
    latest: before?.latest,
  }
  rds.backups.set(key, backup)
  return backup
}

/** Takes a base backup of a running instance; it is an automated snapshot, too. */
export async function takeBase(rds: Rds, resourceId: string): Promise<void> {
  const record = findByResourceId(rds, resourceId)
  if (!record) return
  openBackup(rds, record)
  const now = rds.now()
  const dir = join(backupFolder(rds, record.region, resourceId), 'base', String(now))
  emitFor(rds, record, 'RDS-EVENT-0001', 'backup', 'Backing up DB instance')
  const base = await baseBackup(rds.hosts.cluster(resourceId), dir)
  const minute = new Date(now).toISOString().slice(0, 16).replace(/[T:]/g, '-')
  const id = `rds:${record.id}-${minute}`
  if (!rds.snapshots.has(keyOf(record.region, id)))
    rds.snapshots.set(
      keyOf(record.region, id),
      snapshotOf(rds, record, { id, type: 'automated', dir, createdAt: now, databaseTime: base.stoppedAt }),
    )
  // The record may have been renamed or replicated while the copy ran.
  const after = rds.backups.get(keyOf(record.region, resourceId))
  if (after)
    rds.backups.set(keyOf(record.region, resourceId), {
      ...after,
      status: 'active',
      bases: [...after.bases, { dir, stoppedAt: base.stoppedAt, snapshot: id }],
    })
  emitFor(rds, record, 'RDS-EVENT-0002', 'backup', 'Finished DB instance backup')
  await prune(rds, record.region, resourceId)
}

/** The description of a copy of this instance. */
export function snapshotOf(
  rds: Rds,
  record: InstanceRecord,
  made: Pick<SnapshotRecord, 'id' | 'type' | 'dir' | 'createdAt'> & {
    readonly databaseTime?: number
    readonly status?: string
  },
): SnapshotRecord {
  const { shown } = record
  const isWhole = made.status === undefined
  return {
    region: record.region,
    id: made.id,
    type: made.type,
    dir: made.dir,
    status: made.status ?? 'available',
    progress: isWhole ? 100 : 0,
    version: record.version,
    createdAt: made.createdAt,
    originalCreatedAt: made.createdAt,
    databaseTime: made.databaseTime,
    instanceCreatedAt: record.createdAt,
    instance: shown,
    tags: shown.CopyTagsToSnapshot ? record.tags : [],
    shown: {
      DBSnapshotIdentifier: made.id,
      DBSnapshotArn: arnOf(rds, record.region, 'snapshot', made.id),
      DBInstanceIdentifier: record.id,
      DbiResourceId: record.resourceId,
      Engine: 'postgres',
      EngineVersion: shown.EngineVersion,
      AllocatedStorage: shown.AllocatedStorage,
      Port: record.hostPort,
      AvailabilityZone: shown.AvailabilityZone,
      VpcId:
        rds.subnetGroups.get(keyOf(record.region, record.subnetGroup))?.vpc ?? `vpc-default-${record.region}`,
      MasterUsername: shown.MasterUsername,
      LicenseModel: shown.LicenseModel,
      SnapshotType: made.type,
      Iops: shown.Iops,
      StorageThroughput: shown.StorageThroughput,
      OptionGroupName: `default:postgres-${record.version}`,
      StorageType: shown.StorageType,
      Encrypted: shown.StorageEncrypted ?? false,
      KmsKeyId: shown.KmsKeyId,
      IAMDatabaseAuthenticationEnabled: shown.IAMDatabaseAuthenticationEnabled ?? false,
      SnapshotTarget: 'region',
      MultiTenant: false,
      DedicatedLogVolume: shown.DedicatedLogVolume ?? false,
    },
  }
}

/** A commit at `committed` is in the archive: everything before it can be restored. */
export function reachMoment(rds: Rds, region: string, resourceId: string, committed: number): void {
  const key = keyOf(region, resourceId)
  const backup = rds.backups.get(key)
  // A recovery to a time needs a later commit: the millisecond before is the newest that is sure.
  const latest = Math.ceil(committed) - 1
  if (backup && latest > (backup.latest ?? 0) && backup.bases.length > 0)
    rds.backups.set(key, { ...backup, latest })
}

/** The first and last moments that can be restored; undefined while there is none. */
export function restoreWindow(backup: BackupRecord): { earliest: number; latest: number } | undefined {
  const first = backup.bases[0]
  if (!first || backup.latest === undefined || backup.latest < first.stoppedAt) return undefined
  return { earliest: Math.ceil(first.stoppedAt), latest: backup.latest }
}

/** The newest base from which this moment can be reached. */
export function baseFor(backup: BackupRecord, time: number): BaseRecord | undefined {
  return backup.bases.findLast(base => base.stoppedAt <= time)
}

/** Drops bases older than the retention, but for the one that the oldest moment needs, and segments before them. */
async function prune(rds: Rds, region: string, resourceId: string): Promise<void> {
  const key = keyOf(region, resourceId)
  const backup = rds.backups.get(key)
  if (!backup) return
  const from = rds.now() - backup.retention * DAY_MS
  const needed = backup.bases.findLastIndex(base => base.stoppedAt <= from)
  if (needed <= 0) return
  const dropped = backup.bases.slice(0, needed)
  rds.backups.set(key, { ...backup, bases: backup.bases.slice(needed) })
  for (const base of dropped) {
    rds.snapshots.delete(keyOf(region, base.snapshot))
    await rm(base.dir, { recursive: true, force: true })
  }
  const oldest = backup.bases[needed]
  if (oldest) await dropSegmentsBefore(backup.archive, oldest)
}

/** A base names the segment with which its recovery begins; what is older serves no base any more. */
async function dropSegmentsBefore(archive: string, base: BaseRecord): Promise<void> {
  const label = await readFile(join(base.dir, 'data', 'backup_label'), 'utf8')
  const first = /file ([0-9A-F]{24})/.exec(label)?.[1]
  if (first === undefined) throw new Error(`${base.dir} has no segment in its backup_label`)
  for (const segment of archivedSegments(archive))
    if (segment.slice(8) < first.slice(8))
      for (const suffix of ['', '.gz']) await rm(join(archive, `${segment}${suffix}`), { force: true })
}

/** Copies that are being brought up to date: a second round waits for its turn by coming later. */
const underWay = new Set<string>()

/** Brings new bases and segments to the regions that keep a copy. Only whole files count there. */
export async function replicateBackups(rds: Rds, record: InstanceRecord): Promise<void> {
  const copies = rds.backups
    .values()
    .filter(
      copy =>
        copy.resourceId === record.resourceId &&
        copy.region !== record.region &&
        copy.status === 'replicating' &&
        !rds.faults.lostRegions.has(copy.region),
    )
  for (const copy of copies) {
    if (underWay.has(copy.id)) continue
    underWay.add(copy.id)
    try {
      await replicateTo(rds, record, copy)
    } finally {
      underWay.delete(copy.id)
    }
  }
}

async function replicateTo(rds: Rds, record: InstanceRecord, copy: BackupRecord): Promise<void> {
  // The moment that the source has reached is read before its segments are listed: they hold at least that much.
  const source = rds.backups.get(keyOf(record.region, record.resourceId))
  if (!source) return
  const bases: BaseRecord[] = []
  for (const base of source.bases) {
    const dir = join(backupFolder(rds, copy.region, copy.resourceId), 'base', basename(base.dir))
    if (!existsSync(dir)) await copyWhole(base.dir, dir)
    bases.push({ ...base, dir })
  }
  const wanted = new Set(missingSegments(source, copy))
  if (wanted.size > 0) {
    const incoming = join(backupFolder(rds, copy.region, copy.resourceId), 'incoming')
    await rm(incoming, { recursive: true, force: true })
    await copyTree(source.archive, incoming, { skip: name => !wanted.has(name.replace(/\.gz$/, '')) })
    makePrivateFolder(copy.archive)
    for (const name of await readdir(incoming)) await rename(join(incoming, name), join(copy.archive, name))
  }
  const current = rds.backups.get(keyOf(copy.region, copy.resourceId))
  // A segment that was packed while it was copied comes with the next round; the window does not move before it.
  const isComplete = missingSegments(source, copy).every(segment => !wanted.has(segment))
  if (current)
    rds.backups.set(keyOf(copy.region, copy.resourceId), {
      ...current,
      bases,
      latest: isComplete ? source.latest : current.latest,
      instance: source.instance,
      instanceId: source.instanceId,
    })
}

function missingSegments(source: BackupRecord, copy: BackupRecord): string[] {
  const there = new Set(archivedSegments(copy.archive))
  return archivedSegments(source.archive).filter(segment => !there.has(segment))
}

async function copyWhole(from: string, to: string): Promise<void> {
  await rm(`${to}.incoming`, { recursive: true, force: true })
  await copyTree(from, `${to}.incoming`)
  await rename(`${to}.incoming`, to)
}

/** Removes a backup and its files. */
export async function removeBackup(rds: Rds, backup: BackupRecord): Promise<void> {
  rds.backups.delete(keyOf(backup.region, backup.resourceId))
  for (const base of backup.bases) rds.snapshots.delete(keyOf(backup.region, base.snapshot))
  await rm(backupFolder(rds, backup.region, backup.resourceId), { recursive: true, force: true })
}

/** Starts or ends the continuous backup after the retention changed. */
export async function followRetention(rds: Rds, resourceId: string, before: number): Promise<void> {
  const record = findByResourceId(rds, resourceId)
  if (!record) return
  const now = record.shown.BackupRetentionPeriod ?? 0
  if (now > 0 && before === 0) {
    update(rds, resourceId, () => ({ status: 'backing-up' }))
    await takeBase(rds, resourceId)
  } else if (now === 0 && before > 0) {
    const backup = rds.backups.get(keyOf(record.region, resourceId))
    if (backup) await removeBackup(rds, backup)
    // The running server goes on archiving: it needs the folder.
    makePrivateFolder(archiveFolder(rds, record.region, resourceId))
  } else if (now > 0) openBackup(rds, record)
}
