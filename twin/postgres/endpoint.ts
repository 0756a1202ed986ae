import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { Principal } from '../wire/call.ts'
import type { ServerCertificate } from './authority.ts'
import { ByteReader, readMessage } from './byte-reader.ts'
import { createInspector } from './inspect.ts'
import {
  askForPassword,
  CANCEL_REQUEST,
  fatal,
  GSS_REQUEST,
  HEADER_BYTES,
  MAX_STARTUP_BYTES,
  readStartup,
  SSL_REQUEST,
  sqlStateOf,
} from './messages.ts'
import { checkToken, type TokenKey } from './token.ts'

/** What an endpoint asks of the rest of the twin, each time it matters. */
export type EndpointRules = {
  readonly region: string
  readonly certificate: ServerCertificate
  /** Names other than 127.0.0.1 and localhost by which clients may call it. */
  readonly names?: readonly string[]
  /** The running PostgreSQL, or undefined while there is none: clients are then turned away. */
  readonly backend: () => { readonly socket: string; readonly port: number } | undefined
  /** `rds.force_ssl`. */
  readonly forceSsl: () => boolean
  /** Whether IAM database authentication is enabled. */
  readonly iamEnabled: () => boolean
  readonly findKey: (accessKeyId: string) => TokenKey | undefined
  /** Whether the caller's policies allow `rds-db:connect` as this user here. */
  readonly mayConnect: (principal: Principal, user: string) => boolean | Promise<boolean>
  /** Lets a member of rds_replication open a replication connection; false when the user is none. */
  readonly prepareReplication: (user: string) => Promise<boolean>
  /** Told of refused logins, with the reason that the client is not told. */
  readonly log?: (line: string) => void
  /** Told the SQLSTATE of each login that was refused, by the endpoint or by what is behind it. */
  readonly onRefused?: (sqlState: string) => void
}

/** The address of one instance. It stays the same whatever PostgreSQL is behind it. */
export type Endpoint = {
  readonly port: number
  /** Connections that have logged in. */
  readonly connections: () => number
  /** Ends every connection, as a failover does. */
  readonly cut: () => void
  /** A region that is lost answers nothing and closes nothing: packets just vanish until it is reachable again. */
  readonly setReachable: (isReachable: boolean) => void
  readonly close: () => Promise<void>
}

/** A client and its PostgreSQL, joined. `freeze` stops every byte between them for good. */
type Link = { readonly freeze: () => void }
type State = { reachable: boolean; readonly links: Set<Link> }

const ADDRESS = '127.0.0.1'
const LOGIN_TIMEOUT_MS = 60_000
/** First byte of a TLS handshake: a client of PostgreSQL 17 or later may begin with it. */
const TLS_HANDSHAKE = 0x16

class Refused extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Opens an instance's address on 127.0.0.1: `port`, or a free one. @throws when the port is taken */
export async function openEndpoint(rules: EndpointRules, port = 0): Promise<Endpoint> {
  const secure = createSecureContext({
    cert: rules.certificate.cert,
    key: rules.certificate.key,
    minVersion: 'TLSv1.2',
  })
  const sockets = new Set<Socket>()
  const state: State = { reachable: true, links: new Set() }
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    if (state.reachable) void admit(rules, secure, socket, server, state)
  })
  server.listen(port, ADDRESS)
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => state.links.size,
    cut,
    setReachable: reachable => {
      state.reachable = reachable
      if (reachable) cut()
      else for (const link of state.links) link.freeze()
    },
    close: async () => {
      const closed = new Promise(resolve => server.close(resolve))
      cut()
      await closed
    },
  }
}

/** From the first byte to the first query. Whatever goes wrong here ends this connection and no other. */
async function admit(
  rules: EndpointRules,
  secure: SecureContext,
  socket: Socket,
  server: Server,
  state: State,
): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), LOGIN_TIMEOUT_MS)
  let stream: Socket = socket
  try {
    const opened = await openSession(secure, socket)
    stream = opened.stream
    if ('cancel' in opened) return await forwardCancel(rules, stream, opened.cancel)
    const port = (server.address() as AddressInfo).port
    const backend = await login(rules, stream, opened.reader, opened.startup, stream !== socket, port)
    const link = splice(stream, opened.reader, backend)
    state.links.add(link)
    stream.on('close', () => state.links.delete(link))
  } catch (error) {
    if (error instanceof Refused) {
      rules.onRefused?.(error.code)
      stream.end(fatal(error.code, error.message))
    } else stream.destroy()
    rules.log?.(`login refused: ${(error as Error).message}`)
  } finally {
    clearTimeout(timer)
  }
}

type Session =
  | { stream: Socket; reader: ByteReader; startup: Buffer }
  | { stream: Socket; reader: ByteReader; cancel: Buffer }

/** Negotiates TLS and reads the packet that says what the client wants. */
async function openSession(secure: SecureContext, socket: Socket): Promise<Session> {
  let stream = socket
  let reader = new ByteReader(socket)
  if ((await reader.peek(1))[0] === TLS_HANDSHAKE) {
    stream = startTls(secure, socket, reader)
    reader = new ByteReader(stream)
  }
  for (;;) {
    const head = await reader.peek(8)
    const length = head.readInt32BE(0)
    const code = head.readInt32BE(4)
    if (length < 8 || length > MAX_STARTUP_BYTES) throw new Error('no startup packet')
    if (code === SSL_REQUEST && stream === socket) {
      await reader.read(length)
      socket.write('S')
      stream = startTls(secure, socket, reader)
      reader = new ByteReader(stream)
    } else if (code === GSS_REQUEST || code === SSL_REQUEST) {
      await reader.read(length)
      stream.write('N')
    } else {
      const packet = await reader.read(length)
      return code === CANCEL_REQUEST
        ? { stream, reader, cancel: packet }
        : { stream, reader, startup: packet }
    }
  }
}

