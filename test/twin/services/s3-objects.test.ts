import { createHash, randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { Readable } from 'node:stream'
import * as s3 from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { code } from '../../support/services.ts'
import { listenerWith } from '../../support/wire.ts'
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
    const plain = bench.client('eu-west-1', { requestChecksumCalculation: 'WHEN_REQUIRED' })
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
    expect(readdirSync(bench.scratch)).toEqual([])
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
    const again = bench.open()
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
    bench.turned.mayList = false
    expect(await code(text('none'))).toBe('AccessDenied')
    bench.turned.mayList = true
  })

  test('under a disabled key is neither written nor read', async () => {
    const kms = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'key-1' }
    expect(await put('k', 'hello', kms)).toMatchObject({
      ServerSideEncryption: 'aws:kms',
      SSEKMSKeyId: 'arn:aws:kms:eu-west-1:111122223333:key/key-1',
    })
    bench.turned.keyEnabled = false
    expect(await code(put('k2', 'hello', kms))).toBe('KMS.DisabledException')
    expect(await code(text('k'))).toBe('KMS.DisabledException')
    bench.turned.keyEnabled = true
    expect(await text('k')).toBe('hello')
  })

  test('that lost a byte on disk is caught by the reader, and one that was dropped is gone', async () => {
    await put('k', 'hello')
    bench.service.corruptObject(bucket, 'k')
    await expect(text('k', { ChecksumMode: 'ENABLED' })).rejects.toThrow('Checksum mismatch')
    bench.service.dropObject(bucket, 'k')
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
