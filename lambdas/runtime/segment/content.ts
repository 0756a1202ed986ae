import { damaged } from './header.ts'
import type { Lsn } from './lsn.ts'

/**
 * Inside a segment's body, once inflated, messages follow each other: four bytes length of the message, eight bytes
 * position in the log (both big-endian), then the pgoutput message as PostgreSQL sent it.
 */
export const FRAME = 12

/** No message is longer in PostgreSQL's protocol, in bytes. */
const LONGEST_MESSAGE = 0x4000_0000

export type Message = { readonly lsn: Lsn; readonly bytes: Buffer }

/** Cuts inflated content, arriving in pieces of any size, into messages. A message's bytes are valid until the next. */
export async function* messagesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Message> {
  let waiting: Buffer[] = []
  let gathered = 0
  let wanted = FRAME
  for await (const piece of pieces) {
    waiting.push(piece)
    gathered += piece.length
    // A message may span thousands of pieces: join them once, when all of it is there.
    if (gathered < wanted) continue
    const bytes = waiting.length === 1 ? piece : Buffer.concat(waiting)
    let at = 0
    for (wanted = wantedAt(bytes, at); wanted <= bytes.length - at; wanted = wantedAt(bytes, at)) {
      yield { lsn: bytes.readBigUInt64BE(at + 4), bytes: bytes.subarray(at + FRAME, at + wanted) }
      at += wanted
    }
    waiting = at === bytes.length ? [] : [bytes.subarray(at)]
    gathered = bytes.length - at
  }
  if (gathered > 0) throw damaged('ends inside a message')
}

/** Bytes that the message beginning at `at` takes, as far as can be told yet. */
function wantedAt(bytes: Buffer, at: number): number {
  if (bytes.length - at < FRAME) return FRAME
  const length = bytes.readUInt32BE(at)
  if (length === 0 || length > LONGEST_MESSAGE) throw damaged(`holds a message of ${length} bytes`)
  return FRAME + length
}
