import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { answerOf } from '../../bin/status/answer.ts'
import { ringingAlarms } from '../../bin/status/figures.ts'
import { objectiveStatuses } from '../../bin/status/objectives.ts'
import { alarmList, objectiveTable, spoken } from '../../bin/status/screen.ts'
import { parseConfig } from '../../config/parse.ts'
import { prod } from '../../config/prod.ts'
import { type CloudWatchService, createCloudWatch } from '../../twin/services/cloudwatch/service.ts'
import type { Call } from '../../twin/wire/call.ts'
import { workbench } from '../support/services.ts'
import { listenerWith } from '../support/wire.ts'

const config = parseConfig(prod)
const NOW = Date.parse('2026-11-20T12:00:30Z')
const DAY = 86_400
const before = { ...process.env }
let bench: ReturnType<typeof workbench>
let cloudwatch: CloudWatchService
let twin: Awaited<ReturnType<typeof listenerWith>>
let number = 0

beforeAll(() => {
  bench = workbench('2026-11-20T12:00:30Z')
})

beforeEach(async () => {
  number += 1
  cloudwatch = createCloudWatch({
    ...bench.dependencies(`cloudwatch-${number}`),
    dir: join(bench.dir, String(number)),
    act: async () => {},
  })
  twin = await listenerWith([cloudwatch.service])
  const { principal, secretAccessKey } = twin.identities.root()
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: twin.url,
    AWS_ACCESS_KEY_ID: principal.accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  })
})

afterEach(async () => {
  await twin.close()
  expect(twin.bugs).toEqual([])
})

afterAll(() => {
  process.env = before
  bench.remove()
})

const { region: HOME, standbyRegion: STANDBY } = config

function publish(
  region: string,
  name: string,
  dimensions: Record<string, string>,
  value: number,
  namespace = 'Holdfast',
  at = NOW - 90_000,
) {
  const figure = {
    region,
    namespace,
    name,
    dimensions,
    at,
    unit: 'Seconds' as const,
    resolution: 60 as const,
  }
  cloudwatch.put({ ...figure, values: [[value, 1]] })
}

/** Every chain works and every drilled mode was proven yesterday. */
function publishHealth() {
  const environment = { Environment: 'shop-prod' }
  publish(HOME, 'HeartbeatAgeSeconds', { Instance: 'shop-prod' }, 1)
  publish(HOME, 'ArchiveSecondsBehind', { Instance: 'shop-prod' }, 2)
  publish(HOME, 'RestorableAgeSeconds', { ...environment, Region: HOME }, 240)
  publish(STANDBY, 'RestorableAgeSeconds', { ...environment, Region: STANDBY }, 900)
  publish(STANDBY, 'ReplicaLag', { DBInstanceIdentifier: 'shop-prod-standby' }, 0.4, 'AWS/RDS')
  for (const [region, Mode] of [
    [HOME, 'bad-write'],
    [STANDBY, 'region-loss'],
  ] as const)
    publish(region, 'ProofAgeSeconds', { ...environment, Mode, Region: region }, DAY)
}

async function statusOf(mode: string) {
  const found = (await objectiveStatuses(config, NOW)).find(status => status.mode === mode)
  if (found === undefined) throw new Error(`no objective for ${mode}`)
  return found
}

test('an objective holds when its best chain is near enough and its proof is young enough', async () => {
  publishHealth()
  expect(await statusOf('bad-write')).toMatchObject({
    state: 'holds',
    exposure: 2,
    mechanism: 'change archive',
    proofAge: DAY,
  })
})

test('what nobody published lately is unknown, which is not zero and does not hold', async () => {
  expect(await statusOf('bad-write')).toMatchObject({
    state: 'unknown',
    exposure: undefined,
    proofAge: undefined,
  })
  expect(await statusOf('instance-loss')).toMatchObject({ state: 'unknown', exposure: undefined })
})

test('while the archive is silent, point-in-time recovery is what would bring the data back', async () => {
  publish(HOME, 'RestorableAgeSeconds', { Environment: 'shop-prod', Region: HOME }, 240)
  expect(await statusOf('bad-write')).toMatchObject({ exposure: 240, mechanism: 'point-in-time recovery' })
})

test('an objective is exposed when every chain is further behind than it allows', async () => {
  publishHealth()
  const { rpo } = await statusOf('bad-write')
  publish(HOME, 'ArchiveSecondsBehind', { Instance: 'shop-prod' }, rpo + 1)
  publish(HOME, 'RestorableAgeSeconds', { Environment: 'shop-prod', Region: HOME }, rpo + 1)
  expect(await statusOf('bad-write')).toMatchObject({ state: 'exposed', exposure: rpo + 1 })
})

