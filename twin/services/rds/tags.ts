import type * as rdsTypes from '@aws-sdk/client-rds'
import { type Operation, WireError } from '../../wire/call.ts'
import { keyOf, type Rds } from './context.ts'
import { onArn } from './questions.ts'

type Tags = readonly rdsTypes.Tag[]
type Tagged = { readonly tags: Tags; readonly tagKind: string; readonly save: (tags: Tags) => void }

const MAX_TAGS = 50

/** The tags of whatever an ARN names, or undefined when there is no such thing. */
export function findByArn(rds: Rds, arn: string): Tagged | undefined {
  const [, , , region = '', , kind = '', ...rest] = arn.split(':')
  const key = keyOf(region, rest.join(':').toLowerCase())
  const of = <T extends { readonly tags: Tags }>(
    collection: { get: (key: string) => T | undefined; set: (key: string, value: T) => void },
    tagKind: string,
    at = key,
  ): Tagged | undefined => {
    const record = collection.get(at)
    return record && { tags: record.tags, tagKind, save: tags => collection.set(at, { ...record, tags }) }
  }
  if (kind === 'db') return of(rds.instances, 'db')
  if (kind === 'snapshot') return of(rds.snapshots, 'snapshot')
  if (kind === 'pg') return of(rds.parameterGroups, 'pg')
  if (kind === 'subgrp') return of(rds.subnetGroups, 'subgrp')
  if (kind === 'db-proxy') {
    const proxy = rds.proxies.values().find(each => each.region === region && each.id === rest[0])
    return proxy && of(rds.proxies, 'db-proxy', keyOf(region, proxy.name))
  }
  if (kind === 'auto-backup') {
    const backup = rds.backups.values().find(each => each.region === region && each.id === rest[0])
    return backup && of(rds.backups, 'auto-backup', keyOf(region, backup.resourceId))
  }
  return undefined
}

const NOT_FOUND: Readonly<Record<string, string>> = {
  db: 'DBInstanceNotFound',
  snapshot: 'DBSnapshotNotFound',
  'db-proxy': 'DBProxyNotFoundFault',
  'auto-backup': 'DBInstanceAutomatedBackupNotFound',
  pg: 'DBParameterGroupNotFound',
  subgrp: 'DBSubnetGroupNotFoundFault',
}

function find(rds: Rds, arn: string): Tagged {
  const found = findByArn(rds, arn)
  if (found) return found
  const [prefix, , service, , , kind = '', name] = arn.split(':')
  const code = NOT_FOUND[kind]
  if (prefix !== 'arn' || service !== 'rds' || !name || !code)
    throw new WireError(
      'InvalidParameterValue',
      `The specified resource name does not match an RDS resource in this region: ${arn}`,
    )
  throw new WireError(code, `${kind} ${name} not found.`, 404)
}

/** Tags with these added. @throws InvalidParameterValue for a reserved key, a key twice, or too many */
function addTags(tags: Tags, added: Tags): rdsTypes.Tag[] {
  const all = new Map(tags.map(({ Key = '', Value }) => [Key, Value ?? '']))
  for (const { Key = '', Value } of added) {
    if (Key === '' || Key.length > 128 || /^(aws|rds):/i.test(Key) || (Value ?? '').length > 256)
      throw new WireError('InvalidParameterValue', `${Key} is not a valid tag key.`)
    all.set(Key, Value ?? '')
  }
  if (all.size > MAX_TAGS)
    throw new WireError('InvalidParameterValue', `A resource can have at most ${MAX_TAGS} tags.`)
  return [...all].map(([Key, Value]) => ({ Key, Value }))
}

/** The tags of a request, checked. */
export const newTags = (tags: Tags | undefined) => addTags([], tags ?? [])

/** Tags of anything that has an ARN. */
export function tagOperations(rds: Rds): Record<string, Operation> {
  return {
    AddTagsToResource: {
      questions: (input: rdsTypes.AddTagsToResourceMessage) =>
        onArn(rds, 'AddTagsToResource', input.ResourceName ?? '*', input.Tags),
      run: (input: rdsTypes.AddTagsToResourceMessage) => {
        const { tags, save } = find(rds, input.ResourceName ?? '')
        save(addTags(tags, input.Tags ?? []))
        return {}
      },
    },
    RemoveTagsFromResource: {
      questions: (input: rdsTypes.RemoveTagsFromResourceMessage) =>
        onArn(rds, 'RemoveTagsFromResource', input.ResourceName ?? '*', undefined, input.TagKeys ?? []),
      run: (input: rdsTypes.RemoveTagsFromResourceMessage) => {
        const { tags, save } = find(rds, input.ResourceName ?? '')
        const removed = new Set(input.TagKeys)
        save(tags.filter(({ Key = '' }) => !removed.has(Key)))
        return {}
      },
    },
    ListTagsForResource: {
      questions: (input: rdsTypes.ListTagsForResourceMessage) =>
        onArn(rds, 'ListTagsForResource', input.ResourceName ?? '*'),
      run: (input: rdsTypes.ListTagsForResourceMessage) => {
        if (input.Filters && input.Filters.length > 0)
          throw new WireError('InvalidParameterValue', 'ListTagsForResource has no filters.')
        return { TagList: find(rds, input.ResourceName ?? '').tags }
      },
    },
  }
}
