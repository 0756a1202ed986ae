import { createHash, randomBytes } from 'node:crypto'
import {
  type DBInstance,
  DeleteDBInstanceCommand,
  DescribeDBInstancesCommand,
  ModifyDBInstanceCommand,
  paginateDescribeDBInstances,
  type RDSClient,
  RestoreDBInstanceFromDBSnapshotCommand,
  RestoreDBInstanceToPointInTimeCommand,
  type Tag,
} from '@aws-sdk/client-rds'
import { Refusal } from '../runtime/failure.ts'
import { COPY_PREFIX, ENVIRONMENT_TAG, TAGS } from './names.ts'
import type { Drill } from './setting.ts'

/** What a copy is restored from. */
export type Origin =
  | { readonly kind: 'instance'; readonly identifier: string; readonly at: string }
  | { readonly kind: 'replicated'; readonly arn: string; readonly at: string }
  | { readonly kind: 'snapshot'; readonly identifier: string }

/** What the drill wants to know of an instance, as plain JSON. */
export type Instance = {
  readonly identifier: string
  readonly arn: string
  readonly status: string
  readonly host: string | null
  readonly port: number | null
  readonly className: string
  readonly engineVersion: string
  readonly storageType: string | null
  readonly iops: number | null
  readonly throughput: number | null
  readonly encrypted: boolean
  readonly key: string | null
  readonly resourceId: string
  readonly retentionDays: number
  /** ISO */
  readonly latestRestorable: string | null
  readonly subnetGroup: string | null
  readonly securityGroups: readonly string[]
  readonly parameterGroups: readonly { readonly name: string; readonly status: string }[]
  readonly publiclyAccessible: boolean
  readonly deletionProtection: boolean
  readonly iamLogin: boolean
  readonly pendingPassword: boolean
  readonly storageOperation: string | null
  readonly storagePercent: number | null
  readonly tags: Readonly<Record<string, string>>
}

/**
 * Statuses in which a restored instance can be used. RDS may leave it in `storage-initialization` for hours, while
 * its blocks come from S3: it answers, and reads what has not come yet more slowly.
 */
export const USABLE: ReadonlySet<string> = new Set([
  'available',
  'storage-initialization',
  'storage-optimization',
])

/** The copy's identifier: the same at every replay, so that asking twice restores once. */
export function copyIdentifier(name: string, id: string): string {
  const identifier = `${COPY_PREFIX}${name}-${id}`
  // RDS takes 63 characters; cutting the id would make two drills share a copy.
  if (identifier.length <= 63) return identifier
  throw new Refusal(
    'NameTooLong',
    `the copy's identifier ${identifier} has ${identifier.length} characters, RDS takes 63`,
    'choose a shorter app or environment name',
  )
}

/** Ten hex digits out of the execution's ARN. */
export function drillId(execution: string): string {
  return createHash('sha256').update(execution).digest('hex').slice(0, 10)
}

/** The instance, or `null` when there is none of that name. */
export async function describe(rds: RDSClient, identifier: string): Promise<Instance | null> {
  try {
    const answer = await rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier }))
    const found = answer.DBInstances?.[0]
    return found ? plain(found) : null
  } catch (error) {
    if (error instanceof Error && error.name.startsWith('DBInstanceNotFound')) return null
    throw error
  }
}

/** Every drill copy of this environment in the region: by its name, and by its tag, since `shop-prod-eu` begins like `shop-prod`. */
export async function listCopies(rds: RDSClient, name: string): Promise<Instance[]> {
  const found: Instance[] = []
  for await (const page of paginateDescribeDBInstances({ client: rds }, {}))
    for (const instance of page.DBInstances ?? [])
      if (instance.DBInstanceIdentifier?.startsWith(`${COPY_PREFIX}${name}-`)) found.push(plain(instance))
  return found.filter(copy => copy.tags[ENVIRONMENT_TAG] === name)
}

/**
 * Asks for the restore with everything said explicitly: what is left out RDS fills with defaults or inherits.
 * A copy of this name that carries this drill's tag is ours from an earlier try; any other is refused.
 * @param expires ISO, when the reaper may take it
 */
export async function requestRestore(
  drill: Drill,
  origin: Origin,
  like: Instance,
  expires: string,
): Promise<void> {
  const { setting, clients } = drill
  const common = {
    DBInstanceClass: setting.instanceClass,
    DBSubnetGroupName: setting.subnetGroup,
    VpcSecurityGroupIds: [setting.securityGroup],
    DBParameterGroupName: setting.parameterGroup,
    MultiAZ: false,
    PubliclyAccessible: false,
    DeletionProtection: false,
    AutoMinorVersionUpgrade: false,
    CopyTagsToSnapshot: false,
    BackupRetentionPeriod: 0,
    EnableIAMDatabaseAuthentication: true,
    ...(like.storageType === null ? {} : { StorageType: like.storageType }),
    ...(like.iops === null || like.storageType === 'gp3' ? {} : { Iops: like.iops }),
    Tags: tagsOf(drill, expires),
  }
  try {
    if (origin.kind === 'snapshot')
      await clients.rds.send(
        new RestoreDBInstanceFromDBSnapshotCommand({
          ...common,
          DBInstanceIdentifier: drill.copy,
          DBSnapshotIdentifier: origin.identifier,
        }),
      )
    else
      await clients.rds.send(
        new RestoreDBInstanceToPointInTimeCommand({
          ...common,
          TargetDBInstanceIdentifier: drill.copy,
          ...(origin.kind === 'instance'
            ? { SourceDBInstanceIdentifier: origin.identifier }
            : { SourceDBInstanceAutomatedBackupsArn: origin.arn }),
          RestoreTime: new Date(origin.at),
        }),
      )
  } catch (error) {
    if (!(error instanceof Error && error.name.startsWith('DBInstanceAlreadyExists'))) throw error
    await adopt(drill)
  }
}

