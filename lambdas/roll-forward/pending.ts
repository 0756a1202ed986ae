import type { Tuple, Value } from '../runtime/segment/pgoutput.ts'
import type { Table } from './table.ts'

/** A row change as the copy must see it. `old` holds at least the key, `row` the values after. */
export type RowChange = { readonly old: Tuple; readonly row: Tuple }

/** Changes that one statement makes, whatever their order among each other. */
export type Group = {
  readonly kind: 'delete' | 'update' | 'insert' | 'remove'
  /** Update: places of the columns that get a value. */
  readonly set: readonly number[]
  readonly changes: RowChange[]
  /** Remove: how many rows like each change's `old` go. */
  readonly times?: readonly number[]
  /** Whether the order among them may count after all. */
  readonly minds: boolean
}

/** Changes of one table that wait to be sent together. */
export type Pending = {
  insert(row: Tuple): void
  delete(old: Tuple): void
  update(old: Tuple | undefined, row: Tuple): void
  /** In the order in which they must be sent. */
  groups(): Group[]
  /** Whether a constraint may refuse them in that order; in the primary's it does not. */
  readonly mayCollide: boolean
  /** The same in the primary's order, in smaller groups. */
  inOrder(): Group[]
}

export function pendingOf(table: Table): Pending {
  return table.key === undefined
    ? new WholeRows()
    : new KeyedRows(
        table,
        table.key.map(column => column.index),
        table.isExact,
      )
}

/** Within three ranks any one key can be deleted, updated and inserted; a key's changes keep to rising ranks. */
const KINDS = ['delete', 'update', 'insert'] as const
type Kind = (typeof KINDS)[number]

type Change = [kind: Kind, set: readonly number[], change: RowChange, touched: readonly string[]]

type Keyed = Group & { readonly rank: number; readonly byKey: Map<string, number> }

/**
 * Changes of rows that a key identifies. What happens to one key stays in order; changes of different keys gather in one
 * statement however they were mixed, and an update of a row that is about to be updated joins that one. Another
 * constraint than the key may refuse that, never make it wrong: then only neighbours gather.
 */
class KeyedRows implements Pending {
  readonly #table: Table
  readonly #key: readonly number[]
  readonly #groups = new Map<string, Keyed>()
  /** The rank of each key's last change. */
  readonly #last = new Map<string, number>()
  readonly #gathers: boolean
  /** Whether another constraint than the key is on the table, which an order of our own may break. */
  readonly #isWatched: boolean
  /** All changes as they came, for the case that they do. */
  readonly #log: Change[] = []
  #newest: Keyed | undefined

  constructor(table: Table, key: readonly number[], gathers: boolean) {
    this.#table = table
    this.#key = key
    this.#gathers = gathers
    this.#isWatched = gathers && !table.isAlone
  }

  insert(row: Tuple): void {
    this.#add('insert', [], { old: row, row }, [this.#text(row)])
  }

  delete(old: Tuple): void {
    this.#add('delete', [], { old, row: old }, [this.#text(old)])
  }

