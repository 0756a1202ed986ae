/** What an RDS instance class is made of. Baselines are what it sustains for ever; bursts are never planned on. */
export type InstanceClass = {
  /** As a config writes it: no `db.` prefix. */
  readonly name: string
  readonly family: string
  readonly size: string
  readonly architecture: 'arm64' | 'x86_64'
  /** Earns and spends CPU credits; its CPU alarm must watch the balance too. */
  readonly burstable: boolean
  readonly vcpus: number
  readonly memoryGiB: number
  /** Megabits a second to its volumes. */
  readonly ebsMbps: number
  /** Operations of 16 KiB a second to its volumes. */
  readonly ebsIops: number
  /** Megabits a second to everything else. */
  readonly networkMbps: number
  /** RDS's normalized units: prices and reservations within a family are proportional to them. `large` is 4. */
  readonly units: number
}

type Row = readonly [ebsMbps: number, ebsIops: number, networkMbps: number]
type Family = {
  readonly architecture: InstanceClass['architecture']
  readonly memoryPerVcpu: number
  readonly rows: Readonly<Record<string, Row>>
}

/** Normalized units of a size, from "Size-flexible reserved DB instances" in the RDS User Guide. */
const UNITS: Readonly<Record<string, number>> = {
  micro: 0.5,
  small: 1,
  medium: 2,
  large: 4,
  xlarge: 8,
  '2xlarge': 16,
  '4xlarge': 32,
  '8xlarge': 64,
  '12xlarge': 96,
  '16xlarge': 128,
  '24xlarge': 192,
  '32xlarge': 256,
  '48xlarge': 384,
}

// Baselines: "Amazon EBS-optimized instance types" and the network tables of the EC2 Instance Types Guide.
const BURSTABLE: Readonly<Record<string, Row>> = {
  micro: [87, 500, 64],
  small: [174, 1_000, 128],
  medium: [347, 2_000, 256],
  large: [695, 4_000, 512],
  xlarge: [695, 4_000, 1_024],
  '2xlarge': [695, 4_000, 2_048],
}

const SKYLAKE: Readonly<Record<string, Row>> = {
  large: [650, 3_600, 750],
  xlarge: [1_150, 6_000, 1_250],
  '2xlarge': [2_300, 12_000, 2_500],
  '4xlarge': [4_750, 18_750, 5_000],
  '8xlarge': [6_800, 30_000, 10_000],
  '12xlarge': [9_500, 40_000, 12_000],
  '16xlarge': [13_600, 60_000, 20_000],
  '24xlarge': [19_000, 80_000, 25_000],
}

const GRAVITON2: Readonly<Record<string, Row>> = {
  large: [630, 3_600, 750],
  xlarge: [1_188, 6_000, 1_250],
  '2xlarge': [2_375, 12_000, 2_500],
  '4xlarge': [4_750, 20_000, 5_000],
  '8xlarge': [9_500, 40_000, 12_000],
  '12xlarge': [14_250, 50_000, 20_000],
  '16xlarge': [19_000, 80_000, 25_000],
}

const ICE_LAKE: Readonly<Record<string, Row>> = {
  large: [650, 3_600, 781],
  xlarge: [1_250, 6_000, 1_562],
  '2xlarge': [2_500, 12_000, 3_125],
  '4xlarge': [5_000, 20_000, 6_250],
  '8xlarge': [10_000, 40_000, 12_500],
  '12xlarge': [15_000, 60_000, 18_750],
  '16xlarge': [20_000, 80_000, 25_000],
  '24xlarge': [30_000, 120_000, 37_500],
  '32xlarge': [40_000, 160_000, 50_000],
}

const GRAVITON3: Readonly<Record<string, Row>> = {
  large: [630, 3_600, 937],
  xlarge: [1_250, 6_000, 1_876],
  '2xlarge': [2_500, 12_000, 3_750],
  '4xlarge': [5_000, 20_000, 7_500],
  '8xlarge': [10_000, 40_000, 15_000],
  '12xlarge': [15_000, 60_000, 22_500],
  '16xlarge': [20_000, 80_000, 30_000],
}

