import type { NormalizedSchema } from '@smithy/core/schema'

/** The traits of the SDK's schemas that decide where and how a value travels. */
export type Traits = {
  readonly httpLabel?: number
  readonly httpQuery?: string
  readonly httpQueryParams?: number
  readonly httpHeader?: string
  readonly httpPrefixHeaders?: string
  readonly httpPayload?: number
  readonly httpResponseCode?: number
  readonly xmlName?: string
  readonly xmlFlattened?: number
  readonly xmlAttribute?: number
  readonly xmlNamespace?: readonly [string | undefined, string]
  readonly jsonName?: string
  readonly streaming?: number
  readonly idempotencyToken?: number
}

export type Kind =
  | 'string'
  | 'number'
  | 'boolean'
  | 'timestamp'
  | 'blob'
  | 'stream'
  | 'document'
  | 'list'
  | 'map'
  | 'struct'
  | 'unit'

/** A type of the service model, as the codecs walk it. `members`, `item` and `key` are worked out on first use. */
export type Shape = {
  readonly kind: Kind
  readonly name: string
  readonly traits: Traits
  /** For timestamps: what the trait says, or undefined for the protocol's own default. */
  readonly timestamp: 'date-time' | 'http-date' | 'epoch-seconds' | undefined
  /** Member shapes by their name in the SDK's input and output. Empty unless a struct. */
  readonly members: ReadonlyMap<string, Shape>
  /** Names of the members that a request must carry. */
  readonly required: readonly string[]
  /** Of a list or a map. */
  readonly item: Shape
  readonly key: Shape
}

const known = new WeakMap<NormalizedSchema, Shape>()
const TIMESTAMPS: Record<number, Shape['timestamp']> = { 5: 'date-time', 6: 'http-date', 7: 'epoch-seconds' }

function kindOf(schema: NormalizedSchema): Kind {
  if (schema.isUnitSchema()) return 'unit'
  if (schema.isStructSchema()) return 'struct'
  if (schema.isListSchema()) return 'list'
  if (schema.isMapSchema()) return 'map'
  if (schema.isBlobSchema()) return schema.isStreaming() ? 'stream' : 'blob'
  if (schema.isTimestampSchema()) return 'timestamp'
  if (schema.isBooleanSchema()) return 'boolean'
  if (schema.isNumericSchema() || schema.isBigIntegerSchema() || schema.isBigDecimalSchema()) return 'number'
  if (schema.isDocumentSchema()) return 'document'
  return 'string'
}

function requiredOf(schema: NormalizedSchema): readonly string[] {
  // The SDK's tuple: [3, namespace, name, traits, memberNames, memberTypes, countOfRequired]; required ones come first.
  const tuple = schema.getSchema() as unknown as readonly unknown[]
  const names = tuple[4] as readonly string[]
  return names.slice(0, (tuple[6] as number | undefined) ?? 0)
}

/** The shape of a schema of the SDK; asked twice for the same schema object it answers the same shape. */
export function shapeOf(schema: NormalizedSchema): Shape {
  const found = known.get(schema)
  if (found) return found
  const kind = kindOf(schema)
  let members: Map<string, Shape> | undefined
  let item: Shape | undefined
  let key: Shape | undefined
  const shape: Shape = {
    kind,
    name: schema.getName() ?? '',
    traits: schema.getMergedTraits() as Traits,
    timestamp: kind === 'timestamp' ? TIMESTAMPS[schema.getSchema() as unknown as number] : undefined,
    required: kind === 'struct' ? requiredOf(schema) : [],
    get members() {
      if (kind !== 'struct') return new Map()
      members ??= new Map([...schema.structIterator()].map(([name, member]) => [name, shapeOf(member)]))
      return members
    },
    get item() {
      item ??= shapeOf(schema.getValueSchema())
      return item
    },
    get key() {
      key ??= shapeOf(schema.getKeySchema())
      return key
    },
  }
  known.set(schema, shape)
  return shape
}
