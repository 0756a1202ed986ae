import { sayDuration, sayShare } from '../../lambdas/restore-drill/report/figure.ts'
import type { DrillRequestInput, DrillResult } from '../../lambdas/restore-drill/request.ts'
import { stepIn } from '../../lambdas/runtime/failure.ts'
import { oneLine } from '../../lambdas/runtime/legible.ts'
import { Progress, paint, table } from '../terminal.ts'
import type { StageNews } from './follow.ts'

const COLOURS = { pass: 'green', fail: 'red', unknown: 'yellow', skipped: 'gray' } as const

/** Prints a line for each stage that ended and keeps one for the stage that runs. */
export function narrator(progress = new Progress()): (stages: readonly StageNews[]) => void {
  const told = new Set<string>()
  return stages => {
    const running: string[] = []
    for (const stage of stages) {
      const { name, startedAt, endedAt, batches } = stage
      if (told.has(name)) continue
      const counted = batches === undefined ? '' : ` (${batches.done} of ${batches.all} batches)`
      if (!endedAt) {
        running.push(`${name}${counted}`)
        continue
      }
      told.add(name)
      const seconds = (endedAt.getTime() - startedAt.getTime()) / 1_000
      progress.done(`  ${paint('green', '·', process.stderr)} ${name.padEnd(12)} ${sayDuration(seconds)}`)
    }
    if (running.length > 0) progress.say(`  … ${running.join(', ')}`)
  }
}

/** Stages, figures and verdict, for a person. */
export function describeResult(request: DrillRequestInput, result: DrillResult): string {
  const { rpoSeconds, rtoSeconds, coverage } = result.measured
  const { objective } = request
  const stages = table(
    ['Stage', 'Verdict', 'Took', 'Found'],
    result.stages.map(stage => [
      stage.name,
      paint(COLOURS[stage.verdict], stage.verdict),
      stage.verdict === 'skipped' ? '' : sayDuration(stage.seconds),
      shorten(stage.detail),
    ]),
  )
  const figures = table(
    ['', 'Measured', 'Objective', ''],
    [
      row(
        'RPO',
        sayDuration(rpoSeconds),
        `≤ ${sayDuration(objective.rpoSeconds)}`,
        held(rpoSeconds, objective.rpoSeconds),
      ),
      row(
        'RTO',
        sayDuration(rtoSeconds),
        `≤ ${sayDuration(objective.rtoSeconds)}`,
        held(rtoSeconds, objective.rtoSeconds),
      ),
      row(
        'Rows',
        sayShare(coverage),
        `≥ ${sayShare(request.coverageFloor ?? 0)}`,
        coverage === null ? 'unknown' : coverage >= (request.coverageFloor ?? 0) ? 'pass' : 'fail',
      ),
    ],
  )
  const evidence =
    result.evidence === null
      ? 'no evidence was kept'
      : `s3://${result.evidence.bucket}/${result.evidence.key}`
  const verdict = paint(['bold', COLOURS[result.verdict]], result.verdict.toUpperCase())
  const step = result.stages.map(stage => stepIn(stage.detail)).find(hint => hint !== undefined)
  const hint = step === undefined ? '' : `\nHINT: ${step}`
  return `${stages}\n\n${figures}\n\n${verdict}  ${oneLine(result.sentence)}${hint}\nevidence: ${evidence}`
}

function row(
  name: string,
  measured: string,
  objective: string,
  verdict: 'pass' | 'fail' | 'unknown',
): string[] {
  return [name, measured, objective, paint(COLOURS[verdict], verdict)]
}

function held(found: number | null, most: number): 'pass' | 'fail' | 'unknown' {
  return found === null ? 'unknown' : found <= most ? 'pass' : 'fail'
}

function shorten(text: string): string {
  const line = text.split('\n')[0] ?? ''
  return line.length > 90 ? `${line.slice(0, 89)}…` : line
}