const GRAVITON4: Readonly<Record<string, Row>> = {
  ...GRAVITON3,
  '24xlarge': [30_000, 120_000, 40_000],
  '48xlarge': [40_000, 240_000, 50_000],
}

const FAMILIES: Readonly<Record<string, Family>> = {
  t3: { architecture: 'x86_64', memoryPerVcpu: 0, rows: BURSTABLE },
  t4g: { architecture: 'arm64', memoryPerVcpu: 0, rows: BURSTABLE },
  m5: { architecture: 'x86_64', memoryPerVcpu: 4, rows: SKYLAKE },
  m6g: { architecture: 'arm64', memoryPerVcpu: 4, rows: GRAVITON2 },
  m6i: { architecture: 'x86_64', memoryPerVcpu: 4, rows: ICE_LAKE },
  m7g: { architecture: 'arm64', memoryPerVcpu: 4, rows: GRAVITON3 },
  m8g: { architecture: 'arm64', memoryPerVcpu: 4, rows: GRAVITON4 },
  r5: { architecture: 'x86_64', memoryPerVcpu: 8, rows: SKYLAKE },
  r6g: { architecture: 'arm64', memoryPerVcpu: 8, rows: GRAVITON2 },
  r6i: { architecture: 'x86_64', memoryPerVcpu: 8, rows: ICE_LAKE },
  r7g: { architecture: 'arm64', memoryPerVcpu: 8, rows: GRAVITON3 },
  r8g: { architecture: 'arm64', memoryPerVcpu: 8, rows: GRAVITON4 },
}

/** Every instance class a config may name: RDS offers each for PostgreSQL 16 and later. */
export const INSTANCE_CLASSES: ReadonlyMap<string, InstanceClass> = new Map(
  Object.entries(FAMILIES).flatMap(([family, { architecture, memoryPerVcpu, rows }]) =>
    Object.entries(rows).map(([size, [ebsMbps, ebsIops, networkMbps]]) => {
      const units = UNITS[size] ?? Number.NaN
      const burstable = memoryPerVcpu === 0
      // A burstable class has 2 GiB a unit and never less than two vCPUs; the others have half a vCPU a unit.
      const vcpus = burstable ? Math.max(2, units / 2) : units / 2
      const memoryGiB = burstable ? units * 2 : vcpus * memoryPerVcpu
      const name = `${family}.${size}`
      return [
        name,
        {
          name,
          family,
          size,
          architecture,
          burstable,
          vcpus,
          memoryGiB,
          ebsMbps,
          ebsIops,
          networkMbps,
          units,
        },
      ] as const
    }),
  ),
)

/** The class of that name (`r6g.xlarge`). Throws a RangeError for one we do not know: no number is ever guessed. */
export function instanceClass(name: string): InstanceClass {
  const found = INSTANCE_CLASSES.get(name)
  if (!found) throw new RangeError(`no facts about instance class ${JSON.stringify(name)}`)
  return found
}

/** Bytes of memory for each connection in RDS's formula for `max_connections`. */
const BYTES_PER_CONNECTION = 9_531_392
const MOST_CONNECTIONS = 5_000

/**
 * Connections that the class can hold: RDS's `LEAST({DBInstanceClassMemory/9531392}, 5000)`, on nine tenths of
 * the class's memory, because DBInstanceClassMemory leaves out what RDS and the operating system keep for
 * themselves. Put it into the parameter group, so that alarms compare with the number in force and not with a
 * formula's guess.
 */
export function maxConnections(name: string): number {
  const bytes = instanceClass(name).memoryGiB * 0.9 * 1024 ** 3
  return Math.min(Math.floor(bytes / BYTES_PER_CONNECTION), MOST_CONNECTIONS)
}

/**
 * `max_slot_wal_keep_size` in MiB: a fifth of the disk. RDS's own default is unlimited, so one forgotten slot
 * or one dead replica fills the primary's disk; at a fifth the slot is lost (and must be rebuilt) while storage
 * autoscaling, which starts below a tenth free, has not yet begun.
 */
export function slotWalLimit(storage: { readonly size: number }): number {
  return Math.floor((storage.size * 1024) / 5)
}
