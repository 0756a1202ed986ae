import { WireError } from './call.ts'
import type { Shape } from './shape.ts'

const malformed = (path: string, found: string, wanted: string) =>
  new WireError('SerializationException', `${path} is ${JSON.stringify(found)}, but it must be ${wanted}`)

function parseNumber(text: string, path: string): number {
  const value = Number(text)
  if (text.trim() === '' || (Number.isNaN(value) && text !== 'NaN')) throw malformed(path, text, 'a number')
  return value
}

function parseBoolean(text: string, path: string): boolean {
  const lower = text.toLowerCase()
  if (lower !== 'true' && lower !== 'false') throw malformed(path, text, 'true or false')
  return lower === 'true'
}

function parseTimestamp(text: string, path: string): Date {
  const value = /^-?\d+(\.\d+)?$/.test(text) ? new Date(Number(text) * 1000) : new Date(text)
  if (Number.isNaN(value.getTime())) throw malformed(path, text, 'a timestamp')
  return value
}

/** Reads a value that travels as text (query parameter, header, label, XML text). */
export function parseText(shape: Shape, text: string, path: string): unknown {
  switch (shape.kind) {
    case 'number':
      return parseNumber(text, path)
    case 'boolean':
      return parseBoolean(text, path)
    case 'timestamp':
      return parseTimestamp(text, path)
    case 'blob':
      return new Uint8Array(Buffer.from(text, 'base64'))
    default:
      return text
  }
}

function formatTimestamp(value: Date, format: NonNullable<Shape['timestamp']>): string {
  if (format === 'http-date') return value.toUTCString()
  if (format === 'epoch-seconds') return String(value.getTime() / 1000)
  return value.toISOString().replace('.000Z', 'Z')
}

/** Writes a value as text; `timestamp` is the format where the trait names none. */
export function formatText(
  shape: Shape,
  value: unknown,
  timestamp: NonNullable<Shape['timestamp']> = 'date-time',
): string {
  if (shape.kind === 'timestamp') return formatTimestamp(value as Date, shape.timestamp ?? timestamp)
  if (shape.kind === 'blob') return Buffer.from(value as Uint8Array).toString('base64')
  return String(value)
}
