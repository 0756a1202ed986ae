import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing'
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import type { ExamineAnswer } from '../../../lambdas/examine/request.ts'
import { METRICS } from '../../../lambdas/restore-drill/names.ts'
import { parseSealed } from '../../../lambdas/runtime/evidence/record.ts'
import { verifyChain } from '../../../lambdas/runtime/evidence/verify.ts'
import type { Check } from '../../../lambdas/runtime/verdict.ts'
import { makeEvidence, makeKeys, sealWith } from '../runtime/evidence/chain.ts'
import { type Cloud, openCloud, SETTING } from './cloud.ts'
import { examination, GOOD, MARK, TABLE } from './examination.ts'
import { drillIn, verdicts } from './running.ts'

let cloud: Cloud
let printed: ReturnType<typeof jest.spyOn>
// The real clock: a faked one drifts away from the times that AWS answers.
beforeAll(() => LocalDurableTestRunner.setupTestEnvironment({ skipTime: false }))
afterAll(() => LocalDurableTestRunner.teardownTestEnvironment())
beforeEach(async () => {
  printed = jest.spyOn(console, 'log').mockImplementation(() => {})
  cloud = await openCloud()
})
afterEach(async () => {
  await cloud.close()
  printed.mockRestore()
})

const metric = (name: string) =>
  printed.mock.calls
    .map((call: unknown[]) => JSON.parse(String(call[0])) as Record<string, unknown>)
    .find((line: Record<string, unknown>) => name in line)?.[name]

