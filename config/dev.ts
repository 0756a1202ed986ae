import { defineEnvironment } from './parse.ts'

/** One small instance in two zones: cheap enough to stay on, and it still proves that it comes back. */
export const dev = defineEnvironment({
  app: 'shop',
  environment: 'dev',
  owner: 'platform',
  costCentre: 'commerce-dev',
  account: '111111111111',
  region: 'us-east-1',
  standbyRegion: 'us-west-2',
  network: { cidr: '10.20.0.0/16', standbyCidr: '10.21.0.0/16', zones: 2 },
  database: {
    engineVersion: '18',
    instance: 't3.medium',
    multiAz: false,
    storage: { size: 20, max: 50 },
    backup: { retention: '7d', replicate: false },
  },
  standby: { enabled: false },
  pool: { enabled: false },
  cache: { node: 't4g.micro', nodes: 1 },
  archive: { retention: '30d' },
  vault: { enabled: false },
  evidence: { retention: '30d' },
  logs: { retention: '7d' },
  paging: { email: 'platform@shop.example' },
  objectives: {
    'instance-loss': { rpo: '5m', rto: '2h' },
    'bad-write': { rpo: '5m', rto: '60m' },
  },
  drills: { 'bad-write': { every: '7d' } },
  budget: { monthlyUsd: 150 },
})
