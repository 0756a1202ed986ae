import type { IncomingMessage } from 'node:http'
import { gunzipSync } from 'node:zlib'
import type { Identities, Identity } from '../iam/identities.ts'
import { type Call, type Question, type Service, WireError } from './call.ts'
import type { ChunkSeal } from './chunked.ts'
import type { Faults } from './faults.ts'
import { decodeJson, writeJson } from './json.ts'
import type { OperationModel, ServiceModel } from './model.ts'
import { openPayload } from './payload.ts'
import { decodeQuery } from './query.ts'
import { checkRequired } from './required.ts'
import { decodeBindings, decodeBody, encodeRest, payloadOf, type RestAnswer, streamsIn } from './rest.ts'
import { type Routed, route } from './routing.ts'
import {
  type Claim,
  checkDate,
  checkSignature,
  readClaim,
  type SignedRequest,
  scopeOf,
  sha256,
  signingKey,
} from './signature.ts'
import { writeMembers } from './xml.ts'

/** The listener's parts that answer a call. */
export type Dispatcher = {
  readonly account: string
  readonly identities: Pick<Identities, 'find'>
  readonly authorize: (call: Call, questions: readonly Question[]) => void | Promise<void>
  readonly faults: Faults
  readonly onBug: (error: unknown, call: string) => void
  readonly services: ReadonlyMap<string, { readonly service: Service; readonly model: ServiceModel }>
}

/** What goes back; `lost` when a fault lets the answer vanish with the connection. */
export type Answer = (RestAnswer & { readonly refusal?: WireError }) | 'lost'

/** What is known of a call while it is being read, for the log. */
export type Trace = { service: string; region: string; operation: string; caller: string }

const MAX_BODY_BYTES = 64 * 1024 * 1024

/** Reads, checks, judges, runs and encodes one call. */
export async function answerCall(
  dispatcher: Dispatcher,
  request: IncomingMessage,
  requestId: string,
  trace: Trace,
): Promise<Answer> {
  const signed = signedRequest(request)
  const claim = readClaim(signed)
  if (!claim) throw new WireError('MissingAuthenticationToken', 'Missing Authentication Token', 403)
  trace.service = claim.service
  const known = dispatcher.services.get(claim.service)
  if (!known) {
    const have = [...dispatcher.services.keys()].sort().join(', ')
    throw new WireError('UnknownService', `the twin has no service ${claim.service}, it has ${have}`, 501)
  }
  const region = known.service.home ?? claim.region
  // It names folders of the twin's.
  if (!/^[a-z]{2,}(-[a-z]+)+-\d+$/.test(region))
    throw new WireError(
      'IncompleteSignature',
      `Credential is of ${JSON.stringify(region)}, which is no region`,
      403,
    )
  trace.region = region
  const identity = identify(dispatcher, claim)
  trace.caller = identity.principal.arn
  const reading = await readRequest(known.service, known.model, request, signed, claim, identity, trace)
  const operation = known.service.operations[trace.operation]
  if (!operation) throw notInTwin(known.service, trace.operation)
  const input = reading()
  const call: Call = {
    requestId,
    service: claim.service,
    region,
    account: dispatcher.account,
    operation: trace.operation,
    principal: identity.principal,
  }
  const questions = operation.questions(input, call)
  const fault = dispatcher.faults.take(call, questions)
  if (fault) await dispatcher.faults.suffer(fault)
  await dispatcher.authorize(call, questions)
  const output = ((await operation.run(input, call)) ?? {}) as Record<string, unknown>
  if (fault?.effect.kind === 'lose-answer') return 'lost'
  return encode(known.service, known.model, trace.operation, output, requestId)
}

function signedRequest(request: IncomingMessage): SignedRequest {
  const [path = '/', ...query] = (request.url ?? '/').split('?')
  return { method: request.method ?? 'GET', path, query: query.join('?'), headers: request.headers }
}

const UNKNOWN_KEY: Record<string, string> = { s3: 'InvalidAccessKeyId', sts: 'InvalidClientTokenId' }

function identify(dispatcher: Dispatcher, claim: Claim): Identity {
  const identity = dispatcher.identities.find(claim.accessKeyId)
  const token = 'The security token included in the request is'
  if (!identity || (identity.sessionToken && identity.sessionToken !== claim.sessionToken)) {
    const code = UNKNOWN_KEY[claim.service] ?? 'UnrecognizedClientException'
    throw new WireError(code, `${token} invalid: the twin gave out no key ${claim.accessKeyId}.`, 403)
  }
  if (identity.expires !== undefined && identity.expires <= dispatcher.faults.now()) {
    throw new WireError('ExpiredToken', `${token} expired`, 403)
  }
  checkDate(claim, dispatcher.faults.now())
  return identity
}

function notInTwin(service: Service, operation: string): WireError {
  if (service.protocol === 'query') {
    return new WireError(
      'InvalidAction',
      `The twin does not have the action ${operation} of ${service.name}.`,
    )
  }
  const message = `the twin does not have the operation ${operation} of ${service.name}`
  return service.name === 's3'
    ? new WireError('NotImplemented', message, 501)
    : new WireError('UnknownOperationException', message, 404)
}

