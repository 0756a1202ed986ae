import type { Lsn } from '../../runtime/segment/lsn.ts'
import type { Change, Relation } from '../../runtime/segment/pgoutput.ts'
import type { Placed } from '../../runtime/segment/transactions.ts'
import type { Facts } from './facts.ts'
import { keyColumns, type Mapping, mappingOf } from './mapping.ts'
import { keyText, type Row } from './rows.ts'

type Values = readonly (string | null | undefined)[]

/** What a segment's last change of a key says. */
type State =
  | { readonly kind: 'gone'; readonly xid: number; readonly emptied: boolean }
  | {
      readonly kind: 'image'
      readonly xid: number
      readonly values: Values
      readonly absent: ReadonlySet<number>
      /** Where older changes tell of the same row, if its key was another before. */
      readonly before: string | undefined
    }

type Table = {
  readonly facts: Facts
  readonly byKey: Map<string, Row[]>
  readonly mappings: WeakMap<Relation, Mapping>
}

const ROW_CHANGES: readonly Change['kind'][] = ['insert', 'update', 'delete']

/** DDL that may write rows anew, which no stream carries. */
const REWRITES = /^(ALTER TABLE|ALTER MATERIALIZED VIEW|ALTER TYPE|ALTER DOMAIN|CREATE TABLE AS|SELECT INTO)$/

/**
 * The rows in question, found by what the archive names them by. Segments are given the newest first: the newest change
 * of a row before the copy's end says what it held then, and an older one only of columns that this left alone.
 */
export class Images {
  readonly #tables = new Map<number, Table>()
  #left = 0
  /** Whether DDL that may have rewritten rows was met. */
  rewritten = false

  constructor(rows: readonly Row[]) {
    for (const row of rows) {
      const { facts } = row
      // Of a table whose updates and deletions do not travel, an insert says nothing of what stood there later.
      if (!facts.archived) continue
      const { oid } = facts.relation
      const table = this.#tables.get(oid) ?? { facts, byKey: new Map(), mappings: new WeakMap() }
      this.#tables.set(oid, table)
      this.#index(table, keyText(keyColumns(facts).map(at => row.values[at])), row)
      this.#left += 1
    }
  }

  /** Rows of which an older segment may still say something. */
  get left(): number {
    return this.#left
  }

  /** True where a table in question is carried with whole old rows, which the changes after the copy's end show. */
  get hasWholeRows(): boolean {
    return [...this.#tables.values()].some(({ facts }) => facts.key === undefined)
  }

  /** Takes one segment. @param end the commit position at which the copy's end lies */
  async take(segment: () => AsyncIterable<Placed>, end: Lsn): Promise<void> {
    // A row whose key was another one before is looked for under that one in the same segment, too.
    for (;;) {
      const read = new Segment(this.#tables)
      for await (const placed of segment()) read.take(placed, end)
      this.rewritten ||= read.rewritten
      if (!this.#followKeys(read)) return this.#apply(read)
    }
  }

  /** Lets go of the rows for which this holds, and marks them: nothing older counts. */
  settle(when: (row: Row) => boolean): void {
    for (const { byKey } of this.#tables.values())
      for (const [key, rows] of byKey) {
        for (const row of rows) row.settled = when(row)
        const kept = rows.filter(row => !row.settled)
        this.#left -= rows.length - kept.length
        if (kept.length === 0) byKey.delete(key)
        else if (kept.length < rows.length) byKey.set(key, kept)
      }
  }

  /** True where a row has columns that only its former key can tell of, and nobody looked out for that one yet. */
  #followKeys(read: Segment): boolean {
    let found = false
    for (const [oid, states] of read.states) {
      const byKey = this.#tables.get(oid)?.byKey
      for (const [key, state] of states) {
        if (state.kind !== 'image' || state.before === undefined || byKey?.has(state.before)) continue
        const isOpen = byKey?.get(key)?.some(row => [...row.open].some(at => state.values[at] === undefined))
        if (!isOpen) continue
        byKey?.set(state.before, [])
        found = true
      }
    }
    return found
  }

  #apply(read: Segment): void {
    for (const [oid, states] of read.states) {
      const table = this.#tables.get(oid)
      if (!table) continue
      for (const [key, state] of states) {
        const rows = table.byKey.get(key) ?? []
        table.byKey.delete(key)
        for (const row of rows) {
          judge(row, state, table.facts)
          if (row.image !== 'partly') this.#left -= 1
          else this.#index(table, (state.kind === 'image' ? state.before : undefined) ?? key, row)
        }
      }
    }
    for (const [row, found] of read.olds) row.old = found
  }

  #index({ byKey }: Table, key: string, row: Row): void {
    const rows = byKey.get(key)
    if (rows) rows.push(row)
    else byKey.set(key, [row])
  }
}

function judge(row: Row, state: State, facts: Facts): void {
  if (state.kind === 'gone') {
    // Of equal rows one may have gone: how many are left is for the roll-forward to say.
    const isEqual = facts.key === undefined && !state.emptied
    row.image = isEqual ? 'equal' : 'gone'
    row.imageXid = state.xid
    if (isEqual) row.open.clear()
    return
  }
  row.imageXid ??= state.xid
  for (const at of [...row.open]) {
    const value = state.values[at]
    if (state.absent.has(at)) row.absent.add(at)
    if (value === undefined) continue
    if (value !== row.values[at]) {
      row.image = 'other'
      return
    }
    row.open.delete(at)
  }
  row.image = [...row.open].every(at => row.absent.has(at)) ? 'equal' : 'partly'
}

/** One segment read from its beginning, as far as it tells of rows in question. */
class Segment {
  readonly states = new Map<number, Map<string, State>>()
  readonly olds = new Map<Row, 'equal' | 'other'>()
  rewritten = false
  readonly #tables: ReadonlyMap<number, Table>

