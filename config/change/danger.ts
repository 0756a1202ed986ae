/** A resource as a template writes it. */
export type Resource = {
  readonly Type: string
  readonly Properties?: Readonly<Record<string, unknown>>
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
  /** Of the template; the resource exists only where it is true. */
  readonly Condition?: string
}

/** One property that differs. `may-replace`: CloudFormation's documentation makes replacement depend on the value. */
export type PropertyChange = {
  readonly name: string
  readonly before: unknown
  readonly after: unknown
  readonly impact: 'update' | 'may-replace' | 'replace'
}

/** One resource that differs between two templates of a stack. No `before`: it is new. No `after`: it is gone. */
export type ResourceChange = {
  readonly stack: string
  readonly logicalId: string
  readonly type: string
  /** Holds data, or an identity that cannot be made again. */
  readonly stateful: boolean
  readonly before?: Resource
  readonly after?: Resource
  readonly properties: readonly PropertyChange[]
  /** Identifiers of the instances that followed this one before. */
  readonly replicas: readonly string[]
}

/** A change that would lose data, a way back, or protection. */
export type Danger = {
  readonly stack: string
  readonly logicalId: string
  readonly type: string
  /** The property at fault; absent when the whole resource goes. */
  readonly property?: string
  readonly before?: unknown
  readonly after?: unknown
  /** What would happen, as a sentence. */
  readonly consequence: string
  /** One plain step. */
  readonly hint: string
}

/** Judges one change; `all` are the changes of the whole assembly, for what moved elsewhere. Pure. */
export type ChangeRule = (change: ResourceChange, all: readonly ResourceChange[]) => Danger[]

/** The danger of a whole resource, or of one of its properties. */
export function danger(
  change: ResourceChange,
  consequence: string,
  hint: string,
  property?: PropertyChange,
): Danger {
  const { stack, logicalId, type } = change
  return {
    stack,
    logicalId,
    type,
    ...(property && { property: property.name, before: property.before, after: property.after }),
    consequence,
    hint,
  }
}

const NAMES = [
  'DBInstanceIdentifier',
  'BucketName',
  'ReplicationGroupId',
  'BackupVaultName',
  'DBSubnetGroupName',
  'LogGroupName',
  'DBParameterGroupName',
  'DBProxyName',
  'CacheSubnetGroupName',
  'UserGroupId',
  'UserId',
  'GroupName',
  'Name',
]

/** The fixed name of a resource, where the template gives it one as plain text. */
export function physicalName(resource: Resource | undefined): string | undefined {
  return NAMES.map(name => resource?.Properties?.[name]).find(value => typeof value === 'string') as
    | string
    | undefined
}

/** `AWS::RDS::DBInstance "shop-prod"`, or the type alone. */
export function nameOf(change: ResourceChange): string {
  const name = physicalName(change.before)
  return name ? `${change.type} "${name}"` : change.type
}

/** What CloudFormation does with a resource that leaves or is replaced: RDS instances get a snapshot by default. */
export function fate(change: ResourceChange, policy: 'DeletionPolicy' | 'UpdateReplacePolicy'): string {
  const isDatabase = change.type === 'AWS::RDS::DBInstance'
  const isReplica = isDatabase && change.before?.Properties?.SourceDBInstanceIdentifier !== undefined
  switch (change.before?.[policy] ?? (isDatabase && policy === 'DeletionPolicy' ? 'Snapshot' : 'Delete')) {
    case 'Retain':
    case 'RetainExceptOnCreate':
      return 'stays in the account, where nothing updates it or knows it any more'
    case 'Snapshot':
      return isReplica
        ? 'is deleted, and a replica gets no final snapshot'
        : 'is deleted after a final snapshot'
    default:
      return 'is deleted with everything in it'
  }
}
