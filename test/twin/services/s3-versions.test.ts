import * as s3 from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { code } from '../../support/services.ts'
import { openS3Bench } from './s3-bench.ts'

type Bench = Awaited<ReturnType<typeof openS3Bench>>

let bench: Bench
let home: s3.S3Client
let bucket = ''

beforeAll(async () => {
  bench = await openS3Bench()
  home = bench.home
})

beforeEach(async () => {
  bucket = await bench.nextBucket()
})

afterAll(() => bench.close())

const put: Bench['put'] = (...args) => bench.put(...args)
const text: Bench['text'] = (...args) => bench.text(...args)

describe('versions', () => {
  test('are kept, hidden by a delete marker and shown again without it', async () => {
    const first = await put('k', 'one')
    await put('k', 'two')
    const deleted = await home.send(new s3.DeleteObjectCommand({ Bucket: bucket, Key: 'k' }))
    expect(deleted.DeleteMarker).toBe(true)
    expect(await code(text('k'))).toBe('NoSuchKey')
    expect(await text('k', { VersionId: first.VersionId })).toBe('one')
    expect(await code(text('k', { VersionId: deleted.VersionId }))).toBe('MethodNotAllowed')
    const listed = await home.send(new s3.ListObjectVersionsCommand({ Bucket: bucket }))
    expect(
      listed.Versions?.map(version => [version.VersionId === first.VersionId, version.IsLatest]),
    ).toEqual([
      [false, false],
      [true, false],
    ])
    expect(listed.DeleteMarkers).toMatchObject([{ Key: 'k', VersionId: deleted.VersionId, IsLatest: true }])
    await home.send(new s3.DeleteObjectCommand({ Bucket: bucket, Key: 'k', VersionId: deleted.VersionId }))
    expect(await text('k')).toBe('two')
  })

  test('page through a list of versions without losing or repeating one', async () => {
    for (const key of ['a', 'b']) for (const body of ['1', '2', '3']) await put(key, body)
    const seen: string[] = []
    let markers: { KeyMarker?: string; VersionIdMarker?: string } = {}
    for (;;) {
      const page = await home.send(
        new s3.ListObjectVersionsCommand({ Bucket: bucket, MaxKeys: 2, ...markers }),
      )
      seen.push(...(page.Versions ?? []).map(version => `${version.Key} ${version.VersionId}`))
      if (!page.IsTruncated) break
      markers = { KeyMarker: page.NextKeyMarker!, VersionIdMarker: page.NextVersionIdMarker! }
    }
    expect(seen).toHaveLength(6)
    expect(new Set(seen).size).toBe(6)
  })

  test('of a key are many in one deletion, and each is told', async () => {
    const one = await put('k', '1')
    await put('other', '2')
    const output = await home.send(
      new s3.DeleteObjectsCommand({
        Bucket: bucket,
        Delete: { Objects: [{ Key: 'k', VersionId: one.VersionId }, { Key: 'other' }] },
      }),
    )
    expect(output.Deleted).toMatchObject([
      { Key: 'k', VersionId: one.VersionId },
      { Key: 'other', DeleteMarker: true },
    ])
  })
})

