import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Identities } from '../iam/identities.ts'
import { type Answer, answerCall, type Dispatcher, type Trace } from './answer.ts'
import { type Call, type Question, type Service, WireError } from './call.ts'
import { createFaults, type Faults } from './faults.ts'
import { readModel } from './model.ts'
import { findForeign } from './own-host.ts'
import { encodeRefusal } from './refusal.ts'
import { readClaim } from './signature.ts'

/** One line of the twin's log: a call and how it ended. */
export type CallRecord = {
  readonly at: string
  readonly requestId: string
  readonly service: string
  readonly region: string
  readonly operation: string
  readonly caller: string
  readonly status: number
  /** Wire code of the refusal. */
  readonly code?: string
  readonly message?: string
  readonly ms: number
}

/** What a listener needs. */
export type ListenerOptions = {
  readonly services: readonly Service[]
  readonly account: string
  readonly identities: Pick<Identities, 'find'>
  /** Throws a `WireError` when the caller may not; called after the input was read and before anything happens. */
  readonly authorize: (call: Call, questions: readonly Question[]) => void | Promise<void>
  readonly faults?: Faults
  readonly log?: (record: CallRecord) => void
  /** Told of what is a bug of the twin: an exception that is no `WireError`. */
  readonly onBug?: (error: unknown, call: string) => void
  /** @default a free one */
  readonly port?: number
}

/** A running listener on loopback. `close` ends its connections too. */
export type Listener = { readonly url: string; readonly port: number; close(): Promise<void> }

/** Starts the twin's one endpoint on 127.0.0.1. */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const dispatcher: Dispatcher = {
    account: options.account,
    identities: options.identities,
    authorize: options.authorize,
    faults: options.faults ?? createFaults(),
    onBug: options.onBug ?? (error => process.emitWarning(error instanceof Error ? error : String(error))),
    services: new Map(
      options.services.map(service => [service.name, { service, model: readModel(service) }]),
    ),
  }
  const server = createServer((request, response) => {
    void serve(dispatcher, request, response, options.log)
  })
  // A call may wait for real work; the caller's own timeout decides.
  server.requestTimeout = 0
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  dispatcher: Dispatcher,
  request: IncomingMessage,
  response: ServerResponse,
  log: ListenerOptions['log'],
): Promise<void> {
  const started = performance.now()
  const requestId = randomUUID()
  const trace = { service: '', region: '', operation: '', caller: '' }
  const answer = await answerOwn(dispatcher, request, requestId, trace).catch(error =>
    refuse(dispatcher, request, error, requestId, trace),
  )
  if (answer === 'lost') {
    request.socket.destroy()
  } else {
    await write(dispatcher, request, response, answer, requestId)
  }
  log?.({
    at: new Date(dispatcher.faults.now()).toISOString(),
    requestId,
    ...trace,
    status: answer === 'lost' ? 0 : answer.status,
    ...(answer !== 'lost' &&
      answer.refusal && { code: answer.refusal.code, message: answer.refusal.message }),
    ms: Math.round((performance.now() - started) * 10) / 10,
  })
}

async function answerOwn(
  dispatcher: Dispatcher,
  request: IncomingMessage,
  requestId: string,
  trace: Trace,
): Promise<Answer> {
  const foreign = findForeign(request)
  if (foreign) throw new WireError(foreign.code, foreign.sentence, foreign.status)
  return answerCall(dispatcher, request, requestId, trace)
}

function refuse(
  dispatcher: Dispatcher,
  request: IncomingMessage,
  thrown: unknown,
  requestId: string,
  trace: { service: string; operation: string },
): Answer {
  const error = thrown instanceof WireError ? thrown : bug(dispatcher, thrown, trace)
  const known = dispatcher.services.get(trace.service)
  const service = known?.service ?? guess(request, trace.service)
  const { headers, body } = encodeRefusal(service, error, requestId, known?.model.xmlNamespace ?? '')
  return { status: error.status, headers, body, refusal: error }
}

function bug(
  dispatcher: Dispatcher,
  thrown: unknown,
  trace: { service: string; operation: string },
): WireError {
  dispatcher.onBug(thrown, `${trace.service}:${trace.operation}`)
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new WireError('InternalFailure', `the twin has a bug: ${message}`, 500)
}

// Before the service is known its protocol is read from what the request looks like.
function guess(request: IncomingMessage, name: string): Pick<Service, 'name' | 'protocol'> {
  if (request.headers['x-amz-target']) return { name, protocol: 'json1.1' }
  if (String(request.headers['content-type']).startsWith('application/x-www-form-urlencoded')) {
    return { name, protocol: 'query' }
  }
  if (String(request.headers['content-type']).startsWith('application/json'))
    return { name, protocol: 'rest-json' }
  return { name: readClaimService(request) ?? 's3', protocol: 'rest-xml' }
}

function readClaimService(request: IncomingMessage): string | undefined {
  try {
    return readClaim({ method: '', path: '', query: '', headers: request.headers })?.service
  } catch {
    // A claim that cannot be read names no service: the refusal that is being written says so already.
    return undefined
  }
}

async function write(
  dispatcher: Dispatcher,
  request: IncomingMessage,
  response: ServerResponse,
  answer: Exclude<Answer, 'lost'>,
  requestId: string,
): Promise<void> {
  for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
  response.setHeader('x-amzn-requestid', requestId)
  response.setHeader('x-amz-request-id', requestId)
  response.setHeader('date', new Date(dispatcher.faults.now()).toUTCString())
  response.statusCode = answer.status
  const { body } = answer
  // A refusal before the body was read must not leave the rest of it on a connection that is used again.
  if (!request.complete) response.setHeader('connection', 'close')
  if (request.method === 'HEAD' || answer.status === 204 || answer.status === 304) {
    response.end()
  } else if (typeof body === 'string' || body instanceof Uint8Array) {
    response.setHeader('content-length', Buffer.byteLength(body))
    response.end(body)
  } else {
    await pipeline(body, response).catch(error => {
      // The reader went away or the file broke while it was read: the status is out, only the connection can say so.
      response.destroy(error as Error)
    })
  }
  if (!request.complete) request.resume()
}
