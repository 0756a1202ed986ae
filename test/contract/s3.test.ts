import { createHash, randomBytes } from 'node:crypto'
import * as s3 from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { code } from '../support/services.ts'
import { type Account, openAccount } from './account.ts'

let account: Account
let Bucket = ''

beforeAll(async () => {
  account = await openAccount()
  Bucket = account.unique
  await account.s3.send(new s3.CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }))
})

// Governance is the strictest lock used here, so that a real account is left as it was found.
afterAll(async () => {
  const { Versions = [], DeleteMarkers = [] } = await account.s3.send(
    new s3.ListObjectVersionsCommand({ Bucket }),
  )
  for (const { Key, VersionId } of [...Versions, ...DeleteMarkers]) {
    await account.s3.send(
      new s3.DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention: true }),
    )
  }
  await account.s3.send(new s3.DeleteBucketCommand({ Bucket }))
  await account.close()
})

const put = (Key: string, Body: string | Buffer, rest: object = {}) =>
  account.s3.send(new s3.PutObjectCommand({ Bucket, Key, Body, ...rest }))

describe('S3', () => {
  test('gives back what it was given, with its checksum', async () => {
    const Body = randomBytes(100_000)
    const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64')
    await put('whole', Body, { ChecksumSHA256 })
    const read = await account.s3.send(
      new s3.GetObjectCommand({ Bucket, Key: 'whole', ChecksumMode: 'ENABLED' }),
    )
    expect(read.ChecksumSHA256).toBe(ChecksumSHA256)
    expect(read.ChecksumType).toBe('FULL_OBJECT')
    expect(Buffer.from((await read.Body?.transformToByteArray()) ?? []).equals(Body)).toBe(true)
  })

  test('stores nothing when the checksum is wrong', async () => {
    const ChecksumSHA256 = createHash('sha256').update('other').digest('base64')
    expect(await code(put('wrong', 'content', { ChecksumSHA256 }))).toBe('BadDigest')
    expect(await code(account.s3.send(new s3.HeadObjectCommand({ Bucket, Key: 'wrong' })))).toBe('NotFound')
  })

  test('writes once where it is asked to', async () => {
    const outcomes = [
      await code(put('once', '1', { IfNoneMatch: '*' })),
      await code(put('once', '2', { IfNoneMatch: '*' })),
    ]
    expect(outcomes).toEqual(['no error', 'PreconditionFailed'])
  })

  test('holds a governed version until it is bypassed', async () => {
    const { VersionId } = await put('governed', 'x', {
      ObjectLockMode: 'GOVERNANCE',
      ObjectLockRetainUntilDate: new Date(Date.now() + 86_400_000),
    })
    const remove = (rest: object = {}) =>
      account.s3.send(new s3.DeleteObjectCommand({ Bucket, Key: 'governed', VersionId, ...rest }))
    expect(await code(remove())).toBe('AccessDenied')
    expect(await code(remove({ BypassGovernanceRetention: true }))).toBe('no error')
  })

  test('hides a deleted key and keeps its versions', async () => {
    const { VersionId } = await put('hidden', 'x')
    await account.s3.send(new s3.DeleteObjectCommand({ Bucket, Key: 'hidden' }))
    const read = (rest: object = {}) =>
      account.s3.send(new s3.GetObjectCommand({ Bucket, Key: 'hidden', ...rest }))
    expect(await code(read())).toBe('NoSuchKey')
    expect(await (await read({ VersionId })).Body?.transformToString()).toBe('x')
  })

  test('puts the parts of an upload together', async () => {
    const at = { Bucket, Key: 'parts' }
    const { UploadId } = await account.s3.send(
      new s3.CreateMultipartUploadCommand({ ...at, ChecksumAlgorithm: 'SHA256' }),
    )
    const contents = [Buffer.alloc(5 * 1024 * 1024, 1), Buffer.alloc(10, 2)]
    const Parts: s3.CompletedPart[] = []
    for (const [index, Body] of contents.entries()) {
      const PartNumber = index + 1
      const { ETag, ChecksumSHA256 } = await account.s3.send(
        new s3.UploadPartCommand({ ...at, UploadId, PartNumber, Body, ChecksumAlgorithm: 'SHA256' }),
      )
      Parts.push({ PartNumber, ETag, ChecksumSHA256 })
    }
    const done = await account.s3.send(
      new s3.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }),
    )
    const sha = (content: Buffer) => createHash('sha256').update(content).digest()
    const composite = `${sha(Buffer.concat(contents.map(sha))).toString('base64')}-2`
    expect(done.ChecksumSHA256).toBe(composite)
    const head = await account.s3.send(new s3.HeadObjectCommand({ ...at, ChecksumMode: 'ENABLED' }))
    expect(head).toMatchObject({
      ContentLength: 5 * 1024 * 1024 + 10,
      ChecksumSHA256: composite,
      ChecksumType: 'COMPOSITE',
    })
  })

  test('completes no upload over an object that must not be there', async () => {
    const at = { Bucket, Key: 'only-once' }
    const upload = async () => {
      const { UploadId } = await account.s3.send(new s3.CreateMultipartUploadCommand(at))
      const { ETag } = await account.s3.send(
        new s3.UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'content' }),
      )
      return account.s3.send(
        new s3.CompleteMultipartUploadCommand({
          ...at,
          UploadId,
          MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
          IfNoneMatch: '*',
        }),
      )
    }
    expect([await code(upload()), await code(upload())]).toEqual(['no error', 'PreconditionFailed'])
  })
})
