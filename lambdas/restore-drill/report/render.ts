import type { Evidence, SealedEvidence } from '../../runtime/evidence/record.ts'
import { stepIn } from '../../runtime/failure.ts'
import { renderBars } from './bars.ts'
import { escapeHtml } from './escape.ts'
import { sayCount, sayTime } from './figure.ts'
import { renderHistory } from './history.ts'
import { renderCalls, renderLeftOut, renderStages, renderTables } from './proof.ts'
import { STYLE } from './style.ts'
import { type Summary, summaryOf } from './summary.ts'
import { renderTimeline } from './timeline.ts'
import { renderFirst, renderWrong } from './wrong.ts'

const WORDS = { pass: 'Proven', fail: 'Not proven', unknown: 'Not known' } as const
/** Of a negative control, which says something of the drills and nothing of the backup. */
const CONTROL_WORDS = { pass: 'Noticed', fail: 'Not noticed', unknown: 'Not known' } as const

/**
 * The page that a person reads: one file without scripts and outside resources. Everything in it is escaped.
 * @param history the drills before this one, oldest first
 */
export function renderReport(sealed: SealedEvidence, history: readonly Summary[]): string {
  const { evidence } = sealed
  const { environment, mode, drill, verdict, tables, request } = evidence
  const drills = [...history, summaryOf(sealed)]
  const sentence = evidence.sentence.replace(/^(It comes back|Not proven|Not known): /, '')
  const word = (request.negativeControl === undefined ? WORDS : CONTROL_WORDS)[verdict]
  const compared = tables.filter(table => table.level !== 'none').length
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(`${word}: ${environment} ${mode} #${evidence.sequence}`)}</title><style>${STYLE}</style></head><body><main>
<header class="${verdict}"><p class="kicker">${escapeHtml(`Restore drill #${evidence.sequence} of ${environment}, ${mode}, ${sayTime(evidence.startedAt)}`)}</p>
<h1><b>${word}</b>${escapeHtml(sentence)}</h1>
<p class="meta">${escapeHtml(`Drill ${drill}, asked by ${request.requestedBy ?? 'nobody'}: restore ${sayTarget(request.target)}`)}</p>${renderStep(evidence)}${renderFirst(evidence, history)}</header>${renderWhere(evidence)}
${renderWrong(evidence)}
<section><h2>Objective and measured</h2>${renderBars(evidence)}</section>
<section><h2>What took how long <small>clocks count from the decision to restore</small></h2>${renderTimeline(evidence)}</section>
<section class="long"><h2>What was proven <small>${sayCount(compared)} of ${sayCount(tables.length)} tables compared, row by row, with the living database</small></h2>${renderTables(tables)}</section>
<section class="long"><h2>What was not looked at, and why</h2>${renderLeftOut(evidence)}</section>
<section>${renderHistory(drills)}</section>
<section class="long"><h2>Every check</h2>${renderStages(evidence.stages)}</section>
<section class="long"><h2>Evidence</h2>${renderSeal(sealed)}${renderCalls(evidence)}</section>
<footer>This page is drawn from the signed record and proves nothing by itself; the record does.</footer>
</main></body></html>
`
}

/** A page of a rehearsal looks like any other, and must not be taken for a proof of what runs in AWS. */
function renderWhere({ where }: Evidence): string {
  return where === 'twin'
    ? '<p class="step"><b>Rehearsal</b> A twin answered this drill, not AWS: it proves the code, and nothing of the database in an account.</p>'
    : ''
}

/** For a drill that did not pass: what the first refusal asks for. */
function renderStep({ verdict, stages }: Evidence): string {
  if (verdict === 'pass') return ''
  const step = stages.map(stage => stepIn(stage.detail)).find(found => found !== undefined)
  return step === undefined
    ? ''
    : `<p class="step"><b>Next step</b> ${escapeHtml(step.charAt(0).toUpperCase() + step.slice(1))}</p>`
}

function sayTarget(target: unknown): string {
  const { kind, at, identifier } = (target ?? {}) as { kind?: string; at?: string; identifier?: string }
  if (kind === 'time' && at !== undefined) return `to ${sayTime(new Date(at).toISOString())}`
  if (kind === 'snapshot') return `the snapshot ${identifier ?? ''}`
  if (kind === 'latest') return 'to the newest restorable moment'
  if (kind === 'before-backup-window')
    return 'to the minute before the backup window, with the most log to replay'
  return kind === 'now' ? 'to a moment marked by sentinels' : `to a ${kind ?? 'unknown'} moment`
}

function renderSeal({ evidence, sha256, signature }: SealedEvidence): string {
  const rows: [string, string][] = [
    ['Place in the chain', `${evidence.chain} #${evidence.sequence}`],
    ['SHA-256', sha256],
    ['Before it', evidence.previous ?? 'nothing: the first of its chain'],
    ['Signed by', `${signature.key} (${signature.algorithm})`],
    ['Execution', evidence.execution],
    ['Code, configuration', `${evidence.code}, ${evidence.configDigest}`],
    ['Signature', signature.value],
  ]
  return `<dl>${rows.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd><code>${escapeHtml(value)}</code></dd>`).join('')}</dl>${renderProof(evidence)}`
}

/** How a third party checks the record without us: with our own tool, and without it. */
function renderProof({ chain, sequence }: Evidence): string {
  const name = `${String(sequence).padStart(10, '0')}.json`
  const steps = [
    `Take the folder <code>evidence/${escapeHtml(chain)}/</code> out of the evidence bucket, which lets nobody change or delete what is in it, and the public key from a source of your own: <code>aws kms get-public-key</code>, or the auditor's copy of it.`,
    `<code>holdfast evidence verify</code> with that folder and <code>--key key.pem</code> needs no network. It checks each hash, each signature and that every record names the one before it, and says which is the first that does not.`,
    `Without Holdfast: write the member <code>evidence</code> of <code>${escapeHtml(name)}</code> as canonical JSON (RFC 8785) into <code>record</code> and the Base64 of the signature above into <code>signature</code>, decoded; then <code>openssl dgst -sha256 -verify key.pem -signature signature record</code>.`,
  ]
  return `<details><summary>How to check this without trusting the page</summary><ol>${steps.map(step => `<li>${step}</li>`).join('')}</ol></details>`
}
