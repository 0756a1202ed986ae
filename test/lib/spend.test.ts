import { expect, test } from '@jest/globals'
import { dev } from '../../config/dev.ts'
import { parseConfig } from '../../config/parse.ts'
import { prod } from '../../config/prod.ts'
import { spendRow } from '../../lib/alarms/spend.ts'
import { draft } from '../config/draft.ts'
import { assembly } from '../support/assembly.ts'

test('unusual spend of what carries the environment’s tag speaks to its warnings at once', async () => {
  const prod = await assembly('prod')
  expect(prod.only('spend', 'AWS::CE::AnomalyMonitor').Properties).toMatchObject({
    MonitorType: 'CUSTOM',
    MonitorSpecification: '{"Tags":{"Key":"holdfast:environment","Values":["shop-prod"]}}',
  })
  expect(prod.only('spend', 'AWS::CE::AnomalySubscription').Properties).toMatchObject({
    Frequency: 'IMMEDIATE',
    Subscribers: [{ Type: 'SNS', Address: 'arn:aws:sns:us-east-1:111111111111:shop-prod-warnings' }],
    ThresholdExpression:
      '{"Dimensions":{"Key":"ANOMALY_TOTAL_IMPACT_ABSOLUTE","MatchOptions":["GREATER_THAN_OR_EQUAL"],"Values":["100"]}}',
  })
})

test('Cost Anomaly Detection may publish to the topic and use its key', async () => {
  const prod = await assembly('prod')
  const statements = (part: string, type: string, document: string) =>
    Object.values(prod.resources(part, type)).flatMap(({ Properties }) => Properties[document].Statement)
  const allowed = (found: { Effect: string; Principal: { Service?: string | string[] } }[]) =>
    found.filter(
      ({ Effect, Principal }) =>
        Effect === 'Allow' && [Principal.Service].flat().includes('costalerts.amazonaws.com'),
    )
  expect(allowed(statements('monitoring', 'AWS::SNS::TopicPolicy', 'PolicyDocument'))).toContainEqual(
    expect.objectContaining({
      Action: 'sns:Publish',
      Resource: { Ref: expect.stringMatching(/^TopicsWarnings/) },
      Condition: { StringEquals: { 'aws:SourceAccount': '111111111111' } },
    }),
  )
  expect(allowed(statements('foundation', 'AWS::KMS::Key', 'KeyPolicy'))).toMatchObject([
    { Action: ['kms:Decrypt', 'kms:GenerateDataKey*'] },
  ])
})

test.each([
  [prod, 100],
  [dev, 5],
])('the bound is what a day of the budget may cost', (environment, threshold) => {
  expect(spendRow(parseConfig(environment))?.threshold).toBe(threshold)
})

test('an environment may leave it out, and China has none', () => {
  expect(spendRow(parseConfig(draft({ budget: { monthlyUsd: 3_000, anomalies: false } })))).toBeUndefined()
  const chinese = { ...parseConfig(draft({})), region: 'cn-north-1' }
  expect(spendRow(chinese)).toBeUndefined()
})
