import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { examine } from '../lambdas/examine/examine.ts'
import { type ContentsAnswer, FAULTS, type FaultKind } from '../lambdas/examine/request.ts'
import { addContents, contentsOf, provenCheck } from '../lambdas/restore-drill/contents.ts'
import { rightCheck } from '../lambdas/restore-drill/judge.ts'
import type { TableResult } from '../lambdas/runtime/table-result.ts'
import type { Check } from '../lambdas/runtime/verdict.ts'
import type { BaseBackup } from '../twin/postgres/base-backup.ts'
import type { ArchiveLab } from './archive-lab.ts'
import { type Examination, examineCopy, marked, task } from './examination.ts'
import { flipByte, writeOver } from './flip-byte.ts'
import { type Lab, openLab, type Server, sidesOf } from './lab.ts'

const TABLES = `
create table public.account (id int primary key, balance numeric not null default 0, note text);
insert into public.account select g, 100, 'account ' || lpad(g::text, 6, '0') || repeat('x', 36) from generate_series(1, 20000) g;
create table public.entry (id bigint generated always as identity primary key, account int, amount numeric, at timestamptz default now());
create table public.event (kind text, body json);
create index account_balance on public.account (balance);
create role reader;
grant select on public.account to reader;
create function public.try_entry(a int) returns void language plpgsql as $$
begin
  begin
    insert into public.entry (account, amount) values (a, 1 / (a % 3));
  exception when division_by_zero then
    insert into public.event values ('refused', '{}');
  end;
end $$;
`

/** Tables that {@link openWorkload} writes to, the owner's: no others are archived. */
export async function prepareWorkload(primary: Server): Promise<void> {
  const master = await primary.connect('master')
  await master.query(TABLES)
  await master.end()
}

export type Workload = {
  readonly commits: () => number
  stop(): Promise<void>
}

/**
 * Writers that never rest: updates, inserts and deletes with savepoints, exception blocks, rollbacks and transactions
 * that stay open over several beats, and a heartbeat. Their choices come from `seed`.
 */
export async function openWorkload(lab: Lab, writers = 4, seed = 1): Promise<Workload> {
  let running = true
  let commits = 0
  const beats = (async () => {
    while (running) {
      await lab.beat()
      await sleep(100)
    }
  })()
  const loops = Array.from({ length: writers }, async (_, at) => {
    const client = await lab.primary.connect('master')
    const random = randomOf(seed * 1000 + at)
    try {
      while (running) {
        await transaction(client, random)
        commits += 1
      }
    } finally {
      await client.end()
    }
  })
  return {
    commits: () => commits,
    async stop() {
      running = false
      await Promise.all([beats, ...loops])
    },
  }
}

/** A small generator (mulberry32): the same seed gives the same writes. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below)
  }
}

/** The oldest accounts are never written again: a fault put there must be seen, whatever the writers do meanwhile. */
const QUIET = 2_000

async function transaction(client: pg.Client, random: (below: number) => number): Promise<void> {
  const account = QUIET + random(20_000 - QUIET) + 1
  await client.query('begin')
  await client.query('update public.account set balance = balance + 1 where id = $1', [account])
  for (let part = random(3); part > 0; part -= 1) {
    await client.query('savepoint s')
    await client.query('select public.try_entry($1)', [account + part])
    await client.query(random(3) === 0 ? 'rollback to s' : 'release s')
  }
  if (random(10) === 0)
    await client.query('delete from public.entry where id = (select min(id) from public.entry)')
  // Some stay open while others commit: the cut will find them so.
  if (random(20) === 0) await sleep(random(300))
  await client.query(random(6) === 0 ? 'rollback' : 'commit')
}

export type Round = {
  /** What was damaged; absent in a round on a good copy. */
  readonly fault?: FaultKind | TailFault
  /** What is red and should not be: a false alarm. */
  readonly red: readonly Check[]
  readonly tables: readonly TableResult[]
  /** The check that saw the fault, as the drill itself judges a control; absent when it was missed. */
  readonly caught?: Check
}

/** What the rounds restore: a backup of the loaded primary, and another database altogether. */
export type Backups = { readonly ours: BaseBackup; readonly other: { lab: Lab; backup: BaseBackup } }

/** Makes both backups; the other database's server is for the caller to close. */
export async function prepareBackups(lab: Lab, version?: Parameters<typeof openLab>[0]): Promise<Backups> {
  const other = await openLab(version)
  await other.beat()
  return { ours: await lab.backup(), other: { lab: other, backup: await other.backup() } }
}

/** Damage to a row that the tail then touches: the comparison finds it changed since, and nothing else is wrong with it. */
export const TAIL_FAULTS = ['tail-row-updated', 'tail-row-deleted', 'tail-row-rekeyed'] as const
export type TailFault = (typeof TAIL_FAULTS)[number]

/** A fault for each odd round: every second one is in a row that the tail touches. */
export function faultsFrom(seed: number): (round: number) => FaultKind | TailFault | undefined {
  const random = randomOf(seed)
  return round => {
    if (round % 2 === 0) return undefined
    const kinds = random(2) === 0 ? TAIL_FAULTS : FAULTS
    return kinds[random(kinds.length)]
  }
}

// The heartbeats of a lab are a tenth of a second apart: this many are missing then.
const WRONG_BY_MS = 1_500

/**
 * One short drill under load: recover to a moment in the past, compare while the writers go on, prove the contents of
 * what changed. With a fault the copy is damaged first, and the right check must turn red.
 */
