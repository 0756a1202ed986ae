import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { WireError } from './call.ts'
import { type ChunkSeal, readChunked } from './chunked.ts'

/**
 * A body that is read once, as it arrives. It throws a `WireError` at its end when what arrived is not what was
 * signed: whoever stores it must not make it visible before the last byte.
 */
export type Payload = AsyncIterable<Buffer> & {
  /** Trailing headers, lower case; complete after the last byte. */
  readonly trailers: Readonly<Record<string, string>>
  /** Names of the trailing headers that the request announces, lower case. */
  readonly announced: readonly string[]
  /** Bytes of the content where the request says them. */
  readonly length: number | undefined
}

const number = (text: string | string[] | undefined) => (text === undefined ? undefined : Number(text))

/** The content of a request: aws-chunked framing taken off, its signatures and the signed SHA-256 checked. */
export function openPayload(request: IncomingMessage, seal: ChunkSeal | undefined): Payload {
  const declared = String(request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD')
  const trailers: Record<string, string> = {}
  const chunked = declared.startsWith('STREAMING-')
  const length = number(
    chunked ? request.headers['x-amz-decoded-content-length'] : request.headers['content-length'],
  )
  const source = chunked
    ? readChunked(request, declared, seal, trailers)
    : declared === 'UNSIGNED-PAYLOAD'
      ? (request as AsyncIterable<Buffer>)
      : hashed(request, declared)
  const announced = String(request.headers['x-amz-trailer'] ?? '')
    .split(',')
    .map(name => name.trim().toLowerCase())
    .filter(Boolean)
  return {
    trailers,
    announced,
    length,
    [Symbol.asyncIterator]: () => measured(source, length)[Symbol.asyncIterator](),
  }
}

async function* measured(source: AsyncIterable<Buffer>, length: number | undefined): AsyncGenerator<Buffer> {
  let seen = 0
  for await (const chunk of source) {
    seen += chunk.length
    yield chunk
  }
  if (length !== undefined && seen !== length) {
    throw new WireError('IncompleteBody', `the request said ${length} bytes and ${seen} came`)
  }
}

async function* hashed(source: AsyncIterable<Buffer>, declared: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  for await (const chunk of source) {
    hash.update(chunk)
    yield chunk
  }
  if (hash.digest('hex') !== declared) {
    const message = "The provided 'x-amz-content-sha256' header does not match what was computed."
    throw new WireError('XAmzContentSHA256Mismatch', message)
  }
}
