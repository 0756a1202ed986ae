import type * as rdsTypes from '@aws-sdk/client-rds'
import { type Call, type Operation, type Question, WireError } from '../../wire/call.ts'
import { arnOf, keyOf, type Rds } from './context.ts'
import { filter, page } from './paging.ts'
import { tagContext } from './questions.ts'
import type { SubnetGroupRecord } from './records.ts'
import { newTags } from './tags.ts'

/** Zones of a region that the twin speaks of. */
export const zonesOf = (region: string) => ['a', 'b', 'c'].map(letter => `${region}${letter}`)

/** The group of this name; every region has the one called `default`. @throws DBSubnetGroupNotFoundFault */
export function findSubnetGroup(rds: Rds, region: string, name: string): SubnetGroupRecord {
  const id = name.toLowerCase()
  const found =
    rds.subnetGroups.get(keyOf(region, id)) ?? (id === 'default' ? defaultGroup(region) : undefined)
  if (!found)
    throw new WireError('DBSubnetGroupNotFoundFault', `DB subnet group '${id}' does not exist.`, 404)
  return found
}

/** The security group that a new instance joins when none is named. */
export const defaultSecurityGroup = (vpc: string) => `sg-default-${vpc}`

function defaultGroup(region: string): SubnetGroupRecord {
  const subnets = zonesOf(region).map(zone => ({ id: `subnet-default-${zone}`, zone }))
  return { region, name: 'default', description: 'default', vpc: `vpc-default-${region}`, subnets, tags: [] }
}

/** A subnet group as RDS shows it, also within an instance. */
export function describeSubnetGroup(rds: Rds, group: SubnetGroupRecord): rdsTypes.DBSubnetGroup {
  return {
    DBSubnetGroupName: group.name,
    DBSubnetGroupDescription: group.description,
    VpcId: group.vpc,
    SubnetGroupStatus: 'Complete',
    Subnets: group.subnets.map(({ id, zone }) => ({
      SubnetIdentifier: id,
      SubnetAvailabilityZone: { Name: zone },
      SubnetOutpost: {},
      SubnetStatus: 'Active',
    })),
    DBSubnetGroupArn: arnOf(rds, group.region, 'subgrp', group.name),
    SupportedNetworkTypes: ['IPV4'],
  }
}

function readSubnets(
  rds: Rds,
  region: string,
  ids: readonly string[],
): Pick<SubnetGroupRecord, 'vpc' | 'subnets'> {
  const zones = zonesOf(region)
  const found = ids.map((id, index) => {
    if (!rds.options.findSubnet)
      return { id, vpc: `vpc-${region}`, zone: zones[index % zones.length] ?? zones[0] ?? region }
    const subnet = rds.options.findSubnet(region, id)
    if (!subnet) throw new WireError('InvalidSubnet', `The subnet ID '${id}' does not exist`)
    return { id, ...subnet }
  })
  if (new Set(found.map(({ zone }) => zone)).size < 2)
    throw new WireError(
      'DBSubnetGroupDoesNotCoverEnoughAZs',
      "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: 1. Add subnets to cover at least 2 AZs.",
    )
  if (new Set(found.map(({ vpc }) => vpc)).size > 1)
    throw new WireError('InvalidSubnet', 'The subnets of a group must be in one VPC.')
  return { vpc: found[0]?.vpc ?? '', subnets: found.map(({ id, zone }) => ({ id, zone })) }
}

function on(
  rds: Rds,
  action: string,
  call: Call,
  name: string | undefined,
  tags?: rdsTypes.Tag[],
): Question[] {
  const id = (name ?? '*').toLowerCase()
  const record = rds.subnetGroups.get(keyOf(call.region, id))
  return [
    {
      action: `rds:${action}`,
      resource: arnOf(rds, call.region, 'subgrp', id),
      context: {
        ...tagContext('aws:ResourceTag', record?.tags, 'rds:subgrp-tag'),
        ...tagContext('aws:RequestTag', tags, 'rds:req-tag'),
      },
    },
  ]
}

