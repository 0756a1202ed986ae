import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { readProcesses } from '../twin/postgres/processes.ts'
import { type ArchiveLab, openArchiveLab } from './archive-lab.ts'

/**
 * How fast is the archiver? Against its limit, which is the server decoding the same backlog and throwing the result
 * away; and against pg_recvlogical, where it is installed, writing compressed files. Then one transaction of many
 * rows, and how far the archive lags behind a steady load.
 */
const { values } = parseArgs({
  options: {
    transactions: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '7' },
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

/** Moves the slot back to where its copy stayed, so that the same backlog can be archived again. */
async function rewind(lab: ArchiveLab): Promise<void> {
  await lab.lab.primary.run("select pg_drop_replication_slot('holdfast_archive')")
  await lab.lab.primary.run("select pg_copy_logical_replication_slot('bench_start', 'holdfast_archive')")
}

/** One backlog, round by round decoded alone and archived into an empty bucket: what disturbs one disturbs both. */
async function measureBacklog(lab: ArchiveLab, statement: string): Promise<Row> {
  await lab.run()
  await lab.lab.primary.run("select pg_copy_logical_replication_slot('holdfast_archive', 'bench_start')")
  const before = await position(lab)
  await asMaster(lab, statement)
  const wal = (await position(lab)) - before
  const alone: Spent[] = []
  const archived: Spent[] = []
  const client: number[] = []
  let messages = 0
  let most = 0
  for (let round = 0; round < Number(values.rounds); round++) {
    await rewind(lab)
    alone.push(
      await spent(lab, async () => {
        messages = Number((await lab.lab.primary.one<{ n: number }>(PEEK)).n)
      }),
    )
    if (round < CLIENT_ROUNDS) client.push(...(await streamWithClient(lab)))
    await lab.empty()
    const rest = process.memoryUsage.rss()
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss() - rest)
    }, 10)
    archived.push(await spent(lab, () => lab.run()))
    clearInterval(watch)
  }
  await lab.lab.primary.run("select pg_drop_replication_slot('bench_start')")
  const stored = (await lab.segments()).filter(({ header }) => header.kind === 'changes')
  const bytes = stored.reduce((sum, segment) => sum + segment.objectBytes, 0)
  const shares = archived.map(({ seconds }, round) => (alone[round]?.seconds ?? 0) / seconds)
  return {
    messages,
    rounds: shares.length,
    'messages/s, decoding alone': messages / median(alone.map(({ seconds }) => seconds)),
    'messages/s, archived': messages / median(archived.map(({ seconds }) => seconds)),
    'of decoding alone, median': median(shares),
    'of decoding alone, least': Math.min(...shares),
    'of decoding alone, most': Math.max(...shares),
    'decoding alone, processor s': median(alone.map(({ server }) => server)),
    'archived, server processor s': median(archived.map(({ server }) => server)),
    'archived, archiver processor s': median(archived.map(({ here }) => here)),
    ...(client.length > 0 && { 'messages/s, pg_recvlogical': messages / median(client) }),
    'MB of log': wal / 1e6,
    'bytes in S3 a byte of log': bytes / wal,
    segments: stored.length,
    'MB of memory': most / 1e6,
  }
}

const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN

type Spent = { readonly seconds: number; readonly server: number; readonly here: number }

/** Seconds by the clock, and of the processors: the server's (with the sessions that ended) and this process's. */
async function spent(lab: ArchiveLab, work: () => Promise<unknown>): Promise<Spent> {
  const server = serverSeconds(lab)
  const here = process.cpuUsage()
  const { seconds } = await timed(work)
  const { user, system } = process.cpuUsage(here)
  return { seconds, server: serverSeconds(lab) - server, here: (user + system) / 1e6 }
}

/** Clock ticks of /proc: USER_HZ, which Linux keeps at 100 for every program. */
const TICKS_PER_SECOND = 100

/** Processor seconds of the server since it was started, sessions that ended included. Only Linux tells. */
function serverSeconds(lab: ArchiveLab): number {
  const postmaster = lab.lab.primary.cluster.pid
  const ticks = readProcesses((pid, fields) => {
    const own = Number(fields[11]) + Number(fields[12])
    if (pid === postmaster) return [own + Number(fields[13]) + Number(fields[14])]
    return Number(fields[1]) === postmaster ? [own] : []
  })
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND
}

/** Rounds in which pg_recvlogical reads the backlog too: it is slow, and only a comparison. */
const CLIENT_ROUNDS = 3

/** Seconds that pg_recvlogical and gzip take; none where it is not installed. The slot stays where it is. */
async function streamWithClient(lab: ArchiveLab): Promise<readonly number[]> {
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
    return value === 0 ? [seconds] : []
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
