import { oneLine } from '../../lambdas/runtime/legible.ts'
import { paint, table } from '../terminal.ts'
import type { Ringing } from './figures.ts'
import type { ObjectiveStatus } from './objectives.ts'

/** `95` as `1m 35s`, `300` as `5m`; what nobody knows as `unknown`. @param seconds may be undefined */
export function spoken(seconds: number | undefined): string {
  if (seconds === undefined) return 'unknown'
  const whole = Math.round(seconds)
  // Since the epoch means never.
  if (isNever(whole)) return 'never'
  if (whole >= 2 * 86_400) return `${Math.floor(whole / 86_400)}d`
  if (whole >= 3_600) return both(Math.floor(whole / 3_600), 'h', Math.floor((whole % 3_600) / 60), 'm')
  if (whole >= 60) return both(Math.floor(whole / 60), 'm', whole % 60, 's')
  return `${whole}s`
}

function both(large: number, unit: string, small: number, smaller: string): string {
  return small === 0 ? `${large}${unit}` : `${large}${unit} ${small}${smaller}`
}

function isNever(seconds: number): boolean {
  return seconds > 3_000 * 86_400
}

const COLOURS = { holds: 'green', exposed: 'red', unproven: 'yellow', unknown: 'red' } as const

/** The objectives, in eighty columns: loss and time that each allows, what would be lost now and by which means, its proof. */
export function objectiveTable(statuses: readonly ObjectiveStatus[]): string {
  const listed = table(
    ['objective', 'state', 'allows', 'now', 'by', 'proof'],
    statuses.map(({ mode, state, rpo, exposure, mechanism, rto, proofAge, proofEvery }) => [
      mode,
      paint(COLOURS[state], state),
      `${spoken(rpo)}/${spoken(rto)}`,
      spoken(exposure),
      mechanism,
      proofEvery === undefined ? 'not drilled' : `${spoken(proofAge)}/${spoken(proofEvery)}`,
    ]),
  )
  const reasons = statuses.filter(({ why }) => why !== '').map(({ mode, why }) => `${mode}: ${why}`)
  return reasons.length === 0 ? listed : `${listed}\n\n${reasons.join('\n')}`
}

/**
 * The alarms that ring, two lines each: which, where and since when; what it means and the article that ends it.
 * @param width columns of the screen
 * @param asked regions that answered: of the others nobody knows what rings
 */
export function alarmList(ringing: readonly Ringing[], width: number, asked: readonly string[]): string {
  if (ringing.length === 0) return paint('green', `no alarm rings in ${asked.join(' or ') || 'what answers'}`)
  return ringing
    .flatMap(({ name, region, since, sentence, article }) => [
      `${paint('red', oneLine(name))}  ${region}  since ${since.slice(0, 16).replace('T', ' ')}`,
      `  ${cut(oneLine(sentence), width - 6 - article.length)}  ${article}`,
    ])
    .join('\n')
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}
