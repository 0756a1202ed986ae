import { withDurableExecution } from '@aws/durable-execution-sdk-js'
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { runDrill } from '../../../lambdas/restore-drill/drill.ts'
import { type DrillRequest, type DrillResult, parseRequest } from '../../../lambdas/restore-drill/request.ts'
import { parseSealed } from '../../../lambdas/runtime/evidence/record.ts'
import { verifyChain } from '../../../lambdas/runtime/evidence/verify.ts'
import { type Cloud, openCloud, SETTING } from './cloud.ts'
import { examination } from './examination.ts'

let cloud: Cloud
// The real clock: a faked one drifts away from the times that AWS answers.
beforeAll(() => LocalDurableTestRunner.setupTestEnvironment({ skipTime: false }))
afterAll(() => LocalDurableTestRunner.teardownTestEnvironment())
beforeEach(async () => {
  cloud = await openCloud()
})
afterEach(() => cloud.close())

const REQUEST = {
  target: { kind: 'time', at: '2026-11-20T14:03:59Z' },
  objective: { rpoSeconds: 300, rtoSeconds: 60 },
  requestedBy: 'a test',
}

async function drill(over: Record<string, unknown> = {}, examine = examination(), setting = SETTING) {
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

const verdicts = (result: DrillResult) =>
  Object.fromEntries(result.stages.map(stage => [stage.name, stage.verdict]))

test('a good copy passes, is signed, chained and destroyed', async () => {
  const { result, evidence, records } = await drill()
  expect(result.sentence).toMatch(/^It comes back: 1,000 rows in 1 tables match/)
  expect(result.verdict).toBe('pass')
  expect(verdicts(result)).toEqual({
    plan: 'pass',
    hold: 'pass',
    canaries: 'pass',
    restore: 'pass',
    open: 'pass',
    quarantine: 'pass',
    identify: 'pass',
    cut: 'pass',
    structure: 'pass',
    compare: 'pass',
    assertions: 'skipped',
    evidence: 'pass',
    destroy: 'pass',
  })
  expect(cloud.instances.has('shop-prod')).toBe(true)
  expect([...cloud.instances.keys()]).toEqual(['shop-prod'])
  expect(evidence).toMatchObject({
    sequence: 1,
    previous: null,
    verdict: 'pass',
    measured: { rpoSeconds: 0.7, coverage: 1 },
  })
  expect(evidence?.calls.map(call => call.operation)).toContain('RestoreDBInstanceToPointInTime')
  await drill()
  const files = [...cloud.objects]
    .filter(([key]) => key.startsWith('evidence/'))
    .map(([name, text]) => ({ name, text: text.toString() }))
  expect(records).toHaveLength(1)
  expect(verifyChain(files, { whole: true })).toMatchObject({
    verdict: 'pass',
    links: [{ sequence: 1 }, { sequence: 2 }],
  })
  expect([...cloud.objects.keys()].filter(key => key.startsWith('reports/'))).toHaveLength(2)
})
