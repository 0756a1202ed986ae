import type { IncomingHttpHeaders } from 'node:http'
import { parseJson, readJson, writeJson } from './json.ts'
import type { OperationModel } from './model.ts'
import { unknownMember } from './required.ts'
import { formatText, parseText } from './scalar.ts'
import type { Shape } from './shape.ts'
import { decodeXml, writeMembers, writeXml } from './xml.ts'

/** A request to a REST operation after routing. */
export type RestRequest = {
  readonly labels: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
}

export type RestFormat = 'json' | 'xml'

const isBound = ({ traits }: Shape) =>
  !!(
    traits.httpLabel ||
    traits.httpQuery ||
    traits.httpQueryParams ||
    traits.httpHeader ||
    traits.httpPrefixHeaders ||
    traits.httpPayload ||
    traits.httpResponseCode
  )

/** Name and shape of the member that is the whole body, if the operation has one. */
export function payloadOf(shape: Shape): [string, Shape] | undefined {
  for (const entry of shape.members) if (entry[1].traits.httpPayload) return entry
  return undefined
}

/** Whether the body of this operation's request is read as it arrives. */
export const streamsIn = (model: OperationModel) => payloadOf(model.input)?.[1].kind === 'stream'

/** Query parameters of signing and routing, which are no members. */
const RESERVED =
  /^(x-id|X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature|Security-Token|Content-Sha256))$/i

/** Reads labels, query and headers into the input; the body is read by `decodeBody`. */
export function decodeBindings(model: OperationModel, request: RestRequest): Record<string, unknown> {
  const input: Record<string, unknown> = {}
  const taken = new Set(model.route?.query.map(([key]) => key))
  for (const [name, member] of model.input.members) {
    const value = readBinding(name, member, request, taken)
    if (value !== undefined) input[name] = value
  }
  for (const key of request.query.keys()) {
    if (!taken.has(key) && !RESERVED.test(key)) throw unknownMember(`?${key}`, model.name)
  }
  return input
}

function readBinding(name: string, member: Shape, request: RestRequest, taken: Set<string>): unknown {
  const { httpLabel, httpQuery, httpHeader, httpPrefixHeaders } = member.traits
  if (httpLabel) {
    const label = request.labels[name]
    return label === undefined ? undefined : parseText(member, label, name)
  }
  if (httpQuery) {
    taken.add(httpQuery)
    const values = request.query.getAll(httpQuery)
    if (values.length === 0) return undefined
    return member.kind === 'list'
      ? values.map(value => parseText(member.item, value, name))
      : parseText(member, values[0] ?? '', name)
  }
  if (httpHeader) return readHeader(name, member, request.headers[httpHeader.toLowerCase()])
  if (httpPrefixHeaders) return readPrefixed(httpPrefixHeaders, request.headers)
  return undefined
}

function readHeader(name: string, member: Shape, header: string | string[] | undefined): unknown {
  if (header === undefined) return undefined
  const text = Array.isArray(header) ? header.join(',') : header
  if (member.kind === 'list') return text.split(',').map(item => parseText(member.item, item.trim(), name))
  return parseText(member, text, name)
}

function readPrefixed(prefix: string, headers: IncomingHttpHeaders): Record<string, string> | undefined {
  const found = Object.entries(headers).filter(([key]) => key.startsWith(prefix))
  if (found.length === 0) return undefined
  return Object.fromEntries(found.map(([key, value]) => [key.slice(prefix.length), String(value)]))
}

/** Reads a collected body into the input. */
export function decodeBody(
  model: OperationModel,
  body: Buffer,
  format: RestFormat,
  input: Record<string, unknown>,
): void {
  if (body.length === 0) return
  const payload = payloadOf(model.input)
  if (payload) {
    input[payload[0]] = decodePayload(payload[1], body, format, model.name)
    return
  }
  const bodyShape = withoutBound(model.input)
  if (bodyShape.members.size === 0) return
  const read =
    format === 'xml'
      ? decodeXml(bodyShape, body, model.name)
      : readJson(bodyShape, parseJson(body), model.name, '')
  Object.assign(input, read)
}

