import { INSTANCE_CLASSES } from '../classes.ts'
import { estimateCost } from '../cost.ts'
import type { CostLine } from '../cost-line.ts'
import type { Fault } from '../fault.ts'
import { UnknownPrice } from '../prices.ts'
import { isRegion } from '../regions.ts'
import type { EnvironmentConfig } from '../schema.ts'
import { isCacheNode } from './instances.ts'
import { type Rule, when } from './rule.ts'

const mustBeEnough: Rule = config => {
  const { database, standby, budget } = config
  const named = [database.instance, standby.instance, ...database.replicas.map(replica => replica.instance)]
  // Other rules speak of a class, a node or a region that nobody knows; without it there is no bill.
  if (named.some(name => name !== undefined && !INSTANCE_CLASSES.has(name))) return []
  if (config.cache.enabled && !isCacheNode(config.cache.node)) return []
  if (!isRegion(config.region) || !isRegion(config.standbyRegion)) return []
  const unknown = unknownPrices(config)
  if (unknown.length > 0)
    return [...Map.groupBy(unknown, key => key.split('/')[0] ?? key)].map(([region, keys]) =>
      unpriced(region, keys),
    )
  const { onDemand, lines } = estimateCost(config)
  return when(
    onDemand > budget.monthlyUsd,
    'budget.monthlyUsd',
    budget.monthlyUsd,
    `on demand this environment costs about $${Math.ceil(onDemand)} a month; the most for ${dearest(lines)}`,
    'raise the budget or make it smaller; "holdfast cost" prints every line',
  )
}

/** One fault a region: somebody who moves there misses twenty prices, and reads them in one list. */
function unpriced(region: string, keys: readonly string[]): Fault {
  const [first = ''] = keys
  return {
    path: keys.length === 1 ? `budget.prices['${first}']` : 'budget.prices',
    value: undefined,
    sentence: `no price for ${keys.join(', ')} is known, so nobody knows whether the budget is kept`,
    hint: `add ${keys.length === 1 ? 'it' : `the ${keys.length} of ${region}`} in USD, like '${first}': … (what is counted stands in config/prices.ts)`,
  }
}

/** Every row that the bill would need and the table lacks, not only the first. */
function unknownPrices(config: EnvironmentConfig): string[] {
  const stand = new Map<string, number>()
  for (;;)
    try {
      const prices = { ...config.budget.prices, ...Object.fromEntries(stand) }
      estimateCost({ ...config, budget: { ...config.budget, prices } })
      return [...stand.keys()]
    } catch (error) {
      if (!(error instanceof UnknownPrice)) throw error
      stand.set(error.key, 1)
    }
}

function dearest(lines: readonly CostLine[]): string {
  return lines
    .toSorted((a, b) => b.onDemand - a.onDemand)
    .slice(0, 3)
    .map(line => `${line.resource} ${line.what} $${Math.round(line.onDemand)}`)
    .join(', ')
}

/** The bill, before it comes. */
export const BUDGET: readonly Rule[] = [mustBeEnough]