  constructor(tables: ReadonlyMap<number, Table>) {
    this.#tables = tables
  }

  take({ change, commit, xid, relations }: Placed, end: Lsn): void {
    const inCopy = commit !== null && commit < end
    if (change.kind === 'message') {
      if (inCopy && change.prefix === 'holdfast.ddl') this.rewritten ||= mayRewrite(change.content)
      return
    }
    if (change.kind === 'truncate') {
      if (inCopy) for (const oid of change.relations) this.#truncate(oid, xid)
      return
    }
    if (!ROW_CHANGES.includes(change.kind)) return
    const [relation] = relations
    const table = relation && this.#tables.get(relation.oid)
    if (!relation || !table) return
    const mapping = table.mappings.get(relation) ?? mappingOf(relation, table.facts)
    table.mappings.set(relation, mapping)
    if (inCopy) this.#change(change, xid, relation, table, mapping)
    else if (relation.identity === 'f' && 'old' in change && change.old !== undefined)
      this.#old(mapping.valuesOf(change.old), table, mapping)
  }

  #change(change: Change, xid: number, relation: Relation, table: Table, mapping: Mapping): void {
    const states = this.#statesOf(relation.oid)
    const gone = (key: string | undefined) => {
      if (key !== undefined && table.byKey.has(key)) states.set(key, { kind: 'gone', xid, emptied: false })
    }
    if (change.kind === 'delete') gone(mapping.keyOf(mapping.valuesOf(change.old)))
    if (change.kind !== 'insert' && change.kind !== 'update') return
    let values: Values = mapping.valuesOf(change.row)
    const old = change.kind === 'update' && change.old ? mapping.valuesOf(change.old) : undefined
    if (old && relation.identity === 'f') values = filled(values, old)
    const key = mapping.keyOf(values)
    const from = old ? mapping.keyOf(old) : key
    const base = from === undefined ? undefined : states.get(from)
    if (base?.kind === 'image') values = filled(values, base.values)
    if (from !== key) gone(from)
    if (key === undefined || !table.byKey.has(key)) return
    const earlier = from !== key && from !== undefined ? from : undefined
    const before = base?.kind === 'image' ? (base.before ?? earlier) : earlier
    states.set(key, { kind: 'image', xid, values, absent: mapping.absent, before })
  }

  /** The first change of a row after the copy's end shows what the primary had there. */
  #old(values: Values, table: Table, mapping: Mapping): void {
    const key = mapping.keyOf(values)
    for (const row of key === undefined ? [] : (table.byKey.get(key) ?? [])) {
      if (this.olds.has(row)) continue
      const isEqual = values.every((value, at) => value === undefined || value === row.values[at])
      this.olds.set(row, isEqual ? 'equal' : 'other')
    }
  }

  #truncate(oid: number, xid: number): void {
    const table = this.#tables.get(oid)
    if (!table) return
    const states = this.#statesOf(oid)
    for (const key of table.byKey.keys()) states.set(key, { kind: 'gone', xid, emptied: true })
  }

  #statesOf(oid: number): Map<string, State> {
    const states = this.states.get(oid) ?? new Map<string, State>()
    this.states.set(oid, states)
    return states
  }
}

const filled = (values: Values, from: Values): Values =>
  values.map((value, at) => (value === undefined ? from[at] : value))

function mayRewrite(content: Buffer): boolean {
  try {
    const { tag } = JSON.parse(content.toString('utf8')) as { tag?: string }
    return tag === undefined || REWRITES.test(tag)
  } catch {
    return true
  }
}
