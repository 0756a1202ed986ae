import { randomBytes } from 'node:crypto'
import type { CreateHostedZoneCommandInput, ResourceRecordSet, VPC } from '@aws-sdk/client-route-53'
import type { Collection } from '../../state/collection.ts'
import { type Operation, WireError } from '../../wire/call.ts'
import { anywhere } from '../dependencies.ts'
import { absolute } from './answers.ts'

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

const bare = (id: string | undefined) => (id ?? '').replace(/^\/?(hostedzone\/)?/, '')
/** ARN of the zone of this id, with or without its path. */
export const zoneArn = (id: string | undefined) => `arn:aws:route53:::hostedzone/${bare(id)}`

/** @throws WireError NoSuchHostedZone */
export function requireZone(zones: Collection<Zone>, id: string | undefined): Zone {
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

/** Making, reading and removing zones. */
export function zoneOperations(zones: Collection<Zone>, clock: () => number): Record<string, Operation> {
  const on = (action: string) => (input: { Id?: string; HostedZoneId?: string }) => [
    { action, resource: zoneArn(input.Id ?? input.HostedZoneId) },
  ]
  return {
    CreateHostedZone: {
      questions: () => anywhere('route53:CreateHostedZone'),
      run: (input: CreateHostedZoneCommandInput) => create(zones, clock, input),
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
        return { ChangeInfo: done(clock()) }
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
        return { ChangeInfo: done(clock()) }
      },
    },
  }
}

/** A change, which in the twin is everywhere at once. `now` in milliseconds. */
export const done = (now: number) => ({
  Id: `/change/C${randomBytes(8).toString('hex').toUpperCase()}`,
  Status: 'INSYNC',
  SubmittedAt: new Date(now),
})

function create(zones: Collection<Zone>, clock: () => number, input: CreateHostedZoneCommandInput) {
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
    ChangeInfo: done(clock()),
    DelegationSet: { NameServers: ['ns-0.twin.invalid'] },
    ...(input.VPC && { VPC: input.VPC }),
    Location: `https://route53.amazonaws.com/2013-04-01/hostedzone/${zone.id}`,
  }
}
