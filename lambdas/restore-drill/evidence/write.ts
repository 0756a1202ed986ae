import { type EvidenceTable, FORMAT } from '../../runtime/evidence/record.ts'
import type { Journal } from '../journal.ts'
import { type Judgement, judge, type Measures, measure, objectiveChecks } from '../judge.ts'
import { proofCheck } from '../proofs.ts'
import type { DrillRequest } from '../request.ts'
import type { Drill } from '../setting.ts'
import type { Finding, Stage } from '../stage.ts'
import { type Unplaced, type Written, writeEvidence } from './store.ts'
import { explainStages, tablesOf } from './tables.ts'

export type Assembled = {
  readonly judgement: Judgement
  readonly measured: Unplaced['measured']
  readonly unplaced: Unplaced
}

/** Puts everything that the drill found into one record. */
export function assemble(
  drill: Drill,
  request: DrillRequest,
  startedAt: string,
  { stages: found, calls }: Pick<Journal, 'stages' | 'calls'>,
  measures: Measures,
): Assembled {
  const measured = measure(measures)
  const tables: EvidenceTable[] = tablesOf(measures)
  const stages = explainStages(found, tables)
  const { setting } = drill
  const rollForward = setting.rollForwardArn !== undefined && request.negativeControl === undefined
  const objectives = [
    ...objectiveChecks(request, measured, measures),
    proofCheck(request, stages, rollForward),
  ]
  const judgement = judge(request, stages, tables, objectives, measured)
  const endedAt = new Date(measures.verifiedAt).toISOString()
  return {
    judgement,
    measured,
    unplaced: {
      format: FORMAT,
      drill: drill.id,
      execution: drill.execution,
      environment: setting.name,
      mode: request.mode,
      request: { ...request, copy: drill.copy, source: setting.source, reference: setting.reference },
      code: setting.code,
      configDigest: setting.configDigest,
      startedAt,
      endedAt,
      verdict: judgement.verdict,
      sentence: judgement.sentence,
      objective: {
        rpoSeconds: request.objective.rpoSeconds,
        rtoSeconds: request.objective.rtoSeconds,
        coverageFloor: request.coverageFloor,
      },
      measured,
      stages: [
        ...stages,
        {
          name: 'objectives',
          startedAt: endedAt,
          endedAt,
          verdict: objectives.some(check => check.verdict === 'fail')
            ? 'fail'
            : objectives.some(check => check.verdict === 'unknown')
              ? 'unknown'
              : 'pass',
          detail: objectives
            .map(check => `${check.name.replace('objective.', '')} ${check.detail}`)
            .join('; '),
          checks: objectives,
        },
      ],
      tables,
      calls: [...calls].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)),
    },
  }
}

/** The stage that signs and stores the record. */
export async function keepEvidence(
  stage: Stage,
  drill: Drill,
  { unplaced }: Assembled,
): Promise<Finding<Written>> {
  const written = await stage.once('write', 'writing the evidence', () => writeEvidence(drill, unplaced))
  return {
    value: written,
    checks: [
      {
        name: 'evidence.written',
        verdict: 'pass',
        detail: `s3://${written.bucket}/${written.key} ${written.sha256}`,
      },
    ],
    detail: `s3://${written.bucket}/${written.key}`,
  }
}
