import { createHash } from 'node:crypto'
import {
  CreateDBInstanceCommand,
  type RDSClient,
  StartDBInstanceAutomatedBackupsReplicationCommand,
} from '@aws-sdk/client-rds'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { databaseAges, segmentAge } from '../../../lambdas/freshness/ages.ts'
import { evidenceAges } from '../../../lambdas/freshness/proofs.ts'
import type { Ages } from '../../../lambdas/freshness/request.ts'
import { evidenceKey } from '../../../lambdas/runtime/evidence/key.ts'
import type { Evidence, SealedEvidence } from '../../../lambdas/runtime/evidence/record.ts'
import { createS3, type S3Service } from '../../../twin/services/s3/service.ts'
import { openTarget, type Target, until, untilStatus } from '../../contract/target.ts'
import { workbench } from '../../support/services.ts'
import { listenerWith } from '../../support/wire.ts'
import { makeEvidence, makeKeys, sealWith } from '../runtime/evidence/chain.ts'

const HOME = 'us-east-1'
const STANDBY = 'us-west-2'
const DAY = 86_400
const NOW = Date.parse('2026-11-22T14:05:00Z')
const keys = makeKeys()
const drilled = [
  { mode: 'bad-write', region: HOME },
  { mode: 'region-loss', region: STANDBY },
]

let bench: ReturnType<typeof workbench>
let target: Target
let storage: S3Service
let twin: Awaited<ReturnType<typeof listenerWith>>
let s3: S3Client
let bucket = ''
let counter = 0

beforeAll(async () => {
  bench = workbench('2026-11-22T14:00:00Z')
  target = await openTarget()
  storage = createS3({
    ...bench.dependencies('s3'),
    dir: bench.dir,
    findKey: arn => ({ arn, context: {}, assertUsable: () => {} }),
    may: () => true,
    allowsRole: () => true,
    isReachable: () => true,
  })
  const rds = target.twin?.rds()
  if (rds === undefined) throw new Error('the twin alone can be asked over a second wire')
  twin = await listenerWith([storage.service, rds.service])
  s3 = new S3Client({ ...twin.config(HOME), forcePathStyle: true })
}, 120_000)

beforeEach(async () => {
  bucket = `bucket-${++counter}`
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
})

afterAll(async () => {
  s3.destroy()
  await twin.close()
  storage.close()
  await target.close()
  bench.remove()
  expect(twin.bugs).toEqual([])
}, 60_000)

/** Writes records into a region's chain as a drill seals them, in this order. */
async function record(region: string, ...records: Partial<Evidence>[]): Promise<SealedEvidence | undefined> {
  let before: SealedEvidence | undefined
  for (const [index, over] of records.entries()) {
    const place = { chain: `shop-prod/${region}`, sequence: index + 1, previous: before?.sha256 ?? null }
    before = sealWith(keys, makeEvidence({ ...over, ...place }))
    await put(region, index + 1, before)
  }
  return before
}

function put(region: string, sequence: number, sealed: SealedEvidence) {
  return s3.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: evidenceKey(region, sequence),
      Body: JSON.stringify(sealed),
    }),
  )
}

const pinOf = async () => keys.pem
const ages = () => evidenceAges(s3, { bucket, name: 'shop-prod', pinOf }, drilled, NOW)
const CONTROL = {
  request: { ...makeEvidence().request, negativeControl: 'missing-row' },
}

test('what was never proven is as old as the epoch', async () => {
  expect(await ages()).toEqual({
    proofs: { 'bad-write': 1_795_356_300, 'region-loss': 1_795_356_300 },
    outcomes: {},
    control: 1_795_356_300,
    foreign: 0,
  })
})

test('the newest passed drill of a mode is its proof, and each region answers for its own modes', async () => {
  await record(
    HOME,
    { startedAt: '2026-11-18T14:05:00.000Z' },
    { startedAt: '2026-11-20T14:05:00.000Z' },
    // A drill of the other region's mode in this chain proves nothing for that region.
    { startedAt: '2026-11-21T14:05:00.000Z', mode: 'region-loss' },
  )
  await record(STANDBY, { startedAt: '2026-11-19T14:05:00.000Z', mode: 'region-loss' })
  expect((await ages()).proofs).toEqual({ 'bad-write': 2 * DAY, 'region-loss': 3 * DAY })
})

test('how the newest drill of a mode ended is told beside its proof, and a negative control is no drill of it', async () => {
  await record(
    HOME,
    { startedAt: '2026-11-18T14:05:00.000Z' },
    { startedAt: '2026-11-20T14:05:00.000Z', verdict: 'fail' },
    { startedAt: '2026-11-21T14:05:00.000Z', ...CONTROL },
  )
  await record(STANDBY, { startedAt: '2026-11-19T14:05:00.000Z', mode: 'region-loss' })
  expect(await ages()).toMatchObject({
    proofs: { 'bad-write': 4 * DAY, 'region-loss': 3 * DAY },
    outcomes: {
      'bad-write': { age: 2 * DAY, passed: false },
      'region-loss': { age: 3 * DAY, passed: true },
    },
  })
})

