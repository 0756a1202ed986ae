import {
  type ChangeRule,
  danger,
  fate,
  nameOf,
  type PropertyChange,
  physicalName,
  type ResourceChange,
} from './danger.ts'

const SSD = ['gp2', 'gp3', 'io1', 'io2']

/**
 * "Maybe" in CloudFormation's specification, and in place all the same: the documentation of AWS::RDS::DBInstance
 * says "some interruptions" or "no interruption" for these, a reboot at most. Everything else that may replace a
 * stateful resource is taken to replace it.
 */
const IN_PLACE: Readonly<Record<string, (change: PropertyChange) => boolean>> = {
  'AWS::RDS::DBInstance.MultiAZ': () => true,
  'AWS::RDS::DBInstance.BackupRetentionPeriod': () => true,
  'AWS::RDS::DBInstance.AutoMinorVersionUpgrade': () => true,
  'AWS::RDS::DBInstance.PreferredMaintenanceWindow': () => true,
  'AWS::RDS::DBInstance.DBParameterGroupName': () => true,
  // Among SSDs RDS converts the volume in place; to and from magnetic it copies.
  'AWS::RDS::DBInstance.StorageType': ({ before, after }) =>
    SSD.includes(String(before)) && SSD.includes(String(after)),
}

/** Properties with a rule of their own, which says more than "replaced". */
const TOLD_ELSEWHERE = ['SourceDBInstanceIdentifier', 'DBSnapshotIdentifier']

/** A property whose change makes CloudFormation create another resource in place of a stateful one. */
export const mustNotBeReplaced: ChangeRule = change => {
  if (!change.stateful || !change.before || !change.after) return []
  if (change.before.Type !== change.after.Type)
    return [
      danger(
        change,
        `CloudFormation refuses to turn ${change.before.Type} into ${change.after.Type} under one logical id`,
        'give the new resource a logical id of its own',
      ),
    ]
  return change.properties
    .filter(property => replaces(change, property) && !TOLD_ELSEWHERE.includes(property.name))
    .map(property => danger(change, replaced(change, property), 'keep the value as it is', property))
}

/** A resource that holds nothing may be replaced, but not while its fixed name is taken by the one that leaves last. */
export const mustFreeItsName: ChangeRule = change => {
  const name = physicalName(change.before)
  if (change.stateful || name === undefined || name !== physicalName(change.after)) return []
  return (
    change.properties
      // In another network the name of a security group is free.
      .filter(({ impact, name: changed }) => impact === 'replace' && changed !== 'VpcId')
      .map(property =>
        danger(
          change,
          `${nameOf(change)} must be replaced for this, and its name is taken: the deployment fails half-way and rolls back`,
          'keep the value as it is, or give the new one another name',
          property,
        ),
      )
  )
}

function replaces(change: ResourceChange, property: PropertyChange): boolean {
  if (property.impact === 'update') return false
  return !IN_PLACE[`${change.type}.${property.name}`]?.(property)
}

function replaced(change: ResourceChange, property: PropertyChange): string {
  const how = property.impact === 'replace' ? 'must be replaced' : 'may be replaced'
  const name = physicalName(change.before)
  return name !== undefined && name === physicalName(change.after)
    ? `${nameOf(change)} ${how} for this, and its name is taken: the deployment fails half-way and rolls back`
    : `${nameOf(change)} ${how} for this: another, empty one is created, and this one ${fate(change, 'UpdateReplacePolicy')}`
}

/** A stateful resource that is no longer in the templates. */
export const mustNotBeRemoved: ChangeRule = (change, all) => {
  if (!change.stateful || !change.before || change.after || keepsItsLogs(change)) return []
  const name = physicalName(change.before)
  const moved = all.find(
    each =>
      each.before === undefined &&
      each.type === change.type &&
      name !== undefined &&
      physicalName(each.after) === name,
  )
  return [
    moved
      ? danger(
          change,
          `${nameOf(change)} would be created again as ${moved.stack}/${moved.logicalId} while it exists: its name is taken and the deployment fails`,
          'keep the logical id with overrideLogicalId, or move the resource with "cdk refactor"',
        )
      : danger(
          change,
          `${nameOf(change)} ${fate(change, 'DeletionPolicy')}`,
          'put it back; to give it up on purpose, say so with --allow and --reason',
        ),
  ]
}

/** Logs that outlive whoever wrote them are complete: nothing needs to be done for them any more. */
function keepsItsLogs({ type, before }: ResourceChange): boolean {
  return type === 'AWS::Logs::LogGroup' && (before?.DeletionPolicy?.startsWith('Retain') ?? false)
}

/** A replica that loses its source becomes a database of its own. */
export const mustNotBePromoted: ChangeRule = change =>
  change.properties
    .filter(({ name }) => change.type === 'AWS::RDS::DBInstance' && name === 'SourceDBInstanceIdentifier')
    .filter(({ before }) => change.after !== undefined && before !== undefined)
    .map(property =>
      property.after === undefined
        ? danger(
            change,
            `${nameOf(change)} would be promoted: it stops following its source for ever and takes writes of its own`,
            'put SourceDBInstanceIdentifier back; after a real failover, allow it with the reason',
            property,
          )
        : danger(
            change,
            `${nameOf(change)} may be replaced: a replica cannot change its source, another is copied from the new one for hours`,
            'keep the source, or create a second replica beside this one',
            property,
          ),
    )

/** An instance that came from a snapshot must say so for ever. */
export const mustKeepItsSnapshot: ChangeRule = change =>
  change.properties
    .filter(({ name, before }) => name === 'DBSnapshotIdentifier' && before !== undefined && change.after)
    .map(property =>
      danger(
        change,
        property.after === undefined
          ? `${nameOf(change)} would be replaced by an empty database: a snapshot id must stay in the template for ever`
          : `${nameOf(change)} would be replaced by a copy of another snapshot, and what was written since is lost`,
        'put the old DBSnapshotIdentifier back',
        property,
      ),
    )
