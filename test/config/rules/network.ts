import type { Case } from './case.ts'

export const NETWORK: readonly Case[] = [
  [
    'refuses a range with address bits beyond its prefix',
    { network: { cidr: '10.40.1.0/16' } },
    { network: { cidr: '10.40.0.0/16' } },
    'network.cidr',
    /no IPv4 range/,
  ],
  [
    'refuses a range larger than a VPC',
    { network: { cidr: '10.32.0.0/15' } },
    { network: { cidr: '10.32.0.0/16' } },
    'network.cidr',
    /\/16 to \/28/,
  ],
  [
    'refuses a range of the internet',
    { network: { cidr: '11.40.0.0/16' } },
    { network: { cidr: '100.64.0.0/16' } },
    'network.cidr',
    /belongs to the internet/,
  ],
  [
    'refuses a network too small for its subnets',
    { network: { standbyCidr: '10.41.0.0/25' } },
    { network: { standbyCidr: '10.41.0.0/24' } },
    'network.standbyCidr',
    /fewer than 32 addresses/,
  ],
  [
    'refuses overlapping networks of the two regions',
    { network: { cidr: '10.40.0.0/16', standbyCidr: '10.40.128.0/17' } },
    { network: { cidr: '10.40.0.0/17', standbyCidr: '10.40.128.0/17' } },
    'network.standbyCidr',
    /overlaps network.cidr/,
  ],
  [
    'refuses a region that is none',
    { standbyRegion: 'oregon' },
    { standbyRegion: 'us-west-2' },
    'standbyRegion',
    /no AWS region/,
  ],
  [
    'refuses the same region twice',
    { standbyRegion: 'us-east-1' },
    { standbyRegion: 'us-west-2' },
    'standbyRegion',
    /losing it would lose both/,
  ],
  [
    'refuses regions of two partitions',
    { standbyRegion: 'us-gov-west-1' },
    { standbyRegion: 'us-west-2' },
    'standbyRegion',
    /partition/,
  ],
  [
    'refuses more NAT gateways than zones',
    { network: { zones: 2, natGateways: 3 } },
    { network: { zones: 3, natGateways: 3 } },
    'network.natGateways',
    /more NAT gateways/,
  ],
]
