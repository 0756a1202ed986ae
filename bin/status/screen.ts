import { paint, table } from '../terminal.ts'
import type { Ringing } from './figures.ts'
import type { ObjectiveStatus } from './objectives.ts'

/** `95` as `1m 35s`; what nobody knows as `unknown`. @param seconds may be undefined */
export function spoken(seconds: number | undefined): string {
  if (seconds === undefined) return 'unknown'
  const whole = Math.round(seconds)
  // Since the epoch means never.
  if (whole > 3_000 * 86_400) return 'never'
  if (whole >= 2 * 86_400) return `${Math.floor(whole / 86_400)}d`
  if (whole >= 3_600) return `${Math.floor(whole / 3_600)}h ${Math.floor((whole % 3_600) / 60)}m`
  if (whole >= 60) return `${Math.floor(whole / 60)}m ${whole % 60}s`
  return `${whole}s`
}

const COLOURS = { holds: 'green', exposed: 'red', unproven: 'yellow', unknown: 'red' } as const

/** The objectives: what each allows, how exposed it is now, and when it was proven. */
export function objectiveTable(statuses: readonly ObjectiveStatus[]): string {
  return table(
    ['objective', 'state', 'may lose', 'would lose now', 'by', 'may take', 'last proof'],
    statuses.map(({ mode, state, rpo, exposure, mechanism, rto, proofAge, proofEvery }) => [
      mode,
      paint(COLOURS[state], state),
      spoken(rpo),
      spoken(exposure),
      mechanism,
      spoken(rto),
      proofEvery === undefined
        ? 'nothing drills it'
        : `${spoken(proofAge)}${proofAge !== undefined && proofAge < 3_000 * 86_400 ? ' ago' : ''}, due every ${spoken(proofEvery)}`,
    ]),
  )
}

/** The alarms that ring, or one line that none does. */
export function alarmTable(ringing: readonly Ringing[]): string {
  if (ringing.length === 0) return paint('green', 'no alarm rings')
  return table(
    ['alarm', 'region', 'since', 'what', 'article'],
    ringing.map(({ name, region, since, sentence, article }) => [
      paint('red', name),
      region,
      since.slice(0, 19),
      sentence,
      article,
    ]),
  )
}
