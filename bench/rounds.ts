import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { TableResult } from '../lambdas/examine/request.ts'
import type { Check } from '../lambdas/runtime/verdict.ts'
import { examineCopy, marked, task } from './examination.ts'
import type { Lab, Server } from './lab.ts'

const TABLES = `
create table public.account (id int primary key, balance numeric not null default 0, note text);
insert into public.account select g, 100, repeat('x', 50) from generate_series(1, 20000) g;
create table public.entry (id bigint generated always as identity primary key, account int, amount numeric, at timestamptz default now());
create table public.event (kind text, body json);
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

async function transaction(client: pg.Client, random: (below: number) => number): Promise<void> {
  const account = random(20_000) + 1
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
  readonly red: readonly Check[]
  readonly tables: readonly TableResult[]
  readonly missed: boolean
}

/**
 * One short drill under load: recover to a moment in the past, compare while the writers go on. With `damage` a row is
 * deleted in the copy first: then the round must be red, and is `missed` when it is not.
 */
export async function runRound(
  lab: Lab,
  backup: Parameters<Lab['restore']>[0],
  damage: boolean,
): Promise<Round> {
  await sleep(300)
  const { now } = await marked(lab.primary)
  const target = new Date(Date.parse(now)).toISOString()
  const copy = await lab.restore(backup, Date.parse(target))
  try {
    const mark = await marked(lab.primary)
    const found = await examineCopy(lab.primary, copy, {
      marked: mark,
      target,
      dataOnly: true,
      between: damage ? () => deleteOne(lab.primary, copy) : undefined,
    })
    const red = found.checks.filter(check => check.verdict === 'fail' || check.verdict === 'unknown')
    const caught = red.some(check => check.name === 'compare.table.public.account')
    return { red: damage ? [] : red, tables: found.tables, missed: damage && !caught }
  } finally {
    await lab.stopCopies()
  }
}

async function deleteOne(primary: Server, copy: Server): Promise<void> {
  const both = { primary: primary.endpoint, copy: copy.endpoint }
  const { done } = await task(
    { task: 'fault', ...both, kind: 'row-deleted', table: 'public.account' },
    primary,
    copy,
  )
  if (!done) throw new Error('the copy could not be damaged')
}
