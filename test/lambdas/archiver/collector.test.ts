import { createHash } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'
import { S3Client } from '@aws-sdk/client-s3'
import { expect, test } from '@jest/globals'
import { Collector } from '../../../lambdas/archiver/collector.ts'
import { SegmentUpload } from '../../../lambdas/archiver/upload.ts'

/** An upload that keeps what it takes, and takes nothing until it is let. */
class HeldUpload extends SegmentUpload {
  readonly taken: Buffer[] = []
  readonly held = Promise.withResolvers<void>()

  override async write(piece: Buffer): Promise<void> {
    await this.held.promise
    this.taken.push(piece)
  }
}

function openUpload(): HeldUpload {
  return new HeldUpload({ s3: new S3Client({}), bucket: 'unused', retention: 1 }, 'unused')
}

/** A message as the server sends it, its position before it, and the frame that it becomes. */
function messageOf(number: number, length: number): { sent: Buffer; frame: Buffer } {
  // So random that the compressor cannot make megabytes disappear.
  const message = createHash('shake256', { outputLength: length }).update(`${number}`).digest()
  message.write('I', 0, 'latin1')
  const sent = Buffer.alloc(12 + length)
  sent.writeBigUInt64BE(BigInt(number), 0)
  sent.writeUInt32BE(length, 8)
  message.copy(sent, 12)
  const frame = Buffer.alloc(12 + length)
  frame.writeUInt32BE(length, 0)
  frame.writeBigUInt64BE(BigInt(number), 4)
  message.copy(frame, 12)
  return { sent, frame }
}

test('asks for a pause before it holds ten megabytes that the bucket does not take', async () => {
  const upload = openUpload()
  const collector = new Collector(0n, upload)
  let pause: Promise<unknown> | undefined
  for (let number = 0; pause === undefined && number < 400; number++) {
    collector.take(messageOf(number, 100_000).sent, 12, 100_012)
    // The compressor works in a thread of its own: it may take as much as it can.
    await new Promise(resolve => setImmediate(resolve))
    pause = collector.room()
  }
  expect(pause).toBeInstanceOf(Promise)
  expect(collector.contentBytes).toBeLessThan(10_000_000)
  upload.held.resolve()
  await pause
  await collector.discard()
})

test('keeps every byte in order, of messages longer than a page too', async () => {
  const upload = openUpload()
  upload.held.resolve()
  const collector = new Collector(0n, upload)
  const wanted: Buffer[] = []
  for (const [number, length] of [
    50, 3_000_000, 900_000, 900_000, 20, 1_048_577, 700_000, 700_000, 700_000, 40_000,
  ].entries()) {
    for (let copy = 0; copy < 4; copy++) {
      const { sent, frame } = messageOf(number * 10 + copy, length)
      collector.take(sent, 12, 12 + length)
      wanted.push(frame)
      await collector.room()
    }
  }
  const { contentBytes } = await collector.finish()
  const content = zstdDecompressSync(Buffer.concat(upload.taken))
  expect(content.length).toBe(contentBytes)
  expect(content.equals(Buffer.concat(wanted))).toBe(true)
})
