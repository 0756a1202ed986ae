import { overdueAfter } from '../../config/calendar.ts'
import { type Mechanism, mechanismsOf } from '../../config/recovery.ts'
import type { EnvironmentConfig, Mode } from '../../config/schema.ts'
import { METRICS as FRESHNESS } from '../../lambdas/freshness/names.ts'
import { METRICS as DRILL } from '../../lambdas/restore-drill/names.ts'
import { NAMESPACE } from '../../lambdas/runtime/names.ts'
import type { Metric } from '../../lib/alarms/row.ts'
import { figureOf, freshFor } from '../../lib/recovery-figures.ts'
import { answerOf } from './answer.ts'
import { newestFigures, type Said, type Wanted } from './figures.ts'
import type { Proven } from './proofs.ts'

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
  /** Why it does not hold; empty where it does. */
  readonly why: string
}

/**
 * Every objective of the environment, judged by what its ways back say now.
 * @param now milliseconds since the epoch
 * @param ringing names of the alarms that ring
 * @param proven what the evidence of a mode says; of a mode that is not in it the metrics speak
 */
export async function objectiveStatuses(
  config: EnvironmentConfig,
  now: number,
  ringing: readonly string[] = [],
  proven: Readonly<Partial<Record<Mode, Proven>>> = {},
): Promise<readonly ObjectiveStatus[]> {
  const figures = await figuresOf(config, now)
  const rings = (ids: readonly string[]) => ids.find(id => ringing.includes(`${config.name}-${id}`))
  return (Object.entries(config.objectives) as [Mode, { rpo: number; rto: number }][]).map(
    ([mode, objective]) => {
      const ways = mechanismsOf(config, mode).map(way => judgeWay(way, objective, figures, rings))
      const way = chooseWay(ways)
      const every = config.drills[mode]?.every
      const { proofAge, newestPassed } = drilled(mode, figures, proven[mode])
      const missing =
        way === undefined
          ? 'nothing of this environment survives that'
          : (way.trouble ?? proofTrouble(mode, { proofAge, every, newestPassed, ring: rings }))
      return {
        ...{ mode, ...objective, proofAge, proofEvery: every },
        exposure: way?.exposure,
        mechanism: way?.label ?? 'nothing',
        state: missing === undefined ? 'holds' : stateOf(way),
        why: missing ?? '',
      }
    },
  )
}

type Way = {
  readonly label: string
  readonly exposure: number | undefined
  readonly isInTime: boolean
  /** Why it would not keep the objective now. */
  readonly trouble: string | undefined
}

type Rings = (ids: readonly string[]) => string | undefined

function judgeWay(
  way: Mechanism,
  { rpo, rto }: { rpo: number; rto: number },
  figures: Figures,
  rings: Rings,
): Way {
  const exposure = exposureOf(way, figures[keyOf(way)])
  const page = rings(way.alarms)
  const isInTime = way.rto <= rto
  const trouble =
    exposure === undefined
      ? `nobody knows how far behind ${way.name} is`
      : exposure > rpo
        ? `${way.name} would lose more than that now`
        : isInTime
          ? page && `the alarm ${page} rings`
          : `${way.name} takes longer than that`
  return { label: way.label, exposure, isInTime, trouble }
}

/**
 * Seconds that would be lost now. A figure that its publisher has not renewed grows with its age: the last word of a
 * dead chain is what it was then.
 */
function exposureOf({ figure, synchronous }: Mechanism, said: Said | undefined): number | undefined {
  if (figure === undefined || said === undefined) return undefined
  const late = Math.max(0, said.age - freshFor(figure))
  if (synchronous !== true) return said.value + late
  return late > 0 ? undefined : 0
}

/** The best that keeps the objective; else, of those that are quick enough, the least far behind. */
function chooseWay(ways: readonly Way[]): Way | undefined {
  const behind = ({ exposure }: Way) => exposure ?? Number.POSITIVE_INFINITY
  const order = (a: Way, b: Way) =>
    Number(b.trouble === undefined) - Number(a.trouble === undefined) ||
    Number(b.isInTime) - Number(a.isInTime) ||
    // Infinity less infinity is no number: two of which nobody knows stay in their order.
    (behind(a) === behind(b) ? 0 : behind(a) - behind(b))
  return ways.toSorted(order)[0]
}

