import { setTimeout as sleep } from 'node:timers/promises'
import {
  type DBInstance,
  ModifyDBInstanceCommand,
  type RDSClient,
  RebootDBInstanceCommand,
  RemoveTagsFromResourceCommand,
  RestoreDBInstanceFromDBSnapshotCommand,
  RestoreDBInstanceToPointInTimeCommand,
} from '@aws-sdk/client-rds'
import { type Instance, USABLE } from '../../lambdas/restore-drill/copy.ts'
import { RESTORING, TAGS } from '../../lambdas/restore-drill/names.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'
import type { Check } from '../../lambdas/runtime/verdict.ts'
import { readInstance, type Source } from './source.ts'

/** Seconds that RDS may take; a large volume from a cold snapshot takes hours. */
const PATIENCE_SECONDS = 6 * 3_600

/** Statuses that waiting does not heal. */
const BROKEN = /^(failed|restore-error|incompatible-|inaccessible-|storage-full|deleting)/

/** Asks for the restore with everything said: what is left out RDS fills with defaults, the default security group among them. */
export async function requestRestore(
  rds: RDSClient,
  source: Source,
  identifier: string,
  group: string,
): Promise<void> {
  const { from, moment } = source
  const wanted = {
    ...traitsOf(source),
    // As a copy it reaches out to nobody, and its database knows by this group that it is a copy.
    DBParameterGroupName: group,
    ...{ DeletionProtection: false, PubliclyAccessible: false },
  }
  if (from.kind === 'snapshot') {
    await rds.send(
      new RestoreDBInstanceFromDBSnapshotCommand({
        ...wanted,
        DBInstanceIdentifier: identifier,
        DBSnapshotIdentifier: from.id,
      }),
    )
    return
  }
  await rds.send(
    new RestoreDBInstanceToPointInTimeCommand({
      ...wanted,
      TargetDBInstanceIdentifier: identifier,
      ...(from.kind === 'instance'
        ? { SourceDBInstanceIdentifier: from.id }
        : { SourceDBInstanceAutomatedBackupsArn: from.id }),
      RestoreTime: new Date(moment),
    }),
  )
}

function traitsOf({ like, shown }: Source) {
  return {
    DBInstanceClass: like.className,
    ...(like.subnetGroup === null ? {} : { DBSubnetGroupName: like.subnetGroup }),
    VpcSecurityGroupIds: [...like.securityGroups],
    ...(like.parameterGroups[0] ? { DBParameterGroupName: like.parameterGroups[0].name } : {}),
    MultiAZ: shown.MultiAZ ?? false,
    EnableIAMDatabaseAuthentication: like.iamLogin,
    BackupRetentionPeriod: like.retentionDays,
    AutoMinorVersionUpgrade: shown.AutoMinorVersionUpgrade ?? false,
    CopyTagsToSnapshot: shown.CopyTagsToSnapshot ?? false,
    ...(like.storageType === null ? {} : { StorageType: like.storageType }),
    ...(like.iops === null || like.storageType === 'gp3' ? {} : { Iops: like.iops }),
    Tags: Object.entries(tagsOf(like)).map(([Key, Value]) => ({ Key, Value })),
  }
}

/**
 * Production's tags without those of AWS, and two of ours. By the drill's tag the examination and the roll-forward may
 * enter; it goes when the instance gets its name. By the other, which stays, they may not.
 */
function tagsOf({ tags, identifier }: Instance): Record<string, string> {
  const kept = Object.entries(tags).filter(([key]) => !/^(aws|rds):/i.test(key) && key !== TAGS.expires)
  return { ...Object.fromEntries(kept), [TAGS.drill]: RESTORING, [TAGS.restored]: identifier }
}

/** Waits until the instance can be used. @throws Refusal `RestoreBroken`, `RestoreStuck` */
export async function waitUntilAvailable(
  rds: RDSClient,
  identifier: string,
  everySeconds: number,
  tell: (status: string) => void,
  settled: (found: DBInstance) => boolean = () => true,
): Promise<DBInstance> {
  const deadline = Date.now() + PATIENCE_SECONDS * 1_000
  for (;;) {
    const found = await readInstance(rds, identifier)
    const status = found?.DBInstanceStatus ?? 'not there yet'
    if (found && USABLE.has(status) && found.Endpoint?.Address && settled(found)) return found
    if (BROKEN.test(status))
      throw new Refusal(
        'RestoreBroken',
        `${identifier} is ${status}`,
        `look at its events: aws rds describe-events --source-type db-instance --source-identifier ${identifier}`,
      )
    if (Date.now() > deadline)
      throw new Refusal(
        'RestoreStuck',
        `${identifier} is still ${status} after ${PATIENCE_SECONDS / 3_600} hours`,
        `look at its events: aws rds describe-events --source-type db-instance --source-identifier ${identifier}`,
      )
    tell(status)
    await sleep(everySeconds * 1_000)
  }
}

