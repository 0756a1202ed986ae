/**
 * RDS for PostgreSQL's limits on storage, from "Amazon RDS DB instance storage" in the RDS User Guide and
 * CreateDBInstance's AllocatedStorage: sizes in GiB, throughput in MiB/s.
 */
export const LEAST_SIZE = { gp3: 20, io2: 100 } as const
export const MOST_SIZE = 65_536

/** From this size on gp3 stripes four volumes: its baseline rises, and only then may IOPS and throughput be set. */
export const GP3_STRIPED_FROM = 400

/** What gp3 gives free of charge from `GP3_STRIPED_FROM` on, and what it can be raised to. */
export const GP3_LARGE = { iops: 12_000, throughput: 500, mostIops: 64_000, mostThroughput: 4_000 } as const

/** io2 Block Express: IOPS in all, and for each GiB (CreateDBInstance: half an operation at least). */
export const IO2 = { leastIops: 1_000, mostIops: 256_000, leastPerGib: 0.5, mostPerGib: 1_000 } as const

/** GiB that autoscaling's ceiling must have at least: a tenth above the allocated size, for one step of growth. */
export function leastCeiling(size: number): number {
  // In whole tenths: 100 * 1.1 is more than 110 to a computer.
  return Math.ceil((size * 11) / 10)
}
