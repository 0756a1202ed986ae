import type { Message } from './content.ts'
import { damaged } from './header.ts'
import type { Lsn } from './lsn.ts'
import { type Change, decodeChange, type Relation } from './pgoutput.ts'

/** A change with what it belongs to. `relation` is the table's shape at that moment. */
export type Placed = {
  readonly lsn: Lsn
  /** 0 outside a transaction: a non-transactional logical message. */
  readonly xid: number
  /** Where the transaction's commit record begins, and when it was written; null outside a transaction. */
  readonly commit: Lsn | null
  readonly at: string | null
  readonly change: Change
  readonly relations: readonly Relation[]
}

/** Decodes messages and tells each change's transaction and tables. One walk is one segment: shapes start empty. */
export async function* placedChanges(messages: AsyncIterable<Message>): AsyncGenerator<Placed> {
  const shapes = new Map<number, Relation>()
  let open: { xid: number; commit: Lsn; at: string } | null = null
  for await (const message of messages) {
    const change = decodeChange(message.bytes)
    if (change.kind === 'begin') {
      if (open !== null) throw damaged(`begins transaction ${change.xid} inside transaction ${open.xid}`)
      open = { xid: change.xid, commit: change.commit, at: change.at }
    }
    if (change.kind === 'relation') shapes.set(change.relation.oid, change.relation)
    const rowChange = change.kind === 'insert' || change.kind === 'update' || change.kind === 'delete'
    if ((rowChange || change.kind === 'truncate' || change.kind === 'commit') && open === null)
      throw damaged(`holds ${change.kind} outside a transaction`)
    yield {
      lsn: message.lsn,
      xid: open?.xid ?? 0,
      commit: open?.commit ?? null,
      at: open?.at ?? null,
      change,
      relations: shapesOf(change, shapes),
    }
    if (change.kind === 'commit') open = null
  }
  if (open !== null) throw damaged(`ends inside transaction ${open.xid}`)
}

function shapesOf(change: Change, shapes: ReadonlyMap<number, Relation>): readonly Relation[] {
  const oids =
    change.kind === 'truncate'
      ? change.relations
      : 'relation' in change && typeof change.relation === 'number'
        ? [change.relation]
        : []
  return oids.map(oid => {
    const shape = shapes.get(oid)
    if (shape === undefined) throw damaged(`changes table ${oid} before it says what table that is`)
    return shape
  })
}