  update(old: Tuple | undefined, row: Tuple): void {
    const before = old ?? row
    const touched = [this.#text(before)]
    const after = old === undefined ? touched[0] : this.#text(filled(row, old))
    if (after !== undefined && after !== touched[0]) touched.push(after)
    this.#add('update', this.#columnsToSet(old, row), { old: before, row }, touched)
  }

  groups(): Group[] {
    return [...this.#groups.values()].sort((a, b) => a.rank - b.rank)
  }

  /** Rows that only go are in nobody's way. */
  get mayCollide(): boolean {
    return this.#isWatched && this.#log.some(([kind]) => kind !== 'delete')
  }

  inOrder(): Group[] {
    if (!this.mayCollide) return this.groups()
    const neighbours = new KeyedRows(this.#table, this.#key, false)
    for (const change of this.#log) neighbours.#add(...change)
    return neighbours.groups()
  }

  /**
   * Columns that an update gives a value. Not a TOAST value that did not change, which is not sent; not the key, unless
   * it changed; not what is generated from others; and an identity that is always generated only if it may have.
   */
  #columnsToSet(old: Tuple | undefined, row: Tuple): number[] {
    const { columns, relation } = this.#table
    return columns.flatMap(({ always, computed }, index) => {
      if (computed) return []
      const isKey = this.#key.includes(index)
      // An old tuple that is a key only says nothing of the other columns, not even by null.
      const isKnown = isKey || relation.identity === 'f'
      const stayed = old === undefined ? isKey : isKnown && (isKey || always) && old[index] === row[index]
      return row[index] === undefined || stayed ? [] : [index]
    })
  }

  #add(...[kind, set, change, touched]: Change): void {
    if (this.#isWatched) this.#log.push([kind, set, change, touched])
    const shape = `${kind} ${set.join()}`
    const [key = ''] = touched
    const last = Math.max(...touched.map(text => this.#last.get(text) ?? -1))
    const earlier = this.#gathers && kind === 'update' ? this.#groups.get(`${last} ${shape}`) : undefined
    const place = touched.length === 1 ? earlier?.byKey.get(key) : undefined
    if (earlier !== undefined && place !== undefined) {
      const first = earlier.changes[place]?.old ?? change.old
      earlier.changes[place] = { old: first, row: change.row }
      return
    }
    const rank = this.#rankFor(kind, shape, last)
    const id = `${rank} ${shape}`
    const fresh: Keyed = { rank, kind, set, changes: [], byKey: new Map(), minds: !this.#gathers }
    const group = this.#groups.get(id) ?? fresh
    this.#groups.set(id, group)
    this.#newest = group
    // Only a change of one key may be joined later: one that moves a row to another key is two.
    if (touched.length === 1) group.byKey.set(key, group.changes.length)
    group.changes.push(change)
    for (const text of touched) this.#last.set(text, rank)
  }

  /** The first rank of this kind behind `last`; behind everything else too, or in the newest group, where order counts. */
  #rankFor(kind: Kind, shape: string, last: number): number {
    let behind = last
    if (!this.#gathers && this.#newest !== undefined) {
      const isSame = shape === `${this.#newest.kind} ${this.#newest.set.join()}`
      behind = Math.max(last, isSame ? this.#newest.rank - 1 : this.#newest.rank)
    }
    const order = KINDS.indexOf(kind)
    return behind + 1 + ((((order - behind - 1) % KINDS.length) + KINDS.length) % KINDS.length)
  }

  #text(tuple: Tuple): string {
    const [first, ...rest] = this.#key
    if (rest.length === 0) return tuple[first ?? 0] ?? ''
    return JSON.stringify(this.#key.map(index => tuple[index] ?? null))
  }
}

/**
 * Changes of rows that only their whole content identifies. Equal rows are as good as each other, so what counts is how
 * many of each come and go: first all that go, then all that come, which no constraint minds, since every state between
 * is a part of one that was. A row that comes and goes again within is not sent at all.
 */
class WholeRows implements Pending {
  readonly mayCollide = false
  readonly #net = new Map<string, { readonly row: Tuple; times: number }>()

  insert(row: Tuple): void {
    this.#count(row, 1)
  }

  delete(old: Tuple): void {
    this.#count(old, -1)
  }

  update(old: Tuple | undefined, row: Tuple): void {
    this.#count(old ?? row, -1)
    this.#count(old === undefined ? row : filled(row, old), 1)
  }

  groups(): Group[] {
    const net = [...this.#net.values()]
    const removed = net.filter(({ times }) => times < 0)
    const added = net.flatMap(({ row, times }) =>
      times > 0 ? Array.from({ length: times }, () => ({ old: row, row })) : [],
    )
    const shared = { set: [], minds: false }
    const remove = {
      ...shared,
      kind: 'remove',
      changes: removed.map(({ row }) => ({ old: row, row })),
    } as const
    const insert = { ...shared, kind: 'insert', changes: added } as const
    return [{ ...remove, times: removed.map(({ times }) => -times) }, insert].filter(
      group => group.changes.length > 0,
    )
  }

  inOrder(): Group[] {
    return this.groups()
  }

  #count(row: Tuple, by: number): void {
    const text = JSON.stringify(row)
    const found = this.#net.get(text)
    if (found === undefined) this.#net.set(text, { row, times: by })
    else if (found.times + by === 0) this.#net.delete(text)
    else found.times += by
  }
}

/** A row after an update, with what the update left alone taken from before. */
function filled(row: Tuple, old: Tuple): Tuple {
  return row.map((value: Value, index) => (value === undefined ? old[index] : value))
}
