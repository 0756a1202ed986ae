import { parseArgs } from 'node:util'
import pg from 'pg'
import { compareWith } from '../lambdas/roll-forward/compare.ts'
import { fingerprint } from '../lambdas/roll-forward/fingerprint.ts'
import { rollForward } from '../lambdas/roll-forward/roll-forward.ts'
import { placeOf } from '../lambdas/runtime/segment/key.ts'
import { openArchiveLab } from './archive-lab.ts'

/**
 * How fast does a copy catch up? Small transactions of inserts, updates and deletes; then one large change of each kind,
 * of rows that a key names and of rows that only their whole content does.
 */
const { values } = parseArgs({
  options: {
    transactions: { type: 'string', default: '100000' },
    rows: { type: 'string', default: '500000' },
    json: { type: 'boolean', default: false },
  },
})

const TABLE =
  'create table change (id bigint primary key, customer int, note text, at timestamptz default now())'
const LOAD = `create procedure load(n int) language plpgsql as $$
  begin
    for i in 1..n loop
      insert into change (id, customer, note) values (i, i, 'row number ' || i);
      if i % 3 = 0 then update change set customer = customer + 1 where id = i / 3; end if;
      if i % 10 = 0 then delete from change where id = i - 5; end if;
      commit;
    end loop;
  end $$`

async function main(): Promise<void> {
  const archive = await openArchiveLab()
  const { lab } = archive
  const sql = async (user: string, text: string) => {
    const client = await lab.primary.connect(user)
    await client.query(text)
    await client.end()
  }
  const result: Record<string, Record<string, number | string>> = {}
  try {
    await archive.run()
    await sql('master', `${TABLE}; create table loose (id bigint, note text); ${LOAD}`)
    const work = {
      'small transactions': `call load(${Number(values.transactions)})`,
      'one bulk insert': `insert into change (id, note) select 10000000 + g, 'row ' || g from generate_series(1, ${Number(values.rows)}) g`,
      'one bulk update': 'update change set customer = 1 where id > 10000000',
      'one bulk delete': 'delete from change where id > 10000000',
      'one bulk insert without a key': `insert into loose select g / 2, 'row ' || g / 2 from generate_series(1, ${Number(values.rows)}) g`,
      'one bulk delete without a key':
        'delete from loose where ctid in (select max(ctid) from loose group by id)',
    }
    for (const [title, statement] of Object.entries(work)) {
      await lab.beat()
      const copy = await lab.restore(await lab.backup())
      const boundary = await copy.one<{ nextXid: string; timeline: number }>(
        'select pg_snapshot_xmax(pg_current_snapshot())::text as "nextXid", holdfast.timeline() as timeline',
      )
      await sql('master', statement)
      const reader = await lab.primary.connect('holdfast_examine')
      const wanted = await fingerprint(reader)
      await reader.end()
      await lab.beat()
      await archive.run()
      const { host, port } = copy.endpoint
      const writer = new pg.Client({
        host,
        port,
        database: 'shop',
        user: 'holdfast_roll_forward',
        pipeline: true,
      })
      await writer.connect()
      const client = await copy.connect('holdfast_roll_forward')
      const schema = await copy.connect('holdfast_schema')
      const key = (await archive.segments())[0]?.key ?? ''
      const { snapshot, lsn } = wanted
      const began = performance.now()
      const answer = await rollForward({
        ...{ client, writer, schema, archive: archive.destination },
        request: {
          ...{ task: 'apply', copy: copy.endpoint, boundary: { ...boundary, exact: true } },
          systemIdentifier: placeOf(key)?.systemIdentifier ?? '',
          target: { kind: 'snapshot', snapshot, lsn },
        },
      })
      const seconds = (performance.now() - began) / 1_000
      const { checks } = await compareWith(client, wanted)
      result[title] = {
        transactions: answer.transactions,
        'row changes': answer.rows,
        seconds,
        'row changes/s': answer.rows / seconds,
        'transactions/s': answer.transactions / seconds,
        'copy + tail = primary': checks[0]?.verdict ?? 'unknown',
      }
      await client.end()
      await writer.end()
      await schema.end()
      await lab.stopCopies()
    }
  } finally {
    await archive.close()
  }
  if (values.json) return console.log(JSON.stringify(result, null, 2))
  for (const [title, row] of Object.entries(result)) {
    console.log(title)
    for (const [name, value] of Object.entries(row))
      console.log(
        `  ${name.padEnd(24)}${(typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(2) : String(value)).padStart(14)}`,
      )
  }
}

await main()
