import { parseArgs } from 'node:util'
import { examine } from '../lambdas/examine/examine.ts'
import type { WitnessAnswer } from '../lambdas/examine/request.ts'
import { openArchiveLab } from './archive-lab.ts'
import { sidesOf } from './lab.ts'
import { LOAD } from './shop.ts'

/**
 * What does the witness cost? Bytes a row, and seconds a million rows against one scan that hashes the same rows and
 * sends nothing; and what production's log grows by, which must be nothing.
 */
const { values } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, json: { type: 'boolean', default: false } },
})

const BARE = ['orders', 'products', 'events']
  .map(table => `select count(hash_record_extended(t, 1)) from public.${table} t`)
  .join(' union all ')

async function main(): Promise<void> {
  const archive = await openArchiveLab()
  const { primary } = archive.lab
  const rows = Number(values.rows)
  try {
    await primary.run(LOAD.replaceAll('$1', String(rows)))
    await primary.run('vacuum analyze')
    const began = performance.now()
    await primary.run(`set max_parallel_workers_per_gather = 0; ${BARE}`)
    const bare = (performance.now() - began) / 1_000
    await primary.run('checkpoint')
    const before = await primary.one<{ lsn: string }>('select pg_current_wal_insert_lsn() as lsn')
    const keep = { shelf: archive.destination, code: 'bench' }
    const cpu = process.cpuUsage()
    const seen = (await examine({ task: 'witness' }, sidesOf(primary, undefined), keep)) as WitnessAnswer
    const { user, system } = process.cpuUsage(cpu)
    const { log } = await primary.one<{ log: string }>(
      `select pg_current_wal_insert_lsn() - '${before.lsn}'::pg_lsn as log`,
    )
    const million = 1_000_000 / seen.rows
    print({
      rows: seen.rows,
      'bytes a row': seen.bytes / seen.rows,
      'seconds a million': seen.seconds * million,
      'of them ours': ((user + system) / 1_000_000) * million,
      'bare scan': bare * million,
      'bytes of log': Number(log),
    })
  } finally {
    await archive.close()
  }
}

function print(row: Record<string, number>): void {
  if (values.json) console.log(JSON.stringify(row, null, 2))
  else
    for (const [name, value] of Object.entries(row))
      console.log(
        `${name.padEnd(18)}${(Number.isInteger(value) ? String(value) : value.toFixed(2)).padStart(14)}`,
      )
}

await main()
