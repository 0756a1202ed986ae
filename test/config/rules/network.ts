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
    /a \/16 at most/,
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
    { network: { standbyCidr: '10.41.0.0/24' } },
    { network: { standbyCidr: '10.41.0.0/23' } },
    'network.standbyCidr',
    /subnets would have 16 addresses each/,
  ],
  [
    'refuses a network too small for the subnets of its gateways',
    { network: { cidr: '10.40.0.0/21', natGateways: 1 } },
    { network: { cidr: '10.40.0.0/20', natGateways: 1 } },
    'network.cidr',
    /subnet would be a \/29, and AWS's smallest is a \/28/,
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
