import { partitionOf } from '../../config/regions.ts'
import type { EnvironmentConfig } from '../../config/schema.ts'

/** Cost Explorer, and CloudFormation's types of it, are in this region alone. */
export const SPEND_REGION = 'us-east-1'

/** Unusual spend: found and told by Cost Anomaly Detection, which is no CloudWatch alarm and has no bound to be looked at. */
export type SpendRow = {
  readonly id: 'spend-unusual'
  readonly article: 'spend'
  readonly severity: 'warn'
  /** USD that an anomaly has cost in all before anybody is told. */
  readonly threshold: number
  readonly derivation: string
}

/**
 * The row of unusual spend; undefined where the environment asks for none, or where Cost Explorer is another one: in
 * China and GovCloud.
 */
export function spendRow({ budget, region }: EnvironmentConfig): SpendRow | undefined {
  if (!budget.anomalies || partitionOf(region) !== 'aws') return undefined
  return {
    id: 'spend-unusual',
    article: 'spend',
    severity: 'warn',
    threshold: Math.max(1, Math.round(budget.monthlyUsd / 30)),
    derivation: `a thirtieth of the ${budget.monthlyUsd} USD a month: what a day may cost, since AWS takes up to a day to see it`,
  }
}