async function readRequest(
  service: Service,
  model: ServiceModel,
  request: IncomingMessage,
  signed: SignedRequest,
  claim: Claim,
  identity: Identity,
  trace: Trace,
): Promise<() => Record<string, unknown>> {
  if (service.protocol === 'rest-json' || service.protocol === 'rest-xml') {
    return readRest(service, model, request, signed, claim, identity, trace)
  }
  const body = await collect(request)
  checkSignature(signed, claim, identity.secretAccessKey, sha256(body))
  const content = unzip(request, body)
  if (service.protocol === 'query') return readForm(service, model, content, trace)
  trace.operation =
    String(request.headers['x-amz-target'] ?? '')
      .split('.')
      .at(-1) ?? ''
  const operation = model.operations.get(trace.operation)
  if (!operation) throw notInTwin(service, trace.operation)
  return () => {
    const input = decodeJson(operation.input, content, operation.name)
    checkRequired(operation.input, input, 'json')
    return input
  }
}

function readForm(service: Service, model: ServiceModel, content: Buffer, trace: Trace) {
  const form = new URLSearchParams(content.toString('utf8'))
  trace.operation = form.get('Action') ?? ''
  const operation = model.operations.get(trace.operation)
  if (!operation) throw notInTwin(service, trace.operation)
  return () => {
    const input = decodeQuery(operation.input, form, operation.name)
    checkRequired(operation.input, input, 'query')
    return input
  }
}

async function readRest(
  service: Service,
  model: ServiceModel,
  request: IncomingMessage,
  signed: SignedRequest,
  claim: Claim,
  identity: Identity,
  trace: Trace,
): Promise<() => Record<string, unknown>> {
  const query = new URLSearchParams(signed.query)
  const routed = route(model, { ...signed, query }, service.name === 's3')
  trace.operation = routed.model.name
  const format = service.protocol === 'rest-json' ? 'json' : 'xml'
  const finish = (fill: (input: Record<string, unknown>) => void) => () => {
    const input = decodeBindings(routed.model, { labels: routed.labels, query, headers: request.headers })
    fill(input)
    checkRequired(routed.model.input, input, format === 'json' ? 'json' : 'rest-xml')
    return input
  }
  if (streamsIn(routed.model)) {
    return finish(stream(routed, request, signed, claim, identity))
  }
  const body = await collect(request)
  checkSignature(signed, claim, identity.secretAccessKey, payloadHash(request, claim, body))
  return finish(input => decodeBody(routed.model, unzip(request, body), format, input))
}

function stream(
  routed: Routed,
  request: IncomingMessage,
  signed: SignedRequest,
  claim: Claim,
  identity: Identity,
): (input: Record<string, unknown>) => void {
  const declared = String(request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD')
  checkSignature(signed, claim, identity.secretAccessKey, declared)
  const seal: ChunkSeal = {
    key: signingKey(identity.secretAccessKey, claim),
    date: claim.date,
    scope: scopeOf(claim),
    seedSignature: claim.signature,
  }
  const name = payloadOf(routed.model.input)?.[0]
  return input => {
    if (name) input[name] = openPayload(request, seal)
  }
}

// A presigned URL is signed before its body is known, and S3 clients may say that they did not sign the body.
function payloadHash(request: IncomingMessage, claim: Claim, body: Buffer): string {
  const declared = request.headers['x-amz-content-sha256']
  if (declared === 'UNSIGNED-PAYLOAD') return declared
  if (claim.expires !== undefined && claim.service === 's3') return 'UNSIGNED-PAYLOAD'
  const actual = sha256(body)
  if (declared !== undefined && declared !== actual) {
    const message = "The provided 'x-amz-content-sha256' header does not match what was computed."
    throw new WireError('XAmzContentSHA256Mismatch', message)
  }
  return actual
}

// By events: iterating over a request costs more than all the rest of a small call.
function collect(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_BODY_BYTES) chunks.push(chunk)
      else {
        request.removeAllListeners('data').pause()
        reject(new WireError('RequestEntityTooLarge', `the body is over ${MAX_BODY_BYTES} bytes`, 413))
      }
    })
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('error', reject)
    request.once('close', () => reject(new Error('the caller went away in the middle of its request')))
  })
}

const unzip = (request: IncomingMessage, body: Buffer): Buffer =>
  request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body

function encode(
  service: Service,
  model: ServiceModel,
  name: string,
  output: Record<string, unknown>,
  requestId: string,
): Answer {
  const operation = model.operations.get(name) as OperationModel
  if (service.protocol === 'rest-json') return encodeRest(operation, output, 'json', '')
  if (service.protocol === 'rest-xml') return encodeRest(operation, output, 'xml', model.xmlNamespace)
  if (service.protocol === 'query') {
    const result =
      operation.output.kind === 'unit'
        ? ''
        : `<${name}Result>${writeMembers(operation.output, output)}</${name}Result>`
    const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`
    const body = `<${name}Response xmlns="${model.xmlNamespace}">${result}${metadata}</${name}Response>`
    return { status: 200, headers: { 'content-type': 'text/xml' }, body }
  }
  const version = service.protocol === 'json1.0' ? '1.0' : '1.1'
  const body = operation.output.kind === 'unit' ? '' : JSON.stringify(writeJson(operation.output, output))
  return { status: 200, headers: { 'content-type': `application/x-amz-json-${version}` }, body }
}
