import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import * as s3 from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { createS3, type S3Service } from '../../../twin/services/s3/service.ts'
import { openCollection } from '../../../twin/state/collection.ts'
import { WireError } from '../../../twin/wire/call.ts'
import { listenerWith } from '../../support/wire.ts'

const dir = mkdtempSync(join(tmpdir(), 'holdfast-s3-'))
let now = Date.parse('2026-11-20T10:00:00Z')
let keyEnabled = true
let mayList = true
const lost = new Set<string>()
const clients: s3.S3Client[] = []
let service: S3Service
let twin: Awaited<ReturnType<typeof listenerWith>>

function open(): S3Service {
  return createS3({
    account: '111122223333',
    clock: () => now,
    open: name => openCollection(join(dir, 'state', `${name}.json`)),
    dir,
    findKey: (reference, region) => ({
      arn: reference.startsWith('arn:') ? reference : `arn:aws:kms:${region}:111122223333:key/${reference}`,
      context: {},
      assertUsable: () => {
        if (!keyEnabled) throw new WireError('KMS.DisabledException', 'The key is disabled.')
      },
    }),
    may: (_, { action }) => mayList || action !== 's3:ListBucket',
    allowsRole: () => true,
    isReachable: region => !lost.has(region),
  })
}

const client = (region = 'eu-west-1', config: object = {}) => {
  const made = new s3.S3Client({ ...twin.config(region), forcePathStyle: true, ...config })
  clients.push(made)
  return made
}
let home: s3.S3Client
let standby: s3.S3Client
let bucket = ''
let counter = 0

beforeAll(async () => {
  service = open()
  twin = await listenerWith([service.service])
  home = client()
  standby = client('eu-central-1')
})

beforeEach(async () => {
  bucket = `bucket-${++counter}`
  await home.send(new s3.CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }))
})

afterAll(async () => {
  for (const each of clients) each.destroy()
  await twin.close()
  service.close()
  rmSync(dir, { recursive: true })
  expect(twin.bugs).toEqual([])
})

const put = (Key: string, Body: string | Buffer, rest: object = {}) =>
  home.send(new s3.PutObjectCommand({ Bucket: bucket, Key, Body, ...rest }))
const text = async (Key: string, rest: object = {}) => {
  const { Body } = await home.send(new s3.GetObjectCommand({ Bucket: bucket, Key, ...rest }))
  return (await Body?.transformToString()) ?? ''
}
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    error => error.name as string,
  )

