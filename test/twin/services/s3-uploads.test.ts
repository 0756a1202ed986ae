import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
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
    expect(readdirSync(bench.scratch)).toEqual([])
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
    expect(readdirSync(bench.scratch)).toEqual([])
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
