import { leastCeiling } from '../storage.ts'
import { type ChangeRule, danger, nameOf, type ResourceChange } from './danger.ts'

type Judge = (before: unknown, after: unknown) => string | undefined

const isSet = (value: unknown) => isOn(value) || value === '1'
const isOn = (value: unknown) => value === true || value === 'true'
const turnedOff =
  (consequence: string): Judge =>
  (before, after) =>
    isOn(before) && !isOn(after) ? consequence : undefined
const turnedOn =
  (consequence: string): Judge =>
  (before, after) =>
    !isOn(before) && isOn(after) ? consequence : undefined
const lowered =
  (consequence: (before: number, after: number) => string, absent: number): Judge =>
  (before, after) => {
    const [from, to] = [Number(before ?? absent), Number(after ?? absent)]
    return to < from ? consequence(from, to) : undefined
  }
const field = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null ? (at as Readonly<Record<string, unknown>>)[key] : undefined,
    value,
  )

/** What stands under a key, at whatever depth. */
function valuesUnder(key: string, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => (name === key ? [inner] : valuesUnder(key, inner)))
}

/** The least of the numbers under a key; Infinity where there is none. */
function leastUnder(key: string, value: unknown): number {
  return Math.min(...valuesUnder(key, value).map(Number))
}
const sooner =
  (keys: readonly string[], consequence: (after: number) => string): Judge =>
  (before, after) => {
    const key = keys.find(each => leastUnder(each, after) < leastUnder(each, before))
    return key && consequence(leastUnder(key, after))
  }

/** Parameters that protect, whether a value does (`undefined`: RDS's default counts), and what is lost where none does. */
const PARAMETERS = [
  {
    name: 'rds.logical_replication',
    protects: isSet,
    loss: 'ends every logical stream: the archive stops, and what its slot held back is gone',
  },
  {
    name: 'max_slot_wal_keep_size',
    protects: (value: unknown) => value !== undefined && Number(value) >= 0,
    loss: 'limits no replication slot any more: one that nobody reads fills the disk of the primary',
  },
  {
    name: 'rds.force_ssl',
    protects: (value: unknown) => value === undefined || isSet(value),
    loss: 'takes unencrypted connections',
  },
] as const

const isOwnGroup = (group: unknown) =>
  group !== undefined && !(typeof group === 'string' && group.startsWith('default.'))

const EXPIRES = ['ExpirationInDays', 'NoncurrentDays', 'NoncurrentVersionExpirationInDays']

