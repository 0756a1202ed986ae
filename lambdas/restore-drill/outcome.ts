import type { EvidenceStage } from '../runtime/evidence/record.ts'
import { type Metric, publish } from '../runtime/metrics.ts'
import { worst } from '../runtime/verdict.ts'
import type { Written } from './evidence/store.ts'
import type { Assembled } from './evidence/write.ts'
import { METRICS } from './names.ts'
import type { DrillRequest, DrillResult } from './request.ts'
import type { Drill } from './setting.ts'

/**
 * What the execution answers. Evidence that could not be kept or a copy that still stands spoil the drill, whatever
 * the record says: both need a person.
 */
export function resultOf(
  drill: Drill,
  { judgement, measured }: Assembled,
  stages: readonly EvidenceStage[],
  written: Written | null,
): DrillResult {
  const after = stages.filter(stage => stage.name === 'evidence' || stage.name === 'destroy')
  const spoilt = after.find(stage => stage.verdict === 'fail' || stage.verdict === 'unknown')
  return {
    drill: drill.id,
    verdict: worst([judgement, ...after]),
    sentence: spoilt ? `${judgement.sentence}. And ${spoilt.name}: ${spoilt.detail}` : judgement.sentence,
    evidence: written,
    measured: {
      rpoSeconds: measured.rpoSeconds,
      rtoSeconds: measured.rtoSeconds,
      coverage: measured.coverage,
    },
    stages: stages.map(toResult),
  }
}

/** What cleaning up after a stopped drill answers. Never `pass`: nothing was proven. */
export function cleanedUp(drill: Drill, stages: readonly EvidenceStage[]): DrillResult {
  return {
    drill: drill.id,
    verdict: stages.some(stage => stage.verdict === 'fail') ? 'fail' : 'unknown',
    sentence: `Cleaned up after a stopped drill: ${stages.map(stage => stage.detail).join('; ')}`,
    evidence: null,
    measured: { rpoSeconds: null, rtoSeconds: null, coverage: null },
    stages: stages.map(toResult),
  }
}

function toResult({
  name,
  verdict,
  detail,
  startedAt,
  endedAt,
}: EvidenceStage): DrillResult['stages'][number] {
  return { name, verdict, detail, seconds: (Date.parse(endedAt) - Date.parse(startedAt)) / 1_000 }
}

/** Puts the drill's figures where the alarms look: one line by mode, and one for a negative control. */
export function publishOutcome(
  drill: Drill,
  request: DrillRequest,
  result: DrillResult,
  caught?: boolean,
): void {
  const dimensions = { Environment: drill.setting.name, Mode: request.mode }
  if (request.negativeControl !== undefined) {
    publish(dimensions, [{ name: METRICS.negativeControlRed, value: caught ? 1 : 0, unit: 'Count' }])
    return
  }
  const passed = result.verdict === 'pass'
  const figures: Metric[] = [
    { name: METRICS.passed, value: passed ? 1 : 0, unit: 'Count' },
    { name: METRICS.failed, value: passed ? 0 : 1, unit: 'Count' },
  ]
  const { rpoSeconds, rtoSeconds, coverage } = result.measured
  if (rpoSeconds !== null) figures.push({ name: METRICS.rpo, value: rpoSeconds, unit: 'Seconds' })
  if (rtoSeconds !== null) figures.push({ name: METRICS.rto, value: rtoSeconds, unit: 'Seconds' })
  if (coverage !== null) figures.push({ name: METRICS.coverage, value: 100 * coverage, unit: 'Percent' })
  publish(dimensions, figures)
}
