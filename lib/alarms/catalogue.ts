import type { EnvironmentConfig } from '../../config/schema.ts'
import { archiveRows } from './archive-rows.ts'
import { cacheRows } from './cache-rows.ts'
import { grownRows, needOf } from './grown-rows.ts'
import { instanceRows } from './instance-rows.ts'
import { replicationRows } from './lag-rows.ts'
import { pagingRows } from './paging-rows.ts'
import { poolRows, trafficRows } from './pool-rows.ts'
import { recoveryRows } from './recovery-rows.ts'
import type { AlarmRow } from './row.ts'
import { watchedInstances } from './watched.ts'
import { workloadRows } from './workload-rows.ts'

/** The parts of the catalogue, in the order in which the dashboard shows them. */
export const AREAS = ['recovery', 'archive', 'database', 'workload', 'pool', 'cache'] as const
export type Area = (typeof AREAS)[number]

/**
 * Every alarm of an environment in both regions but those of the functions, which stand beside their functions.
 * A cause that the environment does not have (no pool, no archive) is dropped from its consequences.
 */
export function catalogue(config: EnvironmentConfig): Readonly<Record<Area, readonly AlarmRow[]>> {
  const instances = watchedInstances(config)
  const areas = {
    recovery: [...recoveryRows(config), ...pagingRows(config), ...grownRows(config)],
    archive: archiveRows(config),
    database: [
      ...instances.flatMap(watched => instanceRows(config, watched)),
      ...instances
        .filter(({ kind }) => kind !== 'primary')
        .flatMap(watched => replicationRows(config, watched)),
    ],
    workload: workloadRows(config),
    pool: [...poolRows(config), ...trafficRows(config)],
    cache: cacheRows(config),
  }
  // An alarm and its cause must be in one region: a composite alarm sees no other.
  const regionOf = new Map(
    Object.values(areas)
      .flat()
      .map(made => [made.id, made.region]),
  )
  const known = (made: AlarmRow) => ({
    ...made,
    causes: made.causes.filter(cause => regionOf.get(cause) === made.region),
    needs: [...new Set([...made.needs, ...needOf(made)])],
  })
  return {
    recovery: areas.recovery.map(known),
    archive: areas.archive.map(known),
    database: areas.database.map(known),
    workload: areas.workload.map(known),
    pool: areas.pool.map(known),
    cache: areas.cache.map(known),
  }
}

/** The rows of one region, whatever their area. */
export function rowsOf(config: EnvironmentConfig, region: AlarmRow['region']): readonly AlarmRow[] {
  return Object.values(catalogue(config))
    .flat()
    .filter(row => row.region === region)
}
