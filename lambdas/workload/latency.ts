/** One statement over an interval: how often it ran, and the mean and standard deviation of its times in milliseconds. */
export type Statement = {
  readonly query: string
  readonly calls: number
  readonly mean: number
  readonly deviation: number
}

/** The counters that pg_stat_statements keeps of one statement. `sumOfSquares` is of its deviations from the mean. */
export type Counters = {
  readonly query: string
  readonly calls: number
  readonly total: number
  readonly sumOfSquares: number
}

/**
 * The interval between two readings, by statement. Counters only grow, so a smaller one was reset in between and
 * counts from zero. The variances of two nested samples are taken apart by Chan's formula for merging them.
 */
export function between(
  before: ReadonlyMap<string, Counters>,
  after: ReadonlyMap<string, Counters>,
): Statement[] {
  return [...after].flatMap(([id, now]) => {
    const then = before.get(id)
    const base =
      then !== undefined && then.calls <= now.calls ? then : { calls: 0, total: 0, sumOfSquares: 0 }
    const calls = now.calls - base.calls
    if (calls <= 0) return []
    const mean = (now.total - base.total) / calls
    const apart =
      base.calls === 0 ? 0 : ((mean - base.total / base.calls) ** 2 * base.calls * calls) / now.calls
    const squares = Math.max(0, now.sumOfSquares - base.sumOfSquares - apart)
    return [{ query: now.query, calls, mean: Math.max(0, mean), deviation: Math.sqrt(squares / calls) }]
  })
}

/** Mean over all calls, in milliseconds; 0 for an interval without any. */
export function meanOf(statements: readonly Statement[]): number {
  const calls = statements.reduce((sum, statement) => sum + statement.calls, 0)
  return calls === 0 ? 0 : statements.reduce((sum, { calls: n, mean }) => sum + n * mean, 0) / calls
}

/**
 * The time below which the share `q` of all calls stayed, estimated: pg_stat_statements keeps no histogram, so each
 * statement is taken for log-normal with its own mean and deviation, and the mixture is solved by bisection.
 */
export function quantile(statements: readonly Statement[], q: number): number {
  const calls = statements.reduce((sum, statement) => sum + statement.calls, 0)
  if (calls === 0) return 0
  let low = 0
  let high = Math.max(...statements.map(({ mean, deviation }) => mean + 10 * deviation)) + 1
  // Sixty halvings leave less than a double can hold.
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    const below = statements.reduce(
      (sum, statement) => sum + statement.calls * shareBelow(statement, middle),
      0,
    )
    if (below / calls < q) low = middle
    else high = middle
  }
  return high
}

function shareBelow({ mean, deviation }: Statement, time: number): number {
  if (mean <= 0) return 1
  if (deviation <= mean * 1e-6) return time >= mean ? 1 : 0
  if (time <= 0) return 0
  const variance = Math.log(1 + (deviation / mean) ** 2)
  const location = Math.log(mean) - variance / 2
  return normal((Math.log(time) - location) / Math.sqrt(variance))
}

/** Standard normal distribution, by Abramowitz and Stegun 26.2.17 (error below 7.5e-8). */
function normal(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z))
  const tail =
    (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return z >= 0 ? 1 - tail : tail
}