export async function runRound(
  archive: ArchiveLab,
  backups: Backups,
  fault?: FaultKind | TailFault,
): Promise<Round> {
  const { lab } = archive
  await sleep(fault === 'wrong-time' ? 300 + WRONG_BY_MS : 300)
  const { now } = await marked(lab.primary)
  const target = new Date(Date.parse(now)).toISOString()
  const { other } = backups
  try {
    const known = isKnown(fault) ? fault : undefined
    const restored = await restoreFor(lab, backups, target, known)
    const copy = fault === undefined || isKnown(fault) ? restored : await injureTail(lab, restored, fault)
    const mark = await marked(lab.primary)
    const found = await examineCopy(lab.primary, copy, {
      marked: mark,
      target,
      // What the rows cannot show is looked for in the structure.
      dataOnly: fault === undefined ? false : known === undefined || !IN_THE_STRUCTURE.includes(known),
      between: () => injure(lab.primary, copy, known),
    })
    const { checks, tables } = found
    if (known !== undefined) return { fault: known, red: [], tables, caught: rightCheck(known, checks) }
    const contents = await proveContents(archive, copy, found)
    if (fault === undefined) return { red: [...checks, ...contents].filter(isRed), tables }
    return {
      fault,
      red: [],
      tables,
      caught: contents.find(({ name }) => name === `contents.table.${ACCOUNT}`),
    }
  } finally {
    await lab.stopCopies()
    await other.lab.stopCopies()
  }
}

const isRed = ({ verdict }: Check) => verdict === 'fail' || verdict === 'unknown'

const isKnown = (fault?: FaultKind | TailFault): fault is FaultKind | undefined =>
  !TAIL_FAULTS.some(kind => kind === fault)

const ACCOUNT = 'public.account'

/** Of those that the writers leave alone, each once: what a round does to a row must not be there for the next. */
let victim = 1_000

/** Writes another text over a row's in the copy's page, behind the back of its checksum; then the primary changes the row. */
async function injureTail(lab: Lab, copy: Server, fault: TailFault): Promise<Server> {
  victim += 1
  const text = `account ${String(victim).padStart(6, '0')}`
  await writeOver(lab, copy, ACCOUNT, { [text]: text.replace('account', 'ACCOUNT') })
  const change = {
    'tail-row-updated': `update ${ACCOUNT} set balance = balance + 1 where id = ${victim}`,
    'tail-row-deleted': `delete from ${ACCOUNT} where id = ${victim}`,
    'tail-row-rekeyed': `update ${ACCOUNT} set id = -id where id = ${victim}`,
  }[fault]
  await lab.primary.run(change)
  return lab.startAgain(copy, { ignore_checksum_failure: true })
}

/** The checks of the contents, with the drill's own floor. */
async function proveContents(archive: ArchiveLab, copy: Server, found: Examination): Promise<Check[]> {
  if (!found.where) return []
  const { primary } = archive.lab
  const { lsn: until, systemIdentifier } = await marked(primary)
  await archive.lab.beat()
  await archive.run()
  const tables = found.tables.flatMap(({ oid, strategy, changedSince, changedIn }) =>
    changedSince > 0 ? [{ oid, strategy, changedIn: changedIn ?? [] }] : [],
  )
  const answer = (await examine(
    {
      ...{ task: 'contents', primary: primary.endpoint, copy: copy.endpoint },
      ...{ ...found.where, systemIdentifier, until, tables },
    },
    sidesOf(primary, copy),
    { shelf: archive.destination, code: 'bench' },
  )) as ContentsAnswer
  return [...answer.checks, provenCheck(contentsOf(found.tables, addContents(answer.tables)), 1)]
}

const IN_THE_STRUCTURE: readonly FaultKind[] = [
  'sequence-behind',
  'index-dropped',
  'grant-lost',
  'heap-byte-flipped',
  'index-byte-flipped',
]

async function restoreFor(
  lab: Lab,
  { ours, other }: Backups,
  target: string,
  fault?: FaultKind,
): Promise<Server> {
  if (fault === 'other-database') return other.lab.restore(other.backup)
  const copy = await lab.restore(ours, Date.parse(target) - (fault === 'wrong-time' ? WRONG_BY_MS : 0))
  if (fault !== 'heap-byte-flipped' && fault !== 'index-byte-flipped') return copy
  const [relation, offset] =
    // A heap's page fills from its end: the oldest rows, which the writers leave alone. An index's second is a leaf.
    fault === 'heap-byte-flipped' ? ['public.account', 8192 - 20] : ['public.account_pkey', 2 * 8192 - 24]
  await flipByte(lab, copy, String(relation), { offset: Number(offset) })
  return lab.startAgain(copy)
}

/** The faults that SQL can do; the others were done while restoring. */
async function injure(primary: Server, copy: Server, kind?: FaultKind): Promise<void> {
  const bySql = ['row-deleted', 'row-changed', 'row-added', 'sequence-behind', 'index-dropped', 'grant-lost']
  if (kind === undefined || !bySql.includes(kind)) return
  // Its key forbids a second row, and its ids come from no sequence: those two faults look for a table themselves.
  const table = kind === 'row-added' || kind === 'sequence-behind' ? undefined : 'public.account'
  const both = { primary: primary.endpoint, copy: copy.endpoint }
  const { done, checks } = await task({ task: 'fault', ...both, kind, table }, primary, copy)
  if (!done) throw new Error(`the copy could not be damaged: ${checks[0]?.detail}`)
}
