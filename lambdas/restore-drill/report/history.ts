import { escapeHtml } from './escape.ts'
import { sayCount, sayDuration, sayTime } from './figure.ts'
import type { Summary } from './summary.ts'

const WIDTH = 1_000
const HEIGHT = 150
const LEFT = 66
const BOTTOM = 22
const TOP = 12
const MOST = 30

/**
 * What the last drills of one mode measured, as columns coloured by verdict, under their objective. Controls are left
 * out: they measure a copy that was damaged on purpose.
 */
export function renderHistory(drills: readonly Summary[]): string {
  const shown = drills.filter(drill => drill.control === null).slice(-MOST)
  return `<h2>The last drills <small>${sayCount(shown.length)}</small></h2>${renderCharts(shown)}`
}

function renderCharts(shown: readonly Summary[]): string {
  if (shown.length === 0) return '<p class="meta">No drill before this control.</p>'
  const chart = (
    title: string,
    figure: (drill: Summary) => number | null,
    goal: (drill: Summary) => number,
  ) => `<p class="kicker">${escapeHtml(title)}</p>${renderColumns(shown, figure, goal)}`
  return `${chart(
    'Time to serve again (RTO)',
    drill => drill.rtoSeconds,
    drill => drill.rtoObjective,
  )}${chart(
    'Data lost (RPO)',
    drill => drill.rpoSeconds,
    drill => drill.rpoObjective,
  )}`
}

function renderColumns(
  drills: readonly Summary[],
  figure: (drill: Summary) => number | null,
  goal: (drill: Summary) => number,
): string {
  const measured = drills.map(figure).filter(value => value !== null)
  if (measured.length === 0) return '<p class="meta">Not measured by any of them.</p>'
  const most = Math.max(...measured, 0.001)
  // An objective far above every drill would press the columns flat: then it is only said.
  const goals = drills.map(goal)
  const nearest = Math.max(...goals)
  const inside = nearest <= most * 4
  const top = inside ? Math.max(most, nearest) * 1.08 : most * 1.25
  const y = (value: number) => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM)
  const step = (WIDTH - LEFT) / Math.max(drills.length, 8)
  const columns = drills.map((drill, index) => {
    const value = figure(drill)
    const left = LEFT + index * step + step * 0.15
    const width = step * 0.7
    const title = `${sayTime(drill.endedAt)} ${drill.mode}: ${drill.verdict}, ${sayDuration(value)}`
    const shape =
      value === null
        ? `<text class="soft" x="${(left + width / 2).toFixed(1)}" y="${HEIGHT - BOTTOM - 4}" text-anchor="middle">?</text>`
        : `<rect class="f-${drill.verdict}" x="${left.toFixed(1)}" y="${y(value).toFixed(1)}" width="${width.toFixed(1)}" height="${Math.max(1, HEIGHT - BOTTOM - y(value)).toFixed(1)}" rx="2"/>`
    const mark = inside
      ? `<line class="s-goal dash" x1="${(left - step * 0.15).toFixed(1)}" x2="${(left + step * 0.85).toFixed(1)}" y1="${y(goal(drill)).toFixed(1)}" y2="${y(goal(drill)).toFixed(1)}"/>`
      : ''
    const label =
      index === 0 || index === drills.length - 1
        ? `<text class="soft" x="${(left + width / 2).toFixed(1)}" y="${HEIGHT - 6}" text-anchor="middle">#${drill.sequence}</text>`
        : ''
    return `<g><title>${escapeHtml(title)}</title>${shape}${mark}${label}</g>`
  })
  const said = inside
    ? ''
    : `<text class="soft" x="${WIDTH}" y="10" text-anchor="end">objective ${escapeHtml(sayDuration(nearest))}, above the chart</text>`
  return `<div class="scroll"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" style="width:100%;min-width:640px" role="img" aria-label="The last drills"><line class="s-line" x1="${LEFT}" x2="${WIDTH}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}"/><text class="soft" x="${LEFT - 8}" y="${y(most) + 4}" text-anchor="end">${escapeHtml(sayDuration(most))}</text><text class="soft" x="${LEFT - 8}" y="${HEIGHT - BOTTOM + 4}" text-anchor="end">0</text>${columns.join('')}${said}</svg></div>`
}