function startTls(secure: SecureContext, socket: Socket, reader: ByteReader): TLSSocket {
  const rest = reader.release()
  if (rest.length > 0) socket.unshift(rest)
  const stream = new TLSSocket(socket, {
    isServer: true,
    secureContext: secure,
    ALPNProtocols: ['postgresql'],
  })
  stream.on('error', () => stream.destroy())
  return stream
}

function dialBackend(rules: EndpointRules): Socket {
  const backend = rules.backend()
  if (!backend) throw new Refused('57P03', 'the database system is starting up')
  const socket = dial(join(backend.socket, `.s.PGSQL.${backend.port}`))
  socket.on('error', () => socket.destroy())
  return socket
}

async function forwardCancel(rules: EndpointRules, client: Socket, packet: Buffer): Promise<void> {
  const backend = dialBackend(rules)
  backend.on('close', () => client.destroy())
  backend.write(packet)
}

/** Brings the client and PostgreSQL together; returns when PostgreSQL has taken over the talk. */
async function login(
  rules: EndpointRules,
  client: Socket,
  reader: ByteReader,
  startup: Buffer,
  isTls: boolean,
  port: number,
): Promise<Socket> {
  const parameters = readStartup(startup)
  const user = parameters.get('user') ?? ''
  const database = parameters.get('database') ?? user
  const where = `host "${client.remoteAddress ?? ADDRESS}", user "${user}", database "${database}"`
  if (!isTls && rules.forceSsl())
    throw new Refused('28000', `no pg_hba.conf entry for ${where}, no encryption`)
  if (user === 'rdsadmin') throw new Refused('28000', `pg_hba.conf rejects connection for ${where}`)
  if (isReplication(parameters) && !(await rules.prepareReplication(user)))
    throw new Refused('42501', 'permission denied to start WAL sender')
  const backend = dialBackend(rules)
  client.once('close', () => backend.destroy())
  try {
    backend.write(startup)
    const answers = new ByteReader(backend)
    const first: Buffer[] = []
    let type: string
    do {
      const message = await readMessage(answers)
      first.push(message)
      type = String.fromCharCode(message[0] ?? 0)
    } while (type !== 'R' && type !== 'E')
    if (type === 'E') rules.onRefused?.(sqlStateOf(first.at(-1)))
    const isTrusted = type === 'R' && first.at(-1)?.readInt32BE(HEADER_BYTES) === 0
    // PostgreSQL lets members of rds_iam in without a question on its private socket: the question is ours.
    if (isTrusted) await demandToken(rules, client, reader, user, isTls, port)
    for (const message of first) client.write(message)
    const rest = answers.release()
    if (rest.length > 0) client.write(rest)
    return backend
  } catch (error) {
    backend.destroy()
    throw error
  }
}

const isReplication = (parameters: ReadonlyMap<string, string>) =>
  /^(database|true|on|yes|1|t)$/i.test(parameters.get('replication') ?? '')

async function demandToken(
  rules: EndpointRules,
  client: Socket,
  reader: ByteReader,
  user: string,
  isTls: boolean,
  port: number,
): Promise<void> {
  const refuse = (reason: string) => {
    rules.log?.(`IAM login of ${user} refused: ${reason}`)
    return new Refused('28000', `PAM authentication failed for user "${user}"`)
  }
  if (!isTls) throw refuse('the connection is not encrypted')
  if (!rules.iamEnabled()) throw refuse('IAM database authentication is not enabled on this instance')
  client.write(askForPassword())
  const message = await readMessage(reader)
  if (message[0] !== 0x70) throw refuse('the client sent no password')
  const checked = checkToken({
    token: message.subarray(HEADER_BYTES, -1).toString('utf8'),
    user,
    region: rules.region,
    hosts: [ADDRESS, 'localhost', ...(rules.names ?? [])],
    port,
    now: Date.now(),
    findKey: rules.findKey,
  })
  if ('reason' in checked) throw refuse(checked.reason)
  if (!(await rules.mayConnect(checked.principal, user)))
    throw refuse(`${checked.principal.arn} is not allowed rds-db:connect as this user`)
}

/** Passes bytes both ways until one side ends; then the other ends too. */
function splice(client: Socket, reader: ByteReader, backend: Socket): Link {
  const inspect = createInspector()
  const pass = (chunk: Buffer) => {
    const bytes = inspect(chunk)
    if (bytes.length > 0 && !backend.write(bytes)) client.pause()
  }
  const early = reader.release()
  if (early.length > 0) pass(early)
  client.on('data', pass)
  backend.on('drain', () => client.resume())
  client.on('end', () => backend.end())
  client.on('close', () => backend.destroy())
  backend.on('close', () => client.destroySoon())
  backend.pipe(client)
  client.resume()
  return {
    freeze: () => {
      backend.removeAllListeners('drain')
      backend.unpipe(client)
      backend.pause()
      client.pause()
    },
  }
}