describe('Object Lock', () => {
  const until = new Date('2026-11-30T00:00:00Z')

  test('in compliance mode yields to nobody before its date', async () => {
    const { VersionId } = await put('k', 'x', {
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: until,
    })
    const remove = (rest: object = {}) =>
      home.send(new s3.DeleteObjectCommand({ Bucket: bucket, Key: 'k', VersionId, ...rest }))
    const retain = (Mode: 'COMPLIANCE' | 'GOVERNANCE', day: string) =>
      home.send(
        new s3.PutObjectRetentionCommand({
          Bucket: bucket,
          Key: 'k',
          VersionId,
          Retention: { Mode, RetainUntilDate: new Date(day) },
          BypassGovernanceRetention: true,
        }),
      )
    expect(await code(remove())).toBe('AccessDenied')
    expect(await code(remove({ BypassGovernanceRetention: true }))).toBe('AccessDenied')
    expect(await code(retain('COMPLIANCE', '2026-11-29T00:00:00Z'))).toBe('AccessDenied')
    expect(await code(retain('GOVERNANCE', '2026-12-29T00:00:00Z'))).toBe('AccessDenied')
    expect(await code(retain('COMPLIANCE', '2026-12-01T00:00:00Z'))).toBe('no error')
    bench.turned.now = Date.parse('2026-12-02T00:00:00Z')
    expect(await code(remove())).toBe('no error')
    bench.turned.now = Date.parse('2026-11-20T10:00:00Z')
  })

  test('in governance mode yields to who asks to bypass it', async () => {
    const { VersionId } = await put('k', 'x', {
      ObjectLockMode: 'GOVERNANCE',
      ObjectLockRetainUntilDate: until,
    })
    const remove = (rest: object = {}) =>
      home.send(new s3.DeleteObjectCommand({ Bucket: bucket, Key: 'k', VersionId, ...rest }))
    expect(await code(remove())).toBe('AccessDenied')
    expect(await code(remove({ BypassGovernanceRetention: true }))).toBe('no error')
  })

  test('as a legal hold stays until it is lifted', async () => {
    const { VersionId } = await put('k', 'x', { ObjectLockLegalHoldStatus: 'ON' })
    const remove = () => home.send(new s3.DeleteObjectCommand({ Bucket: bucket, Key: 'k', VersionId }))
    expect(await code(remove())).toBe('AccessDenied')
    const hold = { Bucket: bucket, Key: 'k', LegalHold: { Status: 'OFF' as const } }
    await home.send(new s3.PutObjectLegalHoldCommand(hold))
    expect(await code(remove())).toBe('no error')
  })

  test('by the bucket default is on every version, and a marker over it hides but does not delete', async () => {
    await home.send(
      new s3.PutObjectLockConfigurationCommand({
        Bucket: bucket,
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 30 } },
        },
      }),
    )
    const { VersionId } = await put('k', 'x')
    const head = await home.send(new s3.HeadObjectCommand({ Bucket: bucket, Key: 'k' }))
    expect(head.ObjectLockMode).toBe('COMPLIANCE')
    expect(head.ObjectLockRetainUntilDate).toEqual(new Date('2026-12-20T10:00:00Z'))
    await home.send(new s3.DeleteObjectCommand({ Bucket: bucket, Key: 'k' }))
    expect(await text('k', { VersionId })).toBe('x')
  })

  test('wants proof of content, a bucket that has it, and a date ahead', async () => {
    const plain = bench.client('eu-west-1', { requestChecksumCalculation: 'WHEN_REQUIRED' })
    const locked = { ObjectLockMode: 'COMPLIANCE' as const, ObjectLockRetainUntilDate: until }
    await home.send(new s3.CreateBucketCommand({ Bucket: `${bucket}-plain` }))
    expect(
      await code(home.send(new s3.PutObjectCommand({ Bucket: `${bucket}-plain`, Key: 'k', ...locked }))),
    ).toBe('InvalidRequest')
    const past = { ...locked, ObjectLockRetainUntilDate: new Date('2026-01-01T00:00:00Z') }
    expect(await code(put('k', 'x', past))).toBe('InvalidArgument')
    // The SDK adds a checksum to this operation by itself, so the bare request is made by hand.
    const bare = plain.middlewareStack
    bare.add(
      next => async args => {
        const { headers } = args.request as { headers: Record<string, string> }
        for (const name of Object.keys(headers))
          if (/^x-amz-(checksum|sdk-checksum)/.test(name)) delete headers[name]
        return next(args)
      },
      { step: 'build', priority: 'low', name: 'bare' },
    )
    const command = new s3.PutObjectCommand({ Bucket: bucket, Key: 'k', Body: 'x', ...locked })
    expect(await code(plain.send(command))).toBe('InvalidRequest')
  })
})