async function adopt(drill: Drill): Promise<void> {
  const existing = await describe(drill.clients.rds, drill.copy)
  if (existing?.tags[TAGS.drill] === drill.id) return
  throw new Refusal(
    'NotOurCopy',
    `an instance ${drill.copy} exists and its tag ${TAGS.drill} is ${existing?.tags[TAGS.drill] ?? 'absent'}, not ${drill.id}`,
    `find out who made ${drill.copy}, delete it, and drill again`,
  )
}

function tagsOf(drill: Drill, expires: string): Tag[] {
  return [
    { Key: TAGS.drill, Value: drill.id },
    { Key: TAGS.expires, Value: expires },
    { Key: ENVIRONMENT_TAG, Value: drill.setting.name },
  ]
}

/**
 * Replaces production's master password, which the copy came with, by one that nobody keeps. False when RDS takes no
 * change of the copy now: right after a restore it may still be busy with it by itself.
 */
export async function forgetPassword(drill: Drill): Promise<boolean> {
  try {
    await drill.clients.rds.send(
      new ModifyDBInstanceCommand({
        DBInstanceIdentifier: drill.copy,
        MasterUserPassword: randomBytes(32).toString('base64url'),
        ApplyImmediately: true,
      }),
    )
    return true
  } catch (error) {
    if (error instanceof Error && error.name.startsWith('InvalidDBInstanceState')) return false
    throw error
  }
}

/** Deletes the copy; true when there was one. Refuses anything that is not this drill's own. */
export async function deleteCopy(drill: Drill): Promise<boolean> {
  const found = await describe(drill.clients.rds, drill.copy)
  if (!found) return false
  refuseForeign(drill, found)
  if (found.status === 'deleting') return true
  await drill.clients.rds.send(
    new DeleteDBInstanceCommand({
      DBInstanceIdentifier: drill.copy,
      SkipFinalSnapshot: true,
      DeleteAutomatedBackups: true,
    }),
  )
  return true
}

function refuseForeign(drill: Drill, found: Instance): void {
  const { source, reference } = drill.setting
  const ours =
    found.identifier.startsWith(COPY_PREFIX) &&
    found.identifier !== source &&
    found.identifier !== reference &&
    found.tags[TAGS.drill] === drill.id
  if (ours) return
  throw new Refusal(
    'NotOurCopy',
    `${found.identifier} carries the drill tag ${found.tags[TAGS.drill] ?? 'absent'}, not ${drill.id}: it was left alone`,
    'find out what it is before anybody deletes it',
  )
}

function plain(found: DBInstance): Instance {
  return {
    identifier: found.DBInstanceIdentifier ?? '',
    arn: found.DBInstanceArn ?? '',
    status: found.DBInstanceStatus ?? 'unknown',
    host: found.Endpoint?.Address ?? null,
    port: found.Endpoint?.Port ?? null,
    className: found.DBInstanceClass ?? '',
    engineVersion: found.EngineVersion ?? '',
    storageType: found.StorageType ?? null,
    iops: found.Iops ?? null,
    throughput: found.StorageThroughput ?? null,
    encrypted: found.StorageEncrypted ?? false,
    key: found.KmsKeyId ?? null,
    resourceId: found.DbiResourceId ?? '',
    retentionDays: found.BackupRetentionPeriod ?? 0,
    latestRestorable: found.LatestRestorableTime?.toISOString() ?? null,
    subnetGroup: found.DBSubnetGroup?.DBSubnetGroupName ?? null,
    securityGroups: (found.VpcSecurityGroups ?? []).map(group => group.VpcSecurityGroupId ?? ''),
    parameterGroups: (found.DBParameterGroups ?? []).map(group => ({
      name: group.DBParameterGroupName ?? '',
      status: group.ParameterApplyStatus ?? '',
    })),
    publiclyAccessible: found.PubliclyAccessible ?? false,
    deletionProtection: found.DeletionProtection ?? false,
    iamLogin: found.IAMDatabaseAuthenticationEnabled ?? false,
    pendingPassword: found.PendingModifiedValues?.MasterUserPassword !== undefined,
    storageOperation: found.StorageOperationStatus ?? null,
    storagePercent: found.StorageOperationPercentProgress ?? null,
    tags: Object.fromEntries((found.TagList ?? []).map(tag => [tag.Key ?? '', tag.Value ?? ''])),
  }
}
