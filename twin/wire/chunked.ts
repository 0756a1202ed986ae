import type { KeyObject } from 'node:crypto'
import { WireError } from './call.ts'
import { hmac, isSame, sha256 } from './signature.ts'

/** What signs the chunks of an aws-chunked body: the key of the day, and the signature of the request's head. */
export type ChunkSeal = {
  readonly key: KeyObject
  readonly date: string
  readonly scope: string
  readonly seedSignature: string
}

const EMPTY_SHA256 = sha256('')
const MAX_LINE = 16 * 1024

/** Hands out lines and byte counts of a stream without holding more than one network chunk. */
class Reader {
  readonly source: AsyncIterator<Buffer>
  held: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.source = source[Symbol.asyncIterator]()
  }

  async fill(): Promise<boolean> {
    const next = await this.source.next()
    if (next.done) return false
    this.held = this.held.length === 0 ? next.value : Buffer.concat([this.held, next.value])
    return true
  }

  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.held.indexOf('\r\n')
      if (end >= 0) {
        const text = this.held.subarray(0, end).toString('latin1')
        this.held = this.held.subarray(end + 2)
        return text
      }
      if (this.held.length > MAX_LINE)
        throw new WireError('InvalidRequest', 'an aws-chunked line is too long')
      if (!(await this.fill())) return undefined
    }
  }

  async *bytes(count: number): AsyncGenerator<Buffer> {
    let left = count
    while (left > 0) {
      if (this.held.length === 0 && !(await this.fill())) throw incomplete()
      const piece = this.held.subarray(0, left)
      this.held = this.held.subarray(piece.length)
      left -= piece.length
      if (piece.length > 0) yield piece
    }
  }
}

const incomplete = () => new WireError('IncompleteBody', 'the aws-chunked body ended inside a chunk')

/** Takes the aws-chunked framing off a body, checks the chunk and trailer signatures where it is signed, and fills `trailers`. */
export async function* readChunked(
  source: AsyncIterable<Buffer>,
  declared: string,
  seal: ChunkSeal | undefined,
  trailers: Record<string, string>,
): AsyncGenerator<Buffer> {
  const signed = declared.startsWith('STREAMING-AWS4-HMAC-SHA256-PAYLOAD')
  if (signed && !seal) throw new WireError('InvalidRequest', `${declared} needs a signed request`)
  const reader = new Reader(source)
  let previous = seal?.seedSignature ?? ''
  for (;;) {
    const head = await reader.line()
    if (head === undefined) throw incomplete()
    const [size = '', extension = ''] = head.split(';')
    const length = Number.parseInt(size, 16)
    if (!/^[0-9a-f]+$/i.test(size))
      throw new WireError('InvalidRequest', `${head} is not an aws-chunked head`)
    const pieces: Buffer[] = []
    for await (const piece of reader.bytes(length)) {
      // A signed chunk is given on only once its signature holds; the SDKs make chunks of at most some MB.
      if (signed) pieces.push(Buffer.from(piece))
      else yield piece
    }
    if (signed && seal) {
      const content = Buffer.concat(pieces)
      previous = sealChunk(seal, previous, content)
      if (!isSame(extension, `chunk-signature=${previous}`)) throw mismatch('a chunk')
      if (content.length > 0) yield content
    }
    if (length === 0) break
    if ((await reader.line()) !== '') throw incomplete()
  }
  const isSealed = await readTrailers(reader, trailers, signed ? seal : undefined, previous)
  if (signed && declared.endsWith('-TRAILER') && !isSealed) throw mismatch('the trailer')
}

const mismatch = (what: string) =>
  new WireError('SignatureDoesNotMatch', `the signature of ${what} of the body does not match`, 403)

function sealChunk(seal: ChunkSeal, previous: string, content: Buffer): string {
  const text = ['AWS4-HMAC-SHA256-PAYLOAD', seal.date, seal.scope, previous, EMPTY_SHA256, sha256(content)]
  return hmac(seal.key, text.join('\n')).toString('hex')
}

/** Fills `trailers`; answers whether a signature stood at their end. */
async function readTrailers(
  reader: Reader,
  trailers: Record<string, string>,
  seal: ChunkSeal | undefined,
  previous: string,
): Promise<boolean> {
  let canonical = ''
  let isSealed = false
  for (;;) {
    const line = await reader.line()
    if (!line) return isSealed
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (name === 'x-amz-trailer-signature') {
      if (seal && !isSame(value, sealTrailer(seal, previous, canonical))) throw mismatch('the trailer')
      isSealed = true
    } else {
      trailers[name] = value
      canonical += `${name}:${value}\n`
    }
  }
}

function sealTrailer(seal: ChunkSeal, previous: string, canonical: string): string {
  const text = ['AWS4-HMAC-SHA256-TRAILER', seal.date, seal.scope, previous, sha256(canonical)]
  return hmac(seal.key, text.join('\n')).toString('hex')
}