/** Subnet groups. Their subnets are recorded; the twin's endpoints are all on loopback. */
export function subnetGroupOperations(rds: Rds): Record<string, Operation> {
  return {
    CreateDBSubnetGroup: {
      questions: (input: rdsTypes.CreateDBSubnetGroupMessage, call) =>
        on(rds, 'CreateDBSubnetGroup', call, input.DBSubnetGroupName, input.Tags),
      run: (input: rdsTypes.CreateDBSubnetGroupMessage, call) => {
        const name = (input.DBSubnetGroupName ?? '').toLowerCase()
        if (!/^[a-z0-9._ -]{1,255}$/.test(name) || name === 'default')
          throw new WireError(
            'InvalidParameterValue',
            `The parameter DBSubnetGroupName is not a valid identifier: ${name}`,
          )
        if (rds.subnetGroups.has(keyOf(call.region, name)))
          throw new WireError('DBSubnetGroupAlreadyExists', `The DB subnet group '${name}' already exists.`)
        const group: SubnetGroupRecord = {
          region: call.region,
          name,
          description: input.DBSubnetGroupDescription ?? '',
          ...readSubnets(rds, call.region, input.SubnetIds ?? []),
          tags: newTags(input.Tags),
        }
        rds.subnetGroups.set(keyOf(call.region, name), group)
        return { DBSubnetGroup: describeSubnetGroup(rds, group) }
      },
    },
    ModifyDBSubnetGroup: {
      questions: (input: rdsTypes.ModifyDBSubnetGroupMessage, call) =>
        on(rds, 'ModifyDBSubnetGroup', call, input.DBSubnetGroupName),
      run: (input: rdsTypes.ModifyDBSubnetGroupMessage, call) => {
        const group = findSubnetGroup(rds, call.region, input.DBSubnetGroupName ?? '')
        const next = {
          ...group,
          description: input.DBSubnetGroupDescription ?? group.description,
          ...readSubnets(rds, call.region, input.SubnetIds ?? []),
        }
        rds.subnetGroups.set(keyOf(call.region, group.name), next)
        return { DBSubnetGroup: describeSubnetGroup(rds, next) }
      },
    },
    DeleteDBSubnetGroup: {
      questions: (input: rdsTypes.DeleteDBSubnetGroupMessage, call) =>
        on(rds, 'DeleteDBSubnetGroup', call, input.DBSubnetGroupName),
      run: (input: rdsTypes.DeleteDBSubnetGroupMessage, call) => {
        const group = findSubnetGroup(rds, call.region, input.DBSubnetGroupName ?? '')
        if (
          group.name === 'default' ||
          rds.instances.values().some(each => each.region === call.region && each.subnetGroup === group.name)
        )
          throw new WireError(
            'InvalidDBSubnetGroupStateFault',
            `Cannot delete the subnet group '${group.name}' because at least one database instance is still using it.`,
          )
        rds.subnetGroups.delete(keyOf(call.region, group.name))
        return {}
      },
    },
    DescribeDBSubnetGroups: {
      questions: (input: rdsTypes.DescribeDBSubnetGroupsMessage, call) =>
        on(rds, 'DescribeDBSubnetGroups', call, input.DBSubnetGroupName),
      run: (input: rdsTypes.DescribeDBSubnetGroupsMessage, call) => {
        const all = input.DBSubnetGroupName
          ? [findSubnetGroup(rds, call.region, input.DBSubnetGroupName)]
          : [
              ...rds.subnetGroups.values().filter(group => group.region === call.region),
              defaultGroup(call.region),
            ].sort((a, b) => (a.name < b.name ? -1 : 1))
        const { items, Marker } = page(filter(all, input.Filters, {}), input, group => group.name)
        return { DBSubnetGroups: items.map(group => describeSubnetGroup(rds, group)), Marker }
      },
    },
  }
}
