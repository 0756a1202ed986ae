import { GP3_LARGE, GP3_STRIPED_FROM, IO2, LEAST_SIZE, leastCeiling, MOST_SIZE } from '../storage.ts'
import { type Rule, when } from './rule.ts'

const mustHaveASize: Rule = ({ database: { storage } }) =>
  when(
    storage.size < LEAST_SIZE[storage.type],
    'database.storage.size',
    storage.size,
    `${storage.type} begins at ${LEAST_SIZE[storage.type]} GiB`,
    `use at least ${LEAST_SIZE[storage.type]}`,
  )

const mustHaveRoomToGrow: Rule = ({ database: { storage } }) =>
  when(
    storage.max < leastCeiling(storage.size),
    'database.storage.max',
    storage.max,
    `autoscaling's ceiling must be at least a tenth above the size of ${storage.size} GiB`,
    `use at least ${leastCeiling(storage.size)}`,
  )

const mustNotGrowPastTheEnd: Rule = ({ database: { storage } }) =>
  when(
    storage.max > MOST_SIZE,
    'database.storage.max',
    storage.max,
    `${storage.type} ends at ${MOST_SIZE} GiB`,
    `use at most ${MOST_SIZE}`,
  )

const smallGp3MustStayPlain: Rule = ({ database: { storage } }) =>
  storage.type === 'gp3' && storage.size < GP3_STRIPED_FROM
    ? (['iops', 'throughput'] as const).flatMap(key =>
        when(
          storage[key] !== undefined,
          `database.storage.${key}`,
          storage[key],
          `RDS refuses IOPS and throughput on gp3 below ${GP3_STRIPED_FROM} GiB: it gives 3,000 IOPS and 125 MiB/s there`,
          `remove it, or use a size of ${GP3_STRIPED_FROM} or more`,
        ),
      )
    : []

const gp3MustKeepLimits: Rule = ({ database: { storage } }) => {
  if (storage.type !== 'gp3' || storage.size < GP3_STRIPED_FROM) return []
  const { iops, throughput } = storage
  return [
    ...when(
      iops !== undefined && (iops < GP3_LARGE.iops || iops > GP3_LARGE.mostIops),
      'database.storage.iops',
      iops,
      `gp3 takes ${GP3_LARGE.iops} to ${GP3_LARGE.mostIops} IOPS at this size`,
      `remove it for the free ${GP3_LARGE.iops}`,
    ),
    ...when(
      throughput !== undefined &&
        (throughput < GP3_LARGE.throughput || throughput > GP3_LARGE.mostThroughput),
      'database.storage.throughput',
      throughput,
      `gp3 takes ${GP3_LARGE.throughput} to ${GP3_LARGE.mostThroughput} MiB/s at this size`,
      `remove it for the free ${GP3_LARGE.throughput}`,
    ),
    // A quarter of a MiB for each operation: EBS's ratio for gp3.
    ...when(
      throughput !== undefined && throughput > (iops ?? GP3_LARGE.iops) / 4,
      'database.storage.throughput',
      throughput,
      `gp3 gives a quarter of a MiB/s for each IOPS: ${iops ?? GP3_LARGE.iops} IOPS carry ${(iops ?? GP3_LARGE.iops) / 4} MiB/s`,
      `raise iops to ${(throughput ?? 0) * 4}`,
    ),
  ]
}

const io2MustHaveIops: Rule = ({ database: { storage } }) => {
  if (storage.type !== 'io2') return []
  const least = Math.max(IO2.leastIops, Math.ceil(storage.size * IO2.leastPerGib))
  const most = Math.min(IO2.mostIops, storage.size * IO2.mostPerGib)
  return [
    ...when(
      storage.iops === undefined || storage.iops < least || storage.iops > most,
      'database.storage.iops',
      storage.iops,
      `io2 needs IOPS: ${least} to ${most} at ${storage.size} GiB`,
      `write a number from ${least} to ${most}`,
    ),
    ...when(
      storage.throughput !== undefined,
      'database.storage.throughput',
      storage.throughput,
      'throughput can be set on gp3 only',
      'remove it',
    ),
  ]
}

/** Storage that RDS refuses at creation, or at the first step of autoscaling months later. */
export const DISK: readonly Rule[] = [
  mustHaveASize,
  mustHaveRoomToGrow,
  mustNotGrowPastTheEnd,
  smallGp3MustStayPlain,
  gp3MustKeepLimits,
  io2MustHaveIops,
]
