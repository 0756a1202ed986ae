import { handOverEventTriggers, mayNameEventTrigger } from './event-triggers.ts'
import { HEADER_BYTES } from './messages.ts'

/** A statement longer than this is data: it is passed on unread. */
const MAX_READ_BYTES = 1_048_576

/**
 * Follows a client's messages and passes everything on as it came, but for statements about event triggers.
 * Only statements are held back until they are whole; the data of a COPY flows through.
 */
export function createInspector(): (chunk: Buffer) => Buffer {
  // Bytes of the current message that still have to pass unread.
  let passing = 0
  let held: Buffer = Buffer.alloc(0)
  return chunk => {
    // The common case of bulk data: this chunk lies wholly inside a message that passes.
    if (held.length === 0 && passing >= chunk.length) {
      passing -= chunk.length
      return chunk
    }
    let rest = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    held = Buffer.alloc(0)
    const out: Buffer[] = []
    while (rest.length > 0) {
      if (passing > 0) {
        const part = rest.subarray(0, passing)
        out.push(part)
        passing -= part.length
        rest = rest.subarray(part.length)
      } else if (rest.length < HEADER_BYTES) {
        held = rest
        break
      } else {
        const length = rest.readInt32BE(1) + 1
        const type = rest[0]
        if ((type !== 0x51 && type !== 0x50) || length > MAX_READ_BYTES) passing = length
        else if (rest.length < length) {
          held = rest
          break
        } else {
          out.push(
            type === 0x51 ? rewriteQuery(rest.subarray(0, length)) : rewriteParse(rest.subarray(0, length)),
          )
          rest = rest.subarray(length)
        }
      }
    }
    return out.length === 1 && out[0] ? out[0] : Buffer.concat(out)
  }
}

// Latin-1 keeps every byte of whatever encoding the client speaks.
const text = (bytes: Buffer) => bytes.toString('latin1')

function rewriteQuery(message: Buffer): Buffer {
  const sql = text(message.subarray(HEADER_BYTES, -1))
  return mayNameEventTrigger(sql)
    ? withBody(message, Buffer.from(`${handOverEventTriggers(sql)}\0`, 'latin1'))
    : message
}

/** Parse: the statement's name, its text, then the types of its parameters. */
function rewriteParse(message: Buffer): Buffer {
  const nameEnd = message.indexOf(0, HEADER_BYTES) + 1
  const sqlEnd = message.indexOf(0, nameEnd)
  const sql = text(message.subarray(nameEnd, sqlEnd))
  if (!mayNameEventTrigger(sql)) return message
  return withBody(
    message,
    Buffer.concat([
      message.subarray(HEADER_BYTES, nameEnd),
      Buffer.from(handOverEventTriggers(sql), 'latin1'),
      message.subarray(sqlEnd),
    ]),
  )
}

function withBody(message: Buffer, body: Buffer): Buffer {
  const header = Buffer.from(message.subarray(0, HEADER_BYTES))
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}
