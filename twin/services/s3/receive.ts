import { open, rm } from 'node:fs/promises'
import { WireError } from '../../wire/call.ts'
import type { Payload } from '../../wire/payload.ts'
import {
  ALGORITHMS,
  type Algorithm,
  type Checksums,
  checkDigest,
  readAlgorithm,
  startChecksum,
  statedChecksums,
} from './checksum.ts'

/** Content that lies whole on disk, synced, with what was computed on the way. */
export type Received = {
  readonly path: string
  readonly size: number
  /** Hex. */
  readonly md5: string
  readonly checksums: Checksums
}

const isPayload = (body: unknown): body is Payload =>
  typeof body === 'object' && body !== null && 'trailers' in body && Symbol.asyncIterator in body

/** A body as the listener gives it; an operation called in process may give bytes. */
export function payloadOf(body: unknown): AsyncIterable<Uint8Array> & Partial<Payload> {
  if (isPayload(body)) return body
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body as Uint8Array | string)
  return {
    trailers: {},
    announced: [],
    async *[Symbol.asyncIterator]() {
      yield bytes
    },
  }
}

const TRAILER = 'x-amz-checksum-'

function trailerAlgorithms(names: readonly string[]): Algorithm[] {
  return names
    .filter(name => name.startsWith(TRAILER))
    .map(name => readAlgorithm(name.slice(TRAILER.length).toUpperCase()))
    .filter(algorithm => algorithm !== undefined)
}

/**
 * Streams a body to `path`, syncs it and checks every digest that the request states. When one is wrong the file is
 * removed and the refusal thrown: nothing is stored.
 */
export async function receive(path: string, input: Record<string, unknown>): Promise<Received> {
  const body = payloadOf(input.Body)
  const stated = statedChecksums(input)
  const named = readAlgorithm(input.ChecksumAlgorithm)
  const wanted = new Set<Algorithm>([
    ...(Object.keys(stated) as Algorithm[]),
    ...trailerAlgorithms(body.announced ?? []),
    ...(named ? [named] : []),
  ])
  // S3 adds this one to what comes without any.
  if (wanted.size === 0) wanted.add('CRC64NVME')
  try {
    const received = await write(path, body, [...wanted])
    checkMd5(input.ContentMD5, received.md5)
    const trailed = fromTrailers(body.trailers ?? {})
    for (const [algorithm, value] of [...Object.entries(stated), ...Object.entries(trailed)]) {
      checkDigest(algorithm, value, received.checksums[algorithm as Algorithm] ?? '')
    }
    return received
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}

function fromTrailers(trailers: Readonly<Record<string, string>>): Checksums {
  const found: Checksums = {}
  for (const algorithm of ALGORITHMS) {
    const value = trailers[TRAILER + algorithm.toLowerCase()]
    if (value !== undefined) found[algorithm] = value
  }
  return found
}

/** Writes and syncs content, and computes the checksums and the MD5 on the way. */
export async function write(
  path: string,
  content: AsyncIterable<Uint8Array>,
  algorithms: readonly Algorithm[],
): Promise<Received> {
  const running = algorithms.map(algorithm => [algorithm, startChecksum(algorithm)] as const)
  const md5 = startChecksum('MD5')
  const handle = await open(path, 'wx')
  let size = 0
  try {
    for await (const piece of content) {
      md5.update(piece)
      for (const [, checksum] of running) checksum.update(piece)
      await handle.writev([piece])
      size += piece.length
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return {
    path,
    size,
    md5: md5.digest().toString('hex'),
    checksums: Object.fromEntries(
      running.map(([name, checksum]) => [name, checksum.digest().toString('base64')]),
    ),
  }
}

function checkMd5(stated: unknown, hex: string): void {
  if (typeof stated !== 'string') return
  const bytes = Buffer.from(stated, 'base64')
  if (bytes.length !== 16) {
    throw new WireError('InvalidDigest', 'The Content-MD5 you specified was invalid.')
  }
  if (bytes.toString('hex') !== hex) {
    throw new WireError('BadDigest', 'The Content-MD5 you specified did not match what we received.')
  }
}