test('a good copy passes, is signed, chained and destroyed', async () => {
  const { result, evidence, records } = await drillIn(cloud)
  expect(result.sentence).toMatch(
    /^It comes back: 1,000 rows in 1 table equal the living database's; nothing is lost or corrupt/,
  )
  expect(result.verdict).toBe('pass')
  expect(verdicts(result)).toEqual({
    plan: 'pass',
    hold: 'pass',
    canaries: 'pass',
    witness: 'skipped',
    restore: 'pass',
    open: 'pass',
    quarantine: 'pass',
    identify: 'pass',
    cut: 'pass',
    structure: 'pass',
    compare: 'pass',
    contents: 'skipped',
    assertions: 'skipped',
    'roll-forward': 'skipped',
    evidence: 'pass',
    destroy: 'pass',
  })
  expect(cloud.instances.has('shop-prod')).toBe(true)
  expect([...cloud.instances.keys()]).toEqual(['shop-prod'])
  expect(evidence).toMatchObject({
    sequence: 1,
    previous: null,
    verdict: 'pass',
    // Without an archive: the decision at 14:04:10 and the newest restorable moment, 14:04:00.
    measured: { rpoSeconds: 10, coverage: 1 },
  })
  expect(evidence?.calls.map(call => call.operation)).toContain('RestoreDBInstanceToPointInTime')
  await drillIn(cloud)
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

test('another database is no part of what is said to be whole: its rows count as not compared, by name', async () => {
  const others = (rows: number) => ({
    databases: () => ({
      checks: [{ name: 'databases.listed', verdict: 'pass' as const, detail: 'good' }],
      databases: [{ name: 'ledger', title: 'ledger', tables: 2, rows, counted: true }],
    }),
  })
  const few = await drillIn(cloud, {}, examination(others(5)))
  expect(few.result.verdict).toBe('pass')
  expect(few.result.sentence).toMatch(
    /nothing in this database is lost or corrupt; .*; not compared: database ledger with 5 rows; not looked at: public.scratch$/,
  )
  expect(few.evidence?.measured.coverage).toBeCloseTo(1_000 / 1_005)
  expect(few.evidence?.tables.find(({ name }) => name === 'database ledger')).toMatchObject({
    level: 'none',
    rows: 5,
    compared: 0,
  })
  const many = await drillIn(cloud, {}, examination(others(1_000)))
  expect(many.result).toMatchObject({
    verdict: 'fail',
    sentence:
      'Not proven: objective.coverage: 50.00 %, at least 99.00 %; not compared: database ledger with 2 tables and 1000 rows',
  })
})

test.each([
  [
    'a throttled call',
    { operation: 'RestoreDBInstanceToPointInTime', times: 2, effect: { kind: 'throttle' } },
  ],
  [
    'an answer that was lost',
    { operation: 'RestoreDBInstanceToPointInTime', times: 1, effect: { kind: 'lose-answer' } },
  ],
  [
    'a throttled look at the copy',
    { operation: 'DescribeDBInstances', times: 3, effect: { kind: 'throttle' } },
  ],
] as const)('%s is no failure: the copy is restored once', async (_what, fault) => {
  cloud.faults.add(fault)
  const { result } = await drillIn(cloud)
  expect(result.verdict).toBe('pass')
  expect(cloud.deleted).toHaveLength(1)
})

test('a copy with default groups fails', async () => {
  cloud.behaviour.defaults = true
  const { result, evidence } = await drillIn(cloud)
  expect(result.verdict).toBe('fail')
  const check = evidence?.stages
    .find(stage => stage.name === 'restore')
    ?.checks.find(one => one.verdict === 'fail')
  expect(check).toMatchObject({ name: 'restore.parameter-group' })
  expect([...cloud.instances.keys()]).toEqual(['shop-prod'])
})

test('a stuck restore fails in time and its copy is destroyed', async () => {
  cloud.behaviour.statuses = ['creating']
  const { result } = await drillIn(cloud, { restoreSeconds: 2 })
  expect(result).toMatchObject({ verdict: 'fail' })
  expect(result.sentence).toMatch(/the restore is stuck: drill-shop-prod-\w+ is still creating after 2 s/)
  expect(verdicts(result)).toMatchObject({
    restore: 'fail',
    open: 'skipped',
    compare: 'skipped',
    evidence: 'pass',
  })
  expect([...cloud.instances.keys()]).toEqual(['shop-prod'])
})

test('a copy is used while its blocks still come from S3', async () => {
  cloud.behaviour.statuses = ['creating', 'storage-initialization']
  const { result } = await drillIn(cloud)
  expect(result.verdict).toBe('pass')
  expect([...cloud.instances.keys()]).toEqual(['shop-prod'])
})

test('the master password is changed once RDS takes a change of the copy', async () => {
  cloud.behaviour.busy = 2
  const { result, evidence } = await drillIn(cloud)
  expect(result.verdict).toBe('pass')
  expect(evidence?.calls.filter(call => call.operation === 'ModifyDBInstance')).toHaveLength(3)
})

test('a copy that keeps production’s master password is destroyed', async () => {
  cloud.behaviour.busy = Number.POSITIVE_INFINITY
  const { result } = await drillIn(cloud, { restoreSeconds: 2 })
  expect(result.verdict).not.toBe('pass')
  expect(result.sentence).toMatch(/master password of drill-shop-prod-\w+ is still production's after 2 s/)
  expect([...cloud.instances.keys()]).toEqual(['shop-prod'])
})

test('a failed restore fails with its status and its copy is destroyed', async () => {
  cloud.behaviour.statuses = ['creating', 'incompatible-restore']
  const { result } = await drillIn(cloud)
  expect(result.verdict).toBe('fail')
  expect(result.sentence).toMatch(/the restore failed: drill-shop-prod-\w+ is incompatible-restore/)
  expect([...cloud.instances.keys()]).toEqual(['shop-prod'])
})

test.each([
  ['InstanceQuotaExceeded', 'raise the RDS instance quota'],
  ['KMSKeyNotAccessibleFault', 'enable the key'],
  ['InvalidDBInstanceState', 'wait until the instance is available'],
])('%s on the restore is unknown, with a sentence and a step', async (code, step) => {
  cloud.faults.add({
    operation: 'RestoreDBInstanceToPointInTime',
    effect: { kind: 'fail', code, status: 400, message: 'no' },
  })
  const { result, evidence } = await drillIn(cloud)
  expect(result.verdict).toBe('unknown')
  const restore = evidence?.stages.find(stage => stage.name === 'restore')
  expect(restore?.detail).toMatch(/^restoring drill-shop-prod-\w+: \w+: no/)
  expect(restore?.detail).toContain(step)
  expect(cloud.deleted).toEqual([])
})

test.each([
  [
    'a stopped source',
    (one: Cloud) =>
      one.instances.set('shop-prod', { ...one.instances.get('shop-prod'), DBInstanceStatus: 'stopped' }),
    'shop-prod is stopped',
  ],
  [
    'a missing source',
    (one: Cloud) => void one.instances.delete('shop-prod'),
    'there is no instance shop-prod in us-east-1',
  ],
  [
    'a source without backups',
    (one: Cloud) =>
      one.instances.set('shop-prod', { ...one.instances.get('shop-prod'), LatestRestorableTime: undefined }),
    'no restorable window',
  ],
])('%s is refused before anything is restored', async (_what, break_, sentence) => {
  break_(cloud)
  const { result } = await drillIn(cloud)
  expect(result.verdict).toBe('unknown')
  expect(result.sentence).toContain(sentence)
  expect(verdicts(result)).toMatchObject({ plan: 'unknown', restore: 'skipped', destroy: 'pass' })
})

test.each([
  ['2026-11-01T00:00:00Z', 'lies before the restorable window'],
  ['2026-11-20T15:04:00Z', 'lies 3600 s after the restorable window'],
])('the impossible time %s is refused', async (at, sentence) => {
  const { result } = await drillIn(cloud, { target: { kind: 'time', at } })
  expect(result.verdict).toBe('unknown')
  expect(result.sentence).toContain(sentence)
})

function standing(tags: Readonly<Record<string, string>>): string {
  const copy = 'drill-shop-prod-0123456789'
  cloud.instances.set(copy, {
    DBInstanceIdentifier: copy,
    DBInstanceStatus: 'available',
    TagList: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
  })
  return copy
}
const HOURS_AHEAD = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()
const STANDING = {
  'holdfast:environment': 'shop-prod',
  'holdfast:drill': '0123456789',
  'holdfast:expires': HOURS_AHEAD(4),
}

test('a second drill is refused while the first one stands, and leaves it alone', async () => {
  const copy = standing(STANDING)
  const { result } = await drillIn(cloud)
  expect(result.verdict).toBe('unknown')
  expect(result.sentence).toContain('a drill is already running: drill-shop-prod-0123456789')
  expect(cloud.instances.has(copy)).toBe(true)
  expect(cloud.deleted).toEqual([])
})

test.each([
  ['no expiry', { 'holdfast:expires': '' }],
  ['an expiry that has passed', { 'holdfast:expires': HOURS_AHEAD(-1) }],
  ['an expiry that no drill writes', { 'holdfast:expires': HOURS_AHEAD(24 * 365) }],
  ['the tag of no drill', { 'holdfast:drill': 'x' }],
  ['the tag of another environment', { 'holdfast:environment': 'shop-prod-eu' }],
])('a copy with %s stops no drill, and is left to the reaper', async (_what, over) => {
  const copy = standing({ ...STANDING, ...over })
  const { result } = await drillIn(cloud)
  expect(result.verdict).toBe('pass')
  expect(cloud.instances.has(copy)).toBe(true)
})

test('a request for the other region is refused', async () => {
  const { result } = await drillIn(cloud, { region: 'standby' })
  expect(result.sentence).toContain('the request says standby, this function runs in us-east-1')
})

test.each([
  ['kms', 'Sign', 'AccessDeniedException'],
  ['kms', 'Sign', 'DisabledException'],
  ['s3', 'PutObject', 'AccessDenied'],
])('when %s refuses %s the drill is unknown and the copy is destroyed', async (service, operation, code) => {
  cloud.faults.add({ service, operation, effect: { kind: 'fail', code, status: 403, message: 'no' } })
  const { result, evidence } = await drillIn(cloud)
  expect(result.verdict).toBe('unknown')
  expect(result.evidence).toBeNull()
  expect(evidence).toBeUndefined()
  expect(result.sentence).toMatch(/And evidence: writing the evidence: \w+: no/)
  expect([...cloud.instances.keys()]).toEqual(['shop-prod'])
})

test('an examination that dies once is asked again', async () => {
  let died = false
  const examine = examination({
    identify: request => {
      if (died) return GOOD.identify(request)
      died = true
      throw new Error('RequestId: x Error: Runtime exited with error: signal: killed')
    },
  })
  expect((await drillIn(cloud, {}, examine)).result.verdict).toBe('pass')
})

test.each(['quarantine', 'identify', 'cut', 'structure', 'plan', 'compare'] as const)(
  'an examination that always dies in %s makes the drill unknown, never green',
  async task => {
    const examine = examination({
      [task]: () => {
        throw new Error('signal: killed')
      },
    })
    const { result } = await drillIn(cloud, {}, examine)
    expect(result.verdict).toBe('unknown')
    expect(result.sentence).toContain('signal: killed')
    expect(verdicts(result)).toMatchObject({ evidence: 'pass', destroy: 'pass' })
  },
)

test.each([
  ['lost', { lost: 3 }, '3 lost'],
  ['corrupt', { corrupt: 1 }, '1 corrupt'],
  ['foreign', { foreign: 2 }, '2 written by the copy itself'],
])('a table with %s rows fails the drill', async (_what, over, words) => {
  const examine = examination({
    compare: () => ({ checks: [], tables: [{ ...TABLE, ...over }], rest: [], bytes: 1 }),
    plan: () => ({ checks: [], batches: [[[0, 0, null]]], tables: 1, bytes: 1, notCompared: [] }),
  })
  const { result, evidence } = await drillIn(cloud, {}, examine)
  expect(result.verdict).toBe('fail')
  expect(evidence?.tables[0]).toMatchObject({ name: 'public.orders', verdict: 'fail', detail: words })
})

test('rows that changed after the cut are counted and are no failure', async () => {
  const examine = examination({
    compare: () => ({
      checks: [],
      tables: [{ ...TABLE, equal: 900, changedSince: 100 }],
      rest: [],
      bytes: 1,
    }),
  })
  const { result, evidence } = await drillIn(cloud, {}, examine)
  expect(result.verdict).toBe('pass')
  expect(evidence?.tables.find(table => table.name === 'public.orders')).toMatchObject({
    verdict: 'pass',
    changedSince: 200,
  })
})

test.each([
  ['rpoSeconds', { objective: { rpoSeconds: 9, rtoSeconds: 60 } }, 'objective.rpo'],
  ['rtoSeconds', { objective: { rpoSeconds: 50, rtoSeconds: 0.001 }, restoreSeconds: 60 }, 'objective.rto'],
])('a missed %s fails', async (_what, over, name) => {
  const { result, evidence } = await drillIn(cloud, over)
  expect(result.verdict).toBe('fail')
  const checks = evidence?.stages.find(stage => stage.name === 'objectives')?.checks
  expect(checks?.find(check => check.verdict === 'fail')?.name).toBe(name)
})

test('too few compared rows fail', async () => {
  const examine = examination({
    compare: () => ({ checks: [], tables: [{ ...TABLE, skipped: true }], rest: [], bytes: 1 }),
  })
  const { result } = await drillIn(cloud, {}, examine)
  expect(result.verdict).toBe('fail')
  expect(result.sentence).toContain('objective.coverage: 0.00 %, at least 99.00 %')
})

test('a copy without a heartbeat cannot be dated: the drill does not pass', async () => {
  const lost = { heartbeats: null, transactions: null, rows: null }
  const examine = examination({
    cut: () => ({
      checks: [{ name: 'cut.heartbeat', verdict: 'fail', detail: 'no heartbeat survived' }],
      cut: null,
      referenceAhead: false,
      rpoSeconds: null,
      lost,
    }),
  })
  const { result } = await drillIn(cloud, {}, examine)
  expect(result.verdict).toBe('fail')
  expect(verdicts(result)).toMatchObject({ cut: 'fail', compare: 'skipped' })
})

test('a control that is caught by the right check passes and says so in the metric', async () => {
  const examine = examination({
    compare: () => ({ checks: [], tables: [{ ...TABLE, lost: 1 }], rest: [], bytes: 1 }),
  })
  const { result } = await drillIn(cloud, { negativeControl: 'row-deleted' }, examine)
  expect(result.verdict).toBe('pass')
  expect(result.sentence).toContain('The control row-deleted was caught')
  expect(metric(METRICS.negativeControlRed)).toBe(1)
  expect(metric(METRICS.passed)).toBeUndefined()
})

test('a control that nothing sees is a failure of the verifier', async () => {
  const { result } = await drillIn(cloud, { negativeControl: 'row-deleted' })
  expect(result.verdict).toBe('fail')
  expect(result.sentence).toContain('THE VERIFIER FAILED')
  expect(metric(METRICS.negativeControlRed)).toBe(0)
})

test('a control that turned red for another reason is a failure of the verifier', async () => {
  const examine = examination({
    identify: () => ({ checks: [{ name: 'identify.version', verdict: 'fail', detail: 'other' }] }),
  })
  const { result } = await drillIn(cloud, { negativeControl: 'row-deleted' }, examine)
  expect(result.sentence).toContain('no check that should see it turned red (red were: identify.version)')
})

// Naive: a fault that is really there, seen by the right check, taken for the one that was to be put there.
test('a control whose injection died proves nothing, whatever is red', async () => {
  const examine = examination({
    fault: () => {
      throw new Error('signal: killed')
    },
    compare: () => ({ checks: [], tables: [{ ...TABLE, lost: 1 }], rest: [], bytes: 1 }),
  })
  const { result } = await drillIn(cloud, { negativeControl: 'row-deleted' }, examine)
  expect(result.verdict).toBe('fail')
  expect(result.sentence).toContain('it was never put into the copy')
  expect(metric(METRICS.negativeControlRed)).toBe(0)
})

test('a control that turned the right stage red by another check is a failure of the verifier', async () => {
  const examine = examination({
    structure: () => ({ checks: [{ name: 'structure.settings', verdict: 'fail', detail: 'other' }] }),
  })
  const { result } = await drillIn(cloud, { negativeControl: 'index-dropped' }, examine)
  expect(result.sentence).toContain('no check that should see it turned red (red were: structure.settings')
})

/** Answers as they are, without the check of this name. */
function without<A extends { checks: readonly Check[] }>(answer: A, name: string): A {
  return { ...answer, checks: answer.checks.filter(check => check.name !== name) }
}

// Naive: a verdict over the checks that came, which does not miss one that did not.
test.each([
  ['mark', 'mark.heartbeat'],
  ['structure', 'structure.schema'],
  ['plan', 'compare.own-writes'],
] as const)('a drill whose %s answers without %s is unknown', async (task, name) => {
  const other: Check = { name: 'mark.other', verdict: 'pass', detail: 'good' }
  const examine = examination({
    [task]: (request: never) => {
      const answer = without(GOOD[task](request) as { checks: Check[] }, name)
      return { ...answer, checks: [...answer.checks, other] }
    },
  })
  const { result } = await drillIn(cloud, {}, examine)
  expect(result.verdict).toBe('unknown')
  expect(result.sentence).toMatch(/^Not known: objective\.complete: 1 of \d+ questions that a proof needs/)
  expect(result.sentence).toContain(`were not answered: ${name}`)
})

test('a check that was skipped has proven nothing where skipping is no answer', async () => {
  const examine = examination({
    identify: request => {
      const { checks } = GOOD.identify(request) as { checks: Check[] }
      return { checks: checks.map(check => ({ ...check, verdict: 'skipped' as const })) }
    },
  })
  const { result } = await drillIn(cloud, {}, examine)
  expect(result.verdict).toBe('unknown')
  expect(result.sentence).toContain('identify.system-identifier, identify.version')
})

test('assertions and warm queries are each missed by name', async () => {
  const assertions = [
    { name: 'orders', sql: 'select true' },
    { name: 'sums', sql: 'select true' },
  ]
  const over = { assertions, warm: ['select 1'] }
  const examine = examination({
    assertions: () => ({
      checks: ['orders', 'orders'].map(name => ({
        name: `assertion.${name}`,
        verdict: 'pass' as const,
        detail: '',
      })),
    }),
  })
  const { result } = await drillIn(cloud, over, examine)
  expect(result.verdict).toBe('unknown')
  expect(result.sentence).toContain('not answered: open.warm.1, assertion.sums')
})

test('a table that was planned and never came back leaves the comparison unknown', async () => {
  const examine = examination({
    plan: request => ({ ...(GOOD.plan(request) as ExamineAnswer<'plan'>), tables: 2 }),
  })
  const { result } = await drillIn(cloud, {}, examine)
  expect(result.verdict).toBe('unknown')
  expect(result.sentence).toContain('2 of 2 batches were compared to their end, and 1 of 2 tables')
})

test('a control that could not be put into the copy proves nothing', async () => {
  const examine = examination({
    fault: () => ({ checks: [], done: false, target: null }),
    compare: () => ({ checks: [], tables: [{ ...TABLE, lost: 1 }], rest: [], bytes: 1 }),
  })
  const { result } = await drillIn(cloud, { negativeControl: 'row-deleted' }, examine)
  expect(result.verdict).toBe('fail')
  expect(metric(METRICS.negativeControlRed)).toBe(0)
})

test('two drills that end together take two places in the chain', async () => {
  const first = drillIn(cloud)
  const second = drillIn(cloud, {}, examination(), { ...SETTING, name: 'shop-prod' })
  await Promise.all([first, second])
  const files = [...cloud.objects]
    .filter(([key]) => key.startsWith('evidence/'))
    .map(([name, text]) => ({ name, text: text.toString() }))
  expect(verifyChain(files, { whole: true })).toMatchObject({ verdict: 'pass', complete: true })
  expect(files).toHaveLength(2)
})

test('a replica that stands for the primary is waited for until it has replayed past the copy', async () => {
  let looks = 0
  const examine = examination({
    mark: () => ({ ...MARK, recovering: true }),
    cut: request => {
      looks += 1
      const answer = GOOD.cut(request) as ExamineAnswer<'cut'>
      return { ...answer, referenceAhead: looks > 2 }
    },
  })
  const { result } = await drillIn(cloud, {}, examine)
  expect(result.verdict).toBe('pass')
  expect(looks).toBe(3)
}, 120_000)

test('on a replica no sentinel is committed: a moment ahead is refused before anything is restored', async () => {
  const examine = examination({ mark: () => ({ ...MARK, recovering: true }) })
  const { result } = await drillIn(cloud, { target: { kind: 'now' } }, examine)
  expect(result.verdict).toBe('unknown')
  expect(result.sentence).toMatch(/shop-prod is a replica: nothing can be committed there/)
  expect(verdicts(result)).toMatchObject({ canaries: 'unknown', restore: 'skipped' })
})

const PLACE = (sequence: number) => `evidence/us-east-1/${String(sequence).padStart(10, '0')}.json`
const sequences = () =>
  [...cloud.objects.keys()]
    .filter(key => key.startsWith('reports/'))
    .map(key => Number(/(\d+)\.html$/.exec(key)?.[1]))

/** The records that drills wrote, and what the newest says of the rest. */
function chained() {
  const files = [...cloud.objects]
    .filter(([key]) => key.startsWith('evidence/') && !cloud.refusals.has(key) && !cloud.sizes.has(key))
    .map(([name, text]) => ({ name, text: text.toString() }))
  return verifyChain(files, { whole: true })
}

test.each<[string, (key: string) => void, string]>([
  ['is no record', key => cloud.objects.set(key, Buffer.from('{}')), 'unreadable'],
  [
    'has five gigabytes',
    key => cloud.objects.set(key, Buffer.from('')) && cloud.sizes.set(key, 5 * 2 ** 30),
    'too large',
  ],
  [
    'must be thawed first',
    key => cloud.objects.set(key, Buffer.from('')) && cloud.refusals.set(key, 'InvalidObjectState'),
    'unreadable',
  ],
  [
    'is encrypted with a key of its own',
    key => cloud.objects.set(key, Buffer.from('')) && cloud.refusals.set(key, 'InvalidRequest'),
    'unreadable',
  ],
  ['is an old record', key => cloud.objects.set(key, cloud.objects.get(PLACE(1))!), 'misplaced'],
  [
    'another key has signed',
    key =>
      cloud.objects.set(
        key,
        Buffer.from(JSON.stringify(sealWith(makeKeys(), makeEvidence({ sequence: 2 })))),
      ),
    'wrong key',
  ],
])(
  'an object at the next place that %s does not stop the chain, and the next record names it',
  async (_what, lay, why) => {
    await drillIn(cloud)
    lay(PLACE(2))
    const { result } = await drillIn(cloud)
    expect(result.verdict).toBe('pass')
    const { evidence } = parseSealed(cloud.objects.get(PLACE(3))!.toString())
    expect(evidence.steppedOver).toMatchObject([{ key: PLACE(2), why }])
    expect(chained()).toMatchObject({
      verdict: 'pass',
      complete: true,
      steppedOver: [{ name: PLACE(2), by: 3 }],
    })
    await drillIn(cloud)
    expect(parseSealed(cloud.objects.get(PLACE(4))!.toString()).evidence.steppedOver).toEqual([])
  },
)

test('an object far ahead, and a thousand at the next places, cost one drill their names', async () => {
  await drillIn(cloud)
  for (let place = 2; place <= 1_001; place++) cloud.objects.set(PLACE(place), Buffer.from(`${place}`))
  cloud.objects.set(PLACE(9_999_999_999), Buffer.from('{}'))
  await drillIn(cloud)
  await drillIn(cloud)
  expect(sequences()).toEqual([1, 1_002, 1_003])
  expect(parseSealed(cloud.objects.get(PLACE(1_002))!.toString()).evidence.steppedOver).toHaveLength(1_001)
  expect(chained()).toMatchObject({ verdict: 'pass', steppedOver: { length: 1_001 } })
}, 120_000)

// Naive: stepping over whatever cannot be read. Who may not read the bucket would begin a chain of his own.
test('who may not read the records writes none beside them', async () => {
  await drillIn(cloud)
  cloud.refusals.set(PLACE(1), 'AccessDenied')
  const { result } = await drillIn(cloud)
  expect(result.verdict).toBe('unknown')
  expect(result.evidence).toBeNull()
  expect(sequences()).toEqual([1])
})

test('a record that was altered is stepped over with its name, never built upon', async () => {
  await drillIn(cloud)
  const text = cloud.objects.get(PLACE(1))!.toString()
  cloud.objects.set(PLACE(1), Buffer.from(text.replace('"rpoSeconds": 10', '"rpoSeconds": 1')))
  const { result } = await drillIn(cloud)
  expect(result.verdict).toBe('pass')
  const { evidence } = parseSealed(cloud.objects.get(PLACE(2))!.toString())
  expect(evidence).toMatchObject({ previous: null, steppedOver: [{ key: PLACE(1), why: 'altered' }] })
  // With the record as it was first written, which the lock keeps, the one that stepped over it does not hold.
  cloud.objects.set(PLACE(1), Buffer.from(text))
  expect(chained()).toMatchObject({ verdict: 'fail', broken: { sequence: 2 } })
})