/** Takes from the instance the tag by which our functions may enter it: from then on it is the person's who asked. */
export async function closeInstance(rds: RDSClient, instance: Pick<Instance, 'arn'>): Promise<void> {
  await rds.send(new RemoveTagsFromResourceCommand({ ResourceName: instance.arn, TagKeys: [TAGS.drill] }))
}

/**
 * Gives the proven instance its name, and with it the protection and production's parameters, which a restart brings
 * into force; returns it under that name.
 */
export async function nameInstance(
  rds: RDSClient,
  source: Source,
  from: string,
  to: string,
  everySeconds: number,
  tell: (status: string) => void,
): Promise<DBInstance> {
  const group = traitsOf(source).DBParameterGroupName
  await rds.send(
    new ModifyDBInstanceCommand({
      DBInstanceIdentifier: from,
      NewDBInstanceIdentifier: to,
      DeletionProtection: true,
      ...(group === undefined ? {} : { DBParameterGroupName: group }),
      ApplyImmediately: true,
    }),
  )
  const wait = (settled: (found: DBInstance) => boolean) =>
    waitUntilAvailable(rds, to, everySeconds, tell, settled)
  const named = await wait(
    found => found.DeletionProtection === true && statusOf(found, group) !== 'applying',
  )
  if (group === undefined || statusOf(named, group) === 'in-sync') return named
  await rds.send(new RebootDBInstanceCommand({ DBInstanceIdentifier: to }))
  return wait(found => statusOf(found, group) === 'in-sync')
}

/** How far the instance is with a parameter group; undefined where it has another. */
function statusOf(found: DBInstance, group: string | undefined): string | undefined {
  return found.DBParameterGroups?.find(each => each.DBParameterGroupName === group)?.ParameterApplyStatus
}

/** What the instance must be: anything that RDS filled in by itself is a failure. */
export function configurationChecks(
  source: Source,
  found: DBInstance,
  sameRegionKey: boolean,
  group: string,
): Check[] {
  const wanted = traitsOf(source)
  const same = (name: string, is: unknown, want: unknown): Check => {
    const equal = JSON.stringify(is) === JSON.stringify(want)
    return {
      name: `restore.${name}`,
      verdict: equal ? 'pass' : 'fail',
      detail: equal
        ? `${name} is ${JSON.stringify(is)}`
        : `${name} is ${JSON.stringify(is)}, ${JSON.stringify(want)} was asked for`,
      asked: 'rds:DescribeDBInstances',
    }
  }
  const groups = (found.VpcSecurityGroups ?? []).map(group => group.VpcSecurityGroupId ?? '')
  const parameters = (found.DBParameterGroups ?? []).map(group => [
    group.DBParameterGroupName,
    group.ParameterApplyStatus,
  ])
  return [
    same('subnet-group', found.DBSubnetGroup?.DBSubnetGroupName, wanted.DBSubnetGroupName),
    same('security-groups', groups.sort(), [...wanted.VpcSecurityGroupIds].sort()),
    same('parameter-group', parameters, [[group, 'in-sync']]),
    same('class', found.DBInstanceClass, wanted.DBInstanceClass),
    same('multi-az', found.MultiAZ ?? false, wanted.MultiAZ),
    same(
      'iam-login',
      found.IAMDatabaseAuthenticationEnabled ?? false,
      wanted.EnableIAMDatabaseAuthentication,
    ),
    same('retention', found.BackupRetentionPeriod, wanted.BackupRetentionPeriod),
    same('public', found.PubliclyAccessible ?? false, false),
    same('encrypted', found.StorageEncrypted ?? false, true),
    ...(sameRegionKey ? [same('key', found.KmsKeyId, source.shown.KmsKeyId)] : []),
    same(
      'tags',
      sorted((found.TagList ?? []).map(tag => [tag.Key ?? '', tag.Value ?? ''])),
      sorted(Object.entries(tagsOf(source.like))),
    ),
  ]
}

const sorted = (pairs: string[][]) => pairs.sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
