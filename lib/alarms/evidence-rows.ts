import type { EnvironmentConfig } from '../../config/schema.ts'
import { METRICS as FRESHNESS } from '../../lambdas/freshness/names.ts'
import { NAMESPACE } from '../../lambdas/runtime/names.ts'
import { type AlarmRow, metric, row } from './row.ts'

/** What else than drills writes where evidence lies. Looked at from home, where the copies of the other region's chain arrive too. */
export function evidenceRows(config: EnvironmentConfig): AlarmRow[] {
  if (Object.keys(config.drills).length === 0) return []
  const dimensions = { Environment: config.name, Region: config.region }
  return [
    row('evidence-foreign', metric(NAMESPACE, FRESHNESS.foreign, dimensions, 'Maximum'), {
      article: 'evidence',
      severity: 'page',
      bad: 'above',
      threshold: 0,
      unit: 'count',
      when: [2, 2],
      period: 300,
      missing: 'notBreaching',
      summary: 'something that no drill signed lies among the evidence: somebody has the right of a drill',
      derivation: 'only drills write there; looked at every five minutes, and heard for a day',
    }),
  ]
}
