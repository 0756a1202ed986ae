import type { EnvironmentConfig } from '../../config/schema.ts'
import { type AlarmRow, metric, row } from './row.ts'
import type { Watched } from './watched.ts'

/** How far a replica may be behind. The heartbeat writes every second, so an idle primary does not look like a lag. */
export function replicationRows(
  config: EnvironmentConfig,
  { identifier, suffix, kind, region }: Watched,
): AlarmRow[] {
  const lag = metric('AWS/RDS', 'ReplicaLag', { DBInstanceIdentifier: identifier }, 'Maximum')
  const rpo = config.objectives['region-loss']?.rpo
  const bound = kind === 'standby' && rpo !== undefined ? Math.min(10, rpo) : 10
  const awsRecommends = 'maximum above 60 s, 10 of 10 minutes'
  return [
    row(`replica-lag${suffix}`, lag, {
      article: 'replica-lag',
      severity: 'page',
      bad: 'above',
      threshold: bound,
      unit: 'seconds',
      when: [3, 3],
      region,
      summary: `${identifier} is behind the primary${kind === 'standby' ? ': that much would be lost with the region' : ''}`,
      derivation:
        kind === 'standby' && rpo !== undefined
          ? `the lesser of 10 s and the region-loss RPO of ${rpo} s`
          : 'critical alarm of the availability plan: 10 s',
      awsRecommends,
      causes: ['heartbeat-lately'],
    }),
    row(`replica-lag-notable${suffix}`, lag, {
      article: 'replica-lag',
      severity: 'warn',
      bad: 'above',
      threshold: 1,
      unit: 'seconds',
      when: [5, 5],
      region,
      missing: 'missing',
      summary: `${identifier} serves reads that are more than a second old`,
      derivation: 'warning of the capacity plan: 1 s',
      awsRecommends,
      causes: [`replica-lag${suffix}`],
    }),
  ]
}