/** What each property protects, by type and name; the sentence follows the resource's name. */
const JUDGES: Readonly<Record<string, Judge>> = {
  'AWS::RDS::DBInstance.DeletionProtection': turnedOff(
    'could be deleted by anybody who may delete instances',
  ),
  // RDS's default, when the template says nothing, is to delete them.
  'AWS::RDS::DBInstance.DeleteAutomatedBackups': (before, after) =>
    before === false && after !== false
      ? 'would take its automated backups with it when it is deleted'
      : undefined,
  'AWS::RDS::DBInstance.PubliclyAccessible': turnedOn('gets an address on the internet'),
  'AWS::RDS::DBInstance.MultiAZ': turnedOff('loses its second zone: a failure of the first is an outage'),
  'AWS::RDS::DBInstance.EnableIAMDatabaseAuthentication': turnedOff(
    'locks out the heartbeat, the archiver and the drills, which have no password',
  ),
  'AWS::RDS::DBInstance.ManageMasterUserPassword': turnedOn('can never have another read replica'),
  'AWS::RDS::DBInstance.BackupRetentionPeriod': lowered(
    (_, days) =>
      days === 0
        ? 'loses every automated backup at once, and with it point-in-time recovery'
        : `loses at once every recovery point older than ${days} days`,
    1,
  ),
  'AWS::RDS::DBInstance.AllocatedStorage': (before, after) => {
    const [from, to] = [Number(before ?? 0), Number(after ?? 0)]
    if (to < from)
      return `cannot shrink from ${from} to ${to} GiB: RDS refuses, and the deployment rolls back`
    return to < leastCeiling(from)
      ? `cannot grow from ${from} to ${to} GiB: RDS takes a tenth more at least, which is ${leastCeiling(from)}`
      : undefined
  },
  'AWS::RDS::DBInstance.MaxAllocatedStorage': lowered(
    (from, to) =>
      to === 0
        ? 'grows by itself no more: a full disk is an outage'
        : `may grow to ${to} GiB instead of ${from}: RDS refuses when it has grown past that already`,
    0,
  ),
  // Its default is the retention at home, which is at most 35 days.
  'AWS::RDS::DBInstance.AutomaticBackupReplicationRetentionPeriod': lowered(
    (_, days) => `loses in the other region every recovery point older than ${days} days`,
    35,
  ),
  'AWS::RDS::DBParameterGroup.Parameters': (before, after) => {
    const lost = PARAMETERS.filter(
      ({ name, protects }) => protects(field(before, name)) && !protects(field(after, name)),
    )
    return lost.length === 0 ? undefined : lost.map(({ loss }) => loss).join('; ')
  },
  'AWS::RDS::DBInstance.DBParameterGroupName': (before, after) =>
    isOwnGroup(before) && !isOwnGroup(after)
      ? 'runs on the parameters that RDS sets by default: no limit on replication slots, no stream for the archive'
      : undefined,
  'AWS::RDS::DBProxy.RequireTLS': turnedOff('takes unencrypted connections'),
  'AWS::Logs::LogGroup.RetentionInDays': lowered(
    (_, days) => `deletes what is older than ${days} days`,
    Number.POSITIVE_INFINITY,
  ),
  'AWS::SecretsManager::Secret.GenerateSecretString': () =>
    'gets another password, which the database never hears of: whoever logs in with it is locked out',
  'AWS::RDS::DBInstance.AutomaticBackupReplicationRegion': (before, after) =>
    before !== undefined && before !== after
      ? 'stops copying its backups to the other region, where they expire'
      : undefined,
  'AWS::S3::Bucket.VersioningConfiguration': (before, after) =>
    field(before, 'Status') === 'Enabled' && field(after, 'Status') !== 'Enabled'
      ? 'keeps no older versions any more: an overwrite or a delete is final'
      : undefined,
  'AWS::S3::Bucket.ObjectLockConfiguration': (before, after) => {
    const days = (value: unknown) =>
      Number(field(value, 'Rule', 'DefaultRetention', 'Days') ?? 0) +
      365 * Number(field(value, 'Rule', 'DefaultRetention', 'Years') ?? 0)
    if (days(after) < days(before))
      return `locks new objects for ${days(after)} days instead of ${days(before)}`
    const mode = (value: unknown) => field(value, 'Rule', 'DefaultRetention', 'Mode')
    return mode(before) === 'COMPLIANCE' && mode(after) !== 'COMPLIANCE'
      ? 'locks new objects only until somebody with the right to do so removes them'
      : undefined
  },
  'AWS::S3::Bucket.LifecycleConfiguration': sooner(
    EXPIRES,
    days => `deletes what is older than ${days} days`,
  ),
  'AWS::S3::Bucket.PublicAccessBlockConfiguration': (before, after) =>
    ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'].some(
      key => isOn(field(before, key)) && !isOn(field(after, key)),
    )
      ? 'could be opened to the public'
      : undefined,
  'AWS::S3::Bucket.ReplicationConfiguration': (before, after) =>
    before !== undefined && after === undefined ? 'is copied to the other region no more' : undefined,
  'AWS::Backup::BackupVault.LockConfiguration': (before, after) => {
    const days = (value: unknown) => Number(field(value, 'MinRetentionDays') ?? 0)
    if (days(after) < days(before)) return 'is locked for fewer days, or not at all'
    return field(before, 'ChangeableForDays') !== undefined && field(after, 'ChangeableForDays') === undefined
      ? 'is locked only until somebody with the right to do so unlocks it'
      : undefined
  },
  'AWS::Backup::BackupPlan.BackupPlan': (before, after) => {
    const copies = (plan: unknown) =>
      valuesUnder('DestinationBackupVaultArn', plan).map(vault => JSON.stringify(vault))
    if (copies(before).some(vault => !copies(after).includes(vault)))
      return 'copies no more to another vault what it copied there: a copy is what outlives the region'
    return sooner(['DeleteAfterDays'], days => `keeps new recovery points for ${days} days only`)(
      before,
      after,
    )
  },
  'AWS::KMS::Alias.TargetKeyId': () =>
    'names another key from now on: what was signed or encrypted under this name before is not found under it',
  'AWS::KMS::Key.EnableKeyRotation': turnedOff('keeps one secret for ever'),
  'AWS::KMS::Key.Enabled': (before, after) =>
    before !== false && after === false ? 'is disabled: nothing encrypted with it can be read' : undefined,
  'AWS::KMS::Key.KeySpec': () => 'cannot change what it is: KMS refuses',
  'AWS::KMS::Key.KeyUsage': () => 'cannot change what it is for: KMS refuses',
  'AWS::ElastiCache::ReplicationGroup.AutomaticFailoverEnabled': turnedOff('fails over to nobody'),
  'AWS::ElastiCache::ReplicationGroup.TransitEncryptionEnabled': turnedOff('takes unencrypted connections'),
}

