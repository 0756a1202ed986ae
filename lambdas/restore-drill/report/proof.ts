import type { Evidence, EvidenceStage, EvidenceTable } from '../../runtime/evidence/record.ts'
import type { Check } from '../../runtime/verdict.ts'
import { escapeHtml } from './escape.ts'
import { sayCount } from './figure.ts'

/** The verdict as a small coloured word. */
export function renderChip(verdict: string): string {
  return `<span class="chip ${escapeHtml(verdict)}">${escapeHtml(verdict)}</span>`
}

// A thousand tables that are all equal are one line; those that say something stand first.
const OPEN_TABLES = 40

/** What was proven per table, those with something to say first. */
export function renderTables(tables: readonly EvidenceTable[]): string {
  if (tables.length === 0) return '<p class="meta">No table was compared.</p>'
  const loud = (table: EvidenceTable) =>
    ({ fail: 0, unknown: 1, skipped: 2 })[table.verdict as string] ?? (table.detail === '' ? 4 : 3)
  const ordered = [...tables].sort((a, b) => loud(a) - loud(b) || b.rows - a.rows)
  const shown = ordered.slice(0, OPEN_TABLES)
  const rest = ordered.slice(OPEN_TABLES)
  const more =
    rest.length === 0
      ? ''
      : `<details><summary>${sayCount(rest.length)} more tables</summary><div class="scroll">${tableOf(rest)}</div></details>`
  return `<div class="scroll">${tableOf(shown)}</div>${more}`
}

function tableOf(tables: readonly EvidenceTable[]): string {
  const rows = tables.map(
    table =>
      `<tr><td>${renderChip(table.verdict)}</td><td><code>${escapeHtml(table.name)}</code></td>${[table.rows, table.equal, table.changedSince, table.lost, table.corrupt].map(count => `<td class="n">${sayCount(count)}</td>`).join('')}<td>${escapeHtml(table.detail)}</td></tr>`,
  )
  return `<table><thead><tr><th></th><th>Table</th><th class="n">Rows</th><th class="n">Equal</th><th class="n">Changed since</th><th class="n">Lost</th><th class="n">Corrupt</th><th>Remark</th></tr></thead><tbody>${rows.join('')}</tbody></table>`
}

/** What the drill did not look at, each with its reason: tables, columns, and checks that could not be asked. */
export function renderLeftOut({ tables, stages }: Evidence): string {
  const unread = tables.filter(table => table.level === 'none' || table.verdict === 'skipped')
  const named = new Set(unread.map(table => table.name))
  const skipped = stages.flatMap(stage =>
    stage.verdict === 'skipped' && stage.checks.length === 0
      ? [{ what: `stage ${stage.name}`, why: stage.detail }]
      : stage.checks
          // A table's own check says what its row here says already.
          .filter(check => check.verdict === 'skipped' && !named.has(check.name.replace(TABLE_CHECK, '')))
          .map(check => ({ what: check.name, why: check.detail })),
  )
  const all = [...unread.map(table => ({ what: table.name, why: table.detail })), ...skipped]
  if (all.length === 0) return '<p class="meta">Nothing: every table, every column and every check.</p>'
  const rows = all.map(
    ({ what, why }) => `<tr><td><code>${escapeHtml(what)}</code></td><td>${escapeHtml(why)}</td></tr>`,
  )
  return `<div class="scroll"><table class="narrow"><tbody>${rows.join('')}</tbody></table></div>`
}

const TABLE_CHECK = /^compare\.(skip|table)\./

/** Every stage's checks, folded; a stage that did not pass is open. */
export function renderStages(stages: readonly EvidenceStage[]): string {
  return stages
    .map(stage => {
      const open = stage.verdict === 'fail' || stage.verdict === 'unknown' ? ' open' : ''
      const checks = stage.checks.length === 0 ? '' : stage.checks.map(renderCheck).join('')
      return `<details${open}><summary>${renderChip(stage.verdict)} <b>${escapeHtml(stage.name)}</b><span class="detail">${escapeHtml(stage.detail)}</span></summary>${checks}</details>`
    })
    .join('')
}

function renderCheck(check: Check): string {
  const asked = check.asked === undefined ? '' : `<pre>${escapeHtml(check.asked)}</pre>`
  const answer =
    check.answer === undefined ? '' : `<pre>${escapeHtml(JSON.stringify(check.answer, null, 1))}</pre>`
  return `<details><summary>${renderChip(check.verdict)} <code>${escapeHtml(check.name)}</code><span class="detail">${escapeHtml(check.detail)}</span></summary>${asked}${answer}</details>`
}

/** Every call to AWS with its request id, folded: what CloudTrail can be asked for. */
export function renderCalls({ calls }: Evidence): string {
  const rows = calls.map(
    call =>
      `<tr><td>${escapeHtml(call.at.slice(11, 23))}</td><td>${escapeHtml(call.stage)}</td><td><code>${escapeHtml(`${call.service}:${call.operation}`)}</code></td><td><code>${escapeHtml(call.requestId)}</code></td></tr>`,
  )
  return `<details><summary>${sayCount(calls.length)} calls to AWS with their request ids</summary><div class="scroll"><table><thead><tr><th>At</th><th>Stage</th><th>Call</th><th>Request id</th></tr></thead><tbody>${rows.join('')}</tbody></table></div></details>`
}