test('a proof that is too old, or that was never given, leaves an objective unproven', async () => {
  publish(HOME, 'ArchiveSecondsBehind', { Instance: 'shop-prod' }, 2)
  expect(await statusOf('bad-write')).toMatchObject({ state: 'unproven', proofAge: undefined })
  const { proofEvery = 0 } = await statusOf('bad-write')
  const dimensions = { Environment: 'shop-prod', Mode: 'bad-write', Region: HOME }
  publish(HOME, 'ProofAgeSeconds', dimensions, proofEvery * 1.5 + 1)
  expect(await statusOf('bad-write')).toMatchObject({ state: 'unproven', proofAge: proofEvery * 1.5 + 1 })
})

test('a figure that nobody renews grows with its age: the last word of a dead chain is not what it is', async () => {
  publishHealth()
  const later = (await objectiveStatuses(config, NOW + 600_000)).find(({ mode }) => mode === 'bad-write')
  // 690 seconds old: of the archive, renewed every minute, 180 are in time; of point-in-time recovery 420.
  expect(later).toMatchObject({
    state: 'exposed',
    exposure: 240 + 690 - 420,
    mechanism: 'point-in-time recovery',
  })
  const instance = (await objectiveStatuses(config, NOW + 600_000)).find(
    ({ mode }) => mode === 'instance-loss',
  )
  expect(instance).toMatchObject({ state: 'unknown', exposure: undefined })
})

test('a newer failed drill beats an older passed one, and a newer passed one the failed', async () => {
  publishHealth()
  const drill = { Environment: 'shop-prod', Mode: 'bad-write' }
  publish(HOME, 'DrillFailed', drill, 1, 'Holdfast', NOW - 5 * DAY * 1_000)
  expect(await statusOf('bad-write')).toMatchObject({
    state: 'unproven',
    proofAge: DAY,
    why: 'its newest drill did not pass',
  })
  publish(HOME, 'DrillFailed', drill, 0, 'Holdfast', NOW - 2 * DAY * 1_000)
  expect(await statusOf('bad-write')).toMatchObject({ state: 'holds', why: '' })
})

test('the evidence of a mode is its proof: the drill that has just ended is in no metric, and a later one that left none counts', async () => {
  publishHealth()
  const drill = { Environment: 'shop-prod', Mode: 'bad-write' }
  const never = NOW / 1_000
  publish(HOME, 'ProofAgeSeconds', { ...drill, Region: HOME }, never, 'Holdfast', NOW)
  const judged = async (proofAge: number, newest?: { age: number; passed: boolean }) =>
    (await objectiveStatuses(config, NOW, [], { 'bad-write': { proofAge, newest } })).find(
      ({ mode }) => mode === 'bad-write',
    )
  expect(await statusOf('bad-write')).toMatchObject({ state: 'unproven', proofAge: never })
  expect(await judged(600, { age: 600, passed: true })).toMatchObject({ state: 'holds', proofAge: 600 })
  expect(await judged(DAY, { age: 600, passed: false })).toMatchObject({
    state: 'unproven',
    why: 'its newest drill did not pass',
  })
  expect(await judged(never)).toMatchObject({ state: 'unproven', why: 'no drill has passed in time' })
  // In the five minutes before the drill that passed, and after it.
  publish(HOME, 'DrillFailed', drill, 1, 'Holdfast', NOW - 900_000)
  expect(await judged(600, { age: 600, passed: true })).toMatchObject({ state: 'holds' })
  publish(HOME, 'DrillFailed', drill, 1, 'Holdfast', NOW)
  expect(await judged(600, { age: 600, passed: true })).toMatchObject({ state: 'unproven' })
})

test('nothing holds by a way whose page rings, nor by a proof whose page does', async () => {
  publishHealth()
  const ringing = async (...ids: string[]) =>
    (
      await objectiveStatuses(
        config,
        NOW,
        ids.map(id => `shop-prod-${id}`),
      )
    ).find(({ mode }) => mode === 'bad-write')
  expect(await ringing('archive-gap')).toMatchObject({ state: 'holds', mechanism: 'point-in-time recovery' })
  expect(await ringing('archive-gap', 'restorable-age')).toMatchObject({
    state: 'exposed',
    why: 'the alarm archive-gap rings',
  })
  for (const id of [
    'control-missed-bad-write',
    'drill-rto-bad-write',
    'drill-overdue-bad-write-seen-from-afar',
  ])
    expect(await ringing(id)).toMatchObject({ state: 'unproven', why: `the alarm ${id} rings` })
  expect(await ringing('drill-failed-region-loss', 'cache-memory')).toMatchObject({ state: 'holds' })
})

test('a way back that takes longer than the objective allows does not answer for it, however near it is', async () => {
  publishHealth()
  const alone = { ...config, standby: { ...config.standby, enabled: false } }
  const objectives = { 'region-loss': { rpo: 3_600, rto: 900 } }
  const [status] = await objectiveStatuses({ ...alone, objectives }, NOW)
  expect(status).toMatchObject({
    state: 'exposed',
    exposure: 900,
    why: 'replicated automated backups takes longer than that',
  })
})

