import { parseArgs } from 'node:util'
import type pg from 'pg'
import type { Boundary, Cut } from '../lambdas/examine/request.ts'
import type { TableResult } from '../lambdas/runtime/table-result.ts'
import { openArchiveLab } from './archive-lab.ts'
import { compareAll, task } from './examination.ts'
import { type Lab, openLab, type Server } from './lab.ts'
import {
  faultsFrom,
  openWorkload,
  prepareBackups,
  prepareWorkload,
  type Round,
  runRound,
  TAIL_FAULTS,
} from './rounds.ts'
import { LOAD } from './shop.ts'

/**
 * How fast is the comparison? Against its limit, which is the same two hashes over the same tables on both servers,
 * in one statement each, at the same time; and against comparing md5 row by row. With `--rounds N` also: N short
 * drills under write load, every second one on a copy with a random fault, counting false alarms and missed faults.
 */
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})

const TABLES = ['public.orders', 'public.products', 'public.events']

/** What nothing can beat: each row read and hashed twice, once. */
const LIMIT = TABLES.map(
  table =>
    `select count(*), sum(hash_record_extended(t, 0)), sum(hash_record_extended(t, 1)) from ${table} t`,
).join(' union all ')

async function best(runs: number, work: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < runs; run += 1) {
    const began = performance.now()
    await work()
    least = Math.min(least, performance.now() - began)
  }
  return least / 1000
}

async function onBoth(
  primary: Server,
  copy: Server,
  work: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  await Promise.all(
    [primary, copy].map(async server => {
      const client = await server.connect('holdfast_examine')
      try {
        await client.query('set row_security = off')
        await work(client)
      } finally {
        await client.end()
      }
    }),
  )
}

/** Key order, a page at a time, one md5 a row, looked at one by one. */
async function compareByMd5(primary: Server, copy: Server): Promise<void> {
  const clients = await Promise.all([primary, copy].map(server => server.connect('holdfast_examine')))
  try {
    for (const table of TABLES) {
      let after = 0
      for (;;) {
        const text = `select id, md5(t::text) from ${table} t where id > ${after} order by id limit 50000`
        const [a, b] = await Promise.all(clients.map(client => client.query({ text, rowMode: 'array' })))
        if (!a || !b || a.rows.length !== b.rows.length) throw new Error(`${table} differs in length`)
        for (const [at, row] of a.rows.entries())
          if (row[0] !== b.rows[at]?.[0] || row[1] !== b.rows[at]?.[1])
            throw new Error(`${table} differs at ${row[0]}`)
        if (a.rows.length === 0) break
        after = Number(a.rows.at(-1)?.[0])
      }
    }
  } finally {
    await Promise.all(clients.map(client => client.end()))
  }
}

async function load(lab: Lab, rows: number): Promise<Server> {
  await lab.primary.run(LOAD.replaceAll('$1', String(rows)))
  await lab.primary.run('vacuum analyze')
  const backup = await lab.backup()
  await lab.beat()
  return lab.restore(backup)
}

type Where = { boundary: Boundary; cut: Cut }

async function whereOf(copy: Server): Promise<Where> {
  const { boundary } = await task({ task: 'open', copy: copy.endpoint }, undefined, copy)
  const disasterAt = new Date().toISOString()
  const { cut } = await task({ task: 'cut', copy: copy.endpoint, disasterAt }, undefined, copy)
  if (!cut) throw new Error('the copy has no heartbeat')
  return { boundary, cut }
}

function assertSound(tables: readonly TableResult[], rows: number): void {
  const bad = tables.filter(table => table.lost + table.corrupt + table.foreign > 0)
  const read = tables.reduce((sum, table) => sum + table.rowsCopy, 0)
  if (bad.length > 0 || read < rows)
    throw new Error(`the comparison is wrong: ${JSON.stringify(bad)}, ${read} rows`)
}

async function measureSpeed(lab: Lab, rows: number, runs: number) {
  const copy = await load(lab, rows)
  const where = await whereOf(copy)
  const { primary } = lab
  const limit = await best(runs, () => onBoth(primary, copy, client => client.query(LIMIT)))
  let tables: TableResult[] = []
  const ours = async () => {
    tables = await compareAll(primary, copy, where)
    assertSound(tables, Math.floor(rows * 0.99))
  }
  const equal = await best(runs, ours)
  const md5 = await best(1, () => compareByMd5(primary, copy))
  await primary.run(`update public.orders set status = 'late' where id % 100 = 0`)
  const changed = await best(1, ours)
  const { bytes } = await primary.one<{ bytes: string }>(
    `select sum(pg_table_size(oid)) as bytes from pg_class where relname in ('orders', 'events', 'products')`,
  )
  return {
    rows,
    bytes: Number(bytes),
    limit,
    equal,
    ofLimit: limit / equal,
    changed,
    md5,
    timesMd5: md5 / equal,
  }
}

async function measureRounds(rounds: number, seed: number) {
  const archive = await openArchiveLab()
  const { lab } = archive
  await archive.run()
  await prepareWorkload(lab.primary)
  const backups = await prepareBackups(lab)
  const workload = await openWorkload(lab, 4, seed)
  const faultOf = faultsFrom(seed)
  const falseAlarms: Round[] = []
  const missed: Round[] = []
  const faults: Record<string, number> = {}
  try {
    for (let round = 0; round < rounds; round += 1) {
      const found = await runRound(archive, backups, faultOf(round))
      if (found.fault !== undefined) faults[found.fault] = (faults[found.fault] ?? 0) + 1
      if (found.red.length > 0) falseAlarms.push(found)
      if (found.fault !== undefined && !found.caught) missed.push(found)
      for (const bad of [...found.red, ...(missed.at(-1) === found ? [found.fault] : [])])
        console.error(`\nround ${round}: ${JSON.stringify(bad)}`)
      process.stderr.write(`\rround ${round + 1} of ${rounds}`)
    }
  } finally {
    await workload.stop()
    await backups.other.lab.close()
    await archive.close()
    process.stderr.write('\n')
  }
  const good = Math.ceil(rounds / 2)
  return {
    rounds,
    good,
    falseAlarms: falseAlarms.length,
    damaged: rounds - good,
    missed: missed.length,
    'in the tail': TAIL_FAULTS.reduce((sum, kind) => sum + (faults[kind] ?? 0), 0),
    transactions: workload.commits(),
    ...faults,
  }
}

async function main(): Promise<void> {
  const result: Record<string, unknown> = {}
  const rounds = Number(values.rounds)
  const lab = await openLab(18, { shared_buffers: '256MB' })
  try {
    if (Number(values.rows) > 0)
      result.speed = await measureSpeed(lab, Number(values.rows), Number(values.runs))
    await lab.stopCopies()
    if (rounds > 0) result.underLoad = await measureRounds(rounds, Number(values.seed))
  } finally {
    await lab.close()
  }
  if (values.json) console.log(JSON.stringify(result, null, 2))
  else for (const [title, row] of Object.entries(result)) print(title, row as Record<string, number>)
}

function print(title: string, row: Record<string, number>): void {
  console.log(title)
  for (const [name, value] of Object.entries(row))
    console.log(
      `  ${name.padEnd(14)}${(Number.isInteger(value) ? String(value) : value.toFixed(2)).padStart(14)}`,
    )
}

await main()
