import { slotWalLimit } from '../../config/classes.ts'
import type { EnvironmentConfig } from '../../config/schema.ts'
import type { Of } from './compute-rows.ts'
import { type AlarmRow, row } from './row.ts'

const AWS = 'AWS, "Recommended alarms", Amazon RDS'
const GIB = 1024 ** 3
const MIB = 1024 ** 2

/** What only a writer has: slots that hold its log back, and transaction ids that run out. */
export function writerRows(config: EnvironmentConfig, identifier: string, of: Of): AlarmRow[] {
  const { size } = config.database.storage
  const slots = slotWalLimit(config.database.storage) * MIB
  return [
    row('read-latency-scale', of('ReadLatency', 'p90'), {
      article: 'scale-out',
      severity: 'warn',
      bad: 'above',
      threshold: 0.1,
      unit: 'seconds',
      when: [5, 5],
      missing: 'missing',
      summary: `reads of ${identifier} are so slow that one more replica pays`,
      derivation: 'capacity plan: add a replica above 100 ms read latency',
    }),
    row('slot', of('OldestReplicationSlotLag', 'Maximum'), {
      article: 'slot',
      severity: 'page',
      bad: 'above',
      threshold: Math.round(slots * 0.6),
      unit: 'bytes',
      when: [3, 3],
      missing: 'notBreaching',
      summary: `a replication slot of ${identifier} will soon be lost`,
      derivation: `60 % of max_slot_wal_keep_size (${slots / MIB} MiB, a fifth of the disk): at 100 % the slot is invalid`,
    }),
    row('slot-lag', of('OldestReplicationSlotLag', 'Maximum'), {
      article: 'slot',
      severity: 'warn',
      bad: 'above',
      threshold: Math.round(slots * 0.25),
      unit: 'bytes',
      when: [5, 5],
      missing: 'notBreaching',
      summary: `a replication slot of ${identifier} falls behind`,
      causes: ['slot'],
      derivation: `25 % of max_slot_wal_keep_size (${slots / MIB} MiB)`,
    }),
    row('wal', of('TransactionLogsDiskUsage', 'Maximum'), {
      article: 'slot',
      severity: 'warn',
      bad: 'above',
      threshold: Math.round(size * GIB * 0.2),
      unit: 'bytes',
      when: [5, 5],
      missing: 'missing',
      summary: `the write-ahead log fills a fifth of the disk of ${identifier}`,
      causes: ['slot'],
      derivation: `20 % of ${size} GiB: the share that slots may hold`,
    }),
    row('wraparound', of('MaximumUsedTransactionIDs', 'Maximum'), {
      article: 'wraparound',
      severity: 'page',
      bad: 'above',
      threshold: 1_000_000_000,
      unit: 'transactions',
      when: [1, 1],
      missing: 'missing',
      summary: `${identifier} runs out of transaction ids`,
      derivation: AWS,
      awsRecommends: 'above 1 000 000 000, 1 of 1 minute',
    }),
    row('wraparound-near', of('MaximumUsedTransactionIDs', 'Maximum'), {
      article: 'wraparound',
      severity: 'warn',
      bad: 'above',
      threshold: 500_000_000,
      unit: 'transactions',
      when: [1, 1],
      missing: 'missing',
      summary: `vacuum does not keep up with the transaction ids of ${identifier}`,
      causes: ['wraparound'],
      derivation:
        'two and a half times autovacuum_freeze_max_age (200 000 000): vacuum should have acted long ago',
    }),
  ]
}