describe('replication', () => {
  beforeEach(async () => {
    await bench.standby.send(
      new s3.CreateBucketCommand({ Bucket: `${bucket}-there`, ObjectLockEnabledForBucket: true }),
    )
    await home.send(
      new s3.PutBucketReplicationCommand({
        Bucket: bucket,
        ReplicationConfiguration: {
          Role: 'arn:aws:iam::111122223333:role/replication',
          Rules: [
            {
              ID: 'all',
              Priority: 1,
              Status: 'Enabled',
              Filter: { Prefix: 'e/' },
              DeleteMarkerReplication: { Status: 'Disabled' },
              Destination: { Bucket: `arn:aws:s3:::${bucket}-there` },
            },
          ],
        },
      }),
    )
  })

  const status = async (Key: string) =>
    (await home.send(new s3.HeadObjectCommand({ Bucket: bucket, Key }))).ReplicationStatus
  const there = (Key: string) =>
    bench.standby.send(new s3.GetObjectCommand({ Bucket: `${bucket}-there`, Key }))

  test('carries a version with its id, lock and tags to the other region', async () => {
    const until = new Date('2026-12-24T00:00:00Z')
    const { VersionId } = await put('e/1', 'hello', {
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: until,
    })
    await bench.service.settleReplication()
    expect(await status('e/1')).toBe('COMPLETED')
    const copy = await there('e/1')
    expect(copy).toMatchObject({ VersionId, ReplicationStatus: 'REPLICA', ObjectLockRetainUntilDate: until })
    expect(await copy.Body?.transformToString()).toBe('hello')
    await put('other', 'x')
    expect(await status('other')).toBeUndefined()
  })

  test('waits while the other region is lost and goes on when it is back', async () => {
    bench.turned.lost.add('eu-central-1')
    await put('e/2', 'hello')
    await bench.service.settleReplication()
    expect(await status('e/2')).toBe('PENDING')
    expect(await code(there('e/2'))).toBe('NoSuchKey')
    bench.turned.lost.clear()
    await bench.service.settleReplication()
    expect(await status('e/2')).toBe('COMPLETED')
  })
})

describe('a bucket', () => {
  test('tells its configuration, and by name what it does not have', async () => {
    expect(await home.send(new s3.GetBucketVersioningCommand({ Bucket: bucket }))).toMatchObject({
      Status: 'Enabled',
    })
    expect(await code(home.send(new s3.GetBucketPolicyCommand({ Bucket: bucket })))).toBe(
      'NoSuchBucketPolicy',
    )
    expect(await code(home.send(new s3.GetBucketReplicationCommand({ Bucket: bucket })))).toBe(
      'ReplicationConfigurationNotFoundError',
    )
    await home.send(
      new s3.PutBucketEncryptionCommand({
        Bucket: bucket,
        ServerSideEncryptionConfiguration: {
          Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: 'k1' } }],
        },
      }),
    )
    expect(await put('k', 'x')).toMatchObject({ SSEKMSKeyId: 'arn:aws:kms:eu-west-1:111122223333:key/k1' })
    expect(await home.send(new s3.GetBucketLocationCommand({ Bucket: bucket }))).toMatchObject({
      LocationConstraint: 'eu-west-1',
    })
  })

  test('is redirected from another region, refused twice, and not deleted while it holds a version', async () => {
    expect(await code(bench.standby.send(new s3.ListObjectsV2Command({ Bucket: bucket })))).toBe(
      'PermanentRedirect',
    )
    expect(await code(home.send(new s3.CreateBucketCommand({ Bucket: bucket })))).toBe(
      'BucketAlreadyOwnedByYou',
    )
    const { VersionId } = await put('k', 'x')
    expect(await code(home.send(new s3.DeleteBucketCommand({ Bucket: bucket })))).toBe('BucketNotEmpty')
    await home.send(new s3.DeleteObjectCommand({ Bucket: bucket, Key: 'k', VersionId }))
    expect(await code(home.send(new s3.DeleteBucketCommand({ Bucket: bucket })))).toBe('no error')
    expect(await code(home.send(new s3.ListObjectsV2Command({ Bucket: bucket })))).toBe('NoSuchBucket')
  })
})
