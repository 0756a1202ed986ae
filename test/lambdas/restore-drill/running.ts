import { withDurableExecution } from '@aws/durable-execution-sdk-js'
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing'
import { runDrill } from '../../../lambdas/restore-drill/drill.ts'
import { type DrillRequest, type DrillResult, parseRequest } from '../../../lambdas/restore-drill/request.ts'
import { parseSealed } from '../../../lambdas/runtime/evidence/record.ts'
import { type Cloud, SETTING } from './cloud.ts'
import { examination } from './examination.ts'

const REQUEST = {
  target: { kind: 'time', at: '2026-11-20T14:03:59Z' },
  objective: { rpoSeconds: 300, rtoSeconds: 60 },
  requestedBy: 'a test',
}

/** Runs one drill to its end and reads what it left in the evidence bucket. */
export async function drillIn(
  cloud: Cloud,
  over: Record<string, unknown> = {},
  examine = examination(),
  setting = SETTING,
) {
  const runner = new LocalDurableTestRunner<DrillResult>({
    handlerFunction: withDurableExecution<unknown, DrillResult>((event, ctx) =>
      runDrill(ctx, parseRequest(event) as DrillRequest, setting, cloud.clients),
    ),
  })
  runner.registerFunction('examine', examine.handler as never)
  const execution = await runner.run({ payload: { ...REQUEST, ...over } })
  const result = execution.getResult()
  if (!result) throw new Error(`the drill answered nothing: ${execution.getError()?.errorMessage}`)
  const records = [...cloud.objects].filter(([key]) => key.startsWith('evidence/'))
  const last = records.at(-1)?.[1].toString()
  return { result, evidence: last === undefined ? undefined : parseSealed(last).evidence, records }
}

/** Each stage's verdict by its name. */
export function verdicts(result: DrillResult): Record<string, string> {
  return Object.fromEntries(result.stages.map(stage => [stage.name, stage.verdict]))
}
