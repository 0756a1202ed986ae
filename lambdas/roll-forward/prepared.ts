import pg from 'pg'
import { Refusal, Transient } from '../runtime/failure.ts'
import type { SchemaSession } from './schema-session.ts'

/** SQLSTATE of a lock that was not had in time. */
const LOCK_NOT_AVAILABLE = '55P03'

/** A transaction that was prepared where the copy ends: it is open there, with its locks, until somebody ends it. */
export type Prepared = { readonly gid: string; readonly owner: string }

/** By transaction id without its epoch, as the stream has it. */
export async function readPrepared(client: pg.Client): Promise<Map<number, Prepared>> {
  const { rows } = await client.query(
    `select transaction::text as xid, gid, owner from pg_catalog.pg_prepared_xacts
     where database = pg_catalog.current_database()`,
  )
  return new Map(rows.map(({ xid, gid, owner }) => [Number(xid), { gid, owner }]))
}

/**
 * Takes a prepared transaction back, with its locks. What it did comes with the tail if it was committed.
 * @throws Refusal `PreparedStands` when its owner's rights cannot be had
 */
export async function rollBackPrepared(schema: SchemaSession, { gid, owner }: Prepared): Promise<void> {
  try {
    await schema.asRole(owner, async client => {
      await client.query(`rollback prepared ${pg.escapeLiteral(gid)}`)
    })
  } catch (cause) {
    throw new Refusal(
      'PreparedStands',
      `the transaction "${gid}" of ${owner} was prepared where the copy ends, and holds its locks there`,
      `as ${owner}, say on the copy: rollback prepared '${gid}'; then roll forward again`,
      { cause },
    )
  }
}

/** Whether a change could not be made for a lock that somebody else holds. */
export function isLocked(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause)
    if ((each as { code?: unknown }).code === LOCK_NOT_AVAILABLE) return true
  return false
}

/**
 * Whatever stands in the way of a change was over before it on the primary, and was not committed, or its commit had come
 * first: all that is prepared and whose commit has not come goes.
 * @returns the error to throw: the tail goes on at the next call
 */
export async function clearTheWay(
  schema: SchemaSession,
  prepared: Iterable<Prepared>,
  cause: unknown,
): Promise<Transient> {
  const names: string[] = []
  for (const each of prepared) {
    await rollBackPrepared(schema, each)
    names.push(each.gid)
  }
  const whose =
    names.length === 0 ? 'by another session' : `by prepared transactions, now gone: ${names.join(', ')}`
  return new Transient('CopyLocked', `the copy was locked ${whose}`, { cause })
}
