import { describe, expect, test } from '@jest/globals'
import { type ChunkSeal, readChunked } from '../../../twin/wire/chunked.ts'
import { signingKey } from '../../../twin/wire/signature.ts'

// The worked example of "Signature calculations for the Authorization header: transferring payload in multiple chunks"
// in the S3 API reference: its key, its seed and the three signatures that it prints.
const seal: ChunkSeal = {
  key: signingKey('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', {
    day: '20130524',
    region: 'us-east-1',
    service: 's3',
  }),
  date: '20130524T000000Z',
  scope: '20130524/us-east-1/s3/aws4_request',
  seedSignature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
}
const SIGNED = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
const body = (first = 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648') =>
  [
    `10000;chunk-signature=${first}\r\n${'a'.repeat(65536)}\r\n`,
    `400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n${'a'.repeat(1024)}\r\n`,
    '0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n',
  ].join('')

async function* arriving(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(text: string, declared: string, options: { size?: number; seal?: ChunkSeal } = {}) {
  const trailers: Record<string, string> = {}
  const pieces: Buffer[] = []
  for await (const piece of readChunked(
    arriving(text, options.size ?? 8192),
    declared,
    options.seal,
    trailers,
  )) {
    pieces.push(piece)
  }
  return { content: Buffer.concat(pieces).toString(), trailers }
}

describe('an aws-chunked body', () => {
  test.each([1000, 7777, 100_000])('that is signed is read as it arrives, %i bytes at a time', async size => {
    const { content } = await read(body(), SIGNED, { size, seal })
    expect(content).toBe('a'.repeat(66_560))
  })

  test('with a chunk that was changed or signed by another is refused before its content is given on', async () => {
    await expect(read(body().replace('aaa', 'aba'), SIGNED, { seal })).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
    })
    await expect(read(body('0'.repeat(64)), SIGNED, { seal })).rejects.toMatchObject({
      code: 'SignatureDoesNotMatch',
    })
  })

  test('that ends early is refused', async () => {
    await expect(read(body().slice(0, 40_000), SIGNED, { seal })).rejects.toMatchObject({
      code: 'IncompleteBody',
    })
    await expect(read('5\r\nhello\r\n', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER')).rejects.toMatchObject({
      code: 'IncompleteBody',
    })
  })

  test('without signatures gives its content and its trailer, byte by byte', async () => {
    const text = '5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n'
    const got = await read(text, 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', { size: 1 })
    expect(got).toEqual({ content: 'hello world', trailers: { 'x-amz-checksum-crc32': 'DUoRhQ==' } })
  })

  test('whose head is no length is refused', async () => {
    await expect(read('zz\r\nhello\r\n', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER')).rejects.toMatchObject({
      code: 'InvalidRequest',
    })
  })
})
