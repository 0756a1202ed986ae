import { randomBytes, randomUUID } from 'node:crypto'
import type {
  Change,
  ChangeResourceRecordSetsCommandInput,
  CreateHealthCheckCommandInput,
  CreateHostedZoneCommandInput,
  HealthCheckConfig,
  ListResourceRecordSetsCommandInput,
  ResourceRecordSet,
  TestDNSAnswerCommandInput,
  VPC,
} from '@aws-sdk/client-route-53'
import * as schemas from '@aws-sdk/client-route-53'
import type { Collection } from '../../state/collection.ts'
import { type Operation, type Service, WireError } from '../../wire/call.ts'
import { anywhere, type ServiceDependencies } from '../dependencies.ts'
import { absolute, answer } from './answers.ts'

/** A hosted zone with its records. */
export type Zone = {
  readonly id: string
  readonly name: string
  readonly reference: string
  readonly private: boolean
  readonly comment?: string
  readonly vpcs: readonly VPC[]
  readonly records: readonly ResourceRecordSet[]
}

export type HealthCheckRecord = {
  readonly id: string
  readonly reference: string
  readonly config: HealthCheckConfig
}

export type Route53Dependencies = ServiceDependencies & {
  /** Whether what a health check watches (an alarm, a calculated check) is well. @default everything is */
  readonly isHealthy?: (config: HealthCheckConfig) => boolean
}

/** The twin's Route 53. Zones are of the account, in no region. */
export type Route53Service = {
  readonly service: Service
  /** Values of a name in any zone, following aliases; empty when nothing answers. */
  resolve(name: string, type?: string): string[]
}

/** The Route 53 of one twin. */
export function createRoute53(dependencies: Route53Dependencies): Route53Service {
  const zones = dependencies.open<Zone>('zones')
  const checks = dependencies.open<HealthCheckRecord>('health-checks')
  const isHealthy = (id: string) => {
    const check = checks.get(id)
    if (!check || check.config.Disabled) return true
    return (dependencies.isHealthy?.(check.config) ?? true) !== (check.config.Inverted ?? false)
  }
  const look = (zone: Zone, name: string, type: string) =>
    answer(name, type, { records: zone.records, isHealthy, random: Math.random })
  return {
    service: {
      name: 'route53',
      schemas,
      protocol: 'rest-xml',
      operations: {
        ...zoneOperations(zones),
        ...recordOperations(zones, dependencies.clock, look),
        ...checkOperations(checks, isHealthy),
      },
    },
    resolve: (name, type = 'CNAME') => {
      const wanted = absolute(name)
      const zone = zones.values().find(each => wanted === each.name || wanted.endsWith(`.${each.name}`))
      return zone ? look(zone, name, type) : []
    },
  }
}

const bare = (id: string | undefined) => (id ?? '').replace(/^\/?(hostedzone\/)?/, '')
const zoneArn = (id: string | undefined) => `arn:aws:route53:::hostedzone/${bare(id)}`

function requireZone(zones: Collection<Zone>, id: string | undefined): Zone {
  const zone = zones.get(bare(id))
  if (!zone) throw new WireError('NoSuchHostedZone', `No hosted zone found with ID: ${bare(id)}`, 404)
  return zone
}

const show = (zone: Zone) => ({
  Id: `/hostedzone/${zone.id}`,
  Name: zone.name,
  CallerReference: zone.reference,
  Config: { Comment: zone.comment, PrivateZone: zone.private },
  ResourceRecordSetCount: zone.records.length,
})

function zoneOperations(zones: Collection<Zone>): Record<string, Operation> {
  const on = (action: string) => (input: { Id?: string; HostedZoneId?: string }) => [
    { action, resource: zoneArn(input.Id ?? input.HostedZoneId) },
  ]
  return {
    CreateHostedZone: {
      questions: () => anywhere('route53:CreateHostedZone'),
      run: (input: CreateHostedZoneCommandInput) => create(zones, input),
    },
    GetHostedZone: {
      questions: on('route53:GetHostedZone'),
      run: (input: { Id?: string }) => {
        const zone = requireZone(zones, input.Id)
        return { HostedZone: show(zone), ...(zone.vpcs.length > 0 && { VPCs: zone.vpcs }) }
      },
    },
    DeleteHostedZone: {
      questions: on('route53:DeleteHostedZone'),
      run: (input: { Id?: string }) => {
        const zone = requireZone(zones, input.Id)
        if (zone.records.some(({ Type }) => Type !== 'NS' && Type !== 'SOA')) {
          const message =
            'The specified hosted zone contains non-required resource record sets and so cannot be deleted.'
          throw new WireError('HostedZoneNotEmpty', message)
        }
        zones.delete(zone.id)
        return { ChangeInfo: done(Date.now()) }
      },
    },
    ListHostedZones: {
      questions: () => anywhere('route53:ListHostedZones'),
      run: () => ({ HostedZones: zones.values().map(show), IsTruncated: false, MaxItems: 100, Marker: '' }),
    },
    ListHostedZonesByName: {
      questions: () => anywhere('route53:ListHostedZonesByName'),
      run: (input: { DNSName?: string }) => ({
        HostedZones: zones
          .values()
          .filter(({ name }) => input.DNSName === undefined || name >= absolute(input.DNSName))
          .map(show),
        IsTruncated: false,
        MaxItems: 100,
      }),
    },
    AssociateVPCWithHostedZone: {
      questions: on('route53:AssociateVPCWithHostedZone'),
      run: (input: { HostedZoneId?: string; VPC?: VPC }) => {
        const zone = requireZone(zones, input.HostedZoneId)
        zones.set(zone.id, { ...zone, vpcs: [...zone.vpcs, ...(input.VPC ? [input.VPC] : [])] })
        return { ChangeInfo: done(Date.now()) }
      },
    },
  }
}

