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

/**
 * Tables of the archive's patterns that are in no publication: nothing of what is written there reaches the archive. The
 * archiver could not make them join, as when their owner's rights cannot be had, or somebody took them out.
 */
export async function readUnpublished(client: pg.Client): Promise<readonly string[]> {
  return (await readState(client)).unpublished
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

/** Milliseconds, the most that PostgreSQL takes. */
const NO_LIMIT = 2_147_483_647

/**
 * Makes the slot and answers where it begins. The server waits for the end of every transaction that is open, and
 * then once more: no statement's limit may cut that short, because the next attempt would begin to wait anew.
 */
export async function createSlot(client: pg.Client): Promise<Lsn> {
  await client.query(`set statement_timeout = ${NO_LIMIT}`)
  try {
    const { rows } = await client.query(
      "select lsn::text from pg_catalog.pg_create_logical_replication_slot($1, 'pgoutput')",
      [SLOT],
    )
    return parseLsn(rows[0].lsn)
  } finally {
    await client.query('reset statement_timeout').catch(() => {
      // The connection is gone, and the error above says so.
    })
  }
}

/** A transaction that the making of the slot waits for. Its statements are the application's and stay there. */
export type Blocker = {
  /** Null for a prepared transaction, which no process runs. */
  readonly pid: number | null
  readonly user: string
  /** Seconds since it began. */
  readonly age: number
}

/** What the making of the slot waits for, oldest first; empty when nobody makes it, or it waits for nothing. */
export async function readBlockers(client: pg.Client): Promise<Blocker[]> {
  const { rows } = await client.query<Blocker>(
    `with waiting as (
       select distinct b.pid
       from pg_catalog.pg_replication_slots s, pg_catalog.unnest(pg_catalog.pg_blocking_pids(s.active_pid)) b (pid)
       where s.slot_name = $1 and s.confirmed_flush_lsn is null
     ), found as (
       select a.pid, a.usename::text as "user", a.xact_start as since
       from waiting w join pg_catalog.pg_stat_activity a on a.pid = w.pid
       union all
       select null, p.owner::text, p.prepared
       from pg_catalog.pg_prepared_xacts p
       where exists (select from waiting where pid = 0)
     )
     select pid, coalesce("user", 'unknown') as "user",
       coalesce(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - since), 0)::float8 as age
     from found order by since nulls last`,
    [SLOT],
  )
  return rows
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
  /** Null while the slot is being made: it has confirmed nothing. */
  readonly bytesBehindConfirmed: number | null
  /** Null where the slot keeps no log: it is being made, or lost it. */
  readonly bytesBehindRestart: number | null
  readonly spillBytes: number
  readonly headroomPercent: number
  readonly healthy: boolean
  readonly now: Date
}

/** Null when there is no slot. */
export async function readLag(client: pg.Client): Promise<Lag | null> {
  const { rows } = await client.query(
    `select
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), s.confirmed_flush_lsn)::float8 as confirmed,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_flush_lsn(), s.restart_lsn)::float8 as restart,
       coalesce(t.spill_bytes, 0)::float8 as spill,
       s.wal_status,
       s.confirmed_flush_lsn is not null as ready,
       s.safe_wal_size::float8 as safe,
       (select setting::float8 * 1048576 from pg_catalog.pg_settings where name = 'max_slot_wal_keep_size') as keep,
       pg_catalog.clock_timestamp() as now
     from pg_catalog.pg_replication_slots s
     left join pg_catalog.pg_stat_replication_slots t using (slot_name)
     where s.slot_name = $1`,
    [SLOT],
  )
  const row = rows[0]
  if (row === undefined) return null
  // A slot that is being made keeps log and gives none.
  const healthy = row.ready && (row.wal_status === 'reserved' || row.wal_status === 'extended')
  return {
    bytesBehindConfirmed: row.confirmed === null ? null : Math.max(0, row.confirmed),
    bytesBehindRestart: row.restart === null ? null : Math.max(0, row.restart),
    spillBytes: row.spill,
    // Without a limit nothing is removed from under the slot; the disk has its own alarm.
    headroomPercent: row.keep < 0 ? 100 : Math.max(0, Math.min(100, ((row.safe ?? 0) / row.keep) * 100)),
    healthy,
    now: row.now,
  }
}
