import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Lab, openLab } from '../../bench/lab.ts'

describe.each([18, 17] as const)('on PostgreSQL %i', version => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab(version)
    await lab.primary.run(`create table public.secret (id int primary key, word text); insert into public.secret values (1, 'x');
      alter table public.secret enable row level security`)
  })
  afterAll(() => lab?.close())

  async function as(user: string, sql: string): Promise<string> {
    const client = await lab.primary.connect(user)
    try {
      await client.query(sql)
      return 'done'
    } catch (error) {
      return (error as { code: string }).code
    } finally {
      await client.end()
    }
  }

  const DENIED = '42501'

  test.each([
    [
      'holdfast_heartbeat',
      `insert into holdfast.heartbeat (instance, code) values ('shop-prod', 'x')`,
      'done',
    ],
    ...[`E'evil\\nPASS'`, `E'evil\\n'`, `''`, `'-shop'`, `'Shop'`, `'shop--prod'`, `repeat('a', 64)`].map(
      (instance): [string, string, string] => [
        'holdfast_heartbeat',
        `insert into holdfast.heartbeat (instance, code) values (${instance}, 'x')`,
        '23514',
      ],
    ),
    ...[`''`, `E'a\\nb'`, `repeat('a', 101)`, `U&'\\202E'`].map((code): [string, string, string] => [
      'holdfast_heartbeat',
      `insert into holdfast.heartbeat (instance, code) values ('shop-prod', ${code})`,
      '23514',
    ]),
    ['holdfast_heartbeat', 'select holdfast.prune(10)', 'done'],
    [
      'holdfast_heartbeat',
      `insert into holdfast.heartbeat (instance, code, at) values ('a', 'b', now())`,
      DENIED,
    ],
    ['holdfast_heartbeat', 'update holdfast.heartbeat set instance = instance', DENIED],
    ['holdfast_heartbeat', 'delete from holdfast.heartbeat', DENIED],
    ['holdfast_heartbeat', 'select from public.secret', DENIED],
    ['holdfast_examine', 'select * from public.secret', 'done'],
    ['holdfast_examine', `insert into holdfast.canary (id, drill) values (gen_random_uuid(), 'd')`, 'done'],
    ['holdfast_examine', 'delete from holdfast.canary', DENIED],
    ['holdfast_examine', 'delete from public.secret', DENIED],
    ['holdfast_examine', 'insert into holdfast.heartbeat (instance, code) values (1, 2)', DENIED],
    ['holdfast_examine', 'create table public.mine ()', DENIED],
    [
      'holdfast_examine',
      `select holdfast.bt_index_parent_check('public.secret_pkey'::regclass, true, true)`,
      'done',
    ],
    ['holdfast_examine', `select * from holdfast.verify_heapam('public.secret'::regclass)`, 'done'],
    ['holdfast_archiver', 'select * from holdfast.heartbeat', 'done'],
    ['holdfast_archiver', 'delete from holdfast.heartbeat', DENIED],
  ])('%s: %s is %s', async (user, sql, outcome) => {
    expect(await as(user, sql)).toBe(outcome)
  })

  // Without the definer's own question, the examiner could damage production through it.
  test('on the primary nothing that changes a copy runs', async () => {
    await lab.beat()
    expect(await as('holdfast_examine', 'select holdfast.quarantine()')).toBe('55000')
    expect(
      await as(
        'holdfast_examine',
        `select holdfast.damage('row-deleted', 'public.secret'::regclass, '(0,1)')`,
      ),
    ).toBe('55000')
    expect(await lab.primary.one('select count(*) from public.secret')).toEqual({ count: '1' })
  })

  test('without a single heartbeat a primary is still not taken for a copy', async () => {
    await lab.primary.run('delete from holdfast.heartbeat')
    expect(await lab.primary.one('select holdfast.is_copy() as copy')).toEqual({ copy: false })
  })

  test('heartbeats older than 48 hours are forgotten in small batches, younger ones kept', async () => {
    await lab.primary.run(`truncate holdfast.heartbeat;
      insert into holdfast.heartbeat (at, instance, code) select now() - interval '49 hours', 'i', 'c' from generate_series(1, 250);
      insert into holdfast.heartbeat (at, instance, code) select now() - interval '47 hours', 'i', 'c' from generate_series(1, 10)`)
    expect(await lab.primary.one('select holdfast.prune(100) as gone')).toEqual({ gone: 100 })
    expect(await lab.primary.one('select holdfast.prune(1000) as gone')).toEqual({ gone: 150 })
    expect(await lab.primary.one('select holdfast.prune(1000) as gone')).toEqual({ gone: 0 })
    expect(await lab.primary.one('select count(*)::int4 as count from holdfast.heartbeat')).toEqual({
      count: 10,
    })
  })

  test("a heartbeat carries the server's own time, place and snapshot", async () => {
    await lab.beat()
    const row = await lab.primary.one<Record<string, unknown>>(
      "select at > now() - interval '10 s' as fresh, lsn <= pg_current_wal_lsn() as written, snapshot, timeline from holdfast.heartbeat order by seq desc limit 1",
    )
    expect(row).toEqual({
      fresh: true,
      written: true,
      snapshot: expect.stringMatching(/^\d+:\d+:/),
      timeline: 1,
    })
  })
})
