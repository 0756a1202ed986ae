import { WireError } from './call.ts'
import { unknownMember } from './required.ts'
import { formatText, parseText } from './scalar.ts'
import type { Shape } from './shape.ts'

/** Reads a JSON body into the SDK's input shape. An unknown member is refused by its path. */
export function decodeJson(shape: Shape, body: Buffer, operation: string): Record<string, unknown> {
  if (body.length === 0 || shape.kind === 'unit') return {}
  return readJson(shape, parseJson(body), operation, '') as Record<string, unknown>
}

/** Parses a JSON body; what is no JSON is refused. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    const error = new WireError('SerializationException', `the body is not JSON: ${(cause as Error).message}`)
    error.cause = cause
    throw error
  }
}

const wrongKind = (path: string, shape: Shape, value: unknown) =>
  new WireError(
    'SerializationException',
    `${path || 'the body'} is ${JSON.stringify(value)?.slice(0, 60)}, but it must be a ${shape.kind}`,
  )

/** Reads one JSON value under a shape. */
export function readJson(shape: Shape, value: unknown, operation: string, path: string): unknown {
  if (value === null || value === undefined) return undefined
  switch (shape.kind) {
    case 'struct':
      return readStruct(shape, value, operation, path)
    case 'list':
      if (!Array.isArray(value)) throw wrongKind(path, shape, value)
      return value.map((item, index) => readJson(shape.item, item, operation, `${path}[${index}]`))
    case 'map':
      if (typeof value !== 'object' || Array.isArray(value)) throw wrongKind(path, shape, value)
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [
          key,
          readJson(shape.item, item, operation, `${path}.${key}`),
        ]),
      )
    case 'string':
      if (typeof value !== 'string') throw wrongKind(path, shape, value)
      return value
    case 'boolean':
      if (typeof value !== 'boolean') throw wrongKind(path, shape, value)
      return value
    case 'number':
    case 'timestamp':
    case 'blob':
      if (typeof value !== 'string' && typeof value !== 'number') throw wrongKind(path, shape, value)
      return parseText(shape, String(value), path)
    default:
      return value
  }
}

function readStruct(shape: Shape, value: unknown, operation: string, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || Array.isArray(value)) throw wrongKind(path, shape, value)
  const result: Record<string, unknown> = {}
  for (const [key, child] of Object.entries(value as Record<string, unknown>)) {
    const member = memberAt(shape, key)
    if (!member) throw unknownMember(path ? `${path}.${key}` : key, operation)
    const read = readJson(member[1], child, operation, path ? `${path}.${key}` : key)
    if (read !== undefined) result[member[0]] = read
  }
  return result
}

function memberAt(shape: Shape, key: string): [string, Shape] | undefined {
  const direct = shape.members.get(key)
  if (direct && (direct.traits.jsonName ?? key) === key) return [key, direct]
  for (const [name, member] of shape.members) if (member.traits.jsonName === key) return [name, member]
  return undefined
}

/** The JSON value of an output under its shape; members that the shape does not have are a bug of the twin and thrown. */
export function writeJson(shape: Shape, value: unknown): unknown {
  if (value === null || value === undefined) return undefined
  switch (shape.kind) {
    case 'struct':
      return writeStruct(shape, value as Record<string, unknown>)
    case 'list':
      return (value as unknown[]).map(item => writeJson(shape.item, item) ?? null)
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => [key, writeJson(shape.item, item)]),
      )
    case 'timestamp':
      return shape.timestamp && shape.timestamp !== 'epoch-seconds'
        ? formatText(shape, value)
        : (value as Date).getTime() / 1000
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'blob':
      return formatText(shape, value)
    default:
      return value
  }
}

function writeStruct(shape: Shape, value: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [name, child] of Object.entries(value)) {
    if (child === undefined || child === null) continue
    const member = shape.members.get(name)
    if (!member) throw new Error(`${shape.name} has no member ${name}: the twin answered outside the model`)
    result[member.traits.jsonName ?? name] = writeJson(member, child)
  }
  return result
}