function stateOf(way: Way | undefined): ObjectiveStatus['state'] {
  if (way?.exposure === undefined) return 'unknown'
  return way.trouble === undefined ? 'unproven' : 'exposed'
}

type Proof = {
  readonly proofAge: number | undefined
  readonly every: number | undefined
  readonly newestPassed: boolean | undefined
  readonly ring: Rings
}

/** Why a working way back is not proven; `undefined` where it is. */
function proofTrouble(mode: Mode, { proofAge, every, newestPassed, ring }: Proof): string | undefined {
  if (every === undefined) return 'nothing drills it'
  // The newest one counts, however young an older proof may be.
  if (newestPassed === false) return 'its newest drill did not pass'
  if (proofAge === undefined || proofAge > overdueAfter(every)) return 'no drill has passed in time'
  const page = ring(PROOFS.map(name => name.replace('MODE', mode)))
  return page && `the alarm ${page} rings`
}

const PROOFS = [
  ...['drill-failed-MODE', 'drill-overdue-MODE', 'drill-overdue-MODE-seen-from-afar', 'drill-rpo-MODE'],
  ...['drill-rto-MODE', 'control-missed-MODE'],
]

/**
 * What is known of a mode's drills. Its evidence says it; what was published, five minutes late at most, counts where
 * the evidence could not be read, or where it tells of a later drill that failed and left no evidence.
 */
function drilled(mode: Mode, figures: Figures, proven: Proven | undefined): Omit<Proof, 'every' | 'ring'> {
  const failed = figures[`${mode}/failed`]
  // Of a drill that passed the figure is 0.
  const told = failed && failed.value === 0
  if (proven === undefined) return { proofAge: figures[`${mode}/proof`]?.value, newestPassed: told }
  const { proofAge, newest } = proven
  const isLater = failed !== undefined && failed.age < (newest?.age ?? Number.POSITIVE_INFINITY)
  return { proofAge, newestPassed: isLater && !told ? false : newest?.passed }
}

type Figures = Readonly<Record<string, Said | undefined>>

const keyOf = ({ mode, label }: Mechanism) => `${mode}/${label}`

async function figuresOf(config: EnvironmentConfig, now: number): Promise<Figures> {
  const asked = (Object.keys(config.objectives) as Mode[]).flatMap(mode => [
    ...mechanismsOf(config, mode).flatMap(way => {
      const metric = figureOf(config, way)
      const region = way.seenFrom === 'home' ? config.region : config.standbyRegion
      return metric === undefined ? [] : [{ region, key: keyOf(way), metric, range: {} }]
    }),
    ...proofFigures(config, mode),
  ])
  const all = await Promise.all(
    asked.map(({ region, key, metric, range }) =>
      answerOf(limit => newestFigures(region, { [key]: metric } satisfies Wanted, now, limit, range)),
    ),
  )
  // What a silent region would have said is unknown.
  return Object.assign({}, ...all.map(({ value }) => value)) as Figures
}

/** A drill's outcome is kept by CloudWatch for so many days in values of five minutes. */
const OUTCOME = { days: 63, period: 300 }

function proofFigures(config: EnvironmentConfig, mode: Mode) {
  const every = config.drills[mode]?.every
  if (every === undefined) return []
  const region = mode === 'region-loss' ? config.standbyRegion : config.region
  const of = (name: string, statistic: Metric['statistic'], more: Record<string, string>): Metric => ({
    ...{ namespace: NAMESPACE, name, statistic },
    dimensions: { Environment: config.name, Mode: mode, ...more },
  })
  const within = Math.min(overdueAfter(every), OUTCOME.days * 86_400)
  return [
    {
      ...{ region, key: `${mode}/proof`, range: {} },
      metric: of(FRESHNESS.proofAge, 'Minimum', { Region: region }),
    },
    {
      ...{ region, key: `${mode}/failed`, range: { within, period: OUTCOME.period } },
      metric: of(DRILL.failed, 'Maximum', {}),
    },
  ]
}
