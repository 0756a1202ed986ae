import { formatLsn } from '../../lambdas/runtime/segment/lsn.ts'
import type { Relation, Tuple } from '../../lambdas/runtime/segment/pgoutput.ts'
import type { Placed } from '../../lambdas/runtime/segment/transactions.ts'

/** One change as a JSON value of one line; undefined for what only frames the others. Values are PostgreSQL's text. */
export function lineOf(placed: Placed): Record<string, unknown> | undefined {
  const { change, relations } = placed
  const where = {
    lsn: formatLsn(placed.lsn),
    commit: placed.commit === null ? null : formatLsn(placed.commit),
    at: placed.at,
    xid: placed.xid,
  }
  const [relation] = relations
  if (change.kind === 'truncate')
    return {
      ...where,
      change: 'truncate',
      tables: relations.map(nameOf),
      cascade: change.cascade,
      restart: change.restart,
    }
  if (change.kind === 'message')
    return { ...where, change: 'message', prefix: change.prefix, content: change.content.toString('utf8') }
  if (relation === undefined) return undefined
  const table = nameOf(relation)
  if (change.kind === 'insert') return { ...where, change: 'insert', table, row: named(relation, change.row) }
  if (change.kind === 'delete') return { ...where, change: 'delete', table, key: keyOf(relation, change.old) }
  if (change.kind !== 'update') return undefined
  const unchanged = relation.columns.flatMap((column, index) =>
    change.row[index] === undefined ? [column.name] : [],
  )
  return {
    ...where,
    change: 'update',
    table,
    ...(change.old && { key: keyOf(relation, change.old) }),
    row: named(relation, change.row),
    // Large values that the update did not touch are not in the stream.
    ...(unchanged.length > 0 && { unchanged }),
  }
}

/** Whether a line tells of this table, named with its schema or without. A truncate may name several. */
export function isOf(line: Record<string, unknown>, table: string): boolean {
  const names = [line.table, ...(Array.isArray(line.tables) ? line.tables : [])]
  return names.some(name => name === table || String(name).endsWith(`.${table}`))
}

const nameOf = (relation: Relation) => `${relation.schema}.${relation.name}`

function named(relation: Relation, row: Tuple): Record<string, string | null> {
  return Object.fromEntries(
    relation.columns.flatMap((column, index) => {
      const value = row[index]
      return value === undefined ? [] : [[column.name, value]]
    }),
  )
}

/** The columns that identify the row; of a table without a key all of them. */
function keyOf(relation: Relation, row: Tuple): Record<string, string | null> {
  const all = named(relation, row)
  if (relation.identity === 'f') return all
  return Object.fromEntries(
    relation.columns.filter(column => column.key).map(column => [column.name, all[column.name] ?? null]),
  )
}