describe('an object', () => {
  test('comes back as it was put, with its headers and metadata', async () => {
    const written = await put('a/b c', 'hello', { ContentType: 'text/plain', Metadata: { one: '1' } })
    expect(written).toMatchObject({
      ETag: '"5d41402abc4b2a76b9719d911017c592"',
      ChecksumCRC32: 'NhCmhg==',
      ServerSideEncryption: 'AES256',
      VersionId: expect.any(String),
    })
    const read = await home.send(
      new s3.GetObjectCommand({ Bucket: bucket, Key: 'a/b c', ChecksumMode: 'ENABLED' }),
    )
    expect(read).toMatchObject({
      ContentLength: 5,
      ContentType: 'text/plain',
      Metadata: { one: '1' },
      ChecksumCRC32: 'NhCmhg==',
      VersionId: written.VersionId,
      LastModified: new Date('2026-11-20T10:00:00Z'),
    })
    expect(await read.Body?.transformToString()).toBe('hello')
  })

  test.each([
    ['CRC32', 'NhCmhg=='],
    ['CRC32C', 'mnG7TA=='],
    ['CRC64NVME', 'M3eFcAZSQlc='],
    ['SHA1', 'qvTGHdzF6KLavt4PO0gs2a6pQ00='],
    ['SHA256', 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='],
  ] as const)('carries its %s, and is refused with a wrong one', async (algorithm, value) => {
    const plain = client('eu-west-1', { requestChecksumCalculation: 'WHEN_REQUIRED' })
    const at = { Bucket: bucket, Key: 'k', Body: 'hello' }
    const written = await plain.send(new s3.PutObjectCommand({ ...at, [`Checksum${algorithm}`]: value }))
    expect(written).toMatchObject({ [`Checksum${algorithm}`]: value })
    const wrong = Buffer.from(value, 'base64').fill(7).toString('base64')
    const refused = plain.send(
      new s3.PutObjectCommand({ ...at, Key: 'wrong', [`Checksum${algorithm}`]: wrong }),
    )
    expect(await code(refused)).toBe('BadDigest')
    expect(await code(home.send(new s3.HeadObjectCommand({ Bucket: bucket, Key: 'wrong' })))).toBe('NotFound')
  })

  test('is refused with a wrong Content-MD5 and nothing is stored', async () => {
    expect(
      await code(put('k', 'hello', { ContentMD5: createHash('md5').update('x').digest('base64') })),
    ).toBe('BadDigest')
    expect(await code(text('k'))).toBe('NoSuchKey')
    expect(readdirSync(join(dir, 'scratch'))).toEqual([])
  })

  test('streams in with a trailing checksum and out in ranges', async () => {
    const content = randomBytes(3_000_000)
    const pieces = [content.subarray(0, 70_000), content.subarray(70_000)]
    await put('big', Readable.from(pieces) as never, {
      ContentLength: content.length,
      ChecksumAlgorithm: 'SHA256',
    })
    const whole = await home.send(
      new s3.GetObjectCommand({ Bucket: bucket, Key: 'big', ChecksumMode: 'ENABLED' }),
    )
    expect(whole.ChecksumSHA256).toBe(createHash('sha256').update(content).digest('base64'))
    expect(Buffer.from((await whole.Body?.transformToByteArray()) ?? []).equals(content)).toBe(true)
    const part = await home.send(
      new s3.GetObjectCommand({ Bucket: bucket, Key: 'big', Range: 'bytes=10-19' }),
    )
    expect(part.ContentRange).toBe('bytes 10-19/3000000')
    expect(part.$metadata.httpStatusCode).toBe(206)
    expect(Buffer.from((await part.Body?.transformToByteArray()) ?? [])).toEqual(content.subarray(10, 20))
    const tail = await home.send(new s3.GetObjectCommand({ Bucket: bucket, Key: 'big', Range: 'bytes=-5' }))
    expect(Buffer.from((await tail.Body?.transformToByteArray()) ?? [])).toEqual(content.subarray(-5))
    expect(await code(text('big', { Range: 'bytes=3000000-' }))).toBe('InvalidRange')
  })

  test('is refused with a checksum that could not be checked, for another owner, and with an access list', async () => {
    expect(await code(put('k', 'x', { ChecksumSHA512: 'AAAA' }))).toBe('NotImplemented')
    expect(await code(put('k', 'x', { ExpectedBucketOwner: '999900001111' }))).toBe('AccessDenied')
    expect(await code(put('k', 'x', { ExpectedBucketOwner: '111122223333' }))).toBe('no error')
    expect(await code(put('k', 'x', { ACL: 'public-read' }))).toBe('AccessControlListNotSupported')
  })

  test('may be empty', async () => {
    await put('empty', '')
    expect(await text('empty')).toBe('')
  })

  test('is read through a presigned URL until that runs out', async () => {
    await put('k', 'hello')
    const { getSignedUrl } = await import('./presign.ts')
    const url = await getSignedUrl(home, { Bucket: bucket, Key: 'k' }, 60)
    expect(await (await fetch(url)).text()).toBe('hello')
    const tampered = await fetch(url.replace('/k?', '/other?'))
    expect(tampered.status).toBe(403)
    expect(await tampered.text()).toContain('SignatureDoesNotMatch')
  })

  test('survives a restart of the service', async () => {
    const { VersionId } = await put('kept', 'hello')
    const again = open()
    expect(again.bucket(bucket)?.versioning).toBe('Enabled')
    const second = await listenerWith([again.service])
    const reader = new s3.S3Client({ ...second.config(), forcePathStyle: true })
    const read = await reader.send(new s3.GetObjectCommand({ Bucket: bucket, Key: 'kept', VersionId }))
    expect(await read.Body?.transformToString()).toBe('hello')
    reader.destroy()
    await second.close()
    again.close()
  })

  test('of 403 and 404 shows the one that the caller may know', async () => {
    expect(await code(text('none'))).toBe('NoSuchKey')
    mayList = false
    expect(await code(text('none'))).toBe('AccessDenied')
    mayList = true
  })

  test('under a disabled key is neither written nor read', async () => {
    const kms = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'key-1' }
    expect(await put('k', 'hello', kms)).toMatchObject({
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: 'arn:aws:kms:eu-west-1:111122223333:key/key-1',
    })
    keyEnabled = false
    expect(await code(put('k2', 'hello', kms))).toBe('KMS.DisabledException')
    expect(await code(text('k'))).toBe('KMS.DisabledException')
    keyEnabled = true
    expect(await text('k')).toBe('hello')
  })

  test('that lost a byte on disk is caught by the reader, and one that was dropped is gone', async () => {
    await put('k', 'hello')
    service.corruptObject(bucket, 'k')
    await expect(text('k', { ChecksumMode: 'ENABLED' })).rejects.toThrow('Checksum mismatch')
    service.dropObject(bucket, 'k')
    expect(await code(text('k'))).toBe('NoSuchKey')
  })
})