const LATE = '2026-11-22T14:00:00.000Z'
const late = (over: Partial<Evidence>) =>
  makeEvidence({ startedAt: LATE, chain: `shop-prod/${HOME}`, sequence: 2, ...over })

test.each<[string, (before: SealedEvidence) => SealedEvidence]>([
  [
    "another environment's",
    ({ sha256 }) => sealWith(keys, late({ chain: `shop-dev/${HOME}`, previous: sha256 })),
  ],
  ["another key's", ({ sha256 }) => sealWith(makeKeys(), late({ previous: sha256 }))],
  ['one that follows nothing', () => sealWith(keys, late({ previous: 'f'.repeat(64) }))],
  [
    'one whose signature is of another',
    before => ({ ...sealWith(keys, late({ previous: before.sha256 })), signature: before.signature }),
  ],
  ['an old one at a new place', before => before],
  [
    'one that was altered',
    before => {
      const sealed = sealWith(keys, late({ verdict: 'fail', previous: before.sha256 }))
      return { ...sealed, evidence: { ...sealed.evidence, verdict: 'pass' } }
    },
  ],
])('%s is no proof, is counted as foreign, and the proof before it still counts', async (_what, forge) => {
  const before = await record(HOME, { startedAt: '2026-11-20T14:05:00.000Z' })
  await put(HOME, 2, forge(before!))
  expect(await ages()).toMatchObject({ proofs: { 'bad-write': 2 * DAY }, foreign: 1 })
})

test('a record that begins in the future proves nothing, and one of this minute is not younger than now', async () => {
  const past = { startedAt: '2026-11-20T14:05:00.000Z' }
  await record(HOME, past, { startedAt: '2026-11-22T14:11:00.000Z' })
  expect((await ages()).proofs['bad-write']).toBe(2 * DAY)
  bucket = `bucket-${++counter}`
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  await record(HOME, past, { startedAt: '2026-11-22T14:06:00.000Z' })
  expect((await ages()).proofs['bad-write']).toBe(0)
})

test('what no record names is foreign for ever, what one has named for a day', async () => {
  const junk = { Bucket: bucket, Key: evidenceKey(HOME, 9_999_999_999), Body: 'x' }
  bench.time.now = NOW - 3 * DAY * 1_000
  await s3.send(new PutObjectCommand(junk))
  expect((await ages()).foreign).toBe(1)
  const key = junk.Key
  const sha256 = createHash('sha256').update('x').digest('hex')
  await record(HOME, { steppedOver: [{ key, version: null, sha256, size: 1, why: 'unreadable' }] })
  expect((await ages()).foreign).toBe(0)
})

test('a region whose key does not answer leaves the other one its proofs', async () => {
  await record(HOME, { startedAt: '2026-11-20T14:05:00.000Z' })
  const gone = async (region: string) => {
    if (region === STANDBY) throw new Error('lost')
    return keys.pem
  }
  expect(await evidenceAges(s3, { bucket, name: 'shop-prod', pinOf: gone }, drilled, NOW)).toMatchObject({
    proofs: { 'bad-write': 2 * DAY },
    control: undefined,
    failed: new Error('lost'),
  })
})

test('a drill that failed or did not find out proves nothing: the one that passed before it counts', async () => {
  await record(
    HOME,
    { startedAt: '2026-11-17T14:05:00.000Z' },
    { startedAt: '2026-11-20T14:05:00.000Z', verdict: 'fail' },
    { startedAt: '2026-11-21T14:05:00.000Z', verdict: 'unknown' },
  )
  expect((await ages()).proofs['bad-write']).toBe(5 * DAY)
})

test('a negative control counts as a control and never as a proof, whatever its verdict', async () => {
  await record(
    HOME,
    { startedAt: '2026-11-21T14:05:00.000Z', ...CONTROL },
    { startedAt: '2026-11-22T02:05:00.000Z', verdict: 'fail', ...CONTROL },
  )
  expect(await ages()).toEqual({
    proofs: { 'bad-write': 1_795_356_300, 'region-loss': 1_795_356_300 },
    outcomes: {},
    control: DAY / 2,
    foreign: 0,
  })
})

test('the newest segment is what the archive is old by, and what is no segment does not count', async () => {
  expect(await segmentAge(s3, bucket, NOW)).toBe(1_795_356_300)
  const write = (Key: string) => s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'x' }))
  bench.time.now = Date.parse('2026-11-22T14:01:00Z')
  await write('7301/00000001/0000000001000000.segment')
  bench.time.now = Date.parse('2026-11-22T14:03:00Z')
  await write('7301/00000001/0000000002000000.segment')
  bench.time.now = Date.parse('2026-11-22T14:04:30Z')
  await write('readme.txt')
  expect(await segmentAge(s3, bucket, NOW)).toBe(120)
})

