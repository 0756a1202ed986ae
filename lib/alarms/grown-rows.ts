import type { EnvironmentConfig } from '../../config/schema.ts'
import { METRICS as FRESHNESS } from '../../lambdas/freshness/names.ts'
import { NAMESPACE } from '../../lambdas/runtime/names.ts'
import { type AlarmRow, metric, row, type Signal } from './row.ts'
import { watchedInstances, watchedRegions } from './watched.ts'

/** Seconds for which a new environment may be silent without waking anybody. */
const YOUNG = 1_800
const HOUR = 3_600
/** Hours after which what runs once a day must have run. */
const DAILY = 26

/**
 * Whether the environment has lived long enough for silence to be a fault. CloudWatch takes an alarm that was made a
 * minute ago for one whose data are missing: without these, every deployment of a new environment would page for all
 * that has not spoken yet. They watch what RDS itself says of the instance, never what ours says: a function that has
 * not run once must still be missed. Once they ring they ring for ever, since their silence changes nothing.
 */
export function grownRows(config: EnvironmentConfig): AlarmRow[] {
  return watchedRegions(config).flatMap(region => [
    grown(config, region, { id: 'grown', period: lifeOf(config, region).period, of: YOUNG }),
    grown(config, region, { id: 'grown-day', period: HOUR, of: DAILY * HOUR }),
  ])
}

/** What a row needs: nothing where silence is no fault; else that the environment is older than the row looks back. */
export function needOf({ missing, severity, period, outOf, region }: AlarmRow): readonly string[] {
  if (missing !== 'breaching' || severity === 'inner') return []
  return [`${period * outOf > 10 * HOUR ? 'grown-day' : 'grown'}${suffixOf(region)}`]
}

function suffixOf(region: AlarmRow['region']): string {
  return region === 'home' ? '' : '-standby'
}

function grown(
  config: EnvironmentConfig,
  region: AlarmRow['region'],
  { id, period, of }: { id: string; period: number; of: number },
): AlarmRow {
  const periods = of / period
  return row(`${id}${suffixOf(region)}`, lifeOf(config, region).signal, {
    article: 'heartbeat',
    severity: 'inner',
    bad: 'above',
    threshold: 0,
    unit: 'count',
    when: [periods, Math.ceil(periods * 1.25)],
    period,
    missing: 'ignore',
    region,
    summary: `the environment has lived for ${of / 60} minutes, so that silence is a fault`,
    derivation: `${of / 60} minutes in which RDS spoke of the instance; a deployment pages nobody before`,
  })
}

/** How often something was said of the instance of that region: its own figures, or the age of its replicated backups. */
function lifeOf(config: EnvironmentConfig, region: AlarmRow['region']): { signal: Signal; period: number } {
  const instance = watchedInstances(config).find(
    watched => watched.region === region && watched.kind !== 'replica',
  )
  if (instance)
    return {
      signal: metric(
        'AWS/RDS',
        'CPUUtilization',
        { DBInstanceIdentifier: instance.identifier },
        'SampleCount',
      ),
      period: 60,
    }
  const dimensions = { Environment: config.name, Region: config.standbyRegion }
  return { signal: metric(NAMESPACE, FRESHNESS.restorableAge, dimensions, 'SampleCount'), period: 300 }
}
