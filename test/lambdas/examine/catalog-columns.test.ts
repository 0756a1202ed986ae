import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Examination, examineCopy, marked, planted, task } from '../../../bench/examination.ts'
import { revive } from '../../../bench/flip-byte.ts'
import { type Lab, openLab, type Server } from '../../../bench/lab.ts'
import type { Boundary, MarkAnswer } from '../../../lambdas/examine/request.ts'
import { FLAGS, judgeFlags } from '../../../lambdas/examine/schema/flags.ts'
import { compareSchemas } from '../../../lambdas/examine/schema.ts'
import type { BaseBackup } from '../../../twin/postgres/base-backup.ts'
import type { Settings } from '../../../twin/postgres/settings.ts'

const BEFORE = `
create role app login password 'secret-1' valid until '2099-01-01';
create role other;
create table public.parent (id int primary key);
create table public.child (id int primary key, parent int references public.parent);
insert into public.parent values (1);
create rule nothing as on delete to public.child do instead nothing;
create type public.secret_pair as (a int, b text);
create domain public.code as text;
revoke usage on type public.secret_pair, public.code from public;
grant usage on type public.secret_pair to app;
create collation public.de (provider = icu, locale = 'de');
create extension postgres_fdw;
create server elsewhere foreign data wrapper postgres_fdw options (host '127.0.0.1');
create user mapping for app server elsewhere options (user 'x', password 'y');
create function public.at_login() returns event_trigger language plpgsql as 'begin end';
create event trigger at_login on login execute function public.at_login();
select lo_from_bytea(4711, 'x');
alter default privileges grant usage on types to app;
grant usage on language plpgsql to app;
grant usage on foreign data wrapper postgres_fdw to app;
grant set on parameter work_mem to app;
grant usage on schema holdfast to app;
grant select on holdfast.heartbeat to app`

