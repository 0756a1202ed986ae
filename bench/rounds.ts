import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { FAULTS, type FaultKind } from '../lambdas/examine/request.ts'
import { rightCheck } from '../lambdas/restore-drill/judge.ts'
import type { TableResult } from '../lambdas/runtime/table-result.ts'
import type { Check } from '../lambdas/runtime/verdict.ts'
import type { BaseBackup } from '../twin/postgres/base-backup.ts'
import { examineCopy, marked, task } from './examination.ts'
import { flipByte } from './flip-byte.ts'
import { type Lab, openLab, type Server } from './lab.ts'

const TABLES = `
create table public.account (id int primary key, balance numeric not null default 0, note text);
insert into public.account select g, 100, repeat('x', 50) from generate_series(1, 20000) g;
create table public.entry (id bigint generated always as identity primary key, account int, amount numeric, at timestamptz default now());
create table public.event (kind text, body json);
create index account_balance on public.account (balance);
alter table public.account owner to master;
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

/** Tables that {@link openWorkload} writes to. */
export const prepareWorkload = (primary: Server) => primary.run(TABLES)

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
  readonly fault?: FaultKind
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

/** A fault for each odd round, every kind as likely as any other. */
export function faultsFrom(seed: number): (round: number) => FaultKind | undefined {
  const random = randomOf(seed)
  return round => (round % 2 === 0 ? undefined : FAULTS[random(FAULTS.length)])
}

// The heartbeats of a lab are a tenth of a second apart: this many are missing then.
const WRONG_BY_MS = 1_500

/**
 * One short drill under load: recover to a moment in the past, compare while the writers go on. With a fault the
 * copy is damaged first, and the right check must turn red.
 */
export async function runRound(lab: Lab, backups: Backups, fault?: FaultKind): Promise<Round> {
  await sleep(fault === 'wrong-time' ? 300 + WRONG_BY_MS : 300)
  const { now } = await marked(lab.primary)
  const target = new Date(Date.parse(now)).toISOString()
  const { other } = backups
  try {
    const copy = await restoreFor(lab, backups, target, fault)
    const mark = await marked(lab.primary)
    const found = await examineCopy(lab.primary, copy, {
      marked: mark,
      target,
      // What the rows cannot show is looked for in the structure.
      dataOnly: fault === undefined ? false : !IN_THE_STRUCTURE.includes(fault),
      between: () => injure(lab.primary, copy, fault),
    })
    const { checks, tables } = found
    if (fault !== undefined) return { fault, red: [], tables, caught: rightCheck(fault, checks) }
    return { red: checks.filter(({ verdict }) => verdict === 'fail' || verdict === 'unknown'), tables }
  } finally {
    await lab.stopCopies()
    await other.lab.stopCopies()
  }
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
