import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import type { SequenceValue } from '../runtime/segment/header.ts'
import { formatLsn, type Lsn, parseLsn } from '../runtime/segment/lsn.ts'
import type { Slot } from './continuity.ts'
import { SLOT } from './names.ts'

/** What a header says of the database beside its changes; see holdfast.archive_state(). */
export type State = {
  readonly publications: readonly string[]
  readonly unpublished: readonly string[]
  readonly insertsOnly: readonly string[]
  readonly sequences: readonly SequenceValue[]
  readonly schemaDigest: string
  readonly schemaChangesRecorded: boolean
}

export async function readState(client: pg.Client): Promise<State> {
  const { rows } = await client.query('select holdfast.archive_state() as state')
  return rows[0].state
}

/** The slot, or null when there is none. */
export async function readSlot(client: pg.Client): Promise<Slot | null> {
  // Columns differ between versions: conflicting since 16, invalidation_reason since 17.
  const { rows } = await client.query(
    'select pg_catalog.to_jsonb(s) as slot from pg_catalog.pg_replication_slots s where s.slot_name = $1',
    [SLOT],
  )
  const slot = rows[0]?.slot
  if (slot === undefined) return null
  const invalid =
    slot.invalidation_reason ??
    (slot.wal_status === 'lost' ? 'its log was removed' : slot.conflicting === true ? 'it conflicts' : null)
  // A slot that never found a consistent point confirmed nothing: as good as none.
  if (slot.confirmed_flush_lsn === null) return { confirmed: 0n, invalid: invalid ?? 'it was never ready' }
  return { confirmed: parseLsn(slot.confirmed_flush_lsn), invalid }
}

/** The end of the log that is safe on disk, and the server's time before it was read. */
export async function readFlushed(client: pg.Client): Promise<{ readonly lsn: Lsn; readonly at: Date }> {
  const { rows } = await client.query(
    'select pg_catalog.statement_timestamp() as at, pg_catalog.pg_current_wal_flush_lsn()::text as lsn',
  )
  return { lsn: parseLsn(rows[0].lsn), at: rows[0].at }
}

/** Makes the slot and answers where it begins. */
export async function createSlot(client: pg.Client): Promise<Lsn> {
  const { rows } = await client.query(
    "select lsn::text from pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput')",
    [SLOT],
  )
  return parseLsn(rows[0].lsn)
}

export async function dropSlot(client: pg.Client): Promise<void> {
  await client.query('select pg_catalog.pg_drop_replication_slot($1)', [SLOT])
}

/** Tells the server that everything before `to` is archived. Advancing to where the slot already is does nothing. */
export async function advanceSlot(client: pg.Client, to: Lsn): Promise<void> {
  await client.query('select from pg_catalog.pg_replication_slot_advance($1, $2)', [SLOT, formatLsn(to)])
}

/** Moves the slot to the end of the log without reading the changes, and answers that end. */
export async function skipToNow(client: pg.Client): Promise<Lsn> {
  const { rows } = await client.query(
    'select end_lsn::text as lsn from pg_catalog.pg_replication_slot_advance($1, pg_catalog.pg_current_wal_flush_lsn())',
    [SLOT],
  )
  return parseLsn(rows[0].lsn)
}

/**
 * Both publications exist after this, made anew where they were missing.
 * @throws Refusal `NoPublication` when the database was never migrated or its owner may not make them.
 */
export async function ensurePublications(client: pg.Client): Promise<State> {
  const state = await readState(client)
  if (state.publications.length === 2) return state
  await client.query('select from holdfast.follow_tables()')
  const again = await readState(client)
  if (again.publications.length === 2) return again
  throw new Refusal(
    'NoPublication',
    `the database has ${again.publications.length} of the archive's 2 publications`,
    'invoke the migrate function: it makes them as the owner of the database',
  )
}

/** What the server says of itself and of the slot, for the metrics. All from one statement and the server's clock. */
export type Lag = {
  readonly bytesBehindConfirmed: number
  readonly bytesBehindRestart: number
  readonly spillBytes: number
  readonly headroomPercent: number
  readonly healthy: boolean
  readonly now: Date
}

export async function readLag(client: pg.Client): Promise<Lag> {
  const { rows } = await client.query(
    `select
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), s.confirmed_flush_lsn)::float8 as confirmed,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), s.restart_lsn)::float8 as restart,
       coalesce(t.spill_bytes, 0)::float8 as spill,
       s.wal_status,
       s.safe_wal_size::float8 as safe,
       (select setting::float8 * 1048576 from pg_catalog.pg_settings where name = 'max_slot_wal_keep_size') as keep,
       pg_catalog.clock_timestamp() as now
     from pg_catalog.pg_replication_slots s
     left join pg_catalog.pg_stat_replication_slots t using (slot_name)
     where s.slot_name = $1`,
    [SLOT],
  )
  const row = rows[0]
  if (row === undefined)
    throw new Refusal('NoSlot', `slot ${SLOT} is gone`, 'the next run makes it anew and records the gap')
  const healthy = row.wal_status === 'reserved' || row.wal_status === 'extended'
  return {
    bytesBehindConfirmed: Math.max(0, row.confirmed),
    bytesBehindRestart: Math.max(0, row.restart),
    spillBytes: row.spill,
    // Without a limit nothing is removed from under the slot; the disk has its own alarm.
    headroomPercent: row.keep < 0 ? 100 : Math.max(0, Math.min(100, ((row.safe ?? 0) / row.keep) * 100)),
    healthy,
    now: row.now,
  }
}