describe.each([18, 17] as const)('a copy whose catalogs were changed, on PostgreSQL %i', version => {
  let lab: Lab
  let backup: BaseBackup
  let mark: MarkAnswer
  let target: string
  let intact: Server
  let boundary: Boundary

  beforeAll(async () => {
    lab = await openLab(version, { autovacuum: 'off' })
    await lab.primary.run(BEFORE)
    await lab.beat()
    backup = await lab.backup()
    await lab.beat()
    target = (await planted(lab.primary, 'columns')).target
    await lab.beat()
    mark = await marked(lab.primary)
    intact = await restore()
    boundary = (await task({ task: 'open', copy: intact.endpoint }, undefined, intact)).boundary
  }, 180_000)
  afterAll(() => lab?.close())

  const restore = (settings: Settings = {}) => lab.restore(backup, Date.parse(target), settings)
  const look = (copy: Server): Promise<Examination> =>
    examineCopy(lab.primary, copy, { marked: mark, target })
  const detailOf = (found: Examination, name: string) =>
    found.checks.find(check => check.name === name)?.detail ?? ''

  async function harm(copy: Server, sql: string): Promise<void> {
    const client = await copy.connect()
    try {
      await client.query('set allow_system_table_mods = on')
      await client.query(sql)
    } finally {
      await client.end()
    }
  }

  const flag = (name: string, table: string) =>
    `update pg_class set ${name} = false where oid = 'public.${table}'::regclass`

  /** What the schemas' comparison and the flags say while the damage is done and not yet undone. */
  async function saidOf(damage: string): Promise<string> {
    const [primary, mine] = [await lab.primary.connect('holdfast_examine'), await intact.connect()]
    try {
      await mine.query('set allow_system_table_mods = on; begin')
      await mine.query(damage)
      const flags = judgeFlags((await mine.query(FLAGS)).rows, new Set())
      const { checks } = await compareSchemas(primary, mine, boundary)
      return [...checks, flags]
        .filter(check => check.verdict === 'fail')
        .map(check => check.detail)
        .join('; ')
    } finally {
      await primary.end()
      await mine.end()
    }
  }

  test('an undisturbed one is green', async () => {
    expect(await saidOf('select 1')).toBe('')
  })

  // Naive: leaving a column out because it once differed for a good reason.
  test.each([
    ['an index that is marked as not being there', flag('relhasindex', 'parent'), /relhasindex/],
    ['a trigger', flag('relhastriggers', 'child'), /relhastriggers/],
    ['a rule', flag('relhasrules', 'child'), /relhasrules/],
    ['a login trigger', 'update pg_database set dathasloginevt = false', /shop: dathasloginevt/],
    ['a lost password', 'alter role app password null', /role app/],
    ['another password', `alter role app password 'secret-2'`, /role app/],
    ['a role that has expired', `alter role app valid until '2001-01-01'`, /role app/],
    ['a right on a composite type', 'grant usage on type public.secret_pair to public', /secret_pair/],
    ['the owner of a type', 'alter type public.secret_pair owner to app', /secret_pair/],
    ['a right on a domain', 'grant usage on type public.code to app', /code/],
    ['a right on a language', 'revoke usage on language plpgsql from app', /plpgsql/],
    ['a right on a wrapper', 'revoke usage on foreign data wrapper postgres_fdw from app', /postgres_fdw/],
    ['the owner of a server', 'alter server elsewhere owner to app', /elsewhere/],
    ['a user mapping', `alter user mapping for app server elsewhere options (set user 'z')`, /app/],
    ['a default right', 'alter default privileges revoke usage on types from app', /pg_default_acl/],
    ['a right on a setting', 'revoke set on parameter work_mem from app', /pg_parameter_acl/],
    ['a right on the database', 'revoke connect on database shop from public', /database shop/],
    [
      'a collation version that is forgotten',
      `update pg_collation set collversion = null where collname = 'de'`,
      /pg_collation/,
    ],
    [
      'the version of the database’s collation',
      `update pg_database set datcollversion = 'x' where datname = 'shop'`,
      /database shop/,
    ],
  ])('%s is found', async (_what, damage, says) => {
    expect(await saidOf(damage)).toMatch(says)
  })

  // Naive: asking what a setting is: our own session pins the ones that matter.
  test('other settings for every session are found', async () => {
    const settings = {
      timezone: 'Asia/Tokyo',
      datestyle: 'SQL, DMY',
      search_path: 'public',
      row_security: 'off',
    }
    const copy = await restore({ ...settings, default_transaction_isolation: 'serializable' })
    const found = await look(copy)
    expect(found.red).toEqual(['structure.settings'])
    for (const name of [
      'TimeZone',
      'DateStyle',
      'search_path',
      'row_security',
      'default_transaction_isolation',
    ])
      expect(detailOf(found, 'structure.settings')).toContain(`${name} is `)
  })

  test('what the primary has changed since is no fault, and neither is what VACUUM takes back', async () => {
    await lab.primary.run(`
      alter role app password 'secret-3' valid until '2098-01-01';
      grant usage on type public.secret_pair to other;
      alter type public.code owner to other;
      alter database shop set timezone = 'Asia/Tokyo';
      alter role holdfast_examine set datestyle = 'SQL';
      drop rule nothing on public.child;
      alter table public.child drop constraint child_parent_fkey;
      alter collation public.de refresh version`)
    await lab.primary.run('vacuum public.child')
    await lab.primary.run('vacuum public.parent')
    const found = await look(intact)
    expect(found.red).toEqual([])
    // Nothing dates what only the copy has: it may as well have gone before the cut and live again.
    expect(detailOf(found, 'structure.schema.unproven')).toMatch(
      /^\d+ catalog rows that only the copy has: .*(child_parent_fkey|rule nothing)/,
    )
    expect(detailOf(found, 'structure.schema.since')).not.toContain('only in the copy')
  })

  test('a membership that was revoked before the cut and is alive again is found', async () => {
    await lab.primary.run('grant other to app')
    const later = await lab.backup()
    await lab.primary.run('revoke other from app')
    await lab.beat()
    const copy = await lab.restore(later)
    await revive(lab, copy, 'pg_auth_members')
    const found = await look(await lab.startAgain(copy, { ignore_checksum_failure: true }))
    expect(found.red).toContain('structure.schema')
    expect(detailOf(found, 'structure.schema')).toMatch(/pg_auth_members: .*only in the copy/)
  })

  test('a collation that is of another version on the primary as well is said with the step that mends it', async () => {
    await harm(lab.primary, `update pg_collation set collversion = '1.0' where collname = 'de'`)
    const later = await lab.backup()
    await lab.beat()
    const copy = await lab.restore(later)
    const found = await examineCopy(lab.primary, copy, { marked: await marked(lab.primary) })
    expect(found.red).toEqual([])
    expect(detailOf(found, 'structure.collations')).toMatch(
      /as on the primary: de 1\.0 now .*HINT: .*reindex.*REFRESH VERSION/,
    )
    await harm(copy, `update pg_collation set collversion = '2.0' where collname = 'de'`)
    expect((await look(copy)).red).toContain('structure.collations')
  })

  test('where the roles may not be read, what everybody sees of them is compared, and the rest is named', async () => {
    const [primary, mine] = [await lab.primary.connect(), await intact.connect()]
    try {
      await primary.query('set role app')
      await mine.query('begin; alter role app nologin; set role app')
      const { checks } = await compareSchemas(primary, mine, undefined)
      const named = (name: string) => checks.find(check => check.name === name)
      expect(named('structure.schema.pg_authid')).toMatchObject({
        verdict: 'skipped',
        detail: expect.stringMatching(/passwords above all/),
      })
      expect(named('structure.schema.undated')).toMatchObject({
        verdict: 'unknown',
        detail: expect.stringMatching(/role app/),
      })
    } finally {
      await primary.end()
      await mine.end()
    }
  })
})
