import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Lab, openLab } from '../../../bench/lab.ts'
import { MIGRATIONS } from '../../../sql/migrations.ts'
import { on, TENANTS } from './tenants.ts'

describe.each([18, 17] as const)('on PostgreSQL %i', version => {
  let lab: Lab
  beforeAll(async () => {
    lab = await openLab(version)
    for (const file of ['0103.do.archive-triggers.sql', '0312.do.schema-change-triggers.sql'])
      await lab.primary.run(readFileSync(`${MIGRATIONS}${file}`, 'utf8'))
    await lab.primary.run(TENANTS)
  }, 120_000)
  afterAll(() => lab?.close())

  /** What is kept of the changes that a tenant's session makes. */
  async function recorded(...texts: string[]): Promise<readonly { error: string | null; said: string }[]> {
    const { seq } = await lab.primary.one('select coalesce(max(seq), 0) as seq from holdfast.schema_change')
    await on(lab.primary, 'tenant_a', 'set search_path = tenant_a', ...texts)
    const rows = await lab.primary.cluster.query(
      `select record->>'error' as error, record->>'statements' as said from holdfast.schema_change where seq > $1 order by seq`,
      [seq],
      'shop',
    )
    return rows.map(({ error, said }) => ({ error: error as string | null, said: said as string }))
  }

  test('every function of ours reads its own words alike in every session', async () => {
    const rows = await lab.primary.cluster.query(
      `select p.oid::regprocedure::text as name from pg_proc p
       where p.pronamespace = 'holdfast'::regnamespace and p.probin is null and p.proname <> 'note_actor'
         and (p.prosecdef or exists (select from unnest(p.proconfig) as c where starts_with(c, 'search_path=')))
         and not coalesce(p.proconfig, '{}') && array['standard_conforming_strings=on']`,
      [],
      'shop',
    )
    expect(rows).toEqual([])
    expect(
      await lab.primary.one(
        `select prosrc like '%\\\\%' as backslash from pg_proc where oid = 'holdfast.note_actor'::regproc`,
      ),
    ).toEqual({ backslash: false })
  })

  test('a session whose literals know backslashes hides no change and leaks no password, nor later', async () => {
    const rows = await recorded(
      'create table w0 (id int primary key)',
      'set standard_conforming_strings = off; set escape_string_warning = off',
      'create table w1 (id int primary key)',
      "create table w2 (v text default 'password=hunter2')",
      "create table w3 (v text default 'a\\'b')",
      'set standard_conforming_strings = on',
      'create table w4 (id int primary key)',
    )
    expect(rows).toEqual([
      { error: null, said: expect.stringContaining('create table w0 (id int primary key)') },
      { error: null, said: expect.stringContaining('create table w1 (id int primary key)') },
      { error: null, said: expect.stringContaining('create table w2 (v text default ') },
      { error: 'a backslash in a literal that may end elsewhere', said: null },
      { error: null, said: expect.stringContaining('create table w4 (id int primary key)') },
    ])
    expect(JSON.stringify(rows)).not.toContain('hunter2')
  })

  test('a session whose first change comes with such literals is recorded, too', async () => {
    const rows = await recorded(
      'set standard_conforming_strings = off',
      'create table w5 (id int primary key)',
      'create table w6 (id int primary key)',
    )
    expect(rows).toMatchObject([{ error: null }, { error: null }])
    expect(rows.map(({ said }) => JSON.parse(said)[0]?.text)).toEqual([
      'create table w5 (id int primary key)',
      'create table w6 (id int primary key)',
    ])
  })

  test.each([
    'create table p1 (c jsonb default \'{"password": "hunter2hunter2"}\')',
    'create table p2 (c text default \'{"headers":{"Authorization":"Bearer hunter2hunter2hunter2"}}\')',
    "create table p3 (c xml default '<smtp><password>hunter2</password></smtp>')",
    "create table p4 (id int); create policy p on p4 using (current_setting('app.token', true) = 'hunter2')",
    "create table p5 (c text default 'ghp_hunter2hunter2hunter2hunter2')",
    "create function p6() returns text language sql as $é$ select 'x'; alter role tenant_a password 'hunter2'; select 'y' $é$",
    "create table p7 (\"é\" int, é$b$ int); alter role tenant_a password 'hunter2'; comment on table p7 is '$b$'; alter role tenant_a password 'master'",
  ])('no secret is kept of: %s', async text => {
    const rows = await recorded(text)
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toContain('hunter2')
  })

  test('no parameter of a function keeps its secret', async () => {
    for (const value of [
      "= 'hunter2'",
      "to 'hunter2'",
      '= hunter2',
      "from current set app.token = 'hunter2'",
    ]) {
      const { said } = await lab.primary.one<{ said: string }>('select holdfast.redact($1) as said', [
        `create function f() returns int language sql set "app.password" ${value} set app.secret ${value} as 'select 1'`,
      ])
      expect(said).not.toContain(`app.secret ${value}`)
      if (value.includes("'")) expect(said).not.toContain('hunter2')
    }
    const harmless = `create rule r as on update to t do instead update t set token = md5(new.token), password = 'x' where id = 1`
    expect(await lab.primary.one('select holdfast.redact($1) as said', [harmless])).toEqual({
      said: harmless,
    })
  })

  test.each([
    ['dollars', `comment on schema tenant_a is $a$${'$'.repeat(120_000)}$a$`],
    [
      'tags',
      `comment on schema tenant_a is $a$${Array.from({ length: 15_000 }, (_, i) => `$t${i}$`).join(' ')}$a$`,
    ],
    [
      'long tags',
      `create table tags (id int); select ${Array.from({ length: 50 }, (_, i) => `$${'a'.repeat(190)}${i}$ $ $${'a'.repeat(190)}${i}$`).join(', ')}`,
    ],
  ])('a text of many %s costs its author no minute', async (_, text) => {
    const rows = await recorded("set statement_timeout = '15s'", text)
    expect([null, 'its dollar quotes are too many or too long']).toContain(rows[0]?.error)
  })
})
