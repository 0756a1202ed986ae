import type { Evidence } from '../../runtime/evidence/record.ts'
import { escapeHtml } from './escape.ts'
import { sayDuration, sayShare } from './figure.ts'

type Bar = {
  readonly name: string
  readonly said: string
  readonly of: string
  /** Measured over the objective; `null` when not measured. */
  readonly ratio: number | null
  readonly held: boolean | null
}

/** Objective against measured, a bar each: filled to the measured figure, with a mark at the objective. */
export function renderBars({ objective, measured }: Evidence): string {
  const { rpoSeconds: rpo, rtoSeconds: rto, coverage } = measured
  const over = (found: number | null, most: number) =>
    found === null ? null : most === 0 ? (found === 0 ? 0 : 9) : found / most
  const bars: Bar[] = [
    {
      name: 'Data lost (RPO)',
      said: sayDuration(rpo),
      of: `at most ${sayDuration(objective.rpoSeconds)}`,
      ratio: over(rpo, objective.rpoSeconds),
      held: rpo === null ? null : rpo <= objective.rpoSeconds,
    },
    {
      name: 'Time to serve again (RTO)',
      said: sayDuration(rto),
      of: `at most ${sayDuration(objective.rtoSeconds)}`,
      ratio: over(rto, objective.rtoSeconds),
      held: rto === null ? null : rto <= objective.rtoSeconds,
    },
    {
      name: 'Rows compared',
      said: sayShare(coverage),
      of: `at least ${sayShare(objective.coverageFloor)}`,
      ratio: over(coverage, objective.coverageFloor),
      held: coverage === null ? null : coverage >= objective.coverageFloor,
    },
  ]
  return `<div class="bars">${bars.map(renderBar).join('')}</div>`
}

// The objective stands at 70 % of the width, so that a miss has room to show.
const GOAL = 70

function renderBar(bar: Bar): string {
  const verdict = bar.held === null ? 'unknown' : bar.held ? 'pass' : 'fail'
  const width = bar.ratio === null ? 0 : Math.min(100, Math.max(bar.ratio > 0 ? 1 : 0, bar.ratio * GOAL))
  return `<div class="bar"><div class="name">${escapeHtml(bar.name)}</div><div class="figure ${verdict}">${escapeHtml(bar.said)}</div><div class="of">${escapeHtml(bar.of)}</div>
<svg viewBox="0 0 100 14" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(`${bar.name}: ${bar.said}, ${bar.of}`)}"><rect class="f-track" x="0" y="4" width="100" height="6" rx="1"/><rect class="f-${verdict}" x="0" y="4" width="${width.toFixed(2)}" height="6" rx="1"/><line class="s-goal" x1="${GOAL}" x2="${GOAL}" y1="0" y2="14" vector-effect="non-scaling-stroke"/></svg></div>`
}
