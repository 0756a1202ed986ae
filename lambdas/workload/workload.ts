import type { Client } from 'pg'
import { shapeOf } from '../runtime/statement-shape.ts'
import { between, meanOf, quantile } from './latency.ts'
import { readState, takeReading } from './reading.ts'
import type { Workload } from './request.ts'

/** So many statements are named. */
const TOP = 10

/**
 * Watches the database for an interval: two readings of its counters with `pause` between them, so that no state has
 * to be kept anywhere and a restart of either side spoils one interval at most.
 */
export async function watchWorkload(client: Client, pause: () => Promise<unknown>): Promise<Workload> {
  const before = await takeReading(client)
  await pause()
  const after = await takeReading(client)
  const state = await readState(client)
  const statements = between(before.statements, after.statements)
  const undone = Math.max(0, after.rolledBack - before.rolledBack)
  const ended = Math.max(0, after.committed - before.committed) + undone
  const costly = [...statements].sort((a, b) => b.calls * b.mean - a.calls * a.mean).slice(0, TOP)
  return {
    ...state,
    calls: statements.reduce((sum, statement) => sum + statement.calls, 0),
    mean: meanOf(statements),
    p50: quantile(statements, 0.5),
    p95: quantile(statements, 0.95),
    p99: quantile(statements, 0.99),
    rollbackPercent: ended === 0 ? 0 : (100 * undone) / ended,
    top: costly.map(({ query, calls, mean }) => ({
      query: shapeOf(query),
      calls,
      totalMs: calls * mean,
      meanMs: mean,
    })),
  }
}