test('what nothing drills is unproven, and the loss of the account is answered by nothing inside it', async () => {
  publishHealth()
  expect(await statusOf('instance-loss')).toMatchObject({
    state: 'unproven',
    exposure: 0,
    why: 'nothing drills it',
  })
  const objectives = { 'account-loss': { rpo: 30 * DAY, rto: 30 * DAY } }
  expect(await objectiveStatuses({ ...config, objectives }, NOW)).toEqual([
    {
      ...{ mode: 'account-loss', rpo: 30 * DAY, rto: 30 * DAY, mechanism: 'nothing', state: 'unknown' },
      ...{ exposure: undefined, proofAge: undefined, proofEvery: undefined },
      why: 'nothing of this environment survives that',
    },
  ])
})

test('only alarms of the environment that speak to somebody are shown, with their article', async () => {
  const call = { requestId: 'test', region: HOME, account: '111122223333', service: 'monitoring' } as Call
  const put = (AlarmName: string, AlarmActions: string[]) =>
    cloudwatch.service.operations.PutMetricAlarm?.run(
      {
        AlarmName,
        AlarmActions,
        AlarmDescription:
          'the primary takes no writes.\nWhere: shop-prod.\nArticle: docs/runbook.md#heartbeat',
        Namespace: 'Holdfast',
        MetricName: 'HeartbeatsWritten',
        Statistic: 'Sum',
        Period: 60,
        EvaluationPeriods: 1,
        Threshold: 30,
        ComparisonOperator: 'LessThanThreshold',
        TreatMissingData: 'breaching',
      },
      call,
    )
  const topic = `arn:aws:sns:${HOME}:111122223333:shop-prod-pages`
  await put('shop-prod-heartbeat', [topic])
  await put('shop-prod-archive-behind.signal', [])
  await put('other-prod-heartbeat', [topic])
  cloudwatch.tick()
  await cloudwatch.settle()
  const ringing = await ringingAlarms(HOME, 'shop-prod')
  expect(ringing).toEqual([
    {
      name: 'shop-prod-heartbeat',
      region: HOME,
      since: '2026-11-20T12:00:30.000Z',
      sentence: 'the primary takes no writes.',
      article: 'docs/runbook.md#heartbeat',
    },
  ])
  expect(stripVTControlCharacters(alarmList(ringing, 80, [HOME]))).toBe(
    `shop-prod-heartbeat  ${HOME}  since 2026-11-20 12:00\n  the primary takes no writes.  docs/runbook.md#heartbeat`,
  )
  const long = ringing.map(alarm => ({ ...alarm, sentence: 'a word '.repeat(40) }))
  for (const line of stripVTControlCharacters(alarmList(long, 80, [HOME])).split('\n'))
    expect(line.length).toBeLessThanOrEqual(80)
  expect(stripVTControlCharacters(alarmList([], 80, [HOME, STANDBY]))).toBe(
    'no alarm rings in us-east-1 or us-west-2',
  )
})

test('a region that does not answer is silent in time, and what only it knows is unknown', async () => {
  const hang = new Promise<never>((_, reject) =>
    setTimeout(reject, 60_000, new Error('asked too long')).unref(),
  )
  const asked = answerOf(limit =>
    Promise.race([
      hang,
      new Promise<never>((_, reject) => limit.addEventListener('abort', () => reject(limit.reason))),
    ]),
  )
  expect(await asked).toEqual({ silence: 'TimeoutError' })
  const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  expect(await answerOf(async () => Promise.reject(refused))).toEqual({ silence: 'ECONNREFUSED' })
  await expect(answerOf(async () => Promise.reject(new TypeError('a bug')))).rejects.toThrow('a bug')
}, 60_000)

test('the screen says unknown and never in words', async () => {
  publish(HOME, 'ProofAgeSeconds', { Environment: 'shop-prod', Mode: 'bad-write', Region: HOME }, NOW / 1_000)
  const screen = stripVTControlCharacters(objectiveTable(await objectiveStatuses(config, NOW)))
  const line = screen.split('\n').find(text => text.startsWith('bad-write'))
  expect(line).toMatch(/^bad-write +unknown +5m\/1h +unknown +.*never\/7d$/)
  for (const row of screen.split('\n')) expect(row.length).toBeLessThanOrEqual(80)
})

test.each([
  [undefined, 'unknown'],
  [0, '0s'],
  [95, '1m 35s'],
  [300, '5m'],
  [5_400, '1h 30m'],
  [7_200, '2h'],
  [3 * DAY, '3d'],
  [NOW / 1_000, 'never'],
])('%s seconds are spoken as %s', (seconds, words) => expect(spoken(seconds)).toBe(words))
