import type { Fault } from '../fault.ts'
import { isRegion, partitionOf } from '../regions.ts'
import { LONGEST_SUBNET, SUBNET_BITS } from '../subnets.ts'
import { type Rule, when } from './rule.ts'

type Range = { readonly first: number; readonly size: number; readonly prefix: number }

/** An IPv4 range in CIDR notation; `undefined` when it is none, or when its address has bits beyond its prefix. */
export function parseCidr(text: string): Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)
  if (!match) return undefined
  const [a, b, c, d, prefix] = match.slice(1).map(Number) as [number, number, number, number, number]
  if ([a, b, c, d].some(octet => octet > 255) || prefix > 32) return undefined
  const first = ((a * 256 + b) * 256 + c) * 256 + d
  const size = 2 ** (32 - prefix)
  return first % size === 0 ? { first, size, prefix } : undefined
}

const RANGES = ['cidr', 'standbyCidr'] as const

const mustBeRanges: Rule = ({ network }) =>
  RANGES.flatMap(key =>
    when(
      parseCidr(network[key]) === undefined,
      `network.${key}`,
      network[key],
      'this is no IPv4 range: want four numbers to 255, a prefix length and no address bits beyond it',
      'write a range like "10.40.0.0/16"',
    ),
  )

const mustFitVpc: Rule = ({ network }) =>
  RANGES.flatMap(key => {
    const range = parseCidr(network[key])
    return when(
      range !== undefined && range.prefix < 16,
      `network.${key}`,
      network[key],
      'a VPC is a /16 at most',
      'choose a prefix between /16 and /23',
    )
  })

const mustBePrivate: Rule = ({ network }) =>
  RANGES.flatMap(key => {
    const range = parseCidr(network[key])
    const home = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'].map(parseCidr)
    return when(
      range !== undefined && !home.some(each => each && contains(each, range)),
      `network.${key}`,
      network[key],
      'this range belongs to the internet: its addresses would shadow real hosts',
      'choose a range inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16',
    )
  })

/** The least addresses of a subnet: AWS keeps five, RDS one spare for a failover, RDS Proxy ten and more. */
const LEAST_SUBNET = 32

const mustHoldSubnets: Rule = ({ network }) =>
  RANGES.flatMap(key => {
    const range = parseCidr(network[key])
    if (range === undefined) return []
    const addresses = range.size / 2 ** SUBNET_BITS.data
    return when(
      addresses < LEAST_SUBNET,
      `network.${key}`,
      network[key],
      `its subnets would have ${Math.floor(addresses)} addresses each, too few for a failover and a proxy`,
      'choose a shorter prefix, such as /20',
    )
  })

const mustHoldGateways: Rule = ({ network }) =>
  RANGES.flatMap(key => {
    const range = parseCidr(network[key])
    if (range === undefined || network.natGateways === 0) return []
    const prefix = range.prefix + SUBNET_BITS.public
    return when(
      prefix > LONGEST_SUBNET,
      `network.${key}`,
      network[key],
      `a gateway's subnet would be a /${prefix}, and AWS's smallest is a /${LONGEST_SUBNET}`,
      `choose a prefix up to /${LONGEST_SUBNET - SUBNET_BITS.public}, or no NAT gateways`,
    )
  })

const mustNotOverlap: Rule = ({ network }) => {
  const home = parseCidr(network.cidr)
  const other = parseCidr(network.standbyCidr)
  return when(
    home !== undefined && other !== undefined && (contains(home, other) || contains(other, home)),
    'network.standbyCidr',
    network.standbyCidr,
    `this overlaps network.cidr ${network.cidr}: the two regions' networks could never be connected for a failover`,
    'choose another second octet for one of them',
  )
}

const mustBeRegions: Rule = config =>
  (['region', 'standbyRegion'] as const).flatMap(key =>
    when(
      !isRegion(config[key]),
      key,
      config[key],
      'this is no AWS region',
      'write a region code like "us-east-1"',
    ),
  )

const mustBeTwoRegions: Rule = ({ region, standbyRegion }) =>
  when(
    region === standbyRegion,
    'standbyRegion',
    standbyRegion,
    'the standby region is the home region: losing it would lose both',
    'choose another region for one of them',
  )

const mustShareAPartition: Rule = ({ region, standbyRegion }) =>
  when(
    partitionOf(region) !== partitionOf(standbyRegion),
    'standbyRegion',
    standbyRegion,
    `backups and replicas cannot cross from partition ${partitionOf(region)} to ${partitionOf(standbyRegion)}`,
    `choose a standby region in partition ${partitionOf(region)}`,
  )

const mustHaveZoneForGateway: Rule = ({ network }): Fault[] =>
  when(
    network.natGateways > network.zones,
    'network.natGateways',
    network.natGateways,
    `there are more NAT gateways than the ${network.zones} zones to put them in`,
    `use at most ${network.zones}`,
  )

const mustNameItsZones: Rule = ({ network }) =>
  (['zoneLetters', 'standbyZoneLetters'] as const).flatMap(key => {
    const letters = network[key]
    return when(
      letters !== undefined && (new Set(letters).size !== letters.length || letters.length !== network.zones),
      `network.${key}`,
      letters,
      `there are ${network.zones} zones, each with a letter of its own`,
      `write ${network.zones} different letters, such as "${'bcd'.slice(0, network.zones)}"`,
    )
  })

function contains(outer: Range, inner: Range): boolean {
  return inner.first >= outer.first && inner.first + inner.size <= outer.first + outer.size
}

/** Ranges, regions and gateways that AWS refuses, or that would make a failover impossible. */
export const NETWORK: readonly Rule[] = [
  mustBeRanges,
  mustFitVpc,
  mustBePrivate,
  mustHoldSubnets,
  mustHoldGateways,
  mustNotOverlap,
  mustBeRegions,
  mustBeTwoRegions,
  mustShareAPartition,
  mustHaveZoneForGateway,
  mustNameItsZones,
]