const done = (now: number) => ({
  Id: `/change/C${randomBytes(8).toString('hex').toUpperCase()}`,
  Status: 'INSYNC',
  SubmittedAt: new Date(now),
})

function create(zones: Collection<Zone>, input: CreateHostedZoneCommandInput) {
  const reference = input.CallerReference ?? ''
  if (zones.values().some(zone => zone.reference === reference)) {
    throw new WireError(
      'HostedZoneAlreadyExists',
      'A hosted zone has already been created with the specified caller reference.',
      409,
    )
  }
  const zone: Zone = {
    id: `Z${randomBytes(10).toString('hex').toUpperCase()}`,
    name: absolute(input.Name ?? ''),
    reference,
    private: input.HostedZoneConfig?.PrivateZone ?? input.VPC !== undefined,
    ...(input.HostedZoneConfig?.Comment !== undefined && { comment: input.HostedZoneConfig.Comment }),
    vpcs: input.VPC ? [input.VPC] : [],
    records: [],
  }
  zones.set(zone.id, zone)
  return {
    HostedZone: show(zone),
    ChangeInfo: done(Date.now()),
    DelegationSet: { NameServers: ['ns-0.twin.invalid'] },
    ...(input.VPC && { VPC: input.VPC }),
    Location: `https://route53.amazonaws.com/2013-04-01/hostedzone/${zone.id}`,
  }
}

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

function recordOperations(
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

function checkOperations(
  checks: Collection<HealthCheckRecord>,
  isHealthy: (id: string) => boolean,
): Record<string, Operation> {
  const on = (action: string) => (input: { HealthCheckId?: string }) => [
    { action, resource: `arn:aws:route53:::healthcheck/${input.HealthCheckId}` },
  ]
  const requireCheck = (id: string | undefined) => {
    const found = checks.get(id ?? '')
    if (!found) throw new WireError('NoSuchHealthCheck', `A health check with id ${id} does not exist.`, 404)
    return found
  }
  const describe = (check: HealthCheckRecord) => ({
    Id: check.id,
    CallerReference: check.reference,
    HealthCheckConfig: check.config,
    HealthCheckVersion: 1,
  })
  return {
    CreateHealthCheck: {
      questions: () => anywhere('route53:CreateHealthCheck'),
      run: (input: CreateHealthCheckCommandInput) => {
        const check = {
          id: randomUUID(),
          reference: input.CallerReference ?? '',
          config: input.HealthCheckConfig as HealthCheckConfig,
        }
        checks.set(check.id, check)
        return {
          HealthCheck: describe(check),
          Location: `https://route53.amazonaws.com/2013-04-01/healthcheck/${check.id}`,
        }
      },
    },
    GetHealthCheck: {
      questions: on('route53:GetHealthCheck'),
      run: (input: { HealthCheckId?: string }) => ({
        HealthCheck: describe(requireCheck(input.HealthCheckId)),
      }),
    },
    GetHealthCheckStatus: {
      questions: on('route53:GetHealthCheckStatus'),
      run: (input: { HealthCheckId?: string }) => {
        const check = requireCheck(input.HealthCheckId)
        const Status = isHealthy(check.id)
          ? 'Success: the twin finds it well'
          : 'Failure: the twin finds it unwell'
        return {
          HealthCheckObservations: [
            { Region: 'us-east-1', IPAddress: '127.0.0.1', StatusReport: { Status } },
          ],
        }
      },
    },
    DeleteHealthCheck: {
      questions: on('route53:DeleteHealthCheck'),
      run: (input: { HealthCheckId?: string }) => {
        checks.delete(requireCheck(input.HealthCheckId).id)
        return {}
      },
    },
    ListHealthChecks: {
      questions: () => anywhere('route53:ListHealthChecks'),
      run: () => ({
        HealthChecks: checks.values().map(describe),
        IsTruncated: false,
        MaxItems: 100,
        Marker: '',
      }),
    },
  }
}
