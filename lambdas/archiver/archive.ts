import type pg from 'pg'
import type { Origin } from '../runtime/segment/header.ts'
import type { Lsn } from '../runtime/segment/lsn.ts'
import type { Stored } from '../runtime/segment/store.ts'
import { findNewest, newestOf, putGap, type Sealing } from './chain.ts'
import { decide, type Step } from './continuity.ts'
import { follow } from './follower.ts'
import { SLOT } from './names.ts'
import type { ArchiverAnswer } from './request.ts'
import { retryFollow } from './retry-follow.ts'
import {
  advanceSlot,
  createSlot,
  dropSlot,
  ensurePublications,
  readFlushed,
  readSlot,
  skipToNow,
} from './server.ts'
import type { Destination } from './upload.ts'

/**
 * What the session that archives calls itself. Only the archiver's own login has sessions of its own: an advisory lock
 * is everybody's to take, and who kept it would stop the archive. Two that begin in one moment may both stand aside; the
 * next run is a minute away.
 */
export const AT_WORK = 'holdfast-archiver at work'

const OTHERS = `
select from pg_catalog.pg_stat_activity a
join pg_catalog.pg_stat_activity me on me.pid = pg_catalog.pg_backend_pid() and me.usesysid = a.usesysid
where a.application_name = $1 and a.pid <> me.pid and a.datid = me.datid`

export type ArchiveOptions = {
  /** Connections to the primary as the archiver; `reader` serves nothing else afterwards. Both are the caller's to end. */
  readonly control: pg.Client
  readonly reader: pg.Client
  readonly destination: Destination
  readonly instance: string
  readonly database: string
  readonly code: string
  /** Seconds to follow the stream, see ArchiverRequest. */
  readonly seconds: number
  /** Milliseconds between two segments while there is something to write. @default 5_000 */
  readonly pause?: number
}

/**
 * The server lets go of a client that vanished without a word within half a minute. Its own patience is minutes to
 * hours, in which every other run would find the slot taken.
 */
const LETTING_GO = `
set tcp_keepalives_idle = 10;
set tcp_keepalives_interval = 5;
set tcp_keepalives_count = 3;
set tcp_user_timeout = 30000`

/**
 * Values are stored as text: whatever the database's own settings are, they must read the same wherever they go.
 * What the server decoded it keeps until it is sent: up to `work_mem` in memory, beyond it in a file.
 */
const READING = `
set work_mem = '64MB';
set timezone = 'UTC';
set datestyle = 'ISO, YMD';
set intervalstyle = 'postgres';
set extra_float_digits = 3;
set bytea_output = 'hex';
set lc_monetary = 'C'`

/**
 * One run of the archiver: finds where the archive ends, records a gap if the slot does not stand there, then writes
 * whole transactions as segments, and lets the slot advance only past what was read back and proven.
 * @throws Transient when the server or S3 failed: the next run goes on where the archive ends.
 */
export async function archive(options: ArchiveOptions): Promise<ArchiverAnswer> {
  const { control } = options
  await control.query(LETTING_GO)
  await control.query('select pg_catalog.set_config($1, $2, false)', ['application_name', AT_WORK])
  if ((await control.query(OTHERS, [AT_WORK])).rowCount !== 0) return nothing('busy')
  await options.reader.query(LETTING_GO)
  for (const statement of READING.split(';')) await options.reader.query(statement)
  const identity = await identify(options)
  await retryFollow(control)
  const state = await ensurePublications(control)
  const newest = await findNewest(options.destination, identity.systemIdentifier)
  const step = decide({
    newest: newest && newestOf(newest),
    slot: await readSlot(control),
    flushed: (await readFlushed(control)).lsn,
    timeline: identity.timeline,
    publications: state.publications,
  })
  const sealing = { destination: options.destination, origin: identity, previous: newest, state }
  const begun = await begin(control, step, sealing)
  const followed = await follow({
    ...options,
    pause: options.pause ?? 5_000,
    origin: identity,
    previous: begun.newest,
    from: begun.from,
  })
  return { state: 'archived', ...followed, gaps: begun.gaps }
}

type Begun = {
  readonly from: Lsn
  readonly newest: Stored | null
  readonly gaps: ArchiverAnswer['gaps']
}

/** Makes the slot stand where streaming can begin, and writes down what was missed. */
async function begin(control: pg.Client, step: Step, sealing: Sealing): Promise<Begun> {
  if (step.slot === 'drop-and-create') await dropSlot(control)
  const position =
    step.slot === 'keep'
      ? step.from
      : step.slot === 'skip-to-now'
        ? await skipToNow(control)
        : await createSlot(control)
  // After a crash the server may have forgotten how far the slot had come.
  if (step.gap === null) await advanceSlot(control, position)
  if (step.gap === null) return { from: position, newest: sealing.previous, gaps: [] }
  // The first one begins a byte earlier, where no record can: else a gap right behind it would have its very key.
  const stored = await putGap(sealing, step.gap.gap, step.gap.start ?? position - 1n, position)
  const { start, end } = stored.header
  return { from: position, newest: stored, gaps: [{ cause: step.gap.gap.cause, start, end }] }
}

type Identity = Omit<Origin, 'publications'>

async function identify(options: ArchiveOptions): Promise<Identity> {
  const { rows } = await options.control.query(
    `select (pg_catalog.pg_control_system()).system_identifier::text as id, holdfast.timeline() as timeline,
       pg_catalog.current_setting('server_version') as version`,
  )
  return {
    systemIdentifier: rows[0].id,
    timeline: rows[0].timeline,
    database: options.database,
    instance: options.instance,
    serverVersion: rows[0].version,
    slot: SLOT,
    code: options.code,
  }
}

function nothing(state: ArchiverAnswer['state']): ArchiverAnswer {
  return {
    state,
    segments: 0,
    transactions: 0,
    rows: 0,
    gaps: [],
    end: null,
    lastCommit: null,
    caughtUpAt: null,
    slowestMs: 0,
  }
}
