import type pg from 'pg'
import { followPiece, readPending } from '../runtime/follow-tables.ts'

/** Milliseconds after which a run begins with no other table: each may wait half a second for its lock. */
const PATIENCE = 5_000

/**
 * Follows the tables that a change of the schema could not bring into the publications, for want of a lock mostly. Once
 * a run, which is once a minute: whoever writes to a table that stays locked waits for us no more often than that.
 */
export async function retryFollow(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    "select pg_catalog.to_regprocedure('holdfast.archive_pending()') is not null as known",
  )
  // A database that this version has not migrated yet.
  if (rows[0]?.known !== true) return
  const began = performance.now()
  const pieces = await readPending(client)
  // Each run begins elsewhere, so that those which fail every time keep none of the others from their turn.
  const first = Math.floor(Math.random() * pieces.length)
  for (const piece of [...pieces.slice(first), ...pieces.slice(0, first)]) {
    if (performance.now() - began > PATIENCE) return
    await followPiece(client, piece)
  }
}
