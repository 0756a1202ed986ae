import type { Evidence } from '../../runtime/evidence/record.ts'
import { escapeHtml } from './escape.ts'
import { sayDuration } from './figure.ts'

const WIDTH = 1_000
const LABEL = 120
const AFTER = 80
const ROW = 24

const CLOCKS: Readonly<Record<string, string>> = {
  accepted: 'restore accepted',
  available: 'available',
  answering: 'first query answered',
  warm: 'workload answered',
  verified: 'verified',
  hydrated: 'hydrated',
}

/** Each stage as a bar on one time axis, and the clocks that the recovery struck. */
export function renderTimeline({ stages, startedAt, endedAt, measured }: Evidence): string {
  const ran = stages.filter(stage => stage.name !== 'objectives')
  const start = Date.parse(startedAt)
  const end = Math.max(Date.parse(endedAt), ...ran.map(stage => Date.parse(stage.endedAt)), start + 1)
  const x = (at: number) => LABEL + ((at - start) / (end - start)) * (WIDTH - LABEL - AFTER)
  const rows = ran.map((stage, index) => {
    const from = x(Date.parse(stage.startedAt))
    const to = x(Date.parse(stage.endedAt))
    const seconds = (Date.parse(stage.endedAt) - Date.parse(stage.startedAt)) / 1_000
    const top = index * ROW
    const skipped = stage.verdict === 'skipped'
    const bar = skipped
      ? ''
      : `<rect class="f-${stage.verdict}" x="${from.toFixed(1)}" y="${top + 6}" width="${Math.max(2, to - from).toFixed(1)}" height="12" rx="2"/>`
    const said = skipped ? 'skipped' : sayDuration(seconds)
    const at = skipped ? LABEL : Math.max(from + 2, to)
    return `<g><title>${escapeHtml(`${stage.name}: ${stage.detail}`)}</title><rect class="f-track" opacity=".45" x="${LABEL}" y="${top + 11}" width="${WIDTH - LABEL - AFTER}" height="2"/>${bar}<text x="${LABEL - 10}" y="${top + 16}" text-anchor="end">${escapeHtml(stage.name)}</text><text class="soft" x="${(at + 7).toFixed(1)}" y="${top + 16}">${escapeHtml(said)}</text></g>`
  })
  const height = ran.length * ROW + 4
  const clocks = Object.entries(measured.clocks).map(
    ([name, seconds]) =>
      `<div><span>${escapeHtml(CLOCKS[name] ?? name)}</span><b>${escapeHtml(seconds === null ? '–' : sayDuration(seconds))}</b></div>`,
  )
  return `<div class="scroll"><svg viewBox="0 0 ${WIDTH} ${height}" style="width:100%;min-width:720px" role="img" aria-label="Stages over time">${rows.join('')}</svg></div><div class="clocks" title="Seconds from the decision to restore">${clocks.join('')}</div>`
}
