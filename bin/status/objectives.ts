import { overdueAfter } from '../../config/calendar.ts'
import type { EnvironmentConfig, Mode } from '../../config/schema.ts'
import { METRICS as ARCHIVER } from '../../lambdas/archiver/names.ts'
import { METRICS as FRESHNESS } from '../../lambdas/freshness/names.ts'
import { METRICS as HEARTBEAT } from '../../lambdas/heartbeat/names.ts'
import { NAMESPACE } from '../../lambdas/runtime/names.ts'
import type { Metric } from '../../lib/alarms/row.ts'
import { answerOf } from './answer.ts'
import { newestFigures, type Wanted } from './figures.ts'

/** One objective, how exposed it is now, and when it was last proven. Seconds; `undefined` means that nobody knows. */
export type ObjectiveStatus = {
  readonly mode: Mode
  readonly rpo: number
  readonly rto: number
  readonly mechanism: string
  /** What would be lost if it happened now. */
  readonly exposure: number | undefined
  /** Since the newest passed drill of this mode. */
  readonly proofAge: number | undefined
  /** How old a proof may be; `undefined` where nothing drills this mode. */
  readonly proofEvery: number | undefined
  readonly state: 'holds' | 'exposed' | 'unproven' | 'unknown'
}

/** A chain by which the database could come back, and how far behind it is. */
type Chain = { readonly name: string; readonly region: string; readonly metric: Metric }

/** Every objective of the environment, judged by what its chains say now. @param now milliseconds since the epoch */
export async function objectiveStatuses(
  config: EnvironmentConfig,
  now: number,
): Promise<readonly ObjectiveStatus[]> {
  const figures = await figuresOf(config, now)
  return (Object.entries(config.objectives) as [Mode, { rpo: number; rto: number }][]).map(
    ([mode, { rpo, rto }]) => {
      const known = chainsOf(config, mode).map(chain => ({
        name: chain.name,
        behind: figures[`${mode}/${chain.name}`],
      }))
      const best = known
        .filter(chain => chain.behind !== undefined)
        .sort((a, b) => Number(a.behind) - Number(b.behind))[0]
      const every = config.drills[mode]?.every
      const proofAge = figures[`${mode}/proof`]
      const exposure = mode === 'instance-loss' && config.database.multiAz && best ? 0 : best?.behind
      return {
        mode,
        rpo,
        rto,
        exposure,
        proofAge,
        proofEvery: every,
        mechanism: mechanismOf(config, mode, best?.name),
        state: stateOf({ rpo, exposure, proofAge, every }),
      }
    },
  )
}

function stateOf({
  rpo,
  exposure,
  proofAge,
  every,
}: {
  rpo: number
  exposure: number | undefined
  proofAge: number | undefined
  every: number | undefined
}): ObjectiveStatus['state'] {
  if (exposure === undefined) return 'unknown'
  if (exposure > rpo) return 'exposed'
  if (every === undefined) return 'unproven'
  return proofAge !== undefined && proofAge <= overdueAfter(every) ? 'holds' : 'unproven'
}

function mechanismOf(config: EnvironmentConfig, mode: Mode, best: string | undefined): string {
  if (mode === 'instance-loss') return config.database.multiAz ? 'Multi-AZ standby' : 'crash recovery'
  return best ?? chainsOf(config, mode)[0]?.name ?? 'nothing'
}

function chainsOf(config: EnvironmentConfig, mode: Mode): Chain[] {
  const { name, region, standbyRegion } = config
  const holdfast = (metric: string, dimensions: Record<string, string>): Metric => ({
    namespace: NAMESPACE,
    name: metric,
    dimensions,
    statistic: 'Maximum',
  })
  const restorable = (seen: string) => holdfast(FRESHNESS.restorableAge, { Environment: name, Region: seen })
  const archive: Chain[] = config.archive.enabled
    ? [{ name: 'change archive', region, metric: holdfast(ARCHIVER.secondsBehind, { Instance: name }) }]
    : []
  if (mode === 'instance-loss')
    return [{ name: 'heartbeat', region, metric: holdfast(HEARTBEAT.age, { Instance: name }) }]
  if (mode === 'region-loss')
    return [
      ...(config.standby.enabled
        ? [
            {
              name: 'cross-region standby',
              region: standbyRegion,
              metric: {
                namespace: 'AWS/RDS',
                name: 'ReplicaLag',
                dimensions: { DBInstanceIdentifier: `${name}-standby` },
                statistic: 'Maximum',
              },
            },
          ]
        : []),
      ...(config.database.backup.replicate
        ? [{ name: 'replicated backups', region: standbyRegion, metric: restorable(standbyRegion) }]
        : []),
    ]
  return [{ name: 'point-in-time recovery', region, metric: restorable(region) }, ...archive]
}

async function figuresOf(
  config: EnvironmentConfig,
  now: number,
): Promise<Readonly<Record<string, number | undefined>>> {
  const byRegion = new Map<string, Record<string, Metric>>()
  const want = (region: string, key: string, metric: Metric) => {
    const wanted = byRegion.get(region) ?? {}
    wanted[key] = metric
    byRegion.set(region, wanted)
  }
  for (const mode of Object.keys(config.objectives) as Mode[]) {
    for (const chain of chainsOf(config, mode)) want(chain.region, `${mode}/${chain.name}`, chain.metric)
    const seen = mode === 'region-loss' ? config.standbyRegion : config.region
    const dimensions = { Environment: config.name, Mode: mode, Region: seen }
    if (config.drills[mode])
      want(seen, `${mode}/proof`, {
        namespace: NAMESPACE,
        name: FRESHNESS.proofAge,
        dimensions,
        statistic: 'Minimum',
      })
  }
  const all = await Promise.all(
    [...byRegion].map(([region, wanted]: [string, Wanted]) =>
      answerOf(limit => newestFigures(region, wanted, now, limit)),
    ),
  )
  // What a silent region would have said is unknown.
  return Object.assign({}, ...all.map(({ value }) => value)) as Record<string, number | undefined>
}
