import type {
  Change,
  ChangeResourceRecordSetsCommandInput,
  ListResourceRecordSetsCommandInput,
  ResourceRecordSet,
  TestDNSAnswerCommandInput,
} from '@aws-sdk/client-route-53'
import type { Collection } from '../../state/collection.ts'
import { type Operation, WireError } from '../../wire/call.ts'
import { anywhere } from '../dependencies.ts'
import { absolute } from './answers.ts'
import { done, requireZone, type Zone, zoneArn } from './zones.ts'

const identityOf = (record: ResourceRecordSet) =>
  `${absolute(record.Name ?? '')} ${record.Type} ${record.SetIdentifier ?? ''}`

const invalid = (message: string) => new WireError('InvalidChangeBatch', message)

function checkRecord(zone: Zone, record: ResourceRecordSet): ResourceRecordSet {
  const name = absolute(record.Name ?? '')
  if (name !== zone.name && !name.endsWith(`.${zone.name}`)) {
    throw invalid(`[RRSet with DNS name ${name} is not permitted in zone ${zone.name}]`)
  }
  const isRouted = record.Weight !== undefined || record.Failover !== undefined || record.Region !== undefined
  if (isRouted !== (record.SetIdentifier !== undefined)) {
    throw invalid(
      `[A SetIdentifier belongs to a weighted, failover or latency record and to no other: ${name}]`,
    )
  }
  if (
    record.AliasTarget ? record.ResourceRecords : !record.ResourceRecords?.length || record.TTL === undefined
  ) {
    throw invalid(`[Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]] in ${name}]`)
  }
  return { ...record, Name: name }
}

function apply(zone: Zone, records: readonly ResourceRecordSet[], change: Change): ResourceRecordSet[] {
  const record = checkRecord(zone, change.ResourceRecordSet as ResourceRecordSet)
  const others = records.filter(each => identityOf(each) !== identityOf(record))
  const isThere = others.length !== records.length
  const label = `[resource record set [name='${record.Name}', type='${record.Type}']`
  if (change.Action === 'CREATE' && isThere) throw invalid(`${label} already exists]`)
  if (change.Action === 'DELETE') {
    if (!isThere) throw invalid(`${label} was not found]`)
    return others
  }
  return [...others, record]
}

/** Changing and reading the records of a zone; `look` answers as a resolver in its network. */
export function recordOperations(
  zones: Collection<Zone>,
  clock: () => number,
  look: (zone: Zone, name: string, type: string) => string[],
): Record<string, Operation> {
  return {
    ChangeResourceRecordSets: {
      questions: (input: ChangeResourceRecordSetsCommandInput) => {
        const records = (input.ChangeBatch?.Changes ?? []).map(({ ResourceRecordSet: record }) => record)
        return [
          {
            action: 'route53:ChangeResourceRecordSets',
            resource: zoneArn(input.HostedZoneId),
            context: {
              'route53:ChangeResourceRecordSetsNormalizedRecordNames': records.map(record =>
                absolute(record?.Name ?? '').slice(0, -1),
              ),
              'route53:ChangeResourceRecordSetsRecordTypes': records.map(record => record?.Type ?? ''),
              'route53:ChangeResourceRecordSetsActions': (input.ChangeBatch?.Changes ?? []).map(
                ({ Action }) => Action ?? '',
              ),
            },
          },
        ]
      },
      // All changes of a batch happen, or none.
      run: (input: ChangeResourceRecordSetsCommandInput) => {
        const zone = requireZone(zones, input.HostedZoneId)
        const records = (input.ChangeBatch?.Changes ?? []).reduce(
          (so, change) => apply(zone, so, change),
          [...zone.records],
        )
        zones.set(zone.id, { ...zone, records })
        return { ChangeInfo: done(clock()) }
      },
    },
    ListResourceRecordSets: {
      questions: (input: ListResourceRecordSetsCommandInput) => [
        { action: 'route53:ListResourceRecordSets', resource: zoneArn(input.HostedZoneId) },
      ],
      run: (input: ListResourceRecordSetsCommandInput) => list(requireZone(zones, input.HostedZoneId), input),
    },
    GetChange: {
      questions: (input: { Id?: string }) => [
        { action: 'route53:GetChange', resource: `arn:aws:route53:::change/${input.Id}` },
      ],
      run: (input: { Id?: string }) => ({ ChangeInfo: { ...done(clock()), Id: input.Id } }),
    },
    TestDNSAnswer: {
      questions: () => anywhere('route53:TestDNSAnswer'),
      run: (input: TestDNSAnswerCommandInput) => {
        const zone = requireZone(zones, input.HostedZoneId)
        const values = look(zone, input.RecordName ?? '', input.RecordType ?? 'A')
        return {
          Nameserver: 'ns-0.twin.invalid',
          RecordName: input.RecordName,
          RecordType: input.RecordType,
          RecordData: values,
          ResponseCode: values.length > 0 ? 'NOERROR' : 'NXDOMAIN',
          Protocol: 'UDP',
        }
      },
    },
  }
}

function list(zone: Zone, input: ListResourceRecordSetsCommandInput) {
  const sorted = zone.records.toSorted((left, right) => (identityOf(left) < identityOf(right) ? -1 : 1))
  const start = input.StartRecordName ? absolute(input.StartRecordName) : ''
  const startType = input.StartRecordType ?? ''
  const rest = sorted.filter(
    ({ Name = '', Type = '' }) => Name > start || (Name === start && Type >= startType),
  )
  const most = Math.min(input.MaxItems ?? 300, 300)
  const next = rest[most]
  return {
    ResourceRecordSets: rest.slice(0, most),
    IsTruncated: next !== undefined,
    ...(next && {
      NextRecordName: next.Name,
      NextRecordType: next.Type,
      NextRecordIdentifier: next.SetIdentifier,
    }),
    MaxItems: most,
  }
}
