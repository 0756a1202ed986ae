import { instanceClass } from './classes.ts'
import { isAssumed, priceOf, RESERVED_SHARE, RESERVED_SHARE_ELSEWHERE } from './prices.ts'
import type { EnvironmentConfig, Mode } from './schema.ts'
import { GP3_LARGE } from './storage.ts'

/** What a line is paid for: an objective, the reads, the speed of the service, or the database itself. */
export type Purpose = Exclude<Mode, 'account-loss'> | 'deletion' | 'service' | 'reads' | 'proof'

/** One line of the bill. Money is USD a month. */
export type CostLine = {
  readonly resource: string
  readonly region: string
  /** What is counted, e.g. `db.r6g.xlarge hours`. */
  readonly what: string
  readonly quantity: number
  readonly price: number
  /** Whether the price is another region's, for want of a source. */
  readonly assumed: boolean
  readonly onDemand: number
  /** With one-year No Upfront reservations for RDS instances; everything else stays on demand. */
  readonly reserved: number
  readonly purpose: Purpose
}

/** Hours that AWS counts in a month. */
export const HOURS = 730

/** What the model assumes because a config cannot say it. Each is a share or a plain count, printed under the bill. */
export const ASSUMED = {
  /** Share of the allocated disk that holds data. */
  filled: 0.5,
  /** Share of the data that a day changes: sizes incremental backups, WAL and the archive. */
  changedADay: 0.02,
  /** Archive bytes for each changed byte, after compression. */
  archived: 0.25,
  /** Hours that a drill's copy lives: restore, comparison, evidence. */
  drillHours: 3,
  logGibAMonth: 10,
  /** Alarms of one instance, of watching a second region, of each further instance. A test holds them to the stacks. */
  alarms: 106,
  alarmsARegion: 35,
  alarmsAnInstance: 20,
  compositeAlarms: 43,
  compositeAlarmsARegion: 15,
  compositeAlarmsAnInstance: 9,
  metrics: 25,
  dashboards: 2,
  /** GiB of memory of a function, for the minute-by-minute ones. */
  functionGib: 0.25,
} as const

/** What is counted, before it has a price. */
export type Counted = {
  readonly resource: string
  readonly what: string
  readonly key: string
  readonly quantity: number
  readonly purpose: Purpose
  readonly region?: string
  readonly reservedShare?: number
  /** Rows of the table that one unit costs. @default 1 */
  readonly rate?: number
}

/** One line, priced in its region. Throws `UnknownPrice`. */
export function line(config: EnvironmentConfig, counted: Counted): CostLine {
  const {
    resource,
    what,
    key,
    quantity,
    purpose,
    region = config.region,
    reservedShare = 1,
    rate = 1,
  } = counted
  const price = priceOf(region, key, config.budget.prices) * rate
  const onDemand = price * quantity
  return {
    resource,
    region,
    what,
    quantity,
    price,
    assumed: isAssumed(region, key, config.budget.prices),
    onDemand,
    reserved: onDemand * reservedShare,
    purpose,
  }
}

/** The hours of an instance of that class. */
export function instance(
  config: EnvironmentConfig,
  resource: string,
  name: string,
  purpose: Purpose,
  region?: string,
): CostLine {
  const { family, units } = instanceClass(name)
  return line(config, {
    resource,
    what: `db.${name} hours`,
    key: `db.${family}`,
    // The table's hour is one of `large`, which is four normalized units.
    rate: units / 4,
    quantity: HOURS,
    purpose,
    region,
    reservedShare: RESERVED_SHARE[family] ?? RESERVED_SHARE_ELSEWHERE,
  })
}

/** Its disk, and what is provisioned above what is free. */
export function disk(
  config: EnvironmentConfig,
  resource: string,
  purpose: Purpose,
  region?: string,
): CostLine[] {
  const { size, type, iops = 0, throughput = 0 } = config.database.storage
  const count = (what: string, key: string, quantity: number) =>
    line(config, { resource, what, key, quantity, purpose, region })
  const lines = [count(`GiB of ${type}`, `${type}.gib`, size)]
  const paidIops = type === 'io2' ? iops : Math.max(0, iops - GP3_LARGE.iops)
  const paidThroughput = type === 'io2' ? 0 : Math.max(0, throughput - GP3_LARGE.throughput)
  if (paidIops > 0) lines.push(count('provisioned IOPS', `${type}.iops`, paidIops))
  if (paidThroughput > 0) lines.push(count('MiB/s of throughput', 'gp3.mibps', paidThroughput))
  return lines
}
