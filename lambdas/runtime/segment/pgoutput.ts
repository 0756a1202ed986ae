import { damaged } from './header.ts'
import { formatMoment } from './moment.ts'

/** A column's value in PostgreSQL's text form; null; or undefined for a TOAST value that the change left as it was. */
export type Value = string | null | undefined

/** One value a column, in the relation's order. */
export type Tuple = readonly Value[]

export type Column = {
  readonly name: string
  readonly type: number
  readonly modifier: number
  /** Part of the replica identity. */
  readonly key: boolean
}

export type Relation = {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** `pg_class.relreplident`: default (primary key), nothing, full, index. */
  readonly identity: 'd' | 'n' | 'f' | 'i'
  readonly columns: readonly Column[]
}

/** One message of the pgoutput plugin, protocol version 1. Positions are numbers of the log, times ISO text. */
export type Change =
  | { readonly kind: 'begin'; readonly commit: bigint; readonly at: string; readonly xid: number }
  | { readonly kind: 'commit'; readonly commit: bigint; readonly end: bigint; readonly at: string }
  | { readonly kind: 'origin'; readonly name: string }
  | { readonly kind: 'relation'; readonly relation: Relation }
  | { readonly kind: 'type'; readonly oid: number; readonly schema: string; readonly name: string }
  | { readonly kind: 'insert'; readonly relation: number; readonly row: Tuple }
  | {
      readonly kind: 'update'
      readonly relation: number
      readonly row: Tuple
      /** The key before, or the whole row before where the identity is full; absent when the key did not change. */
      readonly old: Tuple | undefined
    }
  | { readonly kind: 'delete'; readonly relation: number; readonly old: Tuple }
  | {
      readonly kind: 'truncate'
      readonly relations: readonly number[]
      readonly cascade: boolean
      readonly restart: boolean
    }
  | {
      readonly kind: 'message'
      readonly transactional: boolean
      readonly prefix: string
      readonly content: Buffer
    }

/** The first byte of each message. */
export const KIND = {
  begin: 0x42,
  commit: 0x43,
  origin: 0x4f,
  relation: 0x52,
  type: 0x59,
  insert: 0x49,
  update: 0x55,
  delete: 0x44,
  truncate: 0x54,
  message: 0x4d,
} as const

/** Reads one message. @throws Refusal `NotASegment` for a kind it does not know or a message that ends early. */
export function decodeChange(bytes: Buffer): Change {
  const cursor = new Cursor(bytes)
  const kind = cursor.uint8()
  const read = READERS[kind]
  if (read === undefined) throw damaged(`holds a message of unknown kind 0x${kind.toString(16)}`)
  const change = read(cursor)
  cursor.mustBeAtEnd()
  return change
}

const READERS: Readonly<Record<number, (cursor: Cursor) => Change>> = {
  [KIND.begin]: c => ({ kind: 'begin', commit: c.uint64(), at: formatMoment(c.int64()), xid: c.uint32() }),
  [KIND.commit]: c => {
    c.uint8() // flags, unused by PostgreSQL
    return { kind: 'commit', commit: c.uint64(), end: c.uint64(), at: formatMoment(c.int64()) }
  },
  [KIND.origin]: c => {
    c.uint64()
    return { kind: 'origin', name: c.text() }
  },
  [KIND.relation]: c => ({ kind: 'relation', relation: readRelation(c) }),
  [KIND.type]: c => ({ kind: 'type', oid: c.uint32(), schema: c.text() || 'pg_catalog', name: c.text() }),
  [KIND.insert]: c => {
    const relation = c.uint32()
    c.expect('N')
    return { kind: 'insert', relation, row: readTuple(c) }
  },
  [KIND.update]: readUpdate,
  [KIND.delete]: c => {
    const relation = c.uint32()
    c.expect('K', 'O')
    return { kind: 'delete', relation, old: readTuple(c) }
  },
  [KIND.truncate]: c => {
    const count = c.uint32()
    const flags = c.uint8()
    const relations = Array.from({ length: count }, () => c.uint32())
    return { kind: 'truncate', relations, cascade: (flags & 1) !== 0, restart: (flags & 2) !== 0 }
  },
  [KIND.message]: c => {
    const flags = c.uint8()
    c.uint64()
    const prefix = c.text()
    return { kind: 'message', transactional: (flags & 1) !== 0, prefix, content: c.bytes(c.uint32()) }
  },
}

function readUpdate(c: Cursor): Change {
  const relation = c.uint32()
  const part = c.expect('N', 'K', 'O')
  const old = part === 'N' ? undefined : readTuple(c)
  if (old !== undefined) c.expect('N')
  return { kind: 'update', relation, row: readTuple(c), old }
}

function readRelation(c: Cursor): Relation {
  const oid = c.uint32()
  // PostgreSQL sends an empty name for pg_catalog.
  const schema = c.text() || 'pg_catalog'
  const name = c.text()
  const identity = c.expect('d', 'n', 'f', 'i')
  const columns = Array.from({ length: c.uint16() }, () => {
    const key = (c.uint8() & 1) !== 0
    return { key, name: c.text(), type: c.uint32(), modifier: c.int32() }
  })
  return { oid, schema, name, identity, columns }
}

function readTuple(c: Cursor): Tuple {
  const count = c.uint16()
  const values: Value[] = new Array(count)
  for (let index = 0; index < count; index++) values[index] = c.value()
  return values
}

/** Reads PostgreSQL's network order from one message, refusing to read past its end. */
class Cursor {
  #at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  #take(length: number): number {
    const at = this.#at
    if (at + length > this.#bytes.length) throw damaged('holds a message that ends early')
    this.#at = at + length
    return at
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  uint16(): number {
    return this.#bytes.readUInt16BE(this.#take(2))
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4))
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#take(8))
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8))
  }

  /** Text up to a zero byte, which is skipped. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at)
    if (end < 0) throw damaged('holds a message that ends early')
    const text = this.#bytes.toString('utf8', this.#at, end)
    this.#at = end + 1
    return text
  }

  /** A copy: the caller may keep it after the next message was read. */
  bytes(length: number): Buffer {
    const at = this.#take(length)
    return Buffer.from(this.#bytes.subarray(at, at + length))
  }

  value(): Value {
    const form = this.uint8()
    if (form === 0x6e /* n */) return null
    if (form === 0x75 /* u */) return undefined
    if (form !== 0x74 /* t */) throw damaged(`holds a value of unknown form 0x${form.toString(16)}`)
    const length = this.uint32()
    const at = this.#take(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  expect<const T extends string>(...wanted: readonly T[]): T {
    const found = String.fromCharCode(this.uint8())
    const match = wanted.find(letter => letter === found)
    if (match === undefined) throw damaged(`holds "${found}" where ${wanted.join(' or ')} belongs`)
    return match
  }

  mustBeAtEnd(): void {
    if (this.#at !== this.#bytes.length)
      throw damaged(`holds a message with ${this.#bytes.length - this.#at} bytes too many`)
  }
}
