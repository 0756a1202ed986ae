import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Lab, openLab } from '../../../bench/lab.ts'
import { MIGRATIONS } from '../../../sql/migrations.ts'
import { on, TENANTS } from './tenants.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab()
  for (const file of ['0103.do.archive-triggers.sql', '0312.do.schema-change-triggers.sql'])
    await lab.primary.run(readFileSync(`${MIGRATIONS}${file}`, 'utf8'))
  await lab.primary.run(TENANTS)
}, 120_000)
afterAll(() => lab?.close())

const PAD = 'x'.repeat(200)
const many = (prefix: string, count: number, more = '') =>
  Array.from(
    { length: count },
    (_, n) => `create table ${prefix}_${n + 1} (id int primary key, v text default '${PAD}'${more})`,
  )

/** How often a text was cut while `work` ran in a tenant's session, and what was recorded. */
async function cutsOf(...texts: string[]): Promise<{ calls: number; records: Record<string, unknown>[] }> {
  const { seq } = await lab.primary.one('select coalesce(max(seq), 0) as seq from holdfast.schema_change')
  const client = await lab.primary.connect('rdsadmin')
  try {
    await client.query(
      "set track_functions = 'all'; set session authorization tenant_a; set search_path = tenant_a",
    )
    for (const text of texts) await client.query(text)
    await client.query('reset session authorization; select pg_stat_force_next_flush()')
    const { rows } = await client.query(
      `select coalesce(sum(calls), 0)::int as calls from pg_stat_user_functions where schemaname = 'holdfast' and funcname = 'cut_statements'`,
    )
    await client.query('select pg_stat_reset()')
    const records = await lab.primary.cluster.query(
      'select record from holdfast.schema_change where seq > $1 order by seq',
      [seq],
      'shop',
    )
    return { calls: rows[0].calls, records: records.map(({ record }) => record as Record<string, unknown>) }
  } finally {
    await client.end()
  }
}

test('a text of many changes is cut once, and each change is told with its own statement', async () => {
  const texts = many('once', 150)
  const { calls, records } = await cutsOf(texts.join(';\n'))
  expect(calls).toBe(1)
  expect(records.map(({ statements }) => statements)).toEqual(
    texts.map(text =>
      // A name that begins another's names that too.
      expect.arrayContaining([{ text, redacted: false }]),
    ),
  )
}, 120_000)

test('a text of many transactions is cut once as well', async () => {
  const { calls, records } = await cutsOf(
    many('apart', 20)
      .map(text => `begin; ${text}; commit`)
      .join(';\n'),
  )
  expect(records).toHaveLength(20)
  expect(calls).toBe(1)
}, 120_000)

test('a text that cannot be read surely is tried once, and each change says so', async () => {
  const { records } = await cutsOf(`/* a /* b */ c */ ${many('nested', 20).join(';\n')}`)
  // The server counts no call that ended with an error.
  expect(
    await lab.primary.one(
      `select count(*)::int as n from holdfast.cut_text where cut->>'error' = 'a comment inside a comment'`,
    ),
  ).toEqual({ n: 1 })
  expect(records).toHaveLength(20)
  for (const { error } of records) expect(error).toBe('a comment inside a comment')
}, 120_000)

test('nobody but the owner reads or writes what was cut, and no secret waits there', async () => {
  await cutsOf(many('secret', 10, " check (v <> 'password=hunter2')").join(';\n'))
  expect(
    await lab.primary.one(
      `select count(*)::int as n, bool_or(cut::text like '%hunter2%') as leaks from holdfast.cut_text where cut::text like '%secret_1%'`,
    ),
  ).toEqual({ n: 1, leaks: false })
  for (const user of ['tenant_a', 'holdfast_heartbeat', 'holdfast_archiver', 'holdfast_schema'])
    for (const text of [
      'select from holdfast.cut_text',
      "insert into holdfast.cut_text (digest, cut) values ('', '{}')",
      'delete from holdfast.cut_text',
      "select holdfast.cut_once('', false)",
      "select holdfast.sort_statements('', false)",
    ])
      await expect(on(lab.primary, user, text)).rejects.toMatchObject({ code: '42501' })
})

test('serializable transactions meet no other there', async () => {
  const { records } = await cutsOf(
    `begin isolation level serializable; ${many('serial', 10).join(';\n')}; commit`,
  )
  expect(records).toHaveLength(10)
  expect(
    await lab.primary.one(
      `select count(*)::int as n from holdfast.cut_text where cut::text like '%serial_1%'`,
    ),
  ).toEqual({ n: 0 })
}, 120_000)

test('texts that were cut an hour ago are forgotten with the heartbeats', async () => {
  await lab.primary.run("update holdfast.cut_text set at = at - interval '2 hours'")
  await on(lab.primary, 'holdfast_heartbeat', 'select holdfast.prune(1000)')
  expect(await lab.primary.one('select count(*)::int as n from holdfast.cut_text')).toEqual({ n: 0 })
})