describe('a condition', () => {
  test('If-None-Match: * lets exactly one of twenty writers through', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) => code(put('one', `writer ${index}`, { IfNoneMatch: '*' }))),
    )
    expect(outcomes.filter(outcome => outcome === 'no error')).toHaveLength(1)
    expect(outcomes.filter(outcome => outcome === 'PreconditionFailed')).toHaveLength(19)
  })

  test('If-Match writes over what it names only', async () => {
    const { ETag } = await put('k', 'one')
    await put('k', 'two', { IfMatch: ETag })
    expect(await code(put('k', 'three', { IfMatch: ETag }))).toBe('PreconditionFailed')
    expect(await code(put('none', 'x', { IfMatch: ETag }))).toBe('NoSuchKey')
    expect(await text('k')).toBe('two')
  })

  test('on a read answers 304 and 412', async () => {
    const { ETag } = await put('k', 'one')
    expect(await code(text('k', { IfMatch: '"other"' }))).toBe('PreconditionFailed')
    await expect(text('k', { IfNoneMatch: ETag })).rejects.toMatchObject({
      $metadata: { httpStatusCode: 304 },
    })
    expect(await text('k', { IfMatch: ETag })).toBe('one')
  })
})

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

describe('a list', () => {
  test('folds by delimiter, pages, and is in byte order', async () => {
    for (const key of ['b/2', 'a/1', 'a/2', 'Z', 'c', 'ä']) await put(key, 'x')
    const folded = await home.send(new s3.ListObjectsV2Command({ Bucket: bucket, Delimiter: '/' }))
    expect(folded.Contents?.map(({ Key }) => Key)).toEqual(['Z', 'c', 'ä'])
    expect(folded.CommonPrefixes).toEqual([{ Prefix: 'a/' }, { Prefix: 'b/' }])
    expect(folded.KeyCount).toBe(5)
    const seen: (string | undefined)[] = []
    for await (const page of s3.paginateListObjectsV2({ client: home, pageSize: 2 }, { Bucket: bucket })) {
      seen.push(...(page.Contents ?? []).map(({ Key }) => Key))
    }
    expect(seen).toEqual(['Z', 'a/1', 'a/2', 'b/2', 'c', 'ä'])
    const after = await home.send(
      new s3.ListObjectsV2Command({ Bucket: bucket, StartAfter: 'a/1', Prefix: 'a/' }),
    )
    expect(after.Contents?.map(({ Key }) => Key)).toEqual(['a/2'])
  })

  test('pages over folded prefixes without repeating one', async () => {
    for (const key of ['a/1', 'a/2', 'b/1', 'c/1', 'd']) await put(key, 'x')
    const seen: (string | undefined)[] = []
    const pages = s3.paginateListObjectsV2({ client: home, pageSize: 1 }, { Bucket: bucket, Delimiter: '/' })
    for await (const page of pages) {
      seen.push(
        ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
        ...(page.Contents ?? []).map(({ Key }) => Key),
      )
    }
    expect(seen).toEqual(['a/', 'b/', 'c/', 'd'])
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
    now = Date.parse('2026-12-02T00:00:00Z')
    expect(await code(remove())).toBe('no error')
    now = Date.parse('2026-11-20T10:00:00Z')
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
    const plain = client('eu-west-1', { requestChecksumCalculation: 'WHEN_REQUIRED' })
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

describe('a multipart upload', () => {
  const MB = 1024 * 1024

  async function upload(parts: Buffer[], rest: object = {}) {
    const at = { Bucket: bucket, Key: 'multi' }
    const { UploadId } = await home.send(new s3.CreateMultipartUploadCommand({ ...at, ...rest }))
    const Parts = []
    for (const [index, Body] of parts.entries()) {
      const PartNumber = index + 1
      const algorithm =
        'ChecksumAlgorithm' in rest ? { ChecksumAlgorithm: rest.ChecksumAlgorithm as 'CRC32' } : {}
      const done = await home.send(
        new s3.UploadPartCommand({ ...at, ...algorithm, UploadId, PartNumber, Body }),
      )
      Parts.push({ PartNumber, ETag: done.ETag, ChecksumCRC32: done.ChecksumCRC32 })
    }
    return { at, UploadId, Parts }
  }

  test('becomes one object with the ETag and checksum of its parts', async () => {
    const parts = [Buffer.alloc(5 * MB, 1), Buffer.alloc(1000, 2)]
    const { at, UploadId, Parts } = await upload(parts, { ChecksumAlgorithm: 'CRC32' })
    const listed = await home.send(new s3.ListPartsCommand({ ...at, UploadId }))
    expect(listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, 5 * MB],
      [2, 1000],
    ])
    const done = await home.send(
      new s3.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts } }),
    )
    const md5 = (content: Buffer) => createHash('md5').update(content).digest()
    expect(done.ETag).toBe(
      `"${createHash('md5')
        .update(Buffer.concat(parts.map(md5)))
        .digest('hex')}-2"`,
    )
    expect(done.ChecksumType).toBe('COMPOSITE')
    expect(done.ChecksumCRC32).toMatch(/-2$/)
    const read = await home.send(new s3.GetObjectCommand(at))
    expect(Buffer.from((await read.Body?.transformToByteArray()) ?? []).equals(Buffer.concat(parts))).toBe(
      true,
    )
    expect(await code(home.send(new s3.ListPartsCommand({ ...at, UploadId })))).toBe('NoSuchUpload')
    expect(readdirSync(join(dir, 'scratch'))).toEqual([])
  })

  test('is refused with a small part, a wrong order and a part it never had', async () => {
    const { at, UploadId, Parts } = await upload([Buffer.alloc(10), Buffer.alloc(10)])
    const complete = (list: s3.CompletedPart[]) =>
      code(
        home.send(
          new s3.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: list } }),
        ),
      )
    expect(await complete(Parts)).toBe('EntityTooSmall')
    expect(await complete(Parts.toReversed())).toBe('InvalidPartOrder')
    expect(await complete([{ PartNumber: 7, ETag: '"x"' }])).toBe('InvalidPart')
    await home.send(new s3.AbortMultipartUploadCommand({ ...at, UploadId }))
    expect(readdirSync(join(dir, 'scratch'))).toEqual([])
  })
})

