import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readMessages } from '../../../lambdas/runtime/segment/store.ts'
import type { Rig } from '../../lambdas/archiver/rig.ts'
import { as, openTenants, rollOver, verdicts } from './tenants.ts'

/** What must never leave the database beside the rows. */
const SECRET = 'hunter2'

/** Each holds the secret in another place, and a change of the schema that is recorded. */
const TEXTS = [
  "create table s1 (id int); alter role tenant_a password 'hunter2'; alter role tenant_a password 'master'",
  "alter role tenant_a password E'hunter2'; create table s2 (id int)",
  'create table s3 (id int); alter role tenant_a password $$hunter2$$; alter role tenant_a password $x$master$x$',
  "alter role tenant_a password U&'hunter2'; create table s4 (id int)",
  "create table s5 (id int); -- alter role tenant_a password 'hunter2'\ncreate table s6 (id int) /* password hunter2 */",
  "do $$ begin execute 'create table s7 (id int)'; execute 'alter role tenant_a password ''hunter2'''; end $$",
  'do $$ begin create table s8 (id int); perform set_config($x$app.password$x$, $x$hunter2$x$, false); end $$',
  "select set_config('app.secret', 'hunter2', false); create table s9 (id int)",
  "create function f1() returns void language plpgsql as $$ begin execute 'alter role tenant_a password ''hunter2'''; end $$",
  "create function f2() returns text language sql as 'select ''host=x user=y password=hunter2''::text'",
  "create function f3() returns void language sql as $body$ select set_config('app.password', $$x$$, false); select 'postgres://app:hunter2@db/shop' $body$",
  "comment on schema tenant_a is 'the password is hunter2'",
  "create table s10 (v text default 'password=hunter2')",
  "alter role tenant_a password 'master'",
  "create view v1 as select 'https://app:hunter2@example.org/'::text as url",
]

/** Only the owner of the database may make these. */
const OWNERS = [
  "create extension if not exists postgres_fdw; create server far foreign data wrapper postgres_fdw options (host 'x')",
  "create user mapping for tenant_a server far options (user 'u', password 'hunter2')",
  'alter user mapping for tenant_a server far options (set "password" E\'hunter2\')',
  "alter user mapping for tenant_a server far options (set user 'hunter2')",
]

let rig: Rig
beforeAll(async () => {
  rig = await openTenants()
  await rig.lab.primary.run(
    'create extension if not exists postgres_fdw; grant usage on foreign data wrapper postgres_fdw to master',
  )
}, 120_000)
afterAll(() => rig?.close())

/** Everything that the archive holds, as bytes. */
async function archived(): Promise<Buffer> {
  const found: Buffer[] = []
  for (const stored of await rig.segments())
    for await (const { bytes } of readMessages(rig.destination, stored)) found.push(Buffer.from(bytes))
  return Buffer.concat(found)
}

test('no password beside, inside or around a change of the schema reaches the archive', async () => {
  const { applied, compared } = await rollOver(rig, async () => {
    await as(
      rig,
      'tenant_a',
      'set search_path = tenant_a',
      ...TEXTS.map(text => `set search_path = tenant_a; ${text}`),
    )
    for (const text of OWNERS) await rig.sql(text)
  })
  const bytes = await archived()
  const at = bytes.indexOf(SECRET)
  expect(at < 0 ? 'nowhere' : bytes.toString('utf8', Math.max(0, at - 300), at + 50)).toBe('nowhere')
  // What cannot be repeated without its secret is told of, and never called done.
  expect(verdicts(applied)).toEqual({
    'roll-forward.applied': 'pass',
    'roll-forward.withheld': 'explained',
    'roll-forward.schema-changes': 'unknown',
  })
  expect(compared.checks.filter(({ verdict }) => verdict === 'fail').map(({ name }) => name)).toEqual([
    'roll-forward.identical',
    'roll-forward.table tenant_a.s10',
  ])
}, 120_000)

test('what only sounds like a password is repeated', async () => {
  const { applied, compared } = await rollOver(rig, () =>
    as(
      rig,
      'tenant_a',
      `set search_path = tenant_a;
      create table account (id int primary key, password text not null default '', token uuid, secret_question text check (secret_question <> ''));
      create function tenant_a.login() returns trigger language plpgsql as $$ begin
        if new.token = old.token then return new; end if;
        update tenant_a.account set password = md5(new.password) where password <> '' and token = new.token;
        return new;
      end $$;
      create trigger logged before update on account for each row execute function login();
      create view unlocked as select id, password is not null as has_password from account;
      insert into account values (1, 'x')`,
    ),
  )
  expect(verdicts(applied)).toEqual({ 'roll-forward.applied': 'pass' })
  expect(compared.checks).toMatchObject([{ verdict: 'pass' }])
}, 120_000)

test('a text too large to read is told of, and never repeated wrongly', async () => {
  const { applied } = await rollOver(rig, () =>
    as(
      rig,
      'tenant_a',
      `create table tenant_a.big (id int primary key); comment on table tenant_a.big is '${'x'.repeat(400_000)}'`,
    ),
  )
  expect(applied.checks).toMatchObject([
    {
      name: 'roll-forward.applied',
      verdict: 'unknown',
      detail: expect.stringMatching(/too large: \d+ bytes/),
    },
  ])
}, 120_000)
