import type { Evidence } from '../../runtime/evidence/record.ts'
import { escapeHtml } from './escape.ts'
import { sayTime } from './figure.ts'
import { renderChip } from './proof.ts'
import type { Summary } from './summary.ts'

/** Red checks that the page's top names; the rest stand among every check below. */
const NAMED = 12

/** Everything that is red, in the order in which it was asked; empty where nothing is. */
export function renderWrong({ stages, request }: Evidence): string {
  const found = stages
    .flatMap(stage => stage.checks)
    .filter(({ verdict }) => verdict === 'fail' || verdict === 'unknown')
    .sort((a, b) => Number(b.verdict === 'fail') - Number(a.verdict === 'fail'))
  // What could not be measured since an earlier stage failed is no second trouble.
  const measured = found.filter(check => check.verdict === 'fail' || !check.name.startsWith('objective.'))
  const red = measured.length > 0 ? measured : found
  if (red.length === 0) return ''
  const rows = red
    .slice(0, NAMED)
    .map(
      ({ verdict, name, detail }) =>
        `<tr><td>${renderChip(verdict)} <code>${escapeHtml(name)}</code></td><td>${escapeHtml(detail.split('\n')[0] ?? '')}</td></tr>`,
    )
  const more =
    red.length > NAMED ? `<p class="meta">${red.length - NAMED} more stand under “Every check”.</p>` : ''
  const title = typeof request.negativeControl === 'string' ? 'What the drill noticed' : 'What is wrong'
  return `<section class="long"><h2>${title} <small>fail: it is wrong; unknown: it could not be found out, which proves nothing either</small></h2><div class="scroll"><table class="narrow"><tbody>${rows.join('')}</tbody></table></div>${more}</section>`
}

/** What the reader must know first: that the damage was ours, or which drill last proved that the database comes back. */
export function renderFirst({ verdict, request, mode }: Evidence, history: readonly Summary[]): string {
  const { negativeControl: fault } = request
  if (typeof fault === 'string')
    return `<p class="step"><b>An exercise</b> ${escapeHtml(sayControl(fault, verdict))}</p>`
  if (verdict === 'pass') return ''
  const last = history.findLast(
    drill => drill.control === null && drill.mode === mode && drill.verdict === 'pass',
  )
  const words =
    last === undefined
      ? `None of the ${history.length} drills before this one that are shown here passed for ${mode}.`
      : `Drill #${last.sequence} passed for ${mode} on ${sayTime(last.endedAt)}: the data up to its copy's end came back then.`
  return `<p class="step"><b>Last proven</b> ${escapeHtml(words)}</p>`
}

function sayControl(fault: string, verdict: Evidence['verdict']): string {
  return verdict === 'pass'
    ? `This copy was damaged on purpose (${fault}) to see whether a drill notices. What is red below should be; nothing here is said of the backup.`
    : `A fault was to be put into the copy on purpose (${fault}) and to be noticed. Nothing here is said of the backup; but until this control is noticed, a drill that passes proves less than it says.`
}
