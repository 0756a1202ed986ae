import type { EnvironmentConfig } from '../../config/schema.ts'
import { computeRows } from './compute-rows.ts'
import { diskRows } from './disk-rows.ts'
import { type AlarmRow, metric, type Signal } from './row.ts'
import type { Watched } from './watched.ts'
import { writerRows } from './writer-rows.ts'

/**
 * The alarms that every instance has, with thresholds from its class and disk, and the writer's own. None rings by silence: an instance that
 * has gone is told once, by the heartbeat of the primary or the lag of a replica, not by each of its figures.
 */
export function instanceRows(config: EnvironmentConfig, watched: Watched): AlarmRow[] {
  const { identifier, region } = watched
  const of = (name: string, statistic: string): Signal =>
    metric('AWS/RDS', name, { DBInstanceIdentifier: identifier }, statistic)
  return [
    ...computeRows(watched, of),
    ...diskRows(config, watched, of),
    ...(watched.kind === 'primary' ? writerRows(config, identifier, of) : []),
  ].map(made => ({
    ...made,
    id: `${made.id}${watched.suffix}`,
    causes: made.causes.map(cause => `${cause}${watched.suffix}`),
    region,
  }))
}
