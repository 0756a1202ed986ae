import type pg from 'pg'
import { Refusal } from '../runtime/failure.ts'
import { type Lsn, parseLsn } from '../runtime/segment/lsn.ts'
import { type Archive, readMessages, type Stored } from '../runtime/segment/store.ts'
import { type Placed, placedChanges } from '../runtime/segment/transactions.ts'
import { Applier, prepareSession } from './applier.ts'
import { BoundaryFinder } from './boundary.ts'
import { segmentsFrom, segmentsUntil } from './history.ts'
import { type Progress, prepareProgress, saveProgress } from './progress.ts'
import type { ApplyRequest, Target } from './request.ts'
import { PREFIX, SchemaChanges } from './schema-change.ts'
import { setSequences } from './sequences.ts'
import { fullXid, isVisible, parseSnapshot, type Snapshot } from './xid.ts'

/** Row changes of one transaction on the copy: a batch ends with the first whole transaction past it. */
const BATCH = 20_000

export type ApplyOptions = {
  /** Two connections to the copy as the roll-forward; `writer` pipelines. Both are the caller's to end. */
  readonly client: pg.Client
  readonly writer: pg.Client
  readonly archive: Archive
  readonly request: Pick<ApplyRequest, 'systemIdentifier' | 'boundary' | 'target'>
  /** Milliseconds after which no new transaction is begun. */
  readonly limit: number
}

export type Applied = { readonly done: boolean; readonly progress: Progress }

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
  await prepareSession(client)
  await prepareSession(options.writer)
  const progress = await prepareProgress(client)
  const finder = await BoundaryFinder.open(client, request.boundary, cut.lsn)
  const batch = new Batch(options.writer, progress)
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
    const decide = { finder, target, near: BigInt(request.boundary.nextXid) }
    const done = await applySegment(
      archive,
      stored,
      batch,
      decide,
      () => performance.now() - began < options.limit,
    )
    // Before the next one may have to be waited for.
    await batch.save()
    if (!done) return { done: false, progress: batch.progress }
  }
  if (last !== undefined) await setSequences(client, last.header.sequences)
  return { done: true, progress: batch.progress }
}

type Decide = { readonly finder: BoundaryFinder; readonly target: Limits; readonly near: bigint }

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
      if (fate === 'apply') await batch.begin()
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

/** Gathers whole transactions into one transaction on the copy, with the progress that they make. */
class Batch {
  readonly #client: pg.Client
  readonly #changes = new SchemaChanges()
  readonly #before: number
  #progress: Progress
  readonly #applier: Applier
  #isOpen = false
  #hasSchemaChange = false

  constructor(client: pg.Client, progress: Progress) {
    this.#client = client
    this.#progress = progress
    this.#before = progress.transactions
    this.#applier = new Applier(client)
  }

  /** Whether this call applied anything yet. */
  get hasMoved(): boolean {
    return this.#progress.transactions > this.#before
  }

  hasSeen(commit: Lsn): boolean {
    return this.#progress.seen !== null && commit <= this.#progress.seen
  }

  noteBoundary(transaction: { commit: Lsn; at: string }): void {
    const { commit, at } = transaction
    this.#progress = { ...this.#progress, boundary: commit, boundaryAt: at, seen: commit }
  }

  async begin(): Promise<void> {
    if (this.#isOpen) return
    await this.#client.query('begin')
    this.#isOpen = true
  }

  async apply(placed: Placed): Promise<void> {
    const { change } = placed
    if (change.kind === 'message' && change.prefix === PREFIX) this.#hasSchemaChange = true
    await this.#applier.apply(placed, this.#changes)
  }

  async commit(placed: Placed): Promise<void> {
    this.#progress = {
      ...this.#progress,
      seen: placed.commit,
      applied: placed.commit,
      appliedAt: placed.at,
      transactions: this.#progress.transactions + 1,
    }
    // A new enum value may be used only after the commit that made it, as it was on the primary.
    if (this.#hasSchemaChange || this.#applier.rows >= BATCH) await this.save()
  }

  get progress(): Progress {
    return this.#progress
  }

  /** Commits what was applied so far, whole transactions all of them. */
  async save(): Promise<void> {
    if (!this.#isOpen) return
    const done = await this.#applier.settle()
    this.#progress = {
      ...this.#progress,
      rows: this.#progress.rows + done.rows,
      schemaChanges: this.#progress.schemaChanges + done.schemaChanges,
      leftOut: [...this.#progress.leftOut, ...done.leftOut],
    }
    await saveProgress(this.#client, this.#progress)
    await this.#client.query('commit')
    this.#isOpen = false
    this.#hasSchemaChange = false
  }
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
