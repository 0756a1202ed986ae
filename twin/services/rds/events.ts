import type * as rdsTypes from '@aws-sdk/client-rds'
import { type Call, type Operation, WireError } from '../../wire/call.ts'
import { arnOf, type Rds } from './context.ts'
import { page } from './paging.ts'
import { engineVersions, familyOf } from './versions.ts'

const DAY_MS = 86_400_000

function describeEvents(rds: Rds, input: rdsTypes.DescribeEventsMessage, call: Call) {
  if (input.SourceIdentifier !== undefined && input.SourceType === undefined)
    throw new WireError('InvalidParameterCombination', 'SourceType must be given with SourceIdentifier.')
  if (input.Filters && input.Filters.length > 0)
    throw new WireError('InvalidParameterValue', `Unrecognized filter name: ${input.Filters[0]?.Name}`)
  const now = rds.now()
  const to = input.EndTime?.getTime() ?? now
  const from = input.StartTime?.getTime() ?? to - (input.Duration ?? 60) * 60_000
  if (from < now - 14 * DAY_MS - 60_000)
    throw new WireError('InvalidParameterValue', 'Events are kept for 14 days: StartTime is earlier.')
  if (from > to) throw new WireError('InvalidParameterCombination', 'StartTime is later than EndTime.')
  const chosen = (rds.events.get(call.region) ?? [])
    .filter(
      each =>
        each.at >= from &&
        each.at <= to &&
        (input.SourceType === undefined || each.sourceType === input.SourceType) &&
        (input.SourceIdentifier === undefined ||
          each.sourceIdentifier === input.SourceIdentifier.toLowerCase()) &&
        (input.EventCategories === undefined ||
          input.EventCategories.length === 0 ||
          each.categories.some(name => input.EventCategories?.includes(name))),
    )
    .map((each, index) => ({
      ...each,
      key: `${String(each.at).padStart(15, '0')}-${String(index).padStart(6, '0')}`,
    }))
  const { items, Marker } = page(chosen, input, each => each.key)
  return {
    Events: items.map(each => ({
      SourceIdentifier: each.sourceIdentifier,
      SourceType: each.sourceType,
      Message: each.message,
      EventCategories: each.categories,
      Date: new Date(each.at),
      SourceArn: each.sourceArn,
    })),
    Marker,
  }
}

function describeVersions(input: rdsTypes.DescribeDBEngineVersionsMessage) {
  if (input.Filters && input.Filters.length > 0)
    throw new WireError('InvalidParameterValue', `Unrecognized filter name: ${input.Filters[0]?.Name}`)
  const all = engineVersions().filter(
    each =>
      (input.Engine === undefined || input.Engine === 'postgres') &&
      (input.EngineVersion === undefined ||
        each.name === input.EngineVersion ||
        String(each.major) === input.EngineVersion) &&
      (input.DBParameterGroupFamily === undefined || familyOf(each.major) === input.DBParameterGroupFamily),
  )
  const newest = all.filter((each, index) => all[index + 1]?.major !== each.major)
  const keyed = (input.DefaultOnly ? newest.slice(-1) : all).map(each => ({
    ...each,
    key: each.name
      .split('.')
      .map(part => part.padStart(4, '0'))
      .join('.'),
  }))
  const { items, Marker } = page(keyed, input, each => each.key)
  return {
    DBEngineVersions: items.map(each => ({
      Engine: 'postgres',
      EngineVersion: each.name,
      DBParameterGroupFamily: familyOf(each.major),
      DBEngineDescription: 'PostgreSQL',
      DBEngineVersionDescription: `PostgreSQL ${each.name}`,
      ValidUpgradeTarget: all
        .filter(
          target =>
            target.major === each.major &&
            Number(target.name.split('.')[1]) > Number(each.name.split('.')[1]),
        )
        .map(target => ({
          Engine: 'postgres',
          EngineVersion: target.name,
          AutoUpgrade: false,
          IsMajorVersionUpgrade: false,
        })),
      ExportableLogTypes: ['postgresql', 'upgrade'],
      SupportsLogExportsToCloudwatchLogs: true,
      SupportsReadReplica: true,
      SupportedFeatureNames: [],
      Status: 'available',
      MajorEngineVersion: String(each.major),
    })),
    Marker,
  }
}

/** What happened, and which versions there are. */
export function eventOperations(rds: Rds): Record<string, Operation> {
  return {
    DescribeEvents: {
      questions: (_input, call) => [
        { action: 'rds:DescribeEvents', resource: arnOf(rds, call.region, 'es', '*') },
      ],
      run: (input: rdsTypes.DescribeEventsMessage, call) => describeEvents(rds, input, call),
    },
    DescribeDBEngineVersions: {
      questions: () => [{ action: 'rds:DescribeDBEngineVersions', resource: '*' }],
      run: (input: rdsTypes.DescribeDBEngineVersionsMessage) => describeVersions(input),
    },
  }
}
