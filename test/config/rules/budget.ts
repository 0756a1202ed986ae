import type { Case } from './case.ts'

export const BUDGET: readonly Case[] = [
  [
    'refuses an environment dearer than its budget',
    { budget: { monthlyUsd: 1_089 } },
    { budget: { monthlyUsd: 1_090 } },
    'budget.monthlyUsd',
    /costs about \$1090 a month; the most for shop-prod cache cache.r7g.large hours \$384, [^,]+, [^,]+$/,
  ],
  [
    'refuses a price that nobody knows, instead of counting nothing',
    { cache: { node: 'r6gd.xlarge' } },
    { cache: { node: 'r6gd.xlarge' }, budget: { prices: { 'us-east-1/cache.r6gd.xlarge': 0.6248 } } },
    "budget.prices['us-east-1/cache.r6gd.xlarge']",
    /no price for us-east-1\/cache\.r6gd\.xlarge is known/,
  ],
]
