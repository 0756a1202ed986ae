import { INSTANCE_CLASSES } from '../classes.ts'
import { estimateCost } from '../cost.ts'
import type { CostLine } from '../cost-lines.ts'
import { UnknownPrice } from '../prices.ts'
import { type Rule, when } from './rule.ts'

const mustBeEnough: Rule = config => {
  const { database, standby, budget } = config
  const named = [database.instance, standby.instance, ...database.replicas.map(replica => replica.instance)]
  // Another rule speaks of a class that nobody knows; without its size there is no bill.
  if (named.some(name => name !== undefined && !INSTANCE_CLASSES.has(name))) return []
  try {
    const { onDemand, lines } = estimateCost(config)
    return when(
      onDemand > budget.monthlyUsd,
      'budget.monthlyUsd',
      budget.monthlyUsd,
      `on demand this environment costs about $${Math.ceil(onDemand)} a month; the most for ${dearest(lines)}`,
      'raise the budget or make it smaller; "holdfast cost" prints every line',
    )
  } catch (error) {
    if (!(error instanceof UnknownPrice)) throw error
    return when(
      true,
      'budget.prices',
      budget.prices,
      `${error.message}, so nobody knows whether the budget is kept`,
      `add '${error.key}' with its price in USD to budget.prices`,
    )
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
