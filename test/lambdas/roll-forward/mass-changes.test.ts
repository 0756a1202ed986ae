import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ApplyAnswer, CompareAnswer, FingerprintAnswer } from '../../../lambdas/roll-forward/request.ts'
import { openRig, type Rig, readBoundary } from '../archiver/rig.ts'
import type { Server } from '../examine/lab.ts'

const MANY = 300_000

const SETUP = `
create table keyed (id bigint primary key, v text);
create table whole (id bigint primary key, v text);
alter table whole replica identity full;
create table keyless (a int, b text, c json);
insert into keyed select g, 'row ' || g from generate_series(1, ${MANY}) g;
insert into whole select * from keyed;
insert into keyless select g / 2, null, '{"n":  1}' from generate_series(1, ${MANY}) g;
create table ranked (id int primary key, rank int not null unique);
insert into ranked select g, g from generate_series(1, 500) g;
create table tiny (id int primary key, rank int not null unique);
insert into tiny values (3, 1);
create table heavy (n int, big text);
alter table heavy alter big set storage external;
insert into heavy select g, repeat(md5(g::text), 300) from generate_series(1, 3) g;
create table swapped (id int primary key, place int unique deferrable initially deferred);
insert into swapped select g, g from generate_series(1, 20) g;
create table room (id int primary key, during int4range, exclude using gist (during with &&));
insert into room select g, int4range(g * 10, g * 10 + 10) from generate_series(1, 300) g;
create table priced (price numeric primary key, v text);
insert into priced values (1.0, 'a'), (2.0, 'b'), (5, 'c');
create table named (name text primary key, v text);
create table queue (id int primary key, state text);
create table hot (id int primary key, n int not null, big text);
alter table hot alter big set storage external;
insert into hot select g, 0, repeat(md5(g::text), 300) from generate_series(1, 3) g;
create table moved (id int primary key, v text);
insert into moved select g, 'was here' from generate_series(1, 400) g;
create table counter (n int);
insert into counter select generate_series(1, 1000);
create table nothing ();
insert into nothing select from generate_series(1, 5);
create domain short as varchar(3);
create domain list as int[];
create type pair as (a int, b text);
create table odd ("Column ""one""" int[], d short, e list, f pair, g box, h pair[], i bytea, j "char", k bit(3), l char(4));
insert into odd select array[g, null], 'ab', '{1,2}', (g, 'x"y')::pair, '(1,1),(0,0)', array[(1, '\\')::pair], '\\x5c22', 'x', '101', 'ab'
  from generate_series(1, 6) g;
create table stamped (id uuid primary key, seq bigint generated always as identity, v text, twice bigint generated always as (length(v) * 2) stored);
insert into stamped (id, v) select md5(g::text)::uuid, 'v' from generate_series(1, 10) g;
create table numbered (id bigint generated always as identity primary key, v text, big text);
alter table numbered alter big set storage external;
insert into numbered (v, big) select 'v', repeat(md5(g::text), 300) from generate_series(1, 10) g;
create table unkeyed (id bigint generated always as identity, v text);
insert into unkeyed (v) select 'v' from generate_series(1, 10);`

