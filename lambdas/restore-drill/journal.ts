import type { DurableContext } from '@aws/durable-execution-sdk-js'
import type { EvidenceCall, EvidenceStage } from '../runtime/evidence/record.ts'
import { worst } from '../runtime/verdict.ts'
import { type Finding, type Stage, stageOf } from './stage.ts'

/** What became of a drill so far, in the order in which it happened. */
export type Journal = {
  readonly stages: EvidenceStage[]
  readonly calls: EvidenceCall[]
  /**
   * Runs one stage as a named part of the execution. When something that it needs is missing it is skipped and says so;
   * when it throws, its verdict is `unknown` with the sentence: a question without an answer never passes.
   */
  run<N extends readonly unknown[], T>(
    name: string,
    needs: readonly [...N],
    work: (stage: Stage, ...given: Given<N>) => Promise<Finding<T>>,
  ): Promise<T | null>
  /** Notes a stage that is not for this drill. */
  skip(name: string, reason: string): void
}

/** The needs of a stage once none of them is missing. */
export type Given<N extends readonly unknown[]> = { [K in keyof N]: NonNullable<N[K]> }

/** @param began ISO time at which the drill began: where a stage that never ran is put. */
export function openJournal(ctx: DurableContext, examineArn: string, began: string): Journal {
  const stages: EvidenceStage[] = []
  const calls: EvidenceCall[] = []
  // Stages that left nothing for those after them.
  const empty: string[] = []
  const skip = (name: string, detail: string) => {
    const at = stages.at(-1)?.endedAt ?? began
    stages.push({ name, startedAt: at, endedAt: at, verdict: 'skipped', detail, checks: [] })
  }
  return {
    stages,
    calls,
    skip,
    async run(name, needs, work) {
      if (needs.some(need => need === null)) {
        skip(name, `not reached: ${empty[0] ?? 'an earlier stage'} did not succeed`)
        return null
      }
      // Its place is taken before it runs: of stages that run together, the faster must not come first in a replay.
      const place = stages.length
      stages.push({
        name,
        startedAt: began,
        endedAt: began,
        verdict: 'unknown',
        detail: 'running',
        checks: [],
      })
      const done = await ctx.runInChildContext(name, inner =>
        performStage(stageOf(inner, name, examineArn, []), needs as never, work),
      )
      stages[place] = done.stage
      calls.push(...done.calls)
      if (done.value === null) empty.push(name)
      return done.value
    },
  }
}

async function performStage<G extends readonly unknown[], T>(
  stage: Stage,
  given: G,
  work: (stage: Stage, ...given: G) => Promise<Finding<T>>,
): Promise<{ stage: EvidenceStage; calls: EvidenceCall[]; value: T | null }> {
  const startedAt = await stage.clock('began')
  const finding = await work(stage, ...given).catch(
    (error: unknown): Finding<T> => ({
      value: null,
      checks: [{ name: `${stage.name}.completed`, verdict: 'unknown', detail: said(error) }],
      detail: said(error),
    }),
  )
  const checks =
    finding.checks.length > 0
      ? [...finding.checks]
      : [
          {
            name: `${stage.name}.completed`,
            verdict: 'unknown' as const,
            detail: 'it came back without a check',
          },
        ]
  const endedAt = await stage.clock('ended')
  return {
    stage: {
      name: stage.name,
      startedAt: new Date(startedAt).toISOString(),
      endedAt: new Date(endedAt).toISOString(),
      verdict: worst(checks),
      detail: finding.detail,
      checks,
    },
    calls: stage.calls,
    value: finding.value,
  }
}

/** The sentence of a failure. A durable error repeats its cause's words: they are said once. */
export function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const words: string[] = []
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    if (!words.includes(at.message)) words.push(at.message)
  return words.join(' (caused by: ') + ')'.repeat(words.length - 1)
}
