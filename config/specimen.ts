import type { EnvironmentInput } from './schema.ts'

/**
 * A small environment without a fault: the examples in hints come from it, and it stands in for what has the
 * wrong shape while the rules look at the rest. Never deployed.
 */
export const SPECIMEN = {
  app: 'shop',
  environment: 'prod',
  owner: 'platform',
  costCentre: 'commerce',
  account: '111111111111',
  region: 'us-east-1',
  standbyRegion: 'us-west-2',
  network: { cidr: '10.40.0.0/16', standbyCidr: '10.41.0.0/16', zones: 3, natGateways: 0 },
  database: {
    engineVersion: '18',
    allowMajorUpgrade: false,
    instance: 'r6g.large',
    name: 'app',
    masterUsername: 'holdfast_admin',
    multiAz: true,
    storage: { size: 100, max: 500, type: 'gp3' },
    replicas: [],
    backup: { retention: '14d', window: '03:30-04:30', replicate: true },
    maintenanceWindow: 'sun:05:30-sun:06:30',
    password: 'rotated-secret',
    logicalReplication: true,
    parameters: {},
  },
  standby: { enabled: true, multiAz: false },
  pool: { enabled: true, maxConnectionsPercent: 80, borrowTimeout: '10s', idleClientTimeout: '30m' },
  cache: { enabled: true, node: 'r7g.large', nodes: 3, engineVersion: '8.1' },
  archive: { enabled: true, retention: '30d', tables: ['public.*'] },
  vault: { enabled: true, retention: '30d' },
  evidence: { retention: '365d' },
  logs: { retention: '30d' },
  objectives: {
    'instance-loss': { rpo: '0s', rto: '2m' },
    'bad-write': { rpo: '5m', rto: '60m' },
    'region-loss': { rpo: '60s', rto: '15m' },
  },
  drills: { 'bad-write': { every: '7d', at: 'before-backup-window', coverageFloor: 0.99 } },
  assertions: [],
  paging: { email: 'platform@shop.example' },
  budget: { monthlyUsd: 3_000, prices: {} },
} satisfies EnvironmentInput
