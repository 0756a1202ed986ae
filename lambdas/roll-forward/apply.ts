import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import { BoundaryFinder } from '../runtime/segment/boundary.ts'
import { type Lsn, parseLsn } from '../runtime/segment/lsn.ts'
import { type Archive, readMessages, type Stored } from '../runtime/segment/store.ts'
import { placedChanges } from '../runtime/segment/transactions.ts'
import { fullXid, isVisible, parseSnapshot, type Snapshot } from '../runtime/segment/xid.ts'
import { prepareSession } from './applier.ts'
import { Batch } from './batch.ts'
import { segmentsFrom, segmentsUntil } from './history.ts'
import { clearTheWay, isLocked, type Prepared, readPrepared, rollBackPrepared } from './prepared.ts'
import { loadState, type Progress, type SchemaProgress } from './progress.ts'
import type { ApplyRequest, Target } from './request.ts'
import { SchemaSession } from './schema-session.ts'
import { setSequences } from './sequences.ts'

export type ApplyOptions = {
  /** Two connections to the copy as the writer of rows; `writer` pipelines. All are the caller's to end. */
  readonly client: pg.Client
  readonly writer: pg.Client
  /** One as the login that changes the schema. */
  readonly schema: pg.Client
  readonly archive: Archive
  readonly request: Pick<ApplyRequest, 'systemIdentifier' | 'boundary' | 'target'>
  /** Milliseconds after which no new transaction is begun. */
  readonly limit: number
}

export type Applied = {
  readonly done: boolean
  readonly progress: Progress
  readonly schema: SchemaProgress
}

/**
 * Applies every archived transaction that the copy has not, once each and in commit order, and remembers in the copy
 * how far it is: called again after any crash it goes on where it was.
 */
export async function applyTail(options: ApplyOptions): Promise<Applied> {
  const { client, archive, request } = options
  const began = performance.now()
  const cut = await readCut(client)
  await mustBeCopy(client)
  const target = limitsOf(request.target)
  const schema = await SchemaSession.open(options.schema)
  await prepareSession(client)
  await prepareSession(options.writer)
  const progress = await loadState(client, 'progress')
  const finder = await BoundaryFinder.open(client, request.boundary, cut.lsn)
  const batch = new Batch(options.writer, schema, progress)
  const prepared = await readPrepared(client)
  // What is in the way is there for good: waiting longer helps nobody.
  if (prepared.size > 0) {
    await options.writer.query("set lock_timeout = '2s'")
    schema.waitBriefly()
  }
  const stretch = {
    systemIdentifier: request.systemIdentifier,
    timeline: cut.timeline,
    from: progress.seen ?? cut.lsn,
  }
  let last: Stored | undefined
  const segments =
    target.lsn === undefined ? segmentsFrom(archive, stretch) : segmentsUntil(archive, stretch, target.lsn)
  for await (const stored of segments) {
    last = stored
    const decide = { schema, finder, target, prepared }
    const hasTime = () => performance.now() - began < options.limit
    try {
      const done = await applySegment(archive, stored, batch, decide, hasTime)
      // Before the next one may have to be waited for.
      await batch.save()
      if (!done) return { done: false, progress: batch.progress, schema: schema.progress }
    } catch (error) {
      if (!isLocked(error)) throw error
      await batch.discard()
      throw await clearTheWay(schema, prepared.values(), error)
    }
  }
  if (last !== undefined) await setSequences(client, last.header.sequences)
  await schema.close()
  return { done: true, progress: batch.progress, schema: schema.progress }
}

type Decide = {
  readonly schema: SchemaSession
  readonly finder: BoundaryFinder
  readonly target: Limits
  readonly prepared: Map<number, Prepared>
}

/** False when the time was up before its end. */
async function applySegment(
  archive: Archive,
  stored: Stored,
  batch: Batch,
  decide: Decide,
  hasTime: () => boolean,
): Promise<boolean> {
  let fate: 'apply' | 'skip' = 'skip'
  for await (const placed of placedChanges(readMessages(archive, stored))) {
    const { change } = placed
    if (change.kind === 'begin') {
      const transaction = { xid: change.xid, commit: change.commit, at: change.at }
      if (batch.hasSeen(change.commit) || isAfter(transaction, decide)) fate = 'skip'
      else if (await decide.finder.has(transaction)) {
        batch.noteBoundary(transaction)
        fate = 'skip'
      } else fate = 'apply'
      // At least one a call: else a call too short to find the first would be asked again for ever.
      if (fate === 'apply' && batch.hasMoved && !hasTime()) return false
      if (fate === 'apply') {
        const prepared = decide.prepared.get(transaction.xid)
        if (prepared !== undefined) await rollBackPrepared(decide.schema, prepared)
        decide.prepared.delete(transaction.xid)
        await batch.begin(transaction.commit)
      }
    } else if (placed.commit === null) {
      if (change.kind === 'message' && !batch.hasSeen(placed.lsn)) batch.noteMessage()
    } else if (fate === 'apply' && change.kind !== 'commit') await batch.apply(placed)
    else if (fate === 'apply') await batch.commit(placed)
  }
  return true
}

function isAfter(transaction: { xid: number; commit: Lsn }, decide: Decide): boolean {
  const { lsn, snapshot } = decide.target
  if (lsn !== undefined && transaction.commit >= lsn) return true
  return snapshot !== undefined && !isVisible(fullXid(transaction.xid, snapshot.xmax), snapshot)
}

type Limits = { readonly lsn?: Lsn; readonly snapshot?: Snapshot }

function limitsOf(target: Target): Limits {
  if (target.kind === 'latest') return {}
  if (target.kind === 'lsn') return { lsn: parseLsn(target.lsn) }
  return { lsn: parseLsn(target.lsn), snapshot: parseSnapshot(target.snapshot) }
}

/** Where the copy surely reaches: the position of the newest heartbeat in it. */
async function readCut(client: pg.Client): Promise<{ lsn: Lsn; timeline: number }> {
  const { rows } = await client.query(
    'select lsn::text, timeline from holdfast.heartbeat order by seq desc limit 1',
  )
  const row = rows[0]
  if (row === undefined)
    throw new Refusal(
      'NoHeartbeat',
      'the copy holds no heartbeat, so nothing says where it ends',
      'see that the heartbeat function runs, and restore to a moment after it began',
    )
  return { lsn: parseLsn(row.lsn), timeline: row.timeline }
}

async function mustBeCopy(client: pg.Client): Promise<void> {
  const { rows } = await client.query('select holdfast.is_copy() as copy, holdfast.timeline() as timeline')
  if (rows[0].copy !== true)
    throw new Refusal(
      'NotACopy',
      `this server writes timeline ${rows[0].timeline}, on which heartbeats were written: it is no restored copy`,
      'roll forward only what a restore has made; nothing was written',
    )
}