/** Runs the handler as Lambda does: everything from the environment, everything said on standard output. */
async function look(region: string, over: Record<string, string> = {}) {
  const credentials = twin.identities.root()
  const environment = {
    AWS_REGION: region,
    AWS_ENDPOINT_URL: twin.url,
    AWS_ACCESS_KEY_ID: credentials.principal.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    HOLDFAST_NAME: 'shop-prod',
    SOURCE_INSTANCE: 'shop-prod',
    SOURCE_REGION: HOME,
    EVIDENCE_BUCKET: bucket,
    SEGMENTS_BUCKET: bucket,
    DRILLS: JSON.stringify(drilled),
    ...over,
  }
  const before = { ...process.env }
  const said = jest.spyOn(console, 'log').mockImplementation(() => {})
  Object.assign(process.env, environment)
  try {
    jest.resetModules()
    const { handler } = (await import('../../../lambdas/freshness/handler.ts')) as {
      handler: () => Promise<Ages>
    }
    const outcome = await handler().then(
      value => ({ value }),
      (error: Error) => ({ error: error.message }),
    )
    const lines = said.mock.calls.map(([line]) => JSON.parse(String(line)) as Record<string, unknown>)
    return { outcome, figures: lines.map(({ _aws, ...figures }) => figures) }
  } finally {
    said.mockRestore()
    process.env = before
  }
}

const named = (figures: readonly Record<string, unknown>[], name: string) =>
  figures.filter(line => name in line)

test('nothing is published of proofs while the key does not answer; the rest is, and the run fails', async () => {
  await put(HOME, 1, sealWith(keys, makeEvidence()))
  // This twin has no KMS.
  const { outcome, figures } = await look(HOME, { SOURCE_INSTANCE: 'nobody' })
  expect(outcome).toEqual({ error: expect.stringContaining('kms') })
  expect(named(figures, 'ProofAgeSeconds')).toEqual([])
  expect(named(figures, 'NegativeControlAgeSeconds')).toEqual([])
  expect(named(figures, 'ForeignEvidence')).toEqual([])
  expect(named(figures, 'SegmentAgeSeconds')).toEqual([
    { Environment: 'shop-prod', Region: HOME, SegmentAgeSeconds: expect.any(Number) },
  ])
})

test('says nothing about an archive that is off and a mode that nobody drills', async () => {
  const { figures } = await look(STANDBY, { SEGMENTS_BUCKET: '', DRILLS: '[]' })
  expect(figures).toEqual([])
})

async function makeInstance(rds: RDSClient): Promise<string> {
  await rds.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: 'shop-prod',
      Engine: 'postgres',
      DBInstanceClass: 'db.t4g.micro',
      MasterUsername: 'master',
      MasterUserPassword: 'correct-horse',
      DBName: 'shop',
      BackupRetentionPeriod: 7,
      AllocatedStorage: 20,
    }),
  )
  const { DBInstanceArn = '' } = await untilStatus(rds, 'shop-prod', 'available', 120)
  return DBInstanceArn
}

test('how far back recovery reaches is told at home by the instance and elsewhere by its replicated backups', async () => {
  const home = target.rds(HOME)
  const standby = target.rds(STANDBY)
  const arn = await makeInstance(home)
  expect(await databaseAges(standby, 'shop-prod', false, Date.now())).toEqual({
    restorable: undefined,
    database: undefined,
  })
  expect(named((await look(STANDBY)).figures, 'RestorableAgeSeconds')).toEqual([])

  await standby.send(
    new StartDBInstanceAutomatedBackupsReplicationCommand({
      SourceDBInstanceArn: arn,
      BackupRetentionPeriod: 7,
    }),
  )
  for (const [client, isHome] of [
    [home, true],
    [standby, false],
  ] as const) {
    const { restorable, database } = await until(async () => {
      const ages = await databaseAges(client, 'shop-prod', isHome, Date.now())
      return ages.restorable === undefined ? undefined : ages
    })
    expect(restorable).toBeGreaterThan(0)
    expect(restorable).toBeLessThan(60)
    // It was made before it could be restored, by this test.
    expect(database).toBeGreaterThan(restorable as number)
    expect(database).toBeLessThan(180)
  }
  const published = named((await look(HOME)).figures, 'RestorableAgeSeconds')
  expect(published).toEqual([
    {
      Environment: 'shop-prod',
      Region: HOME,
      SegmentAgeSeconds: expect.any(Number),
      RestorableAgeSeconds: expect.any(Number),
      DatabaseAgeSeconds: expect.any(Number),
    },
  ])
}, 180_000)
