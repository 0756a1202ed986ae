import type { EnvironmentConfig, Mode } from '../../config/schema.ts'
import type { DrillRequestInput, DrillTarget } from '../../lambdas/restore-drill/request.ts'
import { Refusal } from '../../lambdas/runtime/failure.ts'

/** What a person says on the command line. */
export type DrillWishes = {
  /** `latest`, `now`, `random`, `before-backup-window`, an ISO time or a snapshot's identifier. */
  readonly to: string
  readonly region: 'home' | 'standby'
  readonly control?: string | undefined
  readonly controlSource?: string | undefined
  readonly requestedBy: string
}

/** The request for the environment's drill, with its objective, floor and assertions. */
export function buildRequest(config: EnvironmentConfig, wishes: DrillWishes): DrillRequestInput {
  const mode: Mode = wishes.region === 'standby' ? 'region-loss' : 'bad-write'
  const objective = config.objectives[mode]
  if (objective === undefined)
    throw new Refusal(
      'NoObjective',
      `${config.name} states no objective for ${mode}: there is nothing to hold a drill to`,
      `add objectives['${mode}'] to the environment`,
    )
  if ((wishes.control === 'other-database') !== (wishes.controlSource !== undefined))
    throw new Refusal(
      'NoOtherDatabase',
      'the control other-database and --control-source go together',
      'name the instance that is restored instead of ours: --control other-database --control-source <instance>',
    )
  return {
    mode,
    target:
      wishes.to === 'before-backup-window'
        ? { kind: wishes.to, window: config.database.backup.window }
        : parseTarget(wishes.to),
    region: wishes.region,
    objective: { rpoSeconds: objective.rpo, rtoSeconds: objective.rto },
    coverageFloor: config.drills[mode]?.coverageFloor ?? 0.99,
    assertions: config.assertions,
    ...(wishes.control === undefined
      ? {}
      : { negativeControl: wishes.control as DrillRequestInput['negativeControl'] }),
    ...(wishes.controlSource === undefined ? {} : { controlSource: wishes.controlSource }),
    requestedBy: wishes.requestedBy,
  }
}

/** False for the thirtieth of February, which JavaScript takes for the second of March. */
const isDay = (day: string) => new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)

/** What `--to` means. A time wants a zone: a drill to the wrong hour would prove the wrong thing. */
export function parseTarget(text: string): DrillTarget {
  if (text === 'latest' || text === 'now' || text === 'random') return { kind: text }
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const zoned = /(Z|[+-]\d{2}:\d{2})$/.test(text) && !Number.isNaN(Date.parse(text))
    if (zoned && isDay(text.slice(0, 10))) return { kind: 'time', at: new Date(text).toISOString() }
    throw new Refusal(
      'NoSuchTime',
      `${text} is no time with a zone`,
      'write it like 2026-11-20T14:03:00Z or 2026-11-20T15:03:00+01:00',
    )
  }
  if (/^[a-zA-Z][a-zA-Z0-9:-]*$/.test(text)) return { kind: 'snapshot', identifier: text }
  throw new Refusal(
    'NoSuchTarget',
    `${text} is no time and no snapshot's identifier`,
    'give latest, now, random, before-backup-window, a time or a snapshot',
  )
}
