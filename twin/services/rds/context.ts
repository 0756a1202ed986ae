import { join } from 'node:path'
import { type Collection, openCollection } from '../../state/collection.ts'
import { WireError } from '../../wire/call.ts'
import type { Hosts } from './hosts.ts'
import type { RdsEvent, RdsOptions } from './options.ts'
import type { ProxyFronts } from './proxy-fronts.ts'
import type {
  BackupRecord,
  EventRecord,
  ExportRecord,
  InstanceRecord,
  ParameterGroupRecord,
  ProxyRecord,
  SnapshotRecord,
  SubnetGroupRecord,
} from './records.ts'

/** Everything that the operations share: what is on disk, what is running, and the rest of the twin. */
export type Rds = {
  readonly options: RdsOptions
  readonly now: () => number
  /** By `<region>/<id>`. */
  readonly instances: Collection<InstanceRecord>
  readonly snapshots: Collection<SnapshotRecord>
  /** By `<region>/<resource id>`. */
  readonly backups: Collection<BackupRecord>
  readonly parameterGroups: Collection<ParameterGroupRecord>
  readonly subnetGroups: Collection<SubnetGroupRecord>
  readonly exports: Collection<ExportRecord>
  readonly proxies: Collection<ProxyRecord>
  /** The newest events of each region. */
  readonly events: Collection<readonly EventRecord[]>
  readonly hosts: Hosts
  readonly fronts: ProxyFronts
  readonly faults: RdsFaults
  /** What goes on after its operation has answered, beside the instances' own queues. */
  readonly behind: Set<Promise<void>>
  readonly log: (line: string) => void
}

/** Lets the work go on after the answer; RDS is not closed before it has ended. What it throws is logged. */
export function goOn(rds: Pick<Rds, 'behind' | 'log'>, what: string, work: () => Promise<void>): void {
  const going = work()
    .catch((error: Error) => rds.log(`${what}: ${error.message}`))
    .finally(() => rds.behind.delete(going))
  rds.behind.add(going)
}

/** Faults that wait for their moment. */
export type RdsFaults = {
  /** Milliseconds that each restore waits before it begins. */
  restoreDelay: number
  /** Whether what is restored stays in `storage-initialization`: it serves while its blocks still come. */
  slowBlocks: boolean
  /** The next restores that end as `incompatible-restore`. */
  failRestores: number
  readonly lostRegions: Set<string>
}

/** The collections of RDS in `<root>/rds`. */
export function openCollections(root: string) {
  const open = <T>(name: string) => openCollection<T>(join(root, 'rds', `${name}.json`))
  return {
    instances: open<InstanceRecord>('instances'),
    snapshots: open<SnapshotRecord>('snapshots'),
    backups: open<BackupRecord>('backups'),
    parameterGroups: open<ParameterGroupRecord>('parameter-groups'),
    subnetGroups: open<SubnetGroupRecord>('subnet-groups'),
    exports: open<ExportRecord>('exports'),
    proxies: open<ProxyRecord>('proxies'),
    events: open<readonly EventRecord[]>('events'),
  }
}

/** `arn:aws:rds:<region>:<account>:<kind>:<name>` */
export const arnOf = (rds: Pick<Rds, 'options'>, region: string, kind: string, name: string) =>
  `arn:aws:rds:${region}:${rds.options.account}:${kind}:${name}`

export const keyOf = (region: string, id: string) => `${region}/${id}`

/** The instance of this identifier (any case) or ARN. @throws DBInstanceNotFound */
export function findInstance(rds: Rds, region: string, identifier: string): InstanceRecord {
  const { region: where, name } = readIdentifier(region, identifier, 'db')
  const found = rds.instances.get(keyOf(where, name))
  if (!found) throw new WireError('DBInstanceNotFound', `DBInstance ${name} not found.`, 404)
  return found
}

/** The instance of this resource id, in whatever region it is. */
export function findByResourceId(rds: Rds, resourceId: string): InstanceRecord | undefined {
  return rds.instances.values().find(instance => instance.resourceId === resourceId)
}

/** The snapshot of this identifier or ARN. @throws DBSnapshotNotFound */
export function findSnapshot(rds: Rds, region: string, identifier: string): SnapshotRecord {
  const { region: where, name } = readIdentifier(region, identifier, 'snapshot')
  const found = rds.snapshots.get(keyOf(where, name))
  if (!found) throw new WireError('DBSnapshotNotFound', `DBSnapshot ${name} not found.`, 404)
  return found
}

/** An identifier as given: a name of this region, or an ARN that says its own. Names are lower case. */
export function readIdentifier(
  region: string,
  identifier: string,
  kind: string,
): { region: string; name: string } {
  if (!identifier.startsWith('arn:')) return { region, name: identifier.toLowerCase() }
  const [, , service, where, , type, ...name] = identifier.split(':')
  if (service !== 'rds' || type !== kind || !where || name.length === 0)
    throw new WireError(
      'InvalidParameterValue',
      `The specified resource name does not match an RDS resource in this region: ${identifier}`,
    )
  return { region: where, name: name.join(':').toLowerCase() }
}

/** Changes an instance's record and returns it. The instance may have been renamed or deleted meanwhile. */
export function update(
  rds: Rds,
  resourceId: string,
  change: (record: InstanceRecord) => Partial<InstanceRecord>,
): InstanceRecord | undefined {
  const record = findByResourceId(rds, resourceId)
  if (!record) return undefined
  const next = { ...record, ...change(record) }
  rds.instances.set(keyOf(next.region, next.id), next)
  return next
}

const EVENTS_KEPT = 2000

/** Records an event and tells the rest of the twin. */
export function emit(rds: Rds, event: Omit<RdsEvent, 'at'>): void {
  const full = { ...event, at: rds.now() }
  const { region, ...record } = full
  rds.events.set(region, [...(rds.events.get(region) ?? []), record].slice(-EVENTS_KEPT))
  rds.options.emitEvent?.(full)
}

/** Records an event of an instance. */
export function emitFor(
  rds: Rds,
  record: InstanceRecord,
  id: string,
  category: string,
  message: string,
): void {
  emit(rds, {
    region: record.region,
    id,
    sourceType: 'db-instance',
    sourceIdentifier: record.id,
    sourceArn: arnOf(rds, record.region, 'db', record.id),
    categories: [category],
    message,
  })
}
