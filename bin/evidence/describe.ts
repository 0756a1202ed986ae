import { sayCount, sayDuration, sayShare, sayTime } from '../../lambdas/restore-drill/report/figure.ts'
import type { SealedEvidence } from '../../lambdas/runtime/evidence/record.ts'
import { oneLine } from '../../lambdas/runtime/legible.ts'
import { paint, table } from '../terminal.ts'

const COLOURS = {
  pass: 'green',
  fail: 'red',
  unknown: 'yellow',
  skipped: 'gray',
  explained: 'green',
  acknowledged: 'cyan',
} as const

/** One record as text: verdict, figures, every table and every check. */
export function describeEvidence({ evidence, sha256 }: SealedEvidence): string {
  const { measured, objective } = evidence
  const checks = evidence.stages.flatMap(stage =>
    stage.checks.map(check => [
      stage.name,
      paint(COLOURS[check.verdict], check.verdict),
      check.name,
      firstLine(check.detail),
    ]),
  )
  const tables = evidence.tables.map(one => [
    paint(COLOURS[one.verdict], one.verdict),
    one.name,
    sayCount(one.rows),
    sayCount(one.equal),
    sayCount(one.changedSince),
    sayCount(one.lost),
    sayCount(one.corrupt),
    one.detail,
  ])
  return [
    ...(evidence.where === 'twin'
      ? [paint('yellow', 'A rehearsal: a twin answered this drill, not AWS.')]
      : []),
    oneLine(
      `#${evidence.sequence} ${evidence.environment} ${evidence.mode}, ${sayTime(evidence.startedAt)}, drill ${evidence.drill}`,
    ),
    `${paint(['bold', COLOURS[evidence.verdict]], evidence.verdict.toUpperCase())}  ${oneLine(evidence.sentence)}`,
    `RPO ${sayDuration(measured.rpoSeconds)} of ${sayDuration(objective.rpoSeconds)}, RTO ${sayDuration(measured.rtoSeconds)} of ${sayDuration(objective.rtoSeconds)}, ${sayShare(measured.coverage)} of the rows`,
    '',
    ...(tables.length === 0
      ? []
      : [table(['', 'Table', 'Rows', 'Equal', 'Changed', 'Lost', 'Corrupt', 'Remark'], tables), '']),
    table(['Stage', '', 'Check', 'Found'], checks),
    '',
    `sha-256 ${sha256}`,
    `before  ${evidence.previous ?? 'nothing: the first of its chain'}`,
  ].join('\n')
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