describe('a copy', () => {
  test('takes content and metadata, or new metadata', async () => {
    const from = await put('from', 'hello', { Metadata: { a: '1' }, Tagging: 'x=y' })
    await put('from', 'changed')
    const CopySource = `${bucket}/from?versionId=${from.VersionId}`
    await home.send(new s3.CopyObjectCommand({ Bucket: bucket, Key: 'to', CopySource }))
    expect(await text('to')).toBe('hello')
    const head = await home.send(new s3.HeadObjectCommand({ Bucket: bucket, Key: 'to' }))
    expect(head.Metadata).toEqual({ a: '1' })
    const tags = await home.send(new s3.GetObjectTaggingCommand({ Bucket: bucket, Key: 'to' }))
    expect(tags.TagSet).toEqual([{ Key: 'x', Value: 'y' }])
  })
})

describe('replication', () => {
  beforeEach(async () => {
    await standby.send(
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
  const there = (Key: string) => standby.send(new s3.GetObjectCommand({ Bucket: `${bucket}-there`, Key }))

  test('carries a version with its id, lock and tags to the other region', async () => {
    const until = new Date('2026-12-24T00:00:00Z')
    const { VersionId } = await put('e/1', 'hello', {
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: until,
    })
    await service.settleReplication()
    expect(await status('e/1')).toBe('COMPLETED')
    const copy = await there('e/1')
    expect(copy).toMatchObject({ VersionId, ReplicationStatus: 'REPLICA', ObjectLockRetainUntilDate: until })
    expect(await copy.Body?.transformToString()).toBe('hello')
    await put('other', 'x')
    expect(await status('other')).toBeUndefined()
  })

  test('waits while the other region is lost and goes on when it is back', async () => {
    lost.add('eu-central-1')
    await put('e/2', 'hello')
    await service.settleReplication()
    expect(await status('e/2')).toBe('PENDING')
    expect(await code(there('e/2'))).toBe('NoSuchKey')
    lost.clear()
    await service.settleReplication()
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
    expect(await code(standby.send(new s3.ListObjectsV2Command({ Bucket: bucket })))).toBe(
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
