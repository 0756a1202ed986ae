import { defineEnvironment } from './parse.ts'

/** The platform at full size: Multi-AZ, three replicas (one for analytics) and a standby database in the other region. */
export const prod = defineEnvironment({
  app: 'shop',
  environment: 'prod',
  owner: 'platform',
  costCentre: 'commerce-prod',
  account: '111111111111',
  region: 'us-east-1',
  standbyRegion: 'us-west-2',
  network: { cidr: '10.40.0.0/16', standbyCidr: '10.41.0.0/16', zones: 3 },
  database: {
    engineVersion: '18',
    instance: 'r6g.xlarge',
    multiAz: true,
    storage: { size: 200, max: 1_000 },
    replicas: [{ name: 'read-1' }, { name: 'read-2' }, { name: 'analytics', role: 'analytics' }],
    backup: { retention: '30d', window: '03:30-04:30' },
    maintenanceWindow: 'sun:05:30-sun:06:30',
  },
  standby: { enabled: true },
  pool: { enabled: true },
  cache: { node: 'r7g.large', nodes: 3 },
  archive: { retention: '30d' },
  vault: { retention: '30d' },
  evidence: { retention: '365d' },
  logs: { retention: '90d' },
  paging: { email: 'platform@shop.example' },
  objectives: {
    'instance-loss': { rpo: '0s', rto: '2m' },
    'bad-write': { rpo: '5m', rto: '60m' },
    'region-loss': { rpo: '60s', rto: '15m' },
  },
  drills: { 'bad-write': { every: '7d', at: 'before-backup-window' } },
  budget: { monthlyUsd: 3_000 },
})