function decodePayload(shape: Shape, body: Buffer, format: RestFormat, operation: string): unknown {
  if (shape.kind === 'blob' || shape.kind === 'stream') return new Uint8Array(body)
  if (shape.kind === 'string') return body.toString('utf8')
  return format === 'xml'
    ? decodeXml(shape, body, operation)
    : readJson(shape, parseJson(body), operation, '')
}

const bodies = new WeakMap<Shape, Shape>()

function withoutBound(shape: Shape): Shape {
  const found = bodies.get(shape)
  if (found) return found
  const members = new Map([...shape.members].filter(([, member]) => !isBound(member)))
  const body = Object.create(shape, { members: { value: members } }) as Shape
  bodies.set(shape, body)
  return body
}

/** An answer before it is written to the socket. */
export type RestAnswer = {
  status: number
  readonly headers: Record<string, string>
  body: string | Uint8Array | AsyncIterable<Uint8Array>
}

/** An output member of the twin's own: the HTTP status of a success where it is not the model's. */
export const STATUS = '$status'

/** Writes an output as status, headers and body. `xmlns` is the namespace of the root element for XML. */
export function encodeRest(
  model: OperationModel,
  output: Record<string, unknown>,
  format: RestFormat,
  xmlns: string,
): RestAnswer {
  const answer: RestAnswer = { status: model.route?.status ?? 200, headers: {}, body: '' }
  if (model.output.kind === 'unit') return answer
  for (const [name, value] of Object.entries(output)) {
    if (value === undefined || value === null) continue
    // The model has no place for a success that has two statuses (200 whole, 206 a range).
    if (name === STATUS) {
      answer.status = value as number
      continue
    }
    const member = model.output.members.get(name)
    if (!member) throw new Error(`${model.name} has no output ${name}: the twin answered outside the model`)
    writeBinding(member, value, answer)
  }
  const payload = payloadOf(model.output)
  if (payload) writePayload(payload, output[payload[0]], format, xmlns, answer)
  else writeBody(model, output, format, xmlns, answer)
  return answer
}

function writeBinding(member: Shape, value: unknown, answer: RestAnswer): void {
  const { httpHeader, httpPrefixHeaders, httpResponseCode } = member.traits
  if (httpResponseCode) answer.status = value as number
  else if (httpHeader) {
    answer.headers[httpHeader.toLowerCase()] =
      member.kind === 'list'
        ? (value as unknown[]).map(item => formatText(member.item, item, 'http-date')).join(',')
        : formatText(member, value, 'http-date')
  } else if (httpPrefixHeaders) {
    for (const [key, text] of Object.entries(value as Record<string, string>)) {
      answer.headers[(httpPrefixHeaders + key).toLowerCase()] = text
    }
  }
}

function writePayload(
  [, shape]: [string, Shape],
  value: unknown,
  format: RestFormat,
  xmlns: string,
  answer: RestAnswer,
): void {
  if (value === undefined || value === null) return
  if (shape.kind === 'blob' || shape.kind === 'stream' || shape.kind === 'string') {
    answer.headers['content-type'] ??= 'application/octet-stream'
    answer.body = value as RestAnswer['body']
  } else if (format === 'xml') {
    answer.headers['content-type'] = 'application/xml'
    answer.body = `<?xml version="1.0" encoding="UTF-8"?>\n${writeXml(shape, value, shape.traits.xmlName ?? shape.name, xmlns)}`
  } else {
    answer.headers['content-type'] = 'application/json'
    answer.body = JSON.stringify(writeJson(shape, value))
  }
}

function writeBody(
  model: OperationModel,
  output: Record<string, unknown>,
  format: RestFormat,
  xmlns: string,
  answer: RestAnswer,
): void {
  const shape = withoutBound(model.output)
  if (shape.members.size === 0) return
  const rest = Object.fromEntries(Object.entries(output).filter(([name]) => shape.members.has(name)))
  if (format === 'json') {
    answer.headers['content-type'] = 'application/json'
    answer.body = JSON.stringify(writeJson(shape, rest))
    return
  }
  const name = model.output.traits.xmlName ?? model.output.name
  answer.headers['content-type'] = 'application/xml'
  answer.body = `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="${xmlns}">${writeMembers(shape, rest)}</${name}>`
}
