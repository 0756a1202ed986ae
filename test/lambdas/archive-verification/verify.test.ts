import { randomBytes } from 'node:crypto'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { verifyArchive } from '../../../lambdas/archive-verification/verify.ts'
import { decodeHeader, encodeHeader, headerLength } from '../../../lambdas/runtime/segment/header.ts'
import { openRig, type Rig } from '../archiver/rig.ts'

let rig: Rig
let keys: string[]
let kept: Map<string, Buffer>

const get = async (key: string) => {
  const answer = await rig.destination.s3.send(
    new GetObjectCommand({ Bucket: rig.destination.bucket, Key: key }),
  )
  return Buffer.from(await answer.Body!.transformToByteArray())
}

/** Whoever has the rights to the bucket can still put a new version over an old one. */
const put = (key: string, body: Buffer) =>
  rig.destination.s3.send(new PutObjectCommand({ Bucket: rig.destination.bucket, Key: key, Body: body }))

beforeAll(async () => {
  rig = await openRig()
  await rig.sql('create table item (id int primary key, v text)')
  await rig.run()
  for (let round = 0; round < 4; round++) {
    await rig.sql(`insert into item select ${round} * 100 + g, md5(g::text) from generate_series(1, 50) g`)
    await rig.run()
  }
  keys = (await rig.segments()).map(stored => stored.key)
  kept = new Map(await Promise.all(keys.map(async key => [key, await get(key)] as const)))
})

beforeEach(async () => {
  for (const [key, body] of kept) await put(key, body)
})

afterAll(() => rig.close())

const faults = async () => {
  const report = await verifyArchive(rig.destination)
  return report.histories.flatMap(history => history.faults.map(({ key, kind }) => [keys.indexOf(key), kind]))
}

test('passes an archive that is whole, and counts what it read', async () => {
  const report = await verifyArchive(rig.destination)
  expect(report.verdict).toBe('pass')
  expect(report.histories).toMatchObject([{ segments: 5, transactions: 4, rows: 200, faults: [] }])
})

test('knows nothing of an empty bucket', async () => {
  for (const key of keys) rig.service.dropObject(rig.destination.bucket, key)
  expect(await verifyArchive(rig.destination)).toEqual({ verdict: 'unknown', histories: [] })
})

test('names a segment with one wrong byte, wherever it is', async () => {
  const body = kept.get(keys[2]!)!
  const header = headerLength(body)
  for (const at of [
    3,
    9,
    13,
    40,
    header - 2,
    header + 1,
    Math.floor((header + body.length) / 2),
    body.length - 1,
  ]) {
    const wrong = Buffer.from(body)
    wrong[at] = wrong[at]! ^ 1
    await put(keys[2]!, wrong)
    expect((await faults()).some(([index]) => index === 2 || index === 3)).toBe(true)
  }
})

test('names a segment that ends early, at every length', async () => {
  const body = kept.get(keys[2]!)!
  for (const length of [0, 7, 15, 16, 200, headerLength(body), body.length - 1]) {
    await put(keys[2]!, body.subarray(0, length))
    expect(await faults()).toEqual([[2, 'damaged']])
  }
})

test('names a segment with bytes behind its end', async () => {
  await put(keys[2]!, Buffer.concat([kept.get(keys[2]!)!, randomBytes(1)]))
  expect(await faults()).toEqual([[2, 'damaged']])
})

test('names where a segment is missing', async () => {
  rig.service.dropObject(rig.destination.bucket, keys[2]!)
  expect(await faults()).toEqual([
    [3, 'missing'],
    [3, 'missing'],
  ])
})

test('names segments that changed places', async () => {
  await put(keys[2]!, kept.get(keys[3]!)!)
  await put(keys[3]!, kept.get(keys[2]!)!)
  const found = await faults()
  expect(found).toContainEqual([2, 'misplaced'])
  expect(found).toContainEqual([3, 'misplaced'])
})

test('names a segment that was rewritten with a header to match', async () => {
  const body = kept.get(keys[2]!)!
  const header = decodeHeader(body)
  const forged = encodeHeader({ ...header, lastCommit: '2030-01-01T00:00:00.000000Z' })
  await put(keys[2]!, Buffer.concat([forged, body.subarray(headerLength(body))]))
  expect(await faults()).toEqual([[3, 'broken-link']])
})

test('names a segment whose header counts more than it holds', async () => {
  const body = kept.get(keys.at(-1)!)!
  const header = decodeHeader(body)
  const forged = encodeHeader({ ...header, transactions: header.transactions + 1 })
  await put(keys.at(-1)!, Buffer.concat([forged, body.subarray(headerLength(body))]))
  expect(await faults()).toEqual([[4, 'damaged']])
})

test('names a recorded gap', async () => {
  await rig.lab.primary.run("select pg_drop_replication_slot('holdfast_archive')")
  await rig.run()
  const report = await verifyArchive(rig.destination)
  expect(report.verdict).toBe('fail')
  expect(report.histories[0]?.faults).toMatchObject([
    { kind: 'gap', detail: expect.stringContaining('slot-missing') },
  ])
})
