import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { type ArchiveLab, openArchiveLab } from './archive-lab.ts'

/**
 * How fast is the archiver? Against its limit, which is the server decoding the same backlog and throwing the result
 * away; and against pg_recvlogical, where it is installed, writing compressed files. Then one transaction of many
 * rows, and how far the archive lags behind a steady load.
 */
const { values } = parseArgs({
  options: {
    transactions: { type: 'string', default: '200000' },
    rows: { type: 'string', default: '1000000' },
    rate: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
})

const TABLE =
  'create table change (id bigint generated always as identity primary key, customer int, note text, at timestamptz default now())'
const LOAD = `create procedure load(n int) language plpgsql as $$
  begin
    for i in 1..n loop
      insert into change (customer, note) values (i, 'row number ' || i);
      if i % 3 = 0 then update change set customer = customer + 1 where id = i / 3; end if;
      commit;
    end loop;
  end $$`

const PEEK = `select count(*)::int as n from pg_logical_slot_peek_binary_changes('holdfast_archive', null, null,
  'proto_version', '1', 'publication_names', 'holdfast_archive,holdfast_archive_inserts', 'messages', 'true')`

type Row = Record<string, number>

async function asMaster(lab: ArchiveLab, ...statements: string[]): Promise<void> {
  const client = await lab.lab.primary.connect('master')
  for (const statement of statements) await client.query(statement)
  await client.end()
}

async function timed<T>(work: () => Promise<T>): Promise<{ seconds: number; value: T }> {
  const began = performance.now()
  const value = await work()
  return { seconds: (performance.now() - began) / 1_000, value }
}

const position = async (lab: ArchiveLab) =>
  Number(
    (
      await lab.lab.primary.one<{ at: string }>(
        "select pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::text as at",
      )
    ).at,
  )

/** A backlog: decoded alone, by pg_recvlogical, and archived. */
async function measureBacklog(lab: ArchiveLab, statement: string): Promise<Row> {
  await lab.run()
  const before = await position(lab)
  const known = (await lab.segments()).length
  await asMaster(lab, statement)
  const wal = (await position(lab)) - before
  const alone = await timed(() => lab.lab.primary.one<{ n: number }>(PEEK))
  const client = await streamWithClient(lab)
  let most = 0
  const rest = process.memoryUsage.rss()
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss() - rest)
  }, 10)
  const archived = await timed(() => lab.run())
  clearInterval(watch)
  const stored = (await lab.segments()).slice(known)
  const bytes = stored.reduce((sum, segment) => sum + segment.objectBytes, 0)
  const messages = Number(alone.value.n)
  return {
    messages,
    'messages/s, decoding alone': messages / alone.seconds,
    'messages/s, archived': messages / archived.seconds,
    'of decoding alone': alone.seconds / archived.seconds,
    ...(client !== undefined && { 'messages/s, pg_recvlogical': messages / client }),
    'MB of log': wal / 1e6,
    'bytes in S3 a byte of log': bytes / wal,
    segments: stored.length,
    'MB of memory, with the S3': most / 1e6,
  }
}

/** Seconds that pg_recvlogical and gzip take; undefined where it is not installed. The slot stays where it is. */
async function streamWithClient(lab: ArchiveLab): Promise<number | undefined> {
  const { socket, port } = lab.lab.primary.cluster
  const { at } = await lab.lab.primary.one<{ at: string }>('select pg_current_wal_flush_lsn()::text as at')
  await lab.lab.primary.run("select pg_copy_logical_replication_slot('holdfast_archive', 'bench')")
  const command = [
    `pg_recvlogical -h ${socket} -p ${port} -U rdsadmin -d shop --slot bench --start --no-loop --endpos ${at}`,
    '-o proto_version=1 -o publication_names=holdfast_archive,holdfast_archive_inserts -f - | gzip -1 > /dev/null',
  ].join(' ')
  try {
    const { seconds, value } = await timed(async () => {
      const child = spawn('bash', ['-c', `set -o pipefail; ${command}`], { stdio: 'ignore' })
      const [code] = await once(child, 'exit')
      return code as number
    })
    return value === 0 ? seconds : undefined
  } finally {
    await lab.lab.primary.run("select pg_drop_replication_slot('bench')")
  }
}

/** Age of a commit when its segment was there, over a steady load. */
async function measureLag(lab: ArchiveLab, rate: number, seconds: number): Promise<Row> {
  await lab.run()
  const known = (await lab.segments()).length
  const end = performance.now() + seconds * 1_000
  const began = performance.now()
  let commits = 0
  const writers = Array.from({ length: 4 }, async () => {
    const client = await lab.lab.primary.connect('master')
    await client.query('set synchronous_commit = off')
    while (performance.now() < end) {
      if (commits / ((performance.now() - began) / 1_000) > rate) {
        await new Promise(resolve => setTimeout(resolve, 1))
        continue
      }
      commits += 20
      // Twenty commits a round trip: the load must not take the machine away from what is measured.
      await client.query('call load(20)')
    }
    await client.end()
  })
  const archived = await lab.run(seconds, 5_000)
  await Promise.all(writers)
  const ages = (await lab.segments())
    .slice(known)
    .map(
      ({ header, modified }) => ((modified?.getTime() ?? 0) - Date.parse(header.firstCommit ?? '')) / 1_000,
    )
  return {
    'commits/s': commits / seconds,
    'transactions archived': archived.transactions,
    segments: ages.length,
    'oldest commit when archived, s': Math.max(...ages),
  }
}

async function main(): Promise<void> {
  const lab = await openArchiveLab()
  const result: Record<string, Row> = {}
  try {
    await lab.run()
    await asMaster(lab, TABLE, LOAD)
    result['many small transactions'] = await measureBacklog(lab, `call load(${Number(values.transactions)})`)
    result['one transaction'] = await measureBacklog(
      lab,
      `insert into change (customer, note) select g, 'row number ' || g from generate_series(1, ${Number(values.rows)}) g`,
    )
    result['a steady load'] = await measureLag(lab, Number(values.rate), Number(values.seconds))
  } finally {
    await lab.close()
  }
  if (values.json) console.log(JSON.stringify(result, null, 2))
  else for (const [title, row] of Object.entries(result)) print(title, row)
}

function print(title: string, row: Row): void {
  console.log(title)
  for (const [name, value] of Object.entries(row))
    console.log(
      `  ${name.padEnd(32)}${(Number.isInteger(value) ? String(value) : value.toFixed(2)).padStart(14)}`,
    )
}

await main()
