import { calendarOf } from './calendar.ts'
import { ASSUMED, type CostLine, HOURS, type Purpose } from './cost-line.ts'
import { copyLines, runningLines } from './cost-lines.ts'
import type { EnvironmentConfig } from './schema.ts'

/** An estimate of one environment. `drill` is the price of one bad-write drill, in USD. */
export type Cost = {
  readonly lines: readonly CostLine[]
  readonly onDemand: number
  readonly reserved: number
  readonly drill: number
  readonly byPurpose: Readonly<Partial<Record<Purpose, number>>>
}

/** The monthly bill of an environment. Throws `UnknownPrice` when a row is missing: a sum without it would be a lie. */
export function estimateCost(config: EnvironmentConfig): Cost {
  const lines = [...runningLines(config), ...drillLines(config)]
  const byPurpose: Partial<Record<Purpose, number>> = {}
  for (const line of lines) byPurpose[line.purpose] = (byPurpose[line.purpose] ?? 0) + line.onDemand
  return {
    lines,
    onDemand: sum(lines.map(line => line.onDemand)),
    reserved: sum(lines.map(line => line.reserved)),
    drill: drillCost(config),
    byPurpose,
  }
}

/** One drill in its region: a copy of the instance and its disk for as long as a drill takes. USD. */
export function drillCost(config: EnvironmentConfig, region = config.region): number {
  return (sum(copyLines(config, region).map(line => line.onDemand)) * ASSUMED.drillHours) / HOURS
}

/** A drill whose copy carries a known fault runs once a week, beside the drills that were asked for. */
const CONTROL = { what: 'negative controls', every: 7 * 86_400 }

function drillLines(config: EnvironmentConfig): CostLine[] {
  const { region, standbyRegion } = config
  const home = config.drills['bad-write']
  const away = config.drills['region-loss']
  return [
    ...(home
      ? [
          { what: 'bad-write drills', every: home.every, region },
          { ...CONTROL, region },
        ]
      : []),
    ...(away ? [{ what: 'region-loss drills', every: away.every, region: standbyRegion }] : []),
  ].map(({ what, every, region }) => {
    const quantity = calendarOf(every).aMonth
    const price = drillCost(config, region)
    const onDemand = price * quantity
    return {
      resource: `${config.name} drills`,
      region,
      what,
      quantity,
      price,
      assumed: false,
      onDemand,
      reserved: onDemand,
      purpose: 'proof' as const,
    }
  })
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)
