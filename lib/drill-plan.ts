import type { EnvironmentConfig, Mode } from '../config/schema.ts'

const DAY = 86_400
const MINUTES_A_DAY = 1_440
// Minutes before the backup window at which a drill begins: the newest full backup is then as old as it gets.
const LEAD_MINUTES = 60

/** A drill that runs by itself. */
export type PlannedDrill = {
  /** Unique in its region, in Pascal case: the schedule's logical id. */
  readonly id: string
  readonly expression: string
  readonly request: DrillInput
}

/** The request of `restore-drill`, as its request.ts reads it. */
export type DrillInput = {
  readonly mode: Mode
  readonly target: { readonly kind: 'random' }
  readonly region: 'home' | 'standby'
  readonly objective: { readonly rpoSeconds: number; readonly rtoSeconds: number }
  readonly coverageFloor: number
  readonly assertions: EnvironmentConfig['assertions']
  readonly negativeControl?: string
  readonly requestedBy: string
}

// One fault a week of the month, so that every way to see a fault is itself proven every month.
const CONTROLS = ['row-deleted', 'row-changed', 'index-dropped', 'grant-lost', 'wrong-time'] as const

/** The drills of one region, from what the environment asks for. */
export function planDrills(config: EnvironmentConfig, region: 'home' | 'standby'): readonly PlannedDrill[] {
  const mode: Mode = region === 'home' ? 'bad-write' : 'region-loss'
  const drill = config.drills[mode]
  const objective = config.objectives[mode]
  // No environment has the one without the other: config/rules/objectives.ts refuses it.
  if (drill === undefined || objective === undefined) return []
  const request: DrillInput = {
    mode,
    target: { kind: 'random' },
    region,
    objective: { rpoSeconds: objective.rpo, rtoSeconds: objective.rto },
    coverageFloor: drill.coverageFloor,
    assertions: config.assertions,
    requestedBy: `schedule ${mode}`,
  }
  const planned: PlannedDrill[] = [
    {
      id: pascal(mode),
      expression: recurring(
        drill.every,
        drill.at === 'before-backup-window' ? beforeWindow(config.database.backup.window) : ANY_TIME,
      ),
      request,
    },
  ]
  if (region === 'standby') return planned
  return [
    ...planned,
    ...CONTROLS.map((fault, week) => ({
      id: `Control${pascal(fault)}`,
      // Saturdays, noon: far from backups and maintenance, and a working day follows only after a pause.
      expression: `cron(0 12 ? * 7#${week + 1} *)`,
      request: { ...request, negativeControl: fault, requestedBy: `negative control ${fault}` },
    })),
  ]
}

// Minutes after midnight, UTC, for a drill that may run whenever: somebody is awake in most of the world.
const ANY_TIME = 10 * 60

function beforeWindow(window: string): number {
  const [hours, minutes] = window.split('-')[0]?.split(':').map(Number) ?? []
  return ((hours ?? 0) * 60 + (minutes ?? 0) - LEAD_MINUTES + MINUTES_A_DAY) % MINUTES_A_DAY
}

// Daily, weekly on Wednesday or monthly on the first: whichever is at least as often as asked. Never a rate: AWS
// starts one at its creation, and a drill of a database that was made a minute ago can only fail.
function recurring(every: number, minute: number): string {
  const at = `${minute % 60} ${Math.floor(minute / 60)}`
  if (every < 7 * DAY) return `cron(${at} * * ? *)`
  return every < 31 * DAY ? `cron(${at} ? * WED *)` : `cron(${at} 1 * ? *)`
}

function pascal(text: string): string {
  return text.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())
}
