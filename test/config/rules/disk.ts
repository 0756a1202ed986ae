import type { Case } from './case.ts'

export const DISK: readonly Case[] = [
  [
    'refuses gp3 below 20 GiB',
    { database: { storage: { size: 19 } } },
    { database: { storage: { size: 20 } } },
    'database.storage.size',
    /gp3 begins at 20 GiB/,
  ],
  [
    'refuses io2 below 100 GiB',
    { database: { storage: { type: 'io2', size: 99, iops: 2_000 } } },
    { database: { storage: { type: 'io2', size: 100, iops: 2_000 } } },
    'database.storage.size',
    /io2 begins at 100/,
  ],
  [
    'refuses a ceiling less than a tenth above the size',
    { database: { storage: { size: 100, max: 109 } } },
    { database: { storage: { size: 100, max: 110 } } },
    'database.storage.max',
    /at least a tenth above/,
  ],
  [
    'refuses a ceiling beyond the largest disk',
    { database: { storage: { max: 65_537 } } },
    { database: { storage: { max: 65_536 } } },
    'database.storage.max',
    /ends at 65536/,
  ],
  [
    'refuses IOPS on a small gp3',
    { database: { storage: { size: 399, iops: 12_000 } } },
    { database: { storage: { size: 400, iops: 12_000 } } },
    'database.storage.iops',
    /below 400 GiB/,
  ],
  [
    'refuses throughput on a small gp3',
    { database: { storage: { throughput: 500 } } },
    { database: { storage: { size: 400, throughput: 500 } } },
    'database.storage.throughput',
    /below 400 GiB/,
  ],
  [
    'refuses gp3 IOPS below the free baseline',
    { database: { storage: { size: 400, iops: 11_999 } } },
    { database: { storage: { size: 400, iops: 12_000 } } },
    'database.storage.iops',
    /12000 to 64000/,
  ],
  [
    'refuses gp3 throughput beyond its limit',
    {
      database: { storage: { size: 400, iops: 64_000, throughput: 4_001 } },
      budget: { monthlyUsd: 99_999 },
    },
    {
      database: { storage: { size: 400, iops: 64_000, throughput: 4_000 } },
      budget: { monthlyUsd: 99_999 },
    },
    'database.storage.throughput',
    /500 to 4000/,
  ],
  [
    'refuses gp3 throughput that its IOPS cannot carry',
    { database: { storage: { size: 400, throughput: 3_001 } }, budget: { monthlyUsd: 99_999 } },
    { database: { storage: { size: 400, throughput: 3_000 } }, budget: { monthlyUsd: 99_999 } },
    'database.storage.throughput',
    /12000 IOPS carry 3000/,
  ],
  [
    'refuses io2 without IOPS',
    { database: { storage: { type: 'io2' } } },
    { database: { storage: { type: 'io2', iops: 1_000 } } },
    'database.storage.iops',
    /io2 needs IOPS: 1000 to 100000/,
  ],
  [
    'refuses more IOPS than io2 gives to a disk of this size',
    { database: { storage: { type: 'io2', iops: 100_001 } }, budget: { monthlyUsd: 99_999 } },
    { database: { storage: { type: 'io2', iops: 100_000 } }, budget: { monthlyUsd: 99_999 } },
    'database.storage.iops',
    /1000 to 100000 at 100 GiB/,
  ],
  [
    'refuses throughput on io2',
    { database: { storage: { type: 'io2', iops: 1_000, throughput: 500 } } },
    { database: { storage: { type: 'io2', iops: 1_000 } } },
    'database.storage.throughput',
    /on gp3 only/,
  ],
]