/** A property that protected data, the way back or the rows on the wire, and no longer does. */
export const mustKeepItsProtection: ChangeRule = change => {
  if (!change.before || !change.after) return []
  return change.properties.flatMap(property => {
    const judge = JUDGES[`${change.type}.${property.name}`]
    const sentence =
      judge && isDecidedLater(property.after) && !isDecidedLater(property.before)
        ? 'takes this from elsewhere: only the deployment would show what becomes of it'
        : judge?.(property.before, property.after)
    return sentence
      ? [danger(change, `${nameOf(change)} ${sentence}`, 'keep the value as it is', property)]
      : []
  })
}

/** Whether a value is an intrinsic function or a reference, which only CloudFormation resolves. */
function isDecidedLater(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const [key = '', ...others] = Object.keys(value)
  return others.length === 0 && (key === 'Ref' || key === 'Condition' || key.startsWith('Fn::'))
}

/** What makes recovery points; they outlive it, and no other follows them. */
const MAKERS = ['AWS::Backup::BackupPlan', 'AWS::Backup::BackupSelection']

/** A backup plan without which the vault empties by itself. */
export const mustKeepBackingUp: ChangeRule = change =>
  MAKERS.includes(change.type) && change.before && !change.after
    ? [
        danger(
          change,
          'no recovery point is made any more, and those that are there expire one after the other',
          'put it back; to give it up on purpose, say so with --allow and --reason',
        ),
      ]
    : []

/** Names of properties that choose a KMS key, such as KmsKeyId, KMSMasterKeyID, PerformanceInsightsKMSKeyId. */
const KEY = /kms.*key/i

/** What loses its key; and what holds data and takes another one, since what the old one encrypted needs the old one. */
export const mustKeepItsKey: ChangeRule = change => {
  if (!change.before || !change.after) return []
  return change.properties.flatMap(property => {
    const [from, to] = [keysIn(property.name, property.before), keysIn(property.name, property.after)]
    if (property.impact !== 'update' || from.length === 0 || from.join() === to.join()) return []
    if (to.length === 0)
      return [
        danger(
          change,
          `${nameOf(change)} encrypts with no key of yours any more: whoever may read it, needs no right on a key`,
          'keep the key',
          property,
        ),
      ]
    if (!change.stateful) return []
    return [
      danger(
        change,
        `${nameOf(change)} encrypts with another key from now on: what exists stays under the old key, which must then never be deleted`,
        'keep the key; KMS rotates its material by itself',
        property,
      ),
    ]
  })
}

/** The keys that a property names, as written, at whatever depth. */
function keysIn(name: string, value: unknown): string[] {
  if (value === undefined) return []
  if (KEY.test(name)) return [JSON.stringify(value)]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => keysIn(key, inner))
}

const STRENGTH = ['Delete', 'Snapshot', 'Retain']

/** A policy that says what becomes of the data, made weaker. */
export const mustKeepItsPolicies: ChangeRule = change => {
  const { before, after } = change
  if (!change.stateful || !before || !after) return []
  if (after.Condition !== undefined && after.Condition !== before.Condition)
    return [
      danger(
        change,
        `${nameOf(change)} would be there only on a condition: where that is false, CloudFormation deletes it`,
        'remove the condition',
        { name: 'Condition', before: before.Condition, after: after.Condition, impact: 'update' },
      ),
    ]
  return (['DeletionPolicy', 'UpdateReplacePolicy'] as const)
    .filter(policy => strength(change, before[policy]) > strength(change, after[policy]))
    .map(policy => {
      const property = {
        name: policy,
        before: before[policy],
        after: after[policy],
        impact: 'update' as const,
      }
      return danger(
        change,
        `${nameOf(change)} would no longer outlive a mistake: ${policy} goes from ${before[policy]} to ${after[policy] ?? 'the default'}`,
        `put ${policy} back`,
        property,
      )
    })
}

function strength(change: ResourceChange, policy: string | undefined): number {
  const byDefault = change.type === 'AWS::RDS::DBInstance' ? 'Snapshot' : 'Delete'
  // What is there already was created: to it, the two ways to retain are one.
  return STRENGTH.indexOf(policy === 'RetainExceptOnCreate' ? 'Retain' : (policy ?? byDefault))
}
