import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readBucket } from '../../../bin/evidence/read.ts'
import { verifyChain } from '../../../lambdas/runtime/evidence/verify.ts'
import { createS3, type S3Service } from '../../../twin/services/s3/service.ts'
import { filesOf, makeChain, makeKeys } from '../../lambdas/runtime/evidence/chain.ts'
import { workbench } from '../../support/services.ts'
import { listenerWith } from '../../support/wire.ts'

const REGION = 'us-east-1'
let bench: ReturnType<typeof workbench>
let storage: S3Service
let twin: Awaited<ReturnType<typeof listenerWith>>
let s3: S3Client

beforeAll(async () => {
  bench = workbench('2026-11-22T14:00:00Z')
  storage = createS3({
    ...bench.dependencies('s3'),
    dir: bench.dir,
    findKey: arn => ({ arn, context: {}, assertUsable: () => {} }),
    may: () => true,
    allowsRole: () => true,
    isReachable: () => true,
  })
  twin = await listenerWith([storage.service])
  s3 = new S3Client({ ...twin.config(REGION), forcePathStyle: true })
})
afterAll(async () => {
  s3.destroy()
  await twin.close()
  storage.close()
  bench.remove()
})

// Naive: listing what lies in the bucket now: a deletion without a version hides a locked record, and frees its name.
test('records that were deleted or written over are read as they were first written, and named', async () => {
  const bucket = 'evidence'
  await s3.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }))
  const chain = filesOf(makeChain(makeKeys(), 3))
  const put = (Key: string, Body: string) => s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body }))
  for (const { name, text } of chain) await put(name, text)
  expect(await readBucket(s3, bucket, REGION)).toMatchObject({ covered: [] })
  const [first, , last] = chain.map(({ name }) => name)
  await put(first ?? '', 'another')
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: last }))
  const found = await readBucket(s3, bucket, REGION)
  expect(found.covered).toEqual([first, last])
  expect(verifyChain(found.files, { whole: true })).toMatchObject({ verdict: 'pass', links: { length: 3 } })
})
