import { defineEnvironment } from './parse.ts'

/** Production's shape at a smaller size: Multi-AZ, a replica, a pool, everything but the standby database. */
export const staging = defineEnvironment({
  app: 'shop',
  environment: 'staging',
  owner: 'platform',
  costCentre: 'commerce-staging',
  account: '111111111111',
  region: 'us-east-1',
  standbyRegion: 'us-west-2',
  network: { cidr: '10.30.0.0/16', standbyCidr: '10.31.0.0/16', zones: 3 },
  database: {
    engineVersion: '18',
    instance: 't4g.large',
    multiAz: true,
    storage: { size: 50, max: 200 },
    replicas: [{ name: 'read-1' }],
    backup: { retention: '14d' },
  },
  standby: { enabled: false },
  cache: { node: 't4g.small', nodes: 2 },
  archive: { retention: '30d' },
  evidence: { retention: '90d' },
  paging: { email: 'platform@shop.example' },
  objectives: {
    'instance-loss': { rpo: '0s', rto: '2m' },
    'bad-write': { rpo: '5m', rto: '60m' },
    'region-loss': { rpo: '30m', rto: '8h' },
  },
  drills: { 'bad-write': { every: '7d', at: 'before-backup-window' } },
  budget: { monthlyUsd: 600 },
})