/** Each line is a transaction, but for the braces of the first pair, which are longer ones of their own. */
const TAIL = [
  `delete from keyed where id <= ${MANY - 10}`,
  `delete from whole where id <= ${MANY - 10}`,
  // Two rows of each, of which one goes here and half of the others there.
  `delete from keyless where ctid in (select max(ctid) from keyless group by a)`,
  `delete from keyless where a % 2 = 0`,
  "update keyless set b = 'x' where a % 1000 = 1",
  'update keyless set b = null where a % 2000 = 1',
  // In this order only: each takes the place that the one before left.
  'update ranked set rank = 0 where id = 1',
  `do $$ begin for i in 2..500 loop update ranked set rank = i - 1 where id = i; end loop; end $$`,
  // The same where the server would rather go through the table than through the changes.
  'insert into tiny values (2, 2), (1, 3)',
  'update tiny set rank = 0 where id = 3; update tiny set rank = 1 where id = 2; update tiny set rank = 2 where id = 1',
  `do $$ begin for i in reverse 300..1 loop
    update room set during = int4range(i * 10 + 10, i * 10 + 20) where id = i; end loop; end $$`,
  'update swapped set place = 21 - place',
  'update swapped set place = 21 - id where id = 3; update swapped set place = 99 where id = 4; insert into swapped values (40, 17)',
  // Equal keys of different text.
  "delete from priced where price = 1; insert into priced values (1.00, 'again'); delete from priced where price = 1.0; insert into priced values (1.000, 'and again')",
  "update priced set price = 5.0, v = null where price = 5; update priced set price = 6 where price = 2; insert into priced values (2, 'new')",
  "insert into named values ('a', 'x'), ('A', 'y'), ('', 'empty'), ('a\"b\\c', 'q'); delete from named where name = 'A'; update named set v = null where name = ''; insert into named values ('A', null)",
  `do $$ begin for i in 1..2000 loop
    insert into queue values (i, 'new'); update queue set state = 'running' where id = i; delete from queue where id = i - 5;
    if i % 3 = 0 then insert into queue values (i - 5, 'again'); end if;
  end loop; end $$`,
  `do $$ begin for i in 1..1500 loop update hot set n = n + 1 where id = i % 3 + 1; end loop; end $$`,
  "update hot set big = 'short' where id = 1; update hot set n = -1 where id = 1; update hot set big = null where id = 2; delete from hot where id = 3; insert into hot values (3, 7, 'back')",
  // A key that moves: onto one that was just left, and together with a value that becomes null.
  'delete from moved where id = 400; do $$ begin for i in reverse 399..1 loop update moved set id = i + 1 where id = i; end loop; end $$',
  'update moved set id = id + 1000, v = null where id <= 50',
  'update moved set id = 52000 where id = 51; update moved set id = 51 where id = 1049',
  'update heavy set n = n + 10',
  // Each row becomes the next one.
  'update counter set n = n + 1',
  'delete from nothing where ctid in (select ctid from nothing limit 2); insert into nothing select from generate_series(1, 4)',
  `update odd set d = null where ctid = (select min(ctid) from odd); delete from odd where "Column ""one"""[1] = 3; insert into odd select * from odd`,
  "update stamped set v = 'longer' where seq <= 5",
  'update stamped set seq = default where seq = 7; update stamped set seq = default where seq = 8',
  "update numbered set v = 'longer' where id <= 3",
  'update numbered set id = default where id = 5; update numbered set id = default, v = null where id = 6',
  "update unkeyed set id = default where id = 5; update unkeyed set v = 'longer' where id <= 3",
]

let rig: Rig
let copy: Server
let spare: Server
let wanted: FingerprintAnswer
let applied: ApplyAnswer
let seconds: number
let compared: CompareAnswer

const target = () => ({ kind: 'snapshot', snapshot: wanted.snapshot, lsn: wanted.lsn }) as const

beforeAll(async () => {
  rig = await openRig()
  await rig.sql(SETUP)
  await rig.sql('vacuum analyze tiny')
  await rig.run()
  await rig.lab.beat()
  const backup = await rig.lab.backup()
  copy = await rig.lab.restore(backup)
  spare = await rig.lab.restore(backup)
  for (const statement of TAIL) await rig.sql(statement)
  wanted = await rig.fingerprint()
  await rig.lab.beat()
  await rig.run()
  const began = performance.now()
  applied = await rig.apply(copy, target())
  seconds = (performance.now() - began) / 1_000
  compared = await rig.compare(copy, wanted)
}, 400_000)

afterAll(() => rig.close())

test('applies hundreds of thousands of deletes in seconds, by key and by the whole row', () => {
  expect(applied.checks).toEqual([
    { name: 'roll-forward.applied', verdict: 'pass', detail: expect.stringContaining('applied once each') },
  ])
  expect(applied.rows).toBeGreaterThan(2.5 * MANY)
  // A scan a change would take hours.
  expect(seconds).toBeLessThan(90)
})

test('ends where the primary ended, whatever changed places, keys or equal rows on the way', () => {
  expect(compared.checks).toMatchObject([{ name: 'roll-forward.identical', verdict: 'pass' }])
})

describe('never takes a row for another', () => {
  const refused = async (damage: string) => {
    const boundary = await readBoundary(spare)
    await spare.run(`set session_replication_role = replica; ${damage}`)
    const { checks } = await rig.apply(spare, target(), 600, boundary)
    expect(checks).toMatchObject([{ name: 'roll-forward.applied', verdict: 'fail' }])
    return checks[0]?.detail
  }

  test('names the change of a key that the copy has not', async () => {
    expect(
      await refused(
        'create table aside as select * from keyed where id = 4711; delete from keyed where id = 4711',
      ),
    ).toContain('delete of "public"."keyed" found 0 rows by its key (id) where the primary had each once')
    await spare.run('insert into keyed select * from aside')
  })

  test('names the change of a key that the copy has twice', async () => {
    expect(
      await refused(
        'alter table keyed drop constraint keyed_pkey; alter table keyed replica identity full; insert into keyed values (12, $$other$$)',
      ),
    ).toContain('delete of "public"."keyed" found 2 rows by its key (id) where the primary had each once')
    await spare.run(
      "delete from keyed where v = 'other'; alter table keyed add primary key (id), replica identity default",
    )
  })

  test('counts equal rows', async () => {
    // Two were there, and each is deleted by another transaction.
    expect(
      await refused('delete from keyless where ctid = (select ctid from keyless where a = 8 limit 1)'),
    ).toContain(
      'delete or update of "public"."keyless" found 0 rows by all its columns where the primary had each once',
    )
  })
})
