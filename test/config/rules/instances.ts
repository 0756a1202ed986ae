import type { Case } from './case.ts'

export const INSTANCES: readonly Case[] = [
  [
    'refuses an instance class nobody knows',
    { database: { instance: 'r6g.huge' } },
    { database: { instance: 'r6g.2xlarge' } },
    'database.instance',
    /no instance class/,
  ],
  [
    'refuses a replica whose max_connections would stop replay',
    { database: { instance: 'r6g.xlarge', replicas: [{ name: 'read', instance: 'r6g.large' }] } },
    { database: { instance: 'r6g.xlarge', replicas: [{ name: 'read', instance: 'm6g.2xlarge' }] } },
    'database.replicas[0].instance',
    /stops replay on a standby/,
  ],
  [
    'refuses a standby smaller than its source',
    { standby: { instance: 't4g.medium' } },
    { standby: { instance: 'r6g.large' } },
    'standby.instance',
    /stops replay on a standby/,
  ],
  [
    'refuses more than 15 replicas, the standby counted',
    { database: { replicas: replicas(15) }, budget: { monthlyUsd: 99_999 } },
    { database: { replicas: replicas(14) }, budget: { monthlyUsd: 99_999 } },
    'database.replicas',
    /at most 15 replicas, these are 16 with the standby/,
  ],
  [
    'refuses a managed master password beside a replica',
    {
      database: { password: 'rds-managed', replicas: [{ name: 'read' }] },
      standby: { enabled: false },
      objectives: { 'region-loss': { rpo: '1h', rto: '8h' } },
    },
    {
      database: { password: 'rds-managed' },
      standby: { enabled: false },
      objectives: { 'region-loss': { rpo: '1h', rto: '8h' } },
    },
    'database.password',
    /cannot create a read replica/,
  ],
  [
    'refuses a managed master password beside a standby',
    { database: { password: 'rds-managed' } },
    { database: { password: 'rotated-secret' } },
    'database.password',
    /cannot create a read replica/,
  ],
  [
    'refuses a major version that is too old',
    { database: { engineVersion: '16' } },
    { database: { engineVersion: '17' } },
    'database.engineVersion',
    /PostgreSQL 16 is not supported/,
  ],
  [
    'refuses a minor version that RDS does not offer',
    { database: { engineVersion: '18.9' } },
    { database: { engineVersion: '18.3' } },
    'database.engineVersion',
    /18\.1 to 18\.3/,
  ],
  [
    'refuses a minor version before the first',
    { database: { engineVersion: '18.0' } },
    { database: { engineVersion: '18.1' } },
    'database.engineVersion',
    /18\.1 to 18\.3/,
  ],
  [
    'refuses a pool that leaves nobody else a connection',
    { pool: { maxConnectionsPercent: 99 } },
    { pool: { maxConnectionsPercent: 98 } },
    'pool.maxConnectionsPercent',
    /would leave 16 of 1622 connections/,
  ],
  [
    'refuses a pool that waits longer than the proxy does',
    { pool: { borrowTimeout: '2h' } },
    { pool: { borrowTimeout: '1h' } },
    'pool.borrowTimeout',
    /1 second and 1 hour/,
  ],
  [
    'refuses an idle client beyond the proxy’s limit',
    { pool: { idleClientTimeout: '9h' } },
    { pool: { idleClientTimeout: '8h' } },
    'pool.idleClientTimeout',
    /1 second and 8 hours/,
  ],
  [
    'refuses a cache node that ElastiCache does not have',
    { cache: { node: 'cache.r7g.large' } },
    { cache: { node: 'r7g.large' } },
    'cache.node',
    /no node type/,
  ],
  [
    'refuses a Valkey that ElastiCache does not offer',
    { cache: { engineVersion: '6.0' } },
    { cache: { engineVersion: '8.0' } },
    'cache.engineVersion',
    /Valkey 7\.2, 8\.0, 8\.1/,
  ],
  [
    'refuses a single cache node beside a Multi-AZ database',
    { cache: { nodes: 1 } },
    { cache: { nodes: 2 } },
    'cache.nodes',
    /has one node/,
  ],
]

function replicas(count: number) {
  return Array.from({ length: count }, (_, index) => ({ name: `read-${index + 1}` }))
}
