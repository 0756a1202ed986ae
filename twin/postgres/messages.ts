/** The few messages of PostgreSQL's frontend/backend protocol that an endpoint says itself. */

export const SSL_REQUEST = 80877103
export const GSS_REQUEST = 80877104
export const CANCEL_REQUEST = 80877102

/** Messages begin with a type byte and a length that counts itself. */
export const HEADER_BYTES = 5

/** A whole startup packet is longer than this only by mistake or malice; PostgreSQL draws the same line. */
export const MAX_STARTUP_BYTES = 10_000

/** The parameters of a startup packet: `user`, `database`, `replication`, … */
export function readStartup(packet: Buffer): ReadonlyMap<string, string> {
  const words = packet.subarray(8).toString('utf8').split('\0')
  const parameters = new Map<string, string>()
  for (let at = 0; at + 1 < words.length && words[at] !== ''; at += 2)
    parameters.set(words[at] ?? '', words[at + 1] ?? '')
  return parameters
}

/** An ErrorResponse of severity FATAL, after which the connection closes. */
export function fatal(code: string, message: string): Buffer {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`)
  return withHeader('E', body)
}

/** The SQLSTATE of an ErrorResponse; empty when it says none. */
export function sqlStateOf(message: Buffer | undefined): string {
  const fields = message?.subarray(HEADER_BYTES).toString('utf8').split('\0') ?? []
  return fields.find(field => field.startsWith('C'))?.slice(1) ?? ''
}

/** Asks the client for its password in clear text; only ever sent over TLS. */
export const askForPassword = (): Buffer => withHeader('R', Buffer.from([0, 0, 0, 3]))

function withHeader(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.write(type, 0, 'latin1')
  header.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([header, body])
}

/** The length of the first message in `bytes`, or undefined while its header is incomplete. */
export function messageLength(bytes: Buffer): number | undefined {
  return bytes.length < HEADER_BYTES ? undefined : bytes.readInt32BE(1) + 1
}
