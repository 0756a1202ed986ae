import type { Tag } from '@aws-sdk/client-rds'
import type { Question } from '../../wire/call.ts'
import { arnOf, keyOf, type Rds, readIdentifier } from './context.ts'
import type { InstanceRecord, SnapshotRecord } from './records.ts'
import { findByArn } from './tags.ts'

/** Condition keys that the tags of a resource answer. */
export function tagContext(
  prefix: 'aws:ResourceTag' | 'aws:RequestTag',
  tags: readonly Tag[] | undefined,
  own?: string,
) {
  const pairs = (tags ?? []).flatMap(({ Key, Value = '' }) =>
    Key === undefined ? [] : [[`${prefix}/${Key}`, Value], ...(own ? [[`${own}/${Key}`, Value]] : [])],
  )
  return Object.fromEntries(pairs) as Record<string, string>
}

const requestContext = (tags: readonly Tag[] | undefined): Record<string, string | string[]> =>
  tags && tags.length > 0
    ? {
        ...tagContext('aws:RequestTag', tags, 'rds:req-tag'),
        'aws:TagKeys': tags.flatMap(({ Key }) => Key ?? []),
      }
    : {}

function instanceContext(record: InstanceRecord | undefined): Record<string, string> {
  if (!record) return {}
  return {
    ...tagContext('aws:ResourceTag', record.tags, 'rds:db-tag'),
    'rds:DatabaseClass': record.shown.DBInstanceClass ?? '',
    'rds:DatabaseEngine': 'postgres',
    'rds:DatabaseName': record.shown.DBName ?? '',
    'rds:MultiAz': String(record.shown.MultiAZ ?? false),
    'rds:StorageEncrypted': String(record.shown.StorageEncrypted ?? false),
    'rds:StorageSize': String(record.shown.AllocatedStorage ?? 0),
    'rds:Vpc': 'true',
  }
}

/**
 * Condition keys that a restore or a change answers by what it asks for; what it leaves out is not said. Assumed for
 * `ModifyDBInstance`: that `rds:DatabaseClass` is the class asked for, where one is.
 */
export function askedContext(input: {
  readonly DBInstanceClass?: string | undefined
  readonly MultiAZ?: boolean | undefined
  readonly PubliclyAccessible?: boolean | undefined
}): Record<string, string> {
  return {
    ...(input.DBInstanceClass === undefined ? {} : { 'rds:DatabaseClass': input.DBInstanceClass }),
    ...(input.MultiAZ === undefined ? {} : { 'rds:MultiAz': String(input.MultiAZ) }),
    ...(input.PubliclyAccessible === undefined
      ? {}
      : { 'rds:PubliclyAccessible': String(input.PubliclyAccessible) }),
  }
}

const lookUp = (rds: Rds, region: string, identifier: string | undefined) => {
  if (identifier === undefined) return { arn: arnOf(rds, region, 'db', '*'), record: undefined }
  const { region: where, name } = safeIdentifier(region, identifier, 'db')
  return { arn: arnOf(rds, where, 'db', name), record: rds.instances.get(keyOf(where, name)) }
}

/** An ARN that fits nothing is refused by the operation itself; IAM is asked about the name as given. */
function safeIdentifier(region: string, identifier: string, kind: string) {
  try {
    return readIdentifier(region, identifier, kind)
  } catch {
    return { region, name: identifier }
  }
}

/** An action on an instance, existing or to be made, with the tags that the request gives it. */
export function onInstance(
  rds: Rds,
  action: string,
  region: string,
  identifier: string | undefined,
  request: { readonly tags?: readonly Tag[]; readonly context?: Readonly<Record<string, string>> } = {},
): Question[] {
  const { arn, record } = lookUp(rds, region, identifier)
  const asked = requestContext(request.tags)
  const question = {
    action: `rds:${action}`,
    resource: arn,
    context: { ...instanceContext(record), ...request.context, ...asked },
  }
  // A request that tags what it makes needs the right to tag it, too.
  const tagging = {
    action: 'rds:AddTagsToResource',
    resource: arn,
    context: { ...instanceContext(record), ...asked },
  }
  return request.tags && request.tags.length > 0 ? [question, tagging] : [question]
}

/** An action on a snapshot, existing or to be made. */
export function onSnapshot(
  rds: Rds,
  action: string,
  region: string,
  identifier: string | undefined,
  tags?: readonly Tag[],
): Question[] {
  if (identifier === undefined)
    return [{ action: `rds:${action}`, resource: arnOf(rds, region, 'snapshot', '*') }]
  const { region: where, name } = safeIdentifier(region, identifier, 'snapshot')
  const record: SnapshotRecord | undefined = rds.snapshots.get(keyOf(where, name))
  const resource = arnOf(rds, where, 'snapshot', name)
  const context = {
    ...tagContext('aws:ResourceTag', record?.tags, 'rds:snapshot-tag'),
    ...requestContext(tags),
  }
  const question = { action: `rds:${action}`, resource, context }
  return tags && tags.length > 0 ? [question, { ...question, action: 'rds:AddTagsToResource' }] : [question]
}

/** An action on a parameter group. */
export function onParameterGroup(
  rds: Rds,
  action: string,
  region: string,
  name: string,
  tags?: readonly Tag[],
): Question[] {
  const record = rds.parameterGroups.get(keyOf(region, name.toLowerCase()))
  return [
    {
      action: `rds:${action}`,
      resource: arnOf(rds, region, 'pg', name.toLowerCase()),
      context: { ...tagContext('aws:ResourceTag', record?.tags, 'rds:pg-tag'), ...requestContext(tags) },
    },
  ]
}

/** The groups that a new instance joins: RDS asks for the right to each of them. */
export function onGroups(
  rds: Rds,
  action: string,
  region: string,
  groups: { readonly parameterGroup: string; readonly subnetGroup: string; readonly major: number },
): Question[] {
  const subnets = rds.subnetGroups.get(keyOf(region, groups.subnetGroup.toLowerCase()))
  return [
    ...onParameterGroup(rds, action, region, groups.parameterGroup),
    {
      action: `rds:${action}`,
      resource: arnOf(rds, region, 'subgrp', groups.subnetGroup.toLowerCase()),
      context: tagContext('aws:ResourceTag', subnets?.tags, 'rds:subgrp-tag'),
    },
    { action: `rds:${action}`, resource: arnOf(rds, region, 'og', `default:postgres-${groups.major}`) },
  ]
}

/** An action on whatever an ARN names. */
export function onArn(
  rds: Rds,
  action: string,
  arn: string,
  tags?: readonly Tag[],
  keys?: readonly string[],
): Question[] {
  const found = findByArn(rds, arn)
  const own = found ? `rds:${found.tagKind}-tag` : undefined
  const context: Record<string, string | readonly string[]> = {
    ...tagContext('aws:ResourceTag', found?.tags, own),
    ...requestContext(tags),
  }
  if (keys) context['aws:TagKeys'] = keys
  return [{ action: `rds:${action}`, resource: arn, context }]
}
